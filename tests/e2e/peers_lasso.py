"""peers_lasso.py - other people's solvers on the problems of reference_lasso.py.

Each returns b and b0 on the scale of the data, or None where it cannot express the problem.
"""

import os
import shutil
import subprocess
import warnings

import numpy as np
import scipy.optimize


def on_the_scale_of_the_data(problem, w, w0):
    """From coefficients of the columns over their deviations."""
    b = np.zeros(problem.p)
    b[problem.kept] = w / problem.scale[problem.kept]
    return b, float(w0)


def columns(problem):
    return problem.x[:, problem.kept] / problem.scale[problem.kept]


def bounded(problem, lam):
    """SciPy's L-BFGS-B on b = b+ - b-, both at least 0: any of the problems."""
    z, factor, f = problem.z, problem.factor, problem.f
    l1, l2 = lam * problem.l1_ratio * factor, lam * (1 - problem.l1_ratio) * factor
    minus = np.nonzero(~problem.low & (factor > 0))[0]
    free = (factor == 0) & ~problem.low
    q = len(factor)

    def both(u):
        w = u[:q].copy()
        w[minus] -= u[q:]
        eta = z @ w
        with np.errstate(over="ignore", invalid="ignore"):
            value = (problem.v @ f.value(problem.t, eta) / problem.n + 0.5 * l2 @ w ** 2
                     + l1 @ np.where(free, 0.0, u[:q]) + l1[minus] @ u[q:])
            slope = z.T @ (problem.v * f.slope(problem.t, eta)) / problem.n + l2 * w
        return value, np.concatenate([slope + l1, l1[minus] - slope[minus]])

    bounds = [(None if there else 0.0, None) for there in free] + [(0.0, None)] * len(minus)
    start = np.zeros(q + len(minus))
    start[:q] = np.where(free, problem.null.inner, np.maximum(problem.null.inner, 0.0))
    for _ in range(4):  # its memory begins anew
        found = scipy.optimize.minimize(both, start, jac=True, method="L-BFGS-B", bounds=bounds,
                                        options={"maxiter": 20000, "maxfun": 40000, "maxcor": 30,
                                                 "ftol": 1e-15, "gtol": 1e-13})
        start = found.x
        if found.nit < 3:
            break
    w = found.x[:q].copy()
    w[minus] -= found.x[q:]
    return problem.outside(w)


# ---- scikit-learn -------------------------------------------------------------------------------------

def sklearn(problem, lam):
    fit = {"squared": sklearn_squared, "logistic": sklearn_logistic,
           "poisson": sklearn_poisson}.get(problem.loss)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fit(problem, lam) if fit and len(problem.kept) else None


def sklearn_squared(problem, lam):
    from sklearn.linear_model import ElasticNet, Ridge
    z, pf, mixed = columns(problem), problem.pf[problem.kept], problem.l1_ratio
    if mixed == 0:
        if problem.nonnegative or (pf == 0).any():
            return None
        by = np.sqrt(pf)
        model = Ridge(alpha=problem.n * lam, fit_intercept=problem.intercept, solver="cholesky")
    elif (pf == 1).all() or (mixed == 1 and (pf > 0).all()):
        by = pf
        model = ElasticNet(alpha=lam, l1_ratio=mixed, fit_intercept=problem.intercept, tol=1e-14,
                           max_iter=200000, positive=problem.nonnegative)
    else:
        return sklearn_flattened(problem, lam)
    model.fit(np.asfortranarray(z / by), problem.y, sample_weight=problem.v)
    return on_the_scale_of_the_data(problem, model.coef_ / by, model.intercept_)


def sklearn_folds(problem, fold, lambdas):
    """Errors [lambdas x folds] of the squared loss, as LassoCV has them; folds by ascending id."""
    from sklearn.linear_model import ElasticNetCV
    split = [(np.nonzero(fold != k)[0], np.nonzero(fold == k)[0]) for k in np.unique(fold)]
    model = ElasticNetCV(l1_ratio=problem.l1_ratio, alphas=lambdas, cv=split, tol=1e-13,
                         fit_intercept=problem.intercept, positive=problem.nonnegative,
                         max_iter=100000)
    return model.fit(problem.x, problem.y, sample_weight=problem.v).mse_path_


def sklearn_flattened(problem, lam):
    """Factors beside a 2-norm, or of 0, as a plain Lasso: rows are multiplied by the roots of their
    weights, what is not penalised is projected out, the 2-norm becomes rows, factors scales."""
    from sklearn.linear_model import Lasso
    factor, root = problem.factor, np.sqrt(problem.v)
    free, rest = np.nonzero(factor == 0)[0], np.nonzero(factor > 0)[0]
    if problem.low[free].any():
        return None
    z, y = problem.z * root[:, None], problem.t * root
    basis, size, _ = np.linalg.svd(z[:, free], full_matrices=False)
    basis = basis[:, size > 1e-12 * max(size.max(initial=0), 1e-300)]
    away = np.vstack([z[:, rest] - basis @ (basis.T @ z[:, rest]), np.diag(
        np.sqrt(problem.n * lam * (1 - problem.l1_ratio) * factor[rest]))]) / factor[rest]
    target = np.concatenate([y - basis @ (basis.T @ y), np.zeros(len(rest))])
    model = Lasso(alpha=lam * problem.l1_ratio * problem.n / len(away), fit_intercept=False,
                  tol=1e-14, max_iter=200000, positive=problem.nonnegative)
    model.fit(np.asfortranarray(away), target)
    w = np.zeros(len(factor))
    w[rest] = model.coef_ / factor[rest]
    w[free] = np.linalg.lstsq(z[:, free], y - z @ w, rcond=None)[0]
    return problem.outside(w)


