#!/usr/bin/env python3
"""lasso_peers.py - seconds of the Lasso beside the best of other solvers, to a gap that is checked.

    RONDO_SHARED=... python3 bench/lasso_peers.py [--cases leukemia,a/10,news20-logistic,b/path]
        [--tol 1e-4,1e-6] [--runs 5] [--workers 2] [--no-peers] [--folder DIR] [--write]

A case is a design, `-logistic` or not, and the divisor of lambda_max or `path`; a name without a
divisor means all of its own.  The designs are made once in --folder and found there again; without it
they are made and thrown away.  Writes docs/benchmarks/lasso-peers.md only with --write.  Needs NumPy
and SciPy; leukemia, riboflavin and news20 need RONDO_SHARED, the folder that holds data/lasso.
"""

import argparse
import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile

import scipy.io

import common
import designs
import peers

PASS = os.path.join(os.path.dirname(common.RONDO), "bench", "pass")
PATH_COUNT = 100
LAMBDA_DIGITS = 1e-9

TEXT = """# The Lasso beside its peers

Made by `bench/lasso_peers.py` on %(date)s; %(machine)s.

1/(2n)|y - Xb|^2 + lambda |b|_1, or 1/n sum log(1 + exp(-y_i x_i'b)) + lambda |b|_1; no intercept,
lambda given as a share of lambda_max. leukemia, riboflavin: columns centred and scaled to mean square
1, y centred. news20: empty columns dropped, unit rows, +1 for classes 1 to 10 and -1 for 11 to 20, y
centred for the squared loss. (a): 1000 x 100,000 dense, neighbours correlated at 0.9, 100 coefficients
of amplitude 3, noise of deviation %(ar_noise)g. (b): 10,000 x 200,000, 0.1 %% sparse, 200 coefficients
of amplitude 3, noise of deviation %(sparse_noise)g. (c): genotypes 0, 1, 2, 2000 x 50,000, in blocks of
20 to 80 columns (a latent AR(1) for each haplotype, r from .5 to .98), 200 causes, half of y's
variance, standardised.

- `gap`: duality gap / objective at b = 0, computed by NumPy from coef.mtx, with the residual, scaled
  to be feasible, as the dual point. A run counts only where it is at most the tolerance: `-` else,
  with the seconds in brackets.
- `s`: seconds.solve of result.json; the least and the median of %(runs)d runs, trace and checkpoints
  as by default, x86-64 level as found.
- `passes`: the least seconds, in full gradient passes X'r over the same data with one thread, measured
  in the same run by `bench/pass`, a plain loop over the columns of no library (the least, again).
- `best`: the best of adelie, celer, skglm, BlitzL1, glmnet and others, **not measured here**: these
  seconds were taken once, in quiet, on the same kind of machine, on designs made to the same
  description but with other seeds, and stand beside the pass of that day (leukemia and riboflavin: none
  was taken, today's stands in). Machines are shared: **the ratio of passes is the fair column**; below
  1 Rondo is faster. In brackets behind nnz: the non-zeros that they had.
"""

TWO_TEXT = """- `1 / 2 workers`: the seconds of one by those of two, in the same run; `sweeps,
  1 / 2`: so of Rondo's own full passes, by its trace; `2 threads`: adelie's wall seconds, as `best`.
"""

HERE_TEXT = """
## Fitted here

With one thread, the call that fits alone, its tolerance tightened until the gap is reached; `>`: not in
%g seconds, `none`: at no tolerance, and the gap is the last. The least of as many runs, of one where it
is slow.

"""


# ---- cases ---------------------------------------------------------------------------------------

def all_cases():
    """(design, loss, divisor or "path"), a design's together."""
    found = list(peers.FIGURES)
    found += [(name, loss, "path") for name, loss in peers.PATHS]
    order = list(designs.MAKERS)
    return sorted(found, key=lambda case: (order.index(case[0]), case[1] == "logistic"))


def label(case):
    return "%s%s/%s" % (case[0], "-logistic" if case[1] == "logistic" else "", case[2])


def chosen(words):
    cases = [case for case in all_cases()
             if words is None or label(case) in words or label(case).split("/")[0] in words]
    unknown = set(words or []) - {label(case) for case in all_cases()} - {
        label(case).split("/")[0] for case in all_cases()}
    if unknown or not cases:
        sys.exit("lasso_peers: no case %s; there are %s" % (
            ", ".join(sorted(unknown)), ", ".join(label(case) for case in all_cases())))
    return cases


# ---- the machine's pass --------------------------------------------------------------------------

