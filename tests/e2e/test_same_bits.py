"""The same spec, data and seed give the same coef.mtx, whatever happens to the run."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import time
import unittest

import support
from support import RONDO, SANITIZED, needs_shared, sha256, shared

ROUNDS = 200 if SANITIZED else 1500
EXIT = {signal.SIGINT: 130, signal.SIGTERM: 75}


class Bits(support.Case):
    def coefficients(self, spec, out, *words, env=None):
        result = self.solve(spec, out, *words, env=env)
        found = sha256(self.path(out, "coef.mtx"))
        self.assertEqual(result["model_sha256"], found)
        return found, result

    def same_whatever_the_workers(self, spec, prefix=""):
        first, result = self.coefficients(spec, prefix + "w1", "--workers", 1)
        half = result["rounds"] // 2
        self.assertGreater(half, 0)
        runs = {"w%d" % n: (("--workers", n), {}) for n in (2, 3, 7)}
        for workers, lost in ((2, 0), (2, 1), (3, 2), (7, 3)):
            runs["lost%dof%d" % (lost, workers)] = (
                ("--workers", workers), {"RONDO_TEST_LOSE_WORKER": "%d@%d" % (lost, half)})
        runs["bytes"] = (("--workers", 2), {"RONDO_TEST_WIRE": "bytes"})
        runs["lost in bytes"] = (("--workers", 3), {"RONDO_TEST_WIRE": "bytes",
                                                    "RONDO_TEST_LOSE_WORKER": "1@%d" % half})
        for name, (words, env) in runs.items():
            with self.subTest(run=name):
                found, again = self.coefficients(spec, prefix + name, *words, env=env)
                self.assertEqual(found, first)
                for key in ("objective", "rounds", "updates"):
                    self.assertEqual(again[key], result[key], key)

    # ---- stopped and gone on with ------------------------------------------------------------

    def part(self, spec, out, seconds, number, *words):
        """Runs, and is stopped `seconds` after the first report; (exit status, stderr)."""
        process = subprocess.Popen(
            [RONDO, "run", spec, "--out", self.path(out), *map(str, words)],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        first = process.stderr.readline()
        time.sleep(seconds)
        process.send_signal(number)
        rest = process.communicate(timeout=600)[1]
        return process.returncode, first + rest

    def interrupted(self, spec, out, seed, most, stops=3, number=signal.SIGINT):
        """Stopped up to `stops` times at random moments, then run to the end; how often it was."""
        chance = random.Random(seed)
        count = 0
        for turn in range(stops):
            words = ["--workers", chance.choice((1, 2, 3))] + ["--resume"] * (turn > 0)
            status, said = self.part(spec, out, chance.uniform(0, most), number, *words)
            if status == 0:
                break
            count += 1
            if number in EXIT:
                self.assertEqual(status, EXIT[number], said)
                last = said.rstrip("\n").split("\n")[-1]
                self.assertRegex(last, r"^rondo: interrupted after round \d+.*rondo run .* --resume")
                self.assertEqual(self.result(out)["state"], "interrupted")
                self.assertIsNone(self.result(out)["model_sha256"])
            else:
                self.assertEqual(status, -number, said)
        if status != 0:
            self.run_job(spec, out, "--resume", "--workers", 2)
        return count

    def same_after(self, spec, most, number=signal.SIGINT, seeds=(1, 2, 3)):
        whole, result = self.coefficients(spec, "whole", "--workers", 2)
        most = min(most, 0.8 * result["seconds"]["solve"])
        count = 0
        for seed in range(1, 20):
            if seed > (1 if SANITIZED else len(seeds)) and count:
                break
            with self.subTest(seed=seed):
                out = "stopped%d" % seed
                count += self.interrupted(spec, out, seed, most, number=number)
                self.assertEqual(sha256(self.path(out, "coef.mtx")), whole)
                self.assertEqual(self.result(out)["model_sha256"], whole)
                for key in ("objective", "rounds", "updates"):
                    self.assertEqual(self.result(out)[key], result[key], key)
                self.rounds_are_whole(out)
        self.assertGreater(count, 0, "no run was stopped in time")

    def rounds_are_whole(self, out):
        """Neither the progress nor the trace has a hole, a repetition or a step back."""
        with open(self.path(out, "progress.jsonl")) as stream:
            told = [json.loads(line)["round"] for line in stream]
        self.assertEqual(told, sorted(set(told)))
        base = sqlite3.connect(self.path(out, "trace.db"))
        rounds = [row[0] for row in base.execute("SELECT round FROM rounds ORDER BY round")]
        base.close()
        self.assertEqual(rounds, list(range(1, self.result(out)["rounds"] + 1)))


@needs_shared
class Leukemia(Bits):
    def job(self, **more):
        return self.spec(shared("leukemia.X.npy"), shared("leukemia.y.npy"),
                         **support.merge({"params": {"lambda_ratio": 0.01}}, more))

    def test_whatever_the_workers(self):
        self.same_whatever_the_workers(self.job())

    def test_with_the_rows_in_shards(self):
        """A lost worker takes its shard with it: the job goes back to a snapshot."""
        self.same_whatever_the_workers(self.job(params={"row_shards": 4}))

    def test_with_the_rows_in_shards_and_a_pipeline(self):
        """Plans in flight are restored too, and their couplings computed anew."""
        self.same_whatever_the_workers(self.job(params={"row_shards": 3}, stop={"rounds": 100},
                                                schedule={"pipeline": 4, "block_size": 16}))

    def test_with_a_pipeline(self):
        for depth in (2, 4):
            with self.subTest(pipeline=depth):
                spec = self.job(schedule={"pipeline": depth, "block_size": 16}, stop={"rounds": 200})
                first, _ = self.coefficients(spec, "first%d" % depth, "--workers", 1)
                for workers in (1, 3):
                    again, _ = self.coefficients(spec, "again%d%d" % (depth, workers),
                                                 "--workers", workers)
                    self.assertEqual(again, first)


class Made(Bits):
    """Crowded designs and small rounds: many rounds, and not at an end when they are limited."""

    def job(self, **more):
        x, y = self.generate("data", rows=300, cols=1500, causes=60, seed=3)
        return self.spec(x, y, **support.merge({
            "params": {"lambda_ratio": 0.02}, "stop": {"rounds": ROUNDS},
            "schedule": {"blocks": 4, "block_size": 4, "candidates": 64}}, more))

    def test_a_job_that_has_ended_ends_again(self):
        """By its own word (here: precision) and under the same bounds: the same model."""
        spec = self.job(stop={"gap": 0, "rounds": 10 ** 6}, schedule={"blocks": 8, "block_size": 64,
                                                                      "candidates": 4096})
        whole, result = self.coefficients(spec, "ended", "--workers", 1)
        self.assertIn(result["stop_reason"], ("precision", "gap"))  # by bits of the build
        self.run_job(spec, "ended", "--resume", "--workers", 2)
        self.assertEqual(sha256(self.path("ended", "coef.mtx")), whole)
        self.assertEqual(self.result("ended")["rounds"], result["rounds"])

    def test_a_damaged_checkpoint_is_refused(self):
        spec = self.job(stop={"rounds": 20})
        self.run_job(spec, "cut", "--workers", 1)
        name = self.path("cut", "checkpoint.rondo")
        with open(name, "rb") as file:
            whole = file.read()
        chance = random.Random(5)
        for _ in range(12):
            bad = bytearray(whole)
            bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(8)
            with open(name, "wb") as file:
                file.write(bad)
            done = subprocess.run([RONDO, "run", spec, "--out", self.path("cut"), "--resume"],
                                  capture_output=True, text=True, timeout=600)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn("checkpoint.rondo", done.stderr)

    def test_whatever_the_workers(self):
        for rule, coupled in (("gradient", "solve"), ("uniform", "group"), ("delta", "drop")):
            with self.subTest(rule=rule, coupled=coupled):
                self.same_whatever_the_workers(self.job(stop={"rounds": 120}, schedule={
                    "priority": {"rule": rule}, "dependency": {"coupled": coupled}}), rule)

    def test_sparse_rows_in_shards_with_few_snapshots(self):
        x, _ = self.generate("data", "--format", "svm", design="sparse", rows=600, cols=900,
                             density=0.02, seed=4)
        y = self.path("data", "y.npy")
        self.same_whatever_the_workers(self.spec(x, y, params={"row_shards": 4,
                                                               "lambda_ratio": 0.05},
                                                 checkpoint={"snapshot_rounds": 7}))

    def test_interrupted_again_and_again(self):
        self.same_after(self.job(), 0.4)

    def test_interrupted_with_the_rows_in_shards(self):
        self.same_after(self.job(params={"row_shards": 4}, stop={"rounds": ROUNDS // 2}), 0.4,
                        seeds=(1, 2))

    def test_interrupted_with_a_pipeline(self):
        for depth in (2, 4):
            with self.subTest(pipeline=depth):
                spec = self.job(schedule={"pipeline": depth})
                whole, _ = self.coefficients(spec, "one%d" % depth, "--workers", 1)
                for workers in (1, 3):
                    again, _ = self.coefficients(spec, "w%d%d" % (depth, workers), "--workers",
                                                 workers)
                    self.assertEqual(again, whole)
                out = "stopped%d" % depth
                self.interrupted(spec, out, depth, 0.3)
                self.assertEqual(sha256(self.path(out, "coef.mtx")), whole)
                self.rounds_are_whole(out)

    def test_killed_without_warning(self):
        """SIGKILL: from the last checkpoint on, made every hundredth of a second here."""
        self.same_after(self.job(checkpoint={"seconds": 0.01, "snapshot_rounds": 50}), 0.4,
                        number=signal.SIGKILL, seeds=(1, 2))

    def test_ended_and_started_again(self):
        """SIGTERM, as a batch system sends it."""
        self.same_after(self.job(), 0.4, number=signal.SIGTERM, seeds=(1,))

    def test_killed_while_workers_come_and_go(self):
        spec = self.job(checkpoint={"seconds": 0.01, "snapshot_rounds": 20})
        whole, _ = self.coefficients(spec, "whole", "--workers", 2)
        self.part(spec, "out", 0.2, signal.SIGKILL, "--workers", 3)
        found, _ = self.coefficients(spec, "out", "--resume", "--workers", 7,
                                     env={"RONDO_TEST_LOSE_WORKER": "1@%d" % (ROUNDS - 10)})
        self.assertEqual(found, whole)

    def test_what_the_trace_keeps_changes_nothing(self):
        spec = self.job(stop={"rounds": 100})
        found = {level: self.coefficients(spec, level, "--trace", level)[0]
                 for level in ("off", "rounds", "blocks", "all")}
        self.assertEqual(len(set(found.values())), 1, found)
        self.assertFalse(os.path.exists(self.path("off", "trace.db")))

    def test_another_seed_takes_another_way(self):
        spec = self.job(stop={"rounds": 20})
        one, _ = self.coefficients(spec, "one")
        two, _ = self.coefficients(spec, "two", "--set", "seed=2")
        self.assertNotEqual(one, two)


if __name__ == "__main__":
    unittest.main()