def sklearn_logistic(problem, lam):
    from sklearn.linear_model import LogisticRegression
    pf, mixed = problem.pf[problem.kept], problem.l1_ratio
    if problem.nonnegative or (pf == 0).any() or (0 < mixed < 1 and (pf != 1).any()):
        return None
    by = np.sqrt(pf) if mixed == 0 else pf
    words = {"C": 1 / (problem.n * lam), "fit_intercept": problem.intercept, "random_state": 0}
    if mixed == 0:
        model = LogisticRegression(penalty="l2", solver="newton-cg", tol=1e-11, max_iter=1000, **words)
    elif mixed == 1:  # liblinear penalises the intercept: by 1e-4 of what it does to a coefficient
        model = LogisticRegression(penalty="l1", solver="liblinear", max_iter=200,
                                   tol=1e-13 if problem.intercept else 1e-9,
                                   intercept_scaling=1e4, **words)
    else:
        model = LogisticRegression(penalty="elasticnet", solver="saga", l1_ratio=mixed, tol=1e-9,
                                   max_iter=20000, **words)
    z = problem.z[:, 1:] if problem.intercept else problem.z  # centred: else saga takes for ever
    model.fit(z / by, problem.t, sample_weight=problem.v)
    w = model.coef_.ravel() / by
    return problem.outside(np.concatenate([model.intercept_, w]) if problem.intercept else w)


def sklearn_poisson(problem, lam):
    from sklearn.linear_model import PoissonRegressor
    z, pf = columns(problem), problem.pf[problem.kept]
    if problem.l1_ratio > 0 or problem.nonnegative or (pf == 0).any():
        return None
    model = PoissonRegressor(alpha=lam, fit_intercept=problem.intercept, tol=1e-10, max_iter=20000)
    model.fit(z / np.sqrt(pf), problem.y, sample_weight=problem.v)
    return on_the_scale_of_the_data(problem, model.coef_ / np.sqrt(pf), model.intercept_)


# ---- glmnet -------------------------------------------------------------------------------------------

FAMILIES = {"squared": "gaussian", "logistic": "binomial", "poisson": "poisson"}


def why_no_glmnet():
    """None where Rscript has it, else a word."""
    if not shutil.which("Rscript"):
        return "there is no Rscript (Debian's r-cran-glmnet)"
    asked = subprocess.run(["Rscript", "-e", "library(glmnet)"], capture_output=True, text=True)
    return None if asked.returncode == 0 else "R has no glmnet (Debian's r-cran-glmnet)"


def glmnet(folder, asked, folds=None):
    """Answers to (problem, falling lambdas) in one process: for each a list of (b, b0), or None.
    With folds, an array for each problem: cv.glmnet's means and standard errors instead."""
    lines = []
    for k, (problem, lambdas) in enumerate(asked):
        flat = problem.x.max(axis=0) == problem.x.min(axis=0)
        if problem.loss not in FAMILIES or (not problem.intercept and flat.any()):
            continue  # it drops constant columns, whether there is an intercept or not
        stem, y, mixed = os.path.join(folder, "glmnet%d." % k), problem.t, problem.l1_ratio
        lambdas = np.asarray(lambdas)
        if problem.loss == "squared":
            # It scales y to deviation 1 and the whole of the penalty with it, the 2-norm too.
            middle = problem.v @ y / problem.n if problem.intercept else 0.0
            spread = np.sqrt(problem.v @ (y - middle) ** 2 / problem.n)
            lambdas = lambdas * (mixed + (1 - mixed) * spread)
            mixed = mixed / (mixed + (1 - mixed) * spread)
        shrunk = lambdas * problem.pf.sum() / problem.p  # it scales factors to a sum of p
        for name, values in (("x", problem.x.T), ("y", y), ("w", problem.v),
                             ("pf", problem.pf), ("lambda", shrunk),
                             ("fold", folds[k] + 1 if folds else [])):
            np.ascontiguousarray(values, dtype=float).tofile(stem + name)
        lines.append("%s %s %d %d %d %.17g %d %d %d" % (
            stem, FAMILIES[problem.loss], problem.n, problem.p, len(lambdas), mixed,
            problem.intercept, problem.standardize, problem.nonnegative))
    table = os.path.join(folder, "glmnet.txt")
    with open(table, "w", encoding="utf-8") as stream:
        stream.write("\n".join(lines) + "\n")
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers_glmnet.R")
    if lines:
        subprocess.run(["Rscript", script, "cv" if folds else "fit", table], check=True)
    answers = []
    for k, (problem, lambdas) in enumerate(asked):
        path = os.path.join(folder, "glmnet%d.out" % k)
        if not os.path.exists(path):
            answers.append(None)
            continue
        table = np.fromfile(path).reshape(-1, len(lambdas))
        answers.append(table if folds else [(row[1:], float(row[0])) for row in table.T])
    return answers
