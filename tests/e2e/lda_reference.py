"""A topic model as its files have it: the joint log-likelihood, the counts, the coherence of its topics, topics of
documents and perplexity by completion, computed as their definitions have them with NumPy and SciPy from
word_topic.mtx, doc_topic.mtx and hyper.json alone.

    python3 lda_reference.py OUT-DIR [DOCWORD [TEST-DOCWORD]]      prints what it finds; wrong counts are an error
"""

import gzip
import json
import os
import sys

import numpy
import scipy.sparse
from scipy.special import gammaln


class Model:
    """word_topic: V x K, doc_topic: D x K, counts in compressed rows; alpha: [K]; beta."""

    def __init__(self, folder):
        self.word_topic = read_counts(os.path.join(folder, "word_topic.mtx"))
        self.doc_topic = read_counts(os.path.join(folder, "doc_topic.mtx"))
        with open(os.path.join(folder, "hyper.json"), encoding="utf-8") as stream:
            self.hyper = json.load(stream)
        self.topics = self.hyper["topics"]
        self.alpha = numpy.broadcast_to(numpy.asarray(self.hyper["alpha"], dtype=float), self.topics)
        self.beta = self.hyper["beta"]

    def tokens(self):
        return int(self.word_topic.sum())

    def phi(self):
        """The topics' words: K x V, rows sum to 1."""
        counts = self.word_topic.toarray() + self.beta
        return (counts / counts.sum(axis=0)).T


def read_counts(path):
    """A Matrix Market file of whole numbers: every entry at least 1, none twice."""
    with open(path, encoding="ascii") as stream:
        banner = stream.readline().split()
        assert banner == "%%MatrixMarket matrix coordinate integer general".split(), banner
        rows, columns, entries = map(int, stream.readline().split())
        text = stream.read()
    numbers = numpy.array(text.split(), dtype=numpy.int64).reshape(-1, 3)
    assert len(numbers) == entries, "%s: %d entries, %d said" % (path, len(numbers), entries)
    row, column, count = numbers[:, 0] - 1, numbers[:, 1] - 1, numbers[:, 2]
    assert entries == 0 or (count.min() >= 1 and row.min() >= 0 and column.min() >= 0), path
    assert entries == 0 or (row.max() < rows and column.max() < columns), path
    assert len(numpy.unique(row * columns + column)) == entries, "%s: an entry stands twice" % path
    return scipy.sparse.csr_matrix((count, (row, column)), shape=(rows, columns), dtype=numpy.int64)


def read_docword(path):
    """UCI bag of words: counts D x V in compressed rows, repeated pairs added up."""
    with (gzip.open if path.endswith(".gz") else open)(path, "rt", encoding="ascii") as stream:
        documents, words, _ = (int(stream.readline()) for _ in range(3))
        numbers = numpy.array(stream.read().split(), dtype=numpy.int64).reshape(-1, 3)
    return scipy.sparse.csr_matrix((numbers[:, 2], (numbers[:, 0] - 1, numbers[:, 1] - 1)),
                                   shape=(documents, words), dtype=numpy.int64)


def docword(counts):
    """Counts D x V as UCI bag of words, documents and words ascending."""
    entries = scipy.sparse.csr_matrix(counts)
    entries.sort_indices()
    entries = entries.tocoo()
    return "".join("%d\n" % n for n in (*entries.shape, entries.nnz)) + "".join(
        "%d %d %d\n" % (i + 1, j + 1, n) for i, j, n in zip(entries.row, entries.col, entries.data))


def log_likelihood(model):
    """log p(w, z | alpha, beta), constants included:

        sum_d [lgamma(A) - lgamma(A + n_d) + sum_k (lgamma(n_dk + alpha_k) - lgamma(alpha_k))]
      + sum_k [lgamma(V beta) - lgamma(n_k + V beta) + sum_w (lgamma(n_kw + beta) - lgamma(beta))]
    """
    documents, words = model.doc_topic.tocoo(), model.word_topic
    alpha_sum, beta_sum = model.alpha.sum(), words.shape[0] * model.beta
    n_d = numpy.asarray(model.doc_topic.sum(axis=1)).ravel()
    n_k = numpy.asarray(words.sum(axis=0)).ravel()
    alpha = model.alpha[documents.col]
    return exact_sum(gammaln(alpha_sum) - gammaln(alpha_sum + n_d), gammaln(documents.data + alpha) - gammaln(alpha),
                     gammaln(beta_sum) - gammaln(n_k + beta_sum), gammaln(words.data + model.beta) - gammaln(model.beta))


