#!/usr/bin/env python3
"""trace_cost.py - what a trace costs: the same job at each level, in turn in one run.

    RONDO_SHARED=... python3 bench/trace_cost.py [--cases path,short,lda,mf] [--runs 7] [--write]

Seconds are from the data being loaded to the end, the closing of the trace included. A cost is the median, over the runs, of
a level's seconds over those of `off` in the same turn, less 1; beside it that of the least seconds. Two workers.
Bytes are of trace.db as it is left, by the round. The bars are for solves of a second or more. path, lda and mf need
RONDO_SHARED, the folder that holds data; without it they are left out. Writes docs/benchmarks/trace.md with --write.
"""

import os
import statistics

import common

LEVELS = ("off", "rounds", "blocks", "all")
BARS = {"rounds": 0.02, "all": 0.15}
SHARED = os.environ.get("RONDO_SHARED", "")
SPARSE = os.path.join(SHARED, "data", "lasso", "news20.svm.gz")
WORDS = [os.path.join(SHARED, "data", "lda", name) for name in ("docword.news20.txt.gz", "vocab.news20.txt")]
RATINGS = os.path.join(SHARED, "data", "mf", "ml-1m.uir.gz")


def short_rounds(folder):
    """The Lasso on 300 x 3000, 8 blocks of 8: rounds of 0.04 ms."""
    data = common.generate(os.path.join(folder, "short"), "--design", "ar", "--rows", "300", "--cols", "3000", "--seed", "1")
    return {"app": "lasso", "data": {part: os.path.join(data, part + ".npy") for part in "xy"},
            "params": {"lambda_ratio": 0.005}, "schedule": {"blocks": 8, "block_size": 8},
            "stop": {"gap": 0, "rounds": 30000}}


CASES = {
    "path": lambda _: {"app": "lasso", "data": {"x": SPARSE}, "params": {"path": {"count": 120, "min_ratio": 0.001}}},
    "short": short_rounds,
    "lda": lambda _: {"app": "lda", "data": dict(zip(("docs", "vocab"), WORDS)), "params": {"topics": 100},
                      "stop": {"iterations": 20}},
    "mf": lambda _: {"app": "mf", "data": {"train": RATINGS}, "params": {"rank": 32}, "stop": {"epochs": 200}},
}
WHAT = {
    "path": "the Lasso on news20, 120 lambdas to 0.001 of the first, defaults else",
    "short": "the Lasso on 300 x 3000, 8 blocks of 8, 30,000 rounds: as short as rounds of eight blocks can be",
    "lda": "news20, 100 topics, 20 sweeps",
    "mf": "ML-1M, rank 32, 200 epochs",
}


def turns(options, name):
    """{level: [(seconds, bytes)]}, and a result."""
    job = CASES[name](options.folder)
    spec = common.write_job(os.path.join(options.folder, name + ".json"), {"version": 1, **job})
    found, bits = {level: [] for level in LEVELS}, set()
    for turn in range(options.runs):
        for at in range(len(LEVELS)):
            level = LEVELS[(turn + at) % len(LEVELS)]
            out = os.path.join(options.folder, name + "-" + level)
            result = common.run(spec, out, workers=2, trace=level)
            trace = os.path.join(out, "trace.db")
            seconds = result["seconds"]["total"] - result["seconds"]["load"]
            found[level].append((seconds, os.path.getsize(trace) if os.path.exists(trace) else 0))
            bits.add(result["model_sha256"])
    assert len(bits) == 1, "the level changed the model"
    return found, result


def row(name, found, result):
    seconds = {level: [run[0] for run in found[level]] for level in LEVELS}
    cells = [name, result["rounds"], "%.2f" % statistics.median(seconds["off"])]
    for level in LEVELS[1:]:
        cost = statistics.median(a / b for a, b in zip(seconds[level], seconds["off"])) - 1
        least = min(seconds[level]) / min(seconds["off"]) - 1
        bar = "" if level not in BARS else ", met" if cost < BARS[level] else ", MISSED"
        cells.append("%+.1f %% (%+.1f)%s" % (100 * cost, 100 * least, bar))
    cells += ["%.0f" % (found[level][-1][1] / result["rounds"]) for level in LEVELS[1:]]
    print("  " + "  ".join(map(str, cells)), flush=True)
    return cells


def main():
    options = common.options(cases={"default": ",".join(CASES)}, runs={"type": int, "default": 7})
    names = [name for name in options.cases.split(",") if name == "short" or SHARED]
    rows = [row(name, *turns(options, name)) for name in names]
    text = "# The cost of a trace\n\nMade by `bench/trace_cost.py` on %s; %s; %d runs.\n\n" % (
        common.DATE, common.machine(), options.runs)
    text += __doc__.split("\n\n", 2)[2].rsplit(" Writes", 1)[0].strip() + "\n\n"
    text += "Bars: %s.\n\n" % ", ".join("`%s` below %.0f %%" % (level, 100 * bar) for level, bar in BARS.items())
    text += common.table(["job", "rounds", "s off", "`rounds`", "`blocks`", "`all`", "bytes a round", "blocks", "all"], rows)
    text += "\n" + "".join("- %s: %s.\n" % (name, WHAT[name]) for name in names)
    if options.write:
        common.write_doc("trace.md", text)
    print(text)


if __name__ == "__main__":
    main()
