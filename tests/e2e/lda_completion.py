"""Topics of documents, perplexity by completion and NPMI as their definitions have them, with NumPy, from a
finished topic model's files alone.

    python3 lda_completion.py OUT-DIR TEST-DOCWORD TRAIN-DOCWORD      prints what it finds
"""

import json
import os
import sys

import numpy as np
import scipy.io
import scipy.sparse as sp


class Model:
    """phi: K x V, the topics' words; alpha: [K]; counts: V x K."""

    def __init__(self, folder):
        with open(os.path.join(folder, "hyper.json"), encoding="utf-8") as stream:
            hyper = json.load(stream)
        self.counts = scipy.io.mmread(os.path.join(folder, "word_topic.mtx")).toarray()
        words, topics = self.counts.shape
        self.alpha = np.broadcast_to(np.asarray(hyper["alpha"], dtype=float), topics)
        self.phi = ((self.counts + hyper["beta"]) / (self.counts.sum(axis=0) + words * hyper["beta"])).T


def read_docword(path):
    """Counts D x V, in compressed rows."""
    with open(path, encoding="ascii") as stream:
        documents, words, _ = (int(stream.readline()) for _ in range(3))
        numbers = np.array(stream.read().split(), dtype=np.int64).reshape(-1, 3)
    return sp.csr_matrix((numbers[:, 2], (numbers[:, 0] - 1, numbers[:, 1] - 1)), shape=(documents, words))


def fold_in(model, words, counts, steps=20000, near=1e-13):
    """The proportions that maximise sum_w c_w log(theta phi_w) + sum_k alpha_k log theta_k, by expectation
    maximisation from the uniform ones until they move no more."""
    phi, total = model.phi[:, words], counts.sum() + model.alpha.sum()
    theta = np.full(len(model.alpha), 1 / len(model.alpha))
    for _ in range(steps):
        before = theta
        theta = (theta * (phi @ (counts / (theta @ phi))) + model.alpha) / total
        if np.abs(theta - before).max() < near:
            break
    return theta


def proportions(model, documents):
    return np.array([fold_in(model, row.indices, row.data) for row in documents])


def perplexity(model, documents):
    """Tokens one by one, words ascending: topics from the even ones, and how likely are the odd ones?"""
    score, tokens = 0.0, 0
    for row in documents:
        row.sort_indices()
        enumerated = np.repeat(row.indices, row.data)
        seen, hidden = enumerated[::2], enumerated[1::2]
        if len(hidden):
            theta = fold_in(model, *np.unique(seen, return_counts=True))
            score += np.log(theta @ model.phi[:, hidden]).sum()
            tokens += len(hidden)
    return np.exp(-score / tokens)


def npmi(there, i, j):
    """there: D x V, does a document have the word?"""
    p_i, p_j, both = there[:, i].mean(), there[:, j].mean(), (there[:, i] & there[:, j]).mean()
    return -1 if both == 0 else 1 if both == 1 else np.log(both / (p_i * p_j)) / -np.log(both)


def coherence(model, documents, count=10):
    """The mean over topics of the mean over pairs of their most frequent words, ties by number."""
    words, topics = model.counts.shape
    there, means = {}, []
    columns = documents.tocsc()
    for k in range(topics):
        order = np.lexsort((np.arange(words), -model.counts[:, k]))[:count]
        top = [w for w in order if model.counts[w, k] > 0]
        for w in top:
            there.setdefault(w, np.asarray(columns[:, [w]].todense()).ravel() > 0)
        table = np.array([there[w] for w in top]).T
        pairs = [npmi(table, i, j) for i in range(len(top)) for j in range(i)]
        means += [np.mean(pairs)] if pairs else []
    return np.mean(means) if means else 0.0


def main(folder, test, train):
    model = Model(folder)
    print("perplexity %.12g, coherence %.12g" % (perplexity(model, read_docword(test)),
                                                 coherence(model, read_docword(train))))


if __name__ == "__main__":
    main(*sys.argv[1:])
