"""Topic models at the ends: counts beyond 16 and 31 bits, priors as small and as large as they may be."""

import json
import unittest

import numpy as np
import scipy.sparse as sp

import lda_reference
import support
from support import read_json


class Extremes(support.Case):
    def job(self, counts, params, **more):
        counts = sp.csr_matrix(counts)
        docs = self.write("docword.txt", lda_reference.docword(counts))
        vocab = self.write("vocab.txt", "".join("w%d\n" % w for w in range(counts.shape[1])))
        spec = {"version": 1, "app": "lda", "params": params, "seed": 3, "data": {"docs": docs, "vocab": vocab},
                "stop": {"iterations": 3}, **more}
        return self.write("job.json", json.dumps(spec))

    def is_right(self, counts, params, **more):
        with self.subTest(params=params):
            counts = sp.csr_matrix(counts)
            result = self.solve(self.job(counts, params, **more), "out", "--force")
            model = lda_reference.Model(self.path("out"))
            np.testing.assert_array_equal(model.word_topic.sum(axis=1).A1, counts.sum(axis=0).A1)
            np.testing.assert_array_equal(model.doc_topic.sum(axis=1).A1, counts.sum(axis=1).A1)
            np.testing.assert_array_equal(model.word_topic.sum(axis=0), model.doc_topic.sum(axis=0))
            return result, model

    def test_a_light_word_may_occur_more_than_65535_times(self):
        counts = [[60000, 1], [30000, 2], [60000, 2]]
        for topics in (1, 10, 31, 33, 100, 200):  # of which a word has a list, but for 31
            for sampler in ("exact", "mh"):
                result, model = self.is_right(counts, {"topics": topics, "sampler": sampler, "alpha": 0.01},
                                              schedule={"blocks": 1})
                truth = lda_reference.log_likelihood(model)
                self.assertLess(abs(result["objective"] / truth - 1), 1e-9)

    def test_what_32_bits_do_not_hold_is_refused(self):
        for counts, says in (([[2147483647, 0], [1, 2]], "word 1 has more than 2147483647 tokens"),
                             ([[2147483647, 1], [0, 2]], "document 1 has more than 2147483647 tokens")):
            done = self.run_job(self.job(counts, {"topics": 2}), "no", expect=2)
            self.assertIn(says, done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)

    def test_documents_of_many_tiles_are_found(self):
        rng = np.random.default_rng(1)
        documents, words = 20000, 50
        rows = np.repeat(np.arange(documents), 3)
        counts = sp.coo_matrix((np.ones(len(rows), dtype=int), (rows, rng.integers(0, words, len(rows)))),
                               shape=(documents, words)).tolil()
        for d in (0, 7, 9000, 19999):
            counts[d, 3] = 66000 + d
        self.is_right(counts, {"topics": 128, "alpha": 0.1}, schedule={"blocks": 1}, stop={"iterations": 1})

    def test_priors_are_right_or_refused(self):
        counts = np.random.default_rng(2).poisson(1, (20, 10))
        for prior in (1e-9, 1e9):
            for params in ({"alpha": prior}, {"beta": prior}, {"alpha": prior, "beta": prior},
                           {"alpha": prior, "beta": 1 / prior}, {"alpha": prior, "beta": prior, "start": "random"},
                           {"alpha": prior, "beta": prior, "optimize_hyperparameters": True, "optimize_interval": 1}):
                for topics, sampler in ((5, "exact"), (200, "exact"), (5, "mh")):
                    result, _ = self.is_right(counts, {"topics": topics, "sampler": sampler, **params})
                    self.assertTrue(np.isfinite(result["objective"]) and result["objective"] < 0, result)
        for prior in (0, 1e-10, 1e-300, 1e10, 1e39, 1e300):
            for key in ("alpha", "beta"):
                done = self.run_job(self.job(counts, {"topics": 5, key: prior}), "no", expect=2)
                self.assertIn("/params/" + key, done.stderr)
                self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.write("alphas.txt", "".join("%r\n" % v for v in (0.1, 0.1, float(prior), 0.1, 0.1)))
            done = self.run_job(self.job(counts, {"topics": 5, "alphas": "alphas.txt"}), "no", expect=2)
            self.assertIn("an alpha is not", done.stderr)


if __name__ == "__main__":
    unittest.main()
