"""mf_reference.py - a factorisation's files read by NumPy alone, and what follows from them by docs/mf.md."""

import json
import os

import numpy as np


class Model:
    """What a job has left in `out`."""

    def __init__(self, out):
        self.p = np.load(os.path.join(out, "user_factors.npy"))
        self.q = np.load(os.path.join(out, "item_factors.npy"))
        self.users, self.items = (_lines(os.path.join(out, name)) for name in ("users.txt", "items.txt"))
        self.user_at = {u: i for i, u in enumerate(self.users)}
        self.item_at = {v: i for i, v in enumerate(self.items)}
        with open(os.path.join(out, "model.json"), encoding="ascii") as stream:
            self.said = json.load(stream)
        archive = os.path.join(out, "biases.npz")
        self.biases = np.load(archive) if os.path.exists(archive) else None
        self.mean = float(self.biases["mean"]) if self.biases else 0.0
        self.b = self.biases["user"].astype(float) if self.biases else np.zeros(len(self.p))
        self.c = self.biases["item"].astype(float) if self.biases else np.zeros(len(self.q))

    def scores(self, u, i):
        dots = np.einsum("ij,ij->i", self.p[u].astype(float), self.q[i].astype(float))
        return self.mean + self.b[u] + self.c[i] + dots

    def all_scores(self, u):
        return self.mean + self.b[u] + self.c + self.q.astype(float) @ self.p[u].astype(float)

    def at(self, lines):
        """Rows of users and items of lines (user, item, rating), -1 where the model has none, and the ratings."""
        return (np.array([self.user_at.get(line[0], -1) for line in lines]),
                np.array([self.item_at.get(line[1], -1) for line in lines]),
                np.array([line[2] for line in lines], dtype=float))

    def objective(self, u, i, r, lam, weighted, alpha=None):
        """F of training ratings; alpha: of implicit feedback, over all cells."""
        if alpha is None:
            loss = ((r - self.scores(u, i)) ** 2).sum()
        else:
            s = np.array([self.all_scores(k) for k in range(len(self.p))])
            rating = np.zeros_like(s)
            rating[u, i] = r
            loss = ((1 + alpha * rating) * ((rating > 0) - s) ** 2).sum()
        w, v = (np.bincount(at, minlength=n) if weighted else np.ones(n) for at, n in ((u, len(self.p)), (i, len(self.q))))
        squares = w @ ((self.p.astype(float) ** 2).sum(axis=1) + self.b ** 2)
        return loss + lam * (squares + v @ ((self.q.astype(float) ** 2).sum(axis=1) + self.c ** 2))

    def fold(self, i, r, lam, weighted, alpha=None):
        """The row and the bias of a user who has rated items i as r: the minimum of F, by its normal equations."""
        q = self.q.astype(float)
        ridge = lam * (len(i) if weighted else 1)
        if alpha is not None:
            left = q.T @ q + alpha * (q[i].T * r) @ q[i] + ridge * np.eye(q.shape[1])
            return np.linalg.solve(left, q[i].T @ ((1 + alpha * r) * (r > 0))), 0.0
        x = np.hstack([q, np.ones((len(q), 1))]) if self.biases else q
        y = r - self.mean - self.c[i]
        row = np.linalg.solve(x[i].T @ x[i] + ridge * np.eye(x.shape[1]), x[i].T @ y)
        return (row[:-1], row[-1]) if self.biases else (row, 0.0)

    def new_scores(self, row, bias):
        return self.mean + bias + self.c + self.q.astype(float) @ row


def ranking(model, seen, test, k):
    """recall@k and NDCG@k; seen and test: for each user a set of items."""
    recall, ndcg = [], []
    gain = 1 / np.log2(np.arange(2, k + 2))
    for u, liked in test.items():
        s = model.all_scores(u)
        s[list(seen.get(u, ()))] = -np.inf
        best = np.argsort(-s, kind="stable")[:k]
        hit = np.isin(best, list(liked)) & np.isfinite(s[best])
        most = min(k, len(liked))
        recall.append(hit.sum() / most)
        ndcg.append(gain[:len(best)][hit].sum() / gain[:most].sum())
    return np.mean(recall), np.mean(ndcg)


def _lines(path):
    with open(path, encoding="utf-8", newline="\n") as stream:
        return stream.read().split("\n")[:-1]
