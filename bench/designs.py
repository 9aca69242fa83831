"""designs.py - the designs of lasso_peers.py, made once in a folder, and what is true of them.

Dense columns are centred and scaled to mean square 1.  A dense design is NAME.X.npy (doubles, Fortran
order); a sparse one NAME.X.mtx and its compressed columns NAME.start.npy, NAME.row.npy and
NAME.value.npy.  NAME.y.npy is centred; NAME.sign.npy, where there are classes, is +1 and -1.  NumPy and
SciPy only: nothing here is Rondo's, so that what it says of a solution is said by another.
"""

import gzip
import os

import numpy as np
import scipy.io
import scipy.sparse
from scipy.special import expit, ndtri, xlogy

BLOCK = 500  # columns that are in memory twice while a dense design is made

# Chosen for as many non-zeros as the designs had on which the figures of peers.py were taken.
AR_NOISE = 6.75
SPARSE_NOISE = 0.4
GENOTYPE_SEED = 8
RECIPE = "1 %g %g %d\n" % (AR_NOISE, SPARSE_NOISE, GENOTYPE_SEED)


# ---- files ---------------------------------------------------------------------------------------

def keep(path, array):
    """Whole or not at all."""
    with open(path + ".part", "wb") as stream:
        np.save(stream, array)
    os.rename(path + ".part", path)


class Dense:
    """An n x p file under way, filled by blocks of columns: centred, scaled, written."""

    def __init__(self, path, n, p):
        self.path, self.at = path, 0
        self.x = np.lib.format.open_memmap(path + ".part", "w+", float, (n, p), fortran_order=True)

    def put(self, block):
        block = block - block.mean(0)
        deviation = np.sqrt((block ** 2).mean(0))
        block /= np.where(deviation > 0, deviation, 1)
        self.x[:, self.at:self.at + block.shape[1]] = block
        self.at += block.shape[1]

    def end(self):
        self.x.flush()
        os.rename(self.path + ".part", self.path)
        return self.x


def keep_sparse(stem, x):
    x = x.tocsc()
    x.sort_indices()
    keep(stem + ".start.npy", x.indptr.astype(np.int64))
    keep(stem + ".row.npy", x.indices.astype(np.int32))
    keep(stem + ".value.npy", x.data)
    scipy.io.mmwrite(stem + ".part.mtx", x, symmetry="general", precision=16)
    os.rename(stem + ".part.mtx", stem + ".X.mtx")
    return x


# ---- the designs ---------------------------------------------------------------------------------

def make_real(stem, shared):
    source = os.path.join(shared, "data", "lasso", os.path.basename(stem))
    raw = np.load(source + ".X.npy")
    x = Dense(stem + ".X.npy", *raw.shape)
    x.put(raw)
    x.end()
    return np.load(source + ".y.npy").astype(float).ravel()


def make_news20(stem, shared):
    rows, cols, values, classes = [], [], [], []
    with gzip.open(os.path.join(shared, "data", "lasso", "news20.svm.gz"), "rt") as stream:
        for i, line in enumerate(stream):
            words = line.split()
            classes.append(float(words[0]))
            pairs = [word.split(":") for word in words[1:]]
            rows += [i] * len(pairs)
            cols += [int(pair[0]) - 1 for pair in pairs]
            values += [float(pair[1]) for pair in pairs]
    x = scipy.sparse.csr_matrix((values, (rows, cols)))
    length = np.sqrt(np.asarray(x.multiply(x).sum(1)).ravel())
    x = scipy.sparse.diags(1 / np.where(length > 0, length, 1)) @ x
    x = x.tocsc()
    keep_sparse(stem, x[:, np.diff(x.indptr) > 0])
    sign = np.where(np.array(classes) <= 10, 1.0, -1.0)
    keep(stem + ".sign.npy", sign)
    return sign


def make_ar(stem, _):
    """(a): each column .9 of the one before and fresh noise; 100 coefficients of +3 or -3."""
    n, p, rho, rng = 1000, 100000, 0.9, np.random.default_rng(1)
    x = Dense(stem + ".X.npy", n, p)
    z = rng.standard_normal(n)
    fresh = np.sqrt(1 - rho * rho)
    for begin in range(0, p, BLOCK):
        block = np.empty((n, BLOCK), order="F")
        for j in range(BLOCK):
            if begin + j:
                z = rho * z + fresh * rng.standard_normal(n)
            block[:, j] = z
        x.put(block)
    x = x.end()
    causes = rng.choice(p, 100, replace=False)
    y = x[:, causes] @ (3.0 * rng.choice([-1, 1], 100))
    return y + AR_NOISE * rng.standard_normal(n)


def make_sparse(stem, _):
    """(b): each value is there with probability .001 and normal; 200 coefficients of +3 or -3."""
    n, p, rng = 10000, 200000, np.random.default_rng(1)
    counts = rng.binomial(n, 0.001, p)
    rows = np.concatenate([np.sort(rng.choice(n, k, replace=False)) for k in counts])
    x = scipy.sparse.csc_matrix((rng.standard_normal(len(rows)), rows, np.append(0, counts.cumsum())),
                                shape=(n, p))
    keep_sparse(stem, x)
    causes = rng.choice(p, 200, replace=False)
    y = x[:, causes] @ (3.0 * rng.choice([-1, 1], 200))
    return y + SPARSE_NOISE * rng.standard_normal(n)


