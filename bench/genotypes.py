#!/usr/bin/env python3
"""genotypes.py [--folder DIR] [--write] - packed genotypes: a pass of columns, and a Lasso on a million.

A pass X'r by the kernels of each instruction set, on one core, beside what it takes to read the same
bytes in the same run: 500,000 rows, and 5,000. `bounds` is a sweep's way, r in fixed point of three
digits, where some genotypes are missing and where it is promised that none is; `doubles` has r as it is.

Then 5,000 x 1,000,000, 1 % of them missing, lambda_max / 10, to a relative gap of 1e-4, columns centred
and what is missing imputed by the mean. Its unit is a pass of `bounds, some missing` over as many
columns, by the table above, and `in passes` is the least time on processors of a run, loading and all:
machines are shared. Seconds of solving are the wall's, the least of the runs. --write makes docs/benchmarks/genotypes.md.
"""

import os
import resource
import subprocess

import common

RUNS = 5
ROWS, COLUMNS, GAP = 5000, 1000000, 1e-4
SHAPES = [(500000, 4000), (ROWS, 400000)]
HEAD = ["rows x columns", "kernel", "r", "k columns/s, median", "best", "G genotypes/s", "GB/s",
        "read, GB/s", "share"]


def passes():
    """The rows of the table of kernels."""
    tool = os.path.join(os.path.dirname(common.RONDO), "bench", "genotypes")
    rows = []
    for n, p in SHAPES:
        done = subprocess.run([tool, str(n), str(p), str(RUNS)], stdout=subprocess.PIPE, check=True,
                              universal_newlines=True)
        rows += [[cell.strip() for cell in line.strip("|\n").split("|")]
                 for line in done.stdout.splitlines()]
    return rows


def processor_seconds():
    """Of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def jobs(folder, unit):
    data = os.path.join(folder, "million")
    common.generate(data, "--design", "genotype", "--rows", str(ROWS), "--cols", str(COLUMNS),
                    "--format", "bed", "--missing", "0.01", "--seed", "1")
    file_bytes = os.path.getsize(os.path.join(data, "x.bed"))
    rows = []
    for workers in (1, 2):
        spent, solve = [], []
        for _ in range(RUNS):
            before = processor_seconds()
            r = common.run(os.path.join(data, "job.json"), os.path.join(folder, "out"), workers=workers,
                           params__lambda_ratio=0.1, stop__gap=GAP)
            spent.append(processor_seconds() - before)
            solve.append(r["seconds"]["solve"])
        rows.append([workers, r["nnz"], r["rounds"], r["sweeps"],
                     "%.2f" % (r["column_reads"] / COLUMNS), "%.2f" % min(solve),
                     "%.2f" % min(spent), "%.1f" % (min(spent) / unit),
                     "%.2f" % (r["peak_rss_bytes"] * 1e-9),
                     "%.2f" % ((r["peak_rss_bytes"] - file_bytes) * 1e-9),
                     "%.1e" % r["metrics"]["gap"]])
    return rows


def main():
    options = common.options()
    kernels = passes()
    best = [row for row in kernels if row[0].startswith("%d x" % ROWS) and "some" in row[2]][-1]
    unit = COLUMNS / (1e3 * float(best[4]))
    text = "# Packed genotypes\n\nMade by `bench/genotypes.py` on %s; %s.\n\n" % (
        common.DATE, common.machine())
    text += __doc__.split("\n\n", 1)[1].rsplit(" --write", 1)[0] + "\n\n"
    text += common.table(HEAD, kernels)
    text += "\n%d x %d; a pass is %.3f s of one core:\n\n" % (ROWS, COLUMNS, unit)
    text += common.table(["workers", "nnz", "rounds", "sweeps", "columns read / columns", "s of solving",
                          "processor s", "in passes", "peak RSS, GB", "beside the file", "gap"],
                         jobs(options.folder, unit))
    if options.write:
        common.write_doc("genotypes.md", text)
    print(text)


if __name__ == "__main__":
    main()
