"""The most memory that a job holds, loading included, is the matrix once, a little, and its budget."""

import gzip
import json
import subprocess
import time
import unittest

import numpy as np
import scipy.sparse as sp

import support
from support import RONDO, SANITIZED, call

MIB = 1 << 20
SLACK = 64 * MIB
BUDGET = 64 * MIB  # limits.memory
ROWS, COLS = 1000, 40000
BLOCK = 4000  # columns, or rows, made at a time


def high_water_mark(pid):
    """Bytes, from /proc; 0 where the process is gone."""
    try:
        with open("/proc/%d/status" % pid) as status:
            (kib,) = (line.split()[1] for line in status if line.startswith("VmHWM:"))
    except (OSError, ValueError):
        return 0
    return int(kib) * 1024


@unittest.skipIf(SANITIZED, "a sanitizer's memory is not ours")
class Memory(support.Case):
    def info(self, x):
        done = call("data", "info", x, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def peak(self, x, y, workers, **more):
        """What result.json says, which is no less than what the kernel showed while it ran.

        Not wait4's ru_maxrss: that keeps the peak of this process, from before the exec."""
        self.runs = getattr(self, "runs", 0) + 1
        name = "run%d" % self.runs
        spec = self.spec(x, y, name=name + ".json", **support.merge({
            "params": {"lambda_ratio": 0.1}, "stop": {"rounds": 12},
            "limits": {"memory": "64MiB"}}, more))
        shown = 0
        with open(self.path(name + ".stderr"), "w+") as said:
            process = subprocess.Popen([RONDO, "run", spec, "--out", self.path(name), "--quiet",
                                        "--workers", str(workers)], stderr=said)
            while process.poll() is None:
                shown = high_water_mark(process.pid) or shown
                time.sleep(0.002)
            said.seek(0)
            self.assertEqual(process.returncode, 0, said.read())
        result = self.result(name)
        self.assertEqual(result["workers"], workers)
        self.assertGreater(result["updates"], 0)
        self.assertGreaterEqual(result["peak_rss_bytes"], shown - 4 * MIB)
        return result["peak_rss_bytes"]

    def holds_the_matrix_once(self, x, y, sparse, **more):
        info = self.info(x)
        self.assertEqual(info["sparse"], sparse)
        rows, cols, nnz = info["rows"], info["cols"], info["nnz"]
        stored = nnz * (8 + 4) + (cols + 1) * 8 if sparse else rows * cols * 8
        self.assertLessEqual(abs(info["bytes"] - stored), 0.01 * stored, "what data info says")
        peaks = {}
        for workers in (1, 3):
            with self.subTest(workers=workers):
                peak = self.peak(x, y, workers, **more)
                self.assertLessEqual(peak, 1.3 * stored + SLACK + BUDGET,
                                     "%.0f MiB, stored %.0f" % (peak / MIB, stored / MIB))
                self.assertGreaterEqual(peak, 0.9 * stored, "less than the matrix")
                peaks[workers] = peak
        # Two workers more: less than a tenth of the matrix, or the slack of a small one.
        self.assertLessEqual(peaks[3] - peaks[1], max(0.1 * stored, 16 * MIB))

    def test_who_calls_does_not_count(self):
        x, y = self.generate("data", rows=100, cols=500)
        mine = np.ones(300 * MIB // 8)
        self.assertLess(self.peak(x, y, 2), SLACK)
        del mine

    # ---- dense: made a part at a time, so that this process stays small as well ------------------

    def dense(self, fortran):
        chance = np.random.default_rng(11)
        x = np.lib.format.open_memmap(self.path("x.npy"), mode="w+", dtype="f8",
                                      shape=(ROWS, COLS), fortran_order=fortran)
        common = chance.standard_normal((ROWS, 8))
        for start in range(0, COLS, BLOCK):
            x[:, start:start + BLOCK] = (chance.standard_normal((ROWS, BLOCK))
                                         + common @ chance.standard_normal((8, BLOCK)))
        y = x[:, ::COLS // 20].sum(axis=1) + chance.standard_normal(ROWS)
        x.flush()
        del x
        np.save(self.path("y.npy"), y)
        return self.path("x.npy"), self.path("y.npy")

    def test_dense_by_columns(self):
        x, y = self.dense(fortran=True)
        for shards in (0, 4):
            with self.subTest(row_shards=shards):
                self.holds_the_matrix_once(x, y, sparse=False, params={"row_shards": shards})

    def test_dense_by_rows(self):
        self.holds_the_matrix_once(*self.dense(fortran=False), sparse=False)

    # ---- sparse: about 2,000,000 non-zeros, two passes over text ---------------------------------

    def sparse(self):
        chance = np.random.default_rng(12)
        rows, cols, a_row = 20000, 50000, 100
        columns = np.sort(chance.integers(0, cols, (rows, a_row)), axis=1)
        x = sp.csr_matrix((chance.integers(1, 1000, rows * a_row) / 8.0, columns.ravel(),
                           np.arange(0, rows * a_row + 1, a_row)), shape=(rows, cols))
        x.sum_duplicates()
        y = np.asarray(x[:, :50].sum(axis=1)).ravel() + chance.standard_normal(rows)
        return x, y

    def test_svmlight_gz(self):
        x, y = self.sparse()
        path = self.path("x.svm.gz")
        with gzip.open(path, "wt", compresslevel=1) as stream:
            for i in range(x.shape[0]):
                part = slice(x.indptr[i], x.indptr[i + 1])
                stream.write("%.17g %s\n" % (y[i], " ".join(
                    map("%d:%g".__mod__, zip(x.indices[part] + 1, x.data[part])))))
        self.holds_the_matrix_once(path, None, sparse=True)

    def test_matrix_market(self):
        x, y = self.sparse()
        np.save(self.path("y.npy"), y)
        whole = x.tocoo()
        order = np.random.default_rng(13).permutation(whole.nnz)  # entries may come in any order
        for name, rows in (("ordered", slice(None)), ("mixed", order)):
            with self.subTest(entries=name), open(self.path(name + ".mtx"), "w") as stream:
                stream.write("%%MatrixMarket matrix coordinate real general\n")
                stream.write("%d %d %d\n" % (*whole.shape, whole.nnz))
                stream.writelines(map("%d %d %g\n".__mod__, zip(
                    whole.row[rows] + 1, whole.col[rows] + 1, whole.data[rows])))
        for name in ("ordered", "mixed"):
            with self.subTest(entries=name):
                self.holds_the_matrix_once(self.path(name + ".mtx"), self.path("y.npy"), sparse=True)

    def test_a_budget_that_is_used_up_stays_a_budget(self):
        """Crowded columns, many couplings: the cache of them grows to its limit and no further."""
        x, y = self.generate("data", rows=200, cols=20000, rho=0.95, block=500, causes=200, seed=2)
        peak = self.peak(x, y, 2, params={"lambda_ratio": 0.001},
                         schedule={"priority": {"rule": "cyclic"}})
        self.assertLessEqual(peak, 1.3 * 200 * 20000 * 8 + SLACK + BUDGET)


if __name__ == "__main__":
    unittest.main()
