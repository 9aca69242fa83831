"""check.py make: data for job.json.  check.py OUT-DIR: is the answer the closed form's?"""

import json
import sys

import numpy as np


def make(rows=400, third=40):
    rng = np.random.default_rng(3)
    base = rng.normal(size=(rows, third))
    x = np.hstack([base, base + rng.normal(size=base.shape), rng.normal(size=base.shape)])
    np.save("x.npy", x)
    np.save("y.npy", x[:, ::7].sum(axis=1) + rng.normal(size=rows))


def check(out):
    with open(out + "/result.json") as stream:
        result = json.load(stream)
    lam = result["spec"]["params"]["lambda"]
    x, y, b = np.load("x.npy"), np.load("y.npy"), np.loadtxt(out + "/coef.txt")
    exact = np.linalg.solve(x.T @ x + lam * np.eye(x.shape[1]), x.T @ y)

    def objective(at):
        return 0.5 * ((y - x @ at) ** 2).sum() + 0.5 * lam * (at @ at)

    beyond = (objective(b) - objective(exact)) / objective(0 * b)
    print("gap: %.3g, promised: %.3g; largest difference: %.3g" % (
        beyond, result["metrics"]["gap"], np.abs(b - exact).max()))
    # 1e-14: what is lost in computing the gap by a difference.
    return beyond <= result["metrics"]["gap"] + 1e-14 and np.allclose(b, exact, atol=1e-4)


if __name__ == "__main__":
    if sys.argv[1:] == ["make"]:
        make()
    elif len(sys.argv) != 2 or not check(sys.argv[1]):
        sys.exit("check.py: the answer is not the closed form's")
