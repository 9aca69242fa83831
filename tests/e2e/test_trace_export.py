"""What `rondo trace export` writes, of a job of each app: against the trace's own rows, read by sqlite3."""

import base64
import csv
import hashlib
import html.parser
import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import unittest
from collections import Counter
from decimal import Decimal

import support
from support import call
from traced import numbers, reals

NAME = 'a </script><b onclick="x()">&amp;'
TABLES = {"rounds": "round", "reports": "round, place", "blocks": "round, block", "tasks": "round, place",
          "conflicts": "round, place", "draws": "round", "moves": "round", "parts": "kind, tag, part",
          "cells": "block, shard", "meta": "key"}
MADE = {
    "lasso": (["--design", "ar", "--rows", 60, "--cols", 300],
              {"schedule": {"blocks": 3, "block_size": 16, "pipeline": 2, "dependency": {"coupled": "group"}}}),
    "lda": (["--design", "bars", "--documents", 120], {"stop": {"iterations": 6}, "schedule": {"blocks": 2}}),
    "mf": (["--users", 90, "--items", 60, "--ratings", 2000], {"stop": {"epochs": 6}}),
}


class Jobs(support.Case):
    """A finished job of an app at a level, and its trace."""

    def solved(self, app, level="all"):
        words, more = MADE[app]
        self.assertEqual(call("data", "generate", app, "--out", self.path("data"), "--seed", 1, *words).returncode, 0)
        spec = support.read_json(self.path("data", "job.json"))
        support.merge(spec, {"name": NAME, "trace": level, **more})
        self.write("data/it.json", json.dumps(spec))
        done = call("run", self.path("data", "it.json"), "--out", self.path("out"), "--workers", 2, "--quiet")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.trace = sqlite3.connect(self.path("out", "trace.db"))
        self.addCleanup(self.trace.close)

    def export(self, *words):
        done = subprocess.run([support.RONDO, "trace", "export", *words, self.path("out")], capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr, b"")
        return done.stdout.decode("utf-8")

    def ask(self, sql):
        return self.trace.execute(sql).fetchall()


class Interrupted(Jobs):
    def test_half_a_file_goes(self):
        self.solved("mf")
        half = self.path("table.csv.tmp.%d")
        for _ in range(200):
            run = subprocess.Popen([support.RONDO, "trace", "export", "--format", "csv", "--table", "tasks", "--out",
                                    self.path("table.csv"), self.path("out")], stderr=subprocess.PIPE, text=True)
            while not os.path.exists(half % run.pid) and run.poll() is None:
                pass
            run.send_signal(signal.SIGINT)
            _, said = run.communicate(timeout=600)
            self.assertFalse(os.path.exists(half % run.pid))
            if not os.path.exists(self.path("table.csv")):
                self.assertEqual((run.returncode, said), (130, "rondo: interrupted\n"))
                return
            os.remove(self.path("table.csv"))
        self.skipTest("it was whole before it could be interrupted, each time")


