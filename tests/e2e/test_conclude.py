"""The end of a job whose model needs its shards: the last report, the last line, the files."""

import json
import os
import signal
import subprocess
import unittest

import installed
from cluster import Coordinator, wait_for
from installed import SOURCE
from support import sha256

FILES = ("state.bin", "shards.bin")


class Conclude(installed.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.apps = cls.cmake(os.path.join(SOURCE, "tests", "plugin"), "plugins")

    def spec(self, **stop):
        return self.write("job.json", json.dumps({
            "version": 1, "app": "rotate", "data": {}, "stop": stop,
            "checkpoint": {"snapshot_rounds": 7}}))

    def lines(self, out):
        """Those that are whole: the last may be on its way."""
        with open(self.path(out, "progress.jsonl"), encoding="utf-8") as stream:
            return [json.loads(line) for line in stream if line.endswith("\n")]

    def ended(self, out, status="completed"):
        """The model's files, where its last line is the result's report, and concluded once."""
        result, lines = self.result(out), self.lines(out)
        self.assertEqual(result["state"], status)
        last = {key: value for key, value in lines[-1].items()
                if key not in ("t", "round", "updates", "objective")}
        self.assertEqual(last, result["metrics"])
        self.assertEqual(last["concluded"], 1)
        self.assertEqual((lines[-1]["round"], lines[-1]["updates"]), (result["rounds"], result["updates"]))
        rounds = [line["round"] for line in lines]
        self.assertEqual(rounds, sorted(rounds))
        return [sha256(self.path(out, name)) for name in FILES] + [last["end"]]

    def run_(self, out, *words, env=None, expect=0):
        done = self.call("run", self.path("job.json"), "--out", self.path(out), "--quiet", *words,
                         apps=self.apps, env=env)
        self.assertEqual(done.returncode, expect, done.stderr)

    def test_the_same_end_whoever_held_the_shards(self):
        self.spec(rounds=24)
        found = []
        for workers, env in ((1, {}), (2, {}), (3, {}), (2, {"RONDO_TEST_WIRE": "bytes"}),
                             (3, {"RONDO_TEST_LOSE_WORKER": "1@10"}),
                             (3, {"RONDO_TEST_LOSE_WORKER": "2@24"}),
                             (2, {"RONDO_TEST_LOSE_WORKER": "0@24"})):
            out = "out%d" % len(found)
            self.run_(out, "--workers", workers, env=env)
            found.append(self.ended(out))
        self.assertEqual(found, found[:1] * len(found))

    def test_a_job_that_has_ended_goes_on_to_the_same_bits(self):
        self.spec(rounds=24)
        self.run_("whole", "--workers", 2)
        whole = self.ended("whole")
        for first in (1, 7, 11, 23):
            out = "parts%d" % first
            self.run_(out, "--set", "stop.rounds=%d" % first)
            part = self.ended(out)
            lines = self.lines(out)
            self.run_(out, "--set", "stop.rounds=%d" % first, "--resume", "--workers", 3)
            self.assertEqual(self.ended(out), part)
            self.assertEqual(self.lines(out), lines, "the last line stands twice")
            self.run_(out, "--resume", "--workers", 2)
            self.assertEqual(self.ended(out), whole)

    def interrupted(self, out):
        """Some rounds on, by a signal.  False: it was over before; then it is anew where seconds stopped it."""
        before = self.result(out)["rounds"]  # the file goes as soon as the job goes on
        run = subprocess.Popen([self.installed("bin", "rondo"), "run", self.path("job.json"), "--out",
                                self.path(out), "--resume", "--quiet", "--workers", "2"],
                               env=dict(os.environ, RONDO_APP_PATH=self.apps))
        wait_for("some rounds", 20, lambda: run.poll() is not None or self.lines(out)[-1]["round"] > before + 100)
        run.send_signal(signal.SIGINT)
        status = run.wait(300)
        self.assertIn(status, (0, 130))
        if status == 0:
            self.run_(out, "--force", "--set", "stop.seconds=0.05", "--workers", 2)
        return status == 130

    def test_a_stop_by_seconds_and_by_a_signal(self):
        self.spec(rounds=40000)
        self.run_("whole")
        whole = self.ended("whole")
        self.run_("parts", "--set", "stop.seconds=0.05", "--workers", 2)
        self.assertEqual(self.result("parts")["stop_reason"], "seconds")
        self.ended("parts")
        self.assertTrue(any(self.interrupted("parts") for _ in range(10)), "it was over each time")
        self.assertEqual(self.result("parts")["state"], "interrupted")
        self.assertNotIn("concluded", self.result("parts")["metrics"])
        self.run_("parts", "--resume", "--workers", 2)
        self.assertEqual(self.ended("parts"), whole)

    def test_workers_that_have_nothing_to_do_are_counted(self):
        self.spec(rounds=3)
        for workers, notes in ((8, ["3 of 8 workers have nothing to do: the grid is 7 x 5, cut from the data"]),
                               (5, [])):
            self.run_("w%d" % workers, "--workers", workers)
            self.assertEqual(self.result("w%d" % workers)["notes"], notes)

    def test_workers_of_a_service(self):
        spec = self.spec(rounds=24)
        self.run_("here")
        here = self.ended("here")
        coordinator = Coordinator(self, env={"RONDO_APP_PATH": self.apps})
        for number in range(3):
            coordinator.worker("w%d" % number, "--threads", 1 + number % 2,
                               env={"RONDO_APP_PATH": self.apps})
        coordinator.wait_workers(3)
        with open(spec, "rb") as stream:
            number = str(json.loads(coordinator.ask("/v1/jobs", stream.read(), "POST")[1])["id"])
        self.assertEqual(coordinator.wait_job(number)["state"], "completed")
        self.assertEqual(self.ended(os.path.join("state", "jobs", number)), here)

    def test_a_shard_that_cannot_be_read_is_named(self):
        spec = json.loads(open(self.spec(rounds=5), encoding="utf-8").read())
        for fail, words in (("shard.unpack", "shard.unpack failed"), ("conclude", "conclude failed")):
            self.write("job.json", json.dumps(dict(spec, params={"fail": fail})))
            done = self.call("run", self.path("job.json"), "--out", self.path(fail), "--quiet", apps=self.apps)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("the app \"rotate\": " + words, self.said(done))
            self.assertEqual(self.result(fail)["state"], "failed")
            self.assertFalse(os.path.exists(self.path(fail, "shards.bin")))


if __name__ == "__main__":
    unittest.main()
