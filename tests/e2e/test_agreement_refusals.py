"""What the losses, weights, factors and folds of the app lasso refuse, and data at their edges: one
line that says where and why, or an answer in bounded time; never a number that means nothing."""

import os
import unittest

import numpy as np
import scipy.io

import support
from support import call, read_json

N, P = 30, 6
EDGE_SECONDS = 600 if support.SANITIZED else 300


class Refusals(support.Case):
    def setUp(self):
        super().setUp()
        self.calls, self.random = 0, np.random.default_rng(5)
        self.x = self.random.standard_normal((N, P))
        self.y = self.x @ self.random.standard_normal(P) + self.random.standard_normal(N)
        np.save(self.path("x.npy"), self.x)
        np.save(self.path("y.npy"), self.y)
        np.save(self.path("sign.npy"), np.sign(self.y))
        np.save(self.path("count.npy"), np.floor(np.abs(self.y)))

    def call(self, y, x, params, **more):
        """Each into a directory of its own, self.out."""
        self.calls += 1
        self.out = "out%d" % self.calls
        spec = self.spec(x, y, params=params, **more)
        return call("run", spec, "--out", self.path(self.out), "--quiet", "--trace", "off",
                    timeout=EDGE_SECONDS)

    def one_line(self, done):
        self.assertEqual(done.stdout, "")
        self.assertRegex(done.stderr, r"^rondo: \S.*: \S.*\n$")
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertLess(len(done.stderr), 1000)

    def refused(self, *says, y="y.npy", x="x.npy", **params):
        """Exit 2, one line in which each pattern is found, and nothing left behind."""
        with self.subTest(**params):
            done = self.call(y, x, params)
            self.assertEqual(done.returncode, 2, done.stderr or "it was accepted")
            self.one_line(done)
            for pattern in says:
                self.assertRegex(done.stderr, pattern)
            left = os.listdir(self.path(self.out)) if os.path.exists(self.path(self.out)) else []
            self.assertEqual(left, [], done.stderr)

    def vector(self, name, values):
        """As .npy; returns the name, for a spec."""
        np.save(self.path(name), np.asarray(values, dtype=float))
        return name


class Words(Refusals):
    def test_what_is_none_of_the_choices(self):
        self.refused("/params/loss", "logistic", loss="logit")
        self.refused("/params/cv/rule", "1se", cv={"folds": 5, "rule": "2se"},
                     path={"count": 5, "min_ratio": 0.1})
        self.refused("/params/cv", "folds", cv={"fold": 5}, path={"count": 5, "min_ratio": 0.1})
        self.refused("/params/nonnegative", nonnegative=1)
        self.refused("/params/standardize", standardize="yes")

    def test_a_delta_that_is_not_positive(self):
        for delta in (0, -1.35, "1"):
            self.refused("/params/huber_delta", loss="huber", huber_delta=delta)

    def test_a_ratio_of_an_infinite_lambda_max(self):
        for loss, y in (("logistic", "sign.npy"), ("poisson", "count.npy"), ("huber", "y.npy")):
            self.refused("/params/lambda_ratio", "lambda_max is infinite", y=y, loss=loss,
                         l1_ratio=0, lambda_ratio=0.1)

    def test_lambda_0(self):
        self.refused("/params/lambda", y="sign.npy", loss="logistic", **{"lambda": 0})


class Responses(Refusals):
    def test_labels_that_are_not_two(self):
        y = np.resize([10.0, 20.0, 35.0], N)
        self.refused("/data/y", r"\b10\b", r"\b20\b", r"\b35\b", loss="logistic",
                     y=self.vector("three.npy", y))
        self.refused("/data/y", r"\b7\b", y=self.vector("one.npy", np.full(N, 7.0)), loss="logistic")
        self.refused("/data/y", y="y.npy", loss="logistic")  # as many as rows

    def test_labels_of_svmlight_that_are_not_two(self):
        support.write_svmlight(self.path("x.svm"), self.x, np.resize([1.0, 2.0, 3.0], N))
        self.refused("/data/[xy]", x="x.svm", y=None, loss="logistic")

    def test_counts_below_0(self):
        y = np.floor(np.abs(self.y))
        y[17] = -1
        self.refused("/data/y", "-1|row", y=self.vector("low.npy", y), loss="poisson")

    def test_counts_that_are_no_whole_numbers_are_none_the_worse(self):
        y = np.abs(self.y)
        self.run_job(self.spec("x.npy", self.vector("part.npy", y), params={"loss": "poisson"}), "out")
        self.assertEqual(self.result("out")["stop_reason"], "gap")


