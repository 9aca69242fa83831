"""What a job leaves behind is what docs/formats/output.md and trace.md promise, for programs."""

import json
import os
import sqlite3
import unittest

import numpy as np
import scipy.io

import support
from support import call, read_json, sha256

NUMBER = (int, float)
RESULT = {"job": str, "name": str, "app": str, "state": str, "stop_reason": str,
          "objective": NUMBER, "metrics": dict, "rounds": int, "updates": int, "pair_dots": int,
          "nnz": int, "inner_steps": int, "critical_steps": int, "column_reads": int, "seconds": dict,
          "peak_rss_bytes": int, "workers": int, "isa": str, "seed": int, "model_sha256": str,
          "spec": dict, "version": str, "host": str, "notes": list}
METRICS = {"gap": NUMBER, "nnz": int, "lambda": NUMBER, "lambda_max": NUMBER, "sweeps": int,
           "inner_steps": int, "critical_steps": int, "column_reads": int}
ALWAYS = {"spec.json", "progress.jsonl", "checkpoint.rondo", "coef.mtx", "path.json", "result.json"}
APPLICATION_ID = 0x526E6454


def refuse(constant):
    raise ValueError("%s is no JSON" % constant)


def strict(text):
    """RFC 8259 alone: no NaN, no Infinity, and no key twice."""
    def pairs(found):
        keys = [key for key, _ in found]
        if len(keys) != len(set(keys)):
            raise ValueError("a key twice in %s" % keys)
        return dict(found)
    return json.loads(text, parse_constant=refuse, object_pairs_hook=pairs)


class Outputs(support.Case):
    def setUp(self):
        super().setUp()
        self.x, self.y = self.generate("data", rows=120, cols=800, causes=20, seed=9)

    def job(self, **more):
        return self.spec(self.x, self.y, **support.merge({"params": {"lambda_ratio": 0.02}}, more))

    def text(self, *names):
        with open(self.path(*names), encoding="utf-8") as stream:
            return stream.read()

    def has_types(self, found, types):
        for key, kind in types.items():
            with self.subTest(key=key):
                self.assertIn(key, found)
                self.assertIsInstance(found[key], kind)
                self.assertNotIsInstance(found[key], bool)

    def progress(self, out):
        text = self.text(out, "progress.jsonl")
        self.assertTrue(text.endswith("\n"))
        return [strict(line) for line in text.splitlines()]

    def query(self, out, statement):
        base = sqlite3.connect(self.path(out, "trace.db"))
        try:
            return base.execute(statement).fetchall()
        finally:
            base.close()


