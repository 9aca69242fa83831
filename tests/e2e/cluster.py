"""cluster.py - a coordinator and its workers as processes, for end-to-end tests.

Everything is started by, and ended with, the test that asked for it; all of it on loopback.
"""

import json
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request

import logfmt
import support
from support import RONDO

SLOW = 4 if support.SANITIZED else 1
PATIENCE = 120  # seconds
LONGEST = 1200 if support.SANITIZED else 600  # less than ctest gives a script (tests/CMakeLists.txt), which names nothing


def patience(seconds):
    """How long to wait for what comes within so many seconds on a machine of one's own.  Ours has other things to
    do: that something comes is asked of the program, and how soon of no test that waits for it."""
    return min(max(seconds, PATIENCE) * SLOW, LONGEST)


def wait_for(what, seconds, look, pause=0.02):
    """Looks until it is so; the answer.  Fails by name."""
    seconds = patience(seconds)
    until = time.monotonic() + seconds
    while True:
        answer = look()
        if answer:
            return answer
        if time.monotonic() > until:
            raise AssertionError("not within %d s: %s" % (seconds, what))
        time.sleep(pause)


class Process:
    """rondo with its stderr in a file; ended by the test's end, whatever happens."""

    def __init__(self, case, name, *words, prefix=(), env=None, stdout=subprocess.DEVNULL, cwd=None):
        self.name = name
        self.log = case.path(name + ".log")
        env = {"XDG_CACHE_HOME": case.path("cache"), **(env or {})}
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([*prefix, RONDO, *map(str, words)], stderr=log,
                                            stdout=stdout, env=dict(os.environ, **env),
                                            cwd=cwd or case.dir, text=True)
        case.addCleanup(self.end)

    @property
    def pid(self):
        return self.process.pid

    def running(self):
        return self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def wait(self, seconds=60):
        return self.process.wait(timeout=patience(seconds))

    def end(self):
        """Asks it to end, so that a sanitizer can say what it has found."""
        try:
            if self.running():
                self.signal(signal.SIGCONT)
                self.signal(signal.SIGTERM)
                self.wait(20)
        finally:
            if self.running():
                self.kill()
            if self.process.stdout:
                self.process.stdout.close()
        found = re.search(r"(?m)^.*(Sanitizer|runtime error:).*$", self.said())
        if found:
            raise AssertionError("%s: %s\n%s" % (self.name, found.group(), self.said()[-20000:]))

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as stream:
            return stream.read()

    def events(self):
        """What a service has said, a dict for each line; ValueError where one is not logfmt."""
        *lines, rest = self.said().split("\n")
        if rest:
            raise ValueError("half a line: %r" % rest)
        return [logfmt.event(line) for line in lines]


class Coordinator(Process):
    """listen, http: where it says that it listens.  headers, tls: of what `ask` asks."""

    headers, tls = {}, None

    def __init__(self, case, *words, state="state", name="coordinator", listen="tcp://127.0.0.1:0",
                 http="127.0.0.1:0", roots=("/",), **more):
        self.case, self.state = case, case.path(state)
        words = ["--listen", listen, "--http", http, "--state", self.state, *words]
        for root in roots:
            words += ["--data-root", root]
        super().__init__(case, name, "coordinator", *words, stdout=subprocess.PIPE, **more)
        lines = [self.process.stdout.readline().split() for _ in range(2)]
        if [line[:1] for line in lines] != [["workers"], ["http"]]:
            raise AssertionError("the coordinator did not start: " + self.said())
        self.listen, self.http = lines[0][1], lines[1][1]

    def worker(self, name, *words, **more):
        return Process(self.case, name, "worker", "--coordinator", self.listen, "--name", name,
                       *words, **more)

    # ---- as a client ------------------------------------------------------------------------

    def call(self, *words, **more):
        return support.call(*words, "--coordinator", self.http, **more)

    def submit(self, spec, *sets):
        words = [w for s in sets for w in ("--set", s)]
        done = self.call("submit", spec, *words)
        self.case.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def ask(self, path, data=None, method=None):
        """(status, body) over HTTP."""
        request = urllib.request.Request(self.http + path, data=data, method=method,
                                         headers=self.headers)
        try:
            opener = urllib.request.build_opener(  # whatever proxy the environment has
                urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self.tls))
            with opener.open(request, timeout=PATIENCE) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def job(self, number):
        status, body = self.ask("/v1/jobs/" + number)
        self.case.assertEqual(status, 200, body)
        return json.loads(body)

    def workers(self):
        return json.loads(self.ask("/v1/workers")[1])["workers"]

    def wait_workers(self, count, seconds=20):
        wait_for("%d workers" % count, seconds, lambda: len(self.workers()) == count)

    def wait_job(self, number, seconds=600):
        def ended():
            job = self.job(number)
            return job if job["state"] in ("completed", "failed", "cancelled") else None
        return wait_for("job %s ends" % number, seconds, ended, 0.05)

    def lose_a_worker(self, spec):
        """Runs a job, which completes, and kills a second worker behind its first report: (the id, whether it ran then)."""
        victim = self.worker("victim")
        self.wait_workers(2)
        number = self.submit(spec)
        self.wait_progress(number)
        running = self.job(number)["state"] == "running"
        victim.kill()
        self.case.assertEqual(self.wait_job(number)["state"], "completed")
        self.wait_workers(1)
        return number, running

    def wait_progress(self, number, seconds=60):
        """Until it has reported once; the job."""
        def reported():
            job = self.job(number)
            return job if job.get("progress") or job["state"] != "running" else None
        wait_for("job %s begins" % number, seconds, lambda: self.job(number)["state"] != "queued")
        return wait_for("job %s reports" % number, seconds, reported)

    def result(self, number):
        status, body = self.ask("/v1/jobs/%s/files/result.json" % number)
        self.case.assertEqual(status, 200, body)
        return json.loads(body)
