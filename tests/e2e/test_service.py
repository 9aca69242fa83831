"""Jobs over sockets: the same bits as rondo run, and the life of a coordinator and its workers."""

import json
import os
import signal
import time
import unittest

import cluster
import support
from cluster import Coordinator, wait_for
from support import needs_shared, shared


class Service(support.Case):
    def data(self, name="small"):
        return self.generate(name, design="sparse", rows=400, cols=3000, density=0.02, seed=3)

    def make(self, name="small", **more):
        return self.spec(*self.data(name), name=name + ".json", **more)

    # ---- the same bits --------------------------------------------------------------------------

    def same_bits(self, spec, counts, threads=(1,)):
        want = self.solve(spec, "whole", "--workers", 2)
        coordinator = Coordinator(self)
        workers = []
        for count in counts[2:3] if support.SANITIZED else counts:
            while len(workers) < count:
                workers.append(coordinator.worker("w%d" % len(workers), "--threads",
                                                  threads[len(workers) % len(threads)]))
            coordinator.wait_workers(count)
            with self.subTest(workers=count):
                number = coordinator.submit(spec)
                job = coordinator.wait_job(number)
                self.assertEqual(job["state"], "completed", job)
                result = coordinator.result(number)
                for key in ("model_sha256", "objective", "rounds", "updates"):
                    self.assertEqual(result[key], want[key], key)
                self.assertEqual(result["job"], number)

    @needs_shared
    def test_leukemia(self):
        self.same_bits(self.spec(shared("leukemia.X.npy"), shared("leukemia.y.npy")), (1, 2, 3, 7))

    @needs_shared
    def test_riboflavin(self):
        self.same_bits(self.spec(shared("riboflavin.X.npy"), shared("riboflavin.y.npy"),
                                 params={"lambda_ratio": 0.01}), (1, 2, 3, 7))

    @needs_shared
    def test_news20(self):
        self.same_bits(self.spec(shared("news20.svm.gz"), params={"lambda_ratio": 0.01}),
                       (1, 2, 3, 7))

    def test_processes_of_several_threads(self):
        self.same_bits(self.make(), (1, 2, 3), threads=(2, 1, 3))

    # ---- clients -----------------------------------------------------------------------------------

    def test_submit_and_follow_fetch_and_the_rest(self):
        spec = self.make()
        coordinator = Coordinator(self)
        worker = coordinator.worker("one")
        done = coordinator.call("submit", spec, "--follow")
        self.assertEqual(done.returncode, 0, done.stderr)
        number = done.stdout.strip()
        self.assertRegex(number, r"^\d+$")
        for words, part in ((("list",), "completed"), (("status", number), "completed"),
                            (("workers",), "one")):
            done = coordinator.call(*words)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(part, done.stdout)
        done = coordinator.call("fetch", number, "--out", self.path("fetched"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(support.sha256(self.path("fetched", "coef.mtx")),
                         self.result("fetched")["model_sha256"])
        worker.signal(signal.SIGTERM)
        self.assertEqual(worker.wait(), 0, worker.said())
        coordinator.signal(signal.SIGTERM)
        self.assertEqual(coordinator.wait(), 0, coordinator.said())

    def test_no_coordinator_is_exit_3_within_5_seconds_with_the_address(self):
        spec = self.make()
        for left in (4, 3, 2, 1, 0):  # what a busy machine takes besides it takes now and then
            begin = time.monotonic()
            done = support.call("submit", spec, "--coordinator", "http://127.0.0.1:9")
            if time.monotonic() - begin < 5 * cluster.SLOW:
                break
            self.assertTrue(left, "five times it took longer")
        self.assertEqual(done.returncode, 3)
        self.assertIn("127.0.0.1:9", done.stderr)
        self.assertEqual(len(done.stderr.strip().split("\n")), 1)

    # ---- life -----------------------------------------------------------------------------------------

    def test_a_second_coordinator_on_the_same_state_is_refused(self):
        coordinator = Coordinator(self)
        done = support.call("coordinator", "--state", coordinator.state, "--http", "127.0.0.1:0",
                            timeout=600)
        self.assertEqual(done.returncode, 2)
        self.assertIn(coordinator.state, done.stderr)

    def test_an_option_that_cannot_be_is_said_by_its_name(self):
        config = self.write("config.json", '{"jobs": 1000}')
        for words, said in ((("--listen", "foo"), '--listen: "foo" begins with neither tcp://'),
                            (("--http", "foo"), '--http: "foo" is not HOST:PORT'),
                            (("--http", "foo:80"), '--http: "foo:80" is not HOST:PORT'),
                            (("--state", ""), "--state: it names no folder"),
                            (("--config", config), "a number from 1 to 256 is wanted")):
            done = support.call("coordinator", "--http", "127.0.0.1:0", *words, timeout=600)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(said, done.stderr)

    def test_beyond_loopback_it_wants_a_token_and_tls(self):
        for words in (("--listen", "tcp://0.0.0.0:0"), ("--http", "0.0.0.0:0")):
            done = support.call("coordinator", *words, "--state", self.path("s"), timeout=600)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn("token", done.stderr)
            self.assertFalse(os.path.exists(self.path("s")))

    def test_the_token_is_asked_of_workers_and_clients(self):
        right = self.write("token", "correct-horse\n")
        wrong = self.write("wrong", "battery-staple\n")
        for path in (right, wrong):
            os.chmod(path, 0o600)
        coordinator = Coordinator(self, "--token-file", right)
        for words in ((), ("--token-file", wrong)):
            worker = coordinator.worker("w" + "x" * len(words), *words)
            self.assertEqual(worker.wait(20), 3, worker.said())
            self.assertIn("token", worker.said())
            done = coordinator.call("list", *words)
            self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("token", coordinator.said())
        coordinator.worker("good", "--token-file", right)
        wait_for("the right token", 20, lambda: "good" in coordinator.call(
            "workers", "--token-file", right).stdout)

    def test_a_queue_goes_by_priority_and_arrival(self):
        spec = self.make()
        coordinator = Coordinator(self, "--jobs", 1)
        order = [(0, "a"), (5, "b"), (0, "c"), (-5, "d"), (5, "e")]
        numbers = {name: coordinator.submit(spec, "queue.priority=%d" % priority, "name=" + name)
                   for priority, name in order}
        cancelled = coordinator.submit(spec)
        self.assertEqual(coordinator.call("cancel", cancelled).returncode, 0)
        coordinator.worker("one")
        jobs = {name: coordinator.wait_job(number) for name, number in numbers.items()}
        self.assertEqual(coordinator.job(cancelled)["state"], "cancelled")
        begun = coordinator.said()
        places = {name: begun.index("job %s: lasso begins" % number)
                  for name, number in numbers.items()}
        self.assertEqual(sorted(places, key=places.get), ["b", "e", "a", "c", "d"])
        self.assertEqual({job["state"] for job in jobs.values()}, {"completed"})

    def test_a_running_job_is_cancelled_and_follow_says_exit_4(self):
        spec = self.endless(*self.data())
        coordinator = Coordinator(self)
        coordinator.worker("one")
        follower = cluster.Process(self, "follower", "submit", spec, "--follow", "--coordinator",
                                   coordinator.http)
        wait_for("it is submitted", 20, lambda: coordinator.ask("/v1/jobs/1")[0] == 200)
        coordinator.wait_progress("1")
        self.assertEqual(coordinator.call("cancel", "1").returncode, 0)
        self.assertEqual(coordinator.wait_job("1")["state"], "cancelled")
        self.assertEqual(follower.wait(), 4, follower.said())
        self.assertEqual(coordinator.result("1")["state"], "cancelled")
        coordinator.end()
        self.assertIn("job 1: cancelled", [event["msg"] for event in coordinator.events()])

    def test_a_job_left_by_a_coordinator_is_cancelled_without_workers(self):
        spec = self.endless(*self.data())
        coordinator = Coordinator(self)
        worker = coordinator.worker("one")
        number = coordinator.submit(spec)
        coordinator.wait_progress(number)
        coordinator.kill()
        worker.kill()
        coordinator = Coordinator(self, name="again")
        other = coordinator.submit(self.make())
        self.assertEqual(coordinator.call("cancel", number).returncode, 0)
        self.assertEqual(coordinator.job(number)["state"], "cancelled")
        self.assertEqual(coordinator.call("watch", number).returncode, 4)
        coordinator.worker("two")
        self.assertEqual(coordinator.wait_job(other)["state"], "completed")
        self.assertEqual(coordinator.job(number)["state"], "cancelled")

    def test_a_job_without_a_worker_waits_and_says_so(self):
        spec = self.make()
        coordinator = Coordinator(self)
        number = coordinator.submit(spec)
        job = wait_for("it waits", 20, lambda: coordinator.job(number).get("waiting") and coordinator.job(number))
        self.assertEqual((job["state"], job["waiting"]), ("queued", "for a worker"))
        self.assertRegex(coordinator.call("status", number).stdout, "waiting +for a worker")
        coordinator.signal(signal.SIGTERM)  # it waits for the next coordinator, too
        self.assertEqual(coordinator.wait(), 75, coordinator.said())
        coordinator = Coordinator(self, name="again")
        follower = cluster.Process(self, "follower", "watch", number, "--coordinator",
                                   coordinator.http)
        wait_for("it is said", 20, lambda: "queued, and waits for a worker" in follower.said())
        coordinator.worker("late")
        job = coordinator.wait_job(number)
        self.assertEqual(job["state"], "completed")
        self.assertNotIn("waiting", job)

    def test_data_that_workers_do_not_see_are_sent(self):
        """The worker's own copy of the path holds other data of the same size, or none."""
        x, y = self.generate("data", design="sparse", rows=400, cols=3000, density=0.02, seed=3)
        spec = self.spec(x, y)
        want = self.solve(spec, "whole")
        coordinator = Coordinator(self)
        hide = ("unshare", "--mount", "sh", "-c", "mount -t tmpfs none %s && exec \"$@\""
                % os.path.dirname(x), "sh")
        other = self.path("other")
        os.mkdir(other)
        for path in (x, y):
            with open(path, "rb") as stream:
                content = bytearray(stream.read())
            with open(os.path.join(other, os.path.basename(path)), "wb") as stream:
                stream.write(content[:-8] + bytes(8) if path == y else content)
        mix = ("unshare", "--mount", "sh", "-c", "mount --bind %s %s && exec \"$@\""
               % (other, os.path.dirname(x)), "sh")
        if os.system("unshare --mount true 2>/dev/null") != 0:
            self.skipTest("no mount namespaces here")
        for name, prefix in (("hidden", hide), ("mixed", mix)):
            with self.subTest(data=name):
                worker = coordinator.worker(name, prefix=prefix)
                coordinator.wait_workers(1)
                number = coordinator.submit(spec)
                job = coordinator.wait_job(number)
                self.assertEqual(job["state"], "completed", job)
                self.assertEqual(coordinator.result(number)["model_sha256"], want["model_sha256"])
                self.assertIn("fetching", worker.said())
                worker.kill()
                coordinator.wait_workers(0)

    def test_a_job_that_fails_says_why(self):
        bad = self.write("bad.svm", "1 1:0.5\n2 1:zwei\n")
        coordinator = Coordinator(self)
        coordinator.worker("one")
        status, body = coordinator.ask("/v1/jobs", json.dumps(
            {"version": 1, "app": "lasso", "data": {"x": bad}}).encode())
        self.assertEqual(status, 201, body)
        job = coordinator.wait_job(json.loads(body)["id"])
        self.assertEqual(job["state"], "failed")
        self.assertIn("bad.svm:2", json.dumps(job))
        result = coordinator.result(job["id"])
        self.assertEqual((result["state"], result["stop_reason"]), ("failed", "error"))
        self.assertIn("zwei", result["error"])
        # The service goes on.
        number = coordinator.submit(self.make())
        self.assertEqual(coordinator.wait_job(number)["state"], "completed")


if __name__ == "__main__":
    unittest.main()