class Files(Outputs):
    def setUp(self):
        super().setUp()
        self.found = self.solve(self.job(trace="all"), "out", "--workers", 3)

    def test_no_other_file_is_left(self):
        self.assertEqual(set(os.listdir(self.path("out"))), ALWAYS | {"trace.db"})
        self.assertEqual(set(os.listdir(self.dir)), {"data", "job.json", "out"})

    def test_result(self):
        found = strict(self.text("out", "result.json"))
        self.has_types(found, RESULT)
        self.has_types(found["metrics"], METRICS)
        self.assertRegex(found["job"], "^[0-9a-f]{12}$")
        self.assertRegex(found["model_sha256"], "^[0-9a-f]{64}$")
        self.assertEqual(found["name"], "")
        self.assertEqual((found["app"], found["state"], found["stop_reason"]),
                         ("lasso", "completed", "gap"))
        self.assertNotIn("error", found)
        self.assertEqual((found["workers"], found["seed"]), (3, 1))
        self.assertIn(found["version"], call("--version").stdout.split())
        self.assertEqual(found["host"], os.uname().nodename)
        for key in ("nnz", "inner_steps", "column_reads", "sweeps"):
            self.assertEqual(found[key], found["metrics"][key])
        seconds = found["seconds"]
        self.assertEqual(set(seconds), {"load", "solve", "total"})
        self.assertTrue(all(value >= 0 for value in seconds.values()), seconds)
        self.assertLessEqual(seconds["load"] + seconds["solve"], seconds["total"] * 1.000001)
        self.assertGreater(found["peak_rss_bytes"], 120 * 800 * 8)

    def test_the_spec_bears_every_default_and_gives_the_same_job_again(self):
        for group, keys in (("schedule", ("priority", "dependency", "blocks", "block_size",
                                          "candidates", "pipeline", "sync", "staleness")),
                            ("params", ("lambda_ratio", "l1_ratio", "intercept")),
                            ("stop", ("gap", "rounds")), ("limits", ("memory",)),
                            ("checkpoint", ("seconds", "snapshot_rounds")),
                            ("workers", ("threads", "device")), ("output", ("dir",))):
            for key in keys:
                self.assertIn(key, self.found["spec"][group])
        self.assertEqual(strict(self.text("out", "spec.json")), self.found["spec"])
        again = self.write("again.json", json.dumps(self.found["spec"]))
        result = self.solve(again, "again")
        for key in ("job", "objective", "metrics", "rounds", "updates", "model_sha256", "spec"):
            self.assertEqual(result[key], self.found[key], key)

    def test_name(self):
        result = self.solve(self.job(), "named", "--set", "name=an output")
        self.assertEqual(result["name"], "an output")
        self.assertEqual(result["model_sha256"], self.found["model_sha256"])

    def test_progress(self):
        lines = self.progress("out")
        self.assertGreater(len(lines), 1)
        for line in lines:
            self.has_types(line, {"t": NUMBER, "round": int, "updates": int, "objective": NUMBER,
                                  "gap": NUMBER, "nnz": int})
        for key in ("t", "round", "updates"):
            told = [line[key] for line in lines]
            self.assertEqual(told, sorted(told), key)
        last = lines[-1]
        for key in ("round", "updates", "objective"):
            self.assertEqual(last[key], self.found["rounds" if key == "round" else key], key)
        for key, value in self.found["metrics"].items():
            self.assertEqual(last[key], value, key)
        self.assertLessEqual(last["t"], self.found["seconds"]["solve"])

    def test_model(self):
        self.assertEqual(sha256(self.path("out", "coef.mtx")), self.found["model_sha256"])
        self.assertEqual(self.text("out", "coef.mtx").split("\n")[0],
                         "%%MatrixMarket matrix coordinate real general")
        b = scipy.io.mmread(self.path("out", "coef.mtx"))
        self.assertEqual(b.shape, (800, 1))
        self.assertTrue(np.all(np.diff(b.row) > 0) and np.all(b.data != 0))
        (point,) = strict(self.text("out", "path.json"))
        self.assertEqual(set(point), {"lambda", "intercept", "objective", "gap", "nnz"})
        self.assertEqual(point["nnz"], b.nnz)
        self.assertEqual(point["objective"], self.found["objective"])
        for key in ("lambda", "gap", "nnz"):
            self.assertEqual(point[key], self.found["metrics"][key])
        lasso = support.Lasso(np.load(self.x), np.load(self.y))
        b, b0 = self.model("out")
        self.assertAlmostEqual(lasso.objective(b, b0, point["lambda"]) / lasso.null_objective,
                               point["objective"] / lasso.null_objective, delta=1e-12)
        self.assertAlmostEqual(0.02 * self.found["metrics"]["lambda_max"], point["lambda"])

    # ---- the trace -------------------------------------------------------------------------------

    def test_trace_as_a_database(self):
        (mark,), (version,) = (self.query("out", "PRAGMA " + name)[0]
                               for name in ("application_id", "user_version"))
        self.assertEqual((mark, version), (APPLICATION_ID, 4))
        self.assertEqual(self.query("out", "PRAGMA integrity_check"), [("ok",)])
        self.assertEqual(self.query("out", "PRAGMA journal_mode"), [("delete",)])
        self.assertEqual([row[0] for row in self.query("out", "SELECT round FROM rounds ORDER BY 1")],
                         list(range(1, self.found["rounds"] + 1)))
        for table, of in (("rounds WHERE kind = 'sampled'", "taken"),
                          ("blocks JOIN rounds USING (round) WHERE kind = 'sampled'", "count")):
            (total,), = self.query("out", "SELECT sum(%s) FROM %s" % (of, table))
            self.assertEqual(total, self.found["updates"], table)
        (pairs,), = self.query("out", "SELECT sum(pairs_computed) FROM rounds")
        self.assertEqual(pairs, self.found["pair_dots"])
        (last,), = self.query("out", "SELECT objective FROM rounds ORDER BY round DESC LIMIT 1")
        self.assertEqual(last, self.found["objective"])
        meta = dict(self.query("out", "SELECT key, value FROM meta"))
        told = {"level": "all", "state": "completed", "app": "lasso", "dropped": "0", "pipeline": "1",
                "job": self.found["job"], "isa": self.found["isa"], "version": self.found["version"],
                "updates": str(self.found["updates"])}
        self.assertEqual({key: meta[key] for key in told}, told)
        self.assertEqual(strict(meta["spec"]), self.found["spec"])
        self.assertTrue(os.path.isabs(meta["spec_dir"]))
        self.assertEqual(self.query("out", "SELECT count(DISTINCT worker) FROM tasks "
                                           "WHERE worker NOT BETWEEN 0 AND 2"), [(0,)])
        self.assertEqual(self.query("out", "SELECT count(*) FROM rounds WHERE begin_ns + plan_ns > end_ns "
                                           "OR run_ns + pull_ns + network_ns < push_ns"), [(0,)])
        with open(self.path("out", "progress.jsonl")) as lines:
            said = {line["round"]: line["objective"] for line in map(strict, lines)}
        self.assertEqual(dict(self.query("out", "SELECT round, value FROM reports WHERE key = 'objective'")), said)
        for view in ("round_ratios", "kind_totals", "note_totals", "worker_totals", "round_blocks",
                     "conflict_pairs", "block_variables"):
            self.query("out", "SELECT * FROM " + view)

    def test_trace_as_json(self):
        for place in (self.path("out"), self.path("out", "trace.db")):
            seen = {}
            for view in ("summary", "rounds", "blocks", "conflicts", "workers"):
                done = call("trace", view, place, "--json")
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                seen[view] = strict(done.stdout)
                if view != "summary":
                    self.assertLessEqual({view, "window"}, set(seen[view]))
                    seen[view] = seen[view][view]
            sampled = [row["taken"] for row in seen["rounds"] if row["kind"] == "sampled"]
            self.assertEqual(sum(sampled), self.found["updates"])
            self.assertEqual(seen["summary"]["updates"], self.found["updates"])
            self.assertEqual(seen["summary"]["rounds"], self.found["rounds"])
            self.assertEqual(seen["summary"]["objective_last"], self.found["objective"])
            self.assertEqual(seen["summary"]["pairs_computed"], self.found["pair_dots"])
            self.assertEqual(len(seen["rounds"]), self.found["rounds"])
            self.assertEqual(len(seen["blocks"]), sum(row["blocks"] for row in seen["rounds"]
                                                       if row["kind"] == "sampled"))
            for row in seen["blocks"]:
                if row["variables"] is not None:
                    self.assertEqual(len(row["variables"]), row["count"])
            self.assertEqual(len(seen["workers"]), len(self.query(
                "out", "SELECT DISTINCT worker FROM tasks")))
            self.assertEqual(len(seen["conflicts"]), self.query(
                "out", "SELECT count(*) FROM conflicts")[0][0])

    def test_trace_for_people(self):
        for view in ("summary", "rounds", "blocks", "conflicts", "workers"):
            done = call("trace", view, self.path("out"), "--first", 3)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertTrue(done.stdout.strip())
            self.assertNotIn("\x1b", done.stdout)

    def test_conflicts_are_kept(self):
        self.solve(self.job(trace="all", stop={"rounds": 30}, schedule={
            "dependency": {"coupled": "drop"}}), "crowded", "--force")
        told = strict(call("trace", "conflicts", self.path("crowded"), "--json").stdout)["conflicts"]
        self.assertGreater(len(told), 0)
        for row in told:
            self.has_types(row, {"round": int, "candidate": int, "other": int, "coupling": NUMBER,
                                 "other_round": int})
            self.assertGreater(abs(row["coupling"]), 0.1)


