"""Rounds of every size descend, with every priority rule and dependency check.

STRADS diverges on leukemia with 64 variables a round without its checks, and with them at 256.
"""

import itertools
import json
import math
import sqlite3
import unittest

import numpy as np

import support
from support import SANITIZED, Lasso, needs_shared, shared

LAYOUTS = ((1, 64), (1, 256), (8, 32), (8, 128))  # blocks, block_size
RULES = ("gradient", "delta", "uniform", "cyclic")
CHECKS = (("none", None), ("correlation", "solve"), ("correlation", "group"),
          ("correlation", "drop"))
ROUNDS = 30 if SANITIZED else 200
RISE = 1e-12  # of the objective at b = 0
RATIO = 0.01


class Descends(support.Case):
    every = 4

    def files(self):
        raise NotImplementedError

    def setUp(self):
        super().setUp()
        self.x, self.y = self.files()
        self.lasso = Lasso(np.load(self.x), np.load(self.y))
        self.null = self.lasso.null_objective

    def spec(self, *files, **more):
        """Rounds of some microseconds: at the default level those that the writer is too late for are dropped."""
        return super().spec(*files, trace="blocks", **more)

    def rounds(self, out, column):
        base = sqlite3.connect(self.path(out, "trace.db"))
        try:
            return [row[0] for row in base.execute(
                "SELECT %s FROM rounds WHERE %s IS NOT NULL ORDER BY round" % (column, column))]
        finally:
            base.close()

    def descends(self, out, result):
        """No committed round rises, and what is said of the last is what an outsider finds."""
        told = self.rounds(out, "objective")
        self.assertGreaterEqual(len(told), result["rounds"] / 2, "too few rounds tell their objective")
        rise = max(np.diff([self.null] + told))
        self.assertLessEqual(rise, RISE * self.null)
        self.assertTrue(math.isfinite(result["objective"]))
        self.assertLess(result["objective"], self.null)
        self.assertLessEqual(abs(told[-1] - result["objective"]), RISE * self.null)
        b, b0 = self.model(out)
        again = self.lasso.objective(b, b0, result["metrics"]["lambda"])
        self.assertLessEqual(abs(again - result["objective"]), RISE * self.null)

    def test_every_layout_rule_and_check(self):
        spec = self.spec(self.x, self.y, params={"lambda_ratio": RATIO},
                         stop={"rounds": ROUNDS}, workers={"count": 2})
        cases = itertools.product(enumerate(LAYOUTS), enumerate(RULES), enumerate(CHECKS))
        for (i, (blocks, size)), (j, rule), (k, (check, coupled)) in cases:
            if (i + j + k) % self.every:  # 4: a Latin square, each pair of two choices once
                continue
            schedule = {"blocks": blocks, "block_size": size, "priority": {"rule": rule},
                        "dependency": {"check": check, **({"coupled": coupled} if coupled else {})}}
            with self.subTest(blocks=blocks, size=size, rule=rule, check=check, coupled=coupled):
                out = "%d%d%d" % (i, j, k)
                few = check != "none" and blocks * size > 256  # couplings are a pair's price
                result = self.solve(spec, out, "--set", "schedule=" + json.dumps(schedule),
                                    "--set", "stop.rounds=%d" % (ROUNDS // 4 if few else ROUNDS))
                self.assertEqual(result["spec"]["schedule"]["blocks"], blocks)
                self.assertEqual(result["state"], "completed")
                self.assertIn(result["stop_reason"], ("rounds", "gap"))
                self.descends(out, result)
                self.assertLessEqual(max(self.rounds(out, "taken")), blocks * size)

    def test_the_default_reaches_the_gap_in_every_layout(self):
        for ratio, (blocks, size) in itertools.product((0.1, 0.01), LAYOUTS):
            with self.subTest(ratio=ratio, blocks=blocks, size=size):
                out = "%g-%d-%d" % (ratio, blocks, size)
                spec = self.spec(self.x, self.y, params={"lambda_ratio": ratio},
                                 schedule={"blocks": blocks, "block_size": size})
                result = self.solve(spec, out)
                self.assertEqual(result["stop_reason"], "gap")
                self.assertLessEqual(result["metrics"]["gap"], 1e-6)
                self.descends(out, result)
                b, _ = self.model(out)
                self.assertLessEqual(self.lasso.gap(b, result["metrics"]["lambda"]), 1e-6)

    def test_a_pipeline_descends_too(self):
        for depth, (check, coupled) in itertools.product((2, 4), CHECKS):
            with self.subTest(pipeline=depth, check=check, coupled=coupled):
                out = "%d%s%s" % (depth, check, coupled)
                spec = self.spec(
                    self.x, self.y, params={"lambda_ratio": RATIO}, stop={"rounds": ROUNDS},
                    schedule={"blocks": 8, "block_size": 8, "pipeline": depth, "dependency": {
                        "check": check, **({"coupled": coupled} if coupled else {})}})
                self.descends(out, self.solve(spec, out))


@needs_shared
class Leukemia(Descends):
    every = 4 if SANITIZED else 1

    def files(self):
        return shared("leukemia.X.npy"), shared("leukemia.y.npy")


class Made(Descends):
    """Many more columns than rows, neighbours all but alike."""

    def files(self):
        return self.generate("data", rows=80, cols=2000, rho=0.98, block=40, causes=30, seed=5)


del Descends  # its tests are those of the classes above


if __name__ == "__main__":
    unittest.main()
