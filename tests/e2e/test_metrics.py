"""/metrics by another's reading: Prometheus's own parser, its naming rules, and counters that never fall."""

import re
import time
import unittest

import cluster
import support
from cluster import Coordinator, wait_for

try:
    from prometheus_client.parser import text_string_to_metric_families
except ImportError:
    text_string_to_metric_families = None

BASE_UNITS = ("seconds", "bytes")
OTHER_UNITS = re.compile(r"_(ms|us|ns|milliseconds|microseconds|minutes|kb|mb|kib|mib|kilobytes|percent)(_|$)")


@unittest.skipUnless(text_string_to_metric_families, "there is no python3-prometheus-client")
class Metrics(support.Case):
    def setUp(self):
        super().setUp()
        x, y = self.generate("data", design="sparse", rows=300, cols=2000, density=0.02, seed=3)
        self.long = self.endless(x, y, trace="off")
        self.short = self.spec(x, y, name="short.json", stop={"gap": 1e-3})
        self.began = time.time()
        self.coordinator = Coordinator(self)
        self.coordinator.worker("one", "--threads", "2")
        self.coordinator.wait_workers(1)

    def families(self):
        status, body = self.coordinator.ask("/metrics")
        self.assertEqual(status, 200)
        text = body.decode()
        families = list(text_string_to_metric_families(text))
        self.assertEqual(len(families), len(re.findall("^# TYPE ", text, re.M)))
        self.assertEqual(len(families), len(re.findall("^# HELP ", text, re.M)))
        return {family.name: family for family in families}

    def samples(self):
        return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value
                for family in self.families().values() for sample in family.samples}

    def test_names_and_units(self):
        families = self.families()
        for name, family in families.items():
            with self.subTest(name):
                self.assertRegex(name, r"^(rondo|process)_[a-z0-9_]+$")
                self.assertIn(family.type, ("counter", "gauge"))
                self.assertTrue(family.documentation.endswith("."))
                self.assertTrue(family.samples)
                self.assertIsNone(OTHER_UNITS.search(name))
                for unit in BASE_UNITS:  # the unit is last
                    self.assertTrue(unit not in name.split("_") or name.endswith("_" + unit), name)
                labels = [tuple(sorted(sample.labels.items())) for sample in family.samples]
                self.assertEqual(len(labels), len(set(labels)))
                for sample in family.samples:
                    total = family.type == "counter"
                    self.assertEqual(sample.name, name + "_total" * total)
                    self.assertGreaterEqual(sample.value, 0)
                    for key in sample.labels:
                        self.assertRegex(key, r"^[a-z_]+$")
        self.assertEqual(len({family.name for family in families.values()}), len(families))

    def test_they_say_what_goes_on(self):
        coordinator, before = self.coordinator, self.samples()
        number = coordinator.submit(self.long)
        last, none = before, ()
        wait_for("rounds are counted", 20, lambda: self.samples()["rondo_updates_total", none])
        for _ in range(10):
            now = self.samples()
            for key, value in last.items():
                if key[0].endswith("_total"):
                    self.assertGreaterEqual(now[key], value, key)
            last = now
            time.sleep(0.1)
        self.assertEqual(last["rondo_jobs", (("state", "running"),)], 1)
        self.assertEqual(last["rondo_workers", (("state", "working"),)], 1)
        self.assertEqual(last["rondo_worker_seats", none], 2)
        coordinator.ask("/v1/jobs/%s/cancel" % number, b"", "POST")
        coordinator.wait_job(number)
        cancelled = coordinator.result(number)
        number = coordinator.submit(self.short)
        coordinator.wait_job(number)
        result, end = coordinator.result(number), self.samples()
        self.assertEqual(end["rondo_jobs_submitted_total", none], 2)
        self.assertEqual(end["rondo_jobs_ended_total", (("state", "completed"),)], 1)
        self.assertEqual(end["rondo_jobs_ended_total", (("state", "cancelled"),)], 1)
        self.assertGreaterEqual(end["rondo_rounds_total", none], last["rondo_rounds_total", none] + result["rounds"])
        self.assertGreater(last["rondo_updates_total", none], 0)
        self.assertEqual(end["rondo_updates_total", none], cancelled["updates"] + result["updates"])
        self.assertGreater(end["rondo_solve_seconds_total", none], 0)
        self.assertEqual(end["rondo_http_malformed_total", none], 0)
        began = end["process_start_time_seconds", none]  # by the machine's own start, which is known to a second or so
        self.assertTrue(self.began - 5 < began < time.time() + 5, (self.began, began))


if __name__ == "__main__":
    unittest.main()
