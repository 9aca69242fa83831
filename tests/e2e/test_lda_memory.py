"""A topic model whose counts are larger than may be resident: the same bits, and little of it in memory."""

import glob
import json
import os
import unittest

import support
from support import SANITIZED, call, read_json

MIB = 1 << 20
FILES = ("word_topic.mtx", "doc_topic.mtx", "topics.tsv", "hyper.json")


class Memory(support.Case):
    def corpus(self, documents, words, tokens):
        done = call("data", "generate", "lda", "--design", "zipf", "--documents", documents, "--words", words,
                    "--tokens", tokens, "--alpha", 0.05, "--topics", 20, "--seed", 3, "--out", self.path("c"))
        self.assertEqual(done.returncode, 0, done.stderr)
        return self.write("job.json", json.dumps({
            "version": 1, "app": "lda", "params": {"topics": 50}, "stop": {"iterations": 2},
            "data": {"docs": self.path("c", "docword.txt.gz"), "vocab": self.path("c", "vocab.txt")}}))

    def fit(self, spec, *words):
        done = call("run", spec, "--out", self.path("out"), "--force", "--quiet", *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(glob.glob(self.path("out", ".spill*")), [])
        return read_json(self.path("out", "result.json")), [support.sha256(self.path("out", f)) for f in FILES]

    def test_the_bits_are_those_without_a_cap(self):
        spec = self.corpus(8000, 2000, 60)
        for more in ((), ("--set", "params.sampler=mh"), ("--set", "params.optimize_hyperparameters=true",
                                                          "--set", "params.optimize_interval=1")):
            _, want = self.fit(spec, *more)
            for words in (("limits.resident=256KiB", "--workers", "2"), ("limits.resident=2MiB", "--workers", "3")):
                _, got = self.fit(spec, *more, "--set", *words)
                self.assertEqual(got, want, (more, words))

    def test_a_job_goes_on_under_another_cap(self):
        spec = self.corpus(8000, 2000, 60)
        _, want = self.fit(spec)
        self.fit(spec, "--set", "stop.iterations=1", "--set", "limits.resident=1MiB")
        done = call("run", spec, "--out", self.path("out"), "--resume", "--quiet", "--set", "limits.resident=2MiB")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([support.sha256(self.path("out", f)) for f in FILES], want)

    @unittest.skipIf(SANITIZED, "a sanitizer's memory is not ours")
    def test_little_of_a_large_corpus_is_in_memory(self):
        spec = self.corpus(60000, 5000, 60)
        whole, want = self.fit(spec, "--workers", "2")
        self.assertGreater(whole["peak_rss_bytes"], 60 * MIB)
        for workers in ("1", "2"):
            little, got = self.fit(spec, "--workers", workers, "--set", "limits.resident=8MiB")
            self.assertEqual(got, want)
            self.assertLess(little["peak_rss_bytes"], 40 * MIB)

    @unittest.skipIf(SANITIZED, "a sanitizer's memory is not ours")
    def test_the_end_of_a_job_takes_no_multiple_of_its_middle(self):
        """States are in the checkpoint as they are packed; 8.1 where they were copied on their way, 5.2 now."""
        spec = self.corpus(60000, 5000, 60)
        whole, _ = self.fit(spec)
        self.assertLess(whole["peak_rss_bytes"], 6.5 * os.path.getsize(self.path("out", "checkpoint.rondo")))


if __name__ == "__main__":
    unittest.main()
