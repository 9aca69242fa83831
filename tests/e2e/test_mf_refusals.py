"""Matrix factorisation of what is wrong: exit 2, one line that names the place, nothing left; and of what is odd but
may be, accepted and said."""

import gzip
import unittest

import numpy as np

import mf_jobs
from mf_jobs import NONNEGATIVE, SOLVERS, Model, Ratings, stars
from support import SANITIZED, call

GOOD = "a x 3\nb x 4\na y 1\nb y 2\nc x 5\n"


class Refused(mf_jobs.Case):
    def refused(self, spec, *says, words=()):
        done = call("run", spec, "--out", self.path("out"), *words)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual((done.stdout, done.stderr.count("\n")), ("", 1), done.stderr)
        self.assertRegex(done.stderr, r"^rondo: \S.*: \S.*\n$")
        for word in says:
            self.assertIn(word, done.stderr)
        self.assertEqual(self.files_of("out"), [])

    def spec_refused(self, *says, train=GOOD, test=None, **more):
        self.refused(self.job(train, test, **more), *says)


class Data(Refused):
    BAD = (("no number", "x y z", 4), ("NaN", "a z nan", 4), ("NAN", "a z NaN", 4), ("Inf", "a z inf", 4),
           ("-Inf", "a z -Infinity", 4), ("too large for a double", "a z 1e999", 4), ("half a number", "a z 3.5x", 4),
           ("two fields", "a z", 4), ("one field", "a", 4))

    def test_a_line_is_named(self):
        for role in ("train", "test"):
            for what, bad, line in self.BAD:
                for ends in ("\n", "\r\n"):
                    with self.subTest(role=role, what=what, ends=ends):
                        lines = GOOD.splitlines()
                        text = ends.join(lines[:line - 1] + [bad] + lines[line - 1:]) + ends
                        files = {"train": GOOD, "test": GOOD, role: text}
                        self.spec_refused("job.%s.txt:%d" % (role, line), **files)

    def test_a_line_is_named_far_behind(self):
        text = "".join("u%d i%d %d\n" % (n % 5003, n % 701, n % 5) for n in range(200000))
        for line in (1000, 100001, 200001):
            lines = text.split("\n")
            lines.insert(line - 1, "u1 i1 five")
            with self.subTest(line=line):
                self.spec_refused("job.train.txt:%d:" % line, train="\n".join(lines))

    def test_nothing_to_read(self):
        for what, text in (("empty", ""), ("blank", "\n\n \n"), ("a header alone", "user,item,rating\n")):
            for role in ("train", "test"):
                with self.subTest(what=what, role=role):
                    self.spec_refused("job.%s.txt" % role, **{"train": GOOD, "test": GOOD, role: text})

    def test_below_zero(self):
        bad = GOOD + "b z -0.5\nc y -3\n"
        for params in ({"nonnegative": True}, {"implicit": True}):
            for role in ("train", "test"):
                with self.subTest(role=role, **params):
                    self.spec_refused("job.%s.txt:6:" % role, "below 0", params=params,
                                      **{"train": GOOD, "test": GOOD, role: bad})
        self.run_job(self.job(bad), "signed")

    def test_cut_and_damaged_gz(self):
        whole = gzip.compress(stars(100, 80, 3000)[0].text().encode())
        damaged = bytearray(whole)
        damaged[len(whole) // 2] ^= 64
        for name, data in (("cut", whole[:-20]), ("half", whole[:len(whole) // 2]), ("damaged", bytes(damaged))):
            for role in ("train", "test"):
                with self.subTest(name, role=role):
                    path = self.write("bad.txt.gz", data)
                    self.spec_refused("bad.txt.gz", test=GOOD, data={role: path})

    def test_no_such_file(self):
        for role in ("train", "test"):
            self.spec_refused("nowhere.txt", data={role: self.path("nowhere.txt")})
        self.refused(self.write("job.json", '{"version": 1, "app": "mf", "data": {}}'), "job.json", "data.train")


class Params(Refused):
    def test_out_of_range(self):
        for key, values in (("rank", (0, -1, 4097, 2.5, "many")), ("lambda", (-1, -1e-9)), ("learning_rate", (0, -0.1)),
                            ("alpha", (0, -1)), ("solver", ("sdg", 3)), ("holdout", (-0.1, 1, 0.95)),
                            ("cg_steps", (0,)), ("inner_iterations", (0,)), ("evaluate_every", (0,)),
                            ("recall_at", (0,)), ("method", ("qr",)), ("biases", (1, "yes"))):
            for value in values:
                with self.subTest(key=key, value=value):
                    self.spec_refused("/params/" + key, "job.json:", params={key: value})
                    if not isinstance(value, str) and key != "biases":
                        self.refused(self.job(GOOD), "params." + key, words=("--set", "params.%s=%s" % (key, value)))
        self.spec_refused("/stop/epochs", epochs=0)
        self.spec_refused("/stop/tolerance", test=GOOD, stop={"tolerance": -1})

    def test_the_place_has_line_and_column(self):
        text = '{"version": 1, "app": "mf", "data": {"train": "t.txt"},\n  "params": {"rank": 4,\n    "lambda": -1}}'
        self.write("t.txt", GOOD)
        self.refused(self.write("job.json", text), "/params/lambda", "job.json:3:")

    def test_of_which_one_needs_or_forbids_another(self):
        self.spec_refused("/stop/tolerance", "test", stop={"tolerance": 1e-3})
        self.spec_refused("/params/holdout", test=GOOD, params={"holdout": 0.1})
        for solver in ("sgd", "ccd"):
            self.spec_refused("/params/solver", "implicit", "leave it out", params={"implicit": True, "solver": solver})
            self.spec_refused("/params/method", "als", params={"method": "cg", "solver": solver})
        self.spec_refused("/params/method", "als", params={"method": "cg"})
        self.spec_refused("/params/biases", "implicit", params={"implicit": True, "biases": True})
        for more in ({"solver": "als"}, {"implicit": True}):
            self.spec_refused("/params/method", "nonnegative", params={"method": "cg", "nonnegative": True, **more})
        self.spec_refused("/stop/tolerance", test=GOOD, params={"implicit": True}, stop={"tolerance": 1e-3})

    def test_a_lambda_beside_which_ratings_are_nothing(self):
        self.spec_refused("/params/lambda", "scale", params={"lambda": 1e12}, train="a x 1e-6\na y 2e-6\nb x 3e-6\n")

    def test_a_mistyped_key_is_told_with_the_nearest(self):
        for part, wrong, right in (("params", "lamda", "lambda"), ("params", "ranks", "rank"),
                                   ("params", "learningrate", "learning_rate"), ("params", "bias", "biases"),
                                   ("params", "warmstart", "warm_start"), ("stop", "epoch", "epochs"),
                                   ("stop", "tolerence", "tolerance"), ("data", "trian", "train")):
            with self.subTest(wrong):
                self.spec_refused("/%s/%s" % (part, wrong), '"%s"' % right, "job.json:", **{part: {wrong: 1}})
        self.spec_refused("/params/solver", "sgd", "als", "ccd", params={"solver": "sdg"})

    def test_warm_start(self):
        self.run_job(self.job(GOOD, params={"rank": 3}), "old")
        for name, params in SOLVERS:
            with self.subTest(name):
                self.spec_refused("warm_start", params={"rank": 4, "warm_start": self.path("old"), **params})
                self.spec_refused("nowhere", params={"rank": 3, "warm_start": self.path("nowhere"), **params})
        done = call("validate", self.job(GOOD, params={"rank": 4, "warm_start": self.path("old")}))
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertRegex(done.stderr, r"\Arondo: /params/warm_start .*another rank")
        self.write("old/items.txt", "x\n")
        self.spec_refused("warm_start", params={"rank": 3, "warm_start": self.path("old")})


class Accepted(mf_jobs.Case):
    def accepted(self, train, test=None, least=None, epochs=10, params=None):
        """Of every solver, in numbers; (result, model) of each."""
        found = []
        for name, own in SOLVERS:
            for biases in (False, True):
                given = {"rank": 3, "biases": biases, **own, **(params or {})}
                spec = self.job(train, test, epochs=epochs, params=given)
                with self.subTest(name, biases=biases):
                    self.run_job(spec, "out", "--force")
                    model, result = Model(self.path("out")), self.result("out")
                    for part in (model.p, model.q, model.b, model.c):
                        self.assertTrue(np.isfinite(part).all())
                    if least is not None:
                        self.assertLess(result["metrics"]["rmse"], least)
                    found.append((result, model))
        return found

    def test_a_start_of_other_ratings(self):
        """With biases or without, of other sizes: it is no worse for long."""
        train, _ = stars(80, 60, 2000)
        for biases in (False, True):
            for size in (0.02, 1):
                other = Ratings(train.user, train.item, train.value * size)
                given = {"rank": 3, "biases": biases, "lambda": 0.05 * size}
                self.run_job(self.job(other, params=given), "old", "--force")
                self.accepted(train, least=1.2 * train.value.std(), epochs=25, params={"warm_start": self.path("old")})

    def test_ratings_all_the_same(self):
        """However small: F is not above that of no model at all."""
        for value in (1e-3, 0.1, 3.3, -7):
            train = Ratings(np.arange(200) % 23, np.arange(200) % 19, np.full(200, value))
            for biases in (False, True):
                self.run_job(self.job(train, epochs=20, params={"rank": 3, "biases": biases}), "out", "--force")
                self.agrees("out", train)
                with self.subTest(value=value, biases=biases):
                    self.assertLess(self.result("out")["objective"], 1.001 * (train.value ** 2).sum())

    def test_nonnegative_from_a_start_that_is_not(self):
        """Also who has no rating left to train on."""
        train, _ = stars(40, 30, 300)
        centred = Ratings(train.user, train.item, train.value - 3)
        self.run_job(self.job(centred, params={"rank": 3}), "old", "--force")
        self.assertLess(Model(self.path("old")).p.min(), 0)
        for name, params in NONNEGATIVE:
            given = {"rank": 3, "nonnegative": True, "holdout": 0.8, "warm_start": self.path("old"), **params}
            self.run_job(self.job(train, epochs=3, params=given), "out", "--force")
            model = Model(self.path("out"))
            with self.subTest(name):
                self.assertGreaterEqual(min(model.p.min(), model.q.min()), 0)

    def test_one_user_or_one_item(self):
        one = Ratings(np.zeros(30), np.arange(30), 1 + np.arange(30) % 5)
        for train in (one, Ratings(one.item, one.user, one.value), Ratings([0], [0], [4])):
            for result, model in self.accepted(train):
                self.assertEqual((len(model.users), len(model.items)), (len(set(train.user)), len(set(train.item))))
                for side, ids in (("user", model.users), ("item", model.items)):
                    said = "all training ratings are of one " + side in result["notes"]
                    self.assertEqual(said, len(ids) == 1, result["notes"])
                self.assertLess(result["metrics"]["rmse"], 2.5)

    def test_of_one_cell_the_latest_counts_else_the_last(self):
        """x is rated 1, then 5; nobody else has rated it, and no penalty holds its rating back."""
        rest = "".join("u%d i%d %d%%s\n" % (u, i, 1 + (u + i) % 5) for u in range(12) for i in range(9))
        for told, times, counts in (("a x 1%s\na x 5%s\n", ("", ""), 5), ("a x 1%s\na x 5%s\n", ("\t7", "\t6"), 1),
                                    ("a x 5%s\na x 1%s\n", ("\t7", "\t6"), 5),
                                    ("a x 5%s\na x 1%s\n", ("\t7", "\t7"), 1)):
            other = "\t5" if times[0] else ""
            text = (told % times + rest.replace("%s", other)).replace(" ", "\t")
            with self.subTest(told=told, times=times):
                spec = self.job(text, params={"solver": "als", "lambda": 1e-6, "rank": 3})
                self.run_job(spec, "out", "--force")
                model, result = Model(self.path("out")), self.result("out")
                at = model.p[model.users.index("a")] @ model.q[model.items.index("x")]
                self.assertAlmostEqual(at, counts, delta=0.05)
                self.assertIn("data.train: 1 rating of a cell that comes again", "".join(result["notes"]))

    def test_test_ids_never_seen_are_counted(self):
        train, test = stars(80, 60, 2000)
        plain = self.accepted(train, test)
        strange = test.text() + "nobody\ti1\t3\nu1\tnothing\t3\nnobody\tnothing\t1\n"
        for (result, _), (known, _) in zip(self.accepted(train, strange), plain):
            self.assertEqual(result["metrics"]["test_unseen"], 3)
            self.assertEqual(known["metrics"]["test_unseen"], 0)
            self.assertEqual(result["metrics"]["test_rmse"], known["metrics"]["test_rmse"])
            self.assertTrue(any("3 test ratings" in note for note in result["notes"]), result["notes"])
        for result, _ in self.accepted(train, "nobody\tnothing\t1\n"):
            self.assertNotIn("test_rmse", result["metrics"])

    def test_all_ratings_are_equal(self):
        for value in (3, -2, 0):
            u, i = np.divmod(np.random.default_rng(1).choice(600, 300, replace=False), 20)
            self.accepted(Ratings(u, i, np.full(300, value)), epochs=40, least=0.2 * abs(value) + 0.01)

    def test_a_user_without_test_ratings(self):
        train, test = stars(80, 60, 2000)
        few = test.part(test.user % 3 == 0)
        for result, _ in self.accepted(train, few):
            self.assertLess(result["metrics"]["test_rmse"], 2)

    def test_a_rank_above_users_and_items(self):
        train, test = stars(30, 20, 300)
        for penalty in (0.05, 0):
            for result, _ in self.accepted(train, test, params={"rank": 77, "lambda": penalty}):
                self.assertLess(result["metrics"]["rmse"], 1.2)

    def test_ratings_of_any_size(self):
        train, _ = stars(80, 60, 2000)
        for size in (1e-4, 1e12):
            made = Ratings(train.user, train.item, train.value * size)
            self.accepted(made, params={"lambda": 0.05 * size}, least=2 * size)

    def test_the_largest_rank(self):
        train, _ = stars(12, 9, 60)
        for name, params in SOLVERS:
            with self.subTest(name):
                result = self.solve(self.job(train, epochs=1, params={"rank": 512 if SANITIZED else 4096, **params}), "out", "--force")
                self.assertTrue(np.isfinite(result["metrics"]["rmse"]))


if __name__ == "__main__":
    unittest.main()
