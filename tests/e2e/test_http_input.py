"""What no browser sends: every route by every method, and paths that try to get out, on raw sockets."""

import json
import os
import re
import socket
import unittest

import support
from cluster import Coordinator, wait_for

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW")
ROUTES = {  # the methods that each has; ID is that of a job that has ended
    "/": "GET, HEAD", "/assets/dashboard.html": "GET, HEAD", "/healthz": "GET, HEAD", "/metrics": "GET, HEAD",
    "/v1/jobs": "POST, GET, HEAD", "/v1/workers": "GET, HEAD", "/v1/events": "GET, HEAD",
    "/v1/jobs/ID": "GET, HEAD", "/v1/jobs/ID/cancel": "POST", "/v1/jobs/ID/progress": "GET, HEAD",
    "/v1/jobs/ID/events": "GET, HEAD", "/v1/jobs/ID/digest": "GET, HEAD",
    "/v1/jobs/ID/files/result.json": "GET, HEAD",
}
FOLDERS = ("/assets/", "/v1/jobs/ID/files/", "/v1/jobs/ID/digest/", "/v1/jobs/ID/events/", "/v1/jobs/ID/",
           "/v1/jobs/", "/v1/", "/")
TRICKS = {  # behind each of the folders
    400: (b"..", b"../", b"../../jobs.db", b"../../../../../../etc/passwd", b"%2e%2e/jobs.db", b"%2E%2E%2Fjobs.db",
          b"..%2fjobs.db", b"..%5cjobs.db", b"..\\jobs.db", b"\\..\\jobs.db", b"%41", b"dashboard%2ehtml",
          b"result.jso%6e", b"a\0", b"\0", b"a\0/../b", b"%00", b"result.json%00.html", b"//result.json",
          b"/result.json", b"a//b", b"\xc0\xae\xc0\xae/jobs.db", b"%c0%ae%c0%ae", b"\xe2\x80\xae", b"a;b", b"a:b",
          b"%", b"%zz", b"~", b"*", b"\x7f", b"a%0d%0aSet-Cookie:x"),
    404: (b"no/such/thing", b"dashboard.html/", b"result.json/", b"etc/passwd", b"jobs.db", b"jobs.lock", b".",
          b"./x", b".htaccess", b"-", b"_", b"DASHBOARD.HTML", b"Result.json", b"checkpoint.rondo", b"secret.txt",
          b"linked.txt", b"n" * 63, b"n" * 64, b"n" * 500),
}