class Perfetto(Jobs):
    def events(self):
        text = self.export("--format", "perfetto")
        whole = json.loads(text, parse_float=Decimal)
        self.assertEqual(whole["displayTimeUnit"], "ms")
        for event in whole["traceEvents"]:
            self.assertIn(event["ph"], "MBECsf")
            self.assertIsInstance(event["pid"], int)
            self.assertIsInstance(event["tid"], int)
            if event["ph"] != "E":
                self.assertTrue(event["name"])
            if event["ph"] != "M":
                self.assertGreaterEqual(event["ts"], 0)
        return whole["traceEvents"]

    def bars(self, events):
        """(name of the track, begin event, microseconds), having seen that each track is well formed."""
        names = {e["tid"]: e["args"]["name"] for e in events if e.get("name") == "thread_name"}
        open_bars, last, found = {}, {}, []
        for e in events:
            if e["ph"] not in "BE":
                continue
            tid = e["tid"]
            self.assertIn(tid, names)
            self.assertGreaterEqual(e["ts"], last.get(tid, 0), "times of a track ascend")
            last[tid] = e["ts"]
            stack = open_bars.setdefault(tid, [])
            if e["ph"] == "B":
                self.assertTrue(not stack or (stack[-1]["name"], e["name"]) == ("plan", "couplings"))
                stack.append(e)
            else:
                begun = stack.pop()
                found.append((names[tid], begun, e["ts"] - begun["ts"]))
        self.assertFalse(any(open_bars.values()), "every B has its E")
        return found

    def arrows(self, events):
        """(begin event of the bar that it leaves, of that which it reaches), by what holds an arrow's end: the innermost
        bar that is open on its track.  Each id is one arrow, which is not back in time."""
        open_bars, begun, found = {}, {}, []
        for e in events:
            stack = open_bars.setdefault(e["tid"], [])
            if e["ph"] == "B":
                stack.append(e)
            elif e["ph"] == "E":
                stack.pop()
            elif e["ph"] == "s":
                self.assertNotIn(e["id"], begun, "an id is of one arrow")
                begun[e["id"]] = e, stack[-1]
            elif e["ph"] == "f":
                start, source = begun[e["id"]]
                self.assertEqual((start["name"], start["cat"], e["bp"]), (e["name"], e["cat"], "e"))
                self.assertLessEqual(start["ts"], e["ts"])
                for end, bar in ((start, source), (e, stack[-1])):
                    self.assertEqual(end["ts"], bar["ts"], "no other bar can hold it")
                found.append((source, stack[-1]))
        self.assertEqual(len(found), len(begun), "every arrow ends")
        return found

    def well_formed(self, app):
        self.solved(app)
        events = self.events()
        bars = self.bars(events)
        arrows = self.arrows(events)
        self.assertEqual({(plan["name"], plan["args"]["round"] - push["args"]["round"]) for plan, push in arrows},
                         {("plan", 0)})
        self.assertEqual(Counter((push["name"], push["args"]["round"], push["args"]["block"]) for _, push in arrows),
                         Counter((("push", "", "fused")[work], r, b) for work, r, b in self.ask(
                             "SELECT work, round, block FROM tasks WHERE phase = 0 AND work IN (0, 2)")))
        rounds = self.ask("SELECT count(*) FROM rounds")[0][0]
        names = Counter(begun["name"] for track, begun, _ in bars if track == "planner")
        self.assertEqual((names["plan"], names["commit"]), (rounds, rounds))
        tasks = [(track, begun, took) for track, begun, took in bars if begun.get("cat") == "task"]
        works = ["push", "pull", "fused", "couple"]
        self.assertEqual(
            Counter((t, b["name"], b["args"]["round"], b["args"]["block"], b["args"]["shard"], b["args"]["phase"],
                     b["args"]["run_ns"]) for t, b, _ in tasks),
            Counter(("worker %d" % w, works[work], r, b, s, p, run) for w, work, r, b, s, p, run in
                    self.ask("SELECT worker, work, round, block, shard, phase, run_ns FROM tasks")))
        self.assertEqual(sum(took for _, _, took in tasks) * 1000, self.run_total())
        told = [(e["args"]["objective"], e["ts"]) for e in events if e["ph"] == "C" and e["name"] == "objective"]
        wanted = self.ask("SELECT objective, end_ns FROM rounds WHERE objective IS NOT NULL ORDER BY round")
        self.assertEqual(len(told), len(wanted))
        for (value, at), (objective, end_ns) in zip(told, wanted):
            self.assertAlmostEqual(float(value), objective, delta=1e-8 * abs(objective))
            self.assertEqual(at * 1000, end_ns)

    def run_total(self):
        """Nanoseconds in which workers ran: a task from when it began to compute, but not before the one before it
        was done, until it was done."""
        total, last = 0, {}
        for worker, sent, done, run in self.ask("SELECT worker, sent_ns, done_ns, run_ns FROM tasks "
                                                "ORDER BY done_ns, round, place"):
            begin = max(last.get(worker, 0), done - run if run else sent)
            last[worker] = max(done, begin)
            total += last[worker] - begin
        return total

    def test_lasso_in_a_pipeline(self):
        self.well_formed("lasso")
        self.assertGreater(self.ask("SELECT count(*) FROM rounds a JOIN rounds b ON b.round = a.round + 1 "
                                    "WHERE b.begin_ns < a.end_ns")[0][0], 0, "rounds overlap: else this shows little")

    def test_lda(self):
        self.well_formed("lda")

    def test_mf(self):
        self.well_formed("mf")

    def test_rounds_alone_have_a_track_of_pushes(self):
        self.solved("mf", "rounds")
        events = self.events()
        self.assertEqual(self.arrows(events), [])
        bars = self.bars(events)
        self.assertEqual(Counter(begun["name"] for _, begun, _ in bars)["push"],
                         self.ask("SELECT count(*) FROM rounds")[0][0])
        self.assertFalse([track for track, _, _ in bars if track.startswith("worker")])


    def rounds_of(self, *words):
        events = json.loads(self.export("--format", "perfetto", *words))["traceEvents"]
        return sorted({e["args"]["round"] for e in events if e.get("args", {}).get("round")})

    def test_some_rounds_alone(self):
        self.solved("mf")
        rounds = [r for r, in self.ask("SELECT round FROM rounds ORDER BY round")]
        self.assertEqual(self.rounds_of(), rounds)
        self.assertEqual(self.rounds_of("--first", "2"), rounds[:2])
        self.assertEqual(self.rounds_of("--last=3"), rounds[-3:])
        rows = self.export("--format", "csv", "--table", "tasks", "--last", "1").splitlines()
        self.assertEqual({row.split(",")[0] for row in rows[1:]}, {str(rounds[-1])})


