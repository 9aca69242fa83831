"""Topic models: the same job gives the same bits, whoever works and however often it is stopped; what it leaves
where it is stopped is true."""

import os
import random
import signal
import subprocess
import time
import unittest

import lda_jobs
from cluster import Coordinator, wait_for
from lda_jobs import zipf
from support import RONDO, SANITIZED, read_json

TOKENS = 130000  # of which four blocks can be made
MORE = TOKENS if SANITIZED else 3 * TOKENS
PARAMS = (
    (20, {}),
    (300, {"sampler": "exact"}),
    (300, {"sampler": "mh"}),
    (40, {"optimize_hyperparameters": True, "optimize_interval": 2, "alpha_prior": "asymmetric"}),
)


class Bits(lda_jobs.Case):
    def test_they_do_not_depend_on_the_workers(self):
        corpus = zipf(400, 300, TOKENS)
        for topics, params in PARAMS:
            for blocks in (1, 64) if SANITIZED else (1, 2, 3, 64): # of which there can be 4
                found = []
                for workers in (1, 2, 3, 8)[:2 if SANITIZED else 4]:
                    out = "%d%s%d-%d" % (topics, params.get("sampler", ""), blocks, workers)
                    self.run_job(self.job(corpus, topics, blocks, params=params), out, "--workers", workers)
                    found.append(self.bits(out))
                with self.subTest(topics=topics, blocks=blocks, params=params):
                    self.assertEqual(found, found[:1] * len(found))

    def test_nor_on_the_wire_and_lost_workers(self):
        corpus = zipf(400, 300, TOKENS)
        spec = self.job(corpus, 30, 4, 9)
        self.run_job(spec, "whole", "--workers", 2)
        for lost in (8,) if SANITIZED else (3, 8, 20):
            for wire in ({}, {"RONDO_TEST_WIRE": "bytes"}):
                with self.subTest(lost=lost, wire=wire):
                    out = "lost%d%s" % (lost, len(wire))
                    self.run_job(spec, out, "--workers", 3, env={"RONDO_TEST_LOSE_WORKER": "1@%d" % lost, **wire})
                    self.assertEqual(self.bits(out), self.bits("whole"))

    def test_a_seed_is_a_chain(self):
        corpus = zipf(200, 100, 20000)
        for seed in (1, 2):
            self.run_job(self.job(corpus, 10, seed=seed), str(seed))
        self.assertNotEqual(self.bits("1"), self.bits("2"))


