#!/usr/bin/env python3
"""service_load.py [JOBS] - many clients, many small jobs, one coordinator.

50 clients, a thread and a connection each (every second one is kept, the others are made anew for
each request), submit JOBS small Lasso jobs (1000; 100 x 200) as fast as they are answered, to a
coordinator with two workers, all on one machine and over loopback; when all have ended, again, five
times. Another process asks meanwhile, one request after the other, for the newest 100 jobs, the
newest 1000, and single ones: while jobs are submitted, while they run, and while there is nothing
else. Times are the client's, its interpreter's part of them included. A bare round trip (`/healthz`)
of the same client, in turn with the rest, is the machine's own limit. Every job is checked to be
completed, to have been started once, and to have the same model. Writes
docs/benchmarks/service-load.md.
"""

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import common

sys.path.insert(0, os.path.join(common.ROOT, "tests", "e2e"))
import storm  # noqa: E402

CLIENTS, WORKERS, STORMS, BAR = 50, 2, 5, 0.050


class Reader:
    """storm.poll in a process of its own; end() gives its times."""

    def __init__(self, address):
        self.over = multiprocessing.Event()
        self.mine, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=self.run, args=(address, theirs))
        self.process.start()

    def run(self, address, pipe):
        pipe.send(storm.poll(address, self.over.is_set, 0.001))

    def end(self):
        self.over.set()
        seconds = self.mine.recv()
        self.process.join()
        return seconds


class Service:
    """A coordinator and its workers."""

    def __init__(self, folder):
        words = ["coordinator", "--listen", "tcp://127.0.0.1:0", "--http", "127.0.0.1:0", "--state",
                 os.path.join(folder, "state"), "--data-root", folder]
        self.log = open(os.path.join(folder, "log"), "wb")
        self.coordinator = subprocess.Popen([common.RONDO, *words], stdout=subprocess.PIPE,
                                            stderr=self.log, universal_newlines=True)
        listen, self.http = [self.coordinator.stdout.readline().split()[1] for _ in range(2)]
        self.workers = [subprocess.Popen([common.RONDO, "worker", "--coordinator", listen],
                                         stdout=self.log, stderr=self.log) for _ in range(WORKERS)]
        while len(json.loads(storm.Client(self.http).ask("GET", "/v1/workers")[1])["workers"]) \
                < WORKERS:
            time.sleep(0.05)

    def weigh(self):
        return [storm.weigh(p.pid) for p in [self.coordinator] + self.workers]

    def drain(self):
        while storm.unfinished(self.http):
            time.sleep(0.1)

    def end(self):
        for process in self.workers + [self.coordinator]:
            process.send_signal(signal.SIGTERM)
        for process in self.workers + [self.coordinator]:
            process.wait()
        self.log.close()


def submit(service, spec, jobs):
    """(the storm, its seconds, the reader's times meanwhile)"""
    reader, begin = Reader(service.http), time.monotonic()
    clients = storm.Storm(service.http, lambda number: spec, jobs, CLIENTS).begin().end()
    spent = time.monotonic() - begin
    return clients, spent, reader.end()


def idle(service, seconds=5):
    reader = Reader(service.http)
    time.sleep(seconds)
    return reader.end()


def check(service, ids, jobs):
    listed = storm.list_all(service.http)
    results = storm.results(service.http, listed)
    assert len(ids) == len(set(ids)) == jobs, "ids: %d of %d" % (len(set(ids)), jobs)
    assert set(ids) <= set(listed)
    assert {job["state"] for job in listed.values()} == {"completed"}
    assert {job["starts"] for job in listed.values()} == {1}
    assert len({result["model_sha256"] for result in results.values()}) == 1


def row(what, when, seconds):
    p50, p99 = (storm.percentile(seconds, share) * 1e3 for share in (50, 99))
    return [what, when, len(seconds), "%.1f" % p50, "%.1f" % p99, "%.1f" % (max(seconds) * 1e3)]