class Unit:
    """A design's pass with so many threads: the least and the median of all that was measured."""

    def __init__(self, design, threads):
        self.words = [str(threads), "%d" % (99 if design.sparse or design.x.size < 1e7 else 11)]
        self.words += design.parts + ([str(len(design.y))] if design.sparse else [])
        self.name, self.shape = design.name, "%d x %d" % design.x.shape
        self.least, self.medians, self.bytes = float("inf"), [], 0
        self.measure()

    def measure(self):
        done = subprocess.run([PASS] + self.words, stdout=subprocess.PIPE, check=True, text=True)
        median, least, size, _ = done.stdout.split()
        self.least = min(self.least, float(least))
        self.medians.append(float(median))
        self.bytes = int(size)

    def median(self):
        return statistics.median(self.medians)


# ---- Rondo ---------------------------------------------------------------------------------------

def job_of(design, case, tolerance, seconds):
    name, loss, divisor = case
    params = {"intercept": False}
    if loss != "squared":
        params["loss"] = loss
    if divisor == "path":
        params["path"] = {"count": PATH_COUNT, "min_ratio": 1 / peers.PATHS[name, loss][0]}
    else:
        params["lambda_ratio"] = 1 / divisor
    return {"version": 1, "app": "lasso", "params": params,
            "data": {"x": design.x_file, "y": design.target_file(loss)},
            "stop": {"gap": tolerance, "seconds": seconds}}


def refusal(spec):
    """What `rondo validate` has against it; nothing: None."""
    done = subprocess.run([common.RONDO, "validate", spec], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)
    return done.stderr.strip().split(": ", 2)[-1] if done.returncode else None


def sweep_seconds(out):
    """The median of the trace's sweep rounds; None where there are none."""
    path = os.path.join(out, "trace.db")
    if not os.path.exists(path):
        return None
    trace = sqlite3.connect(path)
    rows = trace.execute("select push_ns from rounds where kind = 'sweep'").fetchall()
    trace.close()
    return statistics.median(row[0] for row in rows) * 1e-9 if rows else None


def lambdas_of(result, out, truth, case):
    """Of each column of coef.mtx; lambda_max held against the design's own."""
    if case[2] == "path":
        with open(os.path.join(out, "path.json"), encoding="utf-8") as stream:
            lambdas = [entry["lambda"] for entry in json.load(stream)]
        wanted = [(lambdas[0], truth), (lambdas[-1], truth / peers.PATHS[case[0], case[1]][0])]
        if len(lambdas) != PATH_COUNT:
            sys.exit("lasso_peers: %s: %d lambdas" % (label(case), len(lambdas)))
    else:
        lambdas = [truth / case[2]]
        wanted = [(result["metrics"]["lambda_max"], truth)]
    for said, true in wanted:
        if abs(said - true) > LAMBDA_DIGITS * true:
            sys.exit("lasso_peers: %s: lambda %.17g, should be %.17g" % (label(case), said, true))
    return lambdas


def worst_gap(design, case, lambdas, coefficients):
    """The greatest relative gap of the columns, the last said last: (gap, nnz of the last)."""
    y = design.target(case[1])
    gaps = [designs.relative_gap(design.x, y, coefficients[:, k], lam, case[1])[1]
            for k, lam in enumerate(lambdas)]
    return max(gaps), int((coefficients[:, -1] != 0).sum())


class Solved:
    """A case solved by so many workers, once for each run() until it is done; each in a folder that is new,
    as what an earlier run has left takes time to remove."""

    def __init__(self, design, case, tolerance, workers, options, folder):
        self.spec = common.write_job(os.path.join(folder, "job.json"),
                                     job_of(design, case, tolerance, options.limit))
        self.case, self.tolerance, self.workers = case, tolerance, workers
        self.out = os.path.join(folder, "out%d" % workers)
        self.times, self.models, self.sweeps = [], set(), []
        self.stop = None

    def run(self):
        if self.stop == "seconds":
            return
        shutil.rmtree(self.out, ignore_errors=True)
        self.result = common.run(self.spec, self.out, workers=self.workers)
        self.stop = self.result["stop_reason"]
        self.times.append(self.result["seconds"]["solve"])
        self.models.add(self.result["model_sha256"])
        self.sweeps.append(sweep_seconds(self.out))

    def end(self, design, truth):
        if len(self.models) != 1:
            sys.exit("lasso_peers: %s: the models differ" % label(self.case))
        self.model = self.models.pop()
        self.least, self.median = min(self.times), statistics.median(self.times)
        self.sweep = None if None in self.sweeps else min(self.sweeps)
        lambdas = lambdas_of(self.result, self.out, truth, self.case)
        coefficients = scipy.io.mmread(os.path.join(self.out, "coef.mtx")).toarray()
        self.gap, self.nnz = worst_gap(design, self.case, lambdas, coefficients)
        self.counts = self.gap <= self.tolerance
        print("  %-24s %g, workers %d: %.4f s, gap %.1e, nnz %d, %s" % (
            label(self.case), self.tolerance, self.workers, self.least, self.gap, self.nnz, self.stop),
            flush=True)

    def seconds(self):
        return ("%.4f" if self.counts else "- (%.4f)") % self.least


