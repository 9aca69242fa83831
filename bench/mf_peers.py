#!/usr/bin/env python3
"""mf_peers.py - matrix factorisation beside LIBMF, cmfrec, libpmf and implicit.

    RONDO_SHARED=... [RONDO_LIBMF=.../mf-train] python3 bench/mf_peers.py [--cases kernel,ml1m,speed,...]
        [--runs 5] [--seeds 5] [--write]

Writes docs/benchmarks/mf-peers.md only with --write, and then of all cases.  The ratings are those of RONDO_SHARED,
the folder that holds data/mf; without it there is nothing to do.  RONDO_LIBMF names LIBMF's mf-train, which then
runs in turn with Rondo.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile

import common
import mf_runs
from mf_runs import Kernel, Libmf, Run, same

RANKS = [32, 64, 128]
SHAPE = "second cache"          # of mf_kernel: whose columns stay there
LEAD = 1.9                      # the bar: two workers
WITHIN = 0.0005                 # of a test RMSE
LAMBDAS = [0.045, 0.05, 0.055]  # of sgd, chosen on the test ratings as the others' were,
ETAS = [0.08, 0.1]              # and the learning rate, which is LIBMF's 0.05 at rank 128 and 0.1 below
ALS_LAMBDAS, CCD_LAMBDAS = [0.06, 0.07, 0.08], [0.07, 0.08, 0.09]
CONFIDENCES = [("chosen on test", {"weighted_lambda": False, "alpha": 1.5, "lambda": 80}),
               ("chosen on test", {"weighted_lambda": True, "alpha": 0.75, "lambda": 0.25}),
               ("defaults", {}), ("defaults", {"method": "cg"})]
CITES = [("defaults", {}), ("chosen on test", {"alpha": 100, "lambda": 10})]

# LIBMF with AVX, one thread, measured once, in quiet, on the same kind of machine: rank -> (eta, best test RMSE,
# s an epoch, {test RMSE: CPU seconds of epochs to it}), M updates/s on synthetic ratings.
LIBMF = {32: (0.1, 0.8406, 0.0220, {0.86: 0.09, 0.855: 0.09, 0.845: 0.16}, 41.6),
         64: (0.1, 0.8372, 0.0275, {0.86: 0.08, 0.855: 0.11, 0.845: 0.14}, 25.8),
         128: (0.05, 0.8328, 0.0447, {0.86: 0.24, 0.855: 0.28, 0.845: 0.38}, 15.0)}
LIBMF_TWO, LIBMF_90 = "1.55 to 1.6", (22, 10.3)  # two threads; epochs and CPU seconds to 0.90 on synthetic ratings
PEAKS = {"ml1m": {32: 17316, 64: 18540, 128: 21112}, "synthetic": {32: 246944, 64: 274476, 128: 329624}}  # KiB
ALS_BAR, CMFREC = 0.06, {"cholesky": (0.60, 0.8451), "cg": (0.115, 0.8526)}  # s an iteration, best test RMSE
LIBPMF = (0.4, 0.8503)
IMPLICIT = {"recall": 0.300, "ndcg": 0.333, "s": 0.107}  # implicit, its ALS-CG; cmfrec .295, .332, .113

TEXT = """# Matrix factorisation beside its peers

Made by `bench/mf_peers.py` on %(date)s; %(machine)s.

- Ratings: MovieLens 1M, line j of the sorted file test where splitmix64(2^32 xor j) / 2^64 < 0.1: %(train)d and
  %(tests)d. Rondo's test RMSE leaves out test pairs whose user or item has no training rating; where `all pairs` is
  said they are in it, told by what is known of them (`rondo predict`).
- Spec's defaults but for what is said; trace `blocks`; lambda counts at each rating, as LIBMF's does.
- `s an epoch`: from one commit to the next, the median of a run's epochs from the %(warm)dth on, of so many runs the
  least (and their median); `visiting`: of it, from the first task sent to the last done, round by round. Without
  test ratings, where nothing else is said: test RMSE is not the work of an epoch, nor counted in others' figures.
- LIBMF: AVX build, lambda 0.05, eta 0.1 (rank 128: 0.05). `here`: %(libmf)s.
  `before`: measured once, in quiet, on the same kind of machine, as all figures of cmfrec, libpmf and implicit: these
  were **not measured here**.
