"""Matrix factorisation: the same job gives the same bits, whoever works, however it is traced and however often it is
stopped; what it leaves where it is stopped is true."""

import os
import random
import signal
import sqlite3
import subprocess
import time
import unittest

import mf_jobs
from cluster import Coordinator, wait_for
from mf_jobs import SOLVERS, stars
from support import RONDO, SANITIZED, call

SHAPE = (600, 400, 30000)
TILES = {"tile_bytes": 8192} # of 400 items at rank 12: four parts
FORMS = [(name + suffix, {"rank": 12, **TILES, **params, **more}) for name, params in SOLVERS
         for suffix, more in (("", {}), (" biases", {"biases": True}), (" nonnegative", {"nonnegative": True}))
         if (name, suffix) != ("cg", " nonnegative")]
FORMS += [(name, {"rank": 12, "implicit": True, "method": name}) for name in ("cholesky", "cg")]


class Made(mf_jobs.Case):
    def setUp(self):
        super().setUp()
        self.train, self.test = stars(*SHAPE)

    def made(self, params, epochs=6, **more):
        return self.job(self.train, self.test, epochs=epochs, params=params, **more)


class Bits(Made):
    def tasks(self, out):
        """(block, shard) of every round and phase."""
        base = sqlite3.connect(self.path(out, "trace.db"))
        rounds = {}
        for number, phase, *pair in base.execute("SELECT round, phase, block, shard FROM tasks"):
            rounds.setdefault((number, phase), []).append(tuple(pair))
        base.close()
        return rounds

    def most(self, out):
        return max(map(len, self.tasks(out).values()))

    def test_they_do_not_depend_on_the_workers(self):
        for name, params in FORMS:
            found = []
            for workers in (1, 2, 3, 7)[:2 if SANITIZED else 4]:
                self.run_job(self.made(params), "out", "--force", "--workers", workers, "--trace", "blocks")
                found.append(self.bits("out"))
            with self.subTest(name):
                self.assertEqual(found, found[:1] * len(found))
                self.assertRegex(found[0][1], "^[0-9a-f]{64}$")
                if name.startswith("sgd"):
                    self.assertEqual(self.most("out"), 4)

    def test_nor_with_as_many_blocks_as_are_asked_for(self):
        """Sgd cuts where a round has 100,000 ratings or more."""
        train, test = stars(3000, 800, 340000)
        for name, params in SOLVERS:
            found = []
            for workers in (1, 2, 3, 7)[:2 if SANITIZED else 4]:
                spec = self.job(train, test, epochs=2, params=params, schedule={"blocks": 3})
                self.run_job(spec, "out", "--force", "--workers", workers, "--trace", "blocks")
                found.append(self.bits("out"))
            with self.subTest(name):
                self.assertEqual(found, found[:1] * len(found))
                self.assertGreater(self.most("out"), 1)
                if name == "sgd":
                    self.no_row_and_no_column_twice(self.tasks("out"))

    def no_row_and_no_column_twice(self, rounds):
        """Of a round's tiles no two share a part of the users or one of the items."""
        for pairs in rounds.values():
            for side in zip(*pairs):
                self.assertEqual(len(set(side)), len(side), pairs)
        epoch = [pair for (number, phase), pairs in rounds.items() if phase == 0 and number <= 3 for pair in pairs]
        self.assertEqual(sorted(epoch), [(b, s) for b in range(3) for s in range(3)], "each tile once")

    def test_nor_on_the_wire_lost_workers_and_the_trace(self):
        for name, params in FORMS:
            spec = self.made(params)
            self.run_job(spec, "whole", "--force", "--workers", 2)
            whole = self.bits("whole")
            for number, (words, env) in enumerate((
                    (("--workers", 2), {"RONDO_TEST_WIRE": "bytes"}),
                    (("--workers", 3), {"RONDO_TEST_LOSE_WORKER": "1@3"}),
                    (("--workers", 3), {"RONDO_TEST_LOSE_WORKER": "0@5", "RONDO_TEST_WIRE": "bytes"}),
                    (("--workers", 2, "--trace", "off"), {}),
                    (("--workers", 2, "--trace", "all"), {}))):
                with self.subTest(name, words=words, **env):
                    self.run_job(spec, "out", "--force", *words, env=env)
                    self.assertEqual(self.bits("out"), whole)

    def test_nor_on_the_pipeline(self):
        """Rounds that rotate, gather or sum up wait for each other: a deeper one is the same, or is refused."""
        for name, params in SOLVERS:
            with self.subTest(name):
                params = {"rank": 12, **TILES, **params}
                self.run_job(self.made(params), "one", "--force")
                done = call("run", self.made(params, schedule={"pipeline": 2}), "--out", self.path("two"), "--force",
                            "--quiet")
                if done.returncode == 0:
                    self.assertEqual(self.bits("two"), self.bits("one"))
                else:
                    self.assertEqual((done.returncode, done.stderr.count("\n")), (2, 1), done.stderr)
                    self.assertIn("/schedule/pipeline", done.stderr)

    def test_a_seed_is_a_start(self):
        for name, params in SOLVERS:
            found = []
            for seed in (1, 2):
                self.run_job(self.made({"rank": 12, **params}, epochs=1, seed=seed), "out", "--force")
                found.append(self.result("out")["model_sha256"])
            self.assertNotEqual(*found, name)


