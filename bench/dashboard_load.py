#!/usr/bin/env python3
"""dashboard_load.py [--turns N] [--write] - what it costs a job that somebody looks on.

A coordinator has 1000 jobs in its store and runs one of as many rounds a second as can be: the Lasso, one
variable a round, by one worker over a socket of the machine. Watchers follow `/v1/events` and the job's events,
with its digest, each on two connections of its own, in another process that reads and counts bytes alone.
Rounds are counted by `rondo_rounds_total` in windows of a second, in pairs: nobody, watchers, watchers, nobody,
so that what drifts falls out, and so many watchers after the other in each turn. The loss is that of a pair of
pairs; given are the median of all (8, or as --turns says) and their quartiles. The same with no watcher in
either window is the noise. All is on one machine: what the watchers' own process takes is part of the loss.
What the service itself takes for them is the time on a processor of its HTTP threads, as the kernel counts it,
and likewise what the watchers take to read: of all processors' time the two are the share that a job which
keeps them all busy can lose by them, whatever else makes windows differ. Last, the digest is asked for, by GET,
a new one each time.
"""

import json
import multiprocessing
import os
import re
import select
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time

import common

sys.path.insert(0, os.path.join(common.ROOT, "tests", "e2e"))
import storm  # noqa: E402

JOBS, WINDOW_S, TURNS, BAR = 1000, 1.0, 8, 0.02
WATCHERS = (0, 1, 5)


class Service:
    """A coordinator, its worker, and what its clients ask."""

    def __init__(self, folder):
        self.log = open(os.path.join(folder, "log"), "wb")
        words = ["--listen", "ipc://" + os.path.join(folder, "socket"), "--http", "127.0.0.1:0", "--state", os.path.join(folder, "state"),
                 "--data-root", folder, "--jobs", "1"]
        self.coordinator = subprocess.Popen([common.RONDO, "coordinator", *words], stdout=subprocess.PIPE,
                                            stderr=self.log, universal_newlines=True)
        listen, self.http = [self.coordinator.stdout.readline().split()[1] for _ in range(2)]
        self.worker = subprocess.Popen([common.RONDO, "worker", "--coordinator", listen], stdout=self.log,
                                       stderr=self.log)
        self.client = storm.Client(self.http)

    def ask(self, method, path, body=None):
        status, content, seconds = self.client.ask(method, path, body)
        assert status < 300, content
        return content, seconds

    def rounds(self):
        """(time, rounds committed until then)"""
        text = self.ask("GET", "/metrics")[0].decode()
        return time.monotonic(), int(re.search(r"^rondo_rounds_total (\d+)$", text, re.M).group(1))

    def busy(self):
        """Seconds of the processor that the threads of HTTP have taken."""
        folder, total = "/proc/%d/task" % self.coordinator.pid, 0
        for task in os.listdir(folder):
            with open(os.path.join(folder, task, "comm"), encoding="utf-8") as stream:
                http = stream.read().startswith("MHD")
            with open(os.path.join(folder, task, "schedstat"), encoding="utf-8") as stream:
                total += int(stream.read().split()[0]) * http
        return total / 1e9

    def rate(self, seconds):
        """(rounds, processor time of HTTP) in a second"""
        (begin, before), busy = self.rounds(), self.busy()
        time.sleep(seconds)
        busy = self.busy() - busy
        end, after = self.rounds()
        return (after - before) / (end - begin), busy / seconds

    def end(self):
        for process in (self.worker, self.coordinator):
            process.send_signal(signal.SIGTERM)
        for process in (self.worker, self.coordinator):
            process.wait()
        self.log.close()


class Watchers:
    """So many who look on, in a process of their own; end() gives the bytes they were sent in a second, and
    the processor's time that this took."""

    def __init__(self, address, number, count):
        self.over, (self.mine, theirs) = multiprocessing.Event(), multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=self.run, args=(address, number, count, theirs))
        self.process.start()
        self.mine.recv()

    def run(self, address, number, count, pipe):
        host, port = address.rsplit("/", 1)[1].rsplit(":", 1)
        poll, peers, got = select.epoll(), {}, 0
        for path in ("/v1/events", "/v1/jobs/%s/events" % number) * count:
            peer = socket.create_connection((host, int(port)))
            peer.sendall(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path.encode())
            poll.register(peer, select.EPOLLIN)
            peers[peer.fileno()] = peer
        begin, busy = time.monotonic(), time.process_time()
        pipe.send(None)
        while not self.over.is_set():
            for number, _ in poll.poll(0.1):
                more = len(peers[number].recv(1 << 20))
                assert more, "a stream has ended"
                got += more
        seconds = time.monotonic() - begin
        pipe.send((got / seconds, (time.process_time() - busy) / seconds))

    def end(self):
        self.over.set()
        rate = self.mine.recv()
        self.process.join()
        return rate