class Raw(support.Case):
    def setUp(self):
        super().setUp()
        x, y = self.generate("data", design="sparse", rows=100, cols=300, seed=3)
        spec = self.spec(x, y, stop={"gap": 1e-3}, trace="all")
        self.coordinator = Coordinator(self)
        self.coordinator.worker("one")
        self.number = self.coordinator.submit(spec)
        self.coordinator.wait_job(self.number)
        self.folder = os.path.join(self.coordinator.state, "jobs", self.number)
        with open(os.path.join(self.folder, "secret.txt"), "w", encoding="ascii") as stream:
            stream.write("secret")

    def talk(self, data):
        """(status, head, body) of a reply to these bytes; the other side closes."""
        host, port = self.coordinator.http.rsplit("/", 1)[1].rsplit(":", 1)
        got = b""
        with socket.create_connection((host, int(port)), timeout=600) as peer:
            peer.sendall(data)
            while more := peer.recv(65536):
                got += more
        head, _, body = got.partition(b"\r\n\r\n")
        match = re.match(rb"HTTP/1\.1 (\d+)", head)
        return int(match.group(1)) if match else None, head.decode("latin-1"), body

    def ask(self, path, method="GET", more=b"", body=b""):
        path = path.replace("/ID", "/" + self.number).encode() if isinstance(path, str) else path
        return self.talk(b"%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n%s"
                         % (method.encode(), path, more, body))

    def refused(self, answer, status, code):
        self.assertEqual(answer[0], status, answer)
        self.assertEqual(json.loads(answer[2])["error"]["code"], code)
        self.assertIn("X-Content-Type-Options: nosniff", answer[1])

    def test_every_route_by_every_method(self):
        for path, allowed in ROUTES.items():
            for method in METHODS:
                with self.subTest(path=path, method=method):
                    if method in allowed.split(", "):
                        if method == "HEAD":
                            status, _, body = self.ask(path, method)
                            self.assertEqual((status, body), (200, b""))
                        continue
                    answer = self.ask(path, method)
                    if method != "HEAD":
                        self.refused(answer, 405, "method_not_allowed")
                    self.assertEqual(answer[0], 405)
                    self.assertIn("\r\nAllow: %s\r\n" % allowed, answer[1])

    def test_no_route_takes_a_key_of_another(self):
        for path in ROUTES:
            for query in ("x=1", "follow=1&follow=1", "from=-1", "..", "a%3db", "limit=1&", "=1", "\0"):
                method = "POST" if path.endswith("cancel") else "GET"
                with self.subTest(path=path, query=query):
                    status, _, body = self.ask(path + "?" + query, method)
                    if (path, query) != ("/v1/jobs", "limit=1&"):
                        self.assertEqual(status, 400, body)
                        self.assertIn(json.loads(body)["error"]["code"], ("bad_query", "bad_path"))

    def test_paths_that_try_to_get_out(self):
        for folder in FOLDERS:
            there = folder.replace("/ID", "/" + self.number).encode()
            for status, tricks in TRICKS.items():
                for trick in tricks:
                    with self.subTest(path=there + trick):
                        answer = self.ask(there + trick)
                        self.refused(answer, status, "bad_path" if status == 400 else "not_found")
                        self.assertNotIn(b"root:", answer[2])
                        self.assertNotIn(b"SQLite", answer[2])
            with self.subTest(path=there + b"n * 1024"):
                self.refused(self.ask(there + b"n" * 1024), 414, "uri_too_long")
        for number in ("0", "01", "-1", "+1", "1e0", "1.0", "0x1", "999999", "9" * 18, "9" * 19, "9" * 400):
            for rest in ("", "/events", "/digest", "/progress", "/files/result.json"):
                status, _, body = self.ask("/v1/jobs/%s%s" % (number, rest))
                with self.subTest(number=number, rest=rest):
                    self.assertEqual((status, json.loads(body)["error"]["code"]),
                                     (400, "bad_path") if "+" in number else (404, "not_found"))

    def test_links_in_a_jobs_folder(self):
        """They lead nowhere, whatever name they have, and whatever route is asked."""
        whole = {path: self.ask(path)[2] for path in ("/v1/jobs/ID/files/trace.db", "/v1/jobs/ID/digest")}
        self.assertTrue(whole["/v1/jobs/ID/files/trace.db"].startswith(b"SQLite format 3"))
        outside = self.write("outside", "outside\n")
        for name in ("result.json", "progress.jsonl", "trace.db", "spec.json", "coef.mtx", "path.json", "linked.txt"):
            path = os.path.join(self.folder, name)
            if os.path.exists(path):
                os.unlink(path)
            os.symlink(outside, path)
            self.refused(self.ask("/v1/jobs/ID/files/" + name), 404, "not_found")
        for path in ("/v1/jobs/ID", "/v1/jobs/ID/progress", "/v1/jobs/ID/progress?follow=1", "/v1/jobs/ID/events"):
            status, _, body = self.ask(path)
            with self.subTest(path):
                self.assertEqual(status, 200)
                self.assertNotIn(b"outside", body)
        os.rename(self.folder, self.folder + ".moved")
        os.symlink(self.folder + ".moved", self.folder)
        for name in ("secret.txt", "result.json", "checkpoint.rondo"):
            self.refused(self.ask("/v1/jobs/ID/files/" + name), 404, "not_found")

    def test_bodies_where_there_should_be_none(self):
        """They are swallowed, and change nothing."""
        large = b"Content-Length: %d\r\n" % 2 ** 21
        chunked = b"Transfer-Encoding: chunked\r\n"
        for path in ROUTES:
            if path in ("/v1/jobs", "/v1/events"):
                continue
            method = "POST" if path.endswith("cancel") else "GET"
            with self.subTest(path):
                self.assertIn(self.ask(path, method, b"Content-Length: 3\r\n", b"abc")[0], (200, 409))
                self.refused(self.ask(path, method, large), 413, "too_large")
                self.assertIn(self.ask(path, method, chunked, b"3\r\nabc\r\n0\r\n\r\n")[0], (200, 409))

    def test_the_page_has_its_policy_and_asks_once(self):
        for path in ("/", "/assets/dashboard.html", "/assets/dashboard.js", "/assets/dygraph.css"):
            status, head, body = self.ask(path)
            with self.subTest(path):
                self.assertEqual(status, 200)
                policy = re.search(r"Content-Security-Policy: (.*)\r", head).group(1)
                self.assertIn("default-src 'none'", policy)
                self.assertNotIn("unsafe", policy)
                self.assertIn("frame-ancestors 'none'", policy)
                self.assertIn("Referrer-Policy: no-referrer", head)
                tag = re.search(r"ETag: (\"\w+\")", head).group(1)
                known = self.ask(path, more=b"If-None-Match: W/\"x\", %s\r\n" % tag.encode())
                self.assertEqual((known[0], known[2]), (304, b""))
                self.assertEqual(self.ask(path, more=b"If-None-Match: \"x\"\r\n")[2], body)

    def test_who_goes_while_he_is_answered_is_no_trouble(self):
        host, port = self.coordinator.http.rsplit("/", 1)[1].rsplit(":", 1)
        for path in ("/v1/events", "/v1/jobs/%s/events" % self.number) * 20:
            with socket.create_connection((host, int(port)), timeout=600) as peer:
                peer.sendall(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path.encode())
                peer.recv(100)

        def counted(name):
            return int(re.search(r"^%s (\d+)$" % name, self.coordinator.ask("/metrics")[1].decode(), re.M).group(1))
        wait_for("nobody follows", 10, lambda: counted("rondo_http_followers") == 0)
        self.assertEqual(counted("rondo_http_malformed_total"), 0)
        self.assertNotIn("http:", self.coordinator.said())


if __name__ == "__main__":
    unittest.main()
