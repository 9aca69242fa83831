"""Bad specs, data, directories and words: exit 2, one line that names the place, nothing written."""

import gzip
import os
import unittest

import numpy as np

import support
from support import call

GOOD_SVM = "1 1:1 2:2\n-1 1:2 3:1\n1 2:5\n"


class Refusals(support.Case):
    def setUp(self):
        super().setUp()
        self.write("x.svm", GOOD_SVM)

    def refused(self, done, *says):
        """`rondo: WHERE: WHAT (HINT)`, one line, exit 2, nothing on stdout."""
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertRegex(done.stderr, r"^rondo: \S.*: \S.*\n$")
        for word in says:
            self.assertIn(word, done.stderr)

    def run_refused(self, spec, *says, words=()):
        """Nor is anything left in the output directory."""
        done = call("run", spec, "--out", self.path("out"), *words)
        self.refused(done, *says)
        self.assertEqual(os.listdir(self.path("out")) if os.path.exists(self.path("out")) else [],
                         [], done.stderr)

    def text_refused(self, text, *says):
        self.run_refused(self.write("job.json", text), *says)

    def svm_refused(self, text, *says):
        path = self.write("bad.svm", text)
        self.run_refused(self.spec("bad.svm"), path, *says)


HEAD = '{"version": 1, "app": "lasso", "data": {"x": "x.svm"}'


class Specs(Refusals):
    def test_an_unknown_key_is_told_with_the_nearest(self):
        self.text_refused(HEAD + ',\n "schedule": {"blokcs": 3}}', "/schedule/blokcs",
                          "job.json:2:15", '"blocks"')
        self.text_refused(HEAD + ',\n "params": {"lamda": 3}}', "/params/lamda", "job.json:2:13",
                          "lambda")
        self.text_refused(HEAD + ', "stopp": {}}', "/stopp", '"stop"')
        self.text_refused(HEAD + ',\n "stop": {"iterations": 3}}', "/stop/iterations", "job.json:2:11",
                          "known here: gap, rounds, seconds")

    def test_a_wrong_type(self):
        for key, value in (("schedule.blocks", '"3"'), ("schedule.blocks", "3.5"),
                           ("schedule.blocks", "null"), ("params.intercept", "1"),
                           ("params.lambda", "true"), ("schedule", "[]"), ("seed", "{}"),
                           ("schedule.priority.rule", "7"), ("limits.memory", "[1]")):
            with self.subTest(key=key, value=value):
                for part in reversed(key.split(".")):
                    value = '{"%s": %s}' % (part, value)
                self.text_refused(HEAD + ",\n" + value[1:], "/" + key.replace(".", "/"),
                                  "job.json:2:")

    def test_a_number_out_of_range(self):
        for key, value in (("schedule.blocks", "5000000000"), ("schedule.block_size", "5000000000"),
                           ("schedule.candidates", "5000000000"), ("workers.count", "5000000000"),
                           ("schedule.blocks", "0"), ("schedule.blocks", "-1"),
                           ("schedule.pipeline", "65"), ("schedule.blocks", "1e300"),
                           ("schedule.dependency.threshold", "1.5"), ("params.lambda", "0"),
                           ("params.lambda", "-1"), ("params.lambda_ratio", "0"),
                           ("params.lambda", "1e999"), ("params.l1_ratio", "1.01"),
                           ("stop.gap", "-1"), ("stop.rounds", "99999999999999999999"),
                           ("seed", "-1"), ("limits.memory", '"64 GigaByte"')):
            with self.subTest(key=key, value=value):
                for part in reversed(key.split(".")):
                    value = '{"%s": %s}' % (part, value)
                self.text_refused(HEAD + ",\n" + value[1:], "job.json:2:")

    def test_a_word_that_is_none_of_the_choices(self):
        self.run_refused(self.spec("x.svm", schedule={"priority": {"rule": "gradiant"}}),
                         "/schedule/priority/rule", "gradient")

    def test_what_is_no_json(self):
        self.text_refused("", "job.json")
        self.text_refused("{\n  \"version\": 1,\n  oops\n}\n", "job.json:3:")
        self.text_refused(HEAD, "job.json:1:")
        self.text_refused(HEAD + "} trailing", "job.json:1:")
        self.text_refused(HEAD + ', "version": 1}', "version")
        self.text_refused("[1]", "job.json")
        for text in (HEAD + ', "name": "a\\u0000b"}', HEAD + ', "a\\u0000b": 1}'):
            self.text_refused(text, "job.json:1:", ": a NUL character (\\u0000) is not allowed in a text")

    def test_missing_keys_other_versions_and_apps(self):
        self.text_refused('{"app": "lasso", "data": {"x": "x.svm"}}', "version")
        self.text_refused('{"version": 2, "app": "lasso", "data": {"x": "x.svm"}}', "/version")
        self.text_refused('{"version": 1, "data": {"x": "x.svm"}}', "app")
        self.text_refused('{"version": 1, "app": "laso", "data": {"x": "x.svm"}}', "/app", "lasso")
        self.text_refused('{"version": 1, "app": "lasso"}', "data")
        self.text_refused('{"version": 1, "app": "lasso", "data": {}}', "x")

    def test_what_contradicts_itself(self):
        self.run_refused(self.spec("x.svm", params={"lambda": 1, "lambda_ratio": 0.1}),
                         "/params/lambda_ratio")
        self.run_refused(self.spec("x.svm", params={"l1_ratio": 0, "lambda_ratio": 0.1}),
                         "/params/lambda_ratio", "lambda_max is infinite")

    def test_what_a_later_version_brings(self):
        self.run_refused(self.spec("x.svm", schedule={"sync": "async"}), "/schedule/sync",
                         "not in this version")
        self.run_refused(self.spec("x.svm", workers={"device": "cuda"}), "/workers/device",
                         "not in this version")

    def test_a_missing_spec(self):
        self.run_refused(self.path("none.json"), "none.json")
        self.run_refused(self.dir, self.dir)

    def test_an_override_that_is_wrong_is_named(self):
        spec = self.spec("x.svm")
        for text, *says in (("params.lamda=1", "--set params.lamda", "lambda"),
                            ("schedule.blocks=x", "--set schedule.blocks"),
                            ("schedule.blocks=5000000000", "--set schedule.blocks"),
                            ("nonsense", "--set nonsense", "KEY=VALUE"), ("=1", "--set")):
            with self.subTest(set=text):
                self.run_refused(spec, *says, words=("--set", text))