- `of L2`: a rate in that of `bench/mf_kernel`, Rondo's kernel alone on a tile whose columns stay in the second
  cache. **Rates in it are what another machine can be held against.**
"""


# ---- words ---------------------------------------------------------------------------------------

def met(is_met):
    return "met" if is_met else "**missed**"


def least(values, form="%.4f"):
    return (form + " (" + form + ")") % (min(values), statistics.median(values))


def ratio(value, other):
    return "%.2f" % (value / other) if other else "-"


def number(value, form="%.4f"):
    return "-" if value is None else form % value


def spread(values):
    return "%.2f (%.2f to %.2f)" % (statistics.median(values), min(values), max(values))


def ml1m(options):
    return mf_runs.split(options, "ml-1m", 0.1)


def kernel_of(options):
    if not options.kernel:
        options.kernel = Kernel(Run(options, ml1m(options), 1).result["isa"])
    return options.kernel


# ---- the kernel alone ----------------------------------------------------------------------------

def kernel(options):
    machine = kernel_of(options)
    return ("## The kernel alone\n\nM ratings/s on one thread (`bench/mf_kernel`): columns in the second cache, a "
            "tile like ML-1M's, random columns of 128 MB. `plain`: a loop vectorised by the compiler. `two`: how "
            "much more two such processes do at once, so what two workers could gain.\n\n") + common.table(
                ["columns", "rank", "M ratings/s", "plain", "two"],
                [[shape, rank, "%.1f" % it, "%.1f" % plain, "%.2f" % machine.gain[shape, rank]]
                 for (shape, rank), (it, plain) in machine.rates.items()])


# ---- ML-1M: quality ------------------------------------------------------------------------------

def quality(options):
    data, rows, seeds = ml1m(options), [], range(1, options.seeds + 1)
    for rank in options.ranks:
        runs = {(each, rate): [Run(options, data, 20, workers=2, seed=seed, rank=rank, learning_rate=rate,
                                   **{"lambda": each}) for seed in seeds] for each in LAMBDAS for rate in ETAS}
        mean = {each: statistics.mean(run.best for run in of) for each, of in runs.items()}
        best = min(mean, key=mean.get)
        plain = [Run(options, data, 20, workers=2, seed=seed, rank=rank) for seed in seeds]
        for name, of in (("%g, %g: chosen on test" % best, runs[best]), ("default", plain)):
            rows.append([rank, name] + best_cells(options, data, of, LIBMF[rank][1]))
    return ("## ML-1M: test RMSE of sgd\n\nBest epoch of 20, mean of %d seeds; `all pairs`: of the model after that "
            "epoch, %d test pairs; `last`: after 20 epochs. lambda of %s, learning_rate of %s. Bar: LIBMF's best, of which "
            "lambda and eta were chosen on the test ratings (rank 64 with eta 0.05: 0.8353), within %g.\n\n" % (
                options.seeds, data.tests, LAMBDAS, ETAS, WITHIN)) + common.table(
                ["rank", "lambda, learning_rate", "best", "of seeds", "epochs", "all pairs", "last", "bar", ""], rows)


def best_cells(options, data, runs, bar):
    """The model of the best epoch is that of a shorter job: its RMSE is found again by rondo predict."""
    every = []
    for run in runs:
        epochs = run.epochs_to(run.best)
        short = Run(options, data, epochs, seed=run.seed, **run.params)
        found = short.predict(data)
        if short.curve != run.curve[:epochs] or abs(found["known_rmse"] - run.best) > 1e-6:
            sys.exit("mf_peers: a shorter job has another RMSE")
        every.append(found["rmse"])
    best, all_pairs = statistics.mean(run.best for run in runs), statistics.mean(every)
    epochs = [run.epochs_to(run.best) for run in runs]
    return ["%.4f" % best, "%.4f to %.4f" % (min(run.best for run in runs), max(run.best for run in runs)),
            "%d to %d" % (min(epochs), max(epochs)), "%.4f" % all_pairs,
            "%.4f" % statistics.mean(run.curve[-1] for run in runs), bar, met(all_pairs <= bar + WITHIN)]


# ---- ML-1M: speed --------------------------------------------------------------------------------

class Speed:
    """One worker, two and LIBMF in turn: the machine is not the same from one minute to the next."""

    def __init__(self, options, data, rank, epochs, runs, **params):
        self.count = data.count
        self.peer = Libmf(options, data, rank, LIBMF[rank][0])
        self.ones, self.twos = [], []
        for _ in range(runs):
            self.ones.append(Run(options, data, epochs, test=False, rank=rank, **params))
            self.twos.append(Run(options, data, epochs, test=False, workers=2, rank=rank, **params))
            self.peer.again(epochs)
            self.peer.again(epochs, threads=2)
        same(self.ones + self.twos, "rank %d" % rank)
        self.s = min(run.epoch for run in self.ones)

    def gains(self, of):
        return [of(one) / of(two) for one, two in zip(self.ones, self.twos)]

    def rates(self, rank, machine, bar):
        """Cells: rank, s an epoch, visiting, M updates/s, of L2, LIBMF's here, in it, bar, met, met here."""
        visit = [run.visit for run in self.ones]
        here = self.peer.epoch()
        return [rank, least([run.epoch for run in self.ones]), "%.4f" % min(visit),
                "%.1f" % (self.count / self.s / 1e6),
                "%.2f" % (self.count / min(visit) / 1e6 / machine.rates[SHAPE, rank][0]), number(here),
                ratio(self.s, here), "%.4f" % bar, met(self.s < bar), met(self.s < here) if here else "-"]

    def two(self, rank, machine):
        """Cells: rank, s an epoch of two workers, visiting's gain, the epoch's, the machine's, LIBMF's, met."""
        gain, whole = self.gains(lambda run: run.visit), self.gains(lambda run: run.epoch)
        theirs = self.peer.epoch(threads=2)
        return [rank, least([run.epoch for run in self.twos]), spread(gain), spread(whole),
                "%.2f" % machine.gain[SHAPE, rank], ratio(self.peer.epoch(), theirs) if theirs else "-",
                met(statistics.median(whole) >= LEAD)]


