"""Perplexity, coherence and the topics of new documents, against NumPy and on any number of workers."""

import json
import unittest

import numpy as np

import lda_reference
import support
from support import call, read_json

WORDS, TOPICS = 60, 5


def draw(documents, seed):
    """Documents of one to three topics, a topic being 12 words and a little of all but the last word; the
    fourth is empty and the fifth has one token."""
    rng = np.random.default_rng(seed)
    counts = np.zeros((documents, WORDS), dtype=np.int64)
    for d in range(documents):
        chosen = rng.choice(TOPICS, rng.integers(1, 4))
        for _ in range({3: 0, 4: 1}.get(d, rng.integers(2, 80))):
            own = 12 * rng.choice(chosen) + rng.integers(12)
            counts[d, min(own if rng.random() < 0.9 else rng.integers(WORDS), WORDS - 2)] += 1
    return counts


class Completion(support.Case):
    def docword(self, name, counts):
        return self.write("docword." + name + ".txt", lda_reference.docword(counts))

    def lda(self, **params):
        """Writes the data and a spec; returns the spec's path."""
        self.train = self.docword("train", draw(1500, 1))
        held_out = draw(200, 2)
        held_out[7, WORDS - 1] = 3  # a word that no training document has
        self.test = self.docword("test", held_out)
        vocabulary = self.write("vocab.txt", "".join("word%d\n" % w for w in range(WORDS)))
        spec = {"version": 1, "app": "lda", "params": {"topics": TOPICS + 1, "alpha": 0.2, **params}, "seed": 3,
                "data": {"docs": self.train, "vocab": vocabulary, "test": self.test}, "stop": {"iterations": 30}}
        return self.write("job.json", json.dumps(spec))

    def predict(self, data, *words, out="theta.npy", expect=0):
        done = call("predict", "--model", self.path("out"), "--data", data, "--out", self.path(out), "--json",
                    "--quiet", *words)
        self.assertEqual(done.returncode, expect, done.stderr)
        return done

    def test_the_figures_are_those_of_their_definitions(self):
        for params in ({}, {"optimize_hyperparameters": True, "alpha_prior": "asymmetric"}):
            with self.subTest(params=params):
                out = "out%d" % len(params)
                metrics = self.solve(self.lda(**params), out)["metrics"]
                model = lda_reference.Model(self.path(out))
                truth = lda_reference.perplexity(model, lda_reference.read_docword(self.test))
                self.assertLess(abs(metrics["perplexity"] / truth - 1), 1e-6)
                truth = np.nanmean(lda_reference.coherence(model, lda_reference.read_docword(self.train)))
                self.assertLess(abs(metrics["coherence"] - truth), 1e-12)
                self.assertGreater(metrics["coherence"], 0.1)
                self.assertLess(metrics["perplexity"], 40)

    def test_they_do_not_depend_on_the_workers(self):
        spec = self.lda()
        found = []
        for workers in (1, 2, 3):
            metrics = self.solve(spec, "out%d" % workers, "--workers", workers)["metrics"]
            found.append((metrics["perplexity"], metrics["coherence"]))
        self.assertEqual(len(set(found)), 1, found)

    def test_new_documents_get_their_topics(self):
        metrics = self.solve(self.lda())["metrics"]
        told = json.loads(self.predict(self.test).stdout)["metrics"]
        documents = lda_reference.read_docword(self.test)
        self.assertEqual(told["documents"], 200)
        self.assertEqual(told["tokens"], documents.sum())
        self.assertEqual(told["perplexity"], metrics["perplexity"])
        theta = np.load(self.path("theta.npy"))
        model = lda_reference.Model(self.path("out"))
        truth = lda_reference.proportions(model, documents)
        self.assertEqual(theta.shape, (200, TOPICS + 1))
        np.testing.assert_allclose(theta, truth, atol=1e-4)
        np.testing.assert_allclose(theta.sum(axis=1), 1, atol=1e-12)
        np.testing.assert_allclose(theta[3], model.alpha / model.alpha.sum(), atol=1e-15)

    def test_what_cannot_be_judged_is_refused(self):
        spec = self.lda()
        other = self.docword("other", draw(20, 4)[:, :WORDS - 1])
        single = self.docword("single", np.eye(20, WORDS, dtype=np.int64))
        for data, says in ((other, "has 59 words, the documents have 60"), (single, "no document has two tokens")):
            changed = read_json(spec)
            changed["data"]["test"] = data
            done = self.run_job(self.write("bad.json", json.dumps(changed)), "bad", expect=2)
            self.assertIn(says, done.stderr)
            self.assertIn("/data/test", done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.solve(spec)
        done = self.predict(other, expect=2)
        self.assertIn("has 59 words, the model has 60", done.stderr)
        self.assertNotIn("perplexity", json.loads(self.predict(single).stdout)["metrics"])
        np.save(self.path("y.npy"), np.zeros(20))
        self.assertIn("--y: nobody knows the topics", self.predict(single, "--y", self.path("y.npy"), expect=2).stderr)
        self.write("labels.svm", "1 1:2 3:1\n2 2:1\n")
        self.predict(self.path("labels.svm"))


if __name__ == "__main__":
    unittest.main()
