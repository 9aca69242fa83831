"""Plug-ins that are wrong, or fail: one clear line, and nobody else is in trouble."""

import json
import os
import shutil
import unittest

import installed
import support
from cluster import Coordinator
from installed import SOURCE

ENTRY = os.path.join(SOURCE, "tests", "plugin", "entry.c")
ROOM = "static char room[4096]; "

# What is wrong with an app, and what is said of it.
DEFECTS = [
    ("app.abi = 2", "the app asks for ABI 2 and this rondo offers 1 (build it against these headers)"),
    ("app.abi = 2; app.name = (const char *)1; app.params = (void *)1", "the app asks for ABI 2"),
    ("app.size = 8", "the app has 8 bytes and ABI 1 has"),
    ("app.size -= 4", "(build it against these headers)"),
    ("app.size += 8", "(build it against these headers)"),
    ("app.name = 0", "the app has no name"),
    ("app.name = \\\"\\\"", "the app's name \"\" is not"),
    ("app.name = \\\"Foo\\\"", "the app's name \"Foo\" is not [a-z][a-z0-9_-]*"),
    ("app.name = \\\"../x\\\"", "the app's name \"../x\" is not"),
    ("app.name = \\\"lasso\\\"", "the app \"lasso\" is built in already"),
    ("app.summary = 0", "has no summary"),
    ("app.params = 0", "lacks params"),
    ("app.roles = 0", "lacks roles"),
] + [("app.%s = 0" % name, "the app \"%s\" lacks %s" % (base, name)) for base, names in (
    ("empty", "open close layout head.create head.destroy head.pack head.unpack shard.destroy "
              "shard.pack shard.unpack schedule push settle report save"),
    ("rotate", "common.destroy common.pack common.unpack block.destroy block.pack block.unpack "
               "scratch_free")) for name in names.split()]

PARAM = "static struct rondo_param one[2]; one[0] = params[0]; app.params = one; one[0]."
ROLE = ("static struct rondo_role one[2] = {{\\\"x\\\", RONDO_ROLE_VECTOR, 0, 0, \\\"help\\\"}}; "
        "app.roles = one; one[0].")
FILES = "static const char *one[2]; app.files = one; one[0] = "
TABLES = [
    (PARAM + "key = \\\"a b\\\"", "the parameter \"a b\" of the app \"empty\": its key is not"),
    (PARAM + "type = (enum rondo_type)9", "it has no type"),
    (PARAM + "help = 0", "no help"),
    (PARAM + "unit = 0", "no unit"),
    (PARAM + "type = RONDO_CHOICE", "it has no choices"),
    (PARAM + "choices = \\\"a|b\\\"", "choices are for"),
    (PARAM + "least = 2", "its least is above its most"),
    (PARAM + "type = RONDO_REAL; one[0].fallback = \\\"seven\\\"", "the keys of the app \"empty\""),
    (PARAM + "type = RONDO_REAL; one[0].fallback = \\\"7\\\"", "7 is out of range"),
    (PARAM + "type = RONDO_CHOICE; one[0].choices = \\\"a|b\\\"; one[0].fallback = \\\"c\\\"",
     "the default c is none of its choices"),
    (PARAM + "key = \\\"stop.rounds\\\"", "one stands twice"),
    (ROLE + "key = \\\"X\\\"", "the role \"X\" of the app \"empty\": its key is not"),
    (ROLE + "kind = (enum rondo_role_kind)9", "it has no kind"),
    (ROLE + "help = 0", "it has no help"),
    (ROLE + "labels_of = \\\"z\\\"", "its labels_of is no matrix"),
    (FILES + "\\\"../../etc\\\"", "which is no name for a file"),
    (FILES + "\\\"result.json\\\"", "which is no name for a file"),
    (FILES + "\\\".hidden\\\"", "which is no name for a file"),
]

# The callbacks that an app has, and what they answer: a code, a code with a word, and no code.
CALLBACKS = {
    "reduce": "check open head.create head.pack common.create common.pack shard.create shard.pack "
              "schedule couple brief push pull settle apply save".split(),
    "rotate": "block.create block.pack scratch merge conclude".split(),
}
ANSWERS = {-4: "", -1: ": out of memory", -2: ": bad input", 7: ": it answered 7, which is no code",
           -77: ": it answered -77, which is no code"}
