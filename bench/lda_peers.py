#!/usr/bin/env python3
"""lda_peers.py - topics by exact Gibbs sampling beside the samplers of others, to the same likelihood.

    RONDO_SHARED=... python3 bench/lda_peers.py [--cases news20/100,news20/1000,blocks,ap,mh] [--runs 5]
        [--sweeps 50] [--seeds 3] [--write]

Writes docs/benchmarks/lda-peers.md only with --write, and then of all cases.  The corpora are those of
RONDO_SHARED, the folder that holds data/lda; without it there is nothing to do.  A case alone, with few runs
and sweeps, is soon done.
"""

import argparse
import gzip
import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile

import common

KERNEL = os.path.join(os.path.dirname(common.RONDO), "bench", "lda_kernel")
LATE, FROM = 10, 5         # the last sweeps, for their rate; the first sweep of which progress counts
LEAD, ALIKE = 1.85, 0.002  # the bars: of two workers, of logical workers
BLOCKS = [1, 2, 8, 64]
MANY = 10000               # topics of case mh

# One thread, alpha = 50/K, beta = 0.01: topics -> [(log-likelihood per token, who, seconds, two threads)],
# late M tokens/s of the exact ones, of one thread.  Measured once, in quiet, on the same kind of machine.
BARS = {100: [(-9.4, "MALLET, tomotopy", 9.6, "6.7 (WarpLDA)"), (-9.3, "MALLET", 12.5, "9.8 (WarpLDA)"),
              (-9.25, "MALLET", 15.3, "")],
        1000: [(-10, "MALLET", 12.4, "8.2 (WarpLDA)"), (-9.8, "MALLET", 15.3, ""), (-9.5, "MALLET", 26.3, "")]}
LATE_OF = {100: (20, "MALLET 10.6, tomotopy 8.9, F++LDA 5.7"), 1000: (10, "MALLET 5.3, F++LDA 2.0")}
STRADS = {"passes": 8, "rate": 1.33e6, "likelihood": -4.351e6, "times": 10}

TEXT = """# Topics beside their peers

Made by `bench/lda_peers.py` on %(date)s; %(machine)s.

Collapsed Gibbs sampling, every token drawn once a sweep; alpha = 50/K for each topic, beta = 0.01, the spec's
defaults else (8 blocks), trace `blocks`. news20: 18,805 documents, 29,014 words, 2,362,771 tokens; ap: 2,246,
10,473 and 435,838. Log-likelihood: log p(w, z), topics and documents integrated out, with all constants, per
token where that is said.

- `s`: of progress.jsonl, from the start of solving, in which memory for the model is taken and the corpus cut;
  reading the file is `load`. At each sweep the likelihood is computed, every tenth coherence too, all in `s`.
- `MB`: peak RSS of the process, of result.json. `counts`: the bytes of all counts of topics, MB.
- `lines`: tokens/s if a token cost four reads of cache lines at random, one not waiting for the other, from so
  many bytes: the rate of this machine in the same run (`bench/lda_kernel TOPICS 0`), M/s. **Rates in lines are
  what another machine can be held against.** `two threads`: how much more two threads of this machine do at
  once: of such reads, and of multiply-adds in registers.
- Figures of others were **not measured here**, but once, in quiet, on the same kind of machine.
"""


# ---- runs ----------------------------------------------------------------------------------------

class Limits:
    """What the machine does beside a case: tokens/s by random lines, of one thread and what two gain."""

    def __init__(self, corpus, topics):
        with gzip.open(corpus) as stream:
            done = subprocess.run([KERNEL, str(topics), "0"], input=stream.read(), stdout=subprocess.PIPE,
                                  check=True)
        self.bytes, one, two, sums, sums_two = (float(word) for word in done.stdout.split())
        self.lines, self.gain, self.sums_gain = one, two / one, sums_two / sums