class Vectors(Refusals):
    """weights and penalty_factor."""

    def each(self):
        return (("weights", N), ("penalty_factor", P))

    def test_one_that_is_negative_is_named(self):
        for key, size in self.each():
            values = np.ones(size)
            values[4] = -0.25
            self.refused("/params/" + key, "-0.25|row|column", **{key: self.vector("v.npy", values)})

    def test_all_of_them_zero(self):
        for key, size in self.each():
            self.refused("/params/" + key, **{key: self.vector("v.npy", np.zeros(size))})

    def test_another_length(self):
        for key, size in self.each():
            for wrong in (size - 1, size + 1, 1):
                self.refused("/params/" + key, r"\b%d\b" % wrong, r"\b%d\b" % size,
                             **{key: self.vector("v.npy", np.ones(wrong))})

    def test_what_is_no_vector_of_numbers(self):
        for key, size in self.each():
            self.refused("/params/" + key, "none.npy", **{key: "none.npy"})
            self.refused("v.npy", **{key: self.vector("v.npy", np.ones((size, 2)))})
            bad = np.ones(size)
            bad[3] = np.nan
            self.refused("v.npy", **{key: self.vector("v.npy", bad)})
            self.write("v.txt", "1\nheavy\n" + "1\n" * (size - 2))
            self.refused("v.txt:2", **{key: "v.txt"})
            self.refused("/params/" + key, **{key: 3})

    def test_every_format_of_a_vector_is_read(self):
        gaps, objectives = [], set()
        w = self.random.uniform(0.5, 2, N)
        self.vector("w.npy", w)
        self.write("w.txt", "".join("%.17g\n" % value for value in w))
        self.write("w.mtx", "%%%%MatrixMarket matrix array real general\n%d 1\n" % N
                   + "".join("%.17g\n" % value for value in w))
        for name in ("w.npy", "w.txt", "w.mtx"):
            self.run_job(self.spec("x.npy", "y.npy", params={"weights": name}), name + ".out")
            gaps.append(self.result(name + ".out")["metrics"]["gap"])
            objectives.add(self.result(name + ".out")["objective"])
        self.assertLessEqual(max(gaps), 1e-6)
        self.assertEqual(len(objectives), 1)


class Folds(Refusals):
    def folds_refused(self, folds, *says):
        self.refused("/params/cv/folds", *says, cv={"folds": folds},
                            path={"count": 5, "min_ratio": 0.1})

    def test_too_few_and_too_many(self):
        for folds in (1, 0, -3):
            self.folds_refused(folds)
        self.folds_refused(N + 1, "rows")

    def test_what_is_no_number_of_folds(self):
        self.folds_refused(2.5)
        self.folds_refused(True)
        self.folds_refused("none.txt", "none.txt")

    def test_as_many_as_rows_is_leave_one_out(self):
        self.run_job(self.spec("x.npy", "y.npy", params={
            "cv": {"folds": N}, "path": {"count": 4, "min_ratio": 0.1}}), "out")
        found = read_json(self.path("out", "cv.json"))
        self.assertEqual((found["folds"], len(found["points"][0]["folds"])), (N, N))

    def test_a_file_of_another_length(self):
        for wrong in (N - 1, N + 1):
            self.folds_refused(self.vector("f.npy", np.arange(wrong) % 3), r"\b%d\b" % wrong,
                               r"\b%d\b" % N)

    def test_a_file_with_one_fold_alone(self):
        self.folds_refused(self.vector("f.npy", np.full(N, 4)))

    def test_a_file_of_broken_numbers(self):
        folds = np.arange(N) % 3.0
        folds[8] = 1.5
        self.folds_refused(self.vector("f.npy", folds), "1.5|row|whole")


