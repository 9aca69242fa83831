"""Matrix factorisation at learning rates that are far too large: found out, halved, said; never what is no number."""

import unittest

import numpy as np

import mf_jobs
from mf_jobs import Model, Ratings, stars
from support import SANITIZED

RATES = (1000, 30, 5)
KINDS = (("factors", {}), ("biases", {"biases": True}), ("nonnegative", {"nonnegative": True}))

TILES = {"tile_bytes": 8192} # four parts


class Diverges(mf_jobs.Case):
    def setUp(self):
        super().setUp()
        self.train, self.test = stars(400, 300, 20000)

    def spec(self, rate, epochs=8, train=None, test=None, **params):
        return self.job(train or self.train, test or self.test, epochs=epochs,
                        params={"rank": 12, "learning_rate": rate, **TILES, **params})

    def told(self, out, rate):
        """What was said, line by line, is what happened; the rate at the end."""
        last, result = rate, self.result(out)
        for line in self.lines(out):
            now = line["learning_rate"]
            self.assertLessEqual(now, last)
            self.assertEqual(np.frexp(now)[0], np.frexp(rate)[0], "halved and no other")
            last = now
        self.assertEqual(result["metrics"]["learning_rate"], last)
        if last < rate:
            halved = [note for note in result["notes"] if "diverges" in note]
            self.assertIn("learning rate %g diverges" % rate, halved[0])
            if len(result["notes"]) < 16: # more are not kept
                self.assertTrue(halved[-1].endswith("begun again with %g" % last), halved)
        return last

    def test_is_found_out_halved_and_told(self):
        for kind, params in KINDS:
            for rate in RATES:
                with self.subTest(kind, rate=rate):
                    self.run_job(self.spec(rate, **params), "out", "--force")
                    self.agrees("out", self.train, self.test)
                    rate_then = self.told("out", rate)
                    self.assertLess(rate_then, rate)
                    self.assertEqual(self.result("out")["metrics"]["epochs"], 8)
                    self.assertLess(self.result("out")["metrics"]["test_rmse"], 1.1 * self.test.value.std())

    def test_in_the_first_epoch_too(self):
        """Rates that do little harm at once, too."""
        for kind, params in KINDS:
            for rate in (0.5, 1, 2, 10, 1000):
                for tile_bytes in (8192, 1 << 20):
                    with self.subTest(kind, rate=rate, tile_bytes=tile_bytes):
                        self.run_job(self.spec(rate, 1, **{**params, "tile_bytes": tile_bytes}), "out", "--force")
                        model = self.agrees("out", self.train, self.test)
                        self.assertLess(model.rmse(self.test), 1.6 * self.test.value.std())

    def test_in_the_last_epoch_of_few_ratings(self):
        """Nothing is visited behind it, and so little that its own steps have done the harm."""
        for count in (1, 2, 10):
            few = self.train.part(np.arange(count))
            for kind, params in KINDS[:2]:
                for rate in (10, 100, 1e6):
                    for epochs in (1, 2):
                        with self.subTest(kind, count=count, rate=rate, epochs=epochs):
                            spec = self.spec(rate, epochs, few, few, **params)
                            self.run_job(spec, "out", "--force")
                            model = self.agrees("out", few, few)
                            self.assertLess(model.rmse(few), 2 * np.sqrt(np.mean(few.value ** 2)))
                            self.run_job(spec, "out", "--resume", "--set", "stop.epochs=5")
                            self.run_job(spec, "whole", "--force", "--set", "stop.epochs=5")
                            self.assertEqual(self.bits("out"), self.bits("whole"))

    def test_whatever_the_ratings_are(self):
        """Far from 0, of any size, and of no mean."""
        for far, size in ((0, 1e4), (0, 1e-4), (-1e6, 1), (1e3, 1e-2), (-3, 1)):
            made = [Ratings(x.user, x.item, far + size * (x.value - 3)) for x in (self.train, self.test)]
            for kind, params in KINDS[:2]:
                for rate in RATES[:1] if far else RATES:
                    with self.subTest(kind, far=far, size=size, rate=rate):
                        spec = self.spec(rate, 8, *made, **{"lambda": 0.05 * size}, **params)
                        self.run_job(spec, "out", "--force")
                        model = self.agrees("out", *made)
                        self.told("out", rate)
                        self.assertLess(model.rmse(made[1]), 1.1 * made[1].value.std() + 1e-3 * abs(far))

    def test_does_so_alike_whoever_works(self):
        runs = [(1, {}), (2, {}), (3, {}), (7, {}), (2, {"RONDO_TEST_WIRE": "bytes"}),
                (3, {"RONDO_TEST_LOSE_WORKER": "1@2"}), (3, {"RONDO_TEST_LOSE_WORKER": "0@6", "RONDO_TEST_WIRE": "bytes"})]
        for rate in RATES:
            found = []
            for workers, env in runs[1:6:2] if SANITIZED else runs:
                self.run_job(self.spec(rate, 4), "out", "--force", "--workers", workers, env=env)
                found.append((self.bits("out"), [n for n in self.result("out")["notes"] if "diverges" in n]))
            with self.subTest(rate=rate):
                self.assertEqual(found, found[:1] * len(found))

    def test_stops_behind_a_halving_leave_numbers(self):
        """After each round of the first, among them those that found it out, and on again from there."""
        for kind, params in KINDS[:1 if SANITIZED else 2]:
            for rate in RATES[:2]:
                spec = self.spec(rate, 3, **params)
                self.run_job(spec, "whole", "--force", "--workers", 2)
                last = self.result("whole")["rounds"]
                self.assertGreater(last, 9)
                for rounds in range(1, min(last, 14)):
                    with self.subTest(kind, rate=rate, rounds=rounds):
                        self.run_job(spec, "out", "--force", "--set", "stop.rounds=%d" % rounds)
                        self.agrees_or_has_none("out")
                        self.run_job(spec, "out", "--resume", "--workers", 3)
                        self.assertEqual(self.bits("out"), self.bits("whole"))

    def agrees_or_has_none(self, out):
        """Of rows that have just begun again there may be no figure; numbers they are."""
        if self.result(out)["objective"] is None:
            model = Model(self.path(out))
            self.assertTrue(np.isfinite(model.p).all() and np.isfinite(model.q).all())
        else:
            self.agrees(out, self.train, self.test)


if __name__ == "__main__":
    unittest.main()
