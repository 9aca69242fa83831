"""rondo trace: every view of every app at every level keeps to its schema, and its numbers are those that a
computation of our own finds in the database."""

import collections
import json
import math
import os
import shutil
import signal
import sqlite3
import subprocess
import time
import unittest

import jsonschema
import numpy as np
import scipy.sparse as sp

import lda_jobs
import support
import traced
from support import call
from traced import numbers

SCHEMA = support.read_json(os.path.join(os.environ["RONDO_SOURCE"], "docs", "formats", "trace.schema.json"))
VIEWS = ("summary", "rounds", "blocks", "priority", "conflicts", "workers")
NEEDS = {"blocks": "blocks", "workers": "blocks", "conflicts": "all"}
LEVELS = ("rounds", "blocks", "all")


def validator(view):
    return jsonschema.Draft202012Validator({"$ref": "#/$defs/" + view, "$defs": SCHEMA["$defs"]})


class Tools(lda_jobs.Case):
    def told(self, view, out, *words):
        """What the view says, after its schema is kept."""
        done = call("trace", view, self.path(out), "--json", *words)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        said = json.loads(done.stdout, parse_constant=self.fail)
        for error in validator(view).iter_errors(said):
            self.fail("%s: %s: %s" % (view, list(error.path), error.message))
        return said

    def rows(self, out, sql):
        trace = sqlite3.connect(self.path(out, "trace.db"))
        try:
            return trace.execute(sql).fetchall()
        finally:
            trace.close()

    def refused(self, path, what=""):
        for i, view in enumerate(VIEWS):
            done = call("trace", view, path, *(("--json",) if i % 2 else ()))
            self.assertEqual(done.returncode, 2, (view, done.stderr))
            self.assertRegex(done.stderr, r"\Arondo: [^\n]*%s[^\n]*\n\Z" % what)

    # ---- jobs ----------------------------------------------------------------------------------------------

    def lasso(self, **more):
        x, y = self.generate("x", design="ar", rows=60, cols=300, seed=3)
        return self.spec(x, y, **support.merge({
            "params": {"lambda_ratio": 0.05}, "stop": {"rounds": 150, "gap": 1e-12}, "workers": {"count": 2},
            "schedule": {"blocks": 4, "block_size": 8, "candidates": 60, "dependency": {"coupled": "group"}}}, more))

    def topics(self):
        """Enough tokens for a grid of more than one block."""
        rng = np.random.default_rng(3)
        counts = sp.csr_matrix(rng.poisson(8, (200, 90)) * (rng.random((200, 90)) < 0.9))
        return self.job(counts, 4, blocks=3, iterations=3, workers={"count": 2})

    def ratings(self, solver):
        """Likewise for sgd; of the others a few will do."""
        many = 210000 if solver == "sgd" else 3000
        done = call("data", "generate", "mf", "--out", self.path(solver), "--users", "800", "--items", "500",
                    "--ratings", many, "--test", "0", "--seed", "1")
        self.assertEqual(done.returncode, 0, done.stderr)
        return self.write("mf.json", json.dumps({
            "version": 1, "app": "mf", "data": {"train": self.path(solver, "train.txt")},
            "params": {"rank": 3, "solver": solver}, "schedule": {"blocks": 3}, "stop": {"epochs": 2},
            "workers": {"count": 2}}))

    def everything(self, spec, out):
        """At every level: schemas, sums; what a level lacks is said, and at `all` the numbers are right."""
        for level in LEVELS:
            with self.subTest(level=level):
                result = self.solve(spec, out + level, "--trace", level)
                self.check_level(out + level, level, result)
        self.check_numbers(out + "all")

    def check_level(self, out, level, result):
        for view in VIEWS:
            if LEVELS.index(level) >= LEVELS.index(NEEDS.get(view, "rounds")):
                self.told(view, out)
                plain = call("trace", view, self.path(out))
                self.assertEqual((plain.returncode, plain.stderr), (0, ""))
                self.assertLessEqual(max(map(len, plain.stdout.splitlines())), 80, plain.stdout)
            else:
                done = call("trace", view, self.path(out), "--json")
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertRegex(done.stderr, "^rondo: .*without %s .*--trace %s" % (view, NEEDS[view]))
        summary = self.told("summary", out)
        self.assertEqual((summary["updates"], summary["rounds"]), (result["updates"], result["rounds"]))
        self.assertEqual((summary["complete"], summary["state"]), (True, "ended"))
        self.near(summary["objective_last"], result["objective"], 1e-6)  # als and ccd sum it up anew at the end
        self.assertEqual(sum(row["updates"] for row in self.told("rounds", out)["rounds"]), result["updates"])
        if level == "rounds":
            priority = self.told("priority", out)["priority"]
            self.assertIsNone(priority["updates"])
            self.assertIn("--trace blocks", priority["note"])

    # ---- the same numbers, computed here ----------------------------------------------------------------------

    def check_numbers(self, out):
        self.check_rounds(out)
        self.check_priority(out)
        self.check_conflicts(out)
        self.check_pace(out)

    def check_rounds(self, out):
        rows = self.told("rounds", out)["rounds"]
        told = self.rows(out, "SELECT round, updates, joined, staleness, run_ns, pull_ns, network_ns, objective,"
                              " (SELECT objective FROM rounds b WHERE b.round = r.round - 1) FROM rounds r")
        self.assertEqual([(r["round"], r["updates"], r["joined"], r["staleness"], r["run_ns"], r["pull_ns"],
                           r["network_ns"], r["objective"], r["objective_before"]) for r in rows], told)

    def visits(self, out):
        """(name, round) of each update, in order; how many names there are."""
        if self.rows(out, "SELECT count(*) FROM rounds WHERE kind = 'sampled'") != [(0,)]:
            seen = [(j, r) for r, count, blob in self.rows(out, "SELECT round, count, variables FROM blocks"
                                                                " ORDER BY round, block")
                    for j in numbers(blob, count)]
            (many,), = self.rows(out, "SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'variables'")
            return seen, many
        seen = [((b, s), r) for r, b, s in self.rows(
            out, "SELECT round, block, shard FROM tasks WHERE phase = 0 AND work IN (0, 2) ORDER BY round, place")]
        return seen, len({name for name, _ in seen})

    def check_priority(self, out):
        said = self.told("priority", out)["priority"]
        seen, many = self.visits(out)
        counts = collections.Counter(name for name, _ in seen)
        self.assertEqual((said["variables"], said["updates"], said["updated"]), (many, len(seen), len(counts)))
        self.assertEqual(said["never"], many - len(counts))
        high = sorted(counts.values(), reverse=True)
        for share in said["shares"]:
            some = math.ceil(share["fraction"] * many)
            self.assertEqual(share["variables"], some)
            self.assertAlmostEqual(share["share"], sum(high[:some]) / len(seen), places=12)
        part = np.array(high) / len(seen)
        if many > 1:
            self.assertAlmostEqual(said["entropy"], -(part * np.log(part)).sum() / math.log(many), places=10)
        full = np.sort(high + [0] * (many - len(high)))
        gini = ((2 * np.arange(1, many + 1) - many - 1) * full).sum() / (many * full.sum())
        self.assertAlmostEqual(said["gini"], gini, places=10)
        self.assertEqual([row["updates"] for row in said["hottest"]], high[:10])
        for row in said["hottest"]:
            self.assertEqual(row["updates"], counts[self.name(row)])
        self.check_waits(out, said, seen)

    @staticmethod
    def name(row):
        return row["variable"] if row["variable"] is not None else \
            (row["block"], -1 if row["shard"] is None else row["shard"])

    def check_waits(self, out, said, seen):
        rounds = collections.defaultdict(list)
        for name, number in seen:
            rounds[name].append(number)
        longest = max((b - a for all in rounds.values() for a, b in zip(all, all[1:])), default=0)
        (first, last), = self.rows(out, "SELECT min(round), max(round) FROM rounds")
        if longest:
            wait = said["longest_wait"]
            self.assertEqual((wait["rounds"], wait["to"] - wait["from"]), (longest, longest))
            at = rounds[self.name(wait)]
            self.assertEqual(at[at.index(wait["from"]) + at.count(wait["from"])], wait["to"])
        idle = last - min(all[-1] for all in rounds.values())
        self.assertEqual(said["idle"]["rounds"] if said["idle"] else 0, idle)
        self.assertEqual(said["never_rounds"], last - first + 1 if said["never"] else 0)
        weights = self.rows(out, "SELECT round, weight_sum, weight_taken FROM rounds WHERE kind = 'sampled'")
        self.assertEqual(sum(row["rounds"] for row in said["stretches"]), len(weights))
        for row in said["stretches"]:
            inside = [(s, t) for number, s, t in weights if row["from"] <= number <= row["to"]]
            self.assertEqual((len(inside), inside[-1][0]), (row["rounds"], row["weight_sum"]))
            ratios = [t / s for s, t in inside if s]
            if ratios:
                self.assertAlmostEqual(row["weight_ratio"], sum(ratios) / len(ratios), places=10)

    def check_conflicts(self, out):
        said = self.told("conflicts", out)
        rows = self.rows(out, "SELECT round, candidate, other, coupling, other_round, joined FROM conflicts"
                              " ORDER BY round, place")
        self.assertEqual([tuple(row[key] for key in ("round", "candidate", "other", "coupling", "other_round",
                                                     "joined")) for row in said["conflicts"]], rows)
        edges = np.arange(21) / 20
        self.assertEqual(said["histogram"]["edges"], edges.tolist())
        for key, joined in (("refused", 0), ("joined", 1)):
            strong = np.minimum([abs(row[3]) for row in rows if row[5] == joined], np.nextafter(1, 0))
            self.assertEqual(said["histogram"][key], np.histogram(strong, edges)[0].tolist())
            self.assertEqual(said["totals"]["conflicts_" + key], len(strong))
        times = collections.Counter(tuple(sorted(row[1:3])) for row in rows)
        pairs = sorted(times.items(), key=lambda item: (-item[1], item[0]))[:10]
        self.assertEqual([((row["variable"], row["other"]), row["times"]) for row in said["pairs"]], pairs)
        (drawn, refused, joined, needed, computed), = self.rows(
            out, "SELECT sum(drawn), sum(refused), sum(joined), sum(pairs_needed), sum(pairs_computed) FROM rounds")
        totals = said["totals"]
        self.assertEqual((totals["drawn"], totals["refused"], totals["joined"], totals["pairs_needed"],
                          totals["pairs_computed"]), (drawn, refused, joined, needed, computed))
        if needed:
            self.assertAlmostEqual(totals["hit_ratio"], 1 - computed / needed, places=12)

    def check_pace(self, out):
        said = {row["round"]: row for row in self.told("blocks", out)["rounds"]}
        tasks = collections.defaultdict(list)
        for row in self.rows(out, "SELECT round, phase, work, block, worker, sent_ns, done_ns, run_ns FROM tasks"
                                  " ORDER BY round, place"):
            tasks[row[0]].append(row[1:])
        straggled = collections.Counter()
        for number, row in said.items():
            last, runs = {}, []
            for phase, work, block, worker, _, done, run in tasks[number]:
                if work != 3:
                    last[worker] = max(last.get(worker, 0), done)
                if phase == 0 and work in (0, 2):
                    runs.append(run)
            if last:
                late = max(last.values()) - sum(last.values()) / len(last)
                self.assertEqual(last[row["straggler"]], max(last.values()))
                self.assertAlmostEqual(row["straggle_ns"], late, delta=1)
                straggled[row["straggler"]] += len(last) > 1
            else:
                self.assertIsNone(row["straggler"])
            if sum(runs):
                self.assertAlmostEqual(row["measured_ratio"], max(runs) * len(runs) / sum(runs), places=9)
        totals = self.told("blocks", out)["totals"]
        self.assertEqual({row["worker"]: row["straggled"] for row in totals["stragglers"]},
                         {worker: straggled[worker] for all in tasks.values() for *_, worker, _, _, _ in all})
        self.assertEqual(totals["straggle_ns"], sum(row["straggle_ns"] for row in said.values()))
        self.check_workers(out, straggled)

    def check_workers(self, out, straggled):
        rows = self.told("workers", out)["workers"]
        for row in rows:
            spans = self.rows(out, "SELECT sent_ns, done_ns, run_ns FROM tasks WHERE worker = %d ORDER BY sent_ns"
                              % row["worker"])
            busy, until = 0, -1
            for sent, done, _ in spans:
                busy += max(0, done - max(sent, until))
                until = max(until, done)
            self.assertEqual((row["tasks"], row["busy_ns"], row["run_ns"], row["straggled"]),
                             (len(spans), busy, sum(run for *_, run in spans), straggled[row["worker"]]))
        self.assertEqual(sum(row["tasks"] for row in rows), self.rows(out, "SELECT count(*) FROM tasks")[0][0])


