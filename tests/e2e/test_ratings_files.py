"""Ratings on their way: .rdm beside the text, an earlier output to begin from, here and on other machines."""

import glob
import json
import os
import shutil
import signal
import subprocess
import unittest

import numpy as np

import support
from cluster import Coordinator, wait_for
from support import RONDO, call, sha256

USERS, ITEMS, COUNT = 300, 200, 9000


class Ratings(support.Case):
    def setUp(self):
        super().setUp()
        rng = np.random.default_rng(1)
        u, i = rng.integers(USERS, size=COUNT), rng.integers(ITEMS, size=COUNT)
        lines = ["u%03d,the item %d,%d\n" % (a, b, 1 + (a * b) % 5) for a, b in zip(u, i)]
        os.mkdir(self.path("data"))
        self.train = self.write("data/train.csv", "user,item,rating\n" + "".join(lines[:-500]))
        self.test = self.write("data/test.csv", "".join(lines[-500:]) + "nobody,the item 1,3\n")

    def job(self, train="train.csv", test="test.csv", name="job.json", **params):
        spec = {"version": 1, "app": "mf", "seed": 3, "data": {"train": "data/" + train, "test": "data/" + test},
                "params": {"rank": 4, "biases": True, **params}, "stop": {"epochs": 3}}
        return self.write(name, json.dumps(spec))

    def done(self, *words, expect=0):
        done = call(*words, cwd=self.dir)
        self.assertEqual(done.returncode, expect, done.stderr)
        return done

    def factors(self, out):
        return [sha256(self.path(out, name)) for name in ("user_factors.npy", "item_factors.npy", "biases.npz")]


class Files(Ratings):
    def test_rdm_gives_the_bits_of_its_text(self):
        self.solve(self.job(), "text")
        for name in ("train", "test"):
            done = self.done("data", "convert", "data/%s.csv" % name, "data/%s.rdm" % name)
            self.assertIn("ratings\n", done.stdout)
        self.solve(self.job("train.rdm", "test.rdm"), "rdm")
        self.solve(self.job("train.rdm", "test.csv"), "mixed")
        self.assertEqual(self.factors("text"), self.factors("rdm"))
        self.assertEqual(self.factors("text"), self.factors("mixed"))
        self.assertEqual(self.result("text")["metrics"], self.result("rdm")["metrics"])
        told = [json.loads(self.done("data", "info", "--json", "data/train." + end).stdout) for end in ("csv", "rdm")]
        self.assertEqual([t["format"] for t in told], ["ratings", "rdm"])
        for key in ("rows", "cols", "nnz", "bytes", "lines", "replaced", "header", "times"):
            self.assertEqual(told[0][key], told[1][key])
        self.assertEqual((told[1]["header"], told[1]["lines"]), (True, COUNT - 500))
        self.assertEqual(told[1]["nnz"] + told[1]["replaced"], COUNT - 500)

    def test_a_damaged_rdm_is_refused_in_one_line(self):
        self.done("data", "convert", "data/train.csv", "data/train.rdm")
        with open(self.path("data/train.rdm"), "rb") as stream:
            whole = stream.read()
        for name, content, says in (("cut", whole[:-64], "cut short"), ("head", whole[:50], "cut short"),
                                    ("flip", whole[:900] + bytes([whole[900] ^ 1]) + whole[901:], "is damaged"),
                                    ("old", whole[:8] + b"\x02" + whole[9:], "version 2")):
            self.write("data/%s.rdm" % name, content)
            done = self.done("run", self.job(name + ".rdm"), "--out", "out", expect=2)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertIn("/data/train (", done.stderr)
            self.assertIn(says, done.stderr)

    def test_any_matrix_may_be_kept_so(self):
        x, y = self.generate("x", "--format", "svm.gz", design="sparse", rows=40, cols=30, density=0.3)
        self.solve(self.spec(x, y), "text")
        self.done("data", "convert", x, "x.rdm")
        self.solve(self.spec(self.path("x.rdm"), y), "rdm")
        self.assertEqual(sha256(self.path("text", "coef.mtx")), sha256(self.path("rdm", "coef.mtx")))
        done = self.done("data", "convert", "data/train.csv", "plain.mtx")
        self.assertIn("bears no ids", done.stderr)
        done = self.done("data", "convert", x, "x.rdm.gz", expect=2)
        self.assertIn("not compressed", done.stderr)

    def test_validate_tells_their_shape(self):
        done = self.done("validate", self.job())
        self.assertRegex(done.stdout, r"%d users, %d items, \d+ ratings" % (USERS, ITEMS))

    def test_predictions_have_names(self):
        self.solve(self.job())
        pairs = self.write("pairs.csv", "u001,the item 2,4\nu299,an item that is new,1\n")
        self.done("predict", "--model", "out", "--data", pairs, "--out", "p.txt")
        self.assertEqual(np.loadtxt(self.path("p.txt")).shape, (2,))
        with open(self.test, encoding="ascii") as stream:
            asked = [line.split(",")[0] for line in stream]
        self.done("predict", "--model", "out", "--data", self.test, "--top", "2", "--out", "top.tsv")
        with open(self.path("top.tsv"), encoding="ascii") as stream:
            rows = [line.rstrip("\n").split("\t") for line in stream]
        self.assertEqual([row[0] for row in rows[::2]], list(dict.fromkeys(asked)))
        self.assertTrue(all(row[1].startswith("the item ") for row in rows))
        self.done("predict", "--model", "out", "--data", self.test, "--top", "2", "--out", "top.npy")
        with open(self.path("out", "items.txt"), encoding="ascii") as stream:
            items = stream.read().splitlines()
        self.assertEqual([items[int(i)] for i in np.load(self.path("top.npy"))[:, 1]], [row[1] for row in rows])
        done = self.done("predict", "--model", "out", "--data", pairs, "--out", "p.txt", "--y", pairs, expect=2)
        self.assertIn("which have no such option", done.stderr)


