"""submit, list, status, watch, cancel, fetch and workers against a server that answers as it is told."""

import hashlib
import http.server
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time
import unittest

import support
from support import RONDO, call

MODEL = b"%%MatrixMarket matrix coordinate real general\n1 1 1\n1 1 0.5\n"
RESULT = json.dumps({"job": "abc", "model_sha256": hashlib.sha256(MODEL).hexdigest()}).encode()
LINES = ['{"t":0.5,"round":1,"updates":8,"objective":0.5,"gap":0.1,"nnz":3}',
         '{"t":1.5,"round":7,"updates":80,"objective":0.25,"gap":0.01,"nnz":4,"x\\u001b[31m":1}',
         '{"t":1.6,"round":7,"updates":80,"objective":0.25,"gap":0.001,"nnz":4}']
QUICK = 5.0  # seconds that a reading command may take to find out that there is no coordinator


def job(state="completed", **more):
    return {"id": "17", "name": "news lasso", "app": "lasso", "state": state, "priority": 0,
            "submitted": "2023-11-14T22:13:20.125Z", "started": "2023-11-14T22:13:21.000Z",
            "ended": "2023-11-14T22:13:29.000Z", "stop_reason": "gap",
            "progress": json.loads(LINES[0]), **more}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self):
        size = int(self.headers.get("Content-Length") or 0)
        self.server.seen.append((self.command, self.path, dict(self.headers), self.rfile.read(size)))
        found = self.server.routes.get((self.command, self.path))
        if found is None:
            found = (404, {"error": {"code": "not_found", "where": self.path,
                                     "message": "there is no such thing"}})
        if callable(found):
            found = found(self)
        if found is None:
            self.close_connection = True
            return
        status, body, *headers = found
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer


def start(port=0):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    server.routes, server.seen = {}, []
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


def chunk(handler, text):
    handler.wfile.write(b"%x\r\n%s\r\n" % (len(text.encode()), text.encode()))
    handler.wfile.flush()


def streaming(handler):
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()


class Served(support.Case):
    def setUp(self):
        super().setUp()
        self.server = start()
        self.addCleanup(self.stop)
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        self.routes = self.server.routes

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def ask(self, *words, expect=0, env=None):
        """Every command is told the address by the environment."""
        done = call(*words, env={"RONDO_COORDINATOR": self.url, "TZ": "UTC", **(env or {})},
                    timeout=600)
        self.assertEqual(done.returncode, expect, (words, done.stdout, done.stderr))
        return done

    def fails(self, *words, expect, says=()):
        done = self.ask(*words, expect=expect)
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertRegex(done.stderr, r"^rondo: \S.*: \S.*\n$")
        for word in says:
            self.assertIn(word, done.stderr)


