#!/usr/bin/env python3
"""scheduling_gain.py [FOLDER] - what scheduling is worth: the same design under several rules.

n = 1000, p = 4000, AR(0.95) in blocks of 20 columns, 40 causes of amplitude 1 in noise of standard
deviation 1, seed 1; lambda_ratio 0.05, 256 variables a round, to a relative gap of 1e-6, one worker.
STRADS's rule is priority `delta`, coupled `drop`; Shotgun is `uniform` without a check; Rondo's
default is `gradient` with `correlation` and `solve`.

`column_reads` counts gradients, steps, sweeps (every refresh of X'r) and fresh residuals; `charged`
adds a column read for each coupling that was computed (pair dot).  `inner` counts steps inside the
couplings of a block, which read no column.  Writes docs/benchmarks/scheduling-gain.md.
"""

import os
import sys
import tempfile

import common

ROUNDS_MOST = 400000
SECONDS_MOST = 20
SECONDS_STRADS = 300
UPDATES_BAR, READS_BAR = 50, 10

# name, priority, check, coupled
RULES = [
    ("Rondo's default", "gradient", "correlation", "solve"),
    ("STRADS", "delta", "correlation", "drop"),
    ("Shotgun", "uniform", "none", None),
    ("cyclic", "cyclic", "none", None),
    ("gradient, drop", "gradient", "correlation", "drop"),
    ("gradient, group", "gradient", "correlation", "group"),
]


def one(data, out, rule, blocks):
    name, priority, check, coupled = rule
    seconds = SECONDS_STRADS if name == "STRADS" else SECONDS_MOST
    keys = {"params__lambda_ratio": 0.05, "stop__gap": 1e-6, "stop__rounds": ROUNDS_MOST,
            "stop__seconds": seconds, "schedule__blocks": blocks,
            "schedule__block_size": 256 // blocks, "schedule__priority__rule": priority,
            "schedule__dependency__check": check, "trace": "off"}
    if coupled:
        keys["schedule__dependency__coupled"] = coupled
    result = common.run(os.path.join(data, "job.json"), out, **keys)
    result["charged"] = result["column_reads"] + result["pair_dots"]
    return result


def measure(data, out, blocks):
    results = {rule[0]: one(data, out, rule, blocks) for rule in RULES}
    rows = []
    for rule in RULES:
        r = results[rule[0]]
        rows.append([rule[0], r["rounds"], r["updates"], r["inner_steps"], r["sweeps"],
                     r["column_reads"], r["pair_dots"], r["charged"],
                     "%.3f" % r["seconds"]["solve"], "%.1e" % r["metrics"]["gap"],
                     r["stop_reason"]])
    head = ["rule", "rounds", "updates", "inner", "sweeps", "column_reads", "pair_dots", "charged",
            "seconds", "gap", "stop"]
    ours, strads = results["Rondo's default"], results["STRADS"]
    updates = strads["updates"] / ours["updates"]
    reads = strads["charged"] / ours["charged"]
    plain = strads["column_reads"] / ours["charged"]
    text = "## %d block%s of %d\n\n" % (blocks, "s" * (blocks > 1), 256 // blocks)
    text += common.table(head, rows)
    text += ("\nThe default against STRADS's rule: updates 1/%.0f (bar 1/%d: %s), charged column "
             "reads 1/%.0f (bar 1/%d: %s). With pair dots charged to the default alone, 1/%.1f.\n"
             % (updates, UPDATES_BAR, "met" if updates >= UPDATES_BAR else "missed", reads,
                READS_BAR, "met" if reads >= READS_BAR else "missed", plain))
    if strads["stop_reason"] != "gap":
        text += "STRADS's rule did not reach the gap; its counts are lower bounds.\n"
    return text


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()
    data = common.generate(
        os.path.join(folder, "ld"), "--design", "ar", "--rows", "1000", "--cols", "4000", "--rho",
        "0.95", "--block", "20", "--causes", "40", "--amplitude", "1", "--noise", "1", "--seed", "1")
    text = "# The scheduling gain\n\nMade by `bench/scheduling_gain.py` on %s; %s.\n\n" % (
        common.DATE, common.machine())
    text += __doc__.split("\n\n", 1)[1].rsplit("  Writes", 1)[0] + "\n"
    text += "\n" + "\n".join(measure(data, os.path.join(folder, "out"), b) for b in (1, 8))
    common.write_doc("scheduling-gain.md", text)
    print(text)


if __name__ == "__main__":
    main()
