"""lasso_problems.py - small random problems for the app lasso: number and seed give everything.

Designs are dense or sparse, with correlated columns, copies, mirror images, constants, offsets and
scales; any of the app's parameters may be asked for beside any other.
"""

import json

import numpy as np
import scipy.io
import scipy.sparse as sp

import support
from reference_lasso import Problem


def design(random, n, p, kind):
    x = random.standard_normal((n, p))
    if kind == "correlated":
        rho = random.choice([0.5, 0.9, 0.99])
        for j in range(1, p):
            x[:, j] = rho * x[:, j - 1] + np.sqrt(1 - rho * rho) * x[:, j]
    elif kind == "sparse":
        x *= random.random((n, p)) < random.choice([0.05, 0.2, 0.5])
    elif kind == "counts":
        x = random.poisson(0.7, (n, p)).astype(float)
    if random.random() < 0.5:  # copies, of which some are mirror images or shrunk
        for _ in range(1 + p // 8):
            a, b = random.integers(p, size=2)
            x[:, a] = x[:, b] * random.choice([1.0, 1.0, -1.0, 0.5])
    if random.random() < 0.3:
        x[:, random.integers(p)] = random.choice([0.0, 1.0])
    if kind in ("plain", "correlated"):
        if random.random() < 0.5:
            x += random.standard_normal(p) * 2
        if random.random() < 0.5:
            x *= 10.0 ** random.uniform(-1, 1, p)
    x[0, -1] = 1.0  # svmlight has as many columns as its largest index
    return x


def response(random, x, loss):
    n, p = x.shape
    b = random.standard_normal(p) * (random.random(p) < max(3 / p, 0.05))
    eta = x @ b
    eta = (eta - eta.mean()) / (eta.std() + 1e-3) + random.normal(0, 0.5, n)
    if loss == "squared":
        return eta * random.choice([0.1, 1.0, 30.0]) + random.choice([0.0, 3.0])
    if loss == "huber":
        return eta * 2 + random.choice([0.0, 3.0]) + random.standard_t(1.5, n)
    if loss == "poisson":
        return random.poisson(np.exp(0.5 * eta)).astype(float)
    low, high = ((-1, 1), (0, 1), (1, 2), (-3, 7.5))[random.integers(4)]
    y = np.where(random.random(n) < 1 / (1 + np.exp(-1.5 * eta - random.choice([0, 0.7]))), high, low)
    y[:4] = (low, high, low, high)
    return y.astype(float)


def weights_of(random, n):
    kind = random.choice(["uniform", "wide", "zeros", "whole"])
    w = {"uniform": random.uniform(0.2, 3, n), "wide": 10.0 ** random.uniform(-2, 1, n),
         "zeros": random.uniform(0.5, 1, n) * (random.random(n) < 0.85),
         "whole": random.integers(1, 5, n).astype(float)}[kind]
    w[:4] = np.maximum(w[:4], 0.2)
    return w


def factors_of(random, p, zeros):
    pf = random.choice([0.3, 0.5, 1.0, 2.0, 4.0], p)
    if zeros:
        pf[random.integers(p, size=random.integers(1, 3))] = 0.0
    pf[random.integers(p)] = 1.0
    return pf


class Drawn:
    """params: what the spec says; data: arrays by name; problem: the reference on them."""

    def __init__(self, seed, number, loss):
        self.seed, self.number = seed, number
        for attempt in range(50):
            self.draw(np.random.default_rng([seed, number, attempt]), loss)
            if self.is_sound():
                return
        raise AssertionError("no sound problem was drawn: " + str(self))

    def draw(self, random, loss):
        n, p = int(random.integers(20, 81)), int(random.integers(5, 121))
        self.kind = str(random.choice(["plain", "correlated", "sparse", "counts"]))
        self.x = design(random, n, p, self.kind)
        self.y = response(random, self.x, loss)
        self.format = str(random.choice(["c.npy", "f.npy", "d.mtx"] if self.kind == "plain" else
                                        ["c.npy", "f.npy", "s.mtx", "s.svm", "s.svm.gz"]))
        take = dict(zip(("weights", "penalty_factor", "elastic", "centre", "standardize", "sign"),
                        random.random(6)))
        self.params = {"loss": loss} if loss != "squared" or take["sign"] < 0.5 else {}
        self.weights = weights_of(random, n) if take["weights"] < 0.4 else None
        zeros = random.random() < 0.6
        self.factors = factors_of(random, p, zeros) if take["penalty_factor"] < 0.4 else None
        ridge = 0.5 if loss == "poisson" else 0.15  # all that scikit-learn's has
        l1_ratio = float(random.choice([0.5, 0.9, 0.1, 0.0], p=[0.7 - ridge, 0.2, 0.1, ridge]))
        if take["elastic"] < 0.4:
            self.params["l1_ratio"] = l1_ratio
        if take["centre"] < 0.3:
            self.params["intercept"] = False
        if take["standardize"] < 0.4:
            self.params["standardize"] = True
        if take["sign"] < 0.35:
            self.params["nonnegative"] = True
        if loss == "huber":
            self.params["huber_delta"] = float(random.choice([0.3, 1.35, 4.0]))
        self.problem = Problem(self.x, self.y, weights=self.weights, penalty_factor=self.factors,
                               **self.params)
        self.strength(random)

    def strength(self, random):
        """lambda, lambda_ratio or a path; self.lambdas says what they are."""
        ratio = float("%.2g" % 10.0 ** random.uniform(-2, -0.2))
        kind, top = random.random(), self.problem.lambda_max
        if self.problem.l1_ratio == 0:
            self.params["lambda"] = float("%.2g" % (10.0 ** random.uniform(-2, 0)))
            self.lambdas = [self.params["lambda"]]
        elif kind < 0.4:
            self.params["lambda"] = float("%.3g" % (ratio * top))
            self.lambdas = [self.params["lambda"]]
        elif kind < 0.75:
            self.params["lambda_ratio"] = ratio
            self.lambdas = [ratio * top]
        else:
            self.params["path"] = {"count": 4, "min_ratio": ratio}
            self.lambdas = [top * ratio ** (k / 3) for k in range(4)]

    def is_sound(self):
        """There is a null model, which an unpenalised column that tells the classes apart, or no
        counts where it is not 0, would take away; and something to find beyond it."""
        null, at_zero = self.problem.null, self.problem.f.value(self.problem.t, 0.0 * self.y)
        far = np.abs(self.problem.eta(null.b, null.b0)).max()
        return (null.violation < 1e-11 and (self.problem.loss in ("squared", "huber") or far < 12)
                and self.problem.null_objective > 1e-3 * np.abs(at_zero).mean()
                and self.problem.lambda_max > 0)

    def __str__(self):
        asked = dict(self.params)
        for name, there in (("weights", self.weights), ("penalty_factor", self.factors)):
            if there is not None:
                asked[name] = "with zeros" if (there == 0).any() else "given"
        return "seed %d, problem %d: %d x %d %s as %s, %s" % (
            self.seed, self.number, *self.x.shape, self.kind, self.format, json.dumps(asked))

    def write(self, case):
        """Its files and spec, in a test's folder; returns the spec's path."""
        stem = "%03d." % self.number
        params, name, y = dict(self.params), stem + self.format, stem + "y.npy"
        if ".svm" in self.format:
            support.write_svmlight(case.path(name), self.x, self.y)
            y = None
        elif self.format == "s.mtx":
            scipy.io.mmwrite(case.path(name), sp.coo_matrix(self.x), precision=17)
        elif self.format == "d.mtx":
            scipy.io.mmwrite(case.path(name), self.x, precision=17)
        else:
            np.save(case.path(name), np.asarray(self.x, order=self.format[0].upper()))
        if y:
            np.save(case.path(y), self.y)
        for key, values in (("weights", self.weights), ("penalty_factor", self.factors)):
            if values is None:
                continue
            params[key] = stem + key + (".npy", ".txt", ".mtx")[self.number % 3]
            if self.number % 3 == 0:
                np.save(case.path(params[key]), values)
            elif self.number % 3 == 1:
                case.write(params[key], "".join("%.17g\n" % value for value in values))
            else:
                scipy.io.mmwrite(case.path(params[key]), values.reshape(-1, 1), precision=17)
        return case.spec(name, y, name=stem + "json", params=params, stop={"gap": 1e-9})
