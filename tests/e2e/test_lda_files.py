"""The files of a topic model, read by NumPy alone: they are of this corpus, and the likelihood and the coherence
that the job reported follow from them."""

import json
import unittest

import numpy as np
import scipy.sparse as sp

import lda_reference
import support
from support import read_json, sha256

DOCUMENTS, WORDS = 400, 90
FILES = ("word_topic.mtx", "doc_topic.mtx", "topics.tsv", "hyper.json", "pyldavis.json")
JOBS = (
    {"topics": 7},
    {"topics": 7, "optimize_hyperparameters": True, "optimize_interval": 2},
    {"topics": 40, "optimize_hyperparameters": True, "optimize_interval": 2, "alpha_prior": "asymmetric"},
    {"topics": 700, "sampler": "exact"},
    {"topics": 700, "sampler": "mh", "optimize_hyperparameters": True, "optimize_interval": 3},
)


def draw(seed):
    """Words as Zipf has them, so that some are heavy; the third document is empty, the fifth word nowhere."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(rng.gamma(0.3, 1, (DOCUMENTS, WORDS)) * 40 / (1 + np.arange(WORDS)))
    counts[2], counts[:, 4], counts[0, 0] = 0, 0, 70000
    return sp.csr_matrix(counts)


class Files(support.Case):
    def setUp(self):
        super().setUp()
        self.corpus = draw(1)
        self.docs = self.write("docword.txt", lda_reference.docword(self.corpus))
        self.words = ["w\u00f6rd %d" % w for w in range(WORDS)]
        self.vocab = self.write("vocab.txt", ("\n".join(self.words) + "\n").encode())

    def job(self, **params):
        spec = {"version": 1, "app": "lda", "data": {"docs": self.docs, "vocab": self.vocab}, "seed": 2,
                "params": {"alpha": 0.1, "pyldavis": True, "top_words": 5, **params}, "stop": {"iterations": 7}}
        return self.write("job.json", json.dumps(spec))

    def has_reported(self, model, result):
        truth = lda_reference.log_likelihood(model)
        self.assertLess(abs(result["objective"] / truth - 1), 1e-11)
        per_token = result["metrics"]["log_likelihood_per_token"]
        self.assertLess(abs(per_token * model.tokens() / truth - 1), 1e-11)
        coherence = np.nanmean(lda_reference.coherence(model, self.corpus))
        self.assertLess(abs(result["metrics"]["coherence"] - coherence), 1e-12)

    def has_topics(self, model, out):
        with open(self.path(out, "topics.tsv"), encoding="utf-8", newline="\n") as stream:
            head, *rows = (line.rstrip("\n").split("\t") for line in stream)
        self.assertEqual(head, ["topic", "weight", "words"])
        weights = np.asarray(model.word_topic.sum(axis=0)).ravel() / model.tokens()
        tops = lda_reference.top_words(model, 5)
        self.assertEqual(len(rows), model.topics)
        for k, (topic, weight, words) in enumerate(rows):
            self.assertEqual(int(topic), k)
            self.assertAlmostEqual(float(weight), weights[k], places=9)
            self.assertEqual(words, " ".join(self.words[w].replace(" ", "\\x20") for w in tops[k]))

    def has_pyldavis(self, model, out):
        found = read_json(self.path(out, "pyldavis.json"))
        terms = model.word_topic.T.toarray() + model.beta
        topics = model.doc_topic.toarray() + model.alpha
        np.testing.assert_allclose(found["topic_term_dists"], terms / terms.sum(axis=1, keepdims=True), rtol=1e-8)
        np.testing.assert_allclose(found["doc_topic_dists"], topics / topics.sum(axis=1, keepdims=True), rtol=1e-8)
        np.testing.assert_array_equal(found["doc_lengths"], self.corpus.sum(axis=1).A1)
        np.testing.assert_array_equal(found["term_frequency"], self.corpus.sum(axis=0).A1)
        self.assertEqual(found["vocab"], self.words)

    def test_a_model_is_what_its_job_has_reported(self):
        for i, params in enumerate(JOBS):
            with self.subTest(params=params):
                out = "out%d" % i
                result = self.solve(self.job(**params), out)
                model = lda_reference.Model(self.path(out))
                lda_reference.check_counts(model, self.corpus)
                self.has_reported(model, result)
                self.has_topics(model, out)
                self.has_pyldavis(model, out)
                optimised = params.get("optimize_hyperparameters", False)
                self.assertIs(model.hyper["optimised"], optimised)
                self.assertEqual((model.hyper["alpha"], model.beta) != (0.1, 0.01), optimised)
                self.assertEqual(isinstance(model.hyper["alpha"], list), "alpha_prior" in params)

    def test_files_do_not_depend_on_the_workers(self):
        for params in JOBS[2:]:
            with self.subTest(params=params):
                sums = set()
                for workers in (1, 2, 3):
                    out = "out%d-%d" % (params["topics"], workers)
                    self.solve(self.job(**params), out, "--workers", workers, "--force")
                    sums.add(tuple(sha256(self.path(out, name)) for name in FILES))
                self.assertEqual(len(sums), 1)

    def test_a_job_that_goes_on_is_a_longer_one(self):
        job = self.job(**JOBS[2])
        for out, iterations in (("parts", 4), ("parts", 7), ("whole", 7)):
            resume = ("--resume",) if iterations == 7 else ()
            self.solve(job, out, "--set", "stop.iterations=%d" % iterations, *resume)
        self.assertEqual(*([sha256(self.path(out, name)) for name in FILES] for out in ("parts", "whole")))

    def test_within_the_first_sweep_there_is_no_likelihood(self):
        done = support.call("run", self.job(topics=7), "--out", self.path("out"), "--set", "stop.rounds=1")
        self.assertIn("completed by rounds: objective -, 1 rounds", done.stderr)
        result = read_json(self.path("out", "result.json"))
        self.assertIsNone(result["objective"])
        self.assertNotIn("log_likelihood_per_token", result["metrics"])
        self.assertIn("stopped within the first sweep: some tokens have no topic yet", result["notes"])

    def test_how_many_workers_can_work_is_said(self):
        for workers, notes in ((3, []), (4, ["1 of 4 workers have nothing to do: the grid is 3 x 3, cut from the data"])):
            result = self.solve(self.job(topics=7), "out%d" % workers, "--workers", workers)
            self.assertEqual([note for note in result["notes"] if "worker" in note], notes)

    def test_validate_speaks_of_what_a_topic_model_has(self):
        told = support.call("validate", self.job(topics=7), "--set", "schedule.blocks=5").stdout
        self.assertIn("schedule   bsp, at most 5 blocks\nworkers", told)

    def test_wrong_counts_are_found(self):
        self.solve(self.job(topics=7))
        good = lda_reference.Model(self.path("out"))
        truth = lda_reference.log_likelihood(good)
        good.word_topic.data[-1] += 1  # of a rare word
        self.assertGreater(abs(lda_reference.log_likelihood(good) / truth - 1), 1e-6)
        with self.assertRaises(AssertionError):
            lda_reference.check_counts(good, self.corpus)


if __name__ == "__main__":
    unittest.main()