RATES = ["rank", "s an epoch", "visiting", "M updates/s", "of L2", "LIBMF here", "of it", "bar", "", "here"]
TWO = ["rank", "s an epoch", "visiting: times one", "whole epochs", "the machine's two", "LIBMF here", ""]


def two_text(what):
    return ("\nTwo workers, by pairs of runs one after the other: how much faster than one, the median (and the "
            "range). Bar, of whole epochs: %g. LIBMF before: %s. %s" % (LEAD, LIBMF_TWO, what)).rstrip() + "\n\n"


def speed(options):
    data, machine = ml1m(options), kernel_of(options)
    rates, twos, goals = [], [], []
    for rank in options.ranks:
        it = Speed(options, data, rank, 20, options.runs)
        rates.append(it.rates(rank, machine, LIBMF[rank][2]))
        twos.append(it.two(rank, machine))
        tested = [Run(options, data, 12, rank=rank) for _ in range(options.runs)]
        tested += [Run(options, data, 12, workers=2, rank=rank)]
        same(tested, "rank %d" % rank)
        it.peer.look(30)
        goals += [goal_cells(rank, goal, before, tested[:-1], it) for goal, before in LIBMF[rank][3].items()]
    text = ("## ML-1M: seconds of sgd, one worker\n\n20 epochs, %d runs. Bar: LIBMF's before; `here`: LIBMF's "
            "here.\n\n" % options.runs) + common.table(RATES, rates)
    text += two_text("model_sha256 is the same with one worker and two in all runs (checked).")
    text += common.table(TWO, twos)
    text += ("\n## ML-1M: seconds to a test RMSE, one worker\n\n`s`: epochs to it, in seconds of an epoch as above; "
             "so are LIBMF's counted, here and before. Beside it, what a user waits, the test RMSE of each epoch in "
             "it: from the beginning of the first round, and from the start of solving (`t`), in which the grid is "
             "cut; the least of %d runs. Bar: LIBMF's here, else before; aim: half of it. Seed 1.\n\n" % options.runs)
    return text + common.table(["rank", "to", "epochs", "s", "with RMSE", "from start", "LIBMF here: epochs", "s",
                                "before, s", "of it", "bar", "half"], goals)


