"""Genotypes in PLINK 1 files: looked at, converted, made, solved on, refused, and sent to a worker."""

import contextlib
import json
import os
import shutil
import sqlite3
import unittest

import numpy as np
import scipy.io

import installed
import support
from cluster import Coordinator
from installed import SOURCE
from support import call

VALUES = np.array([2, np.nan, 1, 0])  # of the codes 00, 01, 10, 11
ROLES = ("static struct rondo_role two[3] = {{\"x\", RONDO_ROLE_PACKED, 1, 0, \"genotypes\"}, "
         "{\"y\", RONDO_ROLE_VECTOR, 0, \"x\", \"y\"}}; app.roles = two")


def read_bed(path):
    """Genotypes [n, p] by the format's description, and the columns of .bim and .fam."""
    beside = []
    for ending in (".bim", ".fam"):
        with open(path[:-4] + ending, encoding="ascii") as stream:
            beside.append([line.split() for line in stream])
    variants, people = beside
    raw = np.fromfile(path, dtype=np.uint8)
    assert bytes(raw[:3]) == b"\x6c\x1b\x01"
    codes = raw[3:].reshape(len(variants), -1, 1) >> np.array([0, 2, 4, 6]) & 3
    return VALUES[codes.reshape(len(variants), -1)[:, :len(people)].T], variants, people