class Run:
    """One job: its result, its likelihood by sweep and when, and what its rounds took."""

    def __init__(self, options, corpus, topics, sweeps, workers=1, **keys):
        out = os.path.join(options.scratch, "out")
        shutil.rmtree(out, ignore_errors=True)
        spec = common.write_job(os.path.join(options.scratch, "job.json"), {
            "version": 1, "app": "lda", "params": {"topics": topics}, "trace": "blocks",
            "data": {"docs": corpus_file(options, "docword.%s.txt.gz" % corpus),
                     "vocab": corpus_file(options, "vocab.%s.txt" % corpus)},
            "stop": {"iterations": sweeps}})
        self.result = common.run(spec, out, workers=workers, **keys)
        with open(os.path.join(out, "progress.jsonl"), encoding="utf-8") as stream:
            lines = [json.loads(line) for line in stream]
        of_sweep = {line["iterations"]: line for line in reversed(lines)}  # what is said first counts
        self.lines = [of_sweep[sweep] for sweep in sorted(of_sweep)]
        self.bits = self.result["model_sha256"]
        self.likelihoods = [line["objective"] for line in self.lines]
        self.tokens = self.lines[0]["updates"]
        self.megabytes = self.result["peak_rss_bytes"] / 1e6
        self.read_trace(os.path.join(out, "trace.db"))
        print("  %s/%d, workers %d%s: %.2f s, %.4f per token, late %.2f M tokens/s" % (
            corpus, topics, workers, "".join(", %s %s" % key for key in keys.items()), self.lines[-1]["t"],
            self.lines[-1]["log_likelihood_per_token"], self.rate / 1e6), flush=True)

    def read_trace(self, path):
        """Seconds of drawing in the late sweeps, from the first task sent to the last done, round by round;
        counting, likelihood and coherence left out, and the shares of these."""
        late = self.lines[-1 - min(LATE, len(self.lines) - 1)]["round"]
        trace = sqlite3.connect(path)
        phases = dict(trace.execute(
            "select phase, sum(took) from (select phase, max(done_ns) - min(sent_ns) as took from tasks "
            "where round > ? group by round, phase) group by phase", (late,)))
        all_ns, = trace.execute("select max(end_ns) - min(begin_ns) from rounds where round > ?", (late,)).fetchone()
        trace.close()
        self.late = all_ns * 1e-9
        self.counting = phases.get(1, 0) / all_ns
        self.rest = 1 - sum(phases.values()) / all_ns
        self.rate = self.tokens * min(LATE, len(self.lines) - 1) / (phases[0] * 1e-9)

    def seconds_to(self, goal):
        """Of solving, until the log-likelihood per token is so high; None: it never was."""
        return next((line["t"] for line in self.lines if line["log_likelihood_per_token"] >= goal), None)


def corpus_file(options, name):
    return os.path.join(options.shared, "data", "lda", name)


def limits(options, corpus, topics):
    return Limits(corpus_file(options, "docword.%s.txt.gz" % corpus), topics)


def same(runs, what):
    """Stops where two runs differ in their bits or in the likelihood of a sweep."""
    for run in runs[1:]:
        if run.bits != runs[0].bits or run.likelihoods != runs[0].likelihoods:
            sys.exit("lda_peers: %s: two runs of one job differ" % what)


def least(runs, value):
    """'least (median)' of a value of each run; '-' where one has none."""
    found = [value(run) for run in runs]
    return "-" if None in found else "%.2f (%.2f)" % (min(found), statistics.median(found))


def met(is_met):
    return "met" if is_met else "**missed**"


# ---- news20: seconds to a likelihood, two workers, late sweeps -----------------------------------

def speed(options, topics):
    """One worker and two, in turn: the machine is not the same from one minute to the next."""
    machine, ones, twos = [], [], []
    for _ in range(options.runs):
        machine.append(limits(options, "news20", topics))
        ones.append(Run(options, "news20", topics, options.sweeps))
        twos.append(Run(options, "news20", topics, options.sweeps, workers=2))
    same(ones + twos, "news20/%d" % topics)
    return "## news20, K = %d\n\n%s\n%s\n%s" % (topics, to_bars(topics, ones, twos),
                                             late_table(topics, ones, twos, machine), shares(ones, twos))


def to_bars(topics, ones, twos):
    rows = []
    for goal, who, bar, two in BARS[topics]:
        times = [run.seconds_to(goal) for run in ones]
        best = None if None in times else min(times)
        rows.append(["%g" % goal, least(ones, lambda run: run.seconds_to(goal)), "%g (%s)" % (bar, who),
                     "%.2f" % (best / bar) if best else "-", met(best is not None and best < bar / 2),
                     least(twos, lambda run: run.seconds_to(goal)), two])
    return ("Seconds to a log-likelihood per token, the least of %d runs (their median). The aim: half of the "
            "bar.\n\n" % len(ones)) + common.table(
                ["to", "s", "bar, s", "of the bar", "half of it", "2 workers, s", "theirs, two threads"], rows)