class Submit(Served):
    def setUp(self):
        super().setUp()
        self.job = self.spec("far/away.svm")
        self.routes["POST", "/v1/jobs"] = 201, {"id": "17", "state": "queued"}

    def test_the_id_alone_is_on_stdout_and_the_data_need_not_be_here(self):
        done = self.ask("submit", self.job)
        self.assertEqual((done.stdout, done.stderr), ("17\n", ""))

    def test_the_spec_that_is_sent_has_defaults_and_absolute_paths_but_no_count_of_workers(self):
        self.ask("submit", self.job, "--set", "params.lambda_ratio=0.25")
        ((method, path, headers, body),) = self.server.seen
        self.assertEqual((method, path), ("POST", "/v1/jobs"))
        self.assertEqual(headers["Content-Type"], "application/json")
        self.assertNotIn("Authorization", headers)
        spec = json.loads(body)
        self.assertEqual(spec["data"]["x"], os.path.realpath(self.dir) + "/far/away.svm")
        self.assertEqual(spec["params"]["lambda_ratio"], 0.25)
        self.assertEqual(spec["schedule"]["pipeline"], 1)
        self.assertNotIn("count", spec["workers"])

    def test_json_is_the_answer_as_it_came(self):
        done = self.ask("submit", self.job, "--json")
        self.assertEqual(json.loads(done.stdout), {"id": "17", "state": "queued"})

    def test_a_mistake_is_found_here_with_its_place_and_nothing_is_sent(self):
        bad = self.write("bad.json", '{"version": 1, "app": "lasso",\n "data": {"x": "x.svm"},\n'
                                     ' "params": {"lamda": 1}}\n')
        self.fails("submit", bad, expect=2, says=("bad.json:3:13", "lambda"))
        both = self.spec("x.svm", name="both.json", params={"lambda": 1, "lambda_ratio": 0.1})
        self.fails("submit", both, expect=2, says=("/params/lambda_ratio", "both.json:"))
        self.fails("submit", self.job, "--set", "seed=x", expect=2, says=("--set seed",))
        self.assertEqual(self.server.seen, [])

    def test_what_the_coordinator_refuses_is_said_with_the_place_in_the_file(self):
        self.routes["POST", "/v1/jobs"] = 400, {"error": {
            "code": "input", "where": "/data/x", "message": "lies outside of the data roots",
            "hint": "--data-root adds one"}}
        self.fails("submit", self.job, expect=2, says=(
            "/data/x (", "job.json:5:", ": lies outside of the data roots (--data-root adds one)"))

    def test_an_answer_without_an_id_is_no_coordinator(self):
        self.routes["POST", "/v1/jobs"] = 201, {"id": "../x"}
        self.fails("submit", self.job, expect=3, says=("not a coordinator",))

    def test_follow_watches_to_the_end(self):
        self.routes["GET", "/v1/jobs/17"] = 200, job("failed", error="no worker is left")
        self.routes["GET", "/v1/jobs/17/progress"] = 200, "".join(
            line + "\n" for line in LINES).encode()
        done = self.ask("submit", self.job, "--follow", expect=1)
        self.assertEqual(done.stdout, "17\n")
        self.assertIn("objective 0.25", done.stderr)
        self.assertIn("job 17: failed: no worker is left", done.stderr)


