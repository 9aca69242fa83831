"""lda_jobs.py - what the tests of lda as a whole share: corpora made here, jobs on them, and what is true of
everything that a job leaves, by lda_reference.py."""

import json
import math
import os

import numpy as np
import scipy.sparse as sp

import lda_reference
import support
from support import sha256

FILES = ("word_topic.mtx", "doc_topic.mtx", "topics.tsv", "hyper.json")


def zipf(documents, words, tokens, seed=1):
    """About so many tokens; the word of rank r comes in proportion to 1 / r, documents differ in theirs and in
    their lengths.  The third document is empty, the fifth word nowhere."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(0.3, 1, (documents, words)) / (1 + np.arange(words)) * rng.gamma(2, 1, (documents, 1))
    counts = rng.poisson(rate * (tokens / rate.sum()))
    counts[2], counts[:, 4] = 0, 0
    return sp.csr_matrix(counts)


class Case(support.Case):
    def job(self, counts, topics, blocks=1, iterations=5, test=None, name="job", **more):
        """Writes corpus, vocabulary and spec; the spec's path."""
        data = {"docs": self.write(name + ".docword.txt", lda_reference.docword(counts)),
                "vocab": self.write(name + ".vocab.txt", "".join("w%d\n" % w for w in range(counts.shape[1])))}
        if test is not None:
            data["test"] = self.write(name + ".test.txt", lda_reference.docword(test))
        spec = {"version": 1, "app": "lda", "data": data, "seed": 7, "params": {"topics": topics},
                "schedule": {"blocks": blocks}, "stop": {"iterations": iterations}}
        return self.write(name + ".json", json.dumps(support.merge(spec, more)))

    def lines(self, out):
        with open(self.path(out, "progress.jsonl"), encoding="utf-8") as stream:
            return [json.loads(line) for line in stream]

    def bits(self, out):
        """Of all files of the model, and what is told of it beside times."""
        result = self.result(out)
        return ([sha256(self.path(out, name)) for name in FILES], result["model_sha256"], result["objective"],
                result["metrics"], result["rounds"], result["updates"], result["stop_reason"])

    def agrees(self, out, corpus):
        """All that a finished model says of itself is so: counts, likelihood, coherence; returns the model."""
        model, result = lda_reference.Model(self.path(out)), self.result(out)
        lda_reference.check_counts(model, corpus)
        truth, metrics = lda_reference.log_likelihood(model), result["metrics"]
        self.near(result["objective"], truth, 1e-9)
        self.near(metrics["log_likelihood_per_token"], truth / model.tokens(), 1e-9)
        coherence = lda_reference.coherence(model, corpus)
        coherence = 0 if np.isnan(coherence).all() else np.nanmean(coherence)
        self.assertAlmostEqual(metrics["coherence"], coherence, places=12)
        self.near(metrics["alpha_sum"], model.alpha.sum(), 1e-12)
        self.near(metrics["beta"], model.beta, 1e-12)
        self.last_line(out, result)
        return model

    def last_line(self, out, result):
        last = self.lines(out)[-1]
        for key in ("round", "updates", "objective"):
            self.assertEqual(last[key], result[key + "s" if key == "round" else key], key)
        for key, value in result["metrics"].items():
            self.assertEqual(last[key], value, key)

    def agrees_in_the_first_sweep(self, out, corpus):
        """Some tokens have no topic: the files have the others, and nothing is said that was not computed."""
        model, result = lda_reference.Model(self.path(out)), self.result(out)
        lda_reference.check_counts(model)
        self.assertEqual(model.tokens(), result["updates"])
        self.assertLess(model.tokens(), corpus.sum())
        self.assertTrue((model.word_topic.sum(axis=1).T <= corpus.sum(axis=0)).all())
        self.assertTrue((model.doc_topic.sum(axis=1) <= corpus.sum(axis=1)).all())
        self.assertIsNone(result["objective"])
        self.assertNotIn("log_likelihood_per_token", result["metrics"])
        self.assertTrue(any("first sweep" in note for note in result["notes"]), result["notes"])
        self.last_line(out, result)
        return model

    def near(self, found, truth, relative):
        self.assertTrue(math.isclose(found, truth, rel_tol=relative, abs_tol=1e-300), (found, truth))

    def files_of(self, out):
        return sorted(os.listdir(self.path(out))) if os.path.exists(self.path(out)) else []
