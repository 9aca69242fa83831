"""What coordinator and worker write: one event a line, in logfmt, and levels that choose."""

import datetime
import json
import os
import unittest

import cluster
import logfmt
import support
from cluster import Coordinator, wait_for


class TheReader(unittest.TestCase):
    """It must not take what is no logfmt, or the tests below say nothing."""

    def test_it_is_strict(self):
        head = "time=2026-11-29T19:15:00.123Z level=info "
        good = logfmt.event(head + r'msg="a \"b\" \\ \u001b[2J\n\u0085 = \u00f6" job=17')
        self.assertEqual((good["msg"], good["job"]), ('a "b" \\ \x1b[2J\n\x85 = \xf6', "17"))
        for bad in ("", "rondo: hello", head + "msg=two words", head + 'msg="open', head + 'msg="a"b',
                    head + "msg=x job=", head + "msg=x  job=1", head + "msg=x ", head + 'msg="x"',
                    head + 'msg="a\x1b"', head + r'msg="a \x1b"', head + "msg=x job=1 job=2",
                    head.replace("info", "loud") + "msg=x", head.replace("Z", "") + "msg=x",
                    "level=info time=2026-11-29T19:15:00.123Z msg=x"):
            with self.subTest(bad):
                self.assertRaises(ValueError, logfmt.event, bad)


class Logs(support.Case):
    def job(self, **more):
        x = self.write("x.svm", "".join("%d 1:%d 2:%d 3:1\n" % (i % 3, i, i * i % 7) for i in range(40)))
        return self.spec(x, **more)

    def test_a_whole_job_is_told_in_events(self):
        began = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=0.002)
        coordinator = Coordinator(self, "--log-level", "debug")
        worker = coordinator.worker('w "1" = \\', "--log-level", "debug")
        coordinator.wait_workers(1)
        good = coordinator.submit(self.job())
        self.assertEqual(coordinator.wait_job(good)["state"], "completed")
        gone = coordinator.submit(self.job(seed=2))
        self.assertEqual(coordinator.wait_job(gone)["state"], "completed")
        worker.end()
        wait_for("it is gone", 20, lambda: not coordinator.workers())
        coordinator.end()
        events = coordinator.events()
        times = [e["time"] for e in events] + [datetime.datetime.now(datetime.timezone.utc)]
        self.assertGreaterEqual(min(times), began)
        self.assertEqual(times, sorted(times))
        told = {number: [e for e in events if e.get("job") == number] for number in (good, gone)}
        for number, own in told.items():
            self.assertEqual(own[0]["msg"], "job %s: lasso begins" % number)
            self.assertEqual([e["level"] for e in own if e["msg"] == "job %s: completed, gap" % number], ["info"])
        self.assertIn("columns are constant", " ".join(e["msg"] for e in told[good]))  # by the job's own thread
        for words in ("takes part", "has come from", "is gone"):
            (one,) = [e for e in events if words in e["msg"] and e.get("job") in (good, None)]
            self.assertEqual(one["worker"], 'w "1" = \\', one)
        self.assertRegex([e for e in events if "has come" in e["msg"]][0]["peer"], r"^127\.0\.0\.1:\d+$")
        self.assertIn("debug", {e["level"] for e in events})
        events = worker.events()
        self.assertTrue(events)
        self.assertEqual({e["worker"] for e in events}, {'w "1" = \\'})

    def test_levels(self):
        config = self.write("config.json", json.dumps({"log_level": "error"}))
        for words, expect in (((), {"info"}), (("--log-level", "warning"), set()), (("--quiet",), set()),
                              (("--quiet", "--log-level", "debug"), {"info", "debug"}),
                              (("--config", config), set()),
                              (("--config", config, "--log-level", "info"), {"info"})):
            with self.subTest(words):
                name = "c%d" % len(os.listdir(self.dir))
                coordinator = Coordinator(self, *words, state=name, name=name)
                worker = coordinator.worker("w-" + name)
                coordinator.wait_workers(1)
                worker.end()
                coordinator.end()
                self.assertEqual({e["level"] for e in coordinator.events()}, expect)

    def test_what_ends_the_process_is_one_line_of_the_contract(self):
        for words, line in ((("coordinator", "--log-level", "loud"), r"coordinator: --log-level is error, "),
                            (("worker", "--log-level", "", "--coordinator", "tcp://127.0.0.1:1"),
                             r"worker: --log-level is error, "),
                            (("coordinator", "--http", "nowhere"), r"--http: ")):
            done = support.call(*words)
            self.assertEqual(done.returncode, 2)
            self.assertRegex(done.stderr, r"\Arondo: %s[^\n]*\n\Z" % line)
        with Nobody() as url:
            for patience in (0.1, 1, 10, 100):  # the first attempt alone may have used it up
                process = cluster.Process(self, "lonely%g" % patience, "worker", "--coordinator", url,
                                          "--patience", patience)
                self.assertEqual(process.wait(30), 3)
                *events, end = process.said().splitlines()
                if events:
                    break
        self.assertIn("dialling again", logfmt.event(events[0])["msg"])
        self.assertRegex(end, "^rondo: .*: ")


class Nobody:
    """An address where none listens."""

    def __enter__(self):
        import socket
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        return "tcp://127.0.0.1:%d" % self.socket.getsockname()[1]

    def __exit__(self, *_):
        self.socket.close()


if __name__ == "__main__":
    unittest.main()
