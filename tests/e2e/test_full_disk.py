"""A disk that is full, a small tmpfs: the job fails with the reason, and nothing else breaks."""

import json
import os
import sqlite3
import subprocess
import unittest

import support
from cluster import Coordinator

FULL = "No space left|disk is full"


class FullDisk(support.Case):
    def disk(self, size="2m"):
        """A folder on a disk of that size."""
        path = self.path("disk")
        os.mkdir(path)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=" + size, "none", path],
                              capture_output=True, text=True, check=False)
        if done.returncode:
            self.skipTest("no mounts here: " + done.stderr.strip())
        self.addCleanup(subprocess.run, ["umount", "-l", path], check=False)
        return path

    def fill(self, folder, leave=0):
        """All that there is but `leave` bytes; the file."""
        path = os.path.join(folder, "filler")
        with open(path, "wb", buffering=0) as stream:
            try:
                while True:
                    stream.write(bytes(4096))
            except OSError:
                stream.truncate(max(0, stream.tell() // 4096 * 4096 - leave))
        return path

    def specs(self):
        """(a job that writes much, one that writes little)"""
        x, y = self.generate("d", design="sparse", rows=100, cols=400, density=0.05, seed=3)
        rounds = {"blocks": 1, "block_size": 1, "priority": {"rule": "uniform"}}
        large = self.spec(x, y, name="large.json", trace="all", schedule=rounds,
                          stop={"gap": 0, "rounds": 10 ** 7}, checkpoint={"seconds": 1})
        return large, self.spec(x, y, name="little.json", trace="off")

    def sound(self, state):
        """The job store, as SQLite and as jobs."""
        with sqlite3.connect(os.path.join(state, "jobs.db")) as store:
            self.assertEqual(store.execute("PRAGMA integrity_check").fetchall(), [("ok",)])

    def no_leavings(self, folder):
        left = [name for _, _, names in os.walk(folder) for name in names if ".tmp." in name]
        self.assertEqual(left, [])

    def forget_trace(self, folder):
        for name in os.listdir(folder):
            if name.startswith("trace.db"):
                os.unlink(os.path.join(folder, name))

    # ---- the service -----------------------------------------------------------------------------

    def test_a_job_that_fills_it_fails_and_the_next_completes(self):
        large, little = self.specs()
        disk = self.disk()
        coordinator = Coordinator(self, state="disk/state")
        coordinator.worker("one")
        number = coordinator.submit(large)
        job = coordinator.wait_job(number)
        self.assertEqual(job["state"], "failed", job)
        self.assertRegex(job["error"], FULL)
        said = coordinator.call("status", number)
        self.assertRegex(said.stdout + said.stderr, FULL)
        result = coordinator.result(number)
        self.assertEqual((result["state"], result["stop_reason"]), ("failed", "error"))
        self.no_leavings(disk)
        self.sound(coordinator.state)
        self.forget_trace(os.path.join(coordinator.state, "jobs", number))
        number = coordinator.submit(little)
        self.assertEqual(coordinator.wait_job(number)["state"], "completed")
        self.sound(coordinator.state)

    def test_a_submit_is_refused_whole_and_kept_when_there_is_room(self):
        _, little = self.specs()
        disk = self.disk()
        coordinator = Coordinator(self, state="disk/state")
        with open(little, "rb") as stream:
            spec = stream.read()
        filler = self.fill(disk)
        refused = 0
        for _ in range(200):  # what is left in the last page of the log takes a few
            status, body = coordinator.ask("/v1/jobs", spec)
            refused += status == 507
            self.assertIn(status, (201, 507), body)
            if refused == 3:
                break
        self.assertEqual(refused, 3, "the disk never was full")
        error = json.loads(body)["error"]
        self.assertEqual(error["code"], "disk")
        self.assertRegex(error["message"], FULL)
        done = coordinator.call("submit", little)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertRegex(done.stderr, FULL)
        accepted = len(json.loads(coordinator.ask("/v1/jobs?limit=1000")[1])["jobs"])
        self.sound(coordinator.state)
        os.unlink(filler)
        number = coordinator.submit(little)
        listed = json.loads(coordinator.ask("/v1/jobs?limit=1000")[1])["jobs"]
        self.assertEqual(len(listed), accepted + 1)
        coordinator.worker("one")
        for job in listed:
            self.assertEqual(coordinator.wait_job(job["id"])["state"], "completed")
        self.assertEqual(coordinator.job(number)["starts"], 1)
        self.sound(coordinator.state)

    def test_a_job_that_runs_when_somebody_else_fills_it(self):
        large, little = self.specs()
        disk = self.disk()
        coordinator = Coordinator(self, state="disk/state")
        coordinator.worker("one")
        number = coordinator.submit(large, "trace=rounds")
        coordinator.wait_progress(number)
        filler = self.fill(disk)
        job = coordinator.wait_job(number)
        self.assertEqual(job["state"], "failed", job)
        self.assertRegex(job["error"], FULL)
        os.unlink(filler)
        number = coordinator.submit(little)
        self.assertEqual(coordinator.wait_job(number)["state"], "completed")
        self.sound(coordinator.state)

    # ---- rondo run ---------------------------------------------------------------------------------

    def test_rondo_run_says_the_reason_and_leaves_a_result(self):
        large, little = self.specs()
        disk = self.disk()
        out = os.path.join(disk, "out")
        done = support.call("run", large, "--out", out)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr.strip().split("\n")[-1], FULL)
        result = self.result(out)
        self.assertEqual((result["state"], result["stop_reason"]), ("failed", "error"))
        self.no_leavings(disk)
        done = support.call("run", little, "--out", out, "--force")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertFalse([name for name in os.listdir(out) if "trace" in name])

    def test_a_file_that_may_not_grow_is_an_error_and_no_end_by_a_signal(self):
        large, little = self.specs()
        self.run_job(little, "done", "--trace", "all")
        most = 16384
        for words, name in ((["run", large, "--out", self.path("out"), "--quiet"], "trace.db"),
                            (["data", "generate", "lasso", "--out", self.path("new")], "x.npy"),
                            (["trace", "export", self.path("done"), "--format", "html", "--out",
                              self.path("page")], "page")):
            done = subprocess.run(["prlimit", "--fsize=%d" % most, support.RONDO, *words],
                                  capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 1, (words, done.stderr))
            self.assertRegex(done.stderr, r"^rondo: [^\n]*%s: cannot write[^\n]*\n\Z" % name)
            self.no_leavings(self.dir)

    def test_rondo_run_where_there_is_no_room_at_all(self):
        _, little = self.specs()
        disk = self.disk()
        self.fill(disk)
        done = support.call("run", little, "--out", os.path.join(disk, "out"))
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr, FULL)
        self.no_leavings(disk)


if __name__ == "__main__":
    unittest.main()
