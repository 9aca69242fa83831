"""What rondo run answers is the optimum, as numpy and scikit-learn see it."""

import gzip
import unittest

import numpy as np
import scipy.io
import scipy.sparse as sp

import support
from support import Lasso, call, needs_shared, shared


class Answers(support.Case):
    def check(self, problem, out, lam, l1_ratio=1.0, gap=1e-6):
        """The certificate and the peer agree with the model's files; returns the objective."""
        result = self.result(out)
        self.assertEqual((result["state"], result["stop_reason"]), ("completed", "gap"))
        self.assertLessEqual(result["metrics"]["gap"], gap)
        b, b0 = self.model(out)
        null = problem.null_objective
        objective = problem.objective(b, b0, lam, l1_ratio)
        self.assertAlmostEqual(objective / null, result["objective"] / null, delta=1e-12)
        self.assertLessEqual(problem.gap(b, lam, l1_ratio), gap)
        self.assertAlmostEqual(b0, problem.best_intercept(b), delta=1e-9 * (1 + abs(b0)))
        if not problem.intercept:
            self.assertEqual(b0, 0)
        self.assertEqual(result["metrics"]["nnz"], np.count_nonzero(b))
        return objective

    def check_peer(self, problem, out, lam, l1_ratio=1.0):
        """scikit-learn's answer is as good as ours, within 1e-6 of the objective at b = 0."""
        b, b0 = self.model(out)
        theirs, theirs0 = problem.sklearn(lam, l1_ratio)
        null = problem.null_objective
        peer = problem.objective(theirs, theirs0, lam, l1_ratio)
        self.assertLessEqual(abs(problem.objective(b, b0, lam, l1_ratio) - peer), 1e-6 * null)
        # F of our coefficients with their intercept, and the other way about, is no worse.
        spread = np.sqrt(2 * null)
        self.assertLessEqual(abs(b0 - problem.best_intercept(b)), 1e-6 * spread)
        self.assertLessEqual(abs(theirs0 - problem.best_intercept(theirs)), 1e-6 * spread)


@needs_shared
class SharedData(Answers):
    def answer(self, problem, **data):
        for ratio in (0.1, 0.01):
            with self.subTest(lambda_ratio=ratio):
                out = "out%g" % ratio
                self.solve(self.spec(**data, params={"lambda_ratio": ratio}), out)
                lam = ratio * problem.lambda_max
                self.assertAlmostEqual(self.result(out)["metrics"]["lambda"], lam,
                                       delta=1e-12 * lam)
                self.check(problem, out, lam)
                self.check_peer(problem, out, lam)

    def test_leukemia(self):
        x, y = shared("leukemia.X.npy"), shared("leukemia.y.npy")
        self.answer(Lasso(np.load(x), np.load(y)), x=x, y=y)

    def test_riboflavin(self):
        x, y = shared("riboflavin.X.npy"), shared("riboflavin.y.npy")
        self.answer(Lasso(np.load(x), np.load(y)), x=x, y=y)

    def test_news20_on_its_labels(self):
        x, y = support.read_svmlight(shared("news20.svm.gz"))
        self.answer(Lasso(x, y), x=shared("news20.svm.gz"))

    def test_the_sample_of_strads(self):
        """The optimum of 500 F is 0.0198708; it is certified here to 1e-9 of F(0)."""
        x, y = shared("lasso500by1K.X.mtx"), shared("lasso500by1K.Y.mtx")
        y_values = scipy.io.mmread(y)
        y_values = y_values.toarray() if sp.issparse(y_values) else y_values
        problem = Lasso(scipy.io.mmread(x), y_values, intercept=False)
        result = self.solve(self.spec(x, y, stop={"gap": 1e-9},
                                      params={"intercept": False, "lambda": 1e-6}))
        objective = self.check(problem, "out", 1e-6, gap=1e-9)
        print("500 F = %.7f, gap %.1e of F(0)" % (500 * objective, result["metrics"]["gap"]))
        self.assertAlmostEqual(500 * objective, 0.0198708, delta=2e-7)


