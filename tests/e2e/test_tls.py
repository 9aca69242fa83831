"""TLS between machines: certificates by openssl as docs/service.md makes them, on loopback."""

import os
import re
import shutil
import ssl
import subprocess
import tempfile
import unittest

import cluster
import support
from cluster import wait_for

GUIDE = os.path.join(os.environ.get("RONDO_SOURCE", os.path.join(os.path.dirname(__file__), "..", "..")),
                     "docs", "service.md")


@unittest.skipUnless(shutil.which("openssl"), "there is no openssl")
class Tls(support.Case):
    @classmethod
    def setUpClass(cls):
        cls.shop = tempfile.mkdtemp(prefix="rondo-e2e-tls-")
        cls.addClassCleanup(shutil.rmtree, cls.shop, ignore_errors=True)
        cls.ours, cls.theirs = cls.certificates("ours"), cls.certificates("theirs")
        cls.token = os.path.join(cls.ours, "token")

    @classmethod
    def certificates(cls, folder):
        """By the guide's own commands, in a folder of their own."""
        with open(GUIDE, encoding="utf-8") as stream:
            (script,) = re.findall(r"```sh\n(# certificates.*?)```", stream.read(), re.S)
        folder = os.path.join(cls.shop, folder)
        os.mkdir(folder)
        subprocess.run(["sh", "-ec", script], cwd=folder, capture_output=True, timeout=600, check=True)
        return folder

    def words(self, folder, name):
        return ["--tls-cert", os.path.join(folder, name + ".pem"), "--tls-key",
                os.path.join(folder, name + ".key"), "--tls-ca", os.path.join(folder, "ca.pem")]

    def coordinator(self, *words):
        made = cluster.Coordinator(self, "--token-file", self.token, *self.words(
            self.ours, "coordinator"), *words, listen="tls+tcp://127.0.0.1:0")
        self.assertTrue(made.listen.startswith("tls+tcp://127.0.0.1:"))
        self.assertTrue(made.http.startswith("https://127.0.0.1:"))
        with open(self.token, encoding="ascii") as stream:
            made.headers = {"Authorization": "Bearer " + stream.read().strip()}
        made.tls = ssl.create_default_context(cafile=os.path.join(self.ours, "ca.pem"))
        self.env = {"RONDO_TOKEN_FILE": self.token}
        return made

    def job(self):
        x, y = self.generate("data", design="sparse", rows=400, cols=3000, density=0.02, seed=3)
        return self.spec(x, y)

    def test_the_same_bits_over_tls(self):
        spec = self.job()
        want = self.solve(spec, "whole")
        coordinator = self.coordinator()
        for name in ("one", "two"):
            coordinator.worker(name, *self.words(self.ours, "worker"), env=self.env)
        coordinator.wait_workers(2)
        ca = ["--tls-ca", os.path.join(self.ours, "ca.pem")]
        done = coordinator.call("submit", spec, "--follow", *ca, env=self.env)
        self.assertEqual(done.returncode, 0, done.stderr)
        result = coordinator.result("1")
        for key in ("model_sha256", "objective", "rounds"):
            self.assertEqual(result[key], want[key], key)
        done = coordinator.call("fetch", "1", "--out", self.path("got"), *ca, env=self.env)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(support.sha256(self.path("got", "coef.mtx")),
                         support.sha256(self.path("whole", "coef.mtx")))

    def test_who_has_no_certificate_of_this_ca_is_refused(self):
        coordinator = self.coordinator("--lease", 4)
        mixed = self.words(self.theirs, "worker")[:4] + self.words(self.ours, "worker")[4:]
        stranger = self.words(self.theirs, "worker")
        for name, words, here in (("another-ca", stranger, "certificate"),
                                  ("its-own", mixed, "certificate")):
            with self.subTest(name):
                before = coordinator.said()
                worker = coordinator.worker(name, *words, env=self.env)
                self.assertEqual(worker.wait(30), 3, worker.said())
                self.one_line(worker, here)
                wait_for("the coordinator says so", 20,
                         lambda: "certificate" in coordinator.said()[len(before):])
        worker = coordinator.worker("none", env=self.env)
        self.assertEqual(worker.wait(20), 2)
        self.assertIn("tls+tcp wants --tls-cert", worker.said())
        plain = cluster.Process(self, "plain", "worker", "--coordinator", coordinator.listen.replace(
            "tls+", ""), "--patience", "1", env=self.env)
        self.assertEqual(plain.wait(60), 3, plain.said())
        worker = coordinator.worker("no-token", *self.words(self.ours, "worker"))
        self.assertEqual(worker.wait(20), 3)
        self.one_line(worker, "the coordinator wants a token, and this worker has none: --token-file")
        coordinator.worker("good", *self.words(self.ours, "worker"), env=self.env)
        coordinator.wait_workers(1)
        self.assertGreaterEqual(int(re.search(r"rondo_connections_malformed_total (\d+)",
                                              coordinator.ask("/metrics")[1].decode()).group(1)), 2)

    def one_line(self, process, words):
        lines = [line for line in process.said().splitlines() if words in line]
        self.assertEqual(len(lines), 1, process.said())

    def test_clients_look_at_the_certificate(self):
        coordinator = self.coordinator()
        ours, theirs = (os.path.join(f, "ca.pem") for f in (self.ours, self.theirs))
        for words, env, status in ((["--tls-ca", ours], self.env, 0),
                                   (["--tls-ca", theirs], self.env, 3), ([], self.env, 3),
                                   (["--tls-ca", ours], {}, 3)):
            with self.subTest(words=words, token=bool(env)):
                done = coordinator.call("list", *words, env=env)
                self.assertEqual(done.returncode, status, done.stderr)
                if status:
                    self.assertRegex(done.stderr.strip(), r"^rondo: [^\n]*$")
        done = support.call("list", "--coordinator", coordinator.http.replace("https", "http"),
                            env=self.env)
        self.assertEqual(done.returncode, 3, done.stderr)

    def test_beyond_loopback(self):
        tls = self.words(self.ours, "coordinator")
        token = ["--token-file", self.token]
        secure, far = "tls+tcp://0.0.0.0:0", "0.0.0.0:0"
        for words in (["--listen", secure], ["--listen", secure, *tls], ["--listen", secure, *token],
                      ["--listen", "tcp://0.0.0.0:0", *tls, *token], ["--http", far, *token],
                      ["--http", far, *tls], ["--listen", "tcp://127.example.org:0", *token],
                      ["--listen", "tcp://localhost.example.org:0"], ["--http", "192.0.2.1:0", *token],
                      ["--listen", "tcp://[::]:0"], ["--listen", secure, *tls[:4], *token]):
            with self.subTest(words):
                done = support.call("coordinator", "--state", self.path("s"), *words, timeout=600)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertRegex(done.stderr, r"^rondo: --(listen|http|tls-cert): [^\n]*\n$")
                self.assertFalse(os.path.exists(self.path("s")))
        near = self.coordinator()  # loopback wants nothing, but is given all
        near.kill()
        for listen, http in (("tcp://127.0.0.2:0", "127.0.0.2:0"), ("tcp://localhost:0", "localhost:0")):
            cluster.Coordinator(self, state="s" + http[:3], listen=listen, http=http).kill()
        for words in ([*tls, *token], ["--insecure"]):  # accepted: it gets as far as the bad address
            listen = "tls+tcp://192.0.2.1:0" if "--insecure" not in words else "tcp://192.0.2.1:0"
            done = support.call("coordinator", "--state", self.path("t"), "--http", "192.0.2.1:0",
                                "--listen", listen, *words, timeout=600)
            self.assertIn("cannot listen", done.stderr)
            self.assertEqual(done.returncode, 3)

    def test_without_http_it_listens_on_loopback(self):
        started = cluster.Process(self, "plain", "coordinator", "--state", self.path("plain"))
        address = self.path("plain", "address")
        wait_for("it listens", 20, lambda: os.path.exists(address) or not started.running())
        self.assertTrue(started.running(), started.said())
        with open(address, encoding="ascii") as stream:
            self.assertRegex(stream.read(), r"^workers tcp://127\.0\.0\.1:\d+\nhttp http://127\.0\.0\.1:\d+\n$")
        self.assertEqual(os.stat(self.path("plain")).st_mode & 0o777, 0o700)


if __name__ == "__main__":
    unittest.main()
