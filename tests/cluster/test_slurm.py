"""Jobs under Slurm by config/slurm/rondo.sbatch: the same bits as rondo run, whatever is lost.

Run by tools/test-cluster: four slurmd on this host.  Everything is on loopback.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(SOURCE, "tests", "e2e"))

import slurm
import support

SCRIPT = os.path.join(SOURCE, "config", "slurm", "rondo.sbatch")
ENDED = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL")
# One variable a round: nothing but rounds, so that it lasts.
SLOW = {"schedule": {"priority": {"rule": "uniform"}, "blocks": 1, "block_size": 1, "candidates": 1},
        "checkpoint": {"seconds": 1}}
ROUNDS = int(os.environ.get("RONDO_CLUSTER_ROUNDS", 40000))  # 10 s or more, over sockets


class Case(support.Case):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.mkdtemp(prefix="rondo-slurm-")
        cls.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)
        cls.slurm = slurm.Slurm(folder)
        cls.addClassCleanup(cls.slurm.stop)
        cls.slurm.start()

    def setUp(self):
        super().setUp()
        self.addCleanup(self.tell)

    def tell(self):
        """What the batch script and its processes said, where the test has failed."""
        result = self._outcome.result
        if any(test is self for test, _ in result.failures + result.errors):
            for folder, _, names in os.walk(self.dir):
                for name in names:
                    if name.endswith((".log", ".txt")):
                        with open(os.path.join(folder, name), errors="replace") as stream:
                            sys.stderr.write("---- %s\n%s" % (name, stream.read()[-3000:]))

    # ---- jobs -----------------------------------------------------------------------------------

    def slow(self, times=1, **more):
        x, y = self.generate("data", design="sparse", rows=400, cols=3000, density=0.02, seed=3)
        return self.spec(x, y, name="slow.json", **support.merge(
            dict(json.loads(json.dumps(SLOW)), stop={"gap": 0, "rounds": times * ROUNDS}), more))

    def batch(self, *words, options=("-N4", "--ntasks-per-node=1", "-c1"), env=None):
        """Submits; the number."""
        env = dict(self.slurm.env, RONDO=shutil.which(support.RONDO), RONDO_ADDRESS="127.0.0.1",
                   TMPDIR=self.dir, **(env or {}))
        done = subprocess.run(["sbatch", "--parsable", "--output=%j.txt", *options, SCRIPT, *words],
                              env=env, cwd=self.dir, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        number = done.stdout.strip()
        self.addCleanup(self.slurm.call, "scancel", number, check=False)
        return number

    def state(self, number):
        return self.slurm.job(number)["JobState"]

    def wait(self, number, seconds=240):
        """Until it has ended; its exit status."""
        self.slurm.until("batch job %s ends" % number, lambda: self.state(number) in ENDED, seconds)
        self.slurm.until("its steps end", lambda: not self.slurm.call(
            "squeue", "-h", "-j", number, check=False).strip(), 60)
        return int(self.slurm.job(number)["ExitCode"].split(":")[0])

    def said(self, number):
        with open(self.path(number + ".txt")) as stream:
            return stream.read()

    # ---- inside -----------------------------------------------------------------------------------

    def ask(self, number, *words):
        folder = self.path("rondo-" + number)
        try:
            with open(os.path.join(folder, "state", "address")) as stream:
                http = dict(line.split() for line in stream)["http"]
        except (OSError, KeyError, ValueError):
            return None
        done = support.call(*words, "--coordinator", http, "--token-file",
                            os.path.join(folder, "token"), "--tls-ca",
                            os.path.join(folder, "tls", "ca.pem"), timeout=60)
        return done.stdout if done.returncode == 0 else None

    def workers(self, number):
        """name -> pid"""
        text = self.ask(number, "workers", "--json")
        return {w["name"]: w["pid"] for w in json.loads(text)["workers"]} if text else {}

    def round(self, number):
        text = self.ask(number, "status", "1", "--json")
        progress = json.loads(text).get("progress") if text else None
        return progress["round"] if progress else 0

    def wait_round(self, number, round, seconds=120):
        self.slurm.until("round %d" % round, lambda: self.round(number) >= round, seconds)

    def wait_workers(self, number, names, seconds=60):
        self.slurm.until("workers %s" % names, lambda: sorted(self.workers(number)) == names, seconds)

    def same(self, number, spec):
        """The answer beside the submission is that of rondo run."""
        want = self.solve(spec, "whole")
        stem = os.path.basename(spec)[:-len(".json")]
        got = self.result("%s.%s" % (stem, number))
        for key in ("model_sha256", "objective", "rounds", "updates"):
            self.assertEqual(got[key], want[key], key)
        self.assertEqual(support.sha256(self.path("%s.%s" % (stem, number), "coef.mtx")),
                         want["model_sha256"])


NODES = ["node1", "node2", "node3", "node4"]


class Jobs(Case):
    def test_four_nodes_give_the_same_bits(self):
        if os.path.isdir(support.SHARED):
            x, y = support.shared("leukemia.X.npy"), support.shared("leukemia.y.npy")
        else:
            x, y = self.generate("data", design="ar", rows=80, cols=4000, seed=3)
        spec = self.spec(x, y, params={"lambda_ratio": 0.01})
        number = self.batch(spec)
        begin = time.monotonic()
        self.assertEqual(self.wait(number), 0, self.said(number))
        sys.stderr.write("four nodes: %.1f s; " % (time.monotonic() - begin))
        self.same(number, spec)

    def test_what_is_secret_is_ones_own_and_goes(self):
        number = self.batch(self.slow(stop={"rounds": 10 ** 9}))
        self.wait_workers(number, NODES)
        folder = self.path("rondo-" + number)
        for name in ("token", "tls/key.pem"):
            self.assertEqual(os.stat(os.path.join(folder, name)).st_mode & 0o777, 0o600)
        self.assertFalse(os.path.exists(os.path.join(folder, "tls", "ca.key")))
        with open(os.path.join(folder, "state", "address")) as stream:
            self.assertRegex(stream.read(), r"^workers tls\+tcp://.*\nhttp https://.*\n$")
        self.slurm.call("scancel", number)
        self.wait(number)
        self.assertFalse(os.path.exists(os.path.join(folder, "token")))
        self.assertFalse(os.path.exists(os.path.join(folder, "tls")))

    def test_several_jobs_overrides_and_arrays(self):
        x, y = self.generate("data", design="sparse", rows=400, cols=3000, density=0.02, seed=3)
        for name in ("a1.json", "a2.json", "b.json"):
            self.spec(x, y, name=name)
        number = self.batch("a%a.json", "b.json", "seed=%a", options=("-N2", "-c2", "--array=1,2"),
                            env={"RONDO_TLS": "no"})
        for task in ("1", "2"):
            self.assertEqual(self.wait("%s_%s" % (number, task)), 0)
            result = self.result("b.%s_%s" % (number, task))
            self.assertEqual(str(result["seed"]), task)
            self.assertEqual(self.result("a%s.%s_%s" % (task, number, task))["state"], "completed")

    def test_a_job_that_fails_fails_the_batch_job(self):
        good = self.slow(stop={"rounds": 10})
        bad = self.spec(self.write("bad.svm", "1 1:0.5\n2 1:zwei\n"), name="bad.json")
        number = self.batch(bad, good, options=("-N1", "-c1"))
        self.assertEqual(self.wait(number), 1, self.said(number))
        self.assertEqual(self.state(number), "FAILED")
        self.assertEqual(self.result("slow." + number)["state"], "completed")

    def test_a_spec_that_is_refused_fails_the_batch_job(self):
        number = self.batch(self.write("empty.json", "{}\n"), options=("-N1", "-c1"))
        self.assertEqual(self.wait(number), 2, self.said(number))


class Losses(Case):
    def begun(self, spec, nodes=4, options=()):
        number = self.batch(spec, options=("-N%d" % nodes, "--ntasks-per-node=1", "-c1", *options))
        self.wait_workers(number, NODES[:nodes])
        self.wait_round(number, 1)
        return number

    def test_a_killed_worker_is_replaced(self):
        spec = self.slow()
        number = self.begun(spec)
        before = self.workers(number)
        slurm.kill(before["node3"])
        self.slurm.until("another worker", lambda: self.workers(number).get("node3") not in (
            None, before["node3"]))
        self.assertLess(self.round(number), ROUNDS)
        self.assertEqual(self.wait(number), 0, self.said(number))
        self.assertEqual(self.slurm.job(number).get("Restarts"), "0")
        self.same(number, spec)

    def test_a_killed_coordinator_goes_on_in_place(self):
        spec = self.slow()
        number = self.begun(spec)
        slurm.kill(self.coordinator())
        self.wait_workers(number, NODES)
        self.assertEqual(self.wait(number), 0, self.said(number))
        self.assertIn("lasso goes on", self.log(number, "coordinator"))
        self.assertEqual(self.slurm.job(number).get("Restarts"), "0")
        self.same(number, spec)

    def test_a_lost_node_costs_its_worker(self):
        spec = self.slow(6)
        number = self.begun(spec)
        self.lose("node4", self.workers(number)["node4"])
        self.wait_workers(number, NODES[:3])
        self.slurm.until("slurmctld knows", lambda: any(
            state.startswith("down") for state in self.slurm.states()), 60)
        self.slurm.until("the script knows", lambda: "taken node4" in self.said(number), 60)
        # The node comes back, and to the same coordinator from another allocation.
        self.bring("node4")
        self.slurm.until("node4 is back", lambda: self.slurm.states().count("idle") == 1, 60)
        attached = self.attach(number, "node4")
        self.wait_workers(number, NODES)
        self.assertEqual(self.wait(number), 0, self.said(number))
        self.assertEqual(self.slurm.job(number).get("Restarts"), "0")
        attached.terminate()
        attached.wait(60)
        self.same(number, spec)

    def lose(self, node, *pids):
        """The power fails: slurmd goes, and what there is above and below pids.

        Parents first and at once, so that nobody sees another die; not by SIGSTOP, for who is left
        by a parent while stopped gets SIGHUP from the kernel, and srun then ends its step."""
        daemon = self.slurm.daemons.pop(node)
        slurm.kill(daemon.pid, *(pid for top in pids for pid in slurm.tree(top)))
        daemon.wait()
        self.addCleanup(self.bring, node)

    def bring(self, node):
        if node not in self.slurm.daemons:
            self.slurm.start_node(node)

    def coordinator(self):
        (pid,) = [pid for pid in slurm.descendants() if is_coordinator(pid)]
        return pid

    def test_a_lost_first_node_requeues_the_job(self):
        """With it go the script, the coordinator and a worker; three of four nodes are enough."""
        spec = self.slow(3)
        number = self.begun(spec, nodes=3)
        self.lose("node1", self.coordinator(), self.workers(number)["node1"])
        self.slurm.until("it runs elsewhere", lambda: self.slurm.job(number)["Restarts"] == "1"
                         and sorted(self.workers(number)) == NODES[1:], 180)
        self.assertEqual(self.wait(number), 0, self.said(number))
        self.assertIn("lasso goes on", self.log(number, "coordinator"))
        self.same(number, spec)
        self.bring("node1")
        self.slurm.until("node1 is back", lambda: self.slurm.states() == ["idle"] * 4, 60)

    def attach(self, number, node):
        """As docs/slurm.md says it."""
        folder = self.path("rondo-" + number)
        with open(os.path.join(folder, "state", "address")) as stream:
            address = dict(line.split() for line in stream)["workers"]
        attached = subprocess.Popen(
            ["srun", "-N1", "-n1", "-w", node, support.RONDO, "worker", "--coordinator", address,
             "--name", node, "--token-file", folder + "/token", "--tls-cert", folder + "/tls/cert.pem",
             "--tls-key", folder + "/tls/key.pem", "--tls-ca", folder + "/tls/ca.pem"],
            env=self.slurm.env, cwd=self.dir, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(attached.kill)
        return attached

    def requeued(self, times=1, options=(), requeue=True):
        spec = self.slow(times)
        number = self.begun(spec, options=options)
        if requeue:
            self.wait_round(number, ROUNDS // 2)
            self.slurm.call("scontrol", "requeue", number)
        self.slurm.until("it is requeued", lambda: int(self.slurm.job(number)["Restarts"]) == 1, 120)
        self.assertEqual(self.wait(number), 0, self.said(number))
        self.assertIn("start 2", self.said(number))
        self.assertIn("lasso goes on", self.log(number, "coordinator"))
        self.assertEqual(len(re.findall(" is job ", self.said(number))), 1)
        self.same(number, spec)

    def test_a_requeued_job_goes_on_from_its_checkpoint(self):
        self.requeued()

    def test_before_the_time_limit_it_queues_itself_again(self):
        """--signal as in the script, but so early that it comes within the job's first seconds."""
        self.requeued(6, options=("--time=1", "--signal=B:TERM@54"), requeue=False)

    def log(self, number, name):
        with open(self.path("rondo-" + number, "log", name + ".log")) as stream:
            return stream.read()


def is_coordinator(pid):
    try:
        with open("/proc/%d/cmdline" % pid) as stream:
            return stream.read().split("\0")[1:2] == ["coordinator"]
    except OSError:
        return False


if __name__ == "__main__":
    absent = slurm.missing()
    if absent or os.geteuid() != 0:
        print("skipped: Slurm's tests want root and %s" % (" ".join(absent) or "nothing else"))
        sys.exit(77)
    unittest.main()