def late_table(topics, ones, twos, machine):
    aim, theirs = LATE_OF[topics]
    lines = max(one.lines for one in machine)
    gains = sorted(two.rate / one.rate for one, two in zip(ones, twos))
    whole = sorted(one.late / two.late for one, two in zip(ones, twos))
    rows = []
    for name, runs in (("1 worker", ones), ("2 workers", twos)):
        rate = max(run.rate for run in runs)
        rows.append([name, "%.2f (%.2f)" % (rate / 1e6, statistics.median(run.rate for run in runs) / 1e6),
                     "%.2f" % (rate / lines), "%.0f" % max(run.megabytes for run in runs)])
    gain = statistics.median(gains)
    text = ("The last %d sweeps of %d: M tokens/s, drawing alone, the best run (the median), and that in `lines` "
            "of one thread.\n\n" % (LATE, len(ones[0].lines)))
    text += common.table(["", "M tokens/s", "in lines", "MB"], rows)
    text += ("\nAim %g M tokens/s per thread: %s. Others, one thread: %s. Lines: %.1f M/s from %.1f MB of counts.\n"
             % (aim, met(max(run.rate for run in ones) >= aim * 1e6), theirs, lines / 1e6,
                machine[0].bytes / 1e6))
    text += ("\nTwo workers: the same model_sha256 and the same likelihood at each sweep in all runs (checked). "
             "Drawing by pairs of runs, one after the other: %.2f times as fast (median; %.2f to %.2f), whole "
             "sweeps %.2f (%.2f to %.2f). Bar %g: %s. Beside them two threads of this machine gain %.2f of random "
             "lines and %.2f of multiply-adds.\n" % (
                 gain, gains[0], gains[-1], statistics.median(whole), whole[0], whole[-1], LEAD, met(gain >= LEAD),
                 statistics.median(one.gain for one in machine),
                 statistics.median(one.sums_gain for one in machine)))
    return text


def shares(ones, twos):
    def of(runs, key):
        return 100 * statistics.median(getattr(run, key) for run in runs)

    return ("Of a late sweep's time, with one worker and two: counting for the likelihood %.1f %% and %.1f %%, "
            "the coordinator (commits, likelihood, coherence) %.1f %% and %.1f %%.\n" % (
                of(ones, "counting"), of(twos, "counting"), of(ones, "rest"), of(twos, "rest")))


# ---- logical workers -----------------------------------------------------------------------------

def widest(curves):
    """The largest relative difference of two curves at one sweep, and where: (difference, sweep)."""
    return max((max(at) / min(at) - 1, FROM + i)
               for i, at in enumerate(zip(*([-value for value in curve[FROM - 1:]] for curve in curves))))


def blocks(options):
    seeds, curves = range(1, options.seeds + 1), {}
    for count in BLOCKS:
        for seed in seeds:
            run = Run(options, "news20", 100, options.sweeps, workers=2, schedule__blocks=count, seed=seed)
            curves[count, seed] = run.likelihoods
    means = [[statistics.mean(at) for at in zip(*(curves[count, seed] for seed in seeds))] for count in BLOCKS]
    cells = [[sweep] + ["%.4f" % (mean[sweep - 1] / run.tokens) for mean in means] +
             ["%.3f %%" % (100 * (min(at) / max(at) - 1))]
             for sweep in sorted({1, 2, 3, FROM, 10, 20, 30, options.sweeps}) if sweep <= options.sweeps
             for at in [[mean[sweep - 1] for mean in means]]]
    apart = [("mean of %d seeds" % options.seeds, widest(means))]
    apart += [("seed %d" % seed, widest([curves[count, seed] for count in BLOCKS])) for seed in seeds]
    apart += [("%d blocks, its seeds" % count, widest([curves[count, seed] for seed in seeds]))
              for count in BLOCKS if options.seeds > 1]
    text = ("## Progress and logical workers\n\nnews20, K = 100, `schedule.blocks` P: P logical workers at once, "
            "totals stale by a round. Log-likelihood per token after a sweep, mean of %d seeds, and how far the "
            "furthest are apart.\n\n" % options.seeds)
    text += common.table(["sweep"] + ["P = %d" % count for count in BLOCKS] + ["apart"], cells)
    text += ("\nThe largest relative difference of two numbers of blocks at one sweep, from sweep %d on; and, for "
             "comparison, of two seeds with one number of blocks. Bar, of the mean: %g %%: %s; of each seed: %s."
             "\n\n" % (FROM, 100 * ALIKE, met(apart[0][1][0] <= ALIKE),
                     met(all(one[1][0] <= ALIKE for one in apart[1:1 + options.seeds]))))
    return text + common.table(["of", "apart", "at sweep"],
                               [[name, "%.3f %%" % (100 * one), sweep] for name, (one, sweep) in apart])