def exact_sum(*arrays):
    return float(sum(array.sum(dtype=numpy.longdouble) for array in arrays))


def check_counts(model, corpus=None):
    """What every state has: whole numbers, the same totals on both sides; with a corpus [D x V] its margins.
    Raises AssertionError."""
    assert model.word_topic.shape[1] == model.doc_topic.shape[1] == model.topics
    assert (model.word_topic.data > 0).all() and (model.doc_topic.data > 0).all()
    assert (model.word_topic.sum(axis=0) == model.doc_topic.sum(axis=0)).all(), "topics' totals differ"
    for key, found in (("documents", model.doc_topic.shape[0]), ("words", model.word_topic.shape[0]),
                       ("tokens", model.tokens())):
        assert model.hyper[key] == found, "%s: %d, not %d" % (key, model.hyper[key], found)
    if corpus is not None:
        assert corpus.shape == (model.doc_topic.shape[0], model.word_topic.shape[0])
        assert (corpus.sum(axis=1) == model.doc_topic.sum(axis=1)).all(), "a document's tokens differ"
        assert (corpus.sum(axis=0) == model.word_topic.sum(axis=1).T).all(), "a word's tokens differ"


def top_words(model, count):
    """For each topic its most frequent words' numbers, ties by number."""
    found, columns = [], model.word_topic.tocsc()
    for begin, end in zip(columns.indptr, columns.indptr[1:]):
        words, counts = columns.indices[begin:end], columns.data[begin:end]
        found.append(words[numpy.lexsort((words, -counts))[:count]])
    return found


def coherence(model, corpus, count=10):
    """NPMI of each topic's top words by the documents of a corpus [D x V]: the mean over pairs of
    log(p_ij / (p_i p_j)) / -log p_ij, -1 for words that never meet, 1 for those that every document has;
    NaN for a topic with fewer than two words."""
    there = (corpus > 0).astype(numpy.int64).tocsc()
    return numpy.array([npmi(there[:, words]) for words in top_words(model, count)])


def npmi(there):
    documents, words = there.shape
    if words < 2:
        return numpy.nan
    both = (there.T @ there).toarray() / documents
    one = both.diagonal()
    with numpy.errstate(divide="ignore", invalid="ignore"):
        value = numpy.log(both / numpy.outer(one, one)) / -numpy.log(both)
    value[both == 0] = -1
    value[both == 1] = 1
    return value[numpy.triu_indices(words, 1)].mean()


def fold_in(phi, alpha, words, counts, steps=20000, near=1e-13):
    """The proportions that maximise sum_w c_w log(theta phi_w) + sum_k alpha_k log theta_k, by expectation
    maximisation from the uniform ones until they move no more."""
    phi, total = phi[:, words], counts.sum() + alpha.sum()
    theta = numpy.full(len(alpha), 1 / len(alpha))
    for _ in range(steps):
        before = theta
        theta = (theta * (phi @ (counts / (theta @ phi))) + alpha) / total
        if numpy.abs(theta - before).max() < near:
            break
    return theta


def proportions(model, documents):
    phi = model.phi()
    return numpy.array([fold_in(phi, model.alpha, row.indices, row.data) for row in documents])


def perplexity(model, documents):
    """Tokens one by one, words ascending: topics from the even ones, and how likely are the odd ones?"""
    phi, score, tokens = model.phi(), 0.0, 0
    for row in documents:
        row.sort_indices()
        enumerated = numpy.repeat(row.indices, row.data)
        seen, hidden = enumerated[::2], enumerated[1::2]
        if len(hidden):
            theta = fold_in(phi, model.alpha, *numpy.unique(seen, return_counts=True))
            score += numpy.log(theta @ phi[:, hidden]).sum()
            tokens += len(hidden)
    return numpy.exp(-score / tokens)


def main(folder, train=None, test=None):
    model = Model(folder)
    corpus = read_docword(train) if train else None
    check_counts(model, corpus)
    value = log_likelihood(model)
    print("tokens %d, log-likelihood %.17g, per token %.9g" % (model.tokens(), value, value / max(1, model.tokens())))
    if corpus is not None:
        print("coherence %.9g" % numpy.nanmean(coherence(model, corpus)))
    if test:
        print("perplexity %.9g" % perplexity(model, read_docword(test)))


if __name__ == "__main__":
    main(*sys.argv[1:])