class Stops(Made):
    def test_after_any_round(self):
        for name, params in FORMS:
            spec = self.made(params, epochs=3)
            self.run_job(spec, "whole", "--force", "--workers", 2)
            whole, last = self.bits("whole"), self.result("whole")["rounds"]
            for rounds in sorted({1, 2, 3, last // 2, last - 1} - {last}):
                if rounds < 1:
                    continue
                with self.subTest(name, rounds=rounds):
                    self.run_job(spec, "out", "--force", "--set", "stop.rounds=%d" % rounds, "--workers", 1)
                    result = self.result("out")
                    self.assertEqual((result["stop_reason"], result["rounds"]), ("rounds", rounds))
                    if not params.get("implicit"):
                        self.agrees("out", self.train, self.test)
                    self.run_job(spec, "out", "--resume", "--workers", 3)
                    self.assertEqual(self.bits("out"), whole)

    def test_more_epochs_than_before(self):
        for name, params in FORMS:
            with self.subTest(name):
                spec = self.made(params, epochs=5)
                self.run_job(spec, "whole", "--force")
                for epochs in (1, 3, 5):
                    self.run_job(spec, "out", *["--force" if epochs == 1 else "--resume"], "--set",
                                 "stop.epochs=%d" % epochs, "--workers", epochs)
                self.assertEqual(self.bits("out"), self.bits("whole"))

    def test_more_epochs_and_a_tolerance(self):
        """An evaluation that a longer job would not have had does not count."""
        for name, params in SOLVERS:
            for tolerance in (1e-3, 1e-2, 3e-2):
                with self.subTest(name, tolerance=tolerance):
                    spec = self.made({"rank": 12, "evaluate_every": 3, **params}, epochs=20,
                                     stop={"epochs": 20, "tolerance": tolerance})
                    self.run_job(spec, "whole", "--force")
                    for epochs in (2, 5, 8, 20):
                        self.run_job(spec, "out", *["--force" if epochs == 2 else "--resume"], "--set",
                                     "stop.epochs=%d" % epochs)
                        if self.result("out")["stop_reason"] == "tolerance":
                            break # it would go on
                    self.assertEqual(self.bits("out"), self.bits("whole"))

    def stopped(self, spec, out, number, wait, *words):
        """Ended by a signal some time after its first checkpoint; was it in time?  One that comes before Rondo
        listens (-2) changes nothing."""
        name = self.path(out, "checkpoint.rondo")
        made = lambda: os.path.exists(name) and os.stat(name).st_ino
        old = made()
        run = subprocess.Popen([RONDO, "run", spec, "--out", self.path(out), "--quiet", *map(str, words)],
                               stderr=subprocess.PIPE, text=True)
        wait_for("a checkpoint", 30, lambda: made() != old or run.poll() is not None, 0.001)
        time.sleep(wait)
        run.send_signal(number)
        said = run.communicate(timeout=600)[1]
        ends = {signal.SIGINT: (0, 130, -signal.SIGINT), signal.SIGKILL: (0, -signal.SIGKILL)}[number]
        self.assertIn(run.returncode, ends, said)
        if run.returncode == 130:
            self.assertRegex(said.rstrip("\n").split("\n")[-1], "rondo: interrupted after round .*--resume")
            self.assertEqual(self.result(out)["state"], "interrupted")
        return run.returncode != 0

    def stopped_and_resumed(self, spec, out, number, seconds):
        """How often it was stopped; sooner and sooner, for where it took `seconds` others may have been at work."""
        for hurry in (1, 8, 64, 512):
            chance, stops = random.Random(3), 0
            for turn in range(2):
                words = ["--workers", chance.choice((1, 2, 3))] + ["--resume" if turn else "--force"]
                stops += self.stopped(spec, out, number, chance.uniform(0, 0.4 * seconds) / hurry, *words)
                if stops <= turn:
                    break
            if os.path.exists(self.path(out, "checkpoint.rondo")) and stops:
                self.run_job(spec, out, "--resume", "--workers", 2)
            self.assertEqual(self.bits(out), self.bits("whole"))
            if stops:
                break
        return stops

    def test_by_a_signal_at_any_moment(self):
        for name, params in FORMS[:-1:2]:
            spec = self.made(params, epochs=80 if name.startswith("sgd") else 25, checkpoint={"seconds": 0.01})
            self.run_job(spec, "whole", "--force", "--workers", 2)
            seconds, stops = self.result("whole")["seconds"]["solve"], 0
            for number in (signal.SIGINT, signal.SIGKILL):
                with self.subTest(name, signal=number):
                    stops += self.stopped_and_resumed(spec, "%s %d" % (name, number), number, seconds)
            self.assertGreater(stops, 0, "none was stopped in time")


class Service(mf_jobs.Case):
    def killed_in_the_middle(self, coordinator, spec):
        """False: the job was over before a worker was killed."""
        self.run_job(spec, "here", "--force")
        number, running = coordinator.lose_a_worker(spec)
        self.assertEqual(self.bits(os.path.join("state", "jobs", number)), self.bits("here"))
        return running

    def test_a_worker_is_killed_in_the_middle(self):
        train, test = stars(*SHAPE)
        coordinator = Coordinator(self, "--lease", 2)
        coordinator.worker("other")
        for name, params in SOLVERS:
            with self.subTest(name):
                params = {"rank": 12, "biases": True, **TILES, **params}
                self.assertTrue(any(
                    self.killed_in_the_middle(coordinator, self.job(
                        train, test, epochs=epochs, params=params, checkpoint={"snapshot_rounds": 20}))
                    for epochs in ((75, 150, 300, 600, 1200) if name == "sgd" else (20, 40, 80, 160, 320))),
                    "it was over each time")


if __name__ == "__main__":
    unittest.main()
