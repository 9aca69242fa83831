"""mf_runs.py - for mf_peers.py: ratings and their split, a job of Rondo, LIBMF's mf-train, the kernel alone."""

import gzip
import json
import math
import os
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import threading
import time

import common

KERNEL = os.path.join(os.path.dirname(common.RONDO), "bench", "mf_kernel")
LIBMF = os.environ.get("RONDO_LIBMF")
WARM = 3        # epochs before those whose seconds count
WORD = (1 << 64) - 1


# ---- data ----------------------------------------------------------------------------------------

def splitmix64(z):
    z = (z + 0x9E3779B97F4A7C15) & WORD
    z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & WORD
    z = ((z ^ z >> 27) * 0x94D049BB133111EB) & WORD
    return z ^ z >> 31


class Data:
    """Two files of ratings, and how many are in them."""

    def __init__(self, train, test, count, tests):
        self.train, self.test, self.count, self.tests = train, test, count, tests


def split(options, name, share, least=0):
    """RONDO_SHARED's NAME.uir.gz, its ratings of `least` and more: line j of them, from 0, is test where
    splitmix64(2^32 xor j) < share 2^64.  Once."""
    at = os.path.join(options.scratch, "%s-%g" % (name, least))
    if at not in options.made:
        counts = [0, 0]
        with gzip.open(os.path.join(options.shared, "data", "mf", name + ".uir.gz"), "rt") as lines, \
                open(at + ".train", "w", encoding="ascii") as train, \
                open(at + ".test", "w", encoding="ascii") as test:
            kept = (line for line in lines if float(line.split()[2]) >= least)
            for j, line in enumerate(kept):
                is_test = splitmix64((1 << 32) ^ j) < share * 2.0**64
                counts[is_test] += 1
                (test if is_test else train).write(line)
        options.made[at] = Data(at + ".train", at + ".test", *counts)
    return options.made[at]


def synthetic(options):
    """200,000 x 20,000, 20 M ratings, a tenth of them test: rondo data generate mf's defaults else.  Once."""
    at = os.path.join(options.scratch, "synthetic")
    if at not in options.made:
        said = common.rondo("data", "generate", "mf", "--users", "200000", "--items", "20000", "--ratings",
                            "20000000", "--test", "0.1", "--seed", "1", "--out", at)
        counts = {name: int(count) for name, count in re.findall(r"(\w+)\.txt: .*?, (\d+) values", said)}
        options.made[at] = Data(os.path.join(at, "train.txt"), os.path.join(at, "test.txt"), counts["train"],
                                counts["test"])
    return options.made[at]


# ---- a job ---------------------------------------------------------------------------------------

class Run:
    """One job: its result, its progress by epoch, and the seconds of each epoch."""

    def __init__(self, options, data, epochs, workers=1, test=True, seed=1, **params):
        self.params, self.seed, self.out = params, seed, os.path.join(options.scratch, "out")
        shutil.rmtree(self.out, ignore_errors=True)
        files = {"train": data.train, "test": data.test} if test else {"train": data.train}
        spec = common.write_job(os.path.join(options.scratch, "job.json"), {
            "version": 1, "app": "mf", "data": files, "params": params, "trace": "blocks", "seed": seed,
            "stop": {"epochs": epochs}})
        self.result = common.run(spec, self.out, workers=workers)
        with open(os.path.join(self.out, "progress.jsonl"), encoding="utf-8") as stream:
            of_epoch = {line["epochs"]: line for line in reversed([json.loads(line) for line in stream])}
        self.lines = [of_epoch[epoch] for epoch in sorted(of_epoch)]  # what is said first counts
        self.bits = self.result["model_sha256"]
        self.curve = [line.get("test_rmse") for line in self.lines]
        self.kib = self.result["peak_rss_bytes"] / 1024
        self.load = self.result["seconds"]["load"]
        self.read_trace()
        late = slice(min(WARM, epochs - 1), None)
        self.epoch, self.visit = statistics.median(self.wholes[late]), statistics.median(self.visits[late])
        print("  %s, %d epochs, workers %d%s: %.4f s an epoch, visiting %.4f%s" % (
            os.path.basename(data.train), epochs, workers, "".join(", %s %s" % key for key in params.items()),
            self.epoch, self.visit, "; test RMSE %.4f" % self.best if self.curve[0] else ""), flush=True)

    def read_trace(self):
        """Seconds of each epoch from one commit to the next, and of these in the first phase of its rounds; when
        each was over, from the beginning of the first round."""
        trace = sqlite3.connect(os.path.join(self.out, "trace.db"))
        begin, = trace.execute("select begin_ns from rounds where round = 1").fetchone()
        end = dict(trace.execute("select round, end_ns from rounds"))
        task = dict(trace.execute("select round, max(done_ns) - min(sent_ns) from tasks where phase = 0 "
                                  "group by round"))
        trace.close()
        rounds = [0] + [line["round"] for line in self.lines]
        self.ends = [(end[last] - begin) * 1e-9 for last in rounds[1:]]
        self.wholes = [now - before for before, now in zip([0] + self.ends, self.ends)]
        self.visits = [1e-9 * sum(task[i] for i in range(before + 1, last + 1))
                       for before, last in zip(rounds, rounds[1:])]

    @property
    def best(self):
        return min(self.curve)

    def epochs_to(self, goal):
        """The first epoch after which the test RMSE is so low; None: there was none."""
        return next((epoch for epoch, rmse in enumerate(self.curve, 1) if rmse <= goal), None)

    def predict(self, data):
        """rondo predict's metrics of the test pairs."""
        said = common.rondo("predict", "--model", self.out, "--data", data.test, "--out",
                            os.path.join(self.out, "predicted.txt"), "--json")
        return json.loads(said)["metrics"]

    def ranking(self, data, at=20):
        """Recall@20 and NDCG@20 from `rondo predict --top 20` and the files, nothing of the job's own figures
        used: (recall by min(20, test items), NDCG) over test items that are in training, (the same) over all
        test items, and recall divided by all test items."""
        path = os.path.join(self.out, "top.tsv")
        common.rondo("predict", "--model", self.out, "--data", data.train, "--out", path, "--top", str(at))
        with open(data.train, encoding="ascii") as lines:
            items = {line.split()[1] for line in lines}
        best, likes = {}, {}
        with open(path, encoding="utf-8") as lines:
            for user, item, _ in (line.split() for line in lines):
                best.setdefault(user, []).append(item)
        with open(data.test, encoding="ascii") as lines:
            for user, item, _ in (line.split() for line in lines):
                if user in best:
                    likes.setdefault(user, set()).add(item)
        known = {user: liked & items for user, liked in likes.items() if liked & items}
        return ranked(best, known, at)[:2], ranked(best, likes, at)