# ---- the tables ----------------------------------------------------------------------------------

class Tables:
    """What was measured; cells are made when all is, for a pass is measured beside each case."""

    def __init__(self, options):
        self.options = options
        self.solved = []  # (case, tolerance, one worker's, two workers' or the same, unit)
        self.here = []    # (case, tolerance, who, seconds or a word, gap, unit, Rondo's)
        self.units = []   # a list for each design: one thread, two
        self.words = []

    def single_row(self, case, tolerance, solved, double, unit):
        known = (peers.PATHS[case[:2]] if case[2] == "path" else peers.FIGURES[case])
        best, passes = known[1].get(tolerance), solved.least / unit.least
        had = "" if case[2] == "path" else " (%d)" % known[0]
        row = [label(case), "%g" % tolerance, "%d%s" % (solved.nnz, had), "%.1e" % solved.gap,
               solved.seconds(), "%.4f" % solved.median, "%.1f" % passes]
        if best:
            theirs = best[1] / peers.PASS.get(case[0], unit.least)
            row += ["%s %.4g" % best, "%.1f" % theirs,
                    "%.2f" % (passes / theirs) if solved.counts else "-"]
        else:
            row += ["none", "-", "-"]
        if self.options.workers == 2:
            row += self.double_cells(case, tolerance, solved, double)
        return row

    def double_cells(self, case, tolerance, solved, double):
        best = peers.TWO.get(case) if tolerance == 1e-4 else None
        ended = "seconds" in (solved.stop, double.stop)
        same = "-" if ended else "yes" if solved.model == double.model else "**no**"
        return [double.seconds(), "%.2f" % (solved.least / double.least),
                "%.2f" % (solved.sweep / double.sweep) if solved.sweep and double.sweep else "-",
                same, "%.4g" % best if best else ""]

    def here_row(self, case, tolerance, who, seconds, gap, unit, ours):
        if isinstance(seconds, str):
            return [label(case), "%g" % tolerance, who, seconds, "-", "%.1e" % gap, ours]
        return [label(case), "%g" % tolerance, who, "%.4f" % seconds, "%.1f" % (seconds / unit.least),
                "%.1e" % gap, ours]

    def unit_row(self, units):
        one = units[0]
        row = [one.name, one.shape, "%.1f" % (one.bytes / 1e6), "%.3f" % (one.least * 1e3),
               "%.3f" % (one.median() * 1e3), "%.1f" % (one.bytes / one.least / 1e9),
               "%g" % (peers.PASS[one.name] * 1e3) if one.name in peers.PASS else ""]
        if len(units) > 1:
            row += ["%.3f" % (units[1].least * 1e3), "%.2f" % (one.least / units[1].least)]
        return row

    def solved_text(self, two):
        head = ["case", "tolerance", "nnz", "gap", "s, least", "s, median", "passes", "best, s",
                "its passes", "ratio of passes"]
        if two:
            head += ["2 workers, s", "1 / 2 workers", "sweeps, 1 / 2", "same bits", "2 threads, s"]
        text = ""
        for title, is_path in (("One lambda", False), ("Paths of 100 lambdas: the worst gap", True)):
            rows = [self.single_row(*one) for one in self.solved if (one[0][2] == "path") == is_path]
            if rows:
                text += "\n## %s\n\n" % title + common.table(head, rows)
        return text

    def text(self):
        options, two = self.options, self.options.workers == 2
        text = TEXT % {
            "date": common.DATE, "machine": common.machine(), "runs": options.runs,
            "ar_noise": designs.AR_NOISE, "sparse_noise": designs.SPARSE_NOISE}
        text += TWO_TEXT * two + self.solved_text(two)
        if self.here:
            text += HERE_TEXT % options.peer_limit
            text += common.table(["case", "tolerance", "who", "s", "passes", "gap", "Rondo, s"],
                                 [self.here_row(*one) for one in self.here])
        if self.units:
            head = ["design", "n x p", "MB", "pass, ms", "median, ms", "GB/s", "that day, ms"]
            text += "\n## The unit: one pass X'r\n\n"
            text += common.table(head + ["2 threads, ms", "1 / 2 threads"] * two,
                                 [self.unit_row(units) for units in self.units])
        return text + "".join("\n%s\n" % word for word in self.words)


