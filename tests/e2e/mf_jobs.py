"""mf_jobs.py - what the tests of mf as a whole share: ratings made here, jobs on them, and what is true of
everything that a job leaves, by mf_reference.py."""

import json
import os

import numpy as np

import mf_reference
import support
from support import sha256

SOLVERS = (("sgd", {"solver": "sgd"}), ("als", {"solver": "als"}), ("cg", {"solver": "als", "method": "cg"}),
           ("ccd", {"solver": "ccd"}))
NONNEGATIVE = [each for each in SOLVERS if each[0] != "cg"] # those that keep factors from falling below 0


class Ratings:
    """user, item [n] as numbers, value [n]; told as u17, i4."""

    def __init__(self, user, item, value):
        self.user, self.item = np.asarray(user, dtype=int), np.asarray(item, dtype=int)
        self.value = np.asarray(value, dtype=np.float32).astype(float)

    def __len__(self):
        return len(self.value)

    def part(self, which):
        return Ratings(self.user[which], self.item[which], self.value[which])

    def users(self):
        return ["u%d" % u for u in self.user]

    def items(self):
        return ["i%d" % i for i in self.item]

    def text(self, between="\t"):
        return "".join("u%d%si%d%s%.9g\n" % (u, between, i, between, r)
                       for u, i, r in zip(self.user, self.item, self.value))


def some_cells(users, items, count, rng):
    cell = rng.choice(users * items, count, replace=False)
    return cell // items, cell % items


def split(ratings, share, rng):
    """Training and test; nobody is left without a training rating."""
    test = rng.random(len(ratings)) < share
    for of in (ratings.user, ratings.item):
        test[np.unique(of, return_index=True)[1]] = False
    return ratings.part(~test), ratings.part(test)


def planted(users, items, rank, count, seed=1, nonnegative=False, biases=False, noise=0.0):
    """Products of normals, or of their magnitudes, of about variance 1; of a tenth of them test."""
    rng = np.random.default_rng(seed)
    p, q = rng.normal(size=(users, rank)), rng.normal(size=(items, rank)) / np.sqrt(rank)
    if nonnegative:
        p, q = np.abs(p), np.abs(q)
    u, i = some_cells(users, items, count, rng)
    r = (p[u] * q[i]).sum(axis=1) + noise * rng.normal(size=count)
    if biases:
        r += 3 + rng.normal(size=users)[u] + rng.normal(size=items)[i]
    return split(Ratings(u, i, r), 0.1, rng)


def stars(users, items, count, seed=1):
    """As people rate: 1 to 5, some much and some little, tastes and noise."""
    rng = np.random.default_rng(seed)
    weight = np.outer((1 + np.arange(users)) ** -0.5, (1 + np.arange(items)) ** -0.6).ravel()
    cell = rng.choice(users * items, count, replace=False, p=weight / weight.sum())
    u, i = cell // items, cell % items
    p, q = rng.normal(size=(users, 3)), rng.normal(size=(items, 3)) / 3
    r = 3.6 + 0.4 * rng.normal(size=users)[u] + 0.4 * rng.normal(size=items)[i] + (p[u] * q[i]).sum(axis=1)
    r = np.clip(np.round(r + 0.7 * rng.normal(size=count)), 1, 5)
    return split(Ratings(u, i, r), 0.1, rng)


def no_constant(word):
    raise AssertionError("not a number in JSON: " + word)


class Model(mf_reference.Model):
    def rows(self, ratings):
        """Of users and items; whom the model does not have is a KeyError."""
        return (np.array([self.user_at[u] for u in ratings.users()]),
                np.array([self.item_at[i] for i in ratings.items()]))

    def rmse(self, ratings):
        return float(np.sqrt(np.mean((ratings.value - self.scores(*self.rows(ratings))) ** 2)))

    def f(self, ratings):
        """F, with what the model says that the job was."""
        return self.objective(*self.rows(ratings), ratings.value, self.said["lambda"], self.said["weighted"],
                              self.said["alpha"] if self.said["implicit"] else None)


class Case(support.Case):
    def job(self, train, test=None, name="job", epochs=10, **more):
        """Writes ratings and spec; the spec's path.  params and more keys by name."""
        data = {"train": self.write(name + ".train.txt", train if isinstance(train, str) else train.text())}
        if test is not None:
            data["test"] = self.write(name + ".test.txt", test if isinstance(test, str) else test.text())
        spec = {"version": 1, "app": "mf", "data": data, "seed": 5, "stop": {"epochs": epochs}}
        return self.write(name + ".json", json.dumps(support.merge(spec, more), indent=1))

    def result(self, out):
        with open(self.path(out, "result.json"), encoding="utf-8") as stream:
            return json.load(stream, parse_constant=no_constant)

    def lines(self, out):
        with open(self.path(out, "progress.jsonl"), encoding="utf-8") as stream:
            return [json.loads(line, parse_constant=no_constant) for line in stream]

    def files_of(self, out):
        return sorted(os.listdir(self.path(out))) if os.path.exists(self.path(out)) else []

    def bits(self, out):
        """Of all files of the model, and what is told of it beside times."""
        result = self.result(out)
        names = [name for name in ("user_factors.npy", "item_factors.npy", "biases.npz", "users.txt", "items.txt",
                                   "model.json") if os.path.exists(self.path(out, name))]
        return ([(name, sha256(self.path(out, name))) for name in names], result["model_sha256"], result["objective"],
                result["metrics"], result["rounds"], result["updates"], result["stop_reason"])

    def agrees(self, out, train, test=None):
        """All that a finished model of explicit ratings says of itself is so; returns the model."""
        model, result = Model(self.path(out)), self.result(out)
        params, metrics = model.said, result["metrics"]
        for name, at, rows in (("users", train.users(), model.p), ("items", train.items(), model.q)):
            self.assertEqual(getattr(model, name), list(dict.fromkeys(at)), "by first appearance")
            self.assertEqual((rows.dtype, rows.shape), (np.dtype("<f4"), (len(set(at)), params["rank"])))
            self.assertTrue(np.isfinite(rows).all())
            if params["nonnegative"]:
                self.assertGreaterEqual(rows.min(), 0)
        self.assertEqual(os.path.exists(self.path(out, "biases.npz")), bool(params["biases"]))
        # a score has an error of 32 bits, beside which an RMSE or F may be small
        size = np.sqrt(np.mean(train.value ** 2)) + 1e-30
        self.assertAlmostEqual(metrics["rmse"] / size, model.rmse(train) / size, delta=2e-6)
        truth = model.f(train)
        within = 1e-5 * truth + len(train) * (2e-6 * size * model.rmse(train) + (2e-6 * size) ** 2)
        self.assertAlmostEqual(result["objective"], truth, delta=within)
        if test is not None:
            self.assertAlmostEqual(metrics["test_rmse"] / size, model.rmse(test) / size, delta=2e-6)
        last = self.lines(out)[-1]
        for key, value in dict(metrics, round=result["rounds"], updates=result["updates"],
                               objective=result["objective"]).items():
            self.assertEqual(last[key], value, key)
        return model
