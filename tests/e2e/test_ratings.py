"""Made ratings: what rondo data generate mf writes, read by other hands."""

import json
import os
import pathlib
import unittest

import numpy as np

import support
from support import call


class Made(support.Case):
    def make(self, name, *words):
        """Users, items, ratings and whether held out, of all lines; and the spec."""
        done = call("data", "generate", "mf", "--out", self.path(name), *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(self.path(name, "job.json"), encoding="ascii") as stream:
            spec = json.load(stream)
        train, test = (np.loadtxt(self.path(name, file), ndmin=2) for file in ("train.txt", "test.txt"))
        lines = np.vstack([train, test])
        held = np.arange(len(lines)) >= len(train)
        return lines[:, 0].astype(int), lines[:, 1].astype(int), lines[:, 2], held, spec

    def truth(self, name, what):
        return np.load(self.path(name, "truth", what + ".npy"))

    def scores(self, name, u, i):
        return np.einsum("ij,ij->i", self.truth(name, "user_factors")[u], self.truth(name, "item_factors")[i])

    def test_ratings_are_mean_biases_factors_and_noise(self):
        u, i, r, held, spec = self.make("stars", "--users", "2000", "--items", "1000", "--ratings", "100000",
                                        "--rank", "5", "--user-bias", "0.3")
        self.assertEqual((len(r), len(np.unique(u * 1000 + i))), (100000, 100000))
        self.assertEqual((u.min(), u.max(), i.max()), (0, 1999, 999))
        self.assertTrue((np.diff(u[~held]) >= 0).all(), "user by user")
        self.assertAlmostEqual(held.mean(), 0.1, delta=4.5 * np.sqrt(0.09 / 1e5))
        users, items = self.truth("stars", "user_bias"), self.truth("stars", "item_bias")
        self.assertEqual((users.shape, items.shape), ((2000,), (1000,)))
        self.assertAlmostEqual(users.std(), 0.3, delta=4.5 * 0.3 / np.sqrt(4000))
        noise = r - 3.5 - users[u] - items[i] - self.scores("stars", u, i)
        self.assertAlmostEqual(noise.mean(), 0, delta=4.5 * 0.8 / np.sqrt(1e5))
        self.assertAlmostEqual(noise.std(), 0.8, delta=4.5 * 0.8 / np.sqrt(2e5))
        counts = np.sort(np.bincount(u))[::-1]
        shares = (np.arange(1, 2001) + 20.0) ** -0.7
        self.assertLess(np.abs(counts - 1e5 * shares / shares.sum()).max(), 1.001)
        self.assertEqual(spec, {"version": 1, "app": "mf", "data": {"train": "train.txt", "test": "test.txt"},
                                "params": {"rank": 5, "lambda": 0.05, "biases": True}, "stop": {"epochs": 20}})

    def test_planted_ratings_give_their_floats_back(self):
        for design, params in (("planted", {}), ("nonnegative", {"nonnegative": True})):
            u, i, r, _, spec = self.make(design, "--design", design, "--rank", "4")
            np.testing.assert_allclose(r.astype(np.float32), self.scores(design, u, i), rtol=2 ** -24, atol=1e-14)
            self.assertEqual(spec["params"], {"rank": 4, "lambda": 1e-6, **params})
            self.assertEqual(sorted(os.listdir(self.path(design, "truth"))), ["item_factors.npy", "user_factors.npy"])
        self.assertGreaterEqual(min(r.min(), self.truth(design, "user_factors").min()), 0)

    def test_implicit_ratings_are_where_the_taste_is(self):
        u, i, r, held, spec = self.make("seen", "--design", "implicit", "--users", "500", "--items", "400",
                                        "--ratings", "20000")
        self.assertEqual(set(r), {1.0})
        self.assertAlmostEqual(held.mean(), 0.2, delta=4.5 * np.sqrt(0.16 / 2e4))
        self.assertGreater(self.scores("seen", u, i).mean(), 1)
        self.assertTrue(spec["params"]["implicit"])

    def test_ids_as_text_and_no_test(self):
        done = call("data", "generate", "mf", "--users", "3", "--items", "2", "--ratings", "6", "--test", "0",
                    "--ids", "text", "--out", self.path("all"))
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = pathlib.Path(self.path("all", "train.txt")).read_text(encoding="ascii").splitlines()
        self.assertEqual([line.split("\t")[:2] for line in lines],
                         [["u%d" % user, "i%d" % item] for user in range(3) for item in range(2)])
        self.assertEqual(sorted(os.listdir(self.path("all"))), ["job.json", "train.txt", "truth"])
        spec = json.loads(pathlib.Path(self.path("all", "job.json")).read_text(encoding="ascii"))
        self.assertEqual(spec["data"], {"train": "train.txt"})

    def test_the_same_options_make_the_same_bytes(self):
        for name, seed in (("a", "7"), ("b", "7"), ("c", "8")):
            self.make(name, "--users", "60", "--items", "50", "--ratings", "900", "--rank", "3", "--seed", seed)
        def read(name):
            return [pathlib.Path(self.path(name, *made)).read_bytes()
                    for made in (("train.txt",), ("test.txt",), ("truth", "user_factors.npy"))]
        self.assertEqual(read("a"), read("b"))
        self.assertNotEqual(read("a")[0], read("c")[0])

    def test_what_cannot_be_made_is_named(self):
        for words, says in ((("--ratings", "21000001"), "--ratings: must be from 1 to users x items"),
                            (("--rank", "0"), "--rank: must be from 1 to 4096"),
                            (("--test", "1"), "--test: must be at least 0, below 1"),
                            (("--user-zipf", "-1"), "--user-zipf: must be from 0 to 10"),
                            (("--items", "many"), "--items wants a whole number"),
                            (("--ids", "roman"), "--ids has no \"roman\""),
                            (("--design", "planted", "--noise", "1"), "--noise has no meaning for --design planted"),
                            (("--topics", "3"), "--topics has no meaning for --design ratings"),
                            (("--design", "bars"), "--design has no \"bars\" for mf"),
                            (("--format", "npy"), "--format has no meaning for mf"),
                            (("--ratings", "1", "--test", "0.99999"), None)):
            done = call("data", "generate", "mf", "--out", self.path("no"), *words)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertRegex(done.stderr, r"^rondo: \S.*: \S.*\n$" if says is None else r"^rondo: ")
            self.assertIn(says or "--test leaves no rating to train on", done.stderr)
            self.assertFalse(os.path.exists(self.path("no", "job.json")))


if __name__ == "__main__":
    unittest.main()
