#!/usr/bin/env python3
"""simultaneous.py --folder DIR [--write] - what it costs that many variables move at once.

P variables at once are P blocks of one (`schedule.blocks` P, `block_size` 1, `coupled` drop: what is
coupled above 0.1 does not move in one round), from one residual; the working set is solved in such rounds.
P = 1 is one variable after the other, which the others are measured by. `default` is the default job,
whose rounds are whole and solved on couplings, for comparison. Designs (a), 1000 x 100,000, and (c), 2000 x
50,000, of `lasso-peers.md`; lambda_max / 10, no intercept, to a relative gap of 1e-6, one worker, medians
over seven seeds, from which the order of the variables comes; `from .. to` are the extremes.

`passes` are column reads (sweeps, gradients, steps) in columns. A job sees its gap at sweeps alone; passes
and steps `to 1e-6` are read off between the last two, linear in the logarithm of the gap. `path` is the
critical one: the sum over rounds of the steps of the block that took most; `x P` is it times P, in
sequential steps.

Couplings, from the trace: `pairs` computed, in columns; `reads`, the passes over X that they take at most:
of a whole round, and of one that asks for a set's couplings ahead, panels of at
least 40 columns on the average, each of which reads the set; of other rounds each column drawn once, which
then stays in the cache; a column counts as one, though those of (c) are read as their codes, an eighth of
the bytes. `time`, couple_ns, from asking for couplings to having them, and `plan`, plan_ns, in
which rounds are drawn and cut too, as shares of the seconds of solving. A rise is an objective above the one
before by more than 1e-12 of that at 0, which is rounding.
"""

import json
import math
import os
import sqlite3
import statistics

import common
import designs

SEEDS, GAP, PANEL = range(1, 8), 1e-6, 40
WIDTHS = [1, 4, 16, 64, 256, 1024]
MORE, PATH, READS, TIME = 1.05, 1.3, 2, 0.25  # the bars
HEAD = ["P", "rounds", "sweeps", "passes, as run", "to 1e-6", "from .. to", "of P = 1", "steps to 1e-6", "path",
        "x P", "pairs", "reads", "time", "plan", "rises", "s", "bars"]


def at_gap(lines, key):
    """The metric where the gap became GAP."""
    after = next(i for i, line in enumerate(lines) if line["gap"] <= GAP)
    now, before = lines[after], lines[after - 1]
    share = math.log(before["gap"] / GAP) / math.log(before["gap"] / max(now["gap"], 1e-17))
    return before[key] + share * (now[key] - before[key])


def couplings(out, cols):
    """Passes that they read at most, and seconds of them and of planning."""
    trace = sqlite3.connect(os.path.join(out, "trace.db"))
    rows = trace.execute("select drawn, blocks, pairs_computed, pairs_needed from rounds "
                         "where kind = 'sampled' and pairs_computed > 0").fetchall()
    couple_ns, plan_ns = trace.execute("select sum(couple_ns), sum(plan_ns) from rounds").fetchone()
    trace.close()
    reads = 0
    for drawn, blocks, pairs, needed in rows:
        if blocks == 1:
            reads += drawn + pairs / PANEL
        elif pairs > drawn * drawn / 2:  # more than meet in the round: a set's, ahead
            reads += math.sqrt(2 * needed) + pairs / PANEL
        else:
            reads += min(drawn, 2 * pairs)
    return reads / cols, couple_ns * 1e-9, plan_ns * 1e-9


def one(spec, out, design, keys):
    result = common.run(spec, out, stop__gap=GAP, **keys)
    with open(os.path.join(out, "progress.jsonl"), encoding="utf-8") as stream:
        lines = [json.loads(line) for line in stream]
    n, cols = design.x.shape
    zero = float(design.y @ design.y) / (2 * n)
    seconds = result["seconds"]["solve"]
    reads, couple, plan = couplings(out, cols)
    values = [line["objective"] for line in lines]
    return {"rounds": result["rounds"], "sweeps": result["sweeps"], "run": result["column_reads"] / cols,
            "passes": at_gap(lines, "column_reads") / cols, "steps": at_gap(lines, "inner_steps"),
            "path": at_gap(lines, "critical_steps"), "pairs": result["pair_dots"] / cols,
            "reads": reads, "time": couple / seconds, "plan": plan / seconds, "seconds": seconds,
            "rises": sum(b > a + 1e-12 * zero for a, b in zip(values, values[1:]))}


def middle(spec, out, design, width):
    """Medians over the seeds; of rises the most."""
    keys = {}
    if width:
        keys = {"schedule__blocks": width, "schedule__block_size": 1,
                "schedule__dependency__coupled": "drop"}
    runs = [one(spec, out, design, dict(keys, seed=seed)) for seed in SEEDS]
    result = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    result["rises"] = max(run["rises"] for run in runs)
    result["least"], result["most"] = (f(run["passes"] for run in runs) for f in (min, max))
    return result


def judge(width, r, of, base):
    """What is not met."""
    missed = []
    if width > 64:
        missed += ["passes"] * (r["passes"] > of[64]["passes"]) + ["path"] * (r["path"] > of[64]["path"])
    elif width > 1:
        missed += ["passes"] * (r["passes"] > MORE * base["passes"])
        missed += ["path"] * (r["path"] * width > PATH * base["steps"])
    missed += ["rises"] * (r["rises"] > 0) + ["reads"] * (r["reads"] > READS) + ["time"] * (r["time"] > TIME)
    return "missed: " + ", ".join(missed) if missed else "met"


def table(folder, name, out):
    design = designs.design(folder, name, None)
    spec = common.write_job(os.path.join(folder, name + ".json"), {
        "version": 1, "app": "lasso", "data": {"x": design.x_file, "y": design.y_file},
        "params": {"intercept": False, "lambda_ratio": 0.1}})
    of = {width: middle(spec, out, design, width) for width in [0] + WIDTHS}
    base, rows = of[1], []
    for width, r in of.items():
        rows.append([width or "default", "%.0f" % r["rounds"], "%.0f" % r["sweeps"], "%.2f" % r["run"],
                     "%.2f" % r["passes"], "%.1f .. %.1f" % (r["least"], r["most"]),
                     "%.2f" % (r["passes"] / base["passes"]), "%.0f" % r["steps"],
                     "%.0f" % r["path"], "%.2f" % (r["path"] * width / base["steps"]) if width else "",
                     "%.1f" % r["pairs"], "%.2f" % r["reads"], "%.2f" % r["time"], "%.2f" % r["plan"],
                     r["rises"], "%.2f" % r["seconds"], judge(width, r, of, base)])
    return "## Design (%s)\n\n" % name + common.table(HEAD, rows)


def main():
    options = common.options()
    folder = options.folder
    text = "# Many variables at once\n\nMade by `bench/simultaneous.py` on %s; %s.\n\n" % (
        common.DATE, common.machine())
    text += __doc__.split("\n\n", 1)[1] + "\n"
    text += ("Bars: to P = 64 passes at most %g of those at P = 1, and `x P` at most %g; above, no more "
             "passes and no longer a path than at 64; no rise; `reads` at most %g, `time` at most %g.\n\n"
             % (MORE, PATH, READS, TIME))
    text += "\n".join(table(folder, name, os.path.join(folder, "out")) for name in ("a", "c"))
    if options.write:
        common.write_doc("simultaneous.md", text)
    print(text)


if __name__ == "__main__":
    main()
