"""docs/write-an-app.md is true: its code and its commands, as they stand, run."""

import json
import os
import re
import subprocess
import unittest

import numpy as np

import installed
from cluster import Coordinator
from installed import FLAGS, SOURCE
from support import sha256

DOCUMENT = os.path.join(SOURCE, "docs", "write-an-app.md")


class WriteAnApp(installed.Case):
    def blocks(self):
        with open(DOCUMENT, encoding="utf-8") as stream:
            text = stream.read()
        return text, re.findall(r"^```(\w+)\n(.*?)^```$", text, re.M | re.S)

    def shell(self, commands):
        folders = [path for path, _, names in os.walk(self.prefix) if "rondo-app.pc" in names]
        env = dict(os.environ, PKG_CONFIG_PATH=folders[0],
                   PATH=self.installed("bin") + ":" + os.environ["PATH"])
        if FLAGS:  # the words of the document, by a compiler that adds the sanitizer's
            cc = self.write("cc", "#!/bin/sh\nexec /usr/bin/cc %s \"$@\"\n" % " ".join(FLAGS))
            os.chmod(cc, 0o755)
            env["PATH"] = self.dir + ":" + env["PATH"]
        return subprocess.run(["sh", "-e", "-c", commands], cwd=self.path("empty"), env=env,
                              capture_output=True, text=True, timeout=600)

    def test_it_has_a_hundred_lines(self):
        self.assertLessEqual(self.blocks()[0].count("\n"), 100)

    def test_from_an_empty_folder_to_a_model(self):
        _, blocks = self.blocks()
        self.assertEqual([kind for kind, _ in blocks], ["c", "sh"])
        os.mkdir(self.path("empty"))
        self.write("empty/power.c", blocks[0][1])
        done = self.shell(blocks[1][1])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("power - first singular vector", done.stdout)
        self.assertIn("completed by tolerance", done.stderr)
        self.assertNotIn("warning", done.stderr)
        x = np.load(self.path("empty", "data", "x.npy"))
        v = np.loadtxt(self.path("empty", "out", "direction.txt"))
        _, s, vt = np.linalg.svd(x)
        self.assertAlmostEqual(self.result("empty/out")["objective"], s[0], delta=1e-9 * s[0])
        self.assertAlmostEqual(abs(v @ vt[0]), 1, delta=1e-6)
        first = sha256(self.path("empty", "out", "direction.txt"))
        done = self.shell("export RONDO_APP_PATH=$PWD/apps\nrondo run job.json --out two --workers 3")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sha256(self.path("empty", "two", "direction.txt")), first)

    def test_a_worker_without_the_app_says_so_and_fetches_nothing(self):
        _, blocks = self.blocks()
        os.mkdir(self.path("empty"))
        self.write("empty/power.c", blocks[0][1])
        self.assertEqual(self.shell(blocks[1][1]).returncode, 0)
        coordinator = Coordinator(self, env={"RONDO_APP_PATH": self.path("empty", "apps")})
        plain = coordinator.worker("plain")
        coordinator.wait_workers(1)
        spec = {"version": 1, "app": "power", "data": {"x": self.path("empty", "data", "x.npy")}}

        def ended():
            status, body = coordinator.ask("/v1/jobs", data=json.dumps(spec).encode())
            self.assertEqual(status, 201, body)
            return coordinator.wait_job(json.loads(body)["id"])
        job = ended()
        self.assertEqual(job["state"], "failed")
        self.assertRegex(job["error"], "worker plain: .*unknown app \"power\"")
        self.assertNotIn("fetch", plain.said() + coordinator.said())
        coordinator.worker("fit", env={"RONDO_APP_PATH": self.path("empty", "apps")})
        coordinator.wait_workers(2)
        self.assertEqual(ended()["state"], "completed")


if __name__ == "__main__":
    unittest.main()