def prepare(service, folder):
    """The job that runs, and 1000 that wait, ended or not; the first's id."""
    data = common.generate(os.path.join(folder, "data"), "--rows", "50", "--cols", "1000", "--seed", "1")
    x, y = ([os.path.join(data, n) for n in os.listdir(data) if n.startswith(p)][0] for p in ("x.", "y."))
    spec = {"version": 1, "app": "lasso", "name": "runs", "data": {"x": x, "y": y},
            "params": {"lambda_ratio": 0.001}, "stop": {"gap": 0, "rounds": 10 ** 9}, "trace": "rounds",
            "schedule": {"blocks": 1, "block_size": 1, "priority": {"rule": "uniform"}, "dependency": {"check": "none"}}}
    number = json.loads(service.ask("POST", "/v1/jobs", json.dumps(spec).encode())[0])["id"]
    while json.loads(service.ask("GET", "/v1/jobs/" + number)[0])["state"] == "queued":
        time.sleep(0.05)
    waits = json.dumps(dict(spec, name="waits")).encode()
    jobs = storm.Storm(service.http, lambda n: waits, JOBS - 1, 8).begin().end()
    assert not jobs.refused, jobs.refused[:3]
    for one in list(jobs.ids.values())[::2]:
        service.ask("POST", "/v1/jobs/%s/cancel" % one)
    while service.rate(1.0)[0] < 100:
        pass
    return number


def window(service, number, count):
    """(rounds, processor time of HTTP, bytes for each, the watchers' processor time) in a second"""
    watchers = Watchers(service.http, number, count) if count else None
    time.sleep(0.3)
    rate = service.rate(WINDOW_S)
    sent, own = watchers.end() if watchers else (0, 0)
    return (*rate, sent / max(count, 1), own)


def compare(service, number, turns):
    """Of each count of WATCHERS (rounds a second with nobody, losses), and of a window with watchers what is
    behind the rounds."""
    found = {count: ([], [], []) for count in WATCHERS}
    for _ in range(turns):
        for count, (rates, losses, watched) in found.items():
            turn = [window(service, number, n) for n in (0, count, count, 0)]
            alone, seen = turn[0][0] + turn[3][0], turn[1][0] + turn[2][0]
            losses.append(1 - seen / alone)
            rates.append(alone / 2)
            watched += [turn[1][1:], turn[2][1:]]
    return [(count, statistics.median(rates), sorted(losses), *map(statistics.median, zip(*watched)))
            for count, (rates, losses, watched) in found.items()]


def digests(service, number):
    """Seconds and bytes of a digest that is made anew for each."""
    seconds = []
    for _ in range(8):
        time.sleep(1.1)
        content, spent = service.ask("GET", "/v1/jobs/%s/digest" % number)
        seconds.append(spent)
    return seconds, len(content), json.loads(content)


def measure(folder, turns):
    service = Service(folder)
    try:
        number = prepare(service, folder)
        rows = compare(service, number, turns)
        seconds, size, digest = digests(service, number)
        state = json.loads(service.ask("GET", "/v1/jobs/" + number)[0])["state"]
        assert state == "running" and digest["timeline"]["bars"], state
    finally:
        service.end()
    return rows, seconds, size


def main():
    options = common.options(turns={"type": int, "default": TURNS})
    rows, seconds, size = measure(options.folder, max(options.turns, 2))  # one has no quartiles
    text = "# A job that is watched\n\nMade by `bench/dashboard_load.py` on %s; %s.\n\n" % (
        common.DATE, common.machine())
    text += __doc__.split("\n\n", 1)[1].strip() + "\n\n"
    cells = []
    for count, rate, losses, busy, sent, own in rows:
        quarter = statistics.quantiles(losses, n=4)
        cells.append([count, "%.0f" % rate, "%.2f" % (100 * statistics.median(losses)),
                      "%.2f to %.2f" % (100 * quarter[0], 100 * quarter[2]), "%.2f" % (1e3 * busy),
                      "%.2f" % (1e3 * own), "%.2f" % (100 * (busy + own) / os.cpu_count()), "%.1f" % (sent / 1024)])
    text += common.table(["watchers", "rounds a second with nobody", "loss, %", "quartiles, %",
                          "ms of a processor a second, for HTTP", "for the watchers",
                          "both, % of all processors", "KiB a second for each"], cells)
    worst = max(statistics.median(losses) for count, _, losses, *_ in rows if count)
    text += "\nbar: the solve loses less than %.0f %%: %s (%.2f %%)\n" % (
        100 * BAR, "met" if worst < BAR else "not met", 100 * worst)
    text += "\nA digest of %.0f KiB is served in %.1f ms (median of %d, at most %.1f).\n" % (
        size / 1024, 1e3 * statistics.median(seconds), len(seconds), 1e3 * max(seconds))
    if options.write:
        common.write_doc("dashboard.md", text)
    print(text)
    shutil.rmtree(options.folder)


if __name__ == "__main__":
    main()
