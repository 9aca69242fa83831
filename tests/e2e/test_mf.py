"""Matrix factorisation as a whole: planted factors are found by every solver, what a job leaves is true, and a job may
begin where another ended."""

import json
import unittest

import numpy as np

import mf_jobs
import mf_reference
from mf_jobs import NONNEGATIVE, SOLVERS, Model, Ratings, planted, split, stars
from support import call, read_json

EPOCHS = {"sgd": 120, "als": 30, "cg": 60, "ccd": 120} # until planted factors are found
EXACT = {"rank": 4, "lambda": 1e-6, "learning_rate": 0.3}


class Planted(mf_jobs.Case):
    def found(self, name, solver, train, test, most=1e-3, **params):
        out = "%s %s" % (name, solver[0])
        spec = self.job(train, test, epochs=EPOCHS[solver[0]], params={**EXACT, **solver[1], **params})
        self.run_job(spec, out)
        with self.subTest(out):
            model = self.agrees(out, train, test)
            self.assertLess(model.rmse(test), most)
            return model

    def test_without_noise(self):
        train, test = planted(300, 200, 4, 20000)
        for solver in SOLVERS:
            self.found("normal", solver, train, test)

    def test_with_biases(self):
        train, test = planted(300, 200, 3, 20000, biases=True)
        for solver in SOLVERS:
            model = self.found("biases", solver, train, test, biases=True, rank=3)
            self.assertAlmostEqual(model.mean, train.value.mean(), delta=1e-6)

    def test_nonnegative(self):
        train, test = planted(300, 200, 4, 30000, nonnegative=True)
        for solver in NONNEGATIVE:
            model = self.found("nonnegative", solver, train, test, 0.03 * train.value.std(), nonnegative=True,
                               learning_rate=0.7)
            self.assertGreaterEqual(min(model.p.min(), model.q.min()), 0)

    def test_nonnegative_where_there_is_noise(self):
        train, test = stars(200, 150, 8000)
        for biases in (False, True):
            for name, params in NONNEGATIVE:
                out = "%s %d" % (name, biases)
                self.run_job(self.job(train, test, params={"rank": 8, "nonnegative": True, "biases": biases, **params}),
                             out)
                with self.subTest(out):
                    model = self.agrees(out, train, test)
                    self.assertGreaterEqual(min(model.p.min(), model.q.min()), 0)
                    self.assertLess(model.rmse(test), test.value.std())

    def test_as_rondo_makes_them(self):
        for design in ("planted", "nonnegative"):
            done = call("data", "generate", "mf", "--design", design, "--users", 400, "--items", 300, "--ratings",
                        30000, "--rank", 4, "--out", self.path(design))
            self.assertEqual(done.returncode, 0, done.stderr)
            test = np.loadtxt(self.path(design, "test.txt"))
            for name, params in SOLVERS if design == "planted" else NONNEGATIVE:
                with self.subTest(design=design, solver=name):
                    params = {"learning_rate": 0.3 if design == "planted" else 0.7, **params}
                    words = [w for key, value in params.items() for w in ("--set", "params.%s=%s" % (key, value))]
                    result = self.solve(self.path(design, "job.json"), design + " " + name, *words, "--set",
                                        "stop.epochs=%d" % EPOCHS[name])
                    least = 0.03 * test[:, 2].std() if design == "nonnegative" else 1e-3
                    self.assertLess(result["metrics"]["test_rmse"], least)


