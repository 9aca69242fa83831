"""Every curl command of docs/formats/http.md, as it stands there, against a coordinator that runs."""

import json
import os
import re
import shutil
import subprocess
import unittest

import support
from cluster import Coordinator

PAGE = os.path.join(os.environ["RONDO_SOURCE"], "docs", "formats", "http.md")
DEFAULT = "http://127.0.0.1:7420"
TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"
STATES = {"queued", "running", "completed", "failed", "cancelled"}


def commands():
    """Those that stand as lines of their own, with the number of their section, in order; those of
    the table, by what rondo calls it."""
    section, lines, table = "", [], {}
    with open(PAGE, encoding="utf-8") as stream:
        for line in stream:
            heading = re.match(r"##+ ([\d.]+)", line)
            if heading:
                section = heading.group(1).rstrip(".")
            if line.startswith("    curl "):
                lines.append((section, line.strip()))
            row = re.match(r"\| `(\w+)[^|]*\| (.*) \|$", line)
            if row and "`curl " in row.group(2):
                table[row.group(1)] = re.findall(r"`(curl [^`]*)`", row.group(2))
    return lines, table


def keys_of(section):
    """The keys that stand first in the rows of a section's table."""
    with open(PAGE, encoding="utf-8") as stream:
        (text,) = re.findall(r"^### %s .*\n((?:(?!#).*\n)*)" % re.escape(section), stream.read(), re.M)
    return set(re.findall(r"^\| `(\w+)` \|", text, re.M))


@unittest.skipUnless(shutil.which("curl"), "there is no curl")
class Curl(support.Case):
    def setUp(self):
        super().setUp()
        self.token = self.write("token", "correct-horse\n")
        os.chmod(self.token, 0o600)
        self.x, self.y = self.generate("d", design="sparse", rows=100, cols=300, seed=3)
        self.spec(self.x, self.y, name="job.json")

    def curl(self, command, **names):
        """(status, body) of the command, run by a shell in this test's folder."""
        script = re.sub(r"\bcurl ", r"curl -sS -w '\\n%{http_code}' ", command, count=1)
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, cwd=self.dir,
                              env=dict(os.environ, HOME=self.dir, no_proxy="*", NO_PROXY="*", **names), timeout=600,
                              check=False)
        self.assertEqual(done.returncode, 0, command + "\n" + done.stderr)
        body, status = done.stdout.rsplit("\n", 1)
        return int(status), body

    def ask(self, command, want=200, **names):
        status, body = self.curl(command, **names)
        self.assertEqual(status, want, command + "\n" + body)
        return body

    def job(self, body):
        job = json.loads(body)
        self.assertIn(job["state"], STATES)
        self.assertLessEqual({"id", "name", "app", "state", "priority", "submitted", "started",
                              "ended", "starts", "progress", "spec"}, set(job))
        self.assertRegex(job["submitted"], TIME)
        return job

    # ---- one after the other, as in the page ---------------------------------------------------------

    def look_at(self, section, body):
        """Is it what its section says?"""
        if section in ("2", "3.3"):
            self.assertEqual(set(json.loads(body)), {"jobs", "next"})
        elif section in ("3.2", "3.4", "3.5"):
            self.job(body)
        elif section == "3.6":
            for line in body.splitlines():
                self.assertLessEqual({"t", "round", "updates", "objective"}, set(json.loads(line)))
            self.assertIn('"gap"', body)
        elif section == "3.7":
            with open(self.path("coef.mtx"), encoding="utf-8") as stream:
                self.assertIn("%%MatrixMarket", stream.readline())
        elif section == "3.8":
            self.assertRegex(body, r"(?s)^event: job\ndata: {.*event: digest\ndata: {.*event: end\ndata: {}")
        elif section == "3.9":
            self.assertEqual(json.loads(body)["version"], 1)
        elif section == "4.1":
            (worker,) = json.loads(body)["workers"]
            self.assertEqual((worker["name"], set(worker)), ("one", keys_of(section)))
            self.assertRegex(worker["since"], TIME)
        elif section == "4.2":
            self.assertEqual(json.loads(body), {"status": "ok"})
        elif section == "4.3":
            self.assertIn('rondo_http_requests_total{code="200"}', body)
        else:
            self.assertEqual(section, "4.4")
            self.assertRegex(body.lower(), r"^\s*<!doctype html>")

    def test_the_pages_commands_in_their_order(self):
        lines, _ = commands()
        self.assertEqual([section for section, _ in lines],
                         ["2", "3.2", "3.3", "3.4", "3.5", "3.6", "3.7", "3.8", "3.9", "4.1", "4.2", "4.3", "4.4"])
        coordinator, guarded = Coordinator(self), Coordinator(
            self, "--token-file", self.token, state="guarded", name="guarded")
        coordinator.worker("one")
        coordinator.wait_workers(1)
        number = "17"
        for section, command in lines:
            command = command.replace(DEFAULT, (guarded if section == "2" else coordinator).http)
            body = self.ask(command.replace("/17", "/" + number), 201 if section == "3.2" else 200) \
                if section != "3.5" else self.cancel(coordinator, command)
            self.look_at(section, body)
            if section == "3.2":
                number = json.loads(body)["id"]

    def cancel(self, coordinator, command):
        """A job of its own, which does not end by itself; one that has ended is refused."""
        x, y = self.generate("wide", design="sparse", rows=300, cols=2000, density=0.02, seed=3)
        number = coordinator.submit(self.endless(x, y))
        body = self.ask(command.replace("/17", "/" + number))
        self.assertEqual(coordinator.wait_job(number)["state"], "cancelled")
        refused = json.loads(self.ask(command.replace("/17", "/" + number), 409))
        self.assertEqual(refused["error"]["code"], "already_ended")
        return body

    # ---- all that the client does ----------------------------------------------------------------------

    def test_the_table_does_what_the_client_does(self):
        _, table = commands()
        self.assertEqual(set(table), {"submit", "list", "status", "watch", "cancel", "fetch",
                                      "workers"})
        coordinator = Coordinator(self)
        coordinator.worker("one")
        coordinator.wait_workers(1)

        def row(name, want=200, **names):
            (command,) = table[name]
            return self.ask(command, want, H=coordinator.http, **names)

        number = self.job(row("submit", 201))["id"]
        watched = row("watch", ID=number)
        self.assertEqual(watched, coordinator.ask("/v1/jobs/%s/progress" % number)[1].decode())
        job = self.job(row("status", ID=number))
        self.assertEqual((job["state"], job["stop_reason"]), ("completed", "gap"))
        self.assertEqual(job, json.loads(coordinator.call("status", number, "--json").stdout))
        self.assertEqual([j["id"] for j in json.loads(row("list"))["jobs"]], [number])
        self.assertEqual(len(json.loads(row("workers"))["workers"]), 1)
        for file in job["files"]:
            row("fetch", ID=number, NAME=file["name"])
        done = coordinator.call("fetch", number, "--out", self.path("client"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(os.listdir(self.path("DIR"))), sorted(os.listdir(self.path("client"))))
        for name in os.listdir(self.path("DIR")):
            self.assertEqual(support.sha256(self.path("DIR", name)),
                             support.sha256(self.path("client", name)), name)
        row("cancel", 409, ID=number)


if __name__ == "__main__":
    unittest.main()