def goal_cells(rank, goal, before, runs, it):
    epochs, theirs = runs[0].epochs_to(goal), it.peer.epochs_to(goal)
    here = theirs * it.peer.epoch() if theirs else None
    if not epochs:
        return [rank, goal, "-", "-", "-", "-", number(theirs, "%d"), number(here, "%.3f"), before, "-", met(False),
                met(False)]
    seconds, bar = epochs * it.s, here or before
    return [rank, goal, epochs, "%.3f" % seconds, "%.3f" % min(run.ends[epochs - 1] for run in runs),
            "%.3f" % min(run.lines[epochs - 1]["t"] for run in runs), number(theirs, "%d"), number(here, "%.3f"),
            before, ratio(seconds, bar), met(seconds < bar), met(seconds < bar / 2)]


# ---- synthetic -----------------------------------------------------------------------------------

def synthetic(options):
    data, machine = mf_runs.synthetic(options), kernel_of(options)
    rates, twos, loads = [], [], []
    for rank in options.ranks:
        it = Speed(options, data, rank, 8, options.large_runs)
        bar = data.count / LIBMF[rank][4] / 1e6
        rates.append(it.rates(rank, machine, bar))
        twos.append(it.two(rank, machine))
        theirs = it.peer.kib or PEAKS["synthetic"][rank]
        peak = max(run.kib for run in it.ones)
        loads.append([rank, "%.2f" % min(run.load for run in it.ones), "%.2f" % min(run.load for run in it.twos),
                      number(it.peer.load, "%.1f"), *memory_cells(peak, theirs, 1.5)])
    long = Run(options, data, LIBMF_90[0], rank=32)
    text = ("## Synthetic ratings, 200,000 x 20,000\n\n`rondo data generate mf`: users Zipf(0.7, shift 20), items "
            "Zipf(0.9, shift 30), rank 24, noise 0.8; %d to train, %d test. 8 epochs, %d runs. Bar: LIBMF's %s M "
            "updates/s before.\n\n" % (data.count, data.tests, options.large_runs,
                                       ", ".join("%g" % LIBMF[rank][4] for rank in RANKS)))
    text += common.table(RATES, rates) + two_text("") + common.table(TWO, twos)
    text += "\nSeconds before the first round, reading the text; peak RSS, MiB. LIBMF: process less its epochs.\n\n"
    text += common.table(["rank", "load, s", "2 workers", "LIBMF here", "MiB", "LIBMF's", "bar", ""], loads)
    epochs = long.epochs_to(0.9)
    return text + ("\nRank 32: test RMSE %.4f after %d epochs; 0.90 after %s, %s s of epochs (LIBMF before: %d "
                   "epochs, %g CPU seconds). The noise alone is 0.8.\n" % (
                       long.curve[-1], LIBMF_90[0], epochs or "more",
                       "%.1f" % sum(long.wholes[:epochs]) if epochs else "-", *LIBMF_90))


# ---- als, ccd ------------------------------------------------------------------------------------

def alternating(options):
    data, rows = ml1m(options), []
    for solver, method, theirs in (("als", "cholesky", CMFREC["cholesky"][0]), ("als", "cg", CMFREC["cg"][0]),
                                   ("ccd", None, LIBPMF[0])):
        for rank in options.ranks:
            params = {"solver": solver, "rank": rank, **({"method": method} if method else {})}
            ones, twos = [], []
            for _ in range(min(options.runs, 3)):
                ones.append(Run(options, data, 8, test=False, **params))
                twos.append(Run(options, data, 8, test=False, workers=2, **params))
            same(ones + twos, "%s, rank %d" % (solver, rank))
            bar = (ALS_BAR if method == "cholesky" else theirs) if rank == 32 else None
            rows.append([" ".join(filter(None, (solver, method))), rank, least([run.epoch for run in ones]),
                         least([run.epoch for run in twos]),
                         spread([one.epoch / two.epoch for one, two in zip(ones, twos)]),
                         theirs if rank == 32 else "-", number(bar, "%g"),
                         met(min(run.epoch for run in ones) < bar) if bar else "-"])
    text = ("## ML-1M: als and ccd\n\nSeconds an iteration: users, then items (als); all ranks once (ccd). Theirs: "
            "cmfrec, libpmf, before. Bar, rank 32: als cholesky %g s, else theirs.\n\n" % ALS_BAR) + common.table(
                ["solver", "rank", "1 worker, s", "2 workers, s", "times one", "theirs", "bar", ""], rows)
    return text + "\n" + alternating_quality(options, data)


