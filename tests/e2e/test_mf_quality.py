"""Matrix factorisation of MovieLens 1M: at least as good on held-out ratings as LIBMF (its lambda chosen on the same
test ratings).  The split is that of the data's README: line j is test when
splitmix64((seed << 32) xor j) / 2^64 < 0.1, seed 1."""

import gzip
import os
import sys
import unittest

import numpy as np

import mf_jobs
import mf_reference
from support import SANITIZED

ML_1M = os.path.join(os.environ.get("RONDO_SHARED", ""), "data", "mf", "ml-1m.uir.gz")
LIBMF = {32: 0.8406, 128: 0.8328}


def splitmix64(z):
    z = z + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def held_out(lines, share=0.1, seed=1):
    with np.errstate(over="ignore"):
        z = splitmix64(np.uint64(seed << 32) ^ np.arange(lines, dtype=np.uint64))
    return z.astype(float) / 2.0 ** 64 < share


@unittest.skipUnless(os.path.isabs(ML_1M) and os.path.exists(ML_1M), "there is no ml-1m.uir.gz (RONDO_SHARED)")
@unittest.skipIf(SANITIZED, "minutes, which find the same as without")
class MovieLens(mf_jobs.Case):
    @classmethod
    def setUpClass(cls):
        with gzip.open(ML_1M, "rt") as stream:
            lines = stream.read().splitlines(True)
        test = held_out(len(lines))
        assert (np.sum(~test), np.sum(test)) == (900176, 100033)
        cls.texts = ["".join(line for line, held in zip(lines, test) if held == which) for which in (False, True)]

    def check(self, solver, epochs, most, rank=32):
        """The best of the epochs, as of the peers; and the last one's is that of the files."""
        spec = self.job(*self.texts, epochs=epochs, seed=1, params={"rank": rank, "lambda": 0.05, "solver": solver})
        metrics = self.solve(spec, "out", "--workers", 1, "--force")["metrics"]
        best = min(line["test_rmse"] for line in self.lines("out"))
        print("%s, rank %d: the best test RMSE of %d epochs %.4f, the last %.4f" % (
            solver, rank, epochs, best, metrics["test_rmse"]), file=sys.stderr)
        self.assertLessEqual(best, most)
        model = mf_reference.Model(self.path("out"))
        u, i, r = model.at([line.split() for line in self.texts[1].splitlines()])
        known = np.minimum(u, i) >= 0
        self.assertEqual(metrics["test_unseen"], np.sum(~known))
        errors = r[known] - model.scores(u[known], i[known])
        self.assertAlmostEqual(metrics["test_rmse"], np.sqrt(np.mean(errors ** 2)), delta=2e-6)

    def test_sgd(self):
        for rank, most in LIBMF.items():
            with self.subTest(rank=rank):
                self.check("sgd", 20, most, rank)

    def test_als(self):
        self.check("als", 15, 0.853)

    def test_ccd(self):
        self.check("ccd", 20, 0.853)


if __name__ == "__main__":
    unittest.main()