class Apps(Tools):
    def test_lasso(self):
        self.everything(self.lasso(), "out")
        said = self.told("conflicts", "outall")["totals"]
        self.assertGreater(said["joined"], 0)
        self.assertGreater(self.told("priority", "outall")["priority"]["longest_wait"]["rounds"], 1)

    def test_long_times_stand_in_80_columns(self):
        """Tasks and rounds of seconds, of minutes, of hours."""
        self.solve(self.lasso(), "out", "--trace", "all")
        for ns in (12345678901, 123456789012, 12345678901234):
            with traced.edited(self.path("out", "trace.db")) as db:
                columns = [row[1] for row in db.execute("PRAGMA table_info(rounds)") if row[1].endswith("_ns")]
                db.execute("UPDATE main.rounds SET " + ", ".join("%s = round * %d" % (c, ns) for c in columns))
                db.execute("UPDATE tasks SET done_ns = sent_ns + (1 + place %% 3) * %d, run_ns = %d" % (ns, ns // 2))
            for view in VIEWS:
                plain = call("trace", view, self.path("out"))
                self.assertEqual((plain.returncode, plain.stderr), (0, ""))
                self.assertLessEqual(max(map(len, plain.stdout.splitlines())), 80, plain.stdout)

    def test_lasso_that_drops_and_looks_ahead(self):
        self.solve(self.lasso(schedule={"pipeline": 2, "dependency": {"coupled": "drop"}}), "out", "--trace", "all")
        self.check_numbers("out")
        self.assertGreater(self.told("conflicts", "out")["totals"]["refused"], 0)
        self.assertEqual(self.told("summary", "out")["staleness_max"], 1)

    def test_lda(self):
        self.everything(self.topics(), "out")
        said = self.told("priority", "outall")["priority"]
        self.assertEqual(said["unit"], "pair")
        self.assertGreater(said["updated"], 1)
        self.assertRegex(call("trace", "rounds", self.path("outall")).stdout, r"(?m)^ +2  plan  +-  +-  +\d")
        self.assertRegex(call("trace", "priority", self.path("outall"), "--first", "2").stdout,
                         r"(?m)^longest +block \d+ and shard \d+ waited 1 round since its last \(1 to 2\)$")
        self.assertRegex(call("trace", "conflicts", self.path("outall")).stdout,
                         r"(?m)^couplings +0 looked at, 0 computed$")

    def test_mf(self):
        for solver in ("sgd", "als", "ccd"):
            with self.subTest(solver=solver):
                self.everything(self.ratings(solver), "out" + solver)
                if solver == "sgd":
                    self.assertGreater(self.told("priority", "outsgdall")["priority"]["updated"], 1)


class Shared(Tools):
    """Real data, at `all`."""

    def real(self, app, data, **more):
        files = {key: os.path.join(os.environ["RONDO_SHARED"], "data", app, name) for key, name in data.items()}
        spec = self.write("job.json", json.dumps(dict({"version": 1, "app": app, "data": files, "trace": "all",
                                                       "workers": {"count": 2}}, **more)))
        result = self.solve(spec, "out")
        self.check_level("out", "all", result)
        self.check_numbers("out")

    @support.needs_shared
    def test_lasso(self):
        self.real("lasso", {"x": "colon.X.npy", "y": "colon.y.npy"}, stop={"rounds": 40},
                  schedule={"blocks": 4, "block_size": 16, "dependency": {"coupled": "drop"}})

    @support.needs_shared
    def test_lda(self):
        self.real("lda", {"docs": "docword.ap.txt.gz", "vocab": "vocab.ap.txt"}, params={"topics": 10},
                  schedule={"blocks": 4}, stop={"iterations": 2})

    @support.needs_shared
    def test_mf(self):
        self.real("mf", {"train": "ml-100k.uir.gz"}, params={"rank": 4}, schedule={"blocks": 4},
                  stop={"epochs": 2})


class Windows(Tools):
    def long_trace(self, rounds):
        """A trace of so many rounds: the tables of a job's, filled anew."""
        self.solve(self.topics(), "long", "--trace", "rounds")
        trace = sqlite3.connect(self.path("long", "trace.db"))
        columns = [row[1] for row in trace.execute("PRAGMA table_info(rounds)")]
        texts = {"kind": "'sampled'", "note": "'full'", "round": "r", "updates": "r % 7", "begin_ns": "r * 10",
                 "end_ns": "r * 10 + 9", "objective": "1.0 / r"}
        trace.execute("DELETE FROM rounds")
        trace.execute("WITH RECURSIVE n(r) AS (SELECT 1 UNION ALL SELECT r + 1 FROM n WHERE r < %d)"
                      " INSERT INTO rounds SELECT %s FROM n"
                      % (rounds, ", ".join(texts.get(column, "1") for column in columns)))
        trace.commit()
        trace.close()

    def test_long_lists_are_cut_and_say_so(self):
        self.long_trace(10050)
        said = self.told("rounds", "long")
        self.assertEqual(said["window"], {"from": 51, "to": 10050, "rounds_of_trace": 10050})
        self.assertEqual([row["round"] for row in said["rounds"]], list(range(51, 10051)))
        self.assertEqual(said["rounds"][0]["objective_before"], 1 / 50)
        self.assertEqual(self.told("rounds", "long", "--all")["window"]["from"], 1)
        self.assertEqual(self.told("rounds", "long", "--first", "3")["window"]["to"], 3)
        plain = call("trace", "rounds", self.path("long"))
        self.assertRegex(plain.stderr, r"\Arondo: [^\n]* last 10,000 of 10,050 rounds [^\n]*--all[^\n]*\n\Z")
        cut = call("trace", "export", "--format", "perfetto", self.path("long"))
        self.assertRegex(cut.stderr, r"\Arondo: [^\n]* last 10,000 of 10,050 rounds are written [^\n]*--all[^\n]*\n\Z")
        self.assertEqual((cut.stdout.count('"plan"'), cut.stdout.count('"round":51,"drawn"')), (10000, 1))
        for words in (("rounds", "--all"), ("rounds", "--last", "5"), ("summary",), ("priority",),
                      ("export", "--format", "perfetto", "--all"), ("export", "--format", "csv")):
            with self.subTest(words=words):
                self.assertEqual(call("trace", *words, self.path("long")).stderr, "")
        self.assertEqual(self.told("summary", "long")["rounds"], 10050)
        self.assertEqual(self.told("summary", "long")["updates"], sum(r % 7 for r in range(10051)))

    def test_what_is_missing_is_said(self):
        self.long_trace(20)
        trace = sqlite3.connect(self.path("long", "trace.db"))
        trace.execute("DELETE FROM rounds WHERE round IN (1, 7, 8)")
        trace.execute("REPLACE INTO meta VALUES ('dropped', '2')")
        trace.commit()
        trace.close()
        said = self.told("summary", "long")
        self.assertEqual((said["complete"], said["missing"], said["dropped"]), (False, 3, 2))
        plain = call("trace", "summary", self.path("long")).stdout
        self.assertRegex(plain, r"(?m)^incomplete  2 rounds were dropped")
        self.assertRegex(plain, r"(?m)^incomplete  1 rounds are missing")

    def test_options(self):
        self.long_trace(20)
        for words in (("--first", "0"), ("--first", "3", "--last", "3"), ("--all", "--last", "3"), ("--last",),
                      ("--frob",), ("more",)):
            with self.subTest(words=words):
                done = call("trace", "rounds", self.path("long"), *words)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertRegex(done.stderr, r"\Arondo: [^\n]*\n\Z")


class Damage(Tools):
    def setUp(self):
        super().setUp()
        self.solve(self.lasso(stop={"rounds": 20}), "out", "--trace", "all")
        with open(self.path("out", "trace.db"), "rb") as stream:
            self.whole = stream.read()

    def put(self, content):
        os.makedirs(self.path("bad"), exist_ok=True)
        return os.path.dirname(self.write(os.path.join("bad", "trace.db"), content))

    def changed(self, sql):
        path = self.put(self.whole)
        trace = sqlite3.connect(os.path.join(path, "trace.db"))
        trace.executescript(sql)
        trace.close()
        return path

    def test_a_trace_cut_short(self):
        for size in (1, 99, 100, 512, 4095, 4097, 8191, len(self.whole) // 2 + 1, len(self.whole) - 1):
            with self.subTest(size=size):
                self.refused(self.put(self.whole[:size]))
        for pages in range(1, len(self.whole) // 4096, 7):  # whole pages: damage is found where it is met
            done = [call("trace", view, self.put(self.whole[:4096 * pages]), "--json") for view in VIEWS]
            self.assertTrue(all(one.returncode in (0, 2) for one in done))
            self.assertIn(2, [one.returncode for one in done])

    def test_what_is_no_trace(self):
        self.refused(self.put(b""), "nothing is in it")
        self.refused(self.put(b"no database, but longer than its head would be: " * 100), "not an SQLite file")
        os.makedirs(self.path("empty"))
        self.refused(self.path("empty"), "a job leaves one unless")
        self.refused(self.path("nowhere"), "cannot read")
        self.refused(self.changed("PRAGMA application_id = 7"), "another program")
        for version in (2, 3, 5):
            self.refused(self.changed("PRAGMA user_version = %d" % version), "version %d, .* version 4" % version)

    def test_a_table_that_is_missing(self):
        for table in ("rounds", "details", "meta"):
            path = self.changed("DROP TABLE " + table)
            for view in VIEWS:
                with self.subTest(table=table, view=view):
                    done = call("trace", view, path)
                    self.assertEqual(done.returncode, 2)
                    self.assertRegex(done.stderr, r"\Arondo: [^\n]*no such table[^\n]*\n\Z")

    def test_garbage_in_its_cells(self):
        far = 2 ** 63 - 1
        of_blocks = ("variable = x'0102030405'", "variables = -5", "variables = %d" % far, "block_number = 3",
                     "block_cost = 'dear'", "blocks = 1 << 21, block_count = 1 << 40")
        of_tasks = ("tasks = %d" % far, "tasks = tasks + 1", "task_sent = NULL", "task_sent = 0, tasks = 1 << 22")
        for sql, code, views in [("UPDATE details SET " + change, 2, ("blocks", "priority")) for change in of_blocks] + [
                ("UPDATE details SET " + change, 2, ("blocks", "workers")) for change in of_tasks] + [
                (sql, code, ("blocks", "priority")) for sql, code in (
                ("UPDATE details SET variable = randomblob(8 * variables)", None),
                ("UPDATE details SET conflict_candidate = randomblob(8 * conflicts)", None),
                ("UPDATE details SET conflicts = 1 << 20", None),
                ("UPDATE details SET begin_ns = -%d, task_sent = randomblob(8 * tasks), task_took = %d, task_run = %d"
                 % (far, far, far), 0),
                ("UPDATE details SET task_worker = abs(random()), task_work = 77, task_block = -%d" % far, 0),
                ("UPDATE details SET conflict_coupling = NULL, conflict_other = -%d, conflict_back = %d" % (far, far), 0),
                ("UPDATE meta SET value = '-3' WHERE key = 'variables'", 0),
                ("UPDATE rounds SET weight_sum = -1, cost_mean = 1e-320, objective = 9e999", 0),
                ("UPDATE rounds SET plan_ns = %d, begin_ns = -%d, updates = %d" % (far, far, far), 0),
                ("UPDATE rounds SET kind = x'ff00', note = NULL, round = round + %d" % (far - 1000), 0))]:
            path = self.changed(sql)
            for view in VIEWS:
                with self.subTest(sql=sql, view=view):
                    done = call("trace", view, path, "--json", timeout=600)
                    self.assertIn(done.returncode, (code,) if code is not None and view in views else (0, 2), done.stderr)
                    if done.returncode == 0:
                        json.loads(done.stdout, parse_constant=self.fail)

    def test_bytes_that_were_changed(self):
        rng = np.random.default_rng(5)
        for _ in range(4 if support.SANITIZED else 12):
            broken = bytearray(self.whole)
            for at in rng.integers(100, len(broken), 40):
                broken[at] = rng.integers(256)
            path = self.put(bytes(broken))
            for view in VIEWS:
                done = call("trace", view, path, "--json", timeout=600)
                self.assertIn(done.returncode, (0, 1, 2), (view, done.stderr))
                self.assertLessEqual(len(done.stderr.splitlines()), 1, done.stderr)


class Killed(Tools):
    def test_a_killed_job_is_read_to_its_last_commit(self):
        x, y = self.generate("wide", design="sparse", rows=300, cols=2000, density=0.02, seed=3)
        spec = self.endless(x, y, trace="all", checkpoint={"seconds": 3600}, schedule={
            "blocks": 2, "block_size": 2, "candidates": 60, "dependency": {"coupled": "drop"}})
        job = subprocess.Popen([support.RONDO, "run", spec, "--out", self.path("out"), "--quiet"],
                               stderr=subprocess.DEVNULL)
        try:
            said = self.wait_for_rounds(job)
            self.assertEqual((said["state"], said["complete"]), ("running", False))
            self.assertIn("incomplete  the job is running", call("trace", "summary", self.path("out")).stdout)
        finally:
            job.send_signal(signal.SIGKILL)
            job.wait()
        self.assertTrue(os.path.exists(self.path("out", "trace.db-wal")))
        os.makedirs(self.path("copy"))
        for name in ("trace.db", "trace.db-wal"):
            shutil.copy(self.path("out", name), self.path("copy"))
        said = self.told("summary", "copy")
        self.assertEqual((said["state"], said["complete"], said["missing"]), ("killed", False, 0))
        self.assertIn("incomplete  the job was killed", call("trace", "summary", self.path("out")).stdout)
        for view in VIEWS:
            self.told(view, "out", "--last", "50")
        (last,), = self.rows("copy", "SELECT max(round) FROM rounds")
        self.assertEqual(said["last_round"], last)

    def wait_for_rounds(self, job):
        for _ in range(6000):
            self.assertIsNone(job.poll())
            done = call("trace", "summary", self.path("out"), "--json")
            if done.returncode == 0 and json.loads(done.stdout)["rounds"] > 0:
                return json.loads(done.stdout)
            time.sleep(0.1)
        return self.fail("no round is committed in ten minutes")


if __name__ == "__main__":
    unittest.main()