NONSENSE = [
    ("reduce", "layout.shards", "layout gave -1 shards"),
    ("reduce", "layout.chunks", "layout gave 0 chunks"),
    ("reduce", "layout.blocks", "layout gave 2147483647 blocks"),
    ("reduce", "layout.variables", "layout gave 9223372036854775807 variables"),
    ("reduce", "layout.cost", "layout gave variable 0 the cost -1"),
    ("gather", "layout.shards", "layout gave -1 shards"),
    ("reduce", "head.create gives none", "head.create gave no state"),
    ("reduce", "common.create gives none", "common.create gave no state"),
    ("reduce", "shard.create gives none", "shard.create gave no state"),
    ("rotate", "block.create gives none", "block.create gave no state"),
    ("gather", "push beyond its room", "push wrote"),
    ("reduce", "push beyond its room", "push wrote"),
    ("gather", "settle samples", "settle cannot sample"),
    ("gather", "settle commits nothing", "commit has a size and no bytes"),
    ("gather", "report", "report has metrics without a name, or more than 16"),
]


class Plugins(installed.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.apps = cls.cmake(os.path.join(SOURCE, "tests", "plugin"), "plugins")

    def build(self, out, base="empty", edit="(void)0"):
        return self.compile_app(
            out, "-I", SOURCE, "-DBASE=app_" + base, "-DEDIT=" + edit.replace("\\\"", "\""), ENTRY,
            os.path.join(SOURCE, "tests", "apps", "app_%s.c" % base))

    def toy(self, app, **params):
        return self.write("job.json", json.dumps({
            "version": 1, "app": app, "data": {}, "params": params, "stop": {"rounds": 12},
            "checkpoint": {"snapshot_rounds": 4},
            "schedule": {"blocks": 4, "block_size": 4, "candidates": 64}}))

    # ---- what is refused ------------------------------------------------------------------------

    def refused(self, folder, words, app):
        """Warned of once where others work, an error where its app is named; works meanwhile."""
        done = self.call("apps", apps=folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        line = self.said(done)
        self.assertTrue(line.startswith("warning: " + os.path.realpath(folder)), line)
        self.assertIn(words, line)
        self.assertIn("lasso ", done.stdout)
        self.assertEqual(self.call("apps", "lasso", apps=folder).returncode, 0)
        if not app:
            return
        for command in ("run", "validate"):
            done = self.call(command, self.toy(app), apps=folder)
            self.assertEqual(done.returncode, 2, done.stderr)
            line = self.said(done)
            self.assertIn("the app \"%s\" cannot be used: " % app, line)
            self.assertIn(words[:60], line)
        done = self.call("apps", app, apps=folder)
        self.assertEqual(done.returncode, 2)
        self.assertIn(words[:60], self.said(done))

    def test_a_broken_app_is_refused_in_one_line(self):
        for number, (edit, words) in enumerate(DEFECTS + TABLES):
            with self.subTest(edit=edit):
                folder = self.path("broken%d" % number)
                base = "rotate" if "\"rotate\"" in words else "empty"
                self.build(os.path.join(folder, "libtoy.so"), base, edit)
                named = not any(word in edit for word in ("app.abi", "app.size", "app.name"))
                # What has no name that can be trusted goes by its file's.
                self.refused(folder, words, "toy" if not named and "lasso" not in words else None)

    def test_an_app_that_lacks_something_is_named_by_its_name_too(self):
        self.build(self.path("apps", "x.so"), "empty", "app.push = 0")
        done = self.call("run", self.toy("x"), apps=self.path("apps"))
        self.assertIn("the app \"empty\" lacks push", self.said(done))

    def test_an_app_of_an_older_header_works_and_predicts_nothing(self):
        """Before there was predict: its struct ends there, and what stands behind it is not its own."""
        data = self.write("x.svm", "1 1:2\n")
        for edit in ("(void)0", "app.size = offsetof(struct rondo_app, predict_options); "
                     "app.predict = (void *)1; app.predict_options = (void *)1",
                     "app.size = offsetof(struct rondo_app, conclude); app.conclude = (void *)1",
                     "app.size = offsetof(struct rondo_app, model_ids); app.model_ids = (void *)1",
                     "app.size = offsetof(struct rondo_app, assume); app.assume = (void *)1"):
            with self.subTest(edit=edit):
                folder = self.path("older%d" % len(edit))
                self.build(os.path.join(folder, "older.so"), "gather", edit)
                out = self.path("out%d" % len(edit))
                done = self.call("run", self.toy("gather"), "--out", out, "--quiet", apps=folder)
                self.assertEqual(done.returncode, 0, done.stderr)
                done = self.call("apps", "gather", "--json", apps=folder)
                self.assertEqual(json.loads(done.stdout)["predicts"], False)
                done = self.call("predict", "--model", out, "--data", data, "--out",
                                 self.path("p.txt"), apps=folder)
                self.assertEqual(done.returncode, 2)
                self.assertEqual(self.said(done), out + ": the app \"gather\" makes no predictions")
                self.assertFalse(os.path.exists(self.path("p.txt")))

    def test_what_is_no_plug_in_is_refused(self):
        def source(name, text):
            return self.compile_app(self.path(name, "toy.so"), self.write(name + ".c", text))
        for name in ("empty", "garbage", "dangling"):
            os.mkdir(self.path(name))
        self.write("empty/toy.so", b"")
        self.write("garbage/toy.so", b"\x7fELF" + os.urandom(4000))
        source("library", "int rondo(void); int rondo(void) { return 0; }\n")
        source("null", "#include <rondo/app.h>\n"
               "const struct rondo_app *rondo_app_entry(void) { return NULL; }\n")
        source("unmet", "#include <rondo/app.h>\nvoid there_is_none(void);\n"
               "const struct rondo_app *rondo_app_entry(void) { there_is_none(); return NULL; }\n")
        os.symlink("nowhere", self.path("dangling", "toy.so"))
        for name, words in (("empty", "cannot be loaded: file too short"),
                            ("garbage", "cannot be loaded"),
                            ("library", "it has no function rondo_app_entry"),
                            ("null", "rondo_app_entry gives no app"),
                            ("unmet", "undefined symbol"), ("dangling", "cannot be found")):
            with self.subTest(file=name):
                self.refused(self.path(name), words, "toy")

    def test_other_files_are_not_looked_at(self):
        os.makedirs(self.path("apps", "folder.so"))
        for name in ("notes.txt", "app.so.bak", ".hidden.so", "so"):
            self.write("apps/" + name, b"\x7fELF")
        done = self.call("apps", apps=self.path("apps"))
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_the_first_of_two_stays(self):
        for folder, name in (("a", "one.so"), ("a", "two.so"), ("b", "one.so")):
            os.makedirs(self.path(folder), exist_ok=True)
            shutil.copy(os.path.join(self.apps, "gather.so"), self.path(folder, name))
        done = self.call("apps", apps=self.path("a") + ":" + self.path("b"))
        first = os.path.realpath(self.path("a", "one.so"))
        self.assertIn("gather     alternating least squares of rank 2 (%s)" % first, done.stdout)
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 2, done.stderr)
        for line in lines:
            self.assertIn("the app \"gather\" is there already, from " + first, line)
        done = self.call("run", self.toy("gather"), "--out", self.path("out"), "--quiet",
                         apps=self.path("a"))
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_what_everyone_may_write_is_refused(self):
        folder = self.path("apps")
        self.build(os.path.join(folder, "toy.so"))
        os.chmod(os.path.join(folder, "toy.so"), 0o757)
        self.refused(folder, "the file may be written by everyone (chmod o-w)", "toy")
        os.chmod(os.path.join(folder, "toy.so"), 0o755)
        os.chmod(folder, 0o1777)
        self.refused(folder, "the folder may be written by everyone (chmod o-w)", None)
        os.mkdir(self.path("links"))
        os.symlink(os.path.join(folder, "toy.so"), self.path("links", "toy.so"))
        done = self.call("apps", apps=self.path("links"))
        self.assertIn("its folder may be written by everyone", self.said(done))
        os.chmod(folder, 0o755)
        self.assertIn("empty ", self.call("apps", apps=self.path("links")).stdout)

    def test_a_folder_that_is_not_there_is_said(self):
        done = self.call("apps", apps=self.path("none"))
        self.assertEqual(done.returncode, 0)
        self.assertIn("none: cannot be read: No such file or directory", self.said(done))

    def test_a_broken_one_is_in_nobodys_way(self):
        self.build(self.path("apps", "bad.so"), "empty", "app.abi = 99")
        shutil.copy(os.path.join(self.apps, "gather.so"), self.path("apps"))
        done = self.call("run", self.toy("gather"), "--out", self.path("out"), "--quiet",
                         apps=self.path("apps"))
        self.assertEqual(done.returncode, 0)
        warned = [line for line in done.stderr.splitlines() if "ABI 99" in line]
        self.assertEqual(len(warned), 1, done.stderr)
        for words in (("--version",), ("help",), ("trace", "summary", self.path("out"))):
            done = self.call(*words, apps=self.path("apps"))
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_a_spec_names_an_app_and_no_file(self):
        """A file that would leave a trace when it is loaded leaves none."""
        mark = self.path("mark")
        trap = self.compile_app(self.path("trap", "trap.so"), self.write("trap.c", (
            "#include <rondo/app.h>\n__attribute__((constructor)) static void load(void)\n"
            "{ FILE *mark = fopen(\"%s\", \"w\"); if (mark) fclose(mark); }\n"
            "const struct rondo_app *rondo_app_entry(void) { return NULL; }\n") % mark))
        names = [trap, "./trap/trap.so", "trap/trap", "../trap/trap.so", "trap.so", "trap", "file://"
                 + trap, "lasso/../trap/trap.so", "x\u0000trap", "a" * 5000, "", "%2ftrap"]
        for name in names:
            for apps in ("", self.apps):
                done = self.call("run", self.toy(name), apps=apps, cwd=self.dir,
                                 env={"LD_LIBRARY_PATH": self.path("trap")})
                self.assertEqual(done.returncode, 2, done.stderr)
                self.said(done)
        for more in ({"app_path": self.path("trap")}, {"apps": {"path": self.path("trap")}}):
            spec = dict(support.read_json(self.toy("trap")), **more)
            done = self.call("run", self.write("more.json", json.dumps(spec)), cwd=self.dir)
            self.assertEqual(done.returncode, 2)
        self.assertFalse(os.path.exists(mark))
        self.call("apps", apps=self.path("trap"))
        self.assertTrue(os.path.exists(mark), "the trap does not work")

    # ---- what fails ----------------------------------------------------------------------------------

    def fails(self, app, words, status=1, workers=(1, 3), env=None, **params):
        for count in workers:
            done = self.call("run", self.toy(app, **params), "--out", self.path("out"), "--quiet",
                             "--force", "--workers", count, apps=self.apps, env=env)
            self.assertEqual(done.returncode, status, "%s: %s" % (params, done.stderr))
            line = self.said(done)
            self.assertIn(words, line)
            self.assertIn("\"%s\"" % app, line)

    def test_a_callback_that_fails_is_named(self):
        for app, callbacks in CALLBACKS.items():
            for callback in callbacks:
                for answer, more in ANSWERS.items():
                    with self.subTest(app=app, callback=callback, answer=answer):
                        self.fails(app, "%s failed%s" % (callback, more), fail=callback,
                                   answer=answer, workers=(1, 3) if answer in (-4, 7) else (2,))

    def test_a_block_that_cannot_travel_ends_the_job(self):
        for which in ("pack", "unpack"):
            for answer in (-4, 7):
                spec = self.toy("rotate", fail="block." + which, answer=answer)
                done = self.call("run", spec, "--out", self.path("out"), "--quiet", "--force",
                                 "--workers", 3, apps=self.apps, env={"RONDO_TEST_WIRE": "bytes"})
                self.assertEqual(done.returncode, 1, done.stderr)
                self.said(done)

    def test_an_unpack_that_fails_is_named(self):
        """A lost worker takes its shard with it: all goes back to a snapshot."""
        for answer, words, status in ((-4, " failed", 1), (7, " failed: it answered 7", 1),
                                      (-5, ": the saved state does not fit", 2)):
            for app, which in (("reduce", "head"), ("reduce", "common"), ("reduce", "shard"),
                               ("rotate", "head"), ("rotate", "block")):
                with self.subTest(app=app, which=which, answer=answer):
                    self.fails(app, which + ".unpack" + words, status, workers=(3,), answer=answer,
                               fail=which + ".unpack", env={"RONDO_TEST_LOSE_WORKER": "1@6"})

    def test_nonsense_is_named(self):
        for app, fail, words in NONSENSE:
            for answer in (-4, 40) if fail == "report" else (-4,):
                with self.subTest(app=app, fail=fail):
                    self.fails(app, words, fail=fail, answer=answer)

    def test_an_apps_own_words_are_kept(self):
        done = self.call("run", self.toy("gather", fail="check in words"), apps=self.apps)
        self.assertEqual(done.returncode, 2)
        self.assertEqual(self.said(done), "/params/answer: an answer of no use (try 1)")

    # ---- a service whose workers lack it --------------------------------------------------------

    def test_jobs_that_no_worker_can_serve_end(self):
        """Each is refused by every worker once, and ends with the reason."""
        apps = {"RONDO_APP_PATH": self.apps}
        coordinator = Coordinator(self, env=apps)
        for number in range(4):
            coordinator.worker("w%d" % number, env={"RONDO_APP_PATH": ""})
        coordinator.wait_workers(4)
        with open(self.toy("gather"), "rb") as spec:
            text = spec.read()
        numbers = [str(json.loads(coordinator.ask("/v1/jobs", text, "POST")[1])["id"])
                   for _ in range(4)]
        for number in numbers:
            job = coordinator.wait_job(number)
            self.assertEqual(job["state"], "failed")
            self.assertIn("no worker can serve this job", json.dumps(job))


if __name__ == "__main__":
    unittest.main()