class Levels(Outputs):
    def test_trace_levels(self):
        for level, tables in (("off", None), ("rounds", {"rounds"}),
                              ("blocks", {"rounds", "blocks", "tasks"})):
            with self.subTest(level=level):
                self.solve(self.job(), level, "--trace", level)
                files = set(os.listdir(self.path(level)))
                self.assertEqual(files, ALWAYS | ({"trace.db"} if tables else set()))
                if tables:
                    filled = {table for table in ("rounds", "blocks", "tasks", "conflicts")
                              if self.query(level, "SELECT count(*) FROM " + table) != [(0,)]}
                    self.assertEqual(filled, tables)
                    told = call("trace", "summary", self.path(level)).stdout  # whole rounds need no pair checked
                    self.assertIn("\npairs       %d computed\n" % self.result(level)["pair_dots"],
                                  told.replace(",", ""))
                else:
                    done = call("trace", "summary", self.path(level))
                    self.assertEqual(done.returncode, 2)
                    self.assertRegex(done.stderr, r"\Arondo: [^\n]*\n\Z")


class Limits(Outputs):
    def stopped(self, reason, words):
        done = self.run_job(self.job(), reason, *words)
        result = self.result(reason)
        self.assertEqual((result["state"], result["stop_reason"]), ("completed", reason))
        self.assertGreater(result["metrics"]["gap"], 1e-6)
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertRegex(lines[0], "^rondo: warning: .*%s.*gap" % reason)
        said = float(lines[0].split()[-1])
        self.assertAlmostEqual(said / result["metrics"]["gap"], 1, delta=0.01)
        self.assertEqual(result["model_sha256"], sha256(self.path(reason, "coef.mtx")))
        self.assertEqual(set(os.listdir(self.path(reason))), ALWAYS | {"trace.db"})
        return result

    def test_rounds(self):
        result = self.stopped("rounds", ("--set", "stop.rounds=4"))
        self.assertEqual(result["rounds"], 4)

    def test_seconds(self):
        """A gap that cannot be, small rounds: what ends it is the clock."""
        result = self.stopped("seconds", (
            "--set", "stop.seconds=0.02", "--set", "schedule.blocks=1",
            "--set", "schedule.block_size=1", "--set", "schedule.candidates=1"))
        self.assertGreaterEqual(result["seconds"]["solve"], 0.02)
        self.assertLess(result["seconds"]["solve"], 60)


