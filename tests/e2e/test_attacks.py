"""Bad input on every port while jobs run: refused, counted, said once; the service goes on.

stranger.py speaks the wire from its description alone; what it must not do is done here.
"""

import json
import os
import re
import resource
import signal
import socket
import struct
import threading
import time
import unittest

import cluster
import logfmt
import stranger
import support
from cluster import wait_for
from stranger import Line, Worker

TOKEN = b"correct-horse-battery-staple"
ESTATE = -5     # <rondo/err.h>: it does not understand, others may
TRIES = 20      # how often a job may be over before a stranger has had its say
GROWTH_KIB = 48 * 1024  # of the whole process, by all attacks of a test together
BUSY = 4 if support.SANITIZED else 1


def rss_kib(pid):
    with open("/proc/%d/status" % pid, encoding="ascii") as stream:
        return int(re.search(r"VmRSS:\s+(\d+)", stream.read()).group(1))


def says_plain_lines(case, process):
    """Events, but for the line that ends the process."""
    for number, line in enumerate(lines := process.said().split("\n")[:-1]):
        case.assertRegex(line, r"^[\x20-\x7e]*$")
        if number + 1 < len(lines) or not line.startswith("rondo: "):
            logfmt.event(line)


class Jobs(threading.Thread):
    """Jobs one behind the other, for as long as it is not told to stop; all with the same end."""

    def __init__(self, coordinator, spec):
        super().__init__()
        self.coordinator, self.spec = coordinator, spec
        self.ended, self.error, self.enough = [], None, threading.Event()

    def run(self):
        try:
            while not self.enough.is_set():
                status, body = self.coordinator.ask("/v1/jobs", self.spec)
                assert status == 201, body
                self.ended.append(self.coordinator.wait_job(json.loads(body)["id"]))
        except BaseException as error:  # the test's own thread says so
            self.error = error


class Attacked(support.Case):
    """A coordinator with a token, an honest worker, and jobs."""
    LEASE = 2 * BUSY

    def setUp(self):
        super().setUp()
        least, most = resource.getrlimit(resource.RLIMIT_NOFILE)  # here a thousand connections are held
        if least != resource.RLIM_INFINITY:
            wanted = max(least, 4096) if most == resource.RLIM_INFINITY else max(least, min(4096, most))
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
        x, y = self.generate("data", design="sparse", rows=300, cols=2000, density=0.02, seed=3)
        spec = self.spec(x, y, stop={"gap": 1e-9, "rounds": 500}, params={"lambda_ratio": 0.05},
                         schedule={"blocks": 2, "block_size": 2, "candidates": 8})
        self.want = self.solve(spec, "whole")
        self.token = self.write("token", TOKEN + b"\n")
        os.chmod(self.token, 0o600)
        self.coordinator = cluster.Coordinator(self, "--token-file", self.token, "--lease", self.LEASE)
        self.coordinator.headers = {"Authorization": "Bearer " + TOKEN.decode()}
        self.worker = self.coordinator.worker("honest", "--token-file", self.token)
        self.coordinator.wait_workers(1)
        with open(spec, "rb") as stream:
            self.jobs = Jobs(self.coordinator, stream.read())
        self.jobs.start()
        self.addCleanup(self.jobs.join)
        self.addCleanup(self.jobs.enough.set)
        wait_for("a first job", 60, lambda: self.jobs.ended or self.jobs.error)
        self.rss = rss_kib(self.coordinator.pid)

    def counted(self, name):
        """A counter of /metrics."""
        status, body = self.coordinator.ask("/metrics")
        self.assertEqual(status, 200)
        (value,) = re.findall(r"^%s (\d+)$" % re.escape(name), body.decode(), re.M)
        return int(value)

    def refused(self):
        return self.counted("rondo_connections_refused_total")

    def malformed(self):
        return self.counted("rondo_connections_malformed_total")

    def goes_on(self):
        """What must hold behind every attack."""
        before = len(self.jobs.ended)
        wait_for("one more job", 60, lambda: len(self.jobs.ended) > before or self.jobs.error)
        self.jobs.enough.set()
        self.jobs.join()
        self.assertIsNone(self.jobs.error)
        for job in self.jobs.ended:
            self.assertEqual(job["state"], "completed", job)
            result = self.coordinator.result(job["id"])
            self.assertEqual(result["model_sha256"], self.want["model_sha256"])
        self.assertTrue(self.worker.running(), self.worker.said())
        if not support.SANITIZED:
            self.assertLess(rss_kib(self.coordinator.pid) - self.rss, GROWTH_KIB)
        says_plain_lines(self, self.coordinator)
        self.coordinator.signal(signal.SIGTERM)
        self.assertEqual(self.coordinator.wait(), 0, self.coordinator.said())

    def ends(self, what, line, counter):
        """The line is closed by the other side; one more of `counter`."""
        with self.subTest(what):
            before = self.before
            self.assertTrue(line.ended())
            wait_for(what + " is counted", 5, lambda: counter() > before)