def correlated(n, p, seed):
    random = np.random.default_rng(seed)
    x = random.standard_normal((n, p))
    for j in range(1, p):
        if j % 10:
            x[:, j] = 0.9 * x[:, j - 1] + 0.4 * x[:, j]
    b = np.zeros(p)
    b[::17] = random.standard_normal(len(b[::17]))
    return x, x @ b + 0.5 * random.standard_normal(n) + 3


class MadeData(Answers):
    def test_elastic_net(self):
        x, y = correlated(120, 300, 1)
        np.save(self.path("x.npy"), x)
        np.save(self.path("y.npy"), y)
        for intercept in (True, False):
            problem = Lasso(x, y, intercept)
            for l1_ratio in (0.5, 0.05):
                with self.subTest(intercept=intercept, l1_ratio=l1_ratio):
                    out = "out%g%d" % (l1_ratio, intercept)
                    self.solve(self.spec("x.npy", "y.npy", params={
                        "l1_ratio": l1_ratio, "lambda_ratio": 0.03, "intercept": intercept}, trace="all"), out)
                    self.assertEqual(self.check_trace(out), [])
                    lam = 0.03 * problem.lambda_max / l1_ratio
                    self.check(problem, out, lam, l1_ratio)
                    self.check_peer(problem, out, lam, l1_ratio)

    def test_ridge_alone(self):
        """l1_ratio 0 has a closed form: (X'X/n + lambda I) b = X'y/n."""
        x, y = correlated(150, 40, 2)
        np.save(self.path("x.npy"), x)
        np.save(self.path("y.npy"), y)
        self.solve(self.spec("x.npy", "y.npy", params={"l1_ratio": 0, "lambda": 0.3,
                                                       "intercept": False},
                             stop={"gap": 1e-12, "rounds": 20000}))
        b = np.linalg.solve(x.T @ x / 150 + 0.3 * np.eye(40), x.T @ y / 150)
        np.testing.assert_allclose(self.model("out")[0], b, atol=1e-6)

    def test_every_format_gives_the_same_answer(self):
        x, y = correlated(80, 150, 3)
        x[np.abs(x) < 0.7] = 0
        x[0, -1] = 1  # svmlight's last column is its largest index
        np.save(self.path("y.npy"), y)
        np.save(self.path("c.npy"), x)
        np.save(self.path("f.npy"), np.asfortranarray(x))
        with gzip.open(self.path("z.npy.gz"), "wb") as stream:
            np.save(stream, x)
        scipy.io.mmwrite(self.path("s.mtx"), sp.coo_matrix(x), precision=17)
        scipy.io.mmwrite(self.path("d.mtx"), x, precision=17)
        support.write_svmlight(self.path("s.svm"), x, y)
        support.write_svmlight(self.path("s.svm.gz"), x, y)
        problem = Lasso(x, y)
        found = {}
        for name in ("c.npy", "f.npy", "z.npy.gz", "s.mtx", "d.mtx", "s.svm", "s.svm.gz"):
            with self.subTest(x=name):
                y_name = None if ".svm" in name else "y.npy"
                self.solve(self.spec(name, y_name, stop={"gap": 1e-11},
                                     params={"lambda_ratio": 0.05}), name + ".out")
                found[name] = self.check(problem, name + ".out", 0.05 * problem.lambda_max,
                                         gap=1e-11)
        self.assertLessEqual(max(found.values()) - min(found.values()),
                             1e-9 * problem.null_objective)

    def test_single_precision_is_read_as_it_stands(self):
        x, y = correlated(60, 90, 4)
        x = x.astype(np.float32)
        np.save(self.path("x.npy"), x)
        np.save(self.path("y.npy"), y)
        self.solve(self.spec("x.npy", "y.npy"))
        problem = Lasso(x.astype(float), y)
        self.check(problem, "out", 0.1 * problem.lambda_max)


