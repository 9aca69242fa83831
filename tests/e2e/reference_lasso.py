"""reference_lasso.py - the penalised models of the app lasso, independently and to the last digit.

    F(b, b0) = 1/n sum_i v_i f(y_i, eta_i) + lambda sum_j pf_j (a |b~_j| + (1 - a)/2 b~_j^2)
    eta = X b + b0,   b~_j = b_j sd_j where columns are standardised, else b_j

Written from INTERFACE and docs/formats alone, with NumPy: a proximal Newton method whose quadratic
problems are solved by an active set.  Slow and exact: for some hundred rows and columns.
"""

import numpy as np
import scipy.sparse as sp


# ---- losses: f, f' and f'' with respect to eta, and a curvature that majorises ----------------------

class Squared:
    def value(self, y, eta):
        return 0.5 * (y - eta) ** 2

    def slope(self, y, eta):
        return eta - y

    def curve(self, y, eta):
        return np.ones_like(eta)

    majoriser = curve

    def deviance(self, y, eta):
        return (y - eta) ** 2


class Logistic:
    """y is 1 or -1 here."""

    def value(self, y, eta):
        return np.logaddexp(0.0, -y * eta)

    def slope(self, y, eta):
        return -y * np.exp(-np.logaddexp(0.0, y * eta))

    def curve(self, y, eta):
        return np.exp(-np.logaddexp(0.0, eta) - np.logaddexp(0.0, -eta))

    def majoriser(self, y, eta):
        return np.full_like(eta, 0.25)

    def deviance(self, y, eta):
        return 2 * self.value(y, eta)


class Poisson:
    """Half the deviance: 0 where exp(eta) is y."""

    def value(self, y, eta):
        return np.exp(eta) - y * eta - (y - y * np.log(np.where(y > 0, y, 1.0)))

    def slope(self, y, eta):
        return np.exp(eta) - y

    def curve(self, y, eta):
        return np.exp(eta)

    majoriser = curve  # there is none: the line search must do

    def deviance(self, y, eta):
        return 2 * self.value(y, eta)


class Huber:
    def __init__(self, delta):
        self.delta = delta

    def value(self, y, eta):
        u = np.abs(y - eta)
        return np.where(u <= self.delta, 0.5 * u * u, self.delta * (u - 0.5 * self.delta))

    def slope(self, y, eta):
        return np.clip(eta - y, -self.delta, self.delta)

    def curve(self, y, eta):
        return (np.abs(y - eta) <= self.delta) + 1e-9 * self.majoriser(y, eta)

    def majoriser(self, y, eta):
        return self.delta / np.maximum(self.delta, np.abs(y - eta))

    def deviance(self, y, eta):
        return 2 * self.value(y, eta)


LOSSES = {"squared": lambda delta: Squared(), "logistic": lambda delta: Logistic(),
          "poisson": lambda delta: Poisson(), "huber": Huber}


# ---- min q'd + d'Kd/2 + sum l1|w| + l2/2 w^2,  d = w - w0,  w_j >= 0 where low_j ----------------------

def descend(grad, k, l1, l2, low, w, sweeps):
    """Coordinate descent, in place; grad is q + K d."""
    for _ in range(sweeps):
        largest = 0.0
        for j in range(len(w)):
            curve = k[j, j] + l2[j]
            if curve <= 0:
                continue
            to = k[j, j] * w[j] - grad[j]
            new = max(abs(to) - l1[j], 0.0) * (1.0 if to > 0 else -1.0) / curve
            if low[j]:
                new = max(new, 0.0)
            if new != w[j]:
                step = new - w[j]
                grad += k[:, j] * step
                w[j] = new
                largest = max(largest, curve * step * step)
        if largest == 0.0:
            break


