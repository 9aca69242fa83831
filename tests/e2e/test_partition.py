"""A network that is cut for ten seconds: the workers come back, the job ends with the same bits.

Four network namespaces: a switch, and three hosts that it joins.  Nothing leaves them.
"""

import json
import os
import subprocess
import time
import unittest

import cluster
import support
from cluster import wait_for

HOSTS = ("coordinator", "one", "two")
CUT_SECONDS = 10
PROBE_ROUNDS = 2000  # what tells how many rounds a second there are


def ip(*words, check=True):
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if check and done.returncode:
        raise OSError("ip %s: %s" % (" ".join(words), done.stderr.strip()))
    return done.returncode == 0


class Network:
    """10.77.0.1 and so on, one address a host; a cable each to the switch."""

    def __init__(self, case):
        self.switch = "rondo-%d-switch" % os.getpid()
        self.space = {host: "rondo-%d-%s" % (os.getpid(), host) for host in HOSTS}
        self.address = {host: "10.77.0.%d" % (i + 1) for i, host in enumerate(HOSTS)}
        for space in (self.switch, *self.space.values()):
            ip("netns", "add", space)
            case.addCleanup(ip, "netns", "del", space, check=False)
        ip("-n", self.switch, "link", "add", "br0", "type", "bridge")
        ip("-n", self.switch, "link", "set", "br0", "up")
        for host, space in self.space.items():
            ip("-n", self.switch, "link", "add", host, "type", "veth", "peer", "name", "eth0",
               "netns", space)
            ip("-n", self.switch, "link", "set", host, "master", "br0", "up")
            ip("-n", space, "link", "set", "lo", "up")
            ip("-n", space, "addr", "add", self.address[host] + "/24", "dev", "eth0")
            ip("-n", space, "link", "set", "eth0", "up")

    def at(self, host):
        """What stands before a command that shall run there."""
        return ("ip", "netns", "exec", self.space[host])

    def cut(self, host):
        ip("-n", self.switch, "link", "set", host, "down")

    def heal(self, host):
        ip("-n", self.switch, "link", "set", host, "up")


class Partition(support.Case):
    def setUp(self):
        super().setUp()
        try:
            self.net = Network(self)
        except OSError as error:
            self.skipTest("no network namespaces here: %s" % error)

    def begin(self):
        """Both workers are there; self.rate: rounds a second of a job on this machine, as it is now."""
        x, y = self.generate("data", design="sparse", rows=400, cols=3000, density=0.02, seed=3)
        self.data = x, y
        token = self.write("token", "correct-horse-battery-staple\n")
        os.chmod(token, 0o600)
        self.words = ("--token-file", token)
        # Clients ask on the coordinator's own loopback.
        self.coordinator = cluster.Coordinator(
            self, "--insecure", *self.words, listen="tcp://%s:7421" % self.net.address["coordinator"],
            http="127.0.0.1:7420", prefix=self.net.at("coordinator"))
        self.worker = {host: self.coordinator.worker(host, *self.words, prefix=self.net.at(host))
                       for host in HOSTS[1:]}
        wait_for("both workers", 30, lambda: self.workers() == {"one", "two"})
        self.submit(PROBE_ROUNDS)
        wait_for("the probe", 120, lambda: self.job()["state"] == "completed")
        self.ask("fetch", self.number, "--out", self.path("probe"))
        self.rate = PROBE_ROUNDS / self.result("probe")["seconds"]["solve"]

    def submit(self, rounds):
        self.spec_path = self.spec(*self.data, stop={"gap": 0, "rounds": rounds}, schedule={
            "priority": {"rule": "uniform"}, "blocks": 1, "block_size": 1, "candidates": 1})
        self.number = self.ask("submit", self.spec_path).strip()

    def suffers(self, seconds, host, lost):
        """A job of so many seconds, during which host is cut off, ends with the bits of rondo run.  Three times as
        long where it was over before: what the probe told is not what the machine does later."""
        self.begin()
        for tries in (1, 2, 3):
            self.submit(int(seconds * 3 ** (tries - 1) * self.rate))
            wait_for("it moves", 60, lambda: self.rounds() or self.job()["state"] == "completed")
            if self.lose(host, lost):
                return self.finish(lost, tries)
        return self.fail("the job was over each time")

    def ask(self, *words):
        done = subprocess.run([*self.net.at("coordinator"), support.RONDO, *words, "--coordinator",
                               self.coordinator.http, *self.words], capture_output=True, text=True,
                              timeout=600)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def workers(self):
        return {w["name"] for w in json.loads(self.ask("workers", "--json"))["workers"]}

    def job(self):
        return json.loads(self.ask("status", self.number, "--json"))

    def rounds(self):
        return (self.job().get("glance") or {"rounds": 0})["rounds"]

    def lose(self, host, lost):
        """Ten seconds without host's cable; those that are lost are gone by then, and come back.  False: the job
        was over before they were back."""
        self.net.cut(host)
        end = time.monotonic() + CUT_SECONDS
        wait_for("the loss is seen", CUT_SECONDS, lambda: not self.workers() & lost)
        time.sleep(max(0, end - time.monotonic()))
        self.assertFalse(self.workers() & lost)
        if len(lost) == 1:
            before = self.rounds()
            wait_for("the other goes on alone", 60, lambda: self.rounds() > before or self.job()["state"] != "running")
        self.net.heal(host)
        wait_for("%s back" % lost, 30, lambda: self.workers() == {"one", "two"})
        return self.job()["state"] == "running"

    def finish(self, lost, cuts):
        job = wait_for("the end", 240, lambda: self.job()["state"] != "running" and self.job())
        self.assertEqual(job["state"], "completed", job)
        want = self.solve(self.spec_path, "whole")
        self.ask("fetch", self.number, "--out", self.path("fetched"))
        got = self.result("fetched")
        for key in ("model_sha256", "objective", "rounds", "updates"):
            self.assertEqual(got[key], want[key], key)
        for host in lost:
            wait_for("%s back for good" % host, 30, lambda: self.counted("worker %s has come" % host)
                     == 1 + self.counted("worker %s is gone: " % host))
            # More where the machine has kept it from saying anything for a whole lease.
            self.assertGreaterEqual(self.counted("worker %s is gone: " % host), cuts, self.coordinator.said())
            self.assertIn("dialling again", self.worker[host].said())

    def counted(self, words):
        return self.coordinator.said().count(words)

    def test_one_worker_is_cut_off(self):
        """The other goes on alone meanwhile."""
        self.suffers(4 * CUT_SECONDS, "one", {"one"})

    def test_the_coordinator_is_cut_off(self):
        """Nobody can go on meanwhile."""
        self.suffers(2 * CUT_SECONDS, "coordinator", {"one", "two"})


if __name__ == "__main__":
    unittest.main()