class Start(Ratings):
    def setUp(self):
        super().setUp()
        self.solve(self.job(), "data/first")

    def test_a_job_begins_from_an_earlier_output(self):
        cold = self.result("data/first")["metrics"]["rmse"]
        warm = self.solve(self.job(warm_start="data/first"))
        self.assertLess(warm["metrics"]["rmse"], cold)
        self.assertEqual(warm["spec"]["params"]["warm_start"], self.path("data/first"))
        self.assertNotIn("users.txt", json.dumps(warm["spec"]))

    def test_what_is_missing_is_told_at_its_place(self):
        os.remove(self.path("data/first/users.txt"))
        for folder, says in (("none", "none/user_factors.npy: cannot read"), ("data/first", "first/users.txt: cannot read"),
                             ("job.json", "job.json/user_factors.npy: cannot read")):
            spec = self.job(warm_start=folder)
            for word in ("run", "validate"):
                done = self.done(word, spec, *(("--out", "out") if word == "run" else ()), expect=2)
                self.assertIn("/params/warm_start (", done.stderr)
                self.assertIn(says, done.stderr)

    def test_a_damaged_archive_is_refused(self):
        with open(self.path("data/first/biases.npz"), "r+b") as stream:
            stream.truncate(100)
        done = self.done("run", self.job(warm_start="data/first"), "--out", "out", expect=2)
        self.assertRegex(done.stderr, r"/params/warm_start \(.*biases.npz/.*: the .npz archive")

    def test_its_files_go_where_workers_cannot_see_them(self):
        if os.system("unshare --mount true 2>/dev/null") != 0:
            self.skipTest("a worker cannot be given a view of the disk of its own here")
        spec = self.job(warm_start="data/first")
        self.solve(spec, "here")
        hide = ("unshare", "--mount", "sh", "-c", "mount -t tmpfs none %s && exec \"$@\"" % self.path("data"), "sh")
        coordinator = Coordinator(self)
        worker = coordinator.worker("hidden", prefix=hide)
        coordinator.wait_workers(1)
        for _ in range(2):
            number = coordinator.submit(spec)
            job = coordinator.wait_job(number)
            self.assertEqual(job["state"], "completed", job)
            self.assertEqual(coordinator.result(number)["model_sha256"], self.result("here")["model_sha256"])
        self.assertEqual(worker.said().count("fetching"), 7, worker.said())  # train, test and five of the directory

    def test_it_is_held_against_the_data_roots(self):
        coordinator = Coordinator(self, roots=(self.path("data"),))
        shutil.copytree(self.path("data/first"), self.path("outside"))
        done = coordinator.call("submit", self.job(warm_start="outside"))
        self.assertEqual(done.returncode, 2)
        self.assertIn("/params/warm_start (", done.stderr)
        self.assertIn("outside", done.stderr)
        os.symlink(self.path("data/first"), self.path("data/link"))
        os.remove(self.path("data/first/users.txt"))
        for target, says in (("../../outside/users.txt", "outside"), ("../train.csv", "is a link")):
            if os.path.lexists(self.path("data/first/users.txt")):
                os.remove(self.path("data/first/users.txt"))
            os.symlink(target, self.path("data/first/users.txt"))
            done = coordinator.call("submit", self.job(warm_start="data/link"))
            self.assertEqual(done.returncode, 2)
            self.assertIn(says, done.stderr)
        os.remove(self.path("data/first/users.txt"))
        shutil.copy(self.path("outside/users.txt"), self.path("data/first/users.txt"))
        coordinator.submit(self.job(warm_start="data/link"))


class Interrupted(support.Case):
    def test_data_that_is_half_made_goes(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            for size in (200_000, 400_000, 800_000, 1_600_000, 3_200_000):
                run = subprocess.Popen([RONDO, "data", "generate", "mf", "--users", "5000", "--items", "2000",
                                        "--ratings", str(size), "--seed", "1", "--out", self.path("made")],
                                       stderr=subprocess.PIPE, text=True)
                wait_for("a file under way", 60, lambda: glob.glob(self.path("made/*.tmp.*")) or run.poll() is not None)
                run.send_signal(number)
                _, said = run.communicate(timeout=600)
                if run.returncode != 0:
                    break
                shutil.rmtree(self.path("made"))  # it was done before
            self.assertEqual((run.returncode, said), (130, "rondo: interrupted\n"))
            self.assertEqual(glob.glob(self.path("made/*.tmp.*")), [])


if __name__ == "__main__":
    unittest.main()
