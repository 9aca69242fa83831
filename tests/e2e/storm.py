"""storm.py - many clients at once, and what a process costs: for test_load.py and bench.

Clients are real connections (http.client), a thread each; readers can be processes of their own, so
that a client's interpreter does not wait for another's.
"""

import http.client
import json
import os
import threading
import time


class Client:
    """A connection that is kept, or one for each request."""

    def __init__(self, address, keep=True):
        self.place = address[len("http://"):]
        self.keep, self.connection = keep, None

    def ask(self, method, path, body=None):
        """(status, body, seconds); an OSError or HTTPException where nobody answers."""
        begin = time.monotonic()
        try:
            if not self.connection:
                self.connection = http.client.HTTPConnection(self.place, timeout=600)
            headers = {} if self.keep else {"Connection": "close"}
            self.connection.request(method, path, body, headers)
            answer = self.connection.getresponse()
            content = answer.read()
        except BaseException:
            self.close()
            raise
        if not self.keep:
            self.close()
        return answer.status, content, time.monotonic() - begin

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None


class Storm:
    """`clients` threads submit `jobs` bodies; every second connection is kept.

    ids: of each submit that was answered 201, by its number; seconds: how long each took; refused:
    (number, what happened) of the rest.  amid: (count, what to do when there are so many ids), done by
    the client that got the last of them while the others wait to keep theirs.
    """

    def __init__(self, address, body, jobs, clients, amid=(0, None)):
        self.ids, self.seconds, self.refused = {}, [], []
        self.lock, self.amid = threading.Lock(), amid
        self.threads = [threading.Thread(target=self.run, args=(
            Client(address, i % 2 == 0), body, range(i, jobs, clients))) for i in range(clients)]

    def run(self, client, body, numbers):
        for number in numbers:
            try:
                status, content, seconds = client.ask("POST", "/v1/jobs", body(number))
            except (OSError, http.client.HTTPException) as error:
                with self.lock:
                    self.refused.append((number, repr(error)))
                continue
            with self.lock:
                self.seconds.append(seconds)
                if status == 201:
                    self.ids[number] = json.loads(content)["id"]
                    if len(self.ids) == self.amid[0]:
                        self.amid[1]()
                else:
                    self.refused.append((number, "%d %s" % (status, content)))
        client.close()

    def begin(self):
        for thread in self.threads:
            thread.start()
        return self

    def end(self):
        for thread in self.threads:
            thread.join()
        return self


def poll(address, stop, pause=0.0):
    """Asks for lists and single jobs in turn until stop(); {what: [seconds]}."""
    client, seconds, newest = Client(address), {}, 0
    paths = {"healthz": "/healthz", "list": "/v1/jobs", "list of 1000": "/v1/jobs?limit=1000", "status": None}
    while not stop():
        for what, path in paths.items():
            if not path and not newest:
                continue
            path = path or "/v1/jobs/%d" % (1 + len(seconds.get(what, ())) * 7919 % newest)
            status, content, spent = client.ask("GET", path)
            if status != 200:
                raise AssertionError("%s: %d %s" % (path, status, content))
            seconds.setdefault(what, []).append(spent)
            if what == "list":
                newest = max([newest] + [int(job["id"]) for job in json.loads(content)["jobs"]])
            time.sleep(pause)
    client.close()
    return seconds


def list_all(address):
    """Every job by its id, page by page."""
    client, jobs, path = Client(address), {}, "/v1/jobs?limit=1000"
    while path:
        page = json.loads(client.ask("GET", path)[1])
        for job in page["jobs"]:
            if job["id"] in jobs:
                raise AssertionError("listed twice: " + job["id"])
            jobs[job["id"]] = job
        path = page["next"] and "/v1/jobs?limit=1000&before=" + page["next"]
    client.close()
    return jobs


def unfinished(address):
    """How many jobs wait or run."""
    client = Client(address)
    count = 0
    for state in ("queued", "running"):
        page = json.loads(client.ask("GET", "/v1/jobs?limit=1000&state=" + state)[1])
        count += len(page["jobs"])
    client.close()
    return count


def results(address, ids):
    """{id: result.json}"""
    client = Client(address)
    found = {i: json.loads(client.ask("GET", "/v1/jobs/%s/files/result.json" % i)[1]) for i in ids}
    client.close()
    return found


def weigh(pid):
    """What a process holds: rss and peak in bytes, threads, open files; its seconds of CPU."""
    with open("/proc/%d/stat" % pid, encoding="utf-8") as stream:
        ticks = sum(int(word) for word in stream.read().rsplit(")", 1)[1].split()[11:13])
    with open("/proc/%d/status" % pid, encoding="utf-8") as stream:
        fields = dict(line.split(":", 1) for line in stream)
    return {"rss": int(fields["VmRSS"].split()[0]) * 1024,
            "peak": int(fields["VmHWM"].split()[0]) * 1024,
            "cpu": ticks / os.sysconf("SC_CLK_TCK"), "threads": int(fields["Threads"]),
            "files": len(os.listdir("/proc/%d/fd" % pid))}


def percentile(values, share):
    """The least value that `share` of all are not above."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * share // 100) - 1)]
