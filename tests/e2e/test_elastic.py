"""What may happen to a job while it runs: workers killed, added, stopped; the coordinator killed."""

import os
import signal
import time
import unittest

import cluster
import support
from cluster import Coordinator, wait_for
from support import needs_shared, shared

PROBE_ROUNDS = 3000  # what tells how many rounds a second there are
SOME = [{"gap": 1e-9, "rounds": 40000 * 3 ** i} for i in range(4)]  # seconds of small rounds, and more


class Elastic(support.Case):
    def news20(self, rounds):
        """In small rounds, of which its goal takes more than anybody waits for: rounds end it."""
        return self.spec(shared("news20.svm.gz"), params={"lambda_ratio": 0.004},
                         schedule={"blocks": 1, "block_size": 1, "candidates": 8},
                         stop={"gap": 1e-8, "rounds": rounds}, checkpoint={"seconds": 1, "snapshot_rounds": 500})

    def rate(self, coordinator):
        """Rounds a second, as of now: the machine does other things too."""
        number = coordinator.submit(self.news20(PROBE_ROUNDS))
        self.assertEqual(coordinator.wait_job(number)["state"], "completed")
        return PROBE_ROUNDS / coordinator.result(number)["seconds"]["solve"]

    def rounds(self, coordinator, number):
        return (coordinator.job(number).get("glance") or {}).get("rounds", 0)

    def moves_on(self, coordinator, number, seconds=60):
        """A later round is told, or the job has ended."""
        before = self.rounds(coordinator, number)
        wait_for("a later round than %d" % before, seconds,
                 lambda: self.rounds(coordinator, number) > before
                 or coordinator.job(number)["state"] != "running")

    @needs_shared
    def test_news20_through_all_of_it(self):
        all_of_it = ["killed", "added", "stopped", "coordinator killed", "left"]
        for seconds in (40, 120, 360):
            happened = self.go_through(seconds)
            if happened == all_of_it:
                return
        self.fail("the longest job was over before all had happened: %s" % happened)

    def go_through(self, seconds):
        """What happened while a job of about so many seconds ran, which ends as it does alone."""
        state = "state%d" % seconds
        coordinator = Coordinator(self, "--lease", 2, state=state)
        workers = [coordinator.worker("w%d" % i) for i in range(3)]
        coordinator.wait_workers(3)
        spec = self.news20(int(seconds * self.rate(coordinator)))
        number = coordinator.submit(spec)
        coordinator.wait_progress(number)
        happened = []

        def happens(what):
            self.moves_on(coordinator, number)
            if coordinator.job(number)["state"] == "running":
                happened.append(what)

        happens("killed")
        workers[0].kill()
        coordinator.wait_workers(2)
        happens("added")
        workers += [coordinator.worker("w%d" % i) for i in (3, 4)]
        coordinator.wait_workers(4)
        happens("stopped")
        workers[1].signal(signal.SIGSTOP)
        coordinator.wait_workers(3)
        time.sleep(10)
        workers[1].signal(signal.SIGCONT)
        coordinator.wait_workers(4)
        happens("coordinator killed")
        coordinator.kill()
        time.sleep(1)
        coordinator = Coordinator(self, "--lease", 2, state=state, listen=coordinator.listen,
                                  http=coordinator.http[len("http://"):])
        coordinator.wait_workers(4)
        happens("left")
        workers[2].signal(signal.SIGTERM)
        self.assertEqual(workers[2].wait(), 0, workers[2].said())
        job = coordinator.wait_job(number)
        self.assertEqual(job["state"], "completed", job)
        result, want = coordinator.result(number), self.solve(spec, "whole%d" % seconds, "--workers", 2)
        for key in ("model_sha256", "objective", "rounds", "updates"):
            self.assertEqual(result[key], want[key], key)
        if "left" in happened:
            self.assertEqual(job["starts"], 2)
        for process in [*workers, coordinator]:
            process.end()
        return happened

    def some(self, stop):
        x, y = self.generate("d", design="sparse", rows=400, cols=3000, density=0.02, seed=3)
        return self.spec(x, y, stop=stop, params={"lambda_ratio": 0.08}, checkpoint={"seconds": 3600},
                         schedule={"blocks": 1, "block_size": 1, "candidates": 1})

    def amid(self, happens):
        """What happens amid a job; with a longer one where that was over before: False."""
        for stop in SOME:
            if happens(self.some(stop)):
                return
        self.fail("each job was over before")

    def test_a_stop_of_the_coordinator_keeps_a_checkpoint(self):
        self.amid(self.stops_the_coordinator)

    def stops_the_coordinator(self, spec):
        coordinator = Coordinator(self)
        coordinator.worker("one")
        number = coordinator.submit(spec)
        coordinator.wait_progress(number)
        coordinator.signal(signal.SIGTERM)
        status = coordinator.wait()
        self.assertIn(status, (0, 75), coordinator.said())
        again = Coordinator(self, listen=coordinator.listen)
        job = again.wait_job(number)
        self.assertEqual(job["state"], "completed", job)
        want = self.solve(spec, "whole", "--force")
        self.assertEqual(again.result(number)["model_sha256"], want["model_sha256"])
        again.end()
        self.assertEqual(job["starts"], 2 if status == 75 else 1)
        return status == 75

    def test_workers_are_shared_out_and_come_back(self):
        x, y = self.generate("d", design="sparse", rows=400, cols=3000, density=0.02, seed=3)
        endless = self.endless(x, y)
        coordinator = Coordinator(self)
        for i in range(3):
            coordinator.worker("w%d" % i)
        coordinator.wait_workers(3)
        first = coordinator.submit(endless)

        def have(count):
            return lambda: coordinator.job(first).get("workers") == count
        wait_for("all three", 20, have(3))
        others = [coordinator.submit(endless) for _ in range(2)]
        wait_for("one each", 20, lambda: have(1)() and all(
            coordinator.job(number).get("workers") == 1 for number in others))
        for number in others:
            coordinator.call("cancel", number)
            self.assertEqual(coordinator.wait_job(number)["state"], "cancelled")
        wait_for("all three again", 20, have(3))
        coordinator.call("cancel", first)
        self.assertEqual(coordinator.wait_job(first)["state"], "cancelled")

    def test_a_job_outlives_its_last_worker(self):
        self.amid(self.loses_the_last_worker)

    def loses_the_last_worker(self, spec):
        coordinator = Coordinator(self)
        only = coordinator.worker("only")
        number = coordinator.submit(spec)
        coordinator.wait_progress(number)
        only.kill()
        coordinator.wait_workers(0)
        job = wait_for("it waits, or is over", 20, lambda: (lambda job: job if job["state"] != "running"
                                                             or "waiting" in job else None)(coordinator.job(number)))
        if running := job["state"] == "running":
            self.assertIn("worker", job["waiting"])
            coordinator.worker("next")
        self.assertEqual(coordinator.wait_job(number)["state"], "completed")
        want = self.solve(spec, "whole", "--force")
        self.assertEqual(coordinator.result(number)["model_sha256"], want["model_sha256"])
        coordinator.end()
        return running


if __name__ == "__main__":
    unittest.main()
