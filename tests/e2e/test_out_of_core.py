"""A design that stays in its file: the same bits as its copy, little of it in memory, and no crash when it
is cut short."""

import os
import shutil
import signal
import subprocess
import time
import unittest

import numpy as np

import support
from support import RONDO, SANITIZED, call

MIB = 1 << 20
ROWS, COLS = 403, 1500  # 4.8 MB: mapped, and columns that begin anywhere


class OutOfCore(support.Case):
    def dense(self, name, rows=ROWS, cols=COLS, block=2000, seed=5):
        """A design by columns, made a part at a time, and its response."""
        chance = np.random.default_rng(seed)
        x = np.lib.format.open_memmap(self.path(name + ".npy"), mode="w+", dtype="f8", shape=(rows, cols),
                                      fortran_order=True)
        common = chance.standard_normal((rows, 8))
        for start in range(0, cols, block):
            wide = min(block, cols - start)
            x[:, start:start + wide] = (chance.standard_normal((rows, wide)) + 3
                                        + common @ chance.standard_normal((8, wide)))
        y = x[:, ::cols // 20].sum(axis=1) + chance.standard_normal(rows)
        x.flush()
        np.save(self.path(name + ".y.npy"), y)
        return self.path(name + ".npy"), self.path(name + ".y.npy")

    def genotypes(self, *words):
        done = call("data", "generate", "lasso", "--design", "genotype", "--format", "bed", "--rows", 403,
                    "--seed", 2, "--out", self.path("g"), *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return self.path("g", "x.bed")

    def copied(self, x):
        np.save(x[:-4] + ".rows.npy", np.ascontiguousarray(np.load(x)))
        return x[:-4] + ".rows.npy"

    def files(self, out):
        return [support.sha256(self.path(out, name)) for name in ("coef.mtx", "path.json")]

    def test_the_bits_are_those_of_the_copy(self):
        x, y = self.dense("x")
        rows = self.copied(x)
        np.save(self.path("class.npy"), np.where(np.load(y) > np.median(np.load(y)), 1.0, 0.0))
        for more in ({}, {"params": {"row_shards": 3}}, {"params": {"loss": "logistic"}},
                     {"params": {"path": {"count": 12, "min_ratio": 0.01}}, "schedule": {"pipeline": 2}},
                     {"params": {"standardize": True}, "limits": {"memory": "4MiB"}},
                     {"workers": {"isa": "x86-64-v2"}}):
            params = {} if "path" in more.get("params", {}) else {"lambda_ratio": 0.05}
            answer = self.path("class.npy") if "loss" in more.get("params", {}) else y
            with self.subTest(more):
                base = support.merge({"params": params}, more)
                spec = self.spec(rows, answer, "rows.json", **base)
                want = self.solve(spec, "want", "--force")
                for words in ((), ("--workers", "3"), ("--set", "limits.resident=1MiB"),
                              ("--set", "limits.resident=1", "--workers", "2")):
                    got = self.solve(self.spec(x, answer, "columns.json", **base), "got", "--force", *words)
                    self.assertEqual(self.files("got"), self.files("want"), words)
                    self.assertEqual(got["rounds"], want["rounds"])

    def test_genotypes_under_a_cap_have_the_same_bits(self):
        x = self.genotypes("--cols", 20000, "--missing", 0.02)
        spec = self.spec(x, name="bed.json", params={"lambda_ratio": 0.2})
        self.solve(spec, "want")
        self.solve(spec, "got", "--set", "limits.resident=256KiB", "--workers", "2")
        self.assertEqual(self.files("got"), self.files("want"))

    def test_it_is_said_what_is_mapped_and_what_is_copied(self):
        x, y = self.dense("x")
        rows = self.copied(x)
        np.save(self.path("single.npy"), np.load(x).astype("<f4", order="F"))
        for path, mapped in ((x, True), (rows, False), (self.path("single.npy"), False), (y, False)):
            self.assertIn('"mapped":%s' % str(mapped).lower(), call("data", "info", path, "--json").stdout)
        for path, notes in ((x, 0), (rows, 1), (self.path("single.npy"), 1)):
            result = self.solve(self.spec(path, y, limits={"resident": "1MiB"}), "out", "--force")
            self.assertEqual(len([n for n in result["notes"] if "data.x is copied" in n]), notes)
        self.assertFalse(self.solve(self.spec(rows, y), "out", "--force")["notes"])

    def test_a_job_goes_on_under_another_cap(self):
        x, y = self.dense("x")
        spec = self.spec(x, y, params={"lambda_ratio": 0.01})
        self.run_job(spec, "out", "--set", "stop.rounds=2")
        self.run_job(spec, "out", "--resume", "--set", "limits.resident=2MiB")
        self.solve(spec, "want")
        self.assertEqual(self.files("out"), self.files("want"))

    # ---- memory --------------------------------------------------------------------------------

    @unittest.skipIf(SANITIZED, "a sanitizer's memory is not ours")
    def test_little_of_a_large_file_is_in_memory(self):
        rows, cols = 1000, 50000  # 400 MB
        if shutil.disk_usage(self.dir).free < 3 * rows * cols * 8:
            self.skipTest("the disk has no room for 400 MB")
        x, y = self.dense("x", rows, cols)
        spec = self.spec(x, y, params={"lambda_ratio": 0.1},
                         limits={"memory": "64MiB", "resident": "64MiB"})
        whole = self.solve(spec, "whole", "--set", "limits.resident=null", "--workers", "2")
        for workers in (1, 2):
            little = self.solve(spec, "little", "--force", "--workers", str(workers))
            self.assertEqual(self.files("little"), self.files("whole"))
            self.assertLess(little["peak_rss_bytes"], 200e6)
        self.assertGreater(whole["peak_rss_bytes"], 300e6)

    # ---- a file that is cut short ----------------------------------------------------------------

    def cut_short(self, x, y, **more):
        """Truncates x while a long job uses it; what the job says."""
        spec = self.spec(x, y, "long.json", params={"path": {"count": 10000, "min_ratio": 1e-4}},
                         stop={"gap": 1e-12}, **more)
        process = subprocess.Popen([RONDO, "run", spec, "--out", self.path("long"), "--quiet", "--workers", "2"],
                                   stderr=subprocess.PIPE, text=True)
        progress, until = self.path("long", "progress.jsonl"), time.time() + 120
        while process.poll() is None and time.time() < until and not (
                os.path.exists(progress) and os.path.getsize(progress) > 200):
            time.sleep(0.01)
        self.assertIsNone(process.poll())
        os.truncate(x, 4096)
        try:
            _, said = process.communicate(timeout=600)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            raise
        self.assertEqual(process.returncode, 2, said)
        self.assertIn("cut short", said)
        self.assertIn(x, said)
        self.assertFalse(os.path.exists(self.path("long", "coef.mtx")))

    def test_a_matrix_that_is_cut_short_ends_its_job_with_an_error(self):
        x, y = self.dense("x", 200, 4000)
        self.cut_short(x, y)

    def test_and_so_do_genotypes(self):
        x = self.genotypes("--cols", 4000)
        self.cut_short(x, None)


if __name__ == "__main__":
    unittest.main()