def fit_here(tables, design, case, truth, unit, solved, folder):
    """The peers that are installed, on one case; `solved`: Rondo's, by tolerance."""
    options = tables.options
    lambdas = [truth / case[2]] if case[2] != "path" else [
        truth * peers.PATHS[case[:2]][0] ** (-k / (PATH_COUNT - 1)) for k in range(PATH_COUNT)]
    for peer in options.peers:
        if peer.loss != case[1] or (case[2] == "path" and not peer.paths):
            continue
        got = peers.race(peer, design, lambdas, options.tol,
                         lambda b: worst_gap(design, case, lambdas, b)[0], options.peer_limit,
                         options.runs, folder)
        for goal in options.tol:
            seconds, gap = got[goal]
            ours = solved[goal].seconds() if goal in solved else ""
            tables.here.append((case, goal, peer.name, seconds, gap, unit, ours))
            print("  %-24s %g, %s: %s" % (label(case), goal, peer.name, seconds), flush=True)


def one_case(tables, design, case, units, folder):
    options = tables.options
    truth = designs.lambda_max(design.x, design.target(case[1]), case[1])
    spec = common.write_job(os.path.join(folder, "job.json"),
                            job_of(design, case, options.tol[0], options.limit))
    refused, solved = refusal(spec), {}
    for unit in units:
        unit.measure()
    if refused:
        tables.words.append("%s: skipped, %s." % (label(case), refused))
        print("  " + tables.words[-1], flush=True)
    for tolerance in [] if refused else options.tol:
        runs = [Solved(design, case, tolerance, workers, options, folder)
                for workers in range(1, options.workers + 1)]
        for _ in range(options.runs):  # in turn: the machine is not the same from one minute to the next
            for run in runs:
                run.run()
        for run in runs:
            run.end(design, truth)
        solved[tolerance] = runs[0]
        tables.solved.append((case, tolerance, runs[0], runs[-1], units[0]))
        if runs[0].stop == "seconds":
            tables.words.append("%s to %g: ended after %g seconds; no tighter one was tried." % (
                label(case), tolerance, options.limit))
            break
    if options.peers:
        fit_here(tables, design, case, truth, units[0], solved, folder)


def parse():
    def numbers(text):
        return sorted((float(word) for word in text.split(",")), reverse=True)

    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=lambda text: text.split(","))
    parser.add_argument("--tol", type=numbers, default=[1e-4, 1e-6])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--workers", type=int, choices=(1, 2), default=1)
    parser.add_argument("--no-peers", action="store_true", help="no scikit-learn, no glmnet")
    parser.add_argument("--folder", help="where the designs are, or will be")
    parser.add_argument("--limit", type=float, default=120, help="seconds for a run of Rondo")
    parser.add_argument("--peer-limit", type=float, default=60, help="seconds for a peer and case")
    parser.add_argument("--write", action="store_true")
    return parser.parse_args()


def measure(options, folder, scratch):
    tables = Tables(options)
    shared = os.environ.get("RONDO_SHARED")
    for name in designs.MAKERS:
        cases = [case for case in chosen(options.cases) if case[0] == name]
        if cases and designs.needs_shared(name) and not shared:
            tables.words.append("%s: skipped, RONDO_SHARED is not set." % name)
        elif cases:
            print(name, flush=True)
            design = designs.design(folder, name, shared)
            units = [Unit(design, threads) for threads in range(1, options.workers + 1)]
            tables.units.append(units)
            for case in cases:
                one_case(tables, design, case, units, scratch)
    return tables.text()


def main():
    options = parse()
    chosen(options.cases)
    options.peers = [] if options.no_peers else peers.present()
    scratch = tempfile.mkdtemp(prefix="rondo-bench-")
    folder = os.path.abspath(options.folder) if options.folder else scratch
    os.makedirs(folder, exist_ok=True)
    try:
        text = measure(options, folder, scratch)
    finally:
        shutil.rmtree(scratch)
    print(text)
    if options.write:
        common.write_doc("lasso-peers.md", text)


if __name__ == "__main__":
    main()
