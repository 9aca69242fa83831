"""rondo predict against NumPy: every format, every bad input, and nothing half done."""

import glob
import gzip
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
import unittest

import numpy as np
import scipy.io
import scipy.sparse as sp

import support
from support import RONDO, call, needs_shared, read_json, read_svmlight, shared, write_svmlight

SOURCE = os.environ.get("RONDO_SOURCE", "")


def read_out(path):
    if path.endswith(".npy"):
        return np.load(path)
    return np.loadtxt(path, delimiter={".tsv": "\t", ".csv": ","}.get(path[-4:]))


class Predictions(support.Case):
    def predict(self, model, data, out="p.npy", *words):
        done = call("predict", "--model", self.path(model), "--data", data, "--out",
                    self.path(out), *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def refused(self, model, data, words, *more, where=None, status=2, out="p.npy"):
        """One line on stderr, exit 2, and no file."""
        before = sorted(os.listdir(self.dir))
        done = call("predict", "--model", self.path(model), "--data", data, "--out",
                    self.path(out), *more)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertRegex(done.stderr, r"^rondo: \S.*: ")
        self.assertIn(words, done.stderr)
        if where:
            self.assertIn("rondo: " + where + ": ", done.stderr)
        self.assertEqual(sorted(os.listdir(self.dir)), before)
        return done.stderr

    def expect_close(self, found, expected):
        self.assertEqual(found.shape, expected.shape)
        np.testing.assert_allclose(found, expected, rtol=1e-11,
                                   atol=1e-12 * max(1.0, np.abs(expected).max()))

    def make_model(self, name, b, points, params=None, more=None):
        """A directory as a finished job leaves it, with the coefficients of our choice; the spec is
        one that a job of this build has written."""
        if not os.path.isdir(self.path("base")):
            x, y = self.generate("base-data", rows=30, cols=5, causes=2, seed=3)
            self.solve(self.spec(x, y, name="base.json"), "base")
        os.mkdir(self.path(name))
        result = self.result("base")
        result["spec"]["params"].update(params or {})
        b = sp.csc_matrix(np.asarray(b, dtype=float))
        with open(self.path(name, "coef.mtx"), "w", encoding="ascii") as stream:
            stream.write("%%%%MatrixMarket matrix coordinate real general\n%d %d %d\n"
                         % (*b.shape, b.nnz))
            for j, l, value in zip(*sp.find(b)):
                stream.write("%d %d %.17g\n" % (j + 1, l + 1, value))
        result["model_sha256"] = support.sha256(self.path(name, "coef.mtx"))
        files = {"result.json": result, "path.json": points, **(more or {})}
        for file, content in files.items():
            with open(self.path(name, file), "w", encoding="utf-8") as stream:
                json.dump(content, stream)
        return name

    def make_path(self, name="path", p=5, count=4, **more):
        random = np.random.default_rng(5)
        b = random.normal(size=(p, count)) * (random.random(size=(p, count)) < 0.7)
        b0 = random.normal(size=count)
        lambdas = 0.5 ** np.arange(count)
        self.make_model(name, b, [{"lambda": l, "intercept": i, "objective": 1, "gap": 0, "nnz": 1}
                                  for l, i in zip(lambdas, b0)], **more)
        return b, b0, lambdas

    def rows(self, p=5, n=20, seed=6):
        x = np.random.default_rng(seed).normal(size=(n, p))
        np.save(self.path("new.npy"), x)
        return x, self.path("new.npy")


class Fitted(Predictions):
    """Models that a job has found."""

    def against_numpy(self, x, y, data, out="out"):
        b, b0 = self.model(out)
        expected = np.asarray(x @ b).ravel() + b0
        for name in ("p.npy", "p.txt", "p.tsv", "p.csv"):
            done = self.predict(out, data, name)
            self.expect_close(read_out(self.path(name)), expected)
        self.assertIn("%d x 1 predictions" % len(expected), done.stderr)
        self.assertTrue((read_out(self.path("p.txt")) == np.load(self.path("p.npy"))).all())
        return expected

    def test_every_format_of_data(self):
        x_path, y_path = self.generate("data", "--design", "sparse", rows=150, cols=60, causes=8,
                                       density=0.1, seed=4)
        self.solve(self.spec(x_path, y_path, params={"lambda_ratio": 0.1}))
        x, y = read_svmlight(x_path)
        x.resize((150, 60))
        expected = self.against_numpy(x, y, x_path)
        np.save(self.path("c.npy"), x.toarray())
        np.save(self.path("f.npy"), np.asfortranarray(x.toarray()))
        np.save(self.path("single.npy"), x.toarray().astype("<f4"))
        scipy.io.mmwrite(self.path("coordinate.mtx"), x, precision=17)
        scipy.io.mmwrite(self.path("array.mtx"), x.toarray(), precision=17)
        write_svmlight(self.path("plain.svm"), x, y)
        with open(self.path("c.npy"), "rb") as stream:
            with gzip.open(self.path("zipped.npy.gz"), "wb") as zipped:
                zipped.write(stream.read())
        found = {}
        for name in ("c.npy", "f.npy", "single.npy", "coordinate.mtx", "array.mtx", "plain.svm",
                     "zipped.npy.gz"):
            with self.subTest(name=name):
                self.predict("out", self.path(name))
                found[name] = np.load(self.path("p.npy"))
                np.testing.assert_allclose(found[name], expected, atol=1e-5 if "single" in name
                                           else 1e-12)
        for name in found:
            if name != "single.npy":
                np.testing.assert_allclose(found[name], found["c.npy"], rtol=0, atol=1e-13)

    def test_a_design_with_and_without_intercept(self):
        x_path, y_path = self.generate("data", rows=80, cols=200, causes=10, seed=7)
        for intercept in (True, False):
            spec = self.spec(x_path, y_path, params={"intercept": intercept, "lambda_ratio": 0.05})
            self.solve(spec, "out%d" % intercept)
            self.against_numpy(np.load(x_path), np.load(y_path), x_path, "out%d" % intercept)
            self.assertEqual(self.model("out%d" % intercept)[1] == 0, not intercept)

    def test_the_same_bytes_each_time(self):
        x_path, y_path = self.generate("data", rows=80, cols=200, causes=10, seed=8)
        self.solve(self.spec(x_path, y_path))
        found = set()
        for i in range(3):
            self.predict("out", x_path, "%d.npy" % i)
            found.add(support.sha256(self.path("%d.npy" % i)))
        self.assertEqual(len(found), 1)

    @needs_shared
    def test_leukemia(self):
        x, y = np.load(shared("leukemia.X.npy")), np.load(shared("leukemia.y.npy")).ravel()
        self.solve(self.spec(shared("leukemia.X.npy"), shared("leukemia.y.npy"),
                             params={"lambda_ratio": 0.1}))
        expected = self.against_numpy(x.astype(float), y, shared("leukemia.X.npy"))
        done = self.predict("out", shared("leukemia.X.npy"), "p.npy", "--y",
                            shared("leukemia.y.npy"), "--json", "--quiet")
        self.assertEqual(done.stderr, "")
        error = json.loads(done.stdout)["metrics"]["mean_squared_error"]
        self.assertAlmostEqual(error, ((y - expected) ** 2).mean(), delta=1e-10)

    @needs_shared
    def test_news20(self):
        """A job stopped early: what it has found so far is a model like any other."""
        path = shared("news20.svm.gz")
        self.solve(self.spec(path, params={"lambda_ratio": 0.3}, stop={"rounds": 30, "gap": 0.01}))
        x, y = read_svmlight(path)
        expected = self.against_numpy(x, y, path)
        done = self.predict("out", path, "p.npy")
        error = float(re.search(r"mean squared error ([^,\s]+)", done.stderr).group(1))
        self.assertAlmostEqual(error, ((y - expected) ** 2).mean(), delta=1e-5 * error)


class Made(Predictions):
    """Models of our choice: paths, and the logistic loss."""

    def test_a_path(self):
        b, b0, lambdas = self.make_path()
        x, data = self.rows()
        expected = x @ b + b0
        for name in ("p.npy", "p.txt", "p.tsv"):
            self.predict("path", data, name)
            self.expect_close(read_out(self.path(name)), expected)
        with open(self.path("p.tsv"), encoding="ascii") as stream:
            self.assertEqual(stream.readline().count("\t"), 3)
        for l, value in enumerate(lambdas):
            done = self.predict("path", data, "one.npy", "--lambda", value)
            self.expect_close(np.load(self.path("one.npy")), expected[:, l])
            self.assertNotIn("nearest", done.stderr)
        done = self.predict("path", data, "one.npy", "--lambda=0.3")
        self.expect_close(np.load(self.path("one.npy")), expected[:, 2])
        self.assertIn("the nearest is taken, 0.25", done.stderr)
        self.assertEqual(done.stderr.count("\n"), 2)
        self.refused("path", data, "2 is outside of the model's path, 0.125 to 1", "--lambda", 2,
                     where="--lambda")
        self.refused("path", data, "no cv.json", "--lambda", "min", where="--lambda")

    def test_what_cross_validation_has_chosen(self):
        b, b0, _ = self.make_path(more={"cv.json": {"lambda_min": 0.125, "lambda_1se": 0.5,
                                                    "chosen": 0.5}})
        x, data = self.rows()
        expected = x @ b + b0
        for words, column in (((), 1), (("--lambda", "min"), 3), (("--lambda", "1se"), 1)):
            self.predict("path", data, "p.npy", *words)
            self.expect_close(np.load(self.path("p.npy")), expected[:, column])
        self.predict("path", data, "p.npy", "--lambda", "all")
        self.expect_close(np.load(self.path("p.npy")), expected)
        self.write("path/cv.json", '{"chosen": 0.3}')
        self.refused("path", data, "none of the path's lambdas", where=self.path("path/cv.json"))
        self.write("path/cv.json", '{"chosen": "0.5"}')
        self.refused("path", data, 'there are no numbers "chosen"', where=self.path("path/cv.json"))

    def coef(self, model, *words):
        done = call("coef", "--model", self.path(model), *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def test_coefficients_are_listed(self):
        b, b0, _ = self.make_path(more={"cv.json": {"lambda_min": 0.125, "lambda_1se": 0.5, "chosen": 0.5}})
        for words, l in (((), 1), (("--lambda", "min"), 3), (("--lambda", "0.25"), 2)):
            told = json.loads(self.coef("path", "--json", *words).stdout)
            order = [j for j in np.argsort(-np.abs(b[:, l]), kind="stable") if b[j, l] != 0]
            self.assertEqual([entry["column"] - 1 for entry in told["coefficients"]], order)
            np.testing.assert_array_equal([entry["value"] for entry in told["coefficients"]], b[order, l])
            self.assertEqual((told["intercept"], told["columns"], told["nnz"]), (b0[l], 5, len(order)))
        lines = self.coef("path", "--first", "2").stdout.splitlines()
        self.assertEqual(len(lines), 4)
        self.assertIn("lambda 0.5, ", lines[0])
        for line, j in zip(lines[2:], np.argsort(-np.abs(b[:, 1]), kind="stable")):
            self.assertEqual(line.split(), [str(j + 1), "%.9g" % b[j, 1]])

    def test_coefficients_that_cannot_be_listed(self):
        self.make_path()
        for words, says in (((), "none is chosen"), (("--lambda", "1se"), "no cv.json"),
                            (("--lambda", "9"), "outside"), (("--first", "0"), "--first"),
                            (("--type", "link"), "--type"), (("--first", "1.5"), "--first")):
            done = call("coef", "--model", self.path("path"), *words)
            self.assertEqual((done.returncode, done.stdout), (2, ""), words)
            self.assertIn(says, done.stderr)
        self.assertEqual(call("coef").returncode, 2)
        self.assertEqual(call("coef", "--model", self.path("none")).returncode, 2)

    def test_coefficients_of_genotypes_have_names(self):
        done = call("data", "generate", "lasso", "--design", "genotype", "--rows", 60, "--cols", 40, "--causes", 3,
                    "--out", self.path("g"), "--seed", 2)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.solve(self.spec(self.path("g", "x.bed"), name="g.json"), "go")
        for entry in json.loads(self.coef("go", "--json").stdout)["coefficients"]:
            self.assertEqual(entry["name"], "s%d_A" % entry["column"])
        self.assertRegex(self.coef("go").stdout, r"(?m)^ +\d+ +\S+  s\d+_A$")
        os.rename(self.path("g", "x.bim"), self.path("g", "gone"))
        done = self.coef("go")
        self.assertIn("there are no names", done.stderr)
        self.assertNotIn("_A", done.stdout)

    def test_a_model_of_nothing_but_an_intercept(self):
        self.make_model("none", np.zeros((5, 1)), [{"lambda": 1.0, "intercept": 2.5}])
        _, data = self.rows()
        self.predict("none", data)
        self.assertTrue((np.load(self.path("p.npy")) == 2.5).all())

    def test_the_logistic_loss(self):
        b, b0, _ = self.make_path(params={"loss": "logistic"}, count=1)
        x, data = self.rows()
        z = (x @ b + b0).ravel()
        p = 1 / (1 + np.exp(-z))
        for words, expected in (((), p), (("--type", "response"), p), (("--type", "link"), z),
                                (("--type", "class"), np.where(z > 0, 1, -1))):
            self.predict("path", data, "p.npy", *words)
            self.expect_close(np.load(self.path("p.npy")), expected)
        for labels in ((0, 1), (-1, 1)):
            y = np.array(labels, dtype=float)[(np.arange(20) % 3 > 0).astype(int)]
            np.save(self.path("y.npy"), y)
            done = self.predict("path", data, "p.npy", "--y", self.path("y.npy"), "--json")
            metrics = json.loads(done.stdout)["metrics"]
            self.assertAlmostEqual(metrics["log_loss"],
                                   -np.log(np.where(y == 1, p, 1 - p)).mean(), delta=1e-12)
            self.assertAlmostEqual(metrics["accuracy"], ((p > 0.5) == (y == 1)).mean(), delta=1e-12)
            self.assertRegex(done.stderr, "; log loss [0-9.]+, accuracy [0-9.]+, lambda 1\n")
        np.save(self.path("y.npy"), np.arange(20.0))
        done = self.predict("path", data, "p.npy", "--y", self.path("y.npy"))
        self.assertIn("is no class of the model", done.stderr)
        self.write("path/classes.json", '{"labels": [3, 8]}')
        self.predict("path", data, "p.npy", "--type", "class")
        self.expect_close(np.load(self.path("p.npy")), np.where(z > 0, 8, 3))

    def test_the_huber_loss(self):
        b, b0, _ = self.make_path(params={"loss": "huber", "huber_delta": 0.5}, count=2)
        x, data = self.rows()
        z = x @ b + b0
        y = z[:, 0] + np.where(np.arange(20) % 5 > 0, 0.1, 4.0) * (-1) ** np.arange(20)
        np.save(self.path("y.npy"), y)
        e = np.abs(y[:, None] - z)
        loss = np.where(e <= 0.5, e * e / 2, 0.5 * e - 0.125).mean(axis=0)
        done = self.predict("path", data, "p.npy", "--y", self.path("y.npy"), "--json")
        metrics = json.loads(done.stdout)["metrics"]
        best = loss.argmin()
        self.assertAlmostEqual(metrics["huber_loss"], loss[best], delta=1e-12)
        self.assertAlmostEqual(metrics["mean_squared_error"], (e * e).mean(axis=0)[best], delta=1e-12)
        self.assertRegex(done.stderr, "; huber loss [0-9.]+, mean squared error [0-9.]+, lambda ")

    def test_the_response_is_what_y_is(self):
        for loss in ("squared", "huber", "poisson"):
            with self.subTest(loss=loss):
                b, b0, _ = self.make_path(loss, params={"loss": loss}, count=2)
                x, data = self.rows()
                z = x @ b + b0
                for words in ((), ("--type", "response")):
                    self.predict(loss, data, "p.npy", *words)
                    self.expect_close(np.load(self.path("p.npy")), np.exp(z) if loss == "poisson" else z)
                self.predict(loss, data, "p.npy", "--type", "link")
                self.expect_close(np.load(self.path("p.npy")), z)
                self.refused(loss, data, "class is for the logistic loss", "--type", "class", where="--type",
                             out="q.npy")
                np.save(self.path("below.npy"), np.r_[1.0, -1.0, np.ones(18)])
                done = self.predict(loss, data, "p.npy", "--y", self.path("below.npy"), "--lambda", "all")
                self.assertEqual("y = -1 in row 2 is no count" in done.stderr, loss == "poisson", done.stderr)
                self.assertEqual(" mean " in done.stderr, loss != "poisson", done.stderr)

    def test_csv_goes_out_and_not_in(self):
        self.make_path(count=3)
        x, data = self.rows()
        for name in ("p.npy", "p.csv"):
            self.predict("path", data, name)
        self.assertTrue((read_out(self.path("p.csv")) == np.load(self.path("p.npy"))).all())
        for name, head in (("x.csv", ""), ("named.csv", "a,b,c,d,e\n"), ("x.txt", "")):
            rows = "".join(",".join("%.17g" % value for value in row) + "\n" for row in x)
            self.refused("path", self.write(name, head + rows), 'delimiter=",", skiprows=1' if head else 'delimiter=","))',
                         out="q.npy")

    def test_the_best_of_a_path_is_said(self):
        b, b0, lambdas = self.make_path()
        x, data = self.rows()
        errors = (((x @ b + b0) - x[:, :1]) ** 2).mean(axis=0)
        np.save(self.path("y.npy"), x[:, 0])
        done = self.predict("path", data, "p.npy", "--y", self.path("y.npy"), "--json")
        found = json.loads(done.stdout)
        self.assertAlmostEqual(found["metrics"]["mean_squared_error"], errors.min(), delta=1e-12)
        self.assertEqual(found["metrics"]["lambda"], lambdas[errors.argmin()])
        self.assertEqual((found["app"], found["rows"], found["cols"]), ("lasso", 20, 4))

    def test_columns_of_svmlight(self):
        b, b0, _ = self.make_path(count=1)
        few = self.write("few.svm", "0 1:2 3:1\n0 2:-1\n0\n")
        self.predict("path", few)
        x = np.array([[2, 0, 1, 0, 0], [0, -1, 0, 0, 0], [0, 0, 0, 0, 0]])
        self.expect_close(np.load(self.path("p.npy")), (x @ b + b0).ravel())
        more = self.write("more.svm", "0 1:2 3:1 9:4\n0 2:-1\n0 7:0\n")
        self.refused("path", more, "has 9 columns, the model has 5, and 1 values stand beyond",
                     where=more)
        done = self.predict("path", more, "p.npy", "--unseen", "ignore")
        self.expect_close(np.load(self.path("p.npy")), (x @ b + b0).ravel())
        self.assertIn("1 values in columns beyond the model's 5 are left out", done.stderr)
        zero = self.write("zero.svm", "0 1:2 3:1 9:0\n0 2:-1\n0 7:0\n")
        self.predict("path", zero)
        self.expect_close(np.load(self.path("p.npy")), (x @ b + b0).ravel())

    def test_the_index_base(self):
        b, b0, _ = self.make_path(count=1)
        data = self.write("zero.svm", "0 0:2 2:1\n")
        self.refused("path", data, "index 0")
        self.predict("path", data, "p.npy", "--index-base", "0")
        self.expect_close(np.load(self.path("p.npy")),
                          (np.array([[2, 0, 1, 0, 0]]) @ b + b0).ravel())

    def test_the_labels_of_the_data_are_ignored(self):
        self.make_path(count=1)
        found = []
        for label in (0, 17):
            self.predict("path", self.write("a.svm", "%d 1:2 3:1\n%d 2:-1\n" % (label, label)))
            found.append(np.load(self.path("p.npy")))
        self.assertTrue((found[0] == found[1]).all())


class Refusals(Predictions):
    def test_data(self):
        self.make_path()
        _, narrow = self.rows(p=4)
        self.refused("path", narrow, "has 4 columns, the model has 5", where=narrow)
        np.save(self.path("wide.npy"), np.ones((3, 6)))
        self.refused("path", self.path("wide.npy"), "has 6 columns, the model has 5")
        matrix = self.write("a.mtx", "%%MatrixMarket matrix coordinate real general\n2 4 1\n1 1 1\n")
        self.refused("path", matrix, "has 4 columns, the model has 5", where=matrix)
        self.refused("path", self.path("none.npy"), "No such file", where=self.path("none.npy"))
        self.refused("path", self.write("bad.svm", "1 1:2\n1 1:x\n"), "expected index:value",
                     where=self.path("bad.svm") + ":2")
        self.refused("path", self.write("bad.npy", "\x93NUMPY"), "")
        np.save(self.path("nan.npy"), np.full((2, 5), np.nan))
        self.refused("path", self.path("nan.npy"), "not a number")
        np.save(self.path("huge.npy"), np.full((2, 5), 1e308) * np.array([1, -1, 1, -1, 1]))
        self.make_model("large", np.full((5, 1), 1e300), [{"lambda": 1.0, "intercept": 0}])
        self.refused("large", self.path("huge.npy"), "the prediction for row 1 is not finite")

    def test_y(self):
        self.make_path()
        _, data = self.rows()
        np.save(self.path("y.npy"), np.ones(7))
        self.refused("path", data, "7 values, but", "--y", self.path("y.npy"),
                     where=self.path("y.npy"))
        self.refused("path", data, "No such file", "--y", self.path("none"))
        self.refused("path", data, "a vector is wanted", "--y", data)

    def test_words(self):
        self.make_path()
        _, data = self.rows()
        model = ("--model", self.path("path"))
        for words, says in ((("--data", data, "--out", "x.txt"), "by which model?"),
                            ((*model, "--out", "x.txt"), "of which rows?"),
                            ((*model, "--data", data), "where to?"),
                            ((*model, "--data", data, "--out"), "--out needs a value"),
                            ((*model, "--data", data, "--out", "x.txt", "more"), "takes no word"),
                            ((*model, "--data", data, "--out", "x.txt", "-z"), "unknown option"),
                            ((*model, "--data", data, "--out", "x.txt", "--top"), "needs a value"),
                            ((*model, "--data", data, "--out", "x.txt", "--index-base", "2"),
                             "is 0 or 1")):
            with self.subTest(words=words):
                done = call("predict", *words, cwd=self.dir)
                self.assertEqual(done.returncode, 2)
                self.assertEqual(done.stderr.count("\n"), 1)
                self.assertIn(says, done.stderr)
        self.refused("path", data, "did you mean --lambda?", "--lamda", "1", where="--lamda")
        self.refused("path", data, "has such an option", "--top", "3", where="--top")
        self.refused("path", data, "is unknown", "--type", "odds", where="--type")
        self.refused("path", data, "class is for the logistic loss", "--type", "class", where="--type")
        self.refused("path", data, "no number above 0", "--lambda", "x", where="--lambda")
        self.refused("path", data, "is not overwritten", out="new.npy")
        for name in ("p", "p.json", "p.npy.gz"):
            self.refused("path", data, "does not tell a format", out=name)
        self.refused("path", data, "cannot write", out="none/p.npy", status=1)

    def test_no_model(self):
        self.make_path()
        _, data = self.rows()
        self.refused("nowhere", data, "there is no such directory", where=self.path("nowhere"))
        self.refused("new.npy", data, "there is no such directory")
        os.mkdir(self.path("empty"))
        self.refused("empty", data, "is not the output directory of a job",
                     where=self.path("empty"))
        self.write("empty/spec.json", "{}")
        self.refused("empty", data, "the job has not ended")
        self.write("empty/result.json", "{")
        self.refused("empty", data, "is not JSON", where=self.path("empty/result.json"))
        self.write("empty/result.json", "[1]")
        self.refused("empty", data, "is not what a job writes")

    def test_a_job_that_is_not_completed(self):
        self.make_path()
        _, data = self.rows()
        whole = read_json(self.path("path/result.json"))
        for state in ("failed", "interrupted", "cancelled"):
            self.write("path/result.json", json.dumps(dict(whole, state=state)))
            self.refused("path", data, "the job is %s, not completed" % state,
                         where=self.path("path/result.json"))
        spec = dict(whole["spec"], app="none")
        self.write("path/result.json", json.dumps(dict(whole, spec=spec)))
        self.refused("path", data, "none")

    def damaged(self, name, text, words, rehash=True):
        _, data = self.rows()
        shutil.copytree(self.path("path"), self.path("copy"))
        self.write(os.path.join("copy", name), text)
        if rehash and name == "coef.mtx":
            result = dict(read_json(self.path("copy/result.json")),
                          model_sha256=support.sha256(self.path("copy/coef.mtx")))
            self.write("copy/result.json", json.dumps(result))
        said = self.refused("copy", data, words)
        self.assertIn(self.path("copy", name), said)
        shutil.rmtree(self.path("copy"))

    def test_a_model_that_is_damaged(self):
        self.make_path()
        with open(self.path("path/coef.mtx"), encoding="ascii") as stream:
            coef = stream.read()
        self.damaged("coef.mtx", coef[:-4], "is damaged, or was not written by this job", False)
        self.damaged("coef.mtx", coef.replace("1 1 ", "1 x ", 1), "expected")
        self.damaged("coef.mtx", coef[:coef.rindex("\n", 0, -1)], "")
        self.damaged("coef.mtx", "", "")
        self.damaged("coef.mtx", "%%MatrixMarket matrix array real general\n1 1\n1\n",
                     "is not a matrix of coordinates")
        path = read_json(self.path("path/path.json"))
        self.damaged("path.json", json.dumps(path[1:]), "has 3 points, coef.mtx has 4 columns")
        self.damaged("path.json", json.dumps(path)[:-9], "is not JSON")
        del path[2]["intercept"]
        self.damaged("path.json", json.dumps(path), 'element 2 has no number "intercept"')
        self.damaged("path.json", "17", 'there are no numbers "lambda"')
        _, data = self.rows()
        for name in ("coef.mtx", "path.json"):
            os.rename(self.path("path", name), self.path("aside"))
            self.refused("path", data, "cannot", where=self.path("path", name))
            os.rename(self.path("aside"), self.path("path", name))

    def test_an_interrupted_job_has_no_model(self):
        x_path, y_path = self.generate("data", rows=200, cols=4000, causes=100, seed=9)
        spec = self.spec(x_path, y_path, params={"lambda_ratio": 1e-4}, stop={"gap": 1e-14})
        run = subprocess.Popen([RONDO, "run", spec, "--out", self.path("out"), "--quiet"],
                               stderr=subprocess.PIPE)
        while not os.path.exists(self.path("out/progress.jsonl")):
            time.sleep(0.02)
        time.sleep(0.1)
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=600)
        if run.returncode != 130:
            self.skipTest("the job was done before it could be interrupted")
        self.refused("out", x_path, "the job is interrupted, not completed")


class Whole(Predictions):
    def interrupted(self, data, number):
        """A signal as soon as it writes: (exit status, stderr)."""
        run = subprocess.Popen([RONDO, "predict", "--model", self.path("path"), "--data", data,
                                "--out", self.path("p.txt")], stderr=subprocess.PIPE, text=True)
        while not glob.glob(self.path("p.txt.tmp.*")) and run.poll() is None:
            time.sleep(0.005)
        run.send_signal(number)
        _, said = run.communicate(timeout=600)
        return run.returncode, said

    def test_an_interruption_leaves_nothing(self):
        self.make_path(count=200)
        os.remove(self.path("base.json"))
        _, data = self.rows(n=60000)
        kept = sorted(os.listdir(self.dir))
        for number in (signal.SIGINT, signal.SIGTERM):
            for _ in range(10):  # the signal comes too late where this process has to wait
                status, said = self.interrupted(data, number)
                if status == 130:
                    break
                self.assertEqual(status, 0, said)
                os.remove(self.path("p.txt"))
            self.assertEqual((status, said), (130, "rondo: interrupted; nothing was written\n"))
            self.assertEqual(sorted(os.listdir(self.dir)), kept)

    def test_an_older_file_stays_until_the_new_one_is_whole(self):
        self.make_path()
        _, data = self.rows()
        self.write("p.npy", "old")
        np.save(self.path("narrow.npy"), np.ones((3, 2)))
        done = call("predict", "--model", self.path("path"), "--data", self.path("narrow.npy"),
                    "--out", self.path("p.npy"))
        self.assertEqual(done.returncode, 2)
        with open(self.path("p.npy"), encoding="ascii") as stream:
            self.assertEqual(stream.read(), "old")
        self.predict("path", data)
        self.assertEqual(np.load(self.path("p.npy")).shape, (20, 4))

    @unittest.skipIf(support.SANITIZED, "memory is not what it is")
    def test_predictions_take_no_memory_of_their_own(self):
        """240 MB of predictions from 2.4 MB of data."""
        self.make_path(count=500)
        _, data = self.rows(n=60000)
        code = ("import resource, subprocess, sys\n"
                "done = subprocess.run(sys.argv[1:])\n"
                "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
                "sys.exit(done.returncode)\n")
        done = subprocess.run(["/usr/bin/env", "python3", "-c", code, RONDO, "predict", "--quiet",
                               "--model", self.path("path"), "--data", data, "--out",
                               self.path("p.npy")], capture_output=True, text=True, timeout=600)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreater(os.path.getsize(self.path("p.npy")), 239e6)
        self.assertLess(int(done.stdout) * 1024, 60e6)


class Pages(unittest.TestCase):
    """What help says, the page says, and the app's table."""

    @unittest.skipUnless(SOURCE, "there is no source (RONDO_SOURCE)")
    def test_help_the_page_and_the_table_have_the_same_options(self):
        options = set(re.findall(r"^  (--[a-z-]+)", call("help", "predict").stdout, re.M))
        with open(os.path.join(SOURCE, "docs", "man", "rondo-predict.1"), encoding="ascii") as page:
            paged = {"-" + word for word in re.findall(r"^\.It Fl (-[a-z-]+)", page.read(), re.M)}
        self.assertEqual(options, paged)
        lasso, mf = ([app for app in json.loads(call("apps", "--json").stdout) if app["name"] == name][0]
                     for name in ("lasso", "mf"))
        self.assertTrue(lasso["predicts"])
        self.assertLessEqual({"--" + row["key"] for row in lasso["predict_options"]}, options)
        self.assertEqual(len(options), 8 + len(lasso["predict_options"]) + len(mf["predict_options"]))


if __name__ == "__main__":
    unittest.main()