class Data(Refusals):
    def test_missing_and_empty_files(self):
        for words, key, path in ((("none.svm",), "/data/x", self.path("none.svm")),
                                 (("x.svm", "none.npy"), "/data/y", self.path("none.npy"))):
            spec = self.spec(*words)
            place = r"^rondo: %s \(%s:\d+:\d+\): %s: cannot read: " % (key, spec, path)
            self.assertRegex(call("validate", spec).stderr, place)
            self.run_refused(spec, path)
            self.assertRegex(call("run", spec, "--out", self.path("out")).stderr, place)
        self.svm_refused("", "empty")
        self.svm_refused("\n\n")
        self.write("empty.npy", "")
        self.run_refused(self.spec("empty.npy"), self.path("empty.npy"), "empty")
        self.run_refused(self.spec("."), "folder")

    def test_truncated_npy(self):
        np.save(self.path("x.npy"), np.arange(15.0).reshape(5, 3) ** 2)
        np.save(self.path("y.npy"), np.arange(5.0))
        with open(self.path("x.npy"), "rb") as stream:
            whole = stream.read()
        for size in (5, 9, 64, 128, len(whole) - 5):
            with self.subTest(size=size):
                path = self.write("cut.npy", whole[:size])
                self.run_refused(self.spec("cut.npy", "y.npy"), path)
        path = self.write("long.npy", whole + b"12345678")
        self.run_refused(self.spec("long.npy", "y.npy"), path)

    def test_truncated_and_damaged_gz(self):
        whole = gzip.compress((GOOD_SVM * 2000).encode())
        for size in (3, 15, len(whole) // 2, len(whole) - 4):
            with self.subTest(size=size):
                path = self.write("cut.svm.gz", whole[:size])
                self.run_refused(self.spec("cut.svm.gz"), path)
        damaged = bytearray(whole)
        damaged[-6] ^= 255  # of the checksum
        path = self.write("damaged.svm.gz", bytes(damaged))
        self.run_refused(self.spec("damaged.svm.gz"), path)

    def test_svmlight_index_0_and_the_hint_that_helps(self):
        self.svm_refused("1 0:1 2:2\n-1 1:2 2:1\n2 1:1\n", "bad.svm:1", "data.index_base: 0")
        # What the hint says is accepted, in the same directory.
        self.run_job(self.spec("bad.svm", data={"index_base": 0}), "out")
        self.assertEqual(len(self.model("out")[0]), 3)

    def test_svmlight_order(self):
        self.svm_refused("1 1:1 2:2\n-1 3:2 1:1\n", "bad.svm:2", "1 comes after 3")
        self.svm_refused("1 1:1 2:2\n-1 3:2 3:1\n", "bad.svm:2", "3 stands twice")

    def test_svmlight_that_is_none(self):
        self.svm_refused("1 1:1\n2 1:x\n", "bad.svm:2")
        self.svm_refused("1 1:1\n2 1\n", "bad.svm:2")
        self.svm_refused("1 1:1\n2 a:1\n", "bad.svm:2")
        self.svm_refused("1 1:1\nlabel 1:1\n", "bad.svm:2")
        self.svm_refused("1 1:1\n2 -1:1\n", "bad.svm:2")
        self.svm_refused("1 1:1\n2 5000000000:1\n", "bad.svm:2")

    def test_nan_and_inf_in_text(self):
        for value in ("nan", "NaN", "inf", "-Inf", "1e999"):
            with self.subTest(value=value):
                self.svm_refused("1 1:1 2:2\n-1 1:2 3:%s\n" % value, "bad.svm:2")
                self.svm_refused("1 1:1 2:2\n%s 1:2 3:1\n" % value, "bad.svm:2")
                path = self.write("bad.mtx", "%%%%MatrixMarket matrix coordinate real general\n"
                                             "3 3 2\n1 1 1\n2 2 %s\n" % value)
                self.run_refused(self.spec("bad.mtx", "x.svm"), path + ":4")

    def test_nan_and_inf_in_npy(self):
        good, y = np.arange(15.0).reshape(5, 3) ** 2, np.arange(5.0)
        for value in (np.nan, np.inf, -np.inf):
            for kind in ("f4", "f8"):
                with self.subTest(value=value, kind=kind):
                    bad, bad_y = good.copy(), y.copy()
                    bad[3, 1] = bad_y[2] = value
                    np.save(self.path("bad.npy"), bad.astype(kind))
                    np.save(self.path("good.npy"), good.astype(kind))
                    np.save(self.path("y.npy"), y)
                    np.save(self.path("bad_y.npy"), bad_y.astype(kind))
                    self.run_refused(self.spec("bad.npy", "y.npy"), self.path("bad.npy"),
                                     "row 3, column 1")
                    self.run_refused(self.spec("good.npy", "bad_y.npy"), self.path("bad_y.npy"),
                                     "row 2")

    def test_a_response_of_another_length_or_none(self):
        np.save(self.path("x.npy"), np.arange(15.0).reshape(5, 3) ** 2)
        for rows in (4, 6):
            np.save(self.path("y.npy"), np.arange(float(rows)))
            self.run_refused(self.spec("x.npy", "y.npy"), "/data/y", "job.json:", str(rows))
        np.save(self.path("y.npy"), np.ones((5, 2)))
        self.run_refused(self.spec("x.npy", "y.npy"), "vector")
        self.run_refused(self.spec("x.npy"), "y")

    def test_mtx_that_lies_about_its_counts(self):
        np.save(self.path("y.npy"), np.arange(3.0))
        head = "%%MatrixMarket matrix coordinate real general\n"
        for text, line in ((head + "3 3 4\n1 1 1\n2 2 1\n3 3 1\n", ""),
                           (head + "3 3 2\n1 1 1\n2 2 1\n3 3 1\n", ":5"),
                           (head + "3 3 2\n1 1 1\n4 2 1\n", ":4"),
                           (head + "3 3 2\n1 1 1\n2 4 1\n", ":4"),
                           (head + "3 3 2\n1 1 1\n0 1 1\n", ":4"),
                           (head + "3 3 2\n1 1 1\n1 1 1\n", ""),
                           (head + "3 3 10\n1 1 1\n", ""),
                           (head + "3 3 -1\n1 1 1\n", ":2"),
                           (head + "3000000000 3 1\n1 1 1\n", ""),
                           (head + "3 3\n1 1 1\n", ":2"),
                           ("%%MatrixMarket matrix array real general\n2 2\n1\n2\n3\n", ""),
                           ("%%MatrixMarket matrix array real general\n2 2\n1\n2\n3\n4\n5\n", ""),
                           ("%%MatrixMarket matrix coordinate complex general\n1 1 0\n", ":1")):
            with self.subTest(text=text):
                path = self.write("bad.mtx", text)
                self.run_refused(self.spec("bad.mtx", "y.npy"), path + line)

    def test_one_row_or_no_column(self):
        self.svm_refused_shape("1 1:1 2:2\n", "2 rows")
        self.svm_refused("1\n2\n", "2 x 0")
        np.save(self.path("one.npy"), np.ones((1, 3)))
        np.save(self.path("none.npy"), np.zeros((5, 0)))
        np.save(self.path("y1.npy"), np.ones(1))
        np.save(self.path("y5.npy"), np.arange(5.0))
        self.run_refused(self.spec("one.npy", "y1.npy"), "/data/x", "2 rows")
        self.run_refused(self.spec("none.npy", "y5.npy"), self.path("none.npy"), "5 x 0")

    def svm_refused_shape(self, text, *says):
        self.write("bad.svm", text)
        self.run_refused(self.spec("bad.svm"), "/data/x", *says)

    def test_validate_refuses_what_headers_show(self):
        self.refused(call("validate", self.spec("none.svm")), "none.svm")
        self.write("empty.svm", "")
        self.refused(call("validate", self.spec("empty.svm")), "empty.svm")
        np.save(self.path("x.npy"), np.ones((5, 3)))
        np.save(self.path("y.npy"), np.ones(4))
        self.refused(call("validate", self.spec("x.npy")), "/data/y", "no labels")
        self.refused(call("validate", self.spec("x.npy", "y.npy")), "/data/y")


class Directories(Refusals):
    def test_one_that_cannot_be_written(self):
        """Found before the data are read: they do not exist here."""
        spec = self.spec("none.svm")
        self.write("file", "")
        for out in (self.path("file"), self.path("file", "inner"), "/proc/rondo",
                    "/proc/sys/rondo"):
            with self.subTest(out=out):
                done = call("run", spec, "--out", out)
                self.refused(done)
                self.assertNotIn("none.svm", done.stderr)
        with open(self.path("file")) as stream:
            self.assertEqual(stream.read(), "")

    def test_one_of_another_job_is_refused_without_force(self):
        spec = self.spec("x.svm")
        self.run_job(spec, "out")
        before = support.sha256(self.path("out", "coef.mtx"))
        other = ("--set", "params.lambda_ratio=0.5")
        self.refused(call("run", spec, "--out", self.path("out"), *other), self.path("out"),
                     "--force")
        self.assertEqual(support.sha256(self.path("out", "coef.mtx")), before)
        self.run_job(spec, "out", *other, "--force")
        self.assertNotEqual(support.sha256(self.path("out", "coef.mtx")), before)
        self.run_job(spec, "out", *other)  # its own

    def test_one_that_is_no_jobs_is_refused_without_force(self):
        os.mkdir(self.path("out"))
        self.write("out/thesis.tex", "precious")
        spec = self.spec("x.svm")
        self.refused(call("run", spec, "--out", self.path("out")), "--force")
        self.assertEqual(os.listdir(self.path("out")), ["thesis.tex"])
        self.run_job(spec, "out", "--force")
        self.assertTrue(os.path.exists(self.path("out", "thesis.tex")))

    def test_a_stopped_runs_checkpoint_is_not_thrown_away(self):
        spec = self.spec("x.svm", stop={"rounds": 1})
        self.run_job(spec, "whole", "--set", "stop.rounds=1000")
        for state in ("interrupted", "failed", "killed"):
            with self.subTest(state=state):
                self.run_job(spec, "out", "--force")
                if state == "killed":
                    os.remove(self.path("out", "result.json"))
                else:
                    self.write("out/result.json", '{"state": "%s"}' % state)
                before = support.sha256(self.path("out", "checkpoint.rondo"))
                self.refused(call("run", spec, "--out", self.path("out")), self.path("out"), "--resume",
                             "--force")
                self.assertEqual(support.sha256(self.path("out", "checkpoint.rondo")), before)
                self.run_job(spec, "out", "--resume", "--set", "stop.rounds=1000")
                self.assertEqual(self.result("out")["model_sha256"], self.result("whole")["model_sha256"])
                self.run_job(spec, "out", "--set", "stop.rounds=1000")  # it is completed

    def test_bad_data_do_not_cost_the_old_results(self):
        spec = self.spec("x.svm")
        self.run_job(spec, "out")
        files = {f: support.sha256(self.path("out", f)) for f in os.listdir(self.path("out"))}
        self.write("x.svm", "1 1:nan\n2 1:1\n")
        for words in ((), ("--force",), ("--resume",)):
            with self.subTest(words=words):
                self.refused(call("run", spec, "--out", self.path("out"), *words), "x.svm:1")
                self.assertEqual(files, {f: support.sha256(self.path("out", f))
                                         for f in os.listdir(self.path("out"))})

    def test_resume_names_what_has_changed(self):
        spec = self.spec("x.svm")
        self.run_job(spec, "out")
        for key, value in (("params.lambda_ratio", "0.5"), ("schedule.blocks", "3"), ("seed", "9"),
                           ("limits.memory", "1MiB"), ("params.intercept", "false")):
            with self.subTest(key=key):
                done = call("run", spec, "--out", self.path("out"), "--resume", "--set",
                            key + "=" + value)
                self.refused(done)
                self.assertRegex(done.stderr, key.replace(".", "[./]"))

    def test_resume_accepts_stop_workers_trace_and_checkpoint(self):
        spec = self.spec("x.svm", stop={"rounds": 1})
        self.run_job(spec, "out")
        self.run_job(spec, "out", "--resume", "--set", "stop.rounds=1000", "--set", "stop.gap=1e-9",
                     "--set", "workers.count=3", "--trace", "all", "--set", "checkpoint.seconds=5")
        self.assertEqual(self.result("out")["stop_reason"], "gap")
        self.run_job(spec, "whole", "--set", "stop.rounds=1000", "--set", "stop.gap=1e-9")
        self.assertEqual(self.result("out")["model_sha256"], self.result("whole")["model_sha256"])

    def test_resume_refuses_other_data(self):
        spec = self.spec("x.svm", stop={"rounds": 1})
        self.run_job(spec, "out")
        self.write("x.svm", GOOD_SVM.replace("5", "6"))
        self.refused(call("run", spec, "--out", self.path("out"), "--resume"), "data")

    def test_a_damaged_checkpoint_is_refused(self):
        spec = self.spec("x.svm", stop={"rounds": 1})
        self.run_job(spec, "out")
        with open(self.path("out", "checkpoint.rondo"), "rb") as stream:
            whole = stream.read()
        for damaged in (b"", b"x", whole[:20], whole[:-1], b"X" + whole[1:], whole + b"!"):
            with self.subTest(size=len(damaged)):
                self.write("out/checkpoint.rondo", damaged)
                self.refused(call("run", spec, "--out", self.path("out"), "--resume"))


class Words(Refusals):
    def test_commands_of_a_later_version(self):
        for command in ("simulate",):
            with self.subTest(command=command):
                self.refused(call(command), "not in this version")
                self.assertNotRegex(call("help").stdout, r"(?m)^  %s\b" % command)

    def test_an_unknown_command_is_told_with_the_nearest(self):
        self.refused(call("rnu"), '"run"')
        self.refused(call("frobnicate"), "help")
        self.refused(call("two\nlines"))
        done = call()
        self.assertEqual(done.returncode, 2)

    def test_unknown_options_and_missing_words(self):
        spec = self.spec("x.svm")
        for words in (("run", spec, "--frob"), ("run",), ("run", spec, spec), ("run", spec, "--out"),
                      ("run", spec, "--resume", "--force"), ("run", spec, "--workers", "x"),
                      ("run", spec, "--workers", "0"), ("run", spec, "--trace", "some"),
                      ("validate",), ("validate", spec, "--frob"), ("apps", "nonesuch"),
                      ("apps", "--frob"), ("data",), ("data", "frob"), ("data", "info"),
                      ("data", "info", self.path("none")), ("data", "generate", "lasso"),
                      ("data", "generate", "lasso", "--frob"), ("trace",), ("trace", "frob"),
                      ("trace", "summary"), ("trace", "summary", self.path("none"))):
            with self.subTest(words=words[:2]):
                self.refused(call(*words, cwd=self.dir))


if __name__ == "__main__":
    unittest.main()