class Stops(lda_jobs.Case):
    def judged(self, out, corpus):
        first = self.result(out)["updates"] < corpus.sum()
        return (self.agrees_in_the_first_sweep if first else self.agrees)(out, corpus)

    def test_after_any_round(self):
        """Four blocks: the first sweep has rounds 1 to 7, the next 8 to 11; the files are those of that moment."""
        corpus = zipf(400, 300, TOKENS)
        for topics, params in PARAMS:
            spec = self.job(corpus, topics, 4, 6, params=dict(params, pyldavis=True))
            name = "%d%s" % (topics, params.get("sampler", ""))
            self.run_job(spec, name + "whole", "--workers", 2)
            self.agrees(name + "whole", corpus)
            last = self.result(name + "whole")["rounds"]
            self.assertEqual(last, 7 + 5 * 4)
            for rounds in (1, 6, 8, 18) if SANITIZED else (1, 4, 6, 7, 8, 10, 11, 18, last - 1):
                with self.subTest(topics=topics, rounds=rounds, params=params):
                    out = "%s-%d" % (name, rounds)
                    self.run_job(spec, out, "--set", "stop.rounds=%d" % rounds, "--workers", 1)
                    self.assertEqual(self.result(out)["stop_reason"], "rounds")
                    self.assertEqual(self.result(out)["rounds"], rounds)
                    self.judged(out, corpus)
                    self.shares_sum_to_one(out)
                    self.run_job(spec, out, "--resume", "--workers", 3)
                    self.assertEqual(self.bits(out), self.bits(name + "whole"))
                    self.last_line(out, self.result(out))

    def shares_sum_to_one(self, out):
        with open(self.path(out, "topics.tsv"), encoding="utf-8") as stream:
            weights = [float(line.split("\t")[1]) for line in list(stream)[1:]]
        self.assertAlmostEqual(sum(weights), 1, places=6)
        for row in read_json(self.path(out, "pyldavis.json"))["doc_topic_dists"]:
            self.assertAlmostEqual(sum(row), 1, places=5)

    def test_after_some_seconds(self):
        corpus = zipf(400, 300, MORE)
        spec = self.job(corpus, 200, 8, 40)
        self.run_job(spec, "whole", "--workers", 2)
        whole = self.result("whole")["seconds"]["solve"]
        for share in (0.001, 0.02, 0.1, 0.3, 0.6):
            with self.subTest(share=share):
                out = "out%g" % share
                self.run_job(spec, out, "--set", "stop.seconds=%.9f" % (share * whole), "--workers", 2)
                self.assertIn(self.result(out)["stop_reason"], ("seconds", "iterations"))
                self.judged(out, corpus)
                self.run_job(spec, out, "--resume", "--workers", 2)
                self.assertEqual(self.bits(out), self.bits("whole"))

    def test_more_sweeps_than_before(self):
        corpus = zipf(400, 300, TOKENS)
        for topics, params in PARAMS:
            spec = self.job(corpus, topics, 3, 9, params=params)
            name = "%d%s" % (topics, params.get("sampler", ""))
            self.run_job(spec, name + "whole")
            for sweeps in (2, 8) if SANITIZED else (1, 2, 4, 8):
                with self.subTest(topics=topics, sweeps=sweeps, params=params):
                    out = "%s-%d" % (name, sweeps)
                    self.run_job(spec, out, "--set", "stop.iterations=%d" % sweeps)
                    self.agrees(out, corpus)
                    self.run_job(spec, out, "--resume")
                    self.assertEqual(self.bits(out), self.bits(name + "whole"))

    def interrupted(self, spec, out, chance, most, *words):
        """SIGINT at some moment; was it in time?  One that comes before Rondo listens (-2) changes nothing."""
        run = subprocess.Popen([RONDO, "run", spec, "--out", self.path(out), "--quiet", "--workers",
                                str(chance.choice((1, 2, 3))), *words], stderr=subprocess.PIPE, text=True)
        wait_for("the job begins", 30, lambda: self.files_of(out) or run.poll() is not None, 0.001)
        time.sleep(chance.uniform(0, most))
        run.send_signal(signal.SIGINT)
        said = run.communicate(timeout=600)[1]
        self.assertIn(run.returncode, (0, 130, -signal.SIGINT), said)
        if run.returncode == 130:
            self.assertRegex(said.rstrip("\n").split("\n")[-1], "rondo: interrupted after round .*--resume")
            self.assertEqual(self.result(out)["state"], "interrupted")
        return run.returncode != 0

    def test_by_a_signal_at_any_moment(self):
        corpus = zipf(500, 400, MORE)
        for topics, sampler in ((500, "exact"), (40, "exact"), (500, "mh")):
            spec = self.job(corpus, topics, 6, 20, params={"sampler": sampler})
            whole = "whole%d%s" % (topics, sampler)
            self.run_job(spec, whole, "--workers", 2)
            seconds, rounds = self.result(whole)["seconds"]["solve"], []
            for seed in range(20):  # sooner and sooner: others may have been at work when it took `seconds`
                if seed > 2 and len(set(rounds)) > 3:
                    break
                with self.subTest(topics=topics, sampler=sampler, seed=seed):
                    chance, out = random.Random(seed), "out%d%s%d" % (topics, sampler, seed)
                    most = seconds * (0.05 if seed % 3 == 0 else 0.5 / (1 + seed // 3))
                    for turn in range(3):
                        if not self.interrupted(spec, out, chance, most, *["--resume"] * (turn > 0)):
                            break
                        if os.path.exists(self.path(out, "result.json")):
                            rounds.append(self.result(out)["rounds"])
                    self.run_job(spec, out, "--resume", "--workers", 2)
                    self.assertEqual(self.bits(out), self.bits(whole))
            self.assertGreater(len(set(rounds)), 3, "too few were stopped in time")


class Service(lda_jobs.Case):
    def test_two_workers_over_sockets(self):
        corpus = zipf(400, 300, TOKENS)
        coordinator = Coordinator(self)
        for number in range(2):
            coordinator.worker("w%d" % number)
        coordinator.wait_workers(2)
        for topics, params in PARAMS:
            with self.subTest(topics=topics, params=params):
                spec = self.job(corpus, topics, 4, 6, params=params)
                out = "here%d%s" % (topics, params.get("sampler", ""))
                self.run_job(spec, out)
                number = coordinator.submit(spec)
                self.assertEqual(coordinator.wait_job(number)["state"], "completed")
                there = os.path.join("state", "jobs", number)
                self.assertEqual(self.bits(there), self.bits(out))
                self.agrees(there, corpus)

    def killed_in_the_middle(self, corpus, coordinator, iterations):
        """False: the job was over before a worker was killed."""
        spec = self.job(corpus, 300, 6, iterations, params={"sampler": "exact"}, checkpoint={"snapshot_rounds": 40})
        self.run_job(spec, "here", "--force", "--workers", 2)
        number, running = coordinator.lose_a_worker(spec)
        there = os.path.join("state", "jobs", number)
        self.assertEqual(self.bits(there), self.bits("here"))
        self.agrees(there, corpus)
        return running

    def test_a_worker_is_killed_in_the_middle(self):
        corpus, coordinator = zipf(500, 400, MORE), Coordinator(self, "--lease", 2)
        coordinator.worker("other")
        self.assertTrue(any(self.killed_in_the_middle(corpus, coordinator, iterations)
                            for iterations in (30, 60, 120, 240, 480)), "it was over each time")


if __name__ == "__main__":
    unittest.main()