class Csv(Jobs):
    def value(self, column, value, count):
        if value is None:
            return ""
        if isinstance(value, bytes):
            return list((reals if column in ("weights", "deltas") else numbers)(value, count))
        return [value] * count if column in ("weights", "deltas") else value

    def read(self, told, like):
        if isinstance(like, list):
            return [type(like[0])(v) if like else v for v in told.split()]
        return type(like)(told) if like != "" else told

    def tables_are_the_traces(self, app):
        self.solved(app)
        for table, order in TABLES.items():
            text = self.export("--format", "csv", "--table", table)
            self.assertEqual(text.count("\r\n"), text.count("\n"), table)
            rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
            cursor = self.trace.execute("SELECT * FROM %s ORDER BY %s" % (table, order))
            columns = [c[0] for c in cursor.description]
            self.assertEqual(rows[0], columns)
            wanted = cursor.fetchall()
            self.assertEqual(len(rows) - 1, len(wanted), table)
            for row, want in zip(rows[1:], wanted):
                count = want[columns.index("count")] if "count" in columns else 0
                for column, told, value in zip(columns, row, want):
                    like = self.value(column, value, count)
                    self.assertEqual(self.read(told, like), like, (table, column))
        self.assertEqual(self.export("--format", "csv"), self.export("--format", "csv", "--table", "rounds"))

    def test_of_lasso(self):
        self.tables_are_the_traces("lasso")
        for table in ("rounds", "reports", "blocks", "tasks", "conflicts", "draws", "moves"):
            self.assertGreater(self.ask("SELECT count(*) FROM " + table)[0][0], 0, table + " shows something")

    def test_of_lda(self):
        self.tables_are_the_traces("lda")
        self.assertGreater(self.ask("SELECT count(*) FROM cells")[0][0], 0)