class Implicit(mf_jobs.Case):
    def test_planted_communities_are_recommended(self):
        """Twelve communities of users and items, who have chosen half of their own items: of the 20 first that a
        user has not chosen all those of test are."""
        rng = np.random.default_rng(4)
        groups, users, items = 12, 40, 30
        cells = [(g * users + u, g * items + i) for g in range(groups) for u in range(users)
                 for i in rng.choice(items, items // 2, replace=False)]
        u, i = np.array(cells).T
        train, test = split(Ratings(u, i, 1 + rng.integers(0, 3, len(u))), 0.2, rng)
        for method in ("cholesky", "cg"):
            for params in ({}, {"nonnegative": True}, {"weighted_lambda": True}):
                if method == "cg" and "nonnegative" in params:
                    continue
                with self.subTest(method=method, **params):
                    result = self.solve(self.job(train, test, epochs=15, params={
                        "implicit": True, "method": method, "rank": 16, "lambda": 0.05, "alpha": 10, **params}),
                        "out", "--force")
                    self.assertGreater(result["metrics"]["recall"], 0.98)
                    self.assertGreater(result["metrics"]["ndcg"], 0.4) # in no order among theirs
                    self.told(result, train, test)

    def told(self, result, train, test):
        model, metrics = Model(self.path("out")), result["metrics"]
        sets = []
        for u, i in (model.rows(train), model.rows(test)):
            sets.append({row: set(i[u == row]) for row in set(u)})
        recall, ndcg = mf_reference.ranking(model, *sets, 20)
        self.assertAlmostEqual(metrics["recall"], recall, delta=2e-3) # ties of rounding apart
        self.assertAlmostEqual(metrics["ndcg"], ndcg, delta=2e-3)
        self.assertNotIn("test_rmse", metrics)
        self.assertAlmostEqual(result["objective"] / model.f(train), 1, delta=1e-5)
        self.assertEqual(model.said["solver"], "als")


class Told(mf_jobs.Case):
    def test_what_is_told_follows_from_the_files(self):
        train, test = stars(300, 200, 15000)
        for name, params in SOLVERS:
            for more in ({}, {"biases": True}, {"weighted_lambda": False, "lambda": 2}):
                if name == "sgd" and "weighted_lambda" in more:
                    continue
                with self.subTest(name, **more):
                    out = name + json.dumps(more)
                    self.run_job(self.job(train, test, epochs=4, params={"rank": 9, **params, **more}), out)
                    self.agrees(out, train, test)
                    result, lines = self.result(out), self.lines(out)
                    self.assertEqual((result["state"], result["stop_reason"]), ("completed", "epochs"))
                    columns = 10 if "biases" in more else 9
                    updates = {"sgd": len(train), "als": 500, "cg": 500, "ccd": 500 * columns}[name]
                    first = updates + (500 * 9 if name == "ccd" else 0) # from random columns: two steps of each
                    self.assertEqual(result["updates"], first + 3 * updates)
                    epochs = {line["epochs"]: line for line in lines}
                    self.assertEqual(list(epochs), [1, 2, 3, 4])
                    for epoch, line in epochs.items():
                        self.assertEqual(line["updates"], first + (epoch - 1) * updates)
                        self.assertIn("rmse", line)
                        self.assertIn("test_rmse", line)

    def test_ids_of_any_kind(self):
        train, test = stars(60, 40, 1000)
        plain = self.solve(self.job(train, test), "plain")["metrics"]
        names = {u: ("0%d", "%d.50", "a-%d-\u00fc", "u%d|x", "-%d", "%d\"", "\u00e9%d")[u % 7] % u for u in range(60)}
        for between in "\t", " ", "::", ",":
            texts = ["".join("%s%s%s%s%g\n" % (names[u], between, "i;%d" % i, between, r)
                             for u, i, r in zip(x.user, x.item, x.value)) for x in (train, test)]
            with self.subTest(between=between):
                result = self.solve(self.job(*texts), "out", "--force")
                self.assertEqual(result["metrics"], plain)
                model = Model(self.path("out"))
                self.assertEqual(model.users, [names[u] for u in dict.fromkeys(train.user)])
                self.assertEqual(model.items, ["i;%d" % i for i in dict.fromkeys(train.item)])

    def test_a_header_and_times_are_no_ratings(self):
        train, test = stars(60, 40, 1000)
        plain = self.solve(self.job(train, test), "plain")
        lines = train.text(",").split("\n")[:-1]
        text = "userId,movieId,rating,timestamp\n" + "".join("%s,%d\n" % (x, 9000 - n) for n, x in enumerate(lines))
        result = self.solve(self.job(text, test), "out")
        self.assertEqual((result["model_sha256"], result["metrics"]), (plain["model_sha256"], plain["metrics"]))

    def test_what_is_foretold_is_what_was_measured(self):
        train, test = stars(100, 80, 3000)
        for name, params in SOLVERS:
            spec = self.job(train, test, params={**params, "biases": True})
            self.run_job(spec, name)
            done = call("predict", "--model", self.path(name), "--data", read_json(spec)["data"]["test"], "--out",
                        self.path("scores.npy"), "--quiet")
            self.assertEqual(done.returncode, 0, done.stderr)
            scores = np.load(self.path("scores.npy"))
            self.assertAlmostEqual(np.sqrt(np.mean((scores - test.value) ** 2)),
                                   self.result(name)["metrics"]["test_rmse"], delta=2e-6)


class Ends(mf_jobs.Case):
    def test_on_tolerance(self):
        train, test = stars(300, 200, 15000)
        for name, params in SOLVERS:
            with self.subTest(name):
                self.run_job(self.job(train, test, epochs=500, params=params, stop={"tolerance": 1e-3}), name)
                result = self.result(name)
                self.assertEqual(result["stop_reason"], "tolerance")
                self.assertLess(result["metrics"]["epochs"], 500)
                told = [line["test_rmse"] for line in {line["epochs"]: line for line in self.lines(name)}.values()]
                gains = -np.diff(told)
                self.assertLessEqual(gains[-1], 1e-3 + 1e-6)
                self.assertTrue((gains[:-1] > 1e-3 - 1e-6).all(), gains)

    def test_on_rounds_and_seconds(self):
        train, test = stars(300, 200, 15000)
        for name, params in SOLVERS:
            spec = self.job(train, test, epochs=10 ** 6, params={**params, "tile_bytes": 4096})
            for stop in ("rounds=7", "seconds=0.05", "seconds=0.000001"):
                with self.subTest(name, stop=stop):
                    self.run_job(spec, "out", "--force", "--set", "stop." + stop)
                    self.assertEqual(self.result("out")["stop_reason"], stop.split("=")[0])
                    self.agrees("out", train, test)


class HeldOut(mf_jobs.Case):
    SHARE = 0.2

    def test_the_same_ratings_for_all(self):
        """n rmse^2 + m test_rmse^2 is the sum over all ratings, which tells m of n + m."""
        ratings = Ratings(*(getattr(stars(300, 200, 20000)[0], what) for what in ("user", "item", "value")))
        counts = {}
        for name, params in SOLVERS:
            for workers in (1, 3):
                result = self.solve(self.job(ratings, params={"holdout": self.SHARE, **params}), "out", "--force",
                                    "--workers", workers, "--trace", "blocks")
                self.assertEqual(self.check_trace("out"), [])
                metrics = result["metrics"]
                whole = Model(self.path("out")).rmse(ratings) ** 2
                share = (whole - metrics["rmse"] ** 2) / (metrics["test_rmse"] ** 2 - metrics["rmse"] ** 2)
                counts[name, workers] = share * len(ratings)
                if name == "sgd":
                    left = len(ratings) - result["updates"] // 10
        deviation = np.sqrt(self.SHARE * (1 - self.SHARE) * len(ratings))
        self.assertAlmostEqual(left, self.SHARE * len(ratings), delta=4.5 * deviation)
        for name, count in counts.items():
            self.assertAlmostEqual(count, left, delta=0.5 + 0.002 * left, msg=name)

    def test_who_has_lost_all_ratings_to_it_is_as_one_never_seen(self):
        train = "".join("u%d\ti%d\t%d\n" % (k % 60, k * 7 % 50, 2 + k % 3) for k in range(150))
        for name, params in SOLVERS:
            with self.subTest(name):
                self.solve(self.job(train, params={"holdout": 0.7, "rank": 3, **params}), "out", "--force")
                model = Model(self.path("out"))
                lost = sorted({line.split("\t")[0] for line in train.splitlines()} - set(model.users))
                self.assertEqual((len(model.users), len(model.items)), (len(model.p), len(model.q)))
                self.assertTrue(lost)
                self.write("lost.tsv", "".join("%s\ti0\n" % user for user in lost))
                call("predict", "--model", self.path("out"), "--data", self.path("lost.tsv"), "--out",
                     self.path("lost.txt"), "--quiet")
                with open(self.path("lost.txt"), encoding="utf-8") as stream:
                    for line in stream:
                        self.assertAlmostEqual(float(line), model.said["mean"], places=5)

    def test_a_seed_chooses(self):
        train, _ = stars(300, 200, 15000)
        found = {self.solve(self.job(train, params={"holdout": 0.1}, seed=seed), "out", "--force")["updates"]
                 for seed in range(4)}
        self.assertGreater(len(found), 1)


class WarmStart(mf_jobs.Case):
    def one_epoch(self, spec, out):
        self.run_job(spec, out)
        return self.lines(out)[-1]

    def test_it_goes_on_where_the_other_ended(self):
        train, test = stars(300, 200, 15000)
        for name, params in SOLVERS:
            for biases in (False, True):
                with self.subTest(name, biases=biases):
                    earlier = "%s %d" % (name, biases)
                    more = {"rank": 8, "biases": biases, **params}
                    end = self.solve(self.job(train, test, epochs=15, params=more), earlier)
                    cold = self.one_epoch(self.job(train, test, epochs=1, params=more), earlier + " cold")
                    warm = self.one_epoch(self.job(train, test, epochs=1, params={
                        **more, "warm_start": self.path(earlier)}), earlier + " warm")
                    self.assertLess(warm["test_rmse"], end["metrics"]["test_rmse"] + 0.02)
                    self.assertLess(warm["objective"], end["objective"] * 1.02)
                    self.assertLess(warm["objective"], cold["objective"])
                    self.agrees(earlier + " warm", train, test)

    def test_biases_on_one_side_alone_are_told(self):
        train, _ = stars(60, 40, 800)
        for theirs, ours in ((False, False), (False, True), (True, False), (True, True)):
            self.run_job(self.job(train, epochs=2, params={"rank": 4, "biases": theirs}), "old", "--force")
            spec = self.job(train, epochs=2, params={"rank": 4, "biases": ours, "warm_start": self.path("old")})
            self.run_job(spec, "new", "--force")
            told = [note for note in self.result("new")["notes"] if "biases" in note]
            self.assertEqual(len(told), theirs != ours, told)

    def test_new_users_and_items_get_rows(self):
        train, test = stars(300, 200, 15000)
        old = train.part((train.user % 10 != 3) & (train.item % 10 != 7))
        rows = np.random.default_rng(1).permutation(len(train)) # and others are elsewhere
        mixed = train.part(rows)
        for name, params in SOLVERS:
            for biases in (False, True):
                with self.subTest(name, biases=biases):
                    more = {"rank": 8, "biases": biases, **params}
                    self.run_job(self.job(old, epochs=10, params=more), "old", "--force")
                    spec = self.job(mixed, test, epochs=10, params={**more, "warm_start": self.path("old")})
                    result = self.solve(spec, "new", "--force")
                    self.agrees("new", mixed, test)
                    cold = self.solve(self.job(mixed, test, epochs=10, params=more), "cold", "--force")
                    self.assertLess(result["metrics"]["test_rmse"], cold["metrics"]["test_rmse"] + 0.03)

    def test_the_same_bits_and_from_a_moved_directory(self):
        train, test = stars(300, 200, 15000)
        for name, params in SOLVERS:
            self.run_job(self.job(train, test, epochs=3, params=params), "old", "--force")
            spec = self.job(train, test, epochs=3, params={**params, "warm_start": "old"}) # beside the spec
            found = []
            for workers in (1, 2, 3):
                self.run_job(spec, "new", "--force", "--workers", workers)
                found.append(self.bits("new"))
            with self.subTest(name):
                self.assertEqual(found, found[:1] * 3)


if __name__ == "__main__":
    unittest.main()
