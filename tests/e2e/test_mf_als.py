"""Alternating least squares as a whole: three sweeps equal the closed form, what is told is so, same bits."""

import json
import os
import unittest

import numpy as np

import support
from support import sha256

USERS, ITEMS = 300, 200
FILES = ("user_factors.npy", "item_factors.npy", "model.json", "users.txt", "items.txt")
KINDS = (
    ("explicit", {"lambda": 0.05}),
    ("not weighted", {"lambda": 2.0, "weighted_lambda": False}),
    ("biases", {"lambda": 0.05, "biases": True}),
    ("implicit", {"lambda": 3.0, "implicit": True, "alpha": 2.0, "weighted_lambda": False}),
    ("implicit, weighted", {"lambda": 0.2, "implicit": True, "alpha": 2.0}),
)


def ratings(seed=1):
    """[(user, item, rating)]: a popular item has many, every user and item at least one; 1 to 5."""
    rng = np.random.default_rng(seed)
    u, v = rng.normal(size=(USERS, 4)), rng.normal(size=(ITEMS, 4))
    has = rng.random((USERS, ITEMS)) < 0.2 * rng.random((USERS, 1)) + 0.3 / (1 + np.arange(ITEMS) / 10.0)
    has[np.arange(USERS), np.arange(USERS) % ITEMS] = True
    told = np.clip(np.round(3 + u @ v.T / 2 + 0.3 * rng.normal(size=has.shape)), 1, 5)
    return [(int(i), int(j), float(told[i, j])) for i, j in zip(*np.nonzero(has))]


class Model:
    """The files of a model alone, rows in the order of the ids 0, 1, ..."""

    def __init__(self, folder):
        def rows(name, ids):
            with open(os.path.join(folder, ids), encoding="utf-8") as stream:
                at = np.argsort([int(line) for line in stream])
            return np.load(os.path.join(folder, name)).astype(float)[at], at
        self.p, at_user = rows("user_factors.npy", "users.txt")
        self.q, at_item = rows("item_factors.npy", "items.txt")
        self.mean, self.b, self.c = 0.0, np.zeros(len(self.p)), np.zeros(len(self.q))
        if os.path.exists(os.path.join(folder, "biases.npz")):
            biases = np.load(os.path.join(folder, "biases.npz"))
            self.mean = float(biases["mean"])
            self.b, self.c = biases["user"].astype(float)[at_user], biases["item"].astype(float)[at_item]


class Truth:
    """The problem in matrices: R [users x items], W where there is a rating."""

    def __init__(self, triples, params):
        self.r, self.w = np.zeros((USERS, ITEMS)), np.zeros((USERS, ITEMS), dtype=bool)
        for i, j, x in triples:
            self.r[i, j], self.w[i, j] = x, True
        self.params = params
        self.biases, self.implicit = params.get("biases", False), params.get("implicit", False)
        self.weighted = params.get("weighted_lambda", True)

    def half(self, r, w, q, c, mean):
        """Each row's exact minimum, the other side's rows q and biases c fixed."""
        z = np.column_stack((q, np.ones(len(q)))) if self.biases else q
        out = np.zeros((len(r), z.shape[1]))
        for i, here in enumerate(w):
            ridge = self.params["lambda"] * (here.sum() if self.weighted else 1)
            if self.implicit:
                more = self.params["alpha"] * r[i, here]
                a, b = z.T @ z + (z[here].T * more) @ z[here], z[here].T @ (1 + more)
            else:
                a, b = z[here].T @ z[here], z[here].T @ (r[i, here] - mean - c[here])
            out[i] = np.linalg.solve(a + ridge * np.eye(len(b)), b)
        return (out[:, :-1], out[:, -1]) if self.biases else (out, np.zeros(len(r)))

    def sweep(self, model):
        mean = self.r[self.w].mean() if self.biases else 0.0
        model.p, model.b = self.half(self.r, self.w, model.q, model.c, mean)
        model.q, model.c = self.half(self.r.T, self.w.T, model.p, model.b, mean)

    def objective(self, m):
        s = m.mean + m.b[:, None] + m.c[None, :] + m.p @ m.q.T
        squares = ((1 + self.params["alpha"] * self.r) * (self.w - s) ** 2).sum() if self.implicit \
            else ((self.r - s)[self.w] ** 2).sum()
        n, k = (self.w.sum(axis=1), self.w.sum(axis=0)) if self.weighted else (1, 1)
        penalty = (n * ((m.p ** 2).sum(axis=1) + m.b ** 2)).sum() + (k * ((m.q ** 2).sum(axis=1) + m.c ** 2)).sum()
        return squares + self.params["lambda"] * penalty, squares


