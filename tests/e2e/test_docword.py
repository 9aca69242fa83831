"""Documents by words: looked at, converted, refused, and given to an app with their vocabulary."""

import gzip
import json
import os
import pathlib
import unittest

import numpy as np
import scipy.io
import scipy.sparse as sp

import installed
import support
from cluster import Coordinator
from installed import SOURCE
from support import call

ROLES = ("static struct rondo_role two[3] = {{\"docs\", RONDO_ROLE_COUNTS, 1, 0, \"documents\"}, "
         "{\"vocab\", RONDO_ROLE_WORDS, 0, 0, \"their words\"}}; app.roles = two")
GOOD = "3\n4\n5\n1 2 1\n1 4 7\n2 1 10\n3 2 7\n3 4 1\n"
# what is wrong with it, where, and what is said; each is read by its name
BAD = (
    ("x\n2\n1\n1 1 1\n", ":1", "expected the number of documents"),
    ("-1\n2\n1\n1 1 1\n", ":1", "expected the number of documents"),
    ("2\n-2\n1\n1 1 1\n", ":2", "expected the number of words"),
    ("0\n2\n1\n1 1 1\n", ":1", "0 stands for the number of documents"),
    ("99999999999\n2\n1\n1 1 1\n", ":1", "from 1 to 2147483647 are read"),
    ("2000000000\n2\n1\n1 1 1\n", "", "a mistaken header"),
    ("2\n2000000000\n1\n1 1 1\n", "", "a mistaken header"),
    ("2\n2\n900000000000\n1 1 1\n", ":3", "more than a file of"),
    ("2\n2\n2\n1 1 1\n", ":5", "the file ends after 1 entries; the header states 2"),
    ("2\n2\n1\n1 1 1\n2 2 1\n", ":5", "more entries than the 1"),
    ("2\n2\n1\n1 1 1\njunk\n", ":5", "more entries than the 1"),
    ("2\n2\n2\n1 1 1\n3 1 1\n", ":5", "the document 3 is not from 1 to 2"),
    ("2\n2\n2\n1 1 1\n2 0 1\n", ":5", "the word 0 is not from 1 to 2"),
    ("2\n2\n2\n1 1 1\n2 3 1\n", ":5", "the word 3 is not from 1 to 2"),
    ("2\n2\n2\n1 1 1\n2 2 0\n", ":5", "the count 0 is not from 1 to 2147483647"),
    ("2\n2\n2\n1 1 1\n2 2 -1\n", ":5", "expected a count, found \"-1\""),
    ("2\n2\n2\n1 1 1\n2 2 1.5\n", ":5", "expected a count, found \"1.5\""),
    ("2\n2\n2\n1 1 1\n2 2 2147483648\n", ":5", "the count 2147483648 is not"),
    ("2\n2\n2\n1 1 2147483647\n1 1 1\n", "", "come to more than 2147483647"),
)


def read_docword(path):
    """By the format's description alone."""
    opened = gzip.open if path.endswith(".gz") else open
    with opened(path, "rt") as stream:
        d, w, nnz = (int(stream.readline()) for _ in range(3))
        entries = np.loadtxt(stream, dtype=np.int64, ndmin=2)
    assert len(entries) == nnz
    return sp.coo_matrix((entries[:, 2], (entries[:, 0] - 1, entries[:, 1] - 1)), shape=(d, w)).toarray()


class Refusing:
    def refused(self, done, *says):
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertRegex(done.stderr, r"^rondo: \S.*: \S.*\n$")
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        for word in says:
            self.assertIn(word, done.stderr)


