"""fit_sklearn.py SOLVER TARGET LAMBDAS OUT PART... - scikit-learn fits for lasso_peers.py, on request.

PART: X.npy, or start, row and value of compressed columns.  Says `ready` when the data are in memory;
then for each line of standard input, a tolerance, it fits, leaves the coefficients as doubles in OUT
(p x L, column-major) and says the seconds of the fit alone.
"""

import sys
import time
import warnings

import numpy as np
import scipy.sparse
import sklearn
from sklearn.linear_model import Lasso, LogisticRegression, lasso_path

MOST = 10 ** 7  # iterations: the time limit is the asker's


def load(parts, rows, solver):
    if len(parts) == 1:
        x = np.load(parts[0])
        return np.ascontiguousarray(x) if solver != "lasso" else x
    start, row, value = (np.load(part) for part in parts)
    x = scipy.sparse.csc_matrix((value, row, start.astype(np.int32)), shape=(rows, len(start) - 1))
    return x.tocsr() if solver != "lasso" else x


def fit(solver, x, y, lambdas, tolerance):
    if solver != "lasso":
        model = LogisticRegression(penalty="l1", C=1 / (len(y) * lambdas[0]), solver=solver,
                                   fit_intercept=False, tol=tolerance, max_iter=MOST, random_state=1)
        return model.fit(x, y).coef_.T
    if len(lambdas) > 1:
        return lasso_path(x, y, alphas=lambdas, precompute=False, copy_X=False, tol=tolerance,
                          max_iter=MOST)[1]
    model = Lasso(alpha=lambdas[0], fit_intercept=False, precompute=False, copy_X=False,
                  tol=tolerance, max_iter=MOST)
    return model.fit(x, y).coef_[:, None]


def main():
    solver, target, lambdas, out = sys.argv[1:5]
    warnings.simplefilter("ignore")
    sklearn.set_config(assume_finite=True)
    y, lambdas = np.load(target), np.loadtxt(lambdas, ndmin=1)
    x = load(sys.argv[5:], len(y), solver)
    print("ready", flush=True)
    for line in sys.stdin:
        began = time.perf_counter()
        coefficients = fit(solver, x, y, lambdas, float(line))
        seconds = time.perf_counter() - began
        np.asfortranarray(coefficients, float).ravel("F").tofile(out)
        print("%.9f" % seconds, flush=True)


if __name__ == "__main__":
    main()