class Strangers(Attacked):
    def sends(self, what, data, counter=None, wait=True):
        counter = counter or self.malformed
        self.before = counter()
        with Line.dial(self.coordinator.listen) as line:
            line.raw(data)
            if wait:
                self.ends(what, line, counter)

    def test_bytes_that_are_no_greeting(self):
        head, hello = stranger.head, stranger.HELLO
        self.sends("random bytes", os.urandom(4096))
        self.sends("HTTP", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.sends("zeros", bytes(100))
        self.sends("another magic", head(hello, 10, magic=b"RdoX") + bytes(10))
        self.sends("an unknown type", head(99, 0))
        self.sends("a message before the greeting", head(stranger.MESSAGE, 4) + b"abcd")
        self.sends("a frame that claims 4 GiB", head(hello, 0xffffffff) + bytes(1000))
        self.sends("a greeting of 5000 bytes", head(hello, 5000) + bytes(5000))
        self.sends("a frame out of turn", head(hello, 10, sequence=7) + bytes(10))
        self.sends("a HELLO that cannot be read", head(hello, 10) + struct.pack("<I", 1) + bytes(6))
        self.sends("a coordinator's frame", head(stranger.WELCOME, 40) + bytes(40))
        self.sends("a truncated head", head(hello, 200)[:11])  # too slow, at the end of the lease
        self.sends("a truncated body", head(hello, 200) + bytes(50))
        before = self.malformed()
        with Line.dial(self.coordinator.listen) as line:
            line.frame()
            line.raw(head(hello, 200) + bytes(100))
        wait_for("a greeting cut off is counted", 5, lambda: self.malformed() > before)
        before = self.malformed()
        Line.dial(self.coordinator.listen).close()  # a look whether someone listens
        said = self.coordinator.said()
        self.assertEqual(self.malformed(), before)
        self.assertRegex(said, r'level=warning msg="127\.0\.0\.1:\d+: not a worker of this version: its bytes')
        self.assertIn("its greeting took too long", said)
        self.goes_on()

    def test_greetings_that_are_refused(self):
        where = self.coordinator.listen
        for what, line, more in (
                ("an old version", r"speaks version 0 and the coordinator version 1", {"version": 0}),
                ("a new version", r"speaks version 9 and the coordinator version 1", {"version": 9}),
                ("no token", r"wants a token, and this worker has none: --token-file", {"token": b""}),
                ("another token", r"the token is not this coordinator's", {"token": TOKEN + b"x"}),
                ("another build", r"is Rondo 0\.0\.7 and the coordinator Rondo", {"build": b"0.0.7"})):
            with self.subTest(what):
                before = self.refused()
                with Worker.greeted(where, **{"token": TOKEN, **more}) as worker:
                    self.assertEqual(worker.answer[0], stranger.REFUSED)
                    self.assertRegex(worker.answer[2].decode(), line)
                self.assertEqual(self.refused(), before + 1)
                self.assertRegex(self.coordinator.said(), "level=warning msg=.*: refused: .*" + line)
        for what, more in (("a newline", {"name": b"a\nrondo: all is well"}),
                           ("an escape", {"name": b"\x1b[2J\x1b]0;title\x07"}),
                           ("a NUL", {"name": b"a\0b"}), ("a huge name", {"name": b"n" * 200}),
                           ("UTF-8", {"host": "n\u00f6".encode()}), ("no threads", {"threads": 0}),
                           ("a million threads", {"threads": 1000000})):
            with self.subTest(what):
                before = self.malformed()
                with Worker.greeted(where, TOKEN, **more) as worker:
                    self.assertIsNone(worker.answer)
                self.assertEqual(self.malformed(), before + 1)
        before = self.refused()
        with Worker.greeted(where, TOKEN) as good, Line.dial(where) as replay:
            self.assertEqual(good.answer[0], stranger.WELCOME)
            replay.frame()
            replay.say(stranger.HELLO, good.hello)  # to another challenge
            self.assertEqual(replay.frame()[0], stranger.REFUSED)
        self.assertEqual(self.refused(), before + 1)
        self.goes_on()

    def test_slow_ones_and_many_at_once(self):
        before, address, begin = self.malformed(), self.coordinator.listen, time.monotonic()
        host, port = address.rsplit("/", 1)[1].rsplit(":", 1)
        slow = Line.dial(address)
        sent = stranger.head(stranger.HELLO, 4000) + bytes(4000)
        while sent and slow.raw(sent[:1]):  # for minutes
            sent = sent[1:]
            time.sleep(0.1)
        self.assertTrue(sent, "a byte now and then keeps a connection")
        slow.close()
        wait_for("the slow one is counted", 5, lambda: self.malformed() > before)
        before = self.refused() + self.malformed()
        many = [socket.create_connection((host, int(port)), timeout=600) for _ in range(1100)]
        wait_for("they are counted", 20, lambda: self.refused() + self.malformed() >= before + 1100)
        self.assertIn("too many do not greet", self.coordinator.said())
        warned = len(re.findall(r"^.* level=warning .* peer=", self.coordinator.said(), re.M))
        self.assertLessEqual(warned, 11 + time.monotonic() - begin, "lines are rationed")
        for peer in many:
            peer.close()
        wait_for("there is room again", 20, self.has_room)
        self.goes_on()

    def has_room(self):
        try:
            with Worker.greeted(self.coordinator.listen, TOKEN) as worker:
                return worker.answer and worker.answer[0] == stranger.WELCOME
        except (AssertionError, TypeError, OSError):
            return False


class Traitors(Attacked):
    """Those who know the token, and beat no more than they say here."""
    LEASE = max(6, 2 * BUSY)

    def greeted(self, **more):
        worker = Worker.greeted(self.coordinator.listen, TOKEN, **more)
        self.addCleanup(worker.close)
        self.assertEqual(worker.answer[0], stranger.WELCOME)
        self.before = self.malformed()
        return worker

    def opened(self, **more):
        """With a job's session.  Where none begins within the lease it was silent for too long, and comes again."""
        for _ in range(TRIES):
            worker = self.greeted(**more)
            frame = worker.until(stranger.OPEN)
            if frame:
                worker.job = frame[2]
                return worker, frame[1]
            worker.close()
        return self.fail("no job began within a lease")

    def forgets(self, worker):
        """Nothing that it has said will be heard any more."""
        worker.close()
        wait_for("it is forgotten", 20, lambda: [w["name"] for w in self.coordinator.workers()] == ["honest"])

    def expels(self, what, say, come=None):
        """The other side closes, and has counted it.  Nothing that is said of a job counts once that has ended: where
        its end, or the lease's, came before what is said, another is waited for."""
        for _ in range(TRIES):
            worker, session, *rest = (come or self.opened)()
            say(worker, session, *rest)
            closed = worker.until(stranger.CLOSE) is None
            if closed and self.malformed() > self.before:
                return worker.close()
            self.forgets(worker)
        return self.fail(what + " is put up with")

    def seated(self):
        """Takes part in a job, and has been given something to do: (worker, session, message).  It
        lies about nothing yet: the fingerprint is an honest worker's."""
        for _ in range(TRIES):
            worker, session = self.opened()
            worker.say(stranger.READY, struct.pack("<QI", self.fingerprint(), 1), session)
            frame = worker.until(stranger.MESSAGE, stranger.CLOSE)
            if frame and frame[0] == stranger.MESSAGE:
                return worker, session, frame[2]
            worker.close()
        self.fail("no job took it in")

    def fingerprint(self):
        """As an honest worker says it, to a coordinator that asks for no token."""
        if not hasattr(self, "known"):
            self.known = self.spied()
        return self.known

    def spied(self):
        worker, _ = self.opened()
        worker.close()
        build = self.build(worker)
        spy = stranger.Coordinator()
        self.addCleanup(spy.close)
        victim = cluster.Process(self, "victim", "worker", "--coordinator", spy.url)
        with spy.greet(build) as line:
            line.say(stranger.OPEN, worker.job, 1)
            kind, _, body = line.until(stranger.READY, stranger.UNREADY)
            self.assertEqual(kind, stranger.READY)
        victim.kill()
        return struct.unpack("<QI", body)[0]

    @staticmethod
    def build(line):
        texts = line.hello[68:]
        for _ in range(2):
            texts = texts[1 + texts[0]:]
        return texts[1:1 + texts[0]]

    def test_frames_that_no_worker_sends(self):
        for what, kind, body, sequence in (
                ("random bytes for a READY", stranger.READY, os.urandom(12), None),
                ("a READY with a million seats", stranger.READY, struct.pack("<QI", 1, 1000000), None),
                ("a READY with more seats than threads", stranger.READY, struct.pack("<QI", 1, 2), None),
                ("an UNREADY without a NUL", stranger.UNREADY, struct.pack("<i", -3)
                 + stranger.block(b"no end"), None),
                ("an UNREADY that is none", stranger.UNREADY, struct.pack("<i", 0)
                 + stranger.words(b"well"), None),
                ("a GET beyond the manifest", stranger.GET, struct.pack("<IQI", 9, 0, 100), None),
                ("a GET of 4 GiB", stranger.GET, struct.pack("<IQI", 0, 0, 0xffffffff), None),
                ("an OPEN", stranger.OPEN, stranger.open_job(), None),
                ("a PART", stranger.PART, struct.pack("<IQ", 0, 0) + stranger.block(b"x"), None),
                ("a CLOSE", stranger.CLOSE, b"", None),
                ("a second HELLO", stranger.HELLO, b"", None),
                ("a beat with a body", stranger.BEAT, b"x", None),
                ("a frame again", stranger.BEAT, b"", 0)):
            more = {} if sequence is None else {"sequence": sequence}
            with self.subTest(what):
                self.expels(what, lambda worker, session: worker.say(kind, body, session, **more))
        for what, kind, size in (("a READY that claims a GiB", stranger.READY, 1 << 30),
                                 ("a message that claims 4 GiB", stranger.MESSAGE, 0xffffffff)):
            with self.subTest(what):
                self.expels(what, lambda worker, session: worker.raw(
                    stranger.head(kind, size, worker.sequence, session) + bytes(100000)))
        self.goes_on()

    def test_words_and_sessions_that_do_not_fit(self):
        worker, session = self.opened(name=b"liar")
        worker.say(stranger.READY, struct.pack("<QI", 1, 1), session)  # not these data
        self.assertIsNotNone(worker.until(stranger.CLOSE))
        worker.close()
        worker, session = self.opened(name=b"poet")
        for _ in range(TRIES):  # of a job that has ended nothing is said
            worker.say(stranger.UNREADY, struct.pack("<i", -3) + stranger.words(
                b"oh\x1b[31m no\nrondo: job 1: completed \xc2\x9b2J"), session)
            worker.say(stranger.CLOSED, b"", session)
            frame = worker.until(stranger.OPEN)  # all that it has said is heard
            worker, session = (worker, frame[1]) if frame else self.opened(name=b"poet")
            if "oh?[31m no?rondo: job 1" in self.coordinator.said():
                break
        self.assertIn("oh?[31m no?rondo: job 1", self.coordinator.said())
        for other in (0, session + 1, 4000000000):
            for body in (b"", os.urandom(500), stranger.message(7, ticket=1)):
                worker.say(stranger.MESSAGE, body, other, seat=3)
            worker.say(stranger.READY, struct.pack("<QI", 1, 1), other)
            worker.say(stranger.GET, struct.pack("<IQI", 0, 0, 100), other)
            worker.say(stranger.CLOSED, b"", other)
        worker.say(stranger.BEAT)
        worker.close()
        self.goes_on()

    def test_answers_that_nobody_asked_for(self):
        worker, session, asked = self.seated()
        (epoch,) = struct.unpack("<I", asked[7:11])
        for ticket in (0, 1 << 48, 5 << 48, -1, 1 << 62):
            for other in (epoch, epoch + 1, epoch - 1, 0xffffffff & -1):
                worker.say(stranger.MESSAGE, stranger.message(7, other, ticket=ticket + 12345,
                                                              body=b"nonsense"), session)
        worker.say(stranger.MESSAGE, stranger.message(8, epoch, body=b""), session)
        worker.say(stranger.MESSAGE, b"another seat", session, seat=999)
        worker.say(stranger.BEAT)
        worker.close()
        for what, body in (("random bytes", os.urandom(1000)), ("nothing", b""),
                           ("an unknown type", stranger.message(77, epoch)),
                           ("a length beyond the end", stranger.message(7)[:-3] + b"\1" + b"\xff" * 8)):
            with self.subTest(what):
                self.expels(what + " for a message", lambda worker, session, _: worker.say(
                    stranger.MESSAGE, body, session), self.seated)
        for what, kind in (("a message that only workers get", 5), ("a failure", 9)):
            worker, session, asked = self.seated()
            (epoch,) = struct.unpack("<I", asked[7:11])
            worker.say(stranger.MESSAGE, stranger.message(
                kind, epoch, code=ESTATE if kind == 9 else 0, body=b"\x1b[2Jwoe\n\0"), session)
            with self.subTest(what):
                self.assertIsNotNone(worker.until(stranger.CLOSE))
                wait_for("it is said", 5, lambda: "worker stranger is let go"
                         in self.coordinator.said())
            worker.close()
        self.goes_on()

    def test_those_that_do_not_read(self):
        for _ in range(TRIES):  # of a job that has ended nothing is sent
            worker, session = self.opened()
            worker.peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            get = struct.pack("<IQI", 0, 0, 262144)
            for _ in range(100000):  # far more than may be asked for at once
                if not worker.say(stranger.GET, get, session):
                    break
            wait_for("it is gone", 20, lambda: len(self.coordinator.workers()) == 1)
            worker.close()
            if self.malformed() > self.before:
                break
        self.assertGreater(self.malformed(), self.before, "it is not cut off")
        self.assertRegex(self.coordinator.said(), "it asks for more (at once than it may|than it reads)")
        silent = [self.greeted() for _ in range(20)]  # says and reads nothing more
        wait_for("they count as gone", 20, lambda: self.coordinator.said().count("worker stranger is "
                                                                                "gone: nothing") >= 20)
        for worker in silent:
            worker.close()
        self.goes_on()


class Web(Attacked):
    """The HTTP port."""

    def talk(self, data, seconds=300, token=True):
        """What comes of raw bytes: (status or None, headers, body)."""
        host, port = self.coordinator.http.rsplit("/", 1)[1].rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=seconds) as peer:
            if token:
                data = data.replace(b"\r\n", b"\r\nAuthorization: Bearer " + TOKEN + b"\r\n", 1)
            got = b""
            try:
                peer.sendall(data)
                peer.shutdown(socket.SHUT_WR)
                while True:
                    more = peer.recv(65536)
                    got += more
                    if not more:
                        break
            except OSError:  # it closes as soon as it has heard enough
                pass
        match = re.match(rb"HTTP/1\.1 (\d+)", got)
        return int(match.group(1)) if match else None, *(got.split(b"\r\n\r\n", 1) + [b""])[:2]

    def get(self, path, method=b"GET", body=b"", more=b""):
        if body:
            more += b"Content-Length: %d\r\n" % len(body)
        return self.talk(method + b" " + path + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                         + more + b"\r\n" + body)

    def refuses(self, what, answer, status, code):
        with self.subTest(what):
            self.assertEqual(answer[0], status, answer)
            self.assertIn(b"application/json", answer[1])
            self.assertEqual(json.loads(answer[2])["error"]["code"], code)

    def test_paths_that_lead_elsewhere(self):
        number = self.jobs.ended[0]["id"].encode()
        job = b"/v1/jobs/" + number
        for path in (b"/../etc/passwd", job + b"/files/../../../../etc/passwd", job + b"/files/..",
                     job + b"/files/%2e%2e/jobs.db", job + b"/files/%2e%2e%2fjobs.db",
                     job + b"/files/result%2ejson", b"/v1/jobs/%31", b"/v1/%41", job + b"/files/a%00b",
                     job + b"/files/result.json%00.mtx", b"//v1/jobs", job + b"//files/result.json",
                     job + b"/files/..%5c..%5cjobs.db", job + b"/files/\xc0\xae\xc0\xae/jobs.db",
                     b"/v1/jobs/1;a", b"/v1/jobs/1%0d%0aX:y", b"/v1/jobs\0/1", b"/healthz\0",
                     job + b"\0/../../etc/passwd", b"/v1/jobs?state=queued\0z", job + b"/files/\0"):
            self.refuses(path, self.get(path), 400, "bad_path")
        for path in (b"/v1/jobs/0", b"/v1/jobs/01", b"/v1/jobs/-1", b"/v1/jobs/999999",
                     b"/v1/jobs/99999999999999999999", b"/v1/jobs/1x", b"/v1/", b"/jobs",
                     job + b"/files/", job + b"/files/jobs.db", job + b"/files/jobs.lock",
                     job + b"/files/checkpoint.rondo", job + b"/files/address", job + b"/files/.",
                     job + b"/files/" + b"n" * 200, job + b"/files/result.json/", b"/etc/passwd"):
            self.refuses(path, self.get(path), 404, "not_found")
        self.refuses("a target of 2000 bytes", self.get(b"/" + b"a" * 2000), 414, "uri_too_long")
        for path in (b"/v1/jobs?limit=0", b"/v1/jobs?limit=x", b"/v1/jobs?state=all",
                     b"/v1/jobs?a=b", b"/v1/jobs?limit=1&limit=2", b"/metrics?x", b"/v1/jobs?limit=%31"):
            self.refuses(path, self.get(path), 400, "bad_query")
        self.refuses("a cancel with a NUL", self.get(b"/v1/jobs/77/cancel\0z", b"POST"), 400, "bad_path")
        for method, path in ((b"PUT", b"/v1/jobs"), (b"DELETE", job), (b"GET", job + b"/cancel"),
                             (b"POST", b"/metrics"), (b"BREW", b"/"), (b"OPTIONS", b"/v1/jobs")):
            answer = self.get(path, method)
            self.refuses((method, path), answer, 405, "method_not_allowed")
            self.assertIn(b"Allow:", answer[1])
        self.assertEqual(self.get(job + b"/files/result.json")[0], 200)
        self.goes_on()

    def test_bodies_that_are_no_spec(self):
        good = json.loads(self.jobs.spec)
        data = good["data"]

        def post(body):
            return self.get(b"/v1/jobs", b"POST", body if isinstance(body, bytes)
                            else json.dumps(body).encode())

        for body in (b"{", b"nonsense", b"[1, 2", b'{"version": 1,}', b"\x00", b"\xff\xfe",
                     b'{"app": "\x01"}', b"[" * 100000, b'{"a": 1e999999}', b'{"a": "\\ud800"}'):
            self.refuses(body[:20], post(body), 400, "bad_json")
        for body in ([], {}, 7, "text", None, dict(good, version=2), dict(good, app="nothing"),
                     dict(good, app=7), dict(good, data=[]), dict(good, seed="one"),
                     dict(good, params={"lambda": "much"}), dict(good, stop={"gap": -1}),
                     dict(good, workers={"count": 1e30}), dict(good, unknown={}),
                     dict(good, name="n" * 100000), dict(good, schedule={"blocks": 0})):
            self.refuses(str(body)[:60], post(body), 400, "bad_spec")
        self.refuses("a relative path", post(dict(good, data={"x": "../x.svm"})), 400,
                     "relative_path")
        for path in ("/nowhere/x.svm", self.dir, "/dev/zero", "/proc/self/environ/x", "/etc/\x7f"):
            self.refuses(path, post(dict(good, data=dict(data, x=path))), 400, "no_data")
        self.refuses("no body", self.get(b"/v1/jobs", b"POST"), 411, "length_required")
        for size in (b"1048577", b"99999999999"):
            self.refuses(size, self.get(b"/v1/jobs", b"POST", more=b"Content-Length: %s\r\n" % size),
                         413, "too_large")
        for many in (20, 200):
            chunks = (b"%x\r\n" % 65536 + b" " * 65536 + b"\r\n") * many + b"0\r\n\r\n"
            self.refuses("chunks", self.talk(
                b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n" + chunks), 413, "too_large")
        for line in (b"", b"Authorization: Bearer wrong\r\n", b"Authorization: Basic eDp5\r\n"):
            self.refuses(line, self.talk(b"GET /v1/jobs HTTP/1.1\r\nHost: localhost\r\n"
                                         b"Connection: close\r\n" + line + b"\r\n", token=False),
                         401, "unauthorized")
        self.goes_on()

    def test_what_is_no_http(self):
        before = self.counted("rondo_http_malformed_total")
        for data in (os.urandom(4096), b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", bytes(5000),
                     stranger.head(stranger.HELLO, 0xffffffff), b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 20000,
                     b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
                     b"POST /v1/jobs HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc",
                     b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n"):
            status, _, _ = self.talk(data, token=False)
            with self.subTest(data[:30]):
                self.assertTrue(status is None or 400 <= status < 506, status)
        for data, want in ((b"GARBAGE", None), (b"GET", None), (b"GET /healthz", 400),
                           (b"GET / HTTP/1.1\r\nHost localhost", 400),
                           (b"GET / HTTP/1.1\r\nContent-Length: abc", 400),
                           (b"POST / HTTP/1.1\r\nContent-Length: %d" % 10 ** 30, 413),
                           (b"GET / HTTP/2.0", 505)):
            status, head, body = self.talk(data + b"\r\n\r\n", token=False)
            with self.subTest(data[:30]):
                self.assertEqual(status, want)  # as docs/formats/http.md, section 5, has it
                self.assertNotIn(b"content-type", head.lower())
                self.assertNotIn(b"{", body)
        self.assertGreater(self.counted("rondo_http_malformed_total"), before + 3)
        host, port = self.coordinator.http.rsplit("/", 1)[1].rsplit(":", 1)
        many = [socket.create_connection((host, int(port)), timeout=600) for _ in range(600)]
        for peer in many[::2]:
            try:
                peer.send(b"GET / HT")
            except OSError:
                pass
        for peer in many:
            peer.close()
        wait_for("there is room again", 20, self.answers)
        self.goes_on()

    def answers(self):
        try:
            return self.coordinator.ask("/healthz")[0] == 200
        except OSError:
            return False


class Impostors(support.Case):
    """A coordinator that is none, and real workers."""

    def setUp(self):
        super().setUp()
        self.there = stranger.Coordinator()
        self.addCleanup(self.there.close)
        self.build = support.call("--version").stdout.split()[1].encode()
        self.token = self.write("token", TOKEN + b"\n")
        os.chmod(self.token, 0o600)

    def worker(self, name, *words):
        return cluster.Process(self, name, "worker", "--coordinator", self.there.url, "--name", name,
                               *words)

    def says(self, worker, line, status=None):
        """One line, and the end where there is one."""
        if status is not None:
            self.assertEqual(worker.wait(40), status, worker.said())
        wait_for("it says so", 20, lambda: re.search(line, worker.said()))
        self.assertEqual(len(re.findall(line, worker.said())), 1, worker.said())
        says_plain_lines(self, worker)

    def test_greetings_that_are_none(self):
        head, challenge = stranger.head, stranger.CHALLENGE
        for number, (what, data, line) in enumerate((
                ("random bytes", b"\x16\x03" + os.urandom(3000), "its bytes are not Rondo's"),
                ("HTTP", b"HTTP/1.1 400 Bad Request\r\n\r\n", "its bytes are not Rondo's"),
                ("a huge claim", head(challenge, 0xffffffff), "a frame of 4294967295 bytes"),
                ("a CHALLENGE that is none", head(challenge, 3) + b"abc", "CHALLENGE cannot be read"),
                ("a WELCOME before all", head(stranger.WELCOME, 40) + bytes(40), "does not greet"),
                ("a job before all", head(stranger.OPEN, 4) + bytes(4), "before the greeting"),
                ("a refusal", head(stranger.REFUSED, 20) + b"no\x1b[2J\nrondo: or yes", "no.*or yes"))):
            with self.subTest(what):
                worker = self.worker("w%d" % number)
                with self.there.accept() as line_there:
                    line_there.raw(data)
                    self.says(worker, line, 3)

    def test_a_coordinator_without_the_token_or_of_another_version(self):
        worker = self.worker("asks", "--token-file", self.token)
        line, _ = self.there.challenge(self.build)
        line.say(stranger.WELCOME, bytes(32) + struct.pack("<II", 2000, 400))
        self.says(worker, "the coordinator does not know this worker's token", 3)
        line.close()
        worker = self.worker("old")
        line, answer = self.there.challenge(self.build, version=9)
        self.assertEqual(answer[0], stranger.HELLO)  # it knows best what to say
        line.say(stranger.WELCOME, bytes(40), version=9)
        self.says(worker, "the coordinator speaks version 9 and this worker version 1", 3)
        line.close()

    def test_nobody_and_endless_closing(self):
        self.there.listener.settimeout(0.5)
        for patience in ("2", "20", "200"):  # the first attempt alone may have used it up
            worker = self.worker("patient" + patience, "--patience", patience)
            until = time.monotonic() + cluster.LONGEST
            while worker.running() and time.monotonic() < until:
                try:
                    self.there.accept().close()
                except OSError:
                    pass
            if "dialling" in worker.said():
                break
        self.says(worker, "dialling again for %s s" % patience, 3)
        self.assertLess(len(worker.said().splitlines()), 5)

    def test_jobs_that_are_none(self):
        worker = self.worker("victim", "--patience", "60")
        spec = json.dumps({"version": 1, "app": "lasso", "data": {"x": "/nowhere/x.npy"}}).encode()
        key = b"data.x"
        opens = {
            "random bytes": os.urandom(500), "nothing": b"",
            "too many files": stranger.block(b"{}") + stranger.words(b"") + struct.pack("<BI", 0, 17),
            "a claim": struct.pack("<Q", 1 << 60) + b"{}",
            "a text without a NUL": stranger.block(b"{}") + stranger.block(b"isa") + bytes(5),
        }
        for what, body in opens.items():
            with self.subTest(what), self.there.greet(self.build) as line:
                line.say(stranger.OPEN, body, 1)
                self.assertTrue(line.ended())
        line = self.there.greet(self.build)
        line.say(stranger.CLOSE, b"", 77)
        line.say(stranger.MESSAGE, os.urandom(100), 77)
        line.say(stranger.PART, os.urandom(100), 77)
        line.say(stranger.READY, os.urandom(12), 77)
        refused = {
            "no spec": stranger.open_job(b"nonsense"),
            "a spec with a NUL": stranger.open_job(spec + b"\0"),
            "an app that is not there": stranger.open_job(spec.replace(b"lasso", b"other")),
            "an isa that is none": stranger.open_job(spec, b"\x1b[2J"),
            "a name that leads up": stranger.open_job(spec, files=[(key, b"/a/..", 9)]),
            "a hidden name": stranger.open_job(spec, files=[(key, b"/a/.bashrc", 9)]),
            "no name": stranger.open_job(spec, files=[(key, b"/a/", 9)]),
            "a long name": stranger.open_job(spec, files=[(key, b"/" + b"a" * 5000, 9)]),
            "a file of its own": stranger.open_job(spec, files=[(key, b"/etc/passwd",
                                                                 os.stat("/etc/passwd").st_size)]),
            "a key that is none": stranger.open_job(spec, files=[(b"=x", b"/etc/passwd",
                                                                  os.stat("/etc/passwd").st_size)]),
        }
        for session, (what, body) in enumerate(refused.items(), 1):
            with self.subTest(what):
                line.say(stranger.OPEN, body, session)
                self.assertEqual(line.until(stranger.UNREADY, stranger.READY)[0], stranger.UNREADY)
                self.assertEqual(line.until(stranger.CLOSED)[1], session)
        part = lambda file, at, data: struct.pack("<IQ", file, at) + stranger.block(data)
        for session, (what, body) in enumerate({
                "another file": part(3, 0, b"x" * 10), "out of order": part(0, 5, b"x" * 5),
                "none": part(0, 0, b""), "random bytes": os.urandom(40)}.items(), 100):
            with self.subTest(what):
                line.say(stranger.OPEN, stranger.open_job(spec, files=[(key, b"/a/b.npy", 10)]),
                         session)
                self.assertIsNotNone(line.until(stranger.GET))
                line.say(stranger.PART, body, session)
                frame = line.until(stranger.UNREADY)
                self.assertIn(b"cannot be fetched", frame[2])
                self.assertEqual(line.until(stranger.CLOSED)[1], session)
        line.raw(stranger.head(stranger.PART, 1 << 29, line.sequence, 1) + bytes(1000))
        self.assertTrue(line.ended())
        line.close()
        self.there.greet(self.build).close()  # it dials again
        self.assertTrue(worker.running(), worker.said())
        worker.signal(signal.SIGTERM)
        worker.signal(signal.SIGTERM)
        self.assertEqual(worker.wait(40), 0, worker.said())
        says_plain_lines(self, worker)


if __name__ == "__main__":
    unittest.main()