def ranked(best, likes, at):
    """Means over users of recall by min(at, test items), NDCG, recall by test items."""
    gain = [1 / math.log2(place + 2) for place in range(at)]
    sums = [0.0, 0.0, 0.0]
    for user, liked in likes.items():
        hits = [place for place, item in enumerate(best[user][:at]) if item in liked]
        most = min(at, len(liked))
        for i, value in enumerate((len(hits) / most, sum(gain[place] for place in hits) / sum(gain[:most]),
                                   len(hits) / len(liked))):
            sums[i] += value / len(likes)
    return sums


def same(runs, what):
    """Stops where two runs of one job differ in their bits or in the RMSE of an epoch."""
    for run in runs[1:]:
        if run.bits != runs[0].bits or run.curve != runs[0].curve:
            sys.exit("mf_peers: %s: two runs of one job differ" % what)


# ---- LIBMF ---------------------------------------------------------------------------------------

class Libmf:
    """mf-train at a rank.  Without RONDO_LIBMF nothing is run, and what it would have found is None."""

    def __init__(self, options, data, rank, eta):
        self.data, self.words = data, [LIBMF, "-k", str(rank), "-l2", "0.05", "-r", str(eta)]
        self.model = os.path.join(options.scratch, "model")
        self.medians, self.load, self.kib, self.curve = {}, None, None, []

    def train(self, epochs, *words):
        """When each of its lines of an epoch came, in seconds from the start, and the lines; the peak, in KiB."""
        begin = time.monotonic()
        with subprocess.Popen([*self.words, "-t", str(epochs), *words, self.data.train, self.model],
                              stdout=subprocess.PIPE, universal_newlines=True) as process:
            peaks, over = [0], threading.Event()
            watch = threading.Thread(target=watch_peak, args=(process.pid, peaks, over))
            watch.start()
            lines = [(time.monotonic() - begin, line.split()) for line in process.stdout]
            over.set()
            watch.join()
        if process.returncode:
            sys.exit("mf_peers: mf-train failed")
        return [line for line in lines if line[1] and line[1][0].isdigit()], max(peaks)

    def again(self, epochs, threads=1):
        """Another run without test ratings: the median of its epochs."""
        if LIBMF:
            lines, kib = self.train(epochs, "-s", str(threads))
            took = [now[0] - before[0] for before, now in zip(lines, lines[1:])]
            self.medians.setdefault(threads, []).append(statistics.median(took[WARM - 1:]))
            if threads == 1:
                self.load, self.kib = lines[0][0] - took[0], kib

    def look(self, epochs):
        """A run with test ratings: the RMSE by epoch."""
        if LIBMF:
            lines, self.kib = self.train(epochs, "-s", "1", "-p", self.data.test)
            self.curve = [float(words[2]) for _, words in lines]

    def epoch(self, threads=1):
        return min(self.medians[threads]) if threads in self.medians else None

    def epochs_to(self, goal):
        return next((epoch for epoch, rmse in enumerate(self.curve, 1) if rmse <= goal), None)


def watch_peak(pid, peaks, over):
    while not over.wait(0.02):
        try:
            with open("/proc/%d/status" % pid, encoding="utf-8") as lines:
                peaks += [int(line.split()[1]) for line in lines if line.startswith("VmHWM")]
        except OSError:
            return


# ---- the kernel ----------------------------------------------------------------------------------

class Kernel:
    """bench/mf_kernel: M ratings/s of {(shape, rank): (kernel, plain loop)}, alone; what two at once do more."""

    def __init__(self, isa):
        alone = kernels(isa, 1) + kernels(isa, 1)
        pair = kernels(isa, 2)
        self.rates = {key: max(each[key] for each in alone) for key in alone[0]}
        self.gain = {key: sum(each[key][0] for each in pair) / rate[0] for key, rate in self.rates.items()}


def kernels(isa, count):
    processes = [subprocess.Popen([KERNEL, isa], stdout=subprocess.PIPE, universal_newlines=True)
                 for _ in range(count)]
    said = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        sys.exit("mf_peers: mf_kernel failed")
    return [{(shape.strip(), int(rank)): (float(it), float(plain)) for shape, rank, it, plain in
             re.findall(r"^(.*?) rank +(\d+) +([\d.]+) +([\d.]+)", text, re.M)} for text in said]