def weights(stages):
    rows = []
    for when, parts in stages:
        for name, part in zip(["coordinator"] + ["worker %d" % (i + 1) for i in range(WORKERS)],
                              parts):
            rows.append([name, when, "%.1f" % (part["rss"] / 2 ** 20),
                         "%.1f" % (part["peak"] / 2 ** 20), part["threads"], part["files"],
                         "%.1f" % part["cpu"]])
    return sorted(rows, key=lambda r: r[0])


def prepare(folder):
    """A small spec's bytes."""
    data = common.generate(os.path.join(folder, "data"), "--design", "ar", "--rows", "100",
                           "--cols", "200", "--seed", "1")
    x, y = (os.path.join(data, name) for name in ("x.npy", "y.npy"))
    return json.dumps({"version": 1, "app": "lasso", "data": {"x": x, "y": y},
                       "params": {"lambda_ratio": 0.1}}).encode()


def gather(into, seconds):
    for what, more in seconds.items():
        into.setdefault(what, []).extend(more)


class Measurement:
    """Times by what was asked and what went on; weights by what had happened."""

    def __init__(self, service, spec):
        self.service, self.spec = service, spec
        self.submits, self.stormy, self.running, self.ids = [], {}, {}, []
        self.submit_seconds = self.run_seconds = self.finished = 0
        self.stages = [("0 jobs", service.weigh())]

    def storm(self, jobs):
        clients, spent, stormy = submit(self.service, self.spec, jobs)
        assert not clients.refused, clients.refused[:3]
        self.submits += clients.seconds
        self.submit_seconds += spent
        gather(self.stormy, stormy)
        reader, begin = Reader(self.service.http), time.monotonic()
        self.finished += storm.unfinished(self.service.http)
        self.service.drain()
        self.run_seconds += time.monotonic() - begin
        gather(self.running, reader.end())
        self.ids += clients.ids.values()
        self.stages.append(("%d jobs" % len(self.ids), self.service.weigh()))


def measure(folder, jobs):
    service = Service(folder)
    try:
        measured = Measurement(service, prepare(folder))
        measured.storm(jobs)
        quiet = idle(service)
        for _ in range(STORMS - 1):
            measured.storm(jobs)
        check(service, measured.ids, STORMS * jobs)
    finally:
        service.end()
    rows = [row("submit", "submitting", measured.submits)]
    for when, seconds in (("idle", quiet), ("submitting", measured.stormy),
                          ("running", measured.running)):
        rows += [row(what, when, seconds[what]) for what in seconds]
    return rows, weights(measured.stages), STORMS * jobs / measured.submit_seconds, \
        measured.finished / measured.run_seconds


def main():
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    folder = tempfile.mkdtemp()
    try:
        rows, memory, submitted, finished = measure(folder, jobs)
    finally:
        shutil.rmtree(folder)
    text = "# The service under load\n\nMade by `bench/service_load.py` on %s; %s.\n\n" % (
        common.DATE, common.machine())
    text += __doc__.split("\n\n", 1)[1].rsplit(" Writes\n", 1)[0] + "\n\n"
    text += "Milliseconds of a request:\n\n" + common.table(
        ["request", "while", "count", "median", "99th percentile", "worst"], rows)
    worst = max(float(r[4]) for r in rows if r[0] not in ("submit", "healthz"))
    bare = max(float(r[4]) for r in rows if r[0] == "healthz")
    text += "\nbar: list and status below %.0f ms at the 99th percentile: %s (%.1f ms; a bare round " \
        "trip: %.1f ms; load average at the end %.1f)\n" % (
            BAR * 1e3, "met" if worst < BAR * 1e3 else "not met", worst, bare, os.getloadavg()[0])
    text += "\n%.0f jobs a second were accepted, %.1f a second finished behind that.\n" % (
        submitted, finished)
    text += "\nMemory in MiB, threads, open files, and seconds of CPU since its beginning:\n\n" + common.table(
        ["process", "when", "RSS", "peak", "threads", "files", "CPU s"], memory)
    common.write_doc("service-load.md", text)
    print(text)


if __name__ == "__main__":
    main()
