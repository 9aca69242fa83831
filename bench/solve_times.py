#!/usr/bin/env python3
"""solve_times.py [FOLDER] - seconds of solving on the real designs, one worker.

leukemia, riboflavin and news20 as their files bear them (with an intercept; news20 with its labels
taken as numbers), lambda_max / 10 and / 100, to a relative gap of 1e-6.  A full sweep X'r of the same
run is the unit: the median of its sweep rounds' push_ns.  Seconds are the least and the median of the
runs: machines are shared.  Needs RONDO_SHARED, the folder that holds data/lasso.  Writes
docs/benchmarks/solve-times.md.
"""

import os
import sqlite3
import statistics
import sys
import tempfile

import common

RUNS = 5
DESIGNS = [
    ("leukemia", "72 x 7129", {"x": "leukemia.X.npy", "y": "leukemia.y.npy"}),
    ("riboflavin", "71 x 4088", {"x": "riboflavin.X.npy", "y": "riboflavin.y.npy"}),
    ("news20", "15935 x 62061", {"x": "news20.svm.gz"}),
]


def sweep_seconds(out):
    trace = sqlite3.connect(os.path.join(out, "trace.db"))
    rows = trace.execute("select push_ns from rounds where kind = 'sweep'").fetchall()
    trace.close()
    return statistics.median(row[0] for row in rows) * 1e-9


def one(name, shape, spec, out, ratio):
    r = common.median_solve(RUNS, spec, out, params__lambda_ratio=ratio, stop__gap=1e-6)
    sweep = sweep_seconds(out)
    return [name, shape, "/%g" % (1 / ratio), r["nnz"], r["rounds"], r["updates"], r["sweeps"],
            r["pair_dots"], "%.4f" % r["least"], "%.4f" % r["median"], "%.4f" % sweep,
            "%.0f" % (r["least"] / sweep), "%.1e" % r["metrics"]["gap"], r["stop_reason"]]


def main():
    shared = os.environ.get("RONDO_SHARED")
    if not shared:
        print("solve_times: skipped, RONDO_SHARED is not set")
        return
    folder = sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()
    rows = []
    for name, shape, files in DESIGNS:
        data = {role: os.path.join(shared, "data", "lasso", file) for role, file in files.items()}
        spec = common.write_job(os.path.join(folder, name + ".json"),
                                {"version": 1, "app": "lasso", "data": data})
        for ratio in (0.1, 0.01):
            rows.append(one(name, shape, spec, os.path.join(folder, "out"), ratio))
    text = "# Seconds of solving\n\nMade by `bench/solve_times.py` on %s; %s.\n\n" % (
        common.DATE, common.machine())
    text += __doc__.split("\n\n", 1)[1].rsplit("  Needs", 1)[0] + "\n\n"
    text += common.table(["design", "n x p", "lambda_max", "nnz", "rounds", "updates", "sweeps",
                          "pair_dots", "s, least", "s, median", "s a sweep", "in sweeps", "gap",
                          "stop"], rows)
    common.write_doc("solve-times.md", text)
    print(text)


if __name__ == "__main__":
    main()
