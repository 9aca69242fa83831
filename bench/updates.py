#!/usr/bin/env python3
"""updates.py [FOLDER] - updates per second on a sparse design, one worker on one core.

10,000 x 20,000 with 500,000 values, priority uniform, check none, 64 variables a round (one block),
trace off, against STRADS's 160,800 updates a second; the bar is ten times that.  An update reads
its column for the gradient; where its coefficient moves (the last column) it is read and written
again.  lambda is small so that nearly all move.  Writes docs/benchmarks/updates.md.
"""

import os
import sys
import tempfile

import common

STRADS = 160800
BAR = 10 * STRADS
ROUNDS = 4000
RUNS = 5


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()
    data = common.generate(os.path.join(folder, "sparse"), "--design", "sparse", "--rows", "10000",
                           "--cols", "20000", "--density", "0.0025", "--seed", "1")
    rows = []
    for ratio in (0.1, 0.01, 1e-4):
        result = common.median_solve(
            RUNS, os.path.join(data, "job.json"), os.path.join(folder, "out"),
            params__lambda_ratio=ratio, params__intercept=False, stop__gap=1e-15,
            stop__rounds=ROUNDS, schedule__blocks=1, schedule__block_size=64,
            schedule__priority__rule="uniform", schedule__dependency__check="none", trace="off")
        rate = result["updates"] / result["median"]
        rows.append(["%g" % ratio, result["updates"], result["metrics"]["sweeps"],
                     "%.3f" % result["median"], "%.2f" % (rate / 1e6),
                     "%.2f" % (result["updates"] / result["least"] / 1e6),
                     "%.1f" % (rate / STRADS),
                     "%.3f" % (result["metrics"]["inner_steps"] / result["updates"]),
                     "met" if rate >= BAR else "missed"])
    text = "# Updates per second\n\nMade by `bench/updates.py` on %s; %s.\n\n" % (
        common.DATE, common.machine())
    text += __doc__.split("\n\n", 1)[1].rsplit("  Writes", 1)[0]
    text += "\nMedians of %d runs of %d rounds; the sweeps between them are in the time.\n\n" % (
        RUNS, ROUNDS)
    text += common.table(["lambda_ratio", "updates", "sweeps", "seconds", "M updates/s", "best",
                          "x STRADS", "share that moved", "bar 1.6 M/s"], rows)
    common.write_doc("updates.md", text)
    print(text)


if __name__ == "__main__":
    main()
