"""Hundreds of peers that speak garbage, go half-way, or hang up hard: the coordinator goes on, and keeps nothing."""

import glob
import os
import random
import resource
import signal
import socket
import struct
import threading
import time
import unittest

import cluster
import stranger
import support
from cluster import wait_for
from stranger import Line, Worker

MANY = 60 if support.SANITIZED else 240


def held(*pids):
    """[descriptors and threads of each]"""
    return [len(os.listdir("/proc/%d/%s" % (pid, what))) for pid in pids for what in ("fd", "task")]


def leads_to_store(path):
    """A reader of the job store opens its log when it first reads, which the second does when two read at once."""
    try:
        return "/jobs.db" in os.readlink(path)
    except OSError:  # it is closed again
        return True


def kept(*pids):
    """[descriptors and threads of each], but for those of the job store"""
    return [count - sum(leads_to_store(path) for path in glob.glob("/proc/%d/fd/*" % pid)) * (what == 0)
            for pid in pids for what, count in enumerate(held(pid))]


def cpu_s(pid):
    with open("/proc/%d/stat" % pid, encoding="ascii") as stream:
        words = stream.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def hang_up(line, how):
    """By a reset, by a half, or as one should."""
    if how == "reset":
        line.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif how == "half":
        line.peer.shutdown(socket.SHUT_WR)
        line.ended()
    line.close()


def come(url, random_, number):
    """One who means no good; what it says and how it goes are drawn."""
    kind = number % 6
    try:
        if kind < 4:
            line = Line.dial(url)
            hello = stranger.head(stranger.HELLO, 200) + bytes(200)
            line.raw({0: b"", 1: random_.randbytes(random_.choice((1, 19, 20, 21, 300000))),
                      2: hello[:random_.randrange(1, len(hello))],
                      3: stranger.head(stranger.HELLO, 0xffffffff) + bytes(5000)}[kind])
        else:
            line = Worker.greeted(url, name=b"rough")
            beat = stranger.head(stranger.BEAT, 0, line.sequence)
            last = stranger.head(stranger.MESSAGE, 4000, line.sequence + 1) + bytes(4000)
            line.raw((beat + last)[:random_.randrange(1, 4040)] if kind == 4 else beat * 2)
        hang_up(line, random_.choice(("reset", "half", "close")))
    except (OSError, AssertionError, TypeError):  # it was closed before: there were too many of us
        pass


class RoughPeers(support.Case):
    def begin(self, listen):
        x, y = self.generate("data", design="sparse", rows=300, cols=2000, density=0.02, seed=3)
        self.job = self.spec(x, y, stop={"gap": 1e-9, "rounds": 300}, params={"lambda_ratio": 0.05},
                             schedule={"blocks": 2, "block_size": 2, "candidates": 8})
        self.want = self.solve(self.job, "whole")["model_sha256"]
        self.coordinator = cluster.Coordinator(self, listen=listen)
        self.worker = self.coordinator.worker("honest", "--threads", "2")
        self.coordinator.wait_workers(1)
        self.runs()

    def runs(self):
        number = self.coordinator.submit(self.job)
        self.assertEqual(self.coordinator.wait_job(number)["state"], "completed")
        self.assertEqual(self.coordinator.result(number)["model_sha256"], self.want)

    def ends(self):
        self.assertTrue(self.worker.running(), self.worker.said())
        self.coordinator.signal(signal.SIGTERM)
        self.assertEqual(self.coordinator.wait(), 0, self.coordinator.said())

    def suffers(self, listen):
        self.begin(listen)
        pids = self.coordinator.pid, self.worker.pid
        before = kept(*pids)
        number = self.coordinator.submit(self.job)

        def storm(seed):
            for i in range(MANY // 4):
                come(self.coordinator.listen, random.Random(1000 * seed + i), i)
        storms = [threading.Thread(target=storm, args=(seed,)) for seed in range(4)]
        for thread in storms:
            thread.start()
        for thread in storms:
            thread.join()
        self.assertEqual(self.coordinator.wait_job(number)["state"], "completed")
        self.assertEqual(self.coordinator.result(number)["model_sha256"], self.want)
        wait_for("nothing is kept of them, nor of the job", 10, lambda: all(
            now <= then for now, then in zip(kept(*pids), before)))
        self.assertEqual([worker["name"] for worker in self.coordinator.workers()], ["honest"])
        self.runs()
        self.ends()

    def test_over_tcp(self):
        self.suffers("tcp://127.0.0.1:0")

    def test_over_a_path(self):
        self.suffers("ipc://" + self.path("socket"))

    def test_without_a_descriptor_left(self):
        self.begin("tcp://127.0.0.1:0")
        pid = self.coordinator.pid
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (held(pid)[0] + 3, limits[1]))
        lines = [Line.dial(self.coordinator.listen) for _ in range(20)]  # the system takes them all
        used = cpu_s(pid)
        time.sleep(2)
        self.assertLess(cpu_s(pid) - used, 0.5, "it turns round and round")
        for line in lines:
            line.close()
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        with Worker.greeted(self.coordinator.listen) as worker:
            self.assertEqual(worker.answer[0], stranger.WELCOME)
        self.runs()
        self.ends()


if __name__ == "__main__":
    unittest.main()