class Made(support.Case):
    def make(self, *words, **options):
        options = {"rows": 403, "cols": 900, "seed": 3, **options}
        for key, value in options.items():
            words += ("--" + key, value)
        done = call("data", "generate", "lasso", "--design", "genotype", "--out", self.path("g"), *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return self.path("g", "x.bed")

    def refused(self, words, *says):
        done = call(*words)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        for word in says:
            self.assertIn(word, done.stderr)


class Data(Made):
    def test_made_genotypes_are_what_the_recipe_says(self):
        x, variants, people = read_bed(self.make(rows=1501, cols=2000, missing=0.05))
        truth = np.load(self.path("g", "truth.npy"))
        self.assertEqual((x.shape, truth.shape), ((1501, 2000), (2000,)))
        self.assertAlmostEqual(np.isnan(x).mean(), 0.05, delta=0.002)
        frequency = np.nanmean(x, axis=0) / 2
        self.assertTrue(0.03 < frequency.min() < 0.08 and 0.46 < frequency.max() < 0.54)
        self.assertEqual(np.count_nonzero(truth), 200)
        filled = np.where(np.isnan(x), 2 * frequency, x)
        y = np.array([float(words[5]) for words in people])
        share = np.corrcoef(filled @ truth, y)[0, 1] ** 2
        self.assertTrue(0.35 < share < 0.6, share)  # h2 0.5, less what is missing
        z = (filled - filled.mean(0)) / filled.std(0)
        near = (z[:, 1:] * z[:, :-1]).mean(0)
        far = (z[:, 200:] * z[:, :-200]).mean(0)
        self.assertTrue(near.mean() > 0.3 and abs(far).mean() < 0.05, (near.mean(), abs(far).mean()))
        self.assertEqual(sorted({int(words[0]) for words in variants}), list(range(1, 23)))
        for one, other in zip(variants, variants[1:]):
            self.assertTrue(one[0] != other[0] or int(one[3]) < int(other[3]))

    def test_the_same_seed_gives_the_same_bytes(self):
        one = support.sha256(self.make(missing=0.01))
        self.assertEqual(support.sha256(self.make(missing=0.01)), one)
        self.assertNotEqual(support.sha256(self.make(missing=0.01, seed=4)), one)

    def test_info(self):
        path = self.make()
        told = json.loads(call("data", "info", path, "--json").stdout)
        self.assertEqual(told, {"file": path, "format": "bed", "compression": "none", "rows": 403,
                                "cols": 900, "nnz": 403 * 900, "sparse": False, "packed": True,
                                "mapped": True, "labels": True, "bytes": 101 * 900})
        self.assertIn("packed", call("data", "info", path).stdout)

    def test_convert_there_and_back(self):
        path = self.make(missing=0.02)
        x, _, people = read_bed(path)
        want = np.where(np.isnan(x), np.nanmean(x, axis=0), x)
        self.assertEqual(call("data", "convert", path, self.path("x.npy")).returncode, 0)
        np.testing.assert_allclose(np.load(self.path("x.npy")), want, rtol=1e-15)
        np.testing.assert_allclose(np.load(self.path("x.labels.npy")),
                                   [float(words[5]) for words in people], rtol=1e-15)
        whole = self.make()
        for name in ("whole.npy", "whole.mtx.gz", "whole.svm"):
            self.assertEqual(call("data", "convert", whole, self.path(name)).returncode, 0)
            back = self.path(name.split(".")[1] + ".bed")
            done = call("data", "convert", self.path(name), back)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(support.sha256(back), support.sha256(whole))
        self.refused(("data", "convert", self.path("x.npy"), self.path("no.bed")), "0, 1 and 2")
        self.assertFalse([name for name in os.listdir(self.dir) if name.startswith("no.")])

    def test_generate_refuses(self):
        def words(*more):
            return ("data", "generate", "lasso", "--out", self.path("r"), *more)
        genotype = ("--design", "genotype", "--rows", "9", "--cols", "9")
        self.refused(words("--design", "ar", "--format", "bed"), "--format bed")
        self.refused(words("--design", "ar", "--missing", "0.1"), "--missing")
        self.refused(words(*genotype, "--missing", "1"), "--missing")
        self.refused(words(*genotype, "--missing", "0.1", "--format", "npy"), "--missing")

    # ---- specs ----------------------------------------------------------------------------------

    def table(self, name="pheno.txt", header="FID IID bmi height\n"):
        with open(self.path("g", "x.fam"), encoding="ascii") as stream:
            people = [line.split()[:2] for line in stream]
        lines = ["%s %s %d %g\n" % (*who, i, i / 2) for i, who in enumerate(people)]
        return self.write(name, header + "".join(reversed(lines)))

    def test_validate_takes_tables_and_phenotypes(self):
        path = self.make()
        done = call("validate", self.spec(path), "--json")
        told = json.loads(done.stdout)["data"]
        self.assertEqual((told["x"]["packed"], told["y"]["labels_of"]), (True, "x"))
        spec = self.spec(path, self.table(), data={"phenotype": "height"})
        told = json.loads(call("validate", spec, "--json").stdout)["data"]
        self.assertEqual((told["y"]["format"], told["y"]["rows"]), ("table", 403))
        self.refused(("validate", self.spec(path, self.table(), data={"phenotype": "age"})),
                     "pheno.txt:1", "bmi, height")
        self.refused(("validate", self.spec(path, self.table())), "pheno.txt:1", "/data/phenotype")
        self.refused(("validate", self.spec(path, data={"phenotype": "bmi"})), "/data/phenotype",
                     "job.json:", "not given")

    def test_bad_files_stop_a_job_before_it_begins(self):
        path = self.make()
        with open(path, "ab") as stream:
            stream.write(b"!")
        for command in ("validate", "run"):
            self.refused((command, self.spec(path), *(("--out", self.path("out"))
                                                      if command == "run" else ())),
                         "/data/x", path, "90904 bytes")
        path = self.make()
        with open(path[:-4] + ".fam", "r", encoding="ascii") as stream:
            lines = stream.read().splitlines()
        lines[6] = lines[6].rsplit(" ", 1)[0] + " -9"
        self.write(os.path.join("g", "x.fam"), "\n".join(lines) + "\n")
        self.refused(("run", self.spec(path), "--out", self.path("out")), "x.fam:7", "i7 i7 is missing",
                     "/data/y")
        self.assertEqual(call("validate", self.spec(path, self.table("one.txt", ""),
                                                    data={"phenotype": "1"})).returncode, 0)
        os.remove(path[:-4] + ".bim")
        self.refused(("validate", self.spec(path)), "x.bim")

    def test_an_app_says_whether_it_takes_them(self):
        self.assertIn("matrix or genotypes", call("apps", "lasso").stdout)
        roles = json.loads(call("apps", "lasso", "--json").stdout)["data"]
        self.assertEqual([role["key"] for role in roles if role["packed"]], ["data.x"])


class Solves(Made):
    """The lasso on packed genotypes, against the matrix of the same values."""

    def both(self, **more):
        path = self.make(missing=0.03)
        self.assertEqual(call("data", "convert", path, self.path("x.npy")).returncode, 0)
        packed = self.solve(self.spec(path, name="packed.json", **more), "packed")
        dense = self.solve(self.spec(self.path("x.npy"), self.path("x.labels.npy"), "dense.json",
                                     **more), "dense")
        return packed, dense

    def coefficients(self, out):
        return scipy.io.mmread(self.path(out, "coef.mtx")).toarray()[:, 0]

    def test_the_answer_is_that_of_the_dense_matrix(self):
        for number, params in enumerate(({}, {"lambda_ratio": 0.01}, {"intercept": False},
                                         {"l1_ratio": 0.5, "lambda_ratio": 0.02})):
            with self.subTest(params=params):
                packed, dense = self.both(params=params, stop={"gap": 1e-12})
                self.assertEqual((packed["stop_reason"], dense["stop_reason"]), ("gap", "gap"))
                y = np.load(self.path("x.labels.npy"))
                null = ((y - (y.mean() if number != 2 else 0)) ** 2).mean() / 2
                self.assertLess(abs(packed["objective"] - dense["objective"]), 1e-9 * null)
                np.testing.assert_allclose(self.coefficients("packed"), self.coefficients("dense"),
                                           atol=1e-6 * abs(self.coefficients("dense")).max())
                for name in ("packed", "dense"):
                    shutil.rmtree(self.path(name))

    def test_the_bits_do_not_depend_on_workers(self):
        spec = self.spec(self.make(missing=0.03), params={"lambda_ratio": 0.05})
        found = set()
        for workers in ("1", "2", "3"):
            self.solve(spec, "out" + workers, "--workers", workers)
            found.add(support.sha256(self.path("out" + workers, "coef.mtx")))
        self.assertEqual(len(found), 1)

    def test_the_generated_job_runs(self):
        self.make()
        result = self.solve(self.path("g", "job.json"))
        self.assertEqual(result["stop_reason"], "gap")

    def test_columns_that_say_nothing_are_dropped_and_counted(self):
        path = self.make()
        with open(path, "r+b") as stream:
            for column, byte in ((2, 0x55), (5, 0xff), (8, 0xaa)):  # all missing, all 0, all 1
                stream.seek(3 + 101 * column)
                stream.write(bytes([byte]) * 101)
        result = self.solve(self.spec(path))
        self.assertIn("3 of 900 columns are constant or all missing; their coefficient is 0",
                      result["notes"])
        self.assertEqual(list(self.coefficients("out")[[2, 5, 8]]), [0, 0, 0])
        # without an intercept, a constant that is not 0 counts
        result = self.solve(self.spec(path, params={"intercept": False}), "through")
        self.assertIn("2 of 900 columns", " ".join(result["notes"]))

    def test_row_shards_are_refused(self):
        self.refused(("run", self.spec(self.make(), params={"row_shards": 2}), "--out",
                      self.path("out")), "/params/row_shards", "not cut into row shards")

    def test_a_window_is_an_oracle_and_no_more(self):
        schedule = {"blocks": 32, "block_size": 1, "dependency": {"coupled": "drop"}}
        path = self.make(missing=0.03)
        objectives, conflicts = [], []
        for window in (0, 50000, 1):  # the last: nothing is coupled, but for what shares a place
            out = "out%d" % window
            result = self.solve(self.spec(path, params={"ld_window": window}, schedule=schedule,
                                          stop={"gap": 1e-9}, trace="all"), out)
            self.assertEqual(result["stop_reason"], "gap")
            objectives.append(result["objective"])
            with contextlib.closing(sqlite3.connect(self.path(out, "trace.db"))) as trace:
                conflicts.append({(min(pair), max(pair)) for pair in trace.execute(
                    "SELECT candidate, other FROM conflict_pairs")})
        self.assertLess(max(objectives) - min(objectives), 1e-9 * objectives[0])
        place = [(words[0], int(words[3])) for words in read_bed(path)[1]]
        apart = [[abs(place[j][1] - place[k][1]) if place[j][0] == place[k][0] else np.inf
                  for j, k in pairs] for pairs in conflicts]
        self.assertGreater(max(apart[0]), 50000)
        self.assertTrue(apart[1] and max(apart[1]) <= 50000)
        self.assertEqual(conflicts[2], set())

    def test_a_window_wants_positions(self):
        self.make()
        self.assertEqual(call("data", "convert", self.path("g", "x.bed"), self.path("x.npy")).returncode, 0)
        spec = self.spec(self.path("x.npy"), self.path("x.labels.npy"), params={"ld_window": 5})
        for command in (("validate", spec), ("run", spec, "--out", self.path("out"))):
            self.refused(command, "/params/ld_window", "no positions", ".bim")

    def test_predictions(self):
        self.both()
        known = np.load(self.path("x.npy")) @ self.coefficients("packed")
        path = self.path("g", "x.bed")
        done = call("predict", "--model", self.path("packed"), "--data", path, "--out",
                    self.path("p.npy"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("genotypes are missing; each counts as the mean of its column", done.stderr)
        self.assertIn("mean squared error", done.stderr)
        z = np.load(self.path("p.npy"))
        np.testing.assert_allclose(z - z.mean(), known - known.mean(), atol=1e-9)
        done = call("predict", "--model", self.path("dense"), "--data", path, "--out", self.path("q.npy"))
        self.assertEqual(done.returncode, 0, done.stderr)  # its y is a file: the .fam may tell of anything
        self.assertNotIn("mean squared error", done.stderr)
        with open(path[:-4] + ".fam", encoding="ascii") as stream:
            people = [line.split()[:5] for line in stream]
        self.write(os.path.join("g", "x.fam"), "".join(" ".join(who) + " -9\n" for who in people))
        done = call("predict", "--model", self.path("packed"), "--data", path, "--out",
                    self.path("q.npy"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("mean squared error", done.stderr)
        np.testing.assert_array_equal(np.load(self.path("q.npy")), z)


class Covariates(Made):
    """Columns without a penalty beside packed genotypes, against the dense matrix of both."""

    def make_all(self):
        self.bed = self.make(rows=203, cols=300, causes=9, missing=0.02)
        x, _, people = read_bed(self.bed)
        x = np.where(np.isnan(x), np.nanmean(x, axis=0), x)
        chance = np.random.default_rng(6)
        self.beside = chance.normal(size=(203, 3))
        self.beside[:, 1] = chance.integers(30, 80, 203)
        self.beside[:, 2] += x[:, :15].sum(axis=1)  # what the genotypes tell, too
        self.y = (np.array([float(words[5]) for words in people]) + 2 * self.beside[:, 0]
                  - 0.1 * self.beside[:, 1] + self.beside[:, 2])
        z = (self.y - self.y.mean()) / self.y.std()
        for name, values in {"squared": self.y, "huber": self.y, "logistic": (z > 0) * 1.0,
                             "poisson": np.floor(np.exp(z / 2 + 1)), "weights": chance.random(203) + 0.2,
                             "folds": np.arange(203) % 4, "factor": np.r_[np.ones(300), np.zeros(3)],
                             "dense": np.asfortranarray(np.c_[x, self.beside]),
                             "own": np.r_[2.0, np.ones(299)], "both": np.r_[2.0, np.ones(299), np.zeros(3)]}.items():
            np.save(self.path(name + ".npy"), values)
        self.table = self.make_table("cov.txt", people, chance.permutation(203))

    def make_table(self, name, people, order, header="FID IID sex age pc\n"):
        rows = ["%s %s %s\n" % (*people[i][:2], " ".join("%.17g" % v for v in self.beside[i])) for i in order]
        return self.write(name, header + "".join(rows) + "not here 1 2 3\n")

    def job(self, loss="squared", name="packed.json", **params):
        return self.spec(self.bed, self.path(loss + ".npy"), name, data={"covariates": self.table},
                         params={"loss": loss, **params}, stop={"gap": 1e-12})

    def test_the_answer_is_that_of_the_dense_matrix(self):
        self.make_all()
        cv = {"cv": {"folds": self.path("folds.npy")}, "path": {"count": 8, "min_ratio": 0.1}}
        for loss in ("squared", "logistic", "huber", "poisson"):
            for more in ({}, {"standardize": True, "weights": self.path("weights.npy")}, {"intercept": False},
                         {"l1_ratio": 0.5, "penalty_factor": "own"}, cv, {"standardize": True, **cv}):
                with self.subTest(loss=loss, more=more):
                    own = "penalty_factor" in more
                    packed = {**more, **({"penalty_factor": self.path("own.npy")} if own else {})}
                    dense = {**more, "penalty_factor": self.path("both.npy" if own else "factor.npy")}
                    self.solve(self.job(loss, **packed), "packed", "--force")
                    self.solve(self.spec(self.path("dense.npy"), self.path(loss + ".npy"), "dense.json",
                                         params={"loss": loss, **dense}, stop={"gap": 1e-12}), "dense", "--force")
                    found, known = (scipy.io.mmread(self.path(name, "coef.mtx")).toarray()
                                    for name in ("packed", "dense"))
                    self.assertEqual(found.shape, known.shape)
                    self.assertTrue((found[-3:] != 0).all())
                    np.testing.assert_allclose(found, known, atol=1e-9 * abs(known).max())
                    paths = [support.read_json(self.path(name, "path.json")) for name in ("packed", "dense")]
                    for one, other in zip(*paths):
                        self.assertLess(one["gap"], 1e-12)
                        self.assertAlmostEqual(one["objective"], other["objective"], delta=1e-9)
                    if "cv" in more:
                        errors = [[point["mean"] for point in support.read_json(self.path(name, "cv.json"))["points"]]
                                  for name in ("packed", "dense")]
                        np.testing.assert_allclose(*errors, rtol=1e-9)

    def test_a_table_and_a_matrix_are_the_same(self):
        self.make_all()
        self.solve(self.job(), "table")
        np.save(self.path("c.npy"), self.beside)
        self.solve(self.job(), "matrix", "--set", "data.covariates=" + self.path("c.npy"))
        self.assertEqual(*(support.sha256(self.path(name, "coef.mtx")) for name in ("table", "matrix")))

    def test_the_bits_do_not_depend_on_workers_nor_on_stops(self):
        self.make_all()
        spec = self.job("logistic", cv={"folds": 3}, path={"count": 8, "min_ratio": 0.1})
        files = ("coef.mtx", "path.json", "cv.json")
        found = set()
        for workers in ("1", "2", "3"):
            self.solve(spec, "out" + workers, "--workers", workers, env={"RONDO_TEST_WIRE": "bytes"})
            found.add(tuple(support.sha256(self.path("out" + workers, name)) for name in files))
        self.solve(spec, "stopped", "--set", "stop.rounds=%d" % (self.result("out1")["rounds"] // 2))
        self.solve(spec, "stopped", "--resume")
        found.add(tuple(support.sha256(self.path("stopped", name)) for name in files))
        self.assertEqual(len(found), 1)

    def test_predictions_and_names(self):
        self.make_all()
        self.solve(self.job("logistic", lambda_ratio=0.2))
        b, b0 = self.model("out")
        known = np.load(self.path("dense.npy")) @ b + b0
        words = ("predict", "--model", self.path("out"), "--data", self.bed, "--out", self.path("p.npy"))
        done = call(*words, "--covariates", self.table, "--type", "link")
        self.assertEqual(done.returncode, 0, done.stderr)
        np.testing.assert_allclose(np.load(self.path("p.npy")), known, atol=1e-9)
        told = json.loads(call("coef", "--model", self.path("out"), "--json").stdout)
        names = {entry["column"]: entry["name"] for entry in told["coefficients"]}
        self.assertEqual([names.pop(301 + i) for i in range(3)], ["sex", "age", "pc"])
        self.assertEqual(set(names.values()), {"s%d_A" % column for column in names})
        self.refused(words, "give --covariates")
        self.refused((*words, "--covariates", self.path("squared.npy")), "has 300 columns and 1 covariates")
        np.save(self.path("few.npy"), self.beside[:9])
        self.refused((*words, "--covariates", self.path("few.npy")), "few.npy", "9 rows")
        self.refused((*words[:-1], self.table, "--covariates", self.table), "is not overwritten")
        with open(self.table, encoding="ascii") as stream:
            fields = [line.split() for line in stream]
        other = self.write("other.txt", "".join("%s %s %s %s %s\n" % (f[0], f[1], f[4], f[3], f[2]) for f in fields))
        self.refused((*words, "--covariates", other), "other.txt",
                     "its columns are pc, age, sex, and those of the job's table sex, age, pc")
        self.solve(self.spec(self.bed, name="none.json"), "none")
        self.refused(("predict", "--model", self.path("none"), *words[3:], "--covariates", self.table),
                     "the model has no covariates")

    def test_some_columns_of_a_table(self):
        self.make_all()
        names = ("--set", "data.covariate_names=pc,sex")
        self.solve(self.job(), "some", *names)
        np.save(self.path("two.npy"), self.beside[:, [2, 0]])
        self.solve(self.job(), "own", "--set", "data.covariates=" + self.path("two.npy"))
        self.assertEqual(*(support.sha256(self.path(name, "coef.mtx")) for name in ("some", "own")))
        told = json.loads(call("coef", "--model", self.path("some"), "--json").stdout)
        names_of = {entry["column"]: entry["name"] for entry in told["coefficients"]}
        self.assertEqual((names_of[301], names_of[302]), ("pc", "sex"))
        for name, file in (("some", self.table), ("own", self.path("two.npy"))):
            done = call("predict", "--model", self.path(name), "--data", self.bed, "--covariates", file,
                        "--out", self.path(name + ".npy"))
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(*(support.sha256(self.path(name + ".npy")) for name in ("some", "own")))
        self.refused(("validate", self.job(), "--set", "data.covariate_names=age,height"), "cov.txt:1",
                     "no covariate is called \"height\"; the table has sex, age, pc")
        self.refused(("validate", self.spec(self.bed, data={"covariate_names": "age"})), "/data/covariate_names",
                     "data.covariates, which is not given")
        self.refused(("validate", self.job(), *names, "--set", "data.covariates=" + self.path("two.npy")),
                     "this is no table")

    def test_what_does_not_fit_is_refused(self):
        self.make_all()
        _, _, people = read_bed(self.bed)
        few = self.make_table("few.txt", people, range(200))
        with open(self.table, encoding="ascii") as stream:
            self.write("lost.txt", stream.read().replace(
                "%s %s %.17g" % (*people[7][:2], self.beside[7, 0]), "%s %s NA" % tuple(people[7][:2])))
        np.save(self.path("short.npy"), self.beside[:9])
        for value, says in ((few, "the first of 3 of the .fam's 203"),
                            (self.path("lost.txt"), "the value of %s %s is missing" % tuple(people[7][:2])),
                            (self.path("short.npy"), "9 rows")):
            for command in (("validate",), ("run", "--out", self.path("out"))):
                self.refused((command[0], self.job(), *command[1:], "--set", "data.covariates=" + value),
                             says)
        for command in (("validate",), ("run", "--out", self.path("out"))):
            self.refused((command[0], self.job(), *command[1:], "--set", "data.x=" + self.path("dense.npy"),
                          "--set", "data.covariates=" + self.path("dense.npy")), "covariates go with genotypes")
            self.refused((command[0], self.job(nonnegative=True), *command[1:]), "/params/nonnegative")
        self.assertIn("3 covariates", call("validate", self.job()).stdout)
        np.save(self.path("large.npy"), self.beside * [1, 1e155, 1])
        self.refused(("run", self.job(), "--out", self.path("out"), "--set",
                      "data.covariates=" + self.path("large.npy")), "column 2 of the covariates is too large")


class Service(installed.Case):
    """A plug-in that has genotypes loaded, and goes its own way."""

    def setUp(self):
        super().setUp()
        self.apps = self.path("apps")
        self.build(ROLES)
        done = call("data", "generate", "lasso", "--design", "genotype", "--rows", "50", "--cols", "70",
                    "--out", self.path("data", "g"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.bed = self.path("data", "g", "x.bed")
        with open(self.bed[:-4] + ".fam", encoding="ascii") as stream:
            self.write("data/pheno.txt", "".join("%s %s 7\n" % tuple(line.split()[:2])
                                                 for line in stream))

    def build(self, edit):
        self.compile_app(os.path.join(self.apps, "libtoy.so"), "-I", SOURCE, "-DBASE=app_gather",
                         "-DEDIT=" + edit, os.path.join(SOURCE, "tests", "plugin", "entry.c"),
                         os.path.join(SOURCE, "tests", "apps", "app_gather.c"))

    def toy(self):
        return self.write("toy.json", json.dumps({
            "version": 1, "app": "gather", "stop": {"rounds": 5},
            "data": {"x": self.bed, "y": self.path("data", "pheno.txt")}}))

    def test_an_app_that_does_not_take_them_refuses_the_file(self):
        self.build(ROLES.replace("PACKED", "MATRIX"))
        for command in (("validate", self.toy()), ("run", self.toy(), "--out", self.path("out"))):
            done = self.call(*command, apps=self.apps)
            self.assertEqual(done.returncode, 2)
            self.assertIn("x.bed: packed genotypes are not taken by this app", self.said(done))

    def test_a_worker_that_does_not_see_them_is_sent_all_three(self):
        if os.system("unshare --mount true 2>/dev/null") != 0:
            self.skipTest("no mount namespaces here")
        hide = ("unshare", "--mount", "sh", "-c", "mount -t tmpfs none %s && exec \"$@\""
                % self.path("data"), "sh")
        apps = {"RONDO_APP_PATH": self.apps}
        coordinator = Coordinator(self, env=apps)
        worker = coordinator.worker("hidden", prefix=hide, env=apps)
        coordinator.wait_workers(1)
        for changed, fetched in ((False, 4), (False, 4), (True, 7)):
            if changed:
                os.utime(self.bed[:-4] + ".fam")
            with open(self.toy(), "rb") as spec:
                number = str(json.loads(coordinator.ask("/v1/jobs", spec.read(), "POST")[1])["id"])
            job = coordinator.wait_job(number)
            self.assertEqual(job["state"], "completed", job)
            self.assertEqual(worker.said().count("fetching"), fetched, worker.said())

    def test_a_worker_that_does_not_see_covariates_is_sent_them(self):
        if os.system("unshare --mount true 2>/dev/null") != 0:
            self.skipTest("no mount namespaces here")
        hide = ("unshare", "--mount", "sh", "-c", "mount -t tmpfs none %s && exec \"$@\""
                % self.path("data"), "sh")
        with open(self.bed[:-4] + ".fam", encoding="ascii") as stream:
            self.write("data/cov.txt", "FID IID a b\n" + "".join(
                "%s %s %d %d\n" % (*line.split()[:2], i % 7, i % 2) for i, line in enumerate(stream)))
        spec = self.write("lasso.json", json.dumps({
            "version": 1, "app": "lasso", "data": {"x": self.bed, "covariates": self.path("data", "cov.txt")}}))
        coordinator = Coordinator(self)
        worker = coordinator.worker("hidden", prefix=hide)
        coordinator.wait_workers(1)
        with open(spec, "rb") as stream:
            number = str(json.loads(coordinator.ask("/v1/jobs", stream.read(), "POST")[1])["id"])
        job = coordinator.wait_job(number)
        self.assertEqual(job["state"], "completed", job)
        self.assertEqual(worker.said().count("fetching"), 4, worker.said())
        done = call("run", spec, "--out", self.path("here"), "--quiet")
        self.assertEqual(done.returncode, 0, done.stderr)
        result = json.loads(coordinator.ask("/v1/jobs/" + number + "/files/result.json")[1])
        self.assertEqual(result["model_sha256"],
                         support.read_json(self.path("here", "result.json"))["model_sha256"])

    def test_companions_must_lie_under_the_data_root(self):
        secret = self.write("secret.fam", "i1 i1 0 0 0 1\n")
        os.remove(self.bed[:-4] + ".fam")
        os.symlink(secret, self.bed[:-4] + ".fam")
        coordinator = Coordinator(self, roots=(self.path("data"),),
                                  env={"RONDO_APP_PATH": self.apps})
        with open(self.toy(), "rb") as spec:
            status, body = coordinator.ask("/v1/jobs", spec.read(), "POST")
        self.assertEqual(status, 403, body)
        self.assertNotIn("secret", str(body))


if __name__ == "__main__":
    unittest.main()