class Reading(Served):
    def test_a_list_is_aligned_and_follows_pages(self):
        rows = [{"id": str(i), "name": "n\u00e4me\u001b[31m" if i == 9 else "x", "app": "lasso",
                 "state": "queued", "priority": i, "submitted": 1700000000.25} for i in (9, 8, 7)]
        self.routes["GET", "/v1/jobs?limit=3"] = 200, {"jobs": rows[:2], "next": "8"}
        self.routes["GET", "/v1/jobs?limit=1&before=8"] = 200, {"jobs": rows[2:], "next": "7"}
        done = self.ask("list", "--limit", "3")
        lines = done.stdout.splitlines()
        self.assertEqual(lines[0].split(), "ID STATE PRI APP NAME SUBMITTED STARTED ENDED".split())
        self.assertEqual(len(lines), 4)
        self.assertEqual({line.index("2023-11-14 22:13:20") for line in lines[1:]},
                         {lines[0].index("SUBMITTED")})
        self.assertNotIn("\x1b", done.stdout)
        self.assertTrue(lines[1].endswith("-"))
        self.assertIn("--before 7", done.stderr)
        self.assertEqual(self.ask("list", "--limit", "3", "--quiet").stderr, "")

    def test_an_empty_list_is_its_head(self):
        self.routes["GET", "/v1/jobs?limit=50&state=running"] = 200, {"jobs": [], "next": None}
        done = self.ask("list", "--state", "running")
        self.assertEqual((done.stdout.count("\n"), done.stderr), (1, ""))

    def test_a_list_as_json_is_one_page_as_it_came(self):
        page = {"jobs": [], "next": None, "more": 1}
        self.routes["GET", "/v1/jobs?limit=50&before=18"] = 200, page
        self.assertEqual(json.loads(self.ask("list", "--before", "18", "--json").stdout), page)

    def test_a_page_that_repeats_itself_ends(self):
        page = {"jobs": [{"id": "5"}], "next": "5"}
        self.routes["GET", "/v1/jobs?limit=2"] = 200, page
        self.routes["GET", "/v1/jobs?limit=1&before=5"] = 200, page
        self.assertEqual(self.ask("list", "--limit", "2").stdout.count("\n"), 3)

    def test_status_is_for_people_or_programs(self):
        whole = job("running", workers=2, ended=None, files=[{"name": "spec.json", "size": 12}])
        self.routes["GET", "/v1/jobs/17"] = 200, whole
        text = self.ask("status", "17").stdout
        for line in ("name         news lasso", "state        running", "workers      2",
                     "submitted    2023-11-14 22:13:20", "ended        -",
                     "progress     t 0.5, round 1, updates 8, objective 0.5, gap 0.1, nnz 3",
                     "files        spec.json, 12 bytes"):
            self.assertIn(line + "\n", text)
        self.assertEqual(json.loads(self.ask("status", "17", "--json").stdout), whole)

    def test_times_are_local_and_what_is_no_time_is_shown(self):
        for text, shown in (("2023-11-14T22:13:20.125Z", "2023-11-14 23:13:20"),
                            ("2023-11-14T22:13:20Z", "2023-11-14 23:13:20"), (None, "-"),
                            (1.7e9, "2023-11-14 23:13:20"), ("soon", "soon"), ("", "-"),
                            ("2023-11-14T22:13:20+01:00", "2023-11-14T22:13:20+01:00")):
            self.routes["GET", "/v1/jobs/17"] = 200, job(started=text)
            done = self.ask("status", "17", env={"TZ": "CET-1CEST,M3.5.0,M10.5.0/3"})
            self.assertIn("started      %s\n" % shown, done.stdout)

    def test_missing_keys_are_dashes(self):
        self.routes["GET", "/v1/jobs/17"] = 200, {}
        self.assertIn("state        -\n", self.ask("status", "17").stdout)

    def test_workers_are_a_table_or_json(self):
        workers = {"workers": [{"id": 1, "name": "a", "host": "h", "pid": 7, "threads": 4,
                                "device": "cpu", "isa": "x86-64-v3", "state": "busy", "job": "17",
                                "since": 1.7e9}]}
        self.routes["GET", "/v1/workers"] = 200, workers
        lines = self.ask("workers").stdout.splitlines()
        self.assertEqual(lines[1].split(), ["1", "a", "h", "7", "4", "cpu", "x86-64-v3", "busy",
                                            "17", "2023-11-14", "22:13:20"])
        self.assertEqual(json.loads(self.ask("workers", "--json").stdout), workers)

    def test_cancel_says_what_became_of_it(self):
        for state, says in (("cancelled", "is cancelled"), ("running", "will be cancelled"),
                            ("completed", "had ended before")):
            self.routes["POST", "/v1/jobs/17/cancel"] = 200, {"id": "17", "state": state}
            done = self.ask("cancel", "17")
            self.assertEqual(done.stdout, "")
            self.assertIn(says, done.stderr)
        self.assertEqual(json.loads(self.ask("cancel", "17", "--json").stdout)["id"], "17")
        self.assertEqual(self.ask("cancel", "17", "--quiet").stderr, "")