def haplotypes(rng, n, size, r, threshold):
    """n x size of 0 and 1: a normal AR(1) along the block, below its threshold or not."""
    below = np.empty((n, size))
    z = rng.standard_normal(n)
    for k in range(size):
        if k:
            z = r * z + np.sqrt(1 - r * r) * rng.standard_normal(n)
        below[:, k] = z < threshold[k]
    return below


def make_genotypes(stem, _):
    """(c): two haplotypes a row, blocks of 20 to 80 columns; 200 normal effects, half of y's variance."""
    n, p, rng = 2000, 50000, np.random.default_rng(1)
    x = Dense(stem + ".X.npy", n, p)
    while x.at < p:
        size = min(int(rng.integers(20, 81)), p - x.at)
        r = rng.uniform(0.5, 0.98)
        threshold = ndtri(rng.uniform(0.05, 0.5, size))
        x.put(haplotypes(rng, n, size, r, threshold) + haplotypes(rng, n, size, r, threshold))
    x, rng = x.end(), np.random.default_rng(GENOTYPE_SEED)
    causes = rng.choice(p, 200, replace=False)
    genetic = x[:, causes] @ rng.standard_normal(200)
    return genetic + genetic.std() * rng.standard_normal(n)


MAKERS = {
    "leukemia": (make_real, True),
    "riboflavin": (make_real, True),
    "news20": (make_news20, True),
    "a": (make_ar, False),
    "b": (make_sparse, False),
    "c": (make_genotypes, False),
}


class Design:
    """One design on disk: x (mapped, or compressed columns), y, and where its files are."""

    def __init__(self, folder, name):
        stem = os.path.join(folder, name)
        self.name = name
        self.sparse = os.path.exists(stem + ".X.mtx")
        self.y_file = stem + ".y.npy"
        self.sign_file = stem + ".sign.npy"
        self.y = np.load(self.y_file)
        if self.sparse:
            self.x_file = stem + ".X.mtx"
            self.parts = [stem + "." + part + ".npy" for part in ("start", "row", "value")]
            start, row, value = (np.load(part) for part in self.parts)
            self.x = scipy.sparse.csc_matrix((value, row, start), shape=(len(self.y), len(start) - 1))
        else:
            self.x_file = stem + ".X.npy"
            self.parts = [self.x_file]
            self.x = np.load(self.x_file, mmap_mode="r")

    def target(self, loss):
        return np.load(self.sign_file) if loss == "logistic" else self.y

    def target_file(self, loss):
        return self.sign_file if loss == "logistic" else self.y_file


def needs_shared(name):
    return MAKERS[name][1]


def design(folder, name, shared):
    """Made where it is not there yet, or by another recipe, which is written last."""
    stem = os.path.join(folder, name)
    if not made(stem):
        y = MAKERS[name][0](stem, shared)
        keep(stem + ".y.npy", y - y.mean())
        with open(stem + ".recipe", "w", encoding="utf-8") as stream:
            stream.write(RECIPE)
    return Design(folder, name)


def made(stem):
    if not os.path.exists(stem + ".recipe"):
        return False
    with open(stem + ".recipe", encoding="utf-8") as stream:
        return stream.read() == RECIPE


# ---- what is true --------------------------------------------------------------------------------

def times(x, b):
    """X b for a b of few entries."""
    at = np.flatnonzero(b)
    return x[:, at] @ b[at]


def lambda_max(x, y, loss):
    return abs(x.T @ y).max() / len(y) / (2 if loss == "logistic" else 1)


def null_objective(y, loss):
    return np.log(2) if loss == "logistic" else y @ y / (2 * len(y))


def certify_squared(x, y, b, lam):
    """Objective and gap of 1/(2n)|y - Xb|^2 + lam |b|_1; the dual point is the residual, scaled to be
    the best of the feasible: D(s) = s r'y / n - s^2 r'r / (2n) where |s X'r| <= n lam."""
    n = len(y)
    r = y - times(x, b)
    most = n * lam / max(abs(x.T @ r).max(), np.finfo(float).tiny)
    s = np.clip(r @ y / max(r @ r, np.finfo(float).tiny), -most, most)
    primal = r @ r / (2 * n) + lam * abs(b).sum()
    return primal, primal - (s * (r @ y) / n - s * s * (r @ r) / (2 * n))


def certify_logistic(x, y, b, lam):
    """The same for 1/n sum log(1 + exp(-y_i x_i'b)) + lam |b|_1; the dual point is a = expit(-m), each
    the share by which a row's margin m pulls, scaled down where |X'(y a)| <= n lam is not so."""
    n = len(y)
    margin = y * times(x, b)
    a = expit(-margin)
    a *= min(1, n * lam / max(abs(x.T @ (y * a)).max(), np.finfo(float).tiny))
    primal = np.logaddexp(0, -margin).sum() / n + lam * abs(b).sum()
    return primal, primal + (xlogy(a, a) + xlogy(1 - a, 1 - a)).sum() / n


def relative_gap(x, y, b, lam, loss="squared"):
    """(objective, gap divided by the objective at b = 0)"""
    certify = certify_logistic if loss == "logistic" else certify_squared
    objective, gap = certify(x, y, b, lam)
    return objective, gap / null_objective(y, loss)