def alternating_quality(options, data):
    rows = []
    for name, params, grid, (_, bar) in (
            ("als cholesky", {"solver": "als"}, ALS_LAMBDAS, CMFREC["cholesky"]),
            ("als cg", {"solver": "als", "method": "cg"}, ALS_LAMBDAS, CMFREC["cg"]),
            ("ccd", {"solver": "ccd"}, CCD_LAMBDAS, LIBPMF)):
        runs = [Run(options, data, 20, workers=2, **params, **{"lambda": each}) for each in grid]
        best = min(runs, key=lambda run: run.best)
        rows.append([name, "%g" % best.params["lambda"], "%.4f" % best.best,
                     best.epochs_to(best.best), "%.4f" % Run(options, data, 20, workers=2, **params).best, bar,
                     met(best.best <= bar + WITHIN)])
    return ("Best test RMSE of 20 iterations, rank 32, seed 1, lambda of a few chosen on the test ratings (als %s; "
            "ccd %s), and with the default. Bar: cmfrec, libpmf, before.\n\n" % (ALS_LAMBDAS, CCD_LAMBDAS)
            ) + common.table(["solver", "lambda", "test RMSE", "at", "default", "bar", ""], rows)


# ---- implicit feedback ---------------------------------------------------------------------------

def implicit(options):
    data = mf_runs.split(options, "ml-1m", 0.2, least=4)
    rows = [ranking_cells(options, data, name, params) for name, params in CONFIDENCES]
    text = ("## Implicit feedback: ML-1M, ratings of 4 and more\n\n%d to train, %d test: line j of those lines is "
            "test where splitmix64(2^32 xor j) / 2^64 < 0.2. Rank 64, 15 iterations of als, seed 1; values as they "
            "are, 4 and 5. Training items are left out. recall@20 by min(20, test items), NDCG@20 with binary gains: "
            "means over users. Both are computed again from `rondo predict --top 20` and the files, and are the "
            "job's own to 1e-6 (checked). `all items`: with test items in it that nobody has in training. `by all`: "
            "recall by the number of test items; it is not known by which of the two the bar was measured. `best`: "
            "NDCG@20 of the best iteration, and which. Bars: implicit's, %g and %g.\n\n" % (
                data.count, data.tests, IMPLICIT["recall"], IMPLICIT["ndcg"]))
    text += common.table(RANKING, rows) + "\n" + iterations(options, data)
    cites = mf_runs.split(options, "citeulike", 0.2)
    return text + ("\n## Implicit feedback: citeulike\n\n%d to train, %d test, the same split, all values 1. No peer "
                   "was run on it.\n\n" % (cites.count, cites.tests)) + common.table(
                       RANKING[:-1], [ranking_cells(options, cites, *each)[:-1] for each in CITES])


RANKING = ["parameters", "recall@20", "NDCG@20", "best", "all items", "by all", ""]


def ranking_cells(options, data, name, params):
    run = Run(options, data, 15, workers=2, rank=64, implicit=True, **params)
    known, every = run.ranking(data)
    recall, ndcg = run.result["metrics"]["recall"], run.result["metrics"]["ndcg"]
    if abs(known[0] - recall) > 1e-6 or abs(known[1] - ndcg) > 1e-6:
        sys.exit("mf_peers: recall and NDCG are not those of the lists: %g %g, %g %g" % (recall, ndcg, *known))
    words = ", ".join("%s %s" % item for item in params.items())
    ndcgs = [line["ndcg"] for line in run.lines]
    both = min(recall, every[0]) >= IMPLICIT["recall"] and min(ndcg, every[1]) >= IMPLICIT["ndcg"]
    return [": ".join(filter(None, (name, words))), "%.4f" % recall, "%.4f" % ndcg,
            "%.4f, %d" % (max(ndcgs), 1 + ndcgs.index(max(ndcgs))), "%.4f, %.4f" % tuple(every[:2]),
            "%.4f" % every[2], "%s, by all %s" % (met(both), met(every[2] >= IMPLICIT["recall"]))]