def towards(h, r):
    """The step to the minimum of d'Hd/2 - r'd, and how far it goes: a ray where r leaves H's range."""
    try:
        root = np.linalg.cholesky(h)
        diagonal = np.diag(root)
        if diagonal.min() > 1e-5 * diagonal.max():
            return np.linalg.solve(root.T, np.linalg.solve(root, r)), 1.0
    except np.linalg.LinAlgError:
        pass
    values, vectors = np.linalg.eigh(h)
    along = vectors.T @ r
    flat = values <= 1e-13 * values[-1]
    lost = np.where(flat, along, 0.0)
    if np.abs(lost).max() > 1e-10 * max(np.abs(r).max(), 1e-300) and np.abs(lost).max() > 1e-13:
        return vectors @ lost, np.inf
    return vectors @ np.where(flat, 0.0, along / np.where(flat, 1.0, values)), 1.0


def violations(grad, l1, l2, low, w):
    """How far w is from optimal, variable by variable; grad without the penalty."""
    slope = grad + l2 * w
    at_zero = np.where(low, np.maximum(-slope - l1, 0.0), np.maximum(np.abs(slope) - l1, 0.0))
    return np.where(w != 0, np.abs(slope + l1 * np.sign(w)), at_zero)


def quadratic(q, k, l1, l2, low, start):
    w, free = start.copy(), (l1 == 0) & ~low
    goal = 1e-15 * (np.abs(q).max() + l1.max() + 1e-300)
    grad = q.copy()
    descend(grad, k, l1, l2, low, w, 30)
    for _ in range(40 * len(w) + 100):
        grad = q + k @ (w - start)
        active = np.nonzero((w != 0) | free)[0]
        if len(active):
            s = np.where(free[active], 0.0, np.sign(w[active]))
            r = -(grad + l2 * w)[active] - l1[active] * s
            d, t = towards(k[np.ix_(active, active)] + np.diag(l2[active]), r)
            bound = np.where((s * d < 0), -w[active] / np.where(d == 0, 1.0, d), np.inf)
            first = np.argmin(bound)
            if bound[first] <= t:
                w[active] += bound[first] * d
                w[active[first]] = 0.0
                continue
            if not np.isfinite(t):
                raise ArithmeticError("the objective has no minimum")
            w[active] += d
            grad = q + k @ (w - start)
        off = np.where((w != 0) | free, 0.0, violations(grad, l1, l2, low, w))
        j = np.argmax(off)
        if off[j] <= goal:
            break
        w[j] = -np.sign(grad[j]) * off[j] / (k[j, j] + l2[j])
    return w


# ---- the model --------------------------------------------------------------------------------------

class Fit:
    """b and b0 on the scale of the data; violation: of the optimality conditions, over that of 0."""

    def __init__(self, b, b0, objective, violation, inner):
        self.b, self.b0, self.objective = b, b0, objective
        self.violation, self.inner = violation, inner


