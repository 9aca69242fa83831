"""support.py - what the end-to-end tests share: the command, jobs, data, and an independent lasso.

The independent part (Lasso) reads nothing of Rondo's: data by numpy, scipy and scikit-learn,
formulas from docs and INTERFACE as they stand.
"""

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
import unittest

import numpy as np
import scipy.io
import scipy.sparse as sp

RONDO = os.environ.get("RONDO", "rondo")
SHARED = os.path.join(os.environ.get("RONDO_SHARED", ""), "data", "lasso")
needs_shared = unittest.skipUnless(os.environ.get("RONDO_SHARED") and os.path.isdir(SHARED),
                                   "there are no shared data (RONDO_SHARED)")
# Under a sanitizer all is slow, and memory is not what it is.
SANITIZED = "ASAN_OPTIONS" in os.environ or "TSAN_OPTIONS" in os.environ


def shared(name):
    return os.path.join(SHARED, name)


def call(*words, env=None, cwd=None, timeout=600):
    """Runs rondo; the answer has returncode, stdout, stderr."""
    return subprocess.run([RONDO, *map(str, words)], capture_output=True, text=True, cwd=cwd,
                          timeout=timeout, env=dict(os.environ, **(env or {})))


def read_json(path):
    with open(path, encoding="utf-8") as stream:
        return json.load(stream)


def sha256(path):
    with open(path, "rb") as stream:
        return hashlib.sha256(stream.read()).hexdigest()


def merge(into, other):
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value
    return into