class WhatRealDataHave(Answers):
    """Constant and empty columns, explicit zeros, CRLF and trailing blank lines are no errors."""

    def columns(self):
        x, y = correlated(50, 20, 5)
        x[np.abs(x) < 0.5] = 0
        x[:, 3] = 0
        x[:, 7] = 2.5  # an intercept makes it say nothing
        x[:, 11] = 0
        return x, y

    def idle(self, result):
        return [note for note in result["notes"] if "constant or empty" in note]

    def test_constant_and_empty_columns_have_coefficient_0(self):
        x, y = self.columns()
        np.save(self.path("x.npy"), x)
        np.save(self.path("y.npy"), y)
        support.write_svmlight(self.path("x.svm"), x, y)
        for name, y_name in (("x.npy", "y.npy"), ("x.svm", None)):
            with self.subTest(x=name):
                result = self.solve(self.spec(name, y_name, trace="all"), name + ".out")
                self.assertEqual(self.check_trace(name + ".out"), [])
                (note,) = self.idle(result)
                self.assertRegex(note, r"\b3 of 20\b")
                b, _ = self.model(name + ".out")
                self.assertEqual(list(b[[3, 7, 11]]), [0, 0, 0])
                problem = Lasso(x, y)
                self.check(problem, name + ".out", 0.1 * problem.lambda_max)

    def test_without_an_intercept_a_constant_column_counts(self):
        x, y = self.columns()
        np.save(self.path("x.npy"), x)
        np.save(self.path("y.npy"), y)
        result = self.solve(self.spec("x.npy", "y.npy", params={"intercept": False}))
        self.assertRegex(self.idle(result)[0], r"\b2 of 20\b")
        problem = Lasso(x, y, intercept=False)
        self.check(problem, "out", 0.1 * problem.lambda_max)

    def test_explicit_zeros_crlf_and_blank_lines(self):
        x, y = self.columns()
        problem = Lasso(x, y)
        filled = sp.csr_matrix(np.ones_like(x))
        filled.data = x.ravel().copy()  # every place stored, zeros too
        support.write_svmlight(self.path("zeros.svm"), filled, y)
        support.write_svmlight(self.path("crlf.svm"), x, y, ending="\r\n")
        with open(self.path("crlf.svm"), "rb") as stream:
            text = stream.read()
        self.write("blank.svm", text + b"\r\n")
        self.write("blank2.svm", text.replace(b"\r", b"") + b"\n\n")
        self.write("noend.svm", text.rstrip())
        objective = []
        for name in ("zeros.svm", "crlf.svm", "blank.svm", "blank2.svm", "noend.svm"):
            with self.subTest(x=name):
                self.solve(self.spec(name, stop={"gap": 1e-10}), name + ".out")
                objective.append(self.check(problem, name + ".out", 0.1 * problem.lambda_max,
                                            gap=1e-10))
        self.assertLessEqual(max(objective) - min(objective), 1e-9 * problem.null_objective)

    def test_mtx_with_crlf_comments_and_zeros(self):
        text = ("%%MatrixMarket matrix coordinate real general\r\n% made by hand\r\n4 2 6\r\n"
                "1 1 1\r\n2 1 2\r\n3 1 0\r\n4 1 4\r\n1 2 1\r\n2 2 -1\r\n\r\n")
        self.write("x.mtx", text)
        np.save(self.path("y.npy"), [1.0, 2, 0, 5])
        self.solve(self.spec("x.mtx", "y.npy"))
        problem = Lasso(np.array([[1.0, 1], [2, -1], [0, 0], [4, 0]]), [1.0, 2, 0, 5])
        self.check(problem, "out", 0.1 * problem.lambda_max)

    def test_a_constant_response_has_a_model_of_zeros(self):
        x, _ = self.columns()
        np.save(self.path("x.npy"), x)
        np.save(self.path("y.npy"), np.full(50, 2.5))
        done = call("run", self.spec("x.npy", "y.npy", params={"lambda": 0.1}), "--out",
                    self.path("out"), "--quiet")
        self.assertEqual(done.returncode, 0, done.stderr)
        b, b0 = self.model("out")
        self.assertFalse(b.any())
        self.assertEqual(b0, 2.5)


if __name__ == "__main__":
    unittest.main()