class Refusals(Served):
    def test_statuses_become_exit_statuses(self):
        for status, expect in ((400, 2), (404, 2), (409, 2), (413, 2), (401, 3), (403, 3), (429, 3),
                               (503, 3), (507, 3), (500, 1), (502, 1), (301, 3)):
            error = {"error": {"code": "c", "where": "", "message": "so it is", "hint": "do this"}}
            self.routes["GET", "/v1/jobs/17"] = status, error
            self.fails("status", "17", expect=expect, says=("so it is (do this)",))
            self.routes["GET", "/v1/jobs/17"] = status, b"<html>\x1b[31m no</html>"
            self.fails("status", "17", expect=expect, says=(self.url, "HTTP %d" % status))

    def test_data_outside_of_the_roots_are_bad_input(self):
        self.routes["POST", "/v1/jobs"] = 403, {"error": {
            "code": "outside_roots", "where": "/data/x", "message": "lies elsewhere"}}
        self.fails("submit", self.spec("x.svm"), expect=2, says=("/data/x (", "lies elsewhere"))
        self.routes["POST", "/v1/jobs"] = 413, {"error": {
            "code": "too_large", "where": "/v1/jobs", "message": "too large"}}
        self.fails("submit", self.spec("x.svm"), expect=2, says=("rondo: /v1/jobs: too large",))

    def test_a_redirect_is_not_followed(self):
        self.routes["GET", "/v1/jobs/17"] = 302, b"", ("Location", self.url + "/v1/jobs/18")
        self.fails("status", "17", expect=3, says=("HTTP 302",))
        self.assertEqual(len(self.server.seen), 1)

    def test_what_is_not_json_is_no_coordinator(self):
        for body in (b"<html></html>", b"[1]", b"", b"7"):
            self.routes["GET", "/v1/workers"] = 200, body
            self.fails("workers", expect=3, says=("not a coordinator",))

    def test_usage(self):
        for words in (("status",), ("status", "x"), ("status", "-1"), ("status", "1" * 19),
                      ("status", "1", "2"), ("watch", "1/../2"), ("fetch", "1"), ("submit",),
                      ("list", "--state", "done"), ("list", "--limit", "0"), ("list", "x"),
                      ("list", "--limit", "5x"), ("watch", "1", "--wait", "-5"),
                      ("cancel", "1", "--force"), ("fetch", "1", "--out"), ("list", "--set", "a=1")):
            self.fails(*words, expect=2)
        self.assertEqual(self.server.seen, [])

    def test_addresses(self):
        self.routes["GET", "/v1/workers"] = 200, {"workers": []}
        plain = self.url.replace("http://", "")
        for address in (self.url, self.url + "/", plain, self.url.replace("http", "HTTP")):
            self.ask("workers", "--coordinator", address)
        for address in ("tcp://" + plain, "ipc:///tmp/x", "tls+tcp://" + plain):
            self.fails("workers", "--coordinator", address, expect=2,
                       says=("workers dial", "HTTP address"))
        for address in ("", "localhost", "http://localhost", "ftp://" + plain, self.url + "/v1",
                        "http://a b:7420", "http://u:p@h:7420", plain + "9999", "h:0", "[::1:7420",
                        "http://h:7420?x", "file:///etc/passwd"):
            self.fails("workers", "--coordinator", address, expect=2, says=("--coordinator",))

    def test_no_proxy_is_asked(self):
        self.routes["GET", "/v1/workers"] = 200, {"workers": []}
        proxy = "http://127.0.0.1:1"
        self.ask("workers", env={"http_proxy": proxy, "ALL_PROXY": proxy, "HTTP_PROXY": proxy})


class Tokens(Served):
    def setUp(self):
        super().setUp()
        self.routes["GET", "/v1/workers"] = 200, {"workers": []}
        self.token = self.write("token", " se-cret \r\nmore\n")
        os.chmod(self.token, 0o600)

    def sent(self):
        return self.server.seen[-1][2].get("Authorization")

    def test_the_first_line_is_sent(self):
        done = self.ask("workers", "--token-file", self.token)
        self.assertEqual((self.sent(), done.stderr), ("Bearer se-cret", ""))
        self.ask("workers", env={"RONDO_TOKEN_FILE": self.token})
        self.assertEqual(self.sent(), "Bearer se-cret")
        self.ask("workers", env={"RONDO_TOKEN_FILE": ""})
        self.assertIsNone(self.sent())

    def test_a_token_that_all_can_read_is_warned_of(self):
        os.chmod(self.token, 0o644)
        self.assertIn("warning", self.ask("workers", "--token-file", self.token).stderr)

    def test_a_file_without_a_token_is_refused(self):
        for text in ("", "\n", "  \nx\n", "two words\n", "tab\tbed\n", "\x01\n", "\u00e4\n", "x" * 5000):
            path = self.write("bad", text)
            os.chmod(path, 0o600)
            self.fails("workers", "--token-file", path, expect=2, says=(path,))
        self.fails("workers", "--token-file", self.path("none"), expect=2, says=("none",))
        self.assertEqual(self.server.seen, [])