class Case(unittest.TestCase):
    """A test with a folder of its own, which goes with it."""

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="rondo-e2e-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def write(self, name, content):
        mode = "wb" if isinstance(content, bytes) else "w"
        with open(self.path(name), mode) as stream:
            stream.write(content)
        return self.path(name)

    def wait_settled(self, path):
        """Until a file's times tell this version of it from the next (core/data/shelf.c)."""
        while time.time() - os.stat(path).st_ctime < 0.15:
            time.sleep(0.02)

    def spec(self, x, y=None, name="job.json", **more):
        """Writes a spec of lasso and returns its path."""
        spec = {"version": 1, "app": "lasso", "data": {"x": x, **({"y": y} if y else {})}}
        return self.write(name, json.dumps(merge(spec, more), indent=1) + "\n")

    def endless(self, x, y, **more):
        """A spec of a job that is stopped: by itself it takes minutes, of a sparse design of 300 x 2000 or larger."""
        return self.spec(x, y, "endless.json", **merge({
            "params": {"lambda_ratio": 0.001}, "stop": {"gap": 0, "rounds": 10 ** 9}, "schedule": {
                "blocks": 1, "block_size": 1, "candidates": 1, "priority": {"rule": "uniform"}}}, more))

    def run_job(self, spec, out, *words, env=None, expect=0):
        done = call("run", spec, "--out", self.path(out), "--quiet", *words, env=env)
        self.assertEqual(done.returncode, expect, done.stderr)
        self.assertEqual(done.stdout, "")
        return done

    def result(self, out):
        return read_json(self.path(out, "result.json"))

    def solve(self, spec, out="out", *words, env=None):
        self.run_job(spec, out, *words, env=env)
        return self.result(out)

    def check_trace(self, out):
        """rondo trace check finds nothing; what it has not proved, but for what it always takes from the trace."""
        done = call("trace", "check", self.path(out), "--json")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return [line for line in json.loads(done.stdout)["not_proved"] if "taken from the trace" not in line]

    def model(self, out):
        """b [p] and b0, from the model's files alone."""
        b = np.asarray(scipy.io.mmread(self.path(out, "coef.mtx")).todense()).ravel()
        (point,) = read_json(self.path(out, "path.json"))
        return b, point["intercept"]

    def generate(self, name, *words, **options):
        """Makes data by rondo data generate lasso; returns the paths of x and y."""
        for key, value in options.items():
            words += ("--" + key, value)
        done = call("data", "generate", "lasso", "--out", self.path(name), *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        (x,) = [f for f in os.listdir(self.path(name)) if f.startswith("x.")]
        return self.path(name, x), self.path(name, "y.npy")


# ---- the lasso, independently ---------------------------------------------------------------------

def read_svmlight(path):
    from sklearn.datasets import load_svmlight_file
    x, y = load_svmlight_file(path, zero_based=False)
    return sp.csc_matrix(x), y


def write_svmlight(path, x, y, ending="\n"):
    """Every entry stored in x is written, zeros too."""
    rows = sp.csr_matrix(x)
    opened = gzip.open if path.endswith(".gz") else open
    with opened(path, "wt", newline="") as stream:
        for i in range(rows.shape[0]):
            part = slice(rows.indptr[i], rows.indptr[i + 1])
            stream.write(" ".join(["%.17g" % y[i]] + [
                "%d:%.17g" % (j + 1, v) for j, v in zip(rows.indices[part], rows.data[part])])
                + ending)


class Lasso:
    """F(b) = |y - X b - b0|^2 / 2n + lambda (l1_ratio |b|_1 + (1 - l1_ratio)/2 |b|^2), centred
    implicitly where there is an intercept, and its duality gap."""

    def __init__(self, x, y, intercept=True):
        self.sparse = sp.issparse(x)
        self.x = sp.csc_matrix(x) if self.sparse else np.asarray(x, dtype=float)
        self.y = np.asarray(y, dtype=float).ravel()
        self.n, self.p = self.x.shape
        self.intercept = intercept
        self.mean = np.asarray(self.x.mean(axis=0)).ravel() if intercept else np.zeros(self.p)
        self.y_mean = self.y.mean() if intercept else 0.0
        centred = self.y - self.y_mean
        self.null_objective = centred @ centred / (2 * self.n)
        self.lambda_max = np.abs(self.gradient(centred)).max()  # times 1 / l1_ratio

    def gradient(self, r):
        """(X - 1 m')' r / n"""
        return (self.x.T @ r - self.mean * r.sum()) / self.n

    def best_intercept(self, b):
        return self.y_mean - self.mean @ b

    def objective(self, b, b0, lam, l1_ratio=1.0):
        r = self.y - self.x @ b - b0
        return (r @ r / (2 * self.n) + lam * l1_ratio * np.abs(b).sum()
                + 0.5 * lam * (1 - l1_ratio) * (b @ b))

    def gap(self, b, lam, l1_ratio=1.0):
        """F(b) - D(theta), over F(0): theta is the residual, scaled into
            { |x_j'theta/n - s l2 b_j| <= l1 }, as scikit-learn and Mairal scale it."""
        l1, l2 = lam * l1_ratio, lam * (1 - l1_ratio)
        r = self.y - self.y_mean - (self.x @ b - self.mean @ b)
        if self.intercept:
            r -= r.mean()
        y = self.y - self.y_mean
        reach = np.abs(self.gradient(r) - l2 * b).max()
        s = min(1.0, l1 / reach) if reach > 0 else 1.0
        dual = s * (r @ y) / self.n - 0.5 * s * s * (r @ r / self.n + l2 * (b @ b))
        primal = r @ r / (2 * self.n) + l1 * np.abs(b).sum() + 0.5 * l2 * (b @ b)
        return (primal - dual) / self.null_objective

    def sklearn(self, lam, l1_ratio=1.0, gap=2e-7):
        """scikit-learn's coefficients and intercept.  On many sparse columns, where it is slow, it
        is given those that violate the optimality of its last answer, until none does."""
        b, few = np.zeros(self.p), 400
        columns = np.arange(self.p) if not self.sparse or self.p <= few else np.array([], int)
        for _ in range(30):
            if len(columns) < self.p:
                r = self.y - self.y_mean - (self.x @ b - self.mean @ b)
                order = np.argsort(-np.abs(self.gradient(r)), kind="stable")[:few]
                columns = np.union1d(np.nonzero(b)[0], order)
            b, b0 = self.sklearn_on(columns, lam, l1_ratio, gap / 4)
            if len(columns) == self.p or self.gap(b, lam, l1_ratio) <= gap:
                break
        return b, b0

    def sklearn_on(self, columns, lam, l1_ratio, tol):
        import warnings
        from sklearn.linear_model import ElasticNet
        x = self.x[:, columns]
        x = np.asfortranarray(x.toarray() if self.sparse else x)
        model = ElasticNet(alpha=lam, l1_ratio=l1_ratio, fit_intercept=self.intercept, tol=tol,
                           max_iter=100000, precompute=len(columns) < self.n)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(x, self.y)
        b = np.zeros(self.p)
        b[columns] = model.coef_
        return b, float(model.intercept_)