class Problem:
    def __init__(self, x, y, loss="squared", l1_ratio=1.0, intercept=True, standardize=False,
                 nonnegative=False, weights=None, penalty_factor=None, huber_delta=1.345):
        self.x = x.toarray() if sp.issparse(x) else np.asarray(x, dtype=float)
        self.y = np.asarray(y, dtype=float).ravel()
        self.n, self.p = self.x.shape
        self.loss, self.l1_ratio, self.intercept = loss, l1_ratio, intercept
        self.standardize, self.nonnegative, self.delta = standardize, nonnegative, huber_delta
        weights = np.ones(self.n) if weights is None else np.asarray(weights, dtype=float)
        self.v = weights / weights.mean()
        self.pf = np.ones(self.p) if penalty_factor is None else np.asarray(penalty_factor, float)
        self.f = LOSSES[loss](huber_delta)
        self.t = self.y
        if loss == "logistic":
            self.t = np.where(self.y == self.y.max(), 1.0, -1.0)
        self.prepare()

    def prepare(self):
        """z: the columns that vary, centred where there is an intercept, and scaled."""
        seen = self.x[self.v > 0]
        mean = self.v @ self.x / self.n
        self.sd = np.sqrt(self.v @ (self.x - mean) ** 2 / self.n)
        self.sd[seen.max(axis=0) == seen.min(axis=0)] = 0.0
        self.scale = self.sd if self.standardize else np.ones(self.p)
        if self.intercept or self.standardize:
            self.kept = np.nonzero(self.sd)[0]
        else:
            self.kept = np.nonzero(np.abs(seen).max(axis=0) > 0)[0]
        self.mean = mean if self.intercept else np.zeros(self.p)
        z = (self.x - self.mean)[:, self.kept] / self.scale[self.kept]
        self.z = np.column_stack([np.ones(self.n), z]) if self.intercept else z
        head = [0.0] if self.intercept else []
        self.factor = np.concatenate([head, self.pf[self.kept]])
        self.low = np.concatenate([np.zeros(len(head)), np.full(len(self.kept), self.nonnegative)])
        self.low = self.low.astype(bool)
        self.find_null()

    def rows(self, which):
        """The same problem on some of the rows."""
        return Problem(self.x[which], self.y[which], self.loss, self.l1_ratio, self.intercept,
                       self.standardize, self.nonnegative, self.v[which], self.pf, self.delta)

    # F and its parts, from coefficients as they stand in coef.mtx

    def eta(self, b, b0, x=None):
        return (self.x if x is None else x) @ b + b0

    def objective(self, b, b0, lam):
        with np.errstate(over="ignore", invalid="ignore"):
            fit = self.v @ self.f.value(self.t, self.eta(b, b0)) / self.n
        scaled = b * self.scale
        return fit + lam * (self.pf @ (self.l1_ratio * np.abs(scaled)
                                       + 0.5 * (1 - self.l1_ratio) * scaled ** 2))

    def single_moves(self, b, b0, lam):
        """By how much F falls, at least, when one coefficient or the intercept moves alone."""
        eta, x = self.eta(b, b0), np.column_stack([np.ones(self.n), self.x / self.safe_scale()])
        with np.errstate(over="ignore"):
            bend = self.f.majoriser(self.t, eta) if self.loss != "huber" else np.ones(self.n)
            grad = x.T @ (self.v * self.f.slope(self.t, eta)) / self.n
        curve = (x * x).T @ (self.v * bend) / self.n * (2.0 if self.loss == "poisson" else 1.0)
        factor = np.concatenate([[0.0], self.pf])
        l1, l2 = lam * self.l1_ratio * factor, lam * (1 - self.l1_ratio) * factor
        w = np.concatenate([[b0], b * self.scale])
        low = np.concatenate([[False], np.full(self.p, self.nonnegative)])
        falls = np.zeros(self.p + 1)
        for j in range(0 if self.intercept else 1, self.p + 1):
            if curve[j] + l2[j] <= 0 or (j > 0 and self.scale[j - 1] == 0):
                continue
            to = curve[j] * w[j] - grad[j]
            new = np.sign(to) * max(abs(to) - l1[j], 0.0) / (curve[j] + l2[j])
            new = max(new, 0.0) if low[j] else new
            d = new - w[j]
            fit = self.v @ (self.f.value(self.t, eta)
                            - self.f.value(self.t, eta + d * x[:, j])) / self.n
            falls[j] = (fit + l1[j] * (abs(w[j]) - abs(new)) + 0.5 * l2[j] * (w[j] ** 2 - new ** 2))
        return falls

    def safe_scale(self):
        return np.where(self.scale > 0, self.scale, 1.0)

    def deviance(self, x, y, weights, b, b0):
        """The weighted mean deviance of rows that y of this problem's labels belong to."""
        t = np.where(y == self.y.max(), 1.0, -1.0) if self.loss == "logistic" else y
        return np.average(self.f.deviance(t, self.eta(b, b0, x)), weights=weights)

    # the solver, on z

    def gradient(self, z, w):
        with np.errstate(over="ignore"):
            return z.T @ (self.v * self.f.slope(self.t, z @ w)) / self.n

    def inner_objective(self, z, l1, l2, w):
        with np.errstate(over="ignore", invalid="ignore"):
            fit = self.v @ self.f.value(self.t, z @ w) / self.n
        return fit + l1 @ np.abs(w) + 0.5 * l2 @ w ** 2

    def minimise(self, z, l1, l2, low, w):
        """Proximal Newton steps; the first ones by the majoriser, where there is another."""
        if z.shape[1] == 0:
            return w, 0.0
        start, best = self.inner_objective(z, l1, l2, w), (np.inf, w)
        size = np.abs(z).T @ (self.v * np.abs(self.f.slope(self.t, z @ w))) / self.n
        size, idle, crude = size.max() + l1.max(), 0, self.loss == "huber"
        for step in range(300):
            grad, now = self.gradient(z, w), self.inner_objective(z, l1, l2, w)
            off = violations(grad, l1, l2, low, w).max() / size
            idle = 0 if off < 0.5 * best[0] else idle + 1
            if off < best[0]:
                best = (off, w.copy())
            if off <= 1e-15 or (idle > 8 and best[0] <= 1e-11) or idle > 100:
                break
            bend = self.f.majoriser if crude and step % 3 == 0 else self.f.curve
            with np.errstate(over="ignore"):
                k = (z * (self.v * bend(self.t, z @ w) / self.n)[:, None]).T @ z
            d = quadratic(grad, k, l1, l2, low, w) - w
            promised = grad @ d + l1 @ (np.abs(w + d) - np.abs(w)) + 0.5 * l2 @ ((w + d) ** 2 - w ** 2)
            t = 1.0
            while t > 1e-12 and not (self.inner_objective(z, l1, l2, w + t * d)
                                     <= now + 1e-4 * t * promised + 4e-16 * abs(start)):
                t *= 0.5
            w = w + t * d
        return best[1], best[0]

    def find_null(self):
        """The intercept and the columns that are not penalised."""
        free = np.nonzero(self.factor == 0)[0]
        w = np.zeros(self.z.shape[1])
        if self.intercept and self.loss == "poisson":
            w[0] = np.log(self.v @ self.t / self.n)
        none = np.zeros(len(free))
        w[free], off = self.minimise(self.z[:, free], none, none, self.low[free], w[free])
        self.null = Fit(*self.outside(w), self.inner_objective(self.z, 0 * w, 0 * w, w), off, w)
        self.null_objective = self.null.objective
        pull, penalised = np.abs(self.gradient(self.z, w)), self.factor > 0
        self.lambda_max = np.inf
        if self.l1_ratio > 0:
            self.lambda_max = (pull[penalised] / self.factor[penalised]).max() / self.l1_ratio

    def outside(self, w):
        b = np.zeros(self.p)
        b[self.kept] = w[1:] / self.scale[self.kept] if self.intercept else w / self.scale[self.kept]
        return b, float(w[0] - self.mean @ b) if self.intercept else 0.0

    def solve(self, lam, start=None):
        l1 = lam * self.l1_ratio * self.factor
        l2 = lam * (1 - self.l1_ratio) * self.factor
        w = (start or self.null).inner
        w, off = self.minimise(self.z, l1, l2, self.low, w.copy())
        b, b0 = self.outside(w)
        return Fit(b, b0, self.objective(b, b0, lam), off, w)

    def path(self, lambdas):
        fits = []
        for lam in lambdas:
            fits.append(self.solve(lam, fits[-1] if fits else None))
        return fits


def cross_validate(problem, fold, lambdas):
    """Errors [lambdas x folds], folds by ascending id; their means and standard errors."""
    ids, weight = np.unique(fold), problem.v
    errors = np.empty((len(lambdas), len(ids)))
    for k, held in enumerate(ids):
        out = fold == held
        rest = problem.rows(~out)
        for i, fit in enumerate(rest.path(lambdas)):
            errors[i, k] = problem.deviance(problem.x[out], problem.y[out], weight[out],
                                            fit.b, fit.b0)
    share = np.array([weight[fold == held].sum() for held in ids]) / weight.sum()
    mean = errors @ share
    se = np.sqrt((errors - mean[:, None]) ** 2 @ share / (len(ids) - 1))
    return errors, mean, se


def chosen(mean, se):
    """Where lambda_min and lambda_1se stand in a falling grid."""
    at = int(np.argmin(mean))
    return at, int(np.nonzero(mean <= mean[at] + se[at])[0][0])
