"""A path of lambdas: every point certified, the same bits whoever computes, and nothing lost."""

import unittest

import numpy as np
import scipy.io

import support
from support import Lasso, call, needs_shared, read_json, sha256, shared


class Path(support.Case):
    def points(self, out):
        return read_json(self.path(out, "path.json"))

    def coefficients(self, out):
        return scipy.io.mmread(self.path(out, "coef.mtx")).toarray()

    def certified(self, problem, out, count, ratio, gap=1e-6, l1_ratio=1.0):
        """Each point's gap is recomputed from its coefficients alone."""
        points, b = self.points(out), self.coefficients(out)
        self.assertEqual((len(points), b.shape[1]), (count, count))
        want = problem.lambda_max / l1_ratio * ratio ** (np.arange(count) / (count - 1))
        np.testing.assert_allclose([point["lambda"] for point in points], want, rtol=1e-12)
        for k, point in enumerate(points):
            self.assertLessEqual(point["gap"], gap)
            self.assertLessEqual(problem.gap(b[:, k], point["lambda"], l1_ratio), gap)
            self.assertEqual(point["nnz"], np.count_nonzero(b[:, k]))
            objective = problem.objective(b[:, k], point["intercept"], point["lambda"], l1_ratio)
            self.assertAlmostEqual(objective / problem.null_objective,
                                   point["objective"] / problem.null_objective, delta=1e-12)
        self.assertEqual(np.count_nonzero(b[:, 0]), 0)
        result = self.result(out)
        self.assertEqual((result["state"], result["stop_reason"]), ("completed", "gap"))
        self.assertEqual(result["metrics"]["lambdas"], count)


@needs_shared
class SharedData(Path):
    def solve_path(self, out, count, ratio, x, y=None, **params):
        params = {"path": {"count": count, "min_ratio": ratio}, **params}
        self.solve(self.spec(x, y, params=params), out)

    def test_leukemia(self):
        x, y = shared("leukemia.X.npy"), shared("leukemia.y.npy")
        self.solve_path("out", 30, 1e-3, x, y)
        self.certified(Lasso(np.load(x), np.load(y)), "out", 30, 1e-3)

    def test_elastic_net(self):
        x, y = shared("riboflavin.X.npy"), shared("riboflavin.y.npy")
        self.solve_path("out", 20, 0.01, x, y, l1_ratio=0.5)
        self.certified(Lasso(np.load(x), np.load(y)), "out", 20, 0.01, l1_ratio=0.5)

    def test_news20(self):
        x, y = support.read_svmlight(shared("news20.svm.gz"))
        self.solve_path("out", 12, 0.05, shared("news20.svm.gz"))
        self.certified(Lasso(x, y), "out", 12, 0.05)

    def test_the_last_point_is_that_of_one_lambda(self):
        x, y = shared("leukemia.X.npy"), shared("leukemia.y.npy")
        self.solve_path("path", 10, 0.1, x, y)
        self.solve(self.spec(x, y, params={"lambda_ratio": 0.1}), "one")
        null = Lasso(np.load(x), np.load(y)).null_objective
        self.assertAlmostEqual(self.points("path")[-1]["objective"] / null,
                               self.points("one")[0]["objective"] / null, delta=1e-6)


class Generated(Path):
    def spec_of(self, count=40):
        x, y = self.generate("data", design="ar", rows="300", cols="3000")
        return self.spec(x, y, params={"path": {"count": count, "min_ratio": 0.01}})

    def test_the_same_bits(self):
        spec, seen = self.spec_of(), set()
        for workers in (1, 2, 3):
            self.run_job(spec, "out%d" % workers, "--workers", str(workers))
            seen.add(sha256(self.path("out%d" % workers, "coef.mtx")))
        self.assertEqual(len(seen), 1)

    def test_stopped_and_resumed(self):
        spec = self.spec_of(200)
        self.run_job(spec, "whole")
        points = 0
        for rounds in (3, 40, 111):
            self.run_job(spec, "parts", "--set", "stop.rounds=%d" % rounds,
                         *(["--resume"] if rounds > 3 else []))
            last, points = points, len(self.points("parts"))
            self.assertGreaterEqual(points, last)
        self.assertGreater(points, 2)
        self.run_job(spec, "parts", "--resume", "--set", "stop.rounds=100000")
        for name in ("coef.mtx", "path.json"):
            self.assertEqual(sha256(self.path("whole", name)), sha256(self.path("parts", name)))

    def test_gone_on_to_a_smaller_gap(self):
        """Points that were kept at a larger gap are solved again."""
        spec = self.spec_of(20)
        self.run_job(spec, "out", "--set", "stop.gap=1e-2")
        self.assertGreater(max(point["gap"] for point in self.points("out")), 1e-6)
        self.run_job(spec, "out", "--resume", "--set", "stop.gap=1e-8")
        self.assertLessEqual(max(point["gap"] for point in self.points("out")), 1e-8)
        self.assertEqual(len(self.points("out")), 20)

    def test_what_is_asked_for_twice_is_refused(self):
        spec = self.spec_of()
        for words, where in ((["params.lambda=0.1"], "/params/lambda"),
                             (["params.lambda_ratio=0.1"], "/params/lambda_ratio"),
                             (["params.path.count=1"], "params.path.count"),
                             (["params.path.min_ratio=1"], "params.path.min_ratio"),
                             (["params.l1_ratio=0"], "l1_ratio")):
            done = call("run", spec, "--out", self.path("out"),
                        *(word for key in words for word in ("--set", key)))
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertIn(where.split("/")[-1], done.stderr)


if __name__ == "__main__":
    unittest.main()
