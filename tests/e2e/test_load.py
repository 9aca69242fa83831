"""Fifty clients submit at once: nothing is lost, nothing is done twice, nothing grows."""

import json
import re
import threading
import unittest

import cluster
import storm
import support
from cluster import Coordinator, wait_for

CLIENTS = 50
JOBS = 150 if support.SANITIZED else 1000
GROWTH = 64 * 2 ** 20


class Load(support.Case):
    def begin(self):
        x, y = self.generate("d", design="ar", rows=40, cols=60, seed=1)
        self.spec_text = json.dumps({"version": 1, "app": "lasso", "data": {"x": x, "y": y},
                                     "params": {"lambda_ratio": 0.2}}).encode()
        coordinator = Coordinator(self)
        workers = [coordinator.worker("w%d" % i) for i in range(2)]
        coordinator.wait_workers(2)
        return coordinator, workers

    def body(self, number):
        """The number is the job's name."""
        return self.spec_text.replace(b"{", b'{"name": "job %d", ' % number, 1)

    def drain(self, coordinator, seconds=400):
        wait_for("all jobs end", seconds, lambda: not storm.unfinished(coordinator.http), 0.1)

    def check(self, coordinator, ids, starts=(1,)):
        """Every id that a client was given is a job that was done once, with the one model."""
        self.assertEqual(len(set(ids.values())), len(ids), "an id was given twice")
        jobs = storm.list_all(coordinator.http)
        self.assertLessEqual(set(ids.values()), set(jobs), "a job is lost")
        self.assertEqual({number: jobs[i]["name"] for number, i in ids.items()},
                         {number: "job %d" % number for number in ids})
        self.assertEqual({job["state"] for job in jobs.values()}, {"completed"})
        self.assertLessEqual({job["starts"] for job in jobs.values()}, set(starts))
        results = storm.results(coordinator.http, jobs)
        self.assertEqual([i for i in jobs if results[i]["job"] != i], [])
        self.assertEqual(len({result["model_sha256"] for result in results.values()}), 1)
        said = re.findall(r"job (\d+): completed", coordinator.said())
        self.assertEqual(len(said), len(set(said)), "a job has ended twice")
        return jobs

    def test_a_thousand_jobs_of_fifty_clients(self):
        coordinator, workers = self.begin()
        first = storm.Storm(coordinator.http, self.body, JOBS // 10, CLIENTS).begin().end()
        self.drain(coordinator)
        before = [storm.weigh(p.pid) for p in (coordinator, *workers)]
        over, times = threading.Event(), {}
        reader = threading.Thread(target=lambda: times.update(
            storm.poll(coordinator.http, over.is_set, 0.005)))
        reader.start()
        clients = storm.Storm(coordinator.http, lambda i: self.body(i + JOBS // 10), JOBS, CLIENTS)
        clients.begin().end()
        self.drain(coordinator)
        over.set()
        reader.join()
        after = [storm.weigh(p.pid) for p in (coordinator, *workers)]
        self.assertEqual(first.refused + clients.refused, [])
        ids = first.ids | {n + JOBS // 10: i for n, i in clients.ids.items()}
        self.assertEqual(len(ids), JOBS + JOBS // 10)
        jobs = self.check(coordinator, ids)
        self.assertEqual(len(jobs), len(ids))
        begun = re.findall(r"job (\d+): lasso begins", coordinator.said())
        self.assertEqual(sorted(begun), sorted(jobs), "a job was run twice, or never")
        waits = storm.percentile(times["healthz"], 50)  # whatever it asks for; what it takes alone: see bench
        for what in ("list", "list of 1000", "status"):
            self.assertLess(storm.percentile(times[what], 50), 0.5 * cluster.SLOW + 10 * waits, what)
        for was, now in zip(before, after):
            if not support.SANITIZED:
                self.assertLess(now["rss"] - was["rss"], GROWTH)
        wait_for("threads and files are let go", 60, lambda: all(
            now["threads"] <= was["threads"] + 2 and now["files"] <= was["files"] + 16 for was, now in zip(
                before, [storm.weigh(p.pid) for p in (coordinator, *workers)])))

    def test_the_coordinator_is_killed_amid_the_storm(self):
        coordinator, workers = self.begin()
        jobs = JOBS // 2
        # A fifth, and what is on its way to every client, is less than all.
        clients = storm.Storm(coordinator.http, self.body, jobs, CLIENTS, (jobs // 5, coordinator.kill))
        clients.begin().end()
        self.assertTrue(clients.refused, "the storm was over before")
        again = Coordinator(self, name="again", listen=coordinator.listen)
        again.wait_workers(2, 30)
        left = [int(job["id"]) for job in storm.list_all(again.http).values()]
        self.assertLessEqual(set(clients.ids.values()), {str(i) for i in left})
        later = storm.Storm(again.http, lambda i: self.body(i + jobs), CLIENTS, CLIENTS)
        later.begin().end()
        self.assertGreater(min(int(i) for i in later.ids.values()), max(left))
        self.drain(again)
        ids = clients.ids | {n + jobs: i for n, i in later.ids.items()}
        found = self.check(again, ids, (1, 2))
        # One without an id in a client's hands was on the disk before its answer was on its way.
        self.assertLessEqual(len(found), len(ids) + CLIENTS)
        names = [job["name"] for job in found.values()]
        self.assertEqual(len(names), len(set(names)))
        ended = re.findall(r"job (\d+): completed", coordinator.said() + again.said())
        self.assertLessEqual(len(ended) - len(set(ended)), 2)  # said, and killed before it was kept
        twice = [i for i, job in found.items() if job["starts"] == 2]
        self.assertLessEqual(len(twice), 8)
        for worker in workers:
            self.assertTrue(worker.running(), worker.said())


if __name__ == "__main__":
    unittest.main()