class Data(support.Case, Refusing):
    def convert(self, one, other, says=""):
        done = call("data", "convert", self.path(one), self.path(other))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(says, done.stderr)
        return self.path(other)

    def test_a_look_tells_what_the_header_says(self):
        self.write("a.txt", GOOD)
        info = json.loads(call("data", "info", self.path("a.txt"), "--json").stdout)
        self.assertEqual([info[k] for k in ("format", "rows", "cols", "nnz", "sparse", "labels")],
                         ["docword", 3, 4, 5, True, False])

    def test_it_goes_through_every_sparse_format_and_comes_back(self):
        rng = np.random.default_rng(5)
        x = rng.poisson(0.3, (60, 41)) * rng.integers(1, 9, (60, 41))
        x[7] = 0
        x[:, 40] = 0
        x = sp.csr_matrix(x)
        scipy.io.mmwrite(self.path("x.mtx"), x, field="integer")
        first = self.convert("x.mtx", "docword.x.txt")
        np.testing.assert_array_equal(read_docword(first), x.toarray())
        for one, other in (("docword.x.txt", "docword.y.txt.gz"), ("docword.y.txt.gz", "y.svm.gz"),
                           ("y.svm.gz", "docword.z.txt"), ("docword.z.txt", "z.mtx"), ("z.mtx", "docword.w.txt"),
                           ("docword.w.txt", "w.npy"), ("w.npy", "docword.v.txt")):
            self.convert(one, other)
        for name in ("z", "w", "v"):
            with open(self.path("docword.%s.txt" % name), "rb") as stream, open(first, "rb") as whole:
                self.assertEqual(stream.read(), whole.read(), name)
        np.testing.assert_array_equal(np.load(self.path("docword.z.labels.npy")), np.zeros(60))

    def test_what_is_accepted_is_said(self):
        self.write("a.txt", "4\n2\n4\n3 1 1\n1 1 1\n1 1 2\n2 2 1\n")
        out = self.convert("a.txt", "docword.b.txt", "out of order in 1 places: sorted")
        np.testing.assert_array_equal(read_docword(out), [[3, 0], [0, 1], [1, 0], [0, 0]])
        done = call("data", "convert", self.path("a.txt"), self.path("c.mtx"))
        self.assertIn("1 entries are of a document and word that were there before: summed", done.stderr)
        self.assertIn("1 of 4 documents are empty: kept", done.stderr)
        self.assertEqual(call("data", "convert", out, self.path("c.mtx")).stderr.count("\n"), 1)

    def test_what_is_wrong_has_its_place(self):
        for text, line, what in BAD:
            with self.subTest(text=text):
                path = self.write("docword.bad.txt", text)
                self.refused(call("data", "convert", path, self.path("x.mtx")), path + line + ": ", what)
                self.assertFalse(os.path.exists(self.path("x.mtx")))

    def test_a_compressed_one_that_is_cut(self):
        whole = gzip.compress(("9999\n9\n9999\n" + "".join("%d 1 1\n" % (i + 1) for i in range(9999))).encode())
        for size in (len(whole) - 1, len(whole) - 9, len(whole) // 2):
            path = self.write("docword.cut.txt.gz", whole[:size])
            self.refused(call("data", "convert", path, self.path("x.mtx")), path, "truncated")

    def test_other_numbers_are_no_counts(self):
        for content, says in (("1 1:0.5\n", "row 1, column 1 (counted from 1) has 0.5"), ("1 1:-2\n", "has -2")):
            self.write("x.svm", content)
            done = call("data", "convert", self.path("x.svm"), self.path("docword.x.txt"))
            self.refused(done, "docword.x.txt: ", "whole numbers", says)
            self.assertFalse(os.path.exists(self.path("docword.x.txt")))

    def test_a_lasso_takes_one_as_its_design(self):
        rng = np.random.default_rng(2)
        scipy.io.mmwrite(self.path("x.mtx"), sp.csr_matrix(rng.poisson(0.5, (50, 20))), field="integer")
        np.save(self.path("y.npy"), rng.standard_normal(50))
        self.convert("x.mtx", "docword.x.txt")
        for name in ("x.mtx", "docword.x.txt"):
            self.run_job(self.spec(name, "y.npy"), "out." + name)
        self.assertEqual(self.result("out.x.mtx")["model_sha256"], self.result("out.docword.x.txt")["model_sha256"])


class Made(support.Case, Refusing):
    def make(self, name, *words):
        done = call("data", "generate", "lda", "--out", self.path(name), *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(self.path(name, "vocab.txt"), encoding="ascii") as stream:
            vocabulary = stream.read().splitlines()
        with open(self.path(name, "job.json"), encoding="ascii") as stream:
            spec = json.load(stream)
        return (read_docword(self.path(name, "docword.txt.gz")), vocabulary, np.load(self.path(name, "topics.npy")),
                spec)

    def test_bars_are_rows_and_columns_of_a_square(self):
        x, words, phi, spec = self.make("bars", "--documents", "500")
        self.assertEqual((x.shape, len(words), phi.shape), ((500, 100), 100, (20, 100)))
        self.assertEqual((words[0], words[37], words[99]), ("r0c0", "r3c7", "r9c9"))
        square = phi.reshape(20, 10, 10)
        for k in range(10):
            np.testing.assert_array_equal(square[k].nonzero(), [[k] * 10, range(10)])
            np.testing.assert_array_equal(square[10 + k].nonzero(), [range(10), [k] * 10])
        self.assertEqual((spec["app"], spec["params"], sorted(spec["data"])),
                         ("lda", {"topics": 20, "alpha": 0.2, "start": "random"}, ["docs", "vocab"]))
        self.assertAlmostEqual(x.sum() / 500, 100, delta=4 * np.sqrt(100 / 500))

    def test_zipf_falls_as_the_rank(self):
        x, words, phi, _ = self.make("zipf", "--design", "zipf", "--documents", "800", "--words", "300",
                                     "--topics", "40", "--tokens", "50", "--beta", "0.2")
        self.assertEqual((x.shape, len(words), phi.shape), ((800, 300), 300, (40, 300)))
        np.testing.assert_allclose(phi.sum(axis=1), 1, rtol=1e-12)
        p = 1 / np.arange(1, 301) / np.sum(1 / np.arange(1, 301))
        off = np.abs(x.sum(axis=0) / x.sum() - p)  # 40 draws of a Dirichlet with shapes 0.2 x 300 p
        self.assertLess((off / np.sqrt(p * (1 - p) / 61 / 40)).max(), 5)

    def test_the_same_options_make_the_same_bytes(self):
        for name, seed in (("a", "7"), ("b", "7"), ("c", "8")):
            self.make(name, "--design", "zipf", "--documents", "100", "--words", "50", "--topics", "3", "--seed", seed)
        def read(name):
            return [pathlib.Path(self.path(name, made)).read_bytes()
                    for made in ("docword.txt.gz", "vocab.txt", "topics.npy")]
        self.assertEqual(read("a"), read("b"))
        self.assertNotEqual(read("a")[0], read("c")[0])

    def test_what_cannot_be_made_is_named(self):
        for words, says in ((("--words", "99"), "--words: must be a square"), (("--alpha", "0"), "--alpha: must be"),
                            (("--topics", "3"), "--topics has no meaning for --design bars"),
                            (("--rows", "3"), "--rows has no meaning"), (("--design", "ar"), "--design has no \"ar\""),
                            (("--format", "npy"), "--format has no meaning for lda")):
            self.refused(call("data", "generate", "lda", "--out", self.path("no"), *words), says)
        self.assertFalse(os.path.exists(self.path("no")))


class Lda(support.Case, Refusing):
    """Bad documents and words by way of rondo run."""

    def spec(self, docs, vocab="vocab.txt", test=None):
        data = {"docs": docs, "vocab": vocab, **({"test": test} if test else {})}
        return self.write("lda.json", json.dumps({"version": 1, "app": "lda", "data": data,
                                                  "params": {"topics": 2}, "stop": {"iterations": 3}}))

    def setUp(self):
        super().setUp()
        self.write("vocab.txt", "one\ntwo\n")
        self.write("docword.good.txt", "2\n2\n2\n1 1 3\n2 2 1\n")

    def refuses(self, spec, *says):
        self.refused(call("run", spec, "--out", self.path("out")), *says)
        self.assertFalse(os.path.exists(self.path("out")))

    def test_a_folder_that_was_there_stays(self):
        os.mkdir(self.path("out"))
        self.refused(call("run", self.spec("none.txt"), "--out", self.path("out")), "none.txt")
        self.assertEqual(os.listdir(self.path("out")), [])

    def test_validate_sees_shapes_that_do_not_fit(self):
        self.write("docword.wide.txt", "1\n3\n1\n1 3 2\n")
        self.write("alphas.txt", "0.1\n0.2\n0.3\n")
        spec = self.spec("docword.good.txt", test="docword.wide.txt")
        self.refused(call("validate", spec), "/data/test", "has 3 words, the documents have 2")
        spec = self.spec("docword.good.txt")
        alphas = "params.alphas=" + json.dumps(self.path("alphas.txt"))
        self.refused(call("validate", spec, "--set", alphas), "params.alphas", "not one alpha for each topic")

    def test_bad_documents(self):
        for text, line, what in BAD:
            with self.subTest(text=text):
                path = self.write("docword.bad.txt", text)
                self.refuses(self.spec("docword.bad.txt"), path + line if line else path, what)
        self.refuses(self.spec("docword.good.txt", test="docword.bad.txt"), "/data/test", "come to more than")

    def test_bad_words(self):
        for text, says in (("one\n\n", (".txt:2", "the line is empty")), ("one\n", ("/data/vocab", "2")),
                           ("one\ntwo\nthree\n", ("/data/vocab", "3")), ("", ("empty",))):
            self.write("words.txt", text)
            self.refuses(self.spec("docword.good.txt", "words.txt"), *says)

    def test_what_is_accepted_is_noted(self):
        self.write("docword.odd.txt", "4\n2\n4\n3 1 1\n1 1 1\n1 1 2\n2 2 1\n")
        self.run_job(self.spec("docword.odd.txt"), "out")
        notes = [note for note in self.result("out")["notes"] if note.startswith("data.docs: ")]
        self.assertEqual([note.split(": ")[-1] for note in notes], ["sorted", "summed", "kept"])
        self.assertEqual(scipy.io.mmread(self.path("out", "doc_topic.mtx")).sum(axis=1).ravel().tolist(),
                         [[3, 1, 1, 0]])

    def test_a_document_of_a_million_tokens_and_a_word_in_every_document(self):
        with open(self.path("docword.long.txt"), "w", encoding="ascii") as stream:
            stream.write("3000\n2\n3001\n1 2 1000000\n")
            stream.writelines("%d 1 1\n" % (i + 1) for i in range(3000))
        self.run_job(self.spec("docword.long.txt"), "out")
        counts = scipy.io.mmread(self.path("out", "word_topic.mtx")).sum(axis=1).ravel().tolist()
        self.assertEqual(counts, [[3000, 1000000]])

    def test_made_documents_run_as_they_are(self):
        done = call("data", "generate", "lda", "--documents", "50", "--words", "16", "--out", self.path("bars"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.run_job(self.path("bars", "job.json"), "out", "--set", "stop.iterations=5")
        self.assertEqual(scipy.io.mmread(self.path("out", "word_topic.mtx")).shape, (16, 8))


class App(installed.Case, Refusing):
    """tests/apps/app_gather, which looks at no data, with roles for counts and words."""

    def setUp(self):
        super().setUp()
        self.apps = self.path("apps")
        os.mkdir(self.path("data"))
        self.write("data/docword.a.txt", GOOD)
        self.write("data/vocab.txt", "one\ntwo\nthree\nfour\n")
        self.compile_app(os.path.join(self.apps, "libtoy.so"), "-I", SOURCE, "-DBASE=app_gather", "-DEDIT=" + ROLES,
                         os.path.join(SOURCE, "tests", "plugin", "entry.c"),
                         os.path.join(SOURCE, "tests", "apps", "app_gather.c"))

    def toy(self, docs="data/docword.a.txt", vocab="data/vocab.txt"):
        data = {"docs": self.path(docs), **({"vocab": self.path(vocab)} if vocab else {})}
        return self.write("toy.json", json.dumps({"version": 1, "app": "gather", "stop": {"rounds": 5},
                                                  "data": data}))

    def test_apps_and_validate_say_what_they_are(self):
        roles = json.loads(self.call("apps", "gather", "--json", apps=self.apps).stdout)["data"]
        self.assertEqual([(role["key"], role["kind"]) for role in roles],
                         [("data.docs", "counts"), ("data.vocab", "words")])
        said = self.call("apps", "gather", apps=self.apps).stdout
        self.assertIn("file, counts, required", said)
        self.assertIn("file, words, optional", said)
        told = json.loads(self.call("validate", self.toy(), "--json", apps=self.apps).stdout)["data"]
        self.assertEqual((told["docs"]["format"], told["docs"]["rows"], told["docs"]["cols"], told["vocab"]["words"]),
                         ("docword", 3, 4, 4))
        self.assertIn("4 words", self.call("validate", self.toy(), apps=self.apps).stdout)

    def test_the_notes_say_what_was_accepted(self):
        self.write("data/docword.b.txt", "4\n2\n4\n3 1 1\n1 1 1\n1 1 2\n2 2 1\n")
        done = self.call("run", self.toy("data/docword.b.txt"), "--out", self.path("out"), "--quiet", apps=self.apps)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.result("out")["notes"], [
            "data.docs: documents are out of order in 1 places: sorted",
            "data.docs: 1 entries are of a document and word that were there before: summed",
            "data.docs: 1 of 4 documents are empty: kept"])

    def test_bad_files_end_the_job_before_it_begins(self):
        cases = [("docword.bad.txt", text, line, what) for text, line, what in BAD]
        cases += [("bad.svm", "0 1:1\n0 1:1 2:0.5\n", ":2", "counts are whole numbers"),
                  ("bad.svm", "0 1:1\n0 1:1 2:-1\n", ":2", "counts are whole numbers"),
                  ("bad.mtx", "%%MatrixMarket matrix coordinate real general\n2 2 1\n1 1 -1\n", ":3", "counts are")]
        for name, text, line, what in cases:
            with self.subTest(text=text):
                path = self.write("data/" + name, text)
                done = self.call("run", self.toy("data/" + name), "--out", self.path("out"), apps=self.apps)
                self.refused(done, path + line + ": " if line else path, what)
        np.save(self.path("data", "x.npy"), np.ones((2, 2)))
        self.refused(self.call("validate", self.toy("data/x.npy"), apps=self.apps), "/data/docs", "sparse files",
                     "rondo data convert")
        for text, line, what in (("one\n\ntwo\n", ":2", "the line is empty"), ("one\ntwo\t2\n", ":2", "a tab"),
                                 ("x" * 4097 + "\n", ":1", "longer than 4096 bytes"), ("", "", "empty")):
            path = self.write("data/bad.txt", text)
            for command in (("run", self.toy(vocab="data/bad.txt"), "--out", self.path("out")),
                            ("validate", self.toy(vocab="data/bad.txt"))):
                self.refused(self.call(*command, apps=self.apps), path + line, what)

    def test_a_worker_that_does_not_see_them_is_sent_both(self):
        if os.system("unshare --mount true 2>/dev/null") != 0:
            self.skipTest("no mount namespaces here")
        hide = ("unshare", "--mount", "sh", "-c", "mount -t tmpfs none %s && exec \"$@\"" % self.path("data"), "sh")
        apps = {"RONDO_APP_PATH": self.apps}
        coordinator = Coordinator(self, env=apps)
        worker = coordinator.worker("hidden", prefix=hide, env=apps)
        coordinator.wait_workers(1)
        for words, fetched in (("one\ntwo\nthree\nfour\n", 2), ("one\ntwo\nthree\nfive\n", 3)):
            self.write("data/vocab.txt", words)
            with open(self.toy(), "rb") as spec:
                number = str(json.loads(coordinator.ask("/v1/jobs", spec.read(), "POST")[1])["id"])
            self.assertEqual(coordinator.wait_job(number)["state"], "completed")
            self.assertEqual(worker.said().count("fetching"), fetched, worker.said())


if __name__ == "__main__":
    unittest.main()