class Als(support.Case):
    def job(self, triples, params, rank=6, epochs=3, name="job", test=None):
        data = {"train": self.write(name + ".train", "".join("%d %d %g\n" % x for x in triples))}
        if test:
            data["test"] = self.write(name + ".test", "".join("%d %d %g\n" % x for x in test))
        spec = {"version": 1, "app": "mf", "data": data, "seed": 3, "stop": {"epochs": epochs},
                "params": {"solver": "als", "rank": rank, **params}}
        return self.write(name + ".json", json.dumps(spec))

    def test_three_sweeps_equal_the_closed_form(self):
        triples = ratings()
        for name, params in KINDS:
            with self.subTest(name):
                truth, first, out = Truth(triples, params), "first " + name, "out " + name
                self.run_job(self.job(triples, params, epochs=1), first)
                self.run_job(self.job(triples, {**params, "warm_start": self.path(first)}), out)
                wanted, got = Model(self.path(first)), Model(self.path(out))
                before = truth.objective(wanted)[0]
                for _ in range(3):
                    truth.sweep(wanted)
                for key in ("p", "q", "b", "c"):
                    truly = getattr(wanted, key)
                    self.assertLessEqual(abs(getattr(got, key) - truly).max(), 1e-5 * max(abs(truly).max(), 1e-3), key)
                self.assertLess(truth.objective(got)[0], before)

    def test_what_is_told_follows_from_the_files(self):
        triples = ratings()
        for name, params in KINDS:
            for more in ({}, {"method": "cg"}, {"nonnegative": True}):
                with self.subTest(name, **more):
                    out = "%s %s" % (name, more)
                    self.run_job(self.job(triples, {**params, **more}), out)
                    truth, model, result = Truth(triples, params), Model(self.path(out)), self.result(out)
                    objective, squares = truth.objective(model)
                    self.assertAlmostEqual(result["objective"] / objective, 1, places=6)
                    self.assertEqual(result["updates"], 3 * (USERS + ITEMS))
                    if not truth.implicit:
                        self.assertAlmostEqual(result["metrics"]["rmse"], np.sqrt(squares / len(triples)), places=6)
                    if "nonnegative" in more:
                        self.assertGreaterEqual(min(model.p.min(), model.q.min()), 0)
                    with open(self.path(out, "progress.jsonl"), encoding="utf-8") as stream:
                        told = [json.loads(line)["objective"] for line in stream][:3]
                    self.assertEqual(told, sorted(told, reverse=True))
                    self.assertAlmostEqual(told[2] / objective, 1, places=5)

    def test_any_number_of_workers_gives_the_same_bits(self):
        triples = ratings()
        train, test = triples[::2] + triples[1::4], triples[3::4]
        for name, params in KINDS[1:4]:
            bits = set()
            for workers in (1, 2, 3, 7):
                out = "%s %d" % (name, workers)
                self.run_job(self.job(train, params, rank=100, test=test), out, "--workers", workers)
                result = self.result(out)
                bits.add((result["model_sha256"], result["objective"], json.dumps(result["metrics"])))
            self.assertEqual(len(bits), 1, bits)

    def test_a_job_goes_on_where_it_stopped(self):
        triples = ratings()
        for name, params in KINDS[2:4]:
            self.run_job(self.job(triples, params, epochs=4), name)
            self.run_job(self.job(triples, params, epochs=2), "two " + name)
            self.run_job(self.path("job.json"), "two " + name, "--resume", "--set", "stop.epochs=4")
            self.assertEqual([sha256(self.path(name, f)) for f in FILES[:2]],
                             [sha256(self.path("two " + name, f)) for f in FILES[:2]])
            self.assertEqual(self.result(name)["objective"], self.result("two " + name)["objective"])

    def test_without_a_penalty_nothing_is_nan(self):
        triples = ratings()[::9]
        for more in ({}, {"method": "cg"}, {"nonnegative": True}, {"biases": True}, {"implicit": True}):
            with self.subTest(**more):
                out = str(more)
                self.run_job(self.job(triples, {"lambda": 0, **more}, rank=40), out)
                model = Model(self.path(out))
                self.assertTrue(np.isfinite(model.p).all() and np.isfinite(model.q).all())
                self.assertTrue(np.isfinite(self.result(out)["objective"]))

    def test_biases_of_implicit_feedback_are_refused(self):
        done = self.run_job(self.job(ratings(), {"implicit": True, "biases": True}), "out", expect=2)
        self.assertIn("/params/biases", done.stderr)


if __name__ == "__main__":
    unittest.main()