class Markup(html.parser.HTMLParser):
    """Elements with their attributes, and the text of each script and style."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.raw = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self.raw.append([tag, dict(attrs), ""])

    def handle_data(self, data):
        if self.raw and self.cdata_elem:
            self.raw[-1][2] += data


class Html(Jobs):
    def page(self, app, level="all"):
        self.solved(app, level)
        text = self.export("--format", "html")
        markup = Markup(text)
        self.assertLess(len(text), 500000)
        data = {attrs["id"]: json.loads(raw) for _, attrs, raw in markup.raw if "id" in attrs}
        return markup, data["digest"], data["meta"]

    def test_nothing_in_it_comes_from_elsewhere_or_from_a_name(self):
        markup, _, meta = self.page("lasso")
        self.assertEqual(json.loads(meta["spec"])["name"], NAME)
        for tag, attrs in markup.elements:
            self.assertNotIn(tag, ("b", "link", "img", "iframe", "base"))
            self.assertFalse({"src", "href", "style"} & set(attrs), (tag, attrs))
            self.assertFalse([a for a in attrs if a.startswith("on")])
        policy = next(a["content"] for t, a in markup.elements if a.get("http-equiv") == "Content-Security-Policy")
        self.assertIn("default-src 'none'", policy)
        named = policy.count("'sha256-")
        hashed = [raw for _, attrs, raw in markup.raw if "type" not in attrs]
        self.assertEqual(named, len(hashed))
        for raw in hashed:
            digest = base64.b64encode(hashlib.sha256(raw.encode()).digest()).decode()
            self.assertIn("'sha256-%s'" % digest, policy)

    def test_the_digest_is_of_the_trace(self):
        _, digest, _ = self.page("lasso")
        rounds, updates, end_ns = self.ask("SELECT count(*), sum(updates), max(end_ns) FROM rounds")[0]
        self.assertEqual((digest["app"], digest["level"], digest["variables"]), ("lasso", "all", 300))
        self.assertEqual((digest["rounds"], digest["updates"], digest["dropped"]), (rounds, updates, 0))
        self.assertEqual(digest["updates"], self.result("out")["updates"])
        self.assertAlmostEqual(digest["seconds"], end_ns / 1e9)
        counts = Counter()
        for blob, count in self.ask("SELECT variables, count FROM blocks WHERE count > 0"):
            counts.update(numbers(blob, count))
        heat = digest["concentration"]
        self.assertEqual((heat["moved"], heat["updates"]), (len(counts), sum(counts.values())))
        hottest = sum(c for _, c in counts.most_common(3))
        self.assertAlmostEqual(heat["top"], hottest / heat["updates"])
        conflicts = dict(self.ask("SELECT joined, count(*) FROM conflicts GROUP BY joined"))
        self.assertEqual(sum(digest["couplings"]["refused"]), conflicts.get(0, 0))
        self.assertEqual(sum(digest["couplings"]["joined"]), conflicts.get(1, 0))
        self.assertEqual(sum(w["tasks"] for w in digest["workers"]), self.ask("SELECT count(*) FROM tasks")[0][0])
        lines = self.ask("SELECT count(DISTINCT round) FROM reports")[0][0]
        self.assertEqual(len(digest["convergence"]["rows"]), min(lines, 512))

    @unittest.skipIf(support.SANITIZED, "the page is the same")
    def test_a_browser_draws_it_under_its_policy(self):
        chromium = shutil.which("chromium")
        if not chromium:
            self.skipTest("there is no chromium")
        for app, empty in (("lasso", 0), ("mf", 3)): # nothing is sampled there: no filling, priority, couplings
            self.page(app)
            path = self.write("page.html", self.export("--format", "html"))
            done = subprocess.run([chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                                   "--enable-logging=stderr",
                                   "--user-data-dir=" + self.path("browser"), "--virtual-time-budget=2000",
                                   "--dump-dom", "file://" + path], capture_output=True, text=True, timeout=600)
            self.assertNotIn("CONSOLE", done.stderr)
            self.assertEqual(done.stdout.count('class="plot plot-none"'), empty)
            self.assertGreater(done.stdout.count("<canvas"), 4)
            self.assertIn("&lt;/script&gt;&lt;b onclick", done.stdout)
            self.assertNotIn("<b onclick", done.stdout)
            shutil.rmtree(self.path("data")), shutil.rmtree(self.path("out"))


class Refusals(Jobs):
    def refused(self, status, says, *words):
        done = call("trace", "export", *words)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr.count("\n"), 1)
        self.assertIn(says, done.stderr)

    def test_what_cannot_be_exported_is_one_line(self):
        self.solved("mf", "rounds")
        out, none = self.path("out"), self.path("none")
        self.refused(2, "--format", out)
        self.refused(2, "none of perfetto, csv, html", "--format", "pdf", out)
        self.refused(2, "name a trace", "--format", "csv")
        self.refused(2, "--table", "--format", "html", "--table", "rounds", out)
        self.refused(2, "html sums up", "--format", "html", "--last", "2", out)
        self.refused(2, "give one of", "--format", "csv", "--last", "2", "--all", out)
        self.refused(2, "1 or more", "--format", "csv", "--first", "0", out)
        self.refused(2, "none of rounds", "--format", "csv", "--table", "sqlite_master", out)
        self.refused(2, "--trace blocks", "--format", "csv", "--table", "tasks", out)
        self.refused(2, "none", "--format", "html", none)
        for form in ("perfetto", "csv", "html"):
            self.refused(2, "not an SQLite file", "--format", form, "--out", none, self.write("text", b"x" * 5000))
            self.assertFalse(os.path.exists(none))
            with open(self.path("out", "trace.db"), "rb") as stream:
                whole = stream.read()
            self.refused(2, "damaged", "--format", form, "--out", none, self.write("cut.db", whole[:len(whole) // 2]))
            self.assertFalse(os.path.exists(none))
            with open("/dev/full", "wb") as full:
                done = subprocess.run([support.RONDO, "trace", "export", "--format", form, out], stdout=full,
                                      stderr=subprocess.PIPE)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertRegex(done.stderr, b"^rondo: standard output: cannot write")
            written = call("trace", "export", "--format", form, "--out", none, out)
            self.assertEqual((written.returncode, written.stdout), (0, ""), written.stderr)
            with open(none, encoding="utf-8", newline="") as stream:
                self.assertEqual(stream.read(), self.export("--format", form))
            os.unlink(none)


if __name__ == "__main__":
    unittest.main()