# ---- STRADS --------------------------------------------------------------------------------------

def strads(options):
    passes = STRADS["passes"]
    machine = limits(options, "ap", 100)
    runs = [Run(options, "ap", 100, passes, workers=2) for _ in range(options.runs)]
    same(runs, "ap")
    tokens, value = runs[0].tokens * passes, runs[0].likelihoods[-1]
    rate = tokens / min(run.lines[-1]["t"] for run in runs)
    rows = [["STRADS", "%.2f" % (STRADS["rate"] / 1e6), "", "%.4g" % STRADS["likelihood"], "", ""],
            ["Rondo", "%.2f (%.2f)" % (rate / 1e6, tokens / statistics.median(
                run.lines[-1]["t"] for run in runs) / 1e6), "%.2f" % (rate / machine.lines), "%.5g" % value,
             "%.0f" % max(run.megabytes for run in runs),
             "rate %s, likelihood %s" % (met(rate >= STRADS["times"] * STRADS["rate"]),
                                         met(value > STRADS["likelihood"]))]]
    text = ("## STRADS on ap, K = 100, 2 workers\n\n%d passes, M tokens/s over all of them, of all workers "
            "together, opening and likelihoods in it (the best of %d runs, the median), and the log-likelihood "
            "after them. STRADS had the same alpha = 50/K and beta = 0.01. Bar: %g times its rate, a better "
            "likelihood. Lines of one thread: %.1f M/s from %.1f MB of counts; two threads gain %.2f of random "
            "lines, %.2f of multiply-adds.\n\n" % (passes, len(runs), STRADS["times"], machine.lines / 1e6,
                                                  machine.bytes / 1e6, machine.gain, machine.sums_gain))
    return text + common.table(["", "M tokens/s", "in lines", "log-likelihood", "MB", "bars"], rows)


# ---- many topics ---------------------------------------------------------------------------------

def many(options):
    machine, rows = limits(options, "news20", MANY), []
    runs = [(sampler, Run(options, "news20", MANY, options.many_sweeps, params__sampler=sampler))
            for sampler in ("exact", "mh")]
    for i in range(options.many_sweeps):
        rows.append([i + 1] + [cell for _, run in runs for cell in (
            "%.2f" % run.lines[i]["t"], "%.4f" % run.lines[i]["log_likelihood_per_token"])])
    text = "## news20, K = %d: exact and Metropolis-Hastings\n\nOne worker, one run.\n\n" % MANY
    text += common.table(["sampler", "late M tokens/s", "in lines", "MB"], [
        [sampler, "%.2f" % (run.rate / 1e6), "%.2f" % (run.rate / machine.lines), "%.0f" % run.megabytes]
        for sampler, run in runs])
    text += "\nLines: %.1f M/s from %.1f MB of counts.\n\n" % (machine.lines / 1e6, machine.bytes / 1e6)
    return text + common.table(["sweep"] + [head for sampler, _ in runs for head in (
        sampler + ", s", "per token")], rows)


# ---- all -----------------------------------------------------------------------------------------

CASES = {"news20/100": lambda options: speed(options, 100), "news20/1000": lambda options: speed(options, 1000),
         "blocks": blocks, "ap": strads, "mh": many}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=lambda text: text.split(","), default=list(CASES))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--sweeps", type=int, default=50)
    parser.add_argument("--many-sweeps", type=int, default=20, help="of case mh")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    unknown = [case for case in options.cases if case not in CASES]
    if unknown:
        parser.error("no case %s; there are %s" % (", ".join(unknown), ", ".join(CASES)))
    return options


def main():
    options = parse()
    options.shared = os.environ.get("RONDO_SHARED")
    if not options.shared:
        print("lda_peers: skipped, RONDO_SHARED is not set")
        return
    options.scratch = tempfile.mkdtemp(prefix="rondo-bench-")
    text = TEXT % {"date": common.DATE, "machine": common.machine()}
    try:
        for case in options.cases:
            print(case, flush=True)
            text += "\n" + CASES[case](options)
    finally:
        shutil.rmtree(options.scratch)
    print(text)
    if options.write:
        common.write_doc("lda-peers.md", text)


if __name__ == "__main__":
    main()