class Voices(Outputs):
    def test_quiet_is_quiet(self):
        done = self.run_job(self.job(), "out", "--quiet")
        self.assertEqual((done.stdout, done.stderr), ("", ""))

    def test_progress_goes_to_stderr_without_colour(self):
        done = call("run", self.job(), "--out", self.path("out"), env={"TERM": "xterm-256color"})
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        self.assertNotIn("\x1b", done.stderr)
        self.assertNotIn("\r", done.stderr)
        self.assertRegex(done.stderr.splitlines()[-1], "^rondo: completed by gap: objective ")

    def parsed(self, *words):
        done = call(*words)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return strict(done.stdout)

    def test_commands_that_answer_in_json(self):
        told = self.parsed("validate", self.job(), "--json")
        self.assertIs(told["valid"], True)
        self.assertEqual((told["data"]["x"]["rows"], told["data"]["x"]["cols"]), (120, 800))
        self.assertFalse(os.path.exists(self.path("out")), "validate changes nothing")
        info = self.parsed("data", "info", self.x, "--json")
        self.assertEqual(info, told["data"]["x"])
        self.assertEqual(info["bytes"], 120 * 800 * 8)
        (lasso,) = (app for app in self.parsed("apps", "--json") if app["name"] == "lasso")
        one = self.parsed("apps", "lasso", "--json")
        self.assertEqual(one[0] if isinstance(one, list) else one, lasso)
        self.assertTrue({"data", "params", "summary"} <= set(lasso))

    def test_the_schema_that_help_writes_is_the_published_one(self):
        told = self.parsed("help", "schema")
        self.assertEqual(told, read_json(os.path.join(
            os.environ["RONDO_SOURCE"], "config", "schema", "job.schema.json")))

    def test_help_of_every_command(self):
        listed = call("help")
        self.assertEqual((listed.returncode, listed.stderr), (0, ""))
        for name in ("run", "validate", "apps", "data", "trace", "help"):
            self.assertRegex(listed.stdout, r"(?m)^  %s +\S" % name)
            done = call("help", name)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("usage: rondo " + name, done.stdout)
            self.assertEqual(call(name, "--help").stdout, done.stdout)
        self.assertIn("stop.rounds", call("help", "job").stdout)
        self.assertIn("schema", call("help", "help").stdout)
        self.assertEqual(call("help", "nothing").returncode, 2)


if __name__ == "__main__":
    unittest.main()
