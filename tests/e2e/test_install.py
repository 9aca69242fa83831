"""What cmake --install leaves is enough: plug-ins and embedding programs are built against it."""

import json
import os
import shutil
import sys
import unittest

import numpy as np

import installed
from installed import FLAGS, SOURCE, WARNINGS, tool
from support import sha256

PATTERNS = ("reduce", "rotate", "gather")
HEADERS = ("app", "err", "flat", "matrix", "rng", "rondo", "types")


class Install(installed.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.apps = cls.cmake(os.path.join(SOURCE, "tests", "plugin"), "plugins")
        cls.ridge = cls.cmake(os.path.join(SOURCE, "examples", "ridge"), "ridge")

    def toy(self, app, **more):
        spec = {"version": 1, "app": app, "data": {}, "stop": {"rounds": 24},
                "schedule": {"blocks": 4, "block_size": 4, "candidates": 64}, **more}
        return self.write(app + ".json", json.dumps(spec))

    def data(self):
        """examples/ridge in the test's own folder, with its data; they are also returned."""
        for name in ("job.json", "check.py"):
            shutil.copy(os.path.join(SOURCE, "examples", "ridge", name), self.path(name))
        tool(sys.executable, "check.py", "make", cwd=self.dir)
        return np.load(self.path("x.npy")), np.load(self.path("y.npy"))

    def solved(self, apps, spec, out, *words, env=None):
        done = self.call("run", spec, "--out", self.path(out), "--quiet", *words, apps=apps, env=env)
        self.assertEqual(done.returncode, 0, done.stderr)
        return self.result(out)

    # ---- what is there ---------------------------------------------------------------------------

    def test_everything_has_its_place(self):
        found = {os.path.relpath(os.path.join(path, name), self.prefix)
                 for path, _, names in os.walk(self.prefix) for name in names}
        for name in ["bin/rondo", "share/man/man1/rondo.1", "share/man/man5/rondo-job.5",
                     "share/rondo/job.schema.json", "share/doc/rondo/README.md"] + [
                         "include/rondo/%s.h" % name for name in HEADERS]:
            self.assertIn(name, found)
        for name in ("librondo.a", "rondo.pc", "rondo-app.pc", "rondo-config.cmake",
                     "rondo-config-version.cmake"):
            self.assertEqual(sum(path.endswith("/" + name) for path in found), 1, name)

    def test_no_file_of_the_packages_names_a_place(self):
        for path, _, names in os.walk(self.prefix):
            for name in names:
                if name.endswith((".pc", ".cmake", ".h")):
                    with open(os.path.join(path, name)) as stream:
                        text = stream.read()
                    for place in (SOURCE, installed.BUILD, self.root):
                        self.assertNotIn(place, text, name)

    def test_the_headers_are_cplusplus_too(self):
        if not shutil.which("g++"):
            self.skipTest("there is no g++")
        source = self.write("all.cc", "".join("#include <rondo/%s.h>\n" % name for name in HEADERS)
                            + "int main() { return rondo_rng_unit(1, 2, 3, 4) < 0; }\n")
        tool("g++", "-std=c++17", "-Wpedantic", *WARNINGS, *self.package("rondo-app", "--cflags"),
             "-c", source, "-o", self.path("all.o"))

    def test_each_header_stands_alone(self):
        for name in HEADERS:
            source = self.write(name + ".c", "#include <rondo/%s.h>\n" % name)
            tool("cc", "-std=c11", "-Wpedantic", *WARNINGS,
                 *self.package("rondo-app", "--cflags"), "-fsyntax-only", source)

    # ---- plug-ins ---------------------------------------------------------------------------------

    def test_the_patterns_run_as_plug_ins_with_the_same_bits(self):
        for app in PATTERNS:
            with self.subTest(app=app):
                spec = self.toy(app)
                found = set()
                for workers, env in ((1, {}), (3, {}), (2, {"RONDO_TEST_WIRE": "bytes"}),
                                     (3, {"RONDO_TEST_LOSE_WORKER": "1@10"})):
                    out = "%s%d%d" % (app, workers, len(env))
                    result = self.solved(self.apps, spec, out, "--workers", workers, env=env)
                    found.add(result["model_sha256"])
                    self.assertEqual(result["rounds"], 24)
                    self.assertEqual(result["model_sha256"], sha256(self.path(out, "state.bin")))
                self.assertEqual(len(found), 1)

    def test_apps_says_where_each_comes_from(self):
        done = self.call("apps", apps=self.apps + ":" + self.ridge + "::" + self.apps)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        lines = dict(line.split(None, 1) for line in done.stdout.splitlines())
        self.assertEqual(list(lines), sorted(lines))
        self.assertIn("(built in)", lines["lasso"])
        for name in PATTERNS + ("empty",):
            self.assertIn("(%s)" % os.path.join(os.path.realpath(self.apps), name + ".so"), lines[name])
        self.assertIn("from ", self.call("apps", "ridge", apps=self.ridge).stdout)
        listed = json.loads(self.call("apps", "--json", apps=self.ridge).stdout)
        files = {app["name"]: app["file"] for app in listed}
        self.assertIsNone(files["lasso"])
        self.assertEqual(files["ridge"], os.path.join(os.path.realpath(self.ridge), "ridge.so"))

    def test_the_schema_knows_them(self):
        schema = json.loads(self.call("help", "schema", apps=self.ridge).stdout)
        self.assertIn("ridge", schema["properties"]["app"]["enum"])

    def test_ridge_finds_the_closed_form(self):
        self.data()
        found = set()
        for workers in (1, 3):
            out = "r%d" % workers
            result = self.solved(self.ridge, self.path("job.json"), out, "--workers", workers)
            found.add(result["model_sha256"])
            self.assertEqual(result["stop_reason"], "gap")
            self.assertLessEqual(result["metrics"]["gap"], 1e-10)
            tool(sys.executable, "check.py", out, cwd=self.dir)
        self.assertEqual(len(found), 1)

    def test_ridge_on_sparse_data_and_in_pieces(self):
        """svmlight with labels; stopped after a few rounds and gone on with: the same bits."""
        x, y = self.data()
        x[np.abs(x) < 1] = 0
        with open(self.path("x.svm"), "w") as stream:
            for row, label in zip(x, y):
                stream.write(" ".join(["%.17g" % label] + ["%d:%.17g" % (j + 1, v) for j, v in
                                                           enumerate(row) if v]) + "\n")
        spec = self.write("sparse.json", json.dumps({
            "version": 1, "app": "ridge", "data": {"x": "x.svm"}, "params": {"shards": 7},
            "stop": {"gap": 1e-9}, "schedule": {"blocks": 4, "block_size": 16, "candidates": 80}}))
        whole = self.solved(self.ridge, spec, "whole", "--workers", 2)
        self.assertEqual(whole["stop_reason"], "gap")
        self.assertGreater(whole["rounds"], 25)
        self.solved(self.ridge, spec, "parts", "--set", "stop.rounds=13")
        parts = self.solved(self.ridge, spec, "parts", "--resume", "--workers", 3)
        self.assertEqual(parts["model_sha256"], whole["model_sha256"])
        exact = np.linalg.solve(x.T @ x + np.eye(x.shape[1]), x.T @ y)
        np.testing.assert_allclose(np.loadtxt(self.path("whole", "coef.txt")), exact, atol=1e-3)

    def test_ridge_says_what_does_not_fit(self):
        self.data()
        np.save(self.path("y.npy"), np.ones(7))
        done = self.call("run", self.path("job.json"), "--quiet", apps=self.ridge)
        self.assertEqual(done.returncode, 2)
        self.assertIn("x and y do not fit", self.said(done))

    def test_a_plug_in_by_pkg_config_alone(self):
        self.data()
        self.compile_app(self.path("apps", "mine.so"), os.path.join(SOURCE, "examples", "ridge", "ridge.c"))
        result = self.solved(self.path("apps"), self.path("job.json"), "out")
        self.assertEqual(result["stop_reason"], "gap")

    # ---- embedding -----------------------------------------------------------------------------------

    def test_a_program_runs_a_job_of_a_plug_in(self):
        self.data()
        folder = os.path.join(SOURCE, "examples", "embed")
        by_cmake = os.path.join(self.cmake(folder, "embed"), "embed")
        by_cc = self.path("embed")
        tool("cc", "-std=c17", *WARNINGS, *FLAGS, os.path.join(folder, "embed.c"), "-o", by_cc,
             *self.package("rondo", "--cflags", "--libs"))
        wanted = self.solved(self.ridge, self.path("job.json"), "wanted")["model_sha256"]
        for program in (by_cmake, by_cc):
            said = tool(program, self.path("job.json"), self.path("out"), 2,
                        env={"RONDO_APP_PATH": self.ridge})
            self.assertIn("completed by gap", said)
            self.assertIn(wanted, said)


if __name__ == "__main__":
    unittest.main()
