"""What the trace tells of a job of topics: each task under its block's number, with the tokens that it has drawn."""

import json
import sqlite3
import unittest

import numpy as np
import scipy.sparse as sp

import lda_reference
import support

SWEEPS = 3


class Trace(support.Case):
    def setUp(self):
        super().setUp()
        rng = np.random.default_rng(3)
        corpus = sp.csr_matrix(rng.poisson(8, (200, 90)) * (rng.random((200, 90)) < 0.9))
        self.tokens = int(corpus.sum())
        docs = self.write("docword.txt", lda_reference.docword(corpus))
        vocab = self.write("vocab.txt", "".join("w%d\n" % w for w in range(90)).encode())
        spec = {"version": 1, "app": "lda", "data": {"docs": docs, "vocab": vocab}, "params": {"topics": 5},
                "stop": {"iterations": SWEEPS}, "trace": "blocks"}
        self.job = self.solve(self.write("job.json", json.dumps(spec)), "out", "--workers", "2")
        self.trace = sqlite3.connect(self.path("out", "trace.db"))
        self.addCleanup(self.trace.close)

    def test_a_blocks_cost_is_the_tokens_of_its_task(self):
        self.assertEqual(self.job["updates"], SWEEPS * self.tokens)
        rounds = self.trace.execute("SELECT round, sum(cost), max(cost), avg(cost) FROM round_blocks GROUP BY round ORDER BY"
                                    " round").fetchall()
        parts = max(self.trace.execute("SELECT blocks FROM rounds"))[0]
        self.assertGreater(parts, 1)
        tokens = [cost for _, cost, _, _ in rounds]
        self.assertEqual(sum(tokens[:2 * parts - 1]), self.tokens, "the first sweep")
        self.assertEqual(sum(tokens[2 * parts - 1:3 * parts - 1]), self.tokens, "the second")
        told = self.trace.execute("SELECT round, cost_max, cost_mean FROM rounds ORDER BY round").fetchall()
        self.assertEqual(told, [(number, most, mean) for number, _, most, mean in rounds])

    def test_it_is_true_of_the_data(self):
        self.assertEqual(self.check_trace("out"), [])
        parts = max(self.trace.execute("SELECT blocks FROM rounds"))[0]
        said = json.loads(support.call("trace", "check", self.path("out"), "--json").stdout)["proved"]
        for kind, members in (("block", "words"), ("shard", "documents")):
            self.assertIn("%ss are disjoint and have all %s of the data: %d in all" % (kind, members, parts), said)

    def test_blocks_and_tasks_name_the_same_blocks(self):
        blocks = self.trace.execute("SELECT round, block FROM round_blocks ORDER BY round, block").fetchall()
        tasks = self.trace.execute("SELECT round, block FROM tasks WHERE phase = 0 ORDER BY round, block").fetchall()
        self.assertEqual(blocks, tasks)
        said = json.loads(support.call("trace", "blocks", self.path("out"), "--json").stdout)["blocks"]
        self.assertEqual(sorted((row["round"], row["block"]) for row in said), tasks)


if __name__ == "__main__":
    unittest.main()