class Edges(Refusals):
    """Nothing here is wrong with the spec; the data leave little to fit."""

    def ends(self, params, y="y.npy"):
        """The result, or None and a line that says why; in bounded time, and all numbers finite."""
        done = self.call(y, "x.npy", params, stop={"seconds": 20})
        self.assertIn(done.returncode, (0, 1, 2), done.stderr)
        if done.returncode:
            self.one_line(done)
            return None, done.stderr
        result = self.result(self.out)
        self.assertEqual(result["state"], "completed")
        self.assertTrue(np.isfinite(scipy.io.mmread(self.path(self.out, "coef.mtx")).data).all())
        for point in read_json(self.path(self.out, "path.json")):
            self.assertTrue(np.isfinite([point["objective"], point["intercept"]]).all())
        return result, done.stderr

    def test_a_constant_column_is_dropped_and_said(self):
        self.x[:, 2] = 3.0
        self.x[:, 4] = 0.1  # of which the mean is not exact
        np.save(self.path("x.npy"), self.x)
        for intercept in (True, False):
            for loss, y in (("squared", "y.npy"), ("logistic", "sign.npy"), ("poisson", "count.npy")):
                out = "%s%d" % (loss, intercept)
                self.run_job(self.spec("x.npy", y, params={
                    "loss": loss, "standardize": True, "intercept": intercept,
                    "lambda_ratio": 0.05}), out)
                b, _ = self.model(out)
                self.assertEqual((b[2], b[4]), (0, 0))
                self.assertTrue(b.any())
                (note,) = [n for n in self.result(out)["notes"] if "constant" in n]
                self.assertRegex(note, r"\b2 of %d\b" % P)

    def separable(self):
        self.x[:, 0] = self.random.permutation(np.arange(N) - N / 2 + 0.5)
        np.save(self.path("x.npy"), self.x)
        return self.vector("apart.npy", np.sign(self.x[:, 0]))

    def test_classes_apart_that_a_penalty_holds(self):
        """For every lambda above 0 there is an optimum."""
        y = self.separable()
        for ratio in (0.1, 1e-3, 1e-6):
            with self.subTest(lambda_ratio=ratio):
                result, says = self.ends({"loss": "logistic", "lambda_ratio": ratio}, y)
                self.assertIsNotNone(result, says)
                if result["stop_reason"] != "gap":
                    self.assertIn("gap", says)  # the warning tells what was reached
                if ratio >= 1e-3:
                    self.assertEqual(result["stop_reason"], "gap")

    def test_a_path_over_classes_apart(self):
        result, says = self.ends({"loss": "logistic", "path": {"count": 20, "min_ratio": 1e-4}},
                                 self.separable())
        self.assertIsNotNone(result, says)

    def test_classes_apart_by_a_column_without_a_penalty(self):
        """There is no null model: the likelihood rises for ever."""
        factors, y = np.ones(P), self.separable()
        factors[0] = 0
        for part in ("all rows", "a few rows of one class"):
            with self.subTest(part):
                result, says = self.ends({"loss": "logistic", "lambda_ratio": 0.1,
                                          "penalty_factor": self.vector("pf.npy", factors)}, y)
                if result is None:
                    self.assertRegex(says, "separat|without a penalty")
            self.x[:, 0] = (self.x[:, 0] > N / 2 - 3)
            np.save(self.path("x.npy"), self.x)

    def test_counts_that_are_all_zero(self):
        """log 0 has no intercept."""
        result, says = self.ends({"loss": "poisson", "lambda_ratio": 0.1},
                                 self.vector("none.npy", np.zeros(N)))
        if result is None:
            self.assertIn("/data/y", says)

    def test_one_class_alone_has_weight(self):
        y = np.sign(self.y)
        result, says = self.ends({"loss": "logistic", "lambda_ratio": 0.1, "weights": self.vector(
            "w.npy", (y > 0).astype(float))}, "sign.npy")
        if result is None:
            self.assertRegex(says, "/params/weights|/data/y")

    def test_a_response_that_is_constant(self):
        """lambda_max is 0 but for rounding: the model is the intercept."""
        for loss in ("squared", "huber", "poisson"):
            with self.subTest(loss=loss):
                result, says = self.ends({"loss": loss, "lambda": 0.1},
                                         self.vector("flat.npy", np.full(N, 2.0)))
                self.assertIsNotNone(result, says)
                b, b0 = self.model(self.out)
                self.assertFalse(b.any())
                self.assertAlmostEqual(b0, np.log(2) if loss == "poisson" else 2, delta=1e-6)


if __name__ == "__main__":
    unittest.main()