class Watch(Served):
    def setUp(self):
        super().setUp()
        self.states = ["running"]
        self.routes["GET", "/v1/jobs/17"] = lambda _: (200, job(self.states[0]))
        self.routes["GET", "/v1/jobs/17/progress?follow=1"] = self.follow

    def follow(self, handler):
        streaming(handler)
        for line in LINES:
            chunk(handler, line[:20])
            chunk(handler, line[20:] + "\n\n")
        self.states[0] = self.end
        chunk(handler, "")

    end = "completed"

    def test_progress_is_on_stderr_and_the_end_is_the_exit_status(self):
        for self.end, expect in (("completed", 0), ("failed", 1), ("cancelled", 4)):
            self.states[0] = "running"
            done = self.ask("watch", "17", expect=expect)
            self.assertEqual(done.stdout, "")
            shown = [line for line in done.stderr.splitlines() if "round" in line]
            self.assertEqual(len(shown), 3, done.stderr)
            self.assertEqual(shown[0], "    0.50 s  round 1       objective 0.5            "
                                       "gap 0.1 nnz 3")
            self.assertIn(self.end, done.stderr.splitlines()[-1])

    def test_json_is_the_lines_as_they_came(self):
        done = self.ask("watch", "17", "--json")
        self.assertEqual(done.stdout.splitlines(), LINES)

    def test_quiet_says_nothing_of_success(self):
        done = self.ask("watch", "17", "--quiet")
        self.assertEqual((done.stdout, done.stderr), ("", ""))

    def test_a_job_that_had_ended_shows_its_progress_and_ends(self):
        self.states[0] = "completed"
        self.routes["GET", "/v1/jobs/17/progress"] = 200, (LINES[0] + "\n").encode()
        done = self.ask("watch", "17", "--json")
        self.assertEqual(done.stdout.splitlines(), LINES[:1])

    def test_an_unknown_job_is_an_error_at_once(self):
        self.fails("watch", "18", expect=2, says=("no such thing",))

    def test_a_closed_stdout_ends_the_watch(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([RONDO, "watch", "17", "--json"], stdout=full,
                                  stderr=subprocess.PIPE, text=True, timeout=600,
                                  env=dict(os.environ, RONDO_COORDINATOR=self.url))
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("standard output", done.stderr)

    def test_a_cut_stream_goes_on_and_shows_no_line_twice(self):
        """The first stream breaks in the middle of a line, the second begins anew."""
        passes = []

        def cut(handler):
            passes.append(1)
            if len(passes) > 1:
                return self.follow(handler)
            streaming(handler)
            chunk(handler, LINES[0] + "\n" + LINES[1] + "\n" + LINES[2][:30])
            handler.connection.shutdown(socket.SHUT_RDWR)
            return None

        self.routes["GET", "/v1/jobs/17/progress?follow=1"] = cut
        done = self.ask("watch", "17", "--json")
        self.assertEqual(done.stdout.splitlines(), LINES)
        self.assertEqual(len(passes), 2)

    def test_a_coordinator_that_restarts_is_found_again(self):
        port = self.server.server_address[1]
        reached = threading.Event()

        def hold(handler):
            streaming(handler)
            chunk(handler, LINES[0] + "\n")
            reached.set()
            time.sleep(0.2)
            handler.connection.shutdown(socket.SHUT_RDWR)

        self.routes["GET", "/v1/jobs/17/progress?follow=1"] = hold
        watch = subprocess.Popen([RONDO, "watch", "17", "--json", "--wait", "30"],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                 env=dict(os.environ, RONDO_COORDINATOR=self.url))
        self.assertTrue(reached.wait(300))
        self.stop()
        time.sleep(1.5)
        self.server = start(port)
        self.server.routes.update({("GET", "/v1/jobs/17"): self.routes["GET", "/v1/jobs/17"],
                                   ("GET", "/v1/jobs/17/progress?follow=1"): self.follow})
        out, err = watch.communicate(timeout=600)
        self.assertEqual((watch.returncode, out.splitlines()), (0, LINES), err)
        self.assertIn("trying again for 30 s", err)
        self.assertIn("is back", err)

    def test_a_coordinator_that_stays_away_is_given_up(self):
        def leave(handler):
            streaming(handler)
            chunk(handler, LINES[0] + "\n")
            self.server.socket.close()
            handler.connection.shutdown(socket.SHUT_RDWR)

        self.routes["GET", "/v1/jobs/17/progress?follow=1"] = leave
        done = self.ask("watch", "17", "--wait", "1", expect=3)
        self.assertIn("trying again for 1 s", done.stderr)
        self.assertIn("no coordinator answers", done.stderr.splitlines()[-1])

    def test_an_interruption_stops_watching_alone(self):
        reached = threading.Event()

        def hold(handler):
            streaming(handler)
            chunk(handler, LINES[0] + "\n")
            reached.set()
            time.sleep(20)

        self.routes["GET", "/v1/jobs/17/progress?follow=1"] = hold
        watch = subprocess.Popen([RONDO, "watch", "17", "--coordinator", self.url],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertTrue(reached.wait(300))
        time.sleep(0.3)
        watch.send_signal(signal.SIGINT)
        _, err = watch.communicate(timeout=600)
        self.assertEqual(watch.returncode, 130, err)
        self.assertIn("job 17 goes on; watch it again with: rondo watch 17 --coordinator "
                      + self.url, err.splitlines()[-1])
        self.assertNotIn("POST", [seen[0] for seen in self.server.seen])


class Fetch(Served):
    FILES = {"coef.mtx": MODEL, "spec.json": b'{"app":"lasso"}\n', "result.json": RESULT,
             "progress.jsonl": LINES[0].encode(), "empty.txt": b""}

    def setUp(self):
        super().setUp()
        self.offer(self.FILES)

    def offer(self, files, state="completed", **more):
        self.routes["GET", "/v1/jobs/17"] = 200, job(state, files=[
            {"name": name, "size": len(text)} for name, text in files.items()], **more)
        for name, text in files.items():
            self.routes["GET", "/v1/jobs/17/files/" + name] = 200, text

    def content(self, out="out"):
        found = {}
        for name in os.listdir(self.path(out)):
            with open(self.path(out, name), "rb") as stream:
                found[name] = stream.read()
        return found

    def test_every_file_is_there_byte_for_byte(self):
        done = self.ask("fetch", "17", "--out", self.path("out"))
        self.assertEqual(done.stdout, "")
        self.assertIn("5 files", done.stderr)
        self.assertEqual(self.content(), self.FILES)
        fetched = [seen[1] for seen in self.server.seen]
        self.assertEqual(len(fetched), 6)

    def test_the_same_job_may_be_fetched_again_another_needs_force(self):
        self.ask("fetch", "17", "--out", self.path("out"))
        self.ask("fetch", "17", "--out", self.path("out"), "--quiet")
        other = {"spec.json": b'{"app":"other"}\n'}
        self.offer(other)
        self.fails("fetch", "17", "--out", self.path("out"), expect=2, says=("--force",))
        self.assertEqual(self.content(), self.FILES)
        self.ask("fetch", "17", "--out", self.path("out"), "--force")
        self.assertEqual(self.content(), {**other, "empty.txt": b""})

    def test_a_directory_with_something_else_is_refused(self):
        os.mkdir(self.path("out"))
        self.write("out/note", "mine")
        self.fails("fetch", "17", "--out", self.path("out"), expect=2, says=("not empty",))
        self.assertEqual(os.listdir(self.path("out")), ["note"])

    def test_a_job_that_has_not_ended_or_left_nothing_is_refused(self):
        self.offer(self.FILES, "running")
        self.fails("fetch", "17", "--out", self.path("out"), expect=2, says=("running",))
        self.offer({}, "cancelled")
        self.fails("fetch", "17", "--out", self.path("out"), expect=2, says=("cancelled",))
        self.assertFalse(os.path.exists(self.path("out")))

    def test_names_that_are_not_safe_are_refused_before_anything_is_written(self):
        for name in ("../x", "/etc/x", ".bashrc", "a/b", "a\nb", "a\u001bb", "", "..", "a b", "a%2fb",
                     "x" * 300, "a?b", 7, None):
            self.routes["GET", "/v1/jobs/17"] = 200, job(files=[{"name": "spec.json", "size": 1},
                                                                {"name": name, "size": 1}])
            self.fails("fetch", "17", "--out", self.path("out"), expect=3, says=("no safe name",))
        for files in ([{"name": "a", "size": -1}], [{"name": "a"}], [{"name": "a", "size": 1}] * 2):
            self.routes["GET", "/v1/jobs/17"] = 200, job(files=files)
            self.fails("fetch", "17", "--out", self.path("out"), expect=3)
        self.assertFalse(os.path.exists(self.path("out")))

    def test_a_size_that_is_not_as_said_leaves_no_file(self):
        for name in ("progress.jsonl", "spec.json"):
            for text in (self.FILES[name] + b"x", self.FILES[name][:-1]):
                self.routes["GET", "/v1/jobs/17/files/" + name] = 200, text
                self.fails("fetch", "17", "--out", self.path(name + "x"), expect=1, says=("bytes",))
                left = os.listdir(self.path(name + "x"))
                self.assertNotIn(name, left)
                self.assertNotIn("result.json", left)
                self.assertFalse([n for n in left if ".tmp" in n])
            self.offer(self.FILES)

    def test_a_model_that_is_not_the_results_is_refused(self):
        self.routes["GET", "/v1/jobs/17/files/coef.mtx"] = 200, MODEL.replace(b"5", b"6")
        self.fails("fetch", "17", "--out", self.path("out"), expect=1, says=("sha256",))
        self.assertEqual(sorted(self.content()), ["spec.json"])

    def test_a_disk_or_directory_that_cannot_be_written(self):
        self.write("file", "x")
        self.fails("fetch", "17", "--out", self.path("file", "out"), expect=1, says=("file",))


class Tls(support.Case):
    def setUp(self):
        super().setUp()
        self.cert, self.key = self.path("cert.pem"), self.path("key.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=rondo",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", self.key, "-out",
                        self.cert], check=True, capture_output=True)
        self.server = start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.port = self.server.server_address[1]
        self.server.routes["GET", "/v1/workers"] = 200, {"workers": []}

    def secure(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)

    def workers(self, address, *words, expect=0, says="", env=None):
        done = call("workers", "--coordinator", address % self.port, *words, env=env, timeout=600)
        self.assertEqual(done.returncode, expect, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1 if expect else 0, done.stderr)
        self.assertIn(says, done.stderr)

    def test_a_certificate_is_trusted_where_we_are_told_so(self):
        self.secure()
        self.workers("https://127.0.0.1:%d", "--tls-ca", self.cert)
        self.workers("https://127.0.0.1:%d", env={"RONDO_TLS_CA": self.cert})
        self.workers("https://127.0.0.1:%d", expect=3, says="is not trusted")
        self.workers("https://localhost:%d", "--tls-ca", self.cert, expect=3)
        self.workers("http://127.0.0.1:%d", expect=3, says="one with certificates is at https://")

    def test_who_speaks_no_tls_is_told(self):
        self.workers("https://127.0.0.1:%d", "--tls-ca", self.cert, expect=3, says="no TLS")

    def test_certificates_that_are_none_are_refused(self):
        bad = self.write("bad.pem", "no certificate\n")
        self.workers("https://127.0.0.1:%d", "--tls-ca", bad, expect=2, says="certificates")
        self.workers("https://127.0.0.1:%d", "--tls-ca", self.path("none"), expect=2, says="none")


class Manual(unittest.TestCase):
    def test_help_and_manual_pages_have_the_same_options(self):
        names = re.findall(r"^  (\w+) ", call("help").stdout, re.M)
        self.assertLessEqual({"run", "coordinator", "worker", "workers", "data", "trace"}, set(names))
        for name in set(names) - {"help"}:
            usage = call("help", name).stdout
            path = os.path.join(os.environ["RONDO_SOURCE"], "docs", "man", "rondo-%s.1" % name)
            with open(path, encoding="utf-8") as stream:
                page = stream.read()
            synopsis, text = page.split(".Sh SYNOPSIS")[1].split(".Sh DESCRIPTION")
            described = "".join(re.findall(r"^\.It Fl.*\n", text, re.M))
            options = set(re.findall(r"--([a-z-]+)", usage.split("example:")[0]))
            self.assertEqual(options, set(re.findall(r"Fl -([a-z-]+)", described)), name)
            # What depends on the app stands there as --KEY VALUE.
            own, *of_app = usage.split("The app's own options")
            self.assertEqual(bool(of_app), ".Op Fl - Ns Ar KEY Ar VALUE" in synopsis, name)
            options = set(re.findall(r"--([a-z-]+)", own.split("example:")[0]))
            if ".Op Ar option ..." not in synopsis:
                self.assertEqual(options, set(re.findall(r"Fl -([a-z-]+)", synopsis)), name)
        for name in ("submit", "list", "status", "watch", "cancel", "fetch", "workers"):
            for option in ("json", "quiet", "coordinator", "token-file", "tls-ca"):
                self.assertIn("--%s " % option, call("help", name).stdout, name)


class Gone(support.Case):
    """No coordinator: exit 3 in less than 5 s, the address in the line."""
    COMMANDS = (("list",), ("status", "17"), ("watch", "17"), ("cancel", "17"), ("workers",),
                ("fetch", "17", "--out", "out"))

    def timed(self, *words):
        before = time.monotonic()
        done = call(*words, cwd=self.dir, timeout=600)
        return time.monotonic() - before, done

    def gone(self, address, words, *says):
        for _ in range(5):  # what a busy machine takes besides it takes for nothing at all too, and now and then
            spent, done = self.timed(*words, "--coordinator", address)
            spent -= self.timed("--version")[0]
            self.assertEqual(done.returncode, 3, done.stderr)
            self.assertEqual((done.stdout, done.stderr.count("\n")), ("", 1), done.stderr)
            for word in (address,) + says:
                self.assertIn(word, done.stderr)
            if spent < QUICK * (4 if support.SANITIZED else 1):
                return
        self.fail("%s took %.1f s" % (words, spent))

    def test_nobody_listens(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = "http://127.0.0.1:%d" % free.getsockname()[1]
            for words in self.COMMANDS + (("submit", self.spec("x.svm")),):
                self.gone(address, words, "no coordinator answers: connection refused",
                          "start one with rondo coordinator")

    def test_who_listens_never_answers(self):
        with socket.create_server(("127.0.0.1", 0)) as deaf:
            for words in (("list",), ("watch", "17")):
                self.gone("http://127.0.0.1:%d" % deaf.getsockname()[1], words,
                          "no coordinator answers", "nothing was heard")

    def test_who_does_not_let_us_in(self):
        """The queue of who listens is full: the connection is never made."""
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            held = []
            for _ in range(4):
                held.append(socket.socket())
                held[-1].setblocking(False)
                held[-1].connect_ex(full.getsockname())
            time.sleep(0.1)
            self.gone("http://127.0.0.1:%d" % full.getsockname()[1], ("list",),
                      "no coordinator answers")
            for other in held:
                other.close()


if __name__ == "__main__":
    unittest.main()