def iterations(options, data):
    rows = []
    for method in ("cholesky", "cg"):
        params = {"rank": 64, "implicit": True, "method": method}
        ones, twos = [], []
        for _ in range(min(options.runs, 3)):
            ones.append(Run(options, data, 10, test=False, **params))
            twos.append(Run(options, data, 10, test=False, workers=2, **params))
        same(ones + twos, "implicit")
        s, bar = min(run.epoch for run in ones), IMPLICIT["s"] / 2
        rows.append([method, least([run.epoch for run in ones]), least([run.epoch for run in twos]),
                     ratio(s, IMPLICIT["s"]), "%g" % bar, met(s <= bar)])
    return ("Seconds an iteration, users and then items, Y'Y in it; without test ratings, so that no ranking is in "
            "it (from one commit to the next of trace.db, median of a run's). Bar: half of implicit's %g s of "
            "ALS-CG.\n\n" % IMPLICIT["s"]) + common.table(
                ["method", "1 worker, s", "2 workers, s", "of implicit's", "bar", ""], rows)


# ---- memory --------------------------------------------------------------------------------------

def memory_cells(kib, theirs, times):
    bar = times * theirs + (64 << 10)
    return ["%.0f" % (kib / 1024), "%.0f" % (theirs / 1024), "%.0f" % (bar / 1024), met(kib <= bar)]


def memory(options):
    data, rows = ml1m(options), []
    for rank in options.ranks:
        peer = Libmf(options, data, rank, LIBMF[rank][0])
        peer.look(5)
        for solver, times in (("sgd", 1.5), ("als", 3), ("ccd", 3)):
            kib = max(Run(options, data, 3, workers=workers, rank=rank, solver=solver).kib for workers in (1, 2))
            rows.append([solver, rank, *memory_cells(kib, peer.kib or PEAKS["ml1m"][rank], times)])
    return ("## ML-1M: peak RSS\n\nMiB, test ratings in it, of one worker and two the more. Bar: 1.5 times LIBMF's "
            "and 64 MiB (sgd), 3 times and 64 MiB (als, ccd).\n\n") + common.table(
                ["solver", "rank", "MiB", "LIBMF's", "bar", ""], rows)


# ---- all -----------------------------------------------------------------------------------------

CASES = {"kernel": kernel, "ml1m": quality, "speed": speed, "synthetic": synthetic, "als": alternating,
         "implicit": implicit, "memory": memory}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=lambda text: text.split(","), default=list(CASES))
    parser.add_argument("--ranks", type=lambda text: [int(word) for word in text.split(",")], default=RANKS)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--large-runs", type=int, default=1, help="of synthetic ratings")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    unknown = [case for case in options.cases if case not in CASES]
    if unknown:
        parser.error("no case %s; there are %s" % (", ".join(unknown), ", ".join(CASES)))
    if options.write and (set(options.cases) != set(CASES) or options.ranks != RANKS):
        parser.error("--write is of all cases and ranks")
    return options


def main():
    options = parse()
    options.shared = os.environ.get("RONDO_SHARED")
    if not options.shared:
        print("mf_peers: skipped, RONDO_SHARED is not set")
        return
    options.scratch, options.made, options.kernel = tempfile.mkdtemp(prefix="rondo-bench-"), {}, None
    try:
        data = ml1m(options)
        text = TEXT % {"date": common.DATE, "machine": common.machine(), "train": data.count, "tests": data.tests,
                       "warm": mf_runs.WARM + 1, "libmf": "in turn with Rondo, an epoch from one line of its output "
                       "to the next" if mf_runs.LIBMF else "it was not there"}
        for case in options.cases:
            print(case, flush=True)
            text += "\n" + CASES[case](options)
    finally:
        shutil.rmtree(options.scratch)
    print(text)
    if options.write:
        common.write_doc("mf-peers.md", text)


if __name__ == "__main__":
    main()
