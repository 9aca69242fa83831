"""The dashboard in Chromium: starts coordinators, workers and jobs, and runs dashboard.test.js on them.

`npm ci` puts Playwright into the build folder; the browser is the system's own.  Where there is no npm, no
chromium or no registry it is skipped with a word; RONDO_MUST_BROWSE=1 makes that a failure.
With --pictures DIR it takes the pictures of docs/images instead.
"""

import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))
import cluster  # noqa: E402
import support  # noqa: E402

FOLDER = os.path.join(os.environ.get("RONDO_BUILD", "."), "browser")
TOKEN = "correct-horse-battery-staple"
MANY = 1000


class NotHere(Exception):
    pass


def find(*names):
    for name in names:
        if shutil.which(name):
            return shutil.which(name)
    raise NotHere("there is no %s here" % names[0])


def install():
    """Playwright in the build folder, as the lock has it; made anew where the lock has changed."""
    npm = find("npm")
    modules, lock = os.path.join(FOLDER, "node_modules"), os.path.join(FOLDER, "package-lock.json")
    done = os.path.isdir(modules) and os.path.isfile(lock) and (
        support.sha256(lock) == support.sha256(os.path.join(HERE, "package-lock.json")))
    os.makedirs(FOLDER, exist_ok=True)
    for name in ("package.json", "package-lock.json", ".npmrc", "dashboard.test.js"):
        shutil.copy(os.path.join(HERE, name), FOLDER)
    if not done:
        said = subprocess.run([npm, "ci"], cwd=FOLDER, capture_output=True, text=True, timeout=600)
        if said.returncode:
            shutil.rmtree(modules, ignore_errors=True)
            raise NotHere("npm ci failed: " + (said.stderr.strip().splitlines() or ["?"])[-1])


class Stage(support.Case):
    """What the tests play on; not a test itself."""

    def job(self, name, **more):
        return {"version": 1, "name": name, "app": "lasso", "data": {"x": self.x, "y": self.y},
                "workers": {"count": 1}, **more}

    def prepare(self):
        self.x, self.y = self.generate("data", design="sparse", rows=400, cols=3000, density=0.02, seed=3)
        self.short = self.job("short", params={"lambda_ratio": 0.1})
        self.endless = self.job("endless", params={"lambda_ratio": 1e-4}, stop={"gap": 0, "rounds": 10 ** 12},
                                schedule={"blocks": 1, "block_size": 1, "priority": {"rule": "cyclic"},
                                          "dependency": {"check": "none"}})

    def post(self, coordinator, path, body=b""):
        status, answer = coordinator.ask(path, body, "POST")
        self.assertLess(status, 300, answer)
        return json.loads(answer)["id"]

    # nice: elsewhere the browser has a machine of its own, and what is measured is the page.
    def coordinator(self, name, *words):
        return cluster.Coordinator(self, *words, state=name, name=name, prefix=("nice", "-n", "19"))

    def open_one(self):
        coordinator = self.coordinator("open")
        for name in ("one", "two"):
            coordinator.worker(name, prefix=("nice", "-n", "19"))
        return {"RONDO_URL": coordinator.http}

    def secret_one(self):
        token = self.write("token", TOKEN + "\n")
        os.chmod(token, 0o600)
        coordinator = self.coordinator("secret", "--token-file", token)
        coordinator.headers = {"Authorization": "Bearer " + TOKEN}
        coordinator.worker("three", "--token-file", token)
        number = self.post(coordinator, "/v1/jobs", json.dumps(dict(self.short, name="token job")).encode())
        coordinator.wait_job(number)
        return {"RONDO_TOKEN_URL": coordinator.http, "RONDO_TOKEN": TOKEN}

    def full_one(self):
        """A thousand jobs in the store, and a worker for the one that the test adds."""
        coordinator = self.coordinator("full")
        body = json.dumps(dict(self.short, name="one of many")).encode()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            numbers = list(pool.map(lambda _: self.post(coordinator, "/v1/jobs", body), range(MANY)))
            list(pool.map(lambda n: self.post(coordinator, "/v1/jobs/%s/cancel" % n), numbers))
        coordinator.worker("four", prefix=("nice", "-n", "19"))
        return {"RONDO_MANY_URL": coordinator.http}

    def picture_one(self, folder):
        """Jobs of the three apps that have ended in all ways, and a lasso that runs."""
        coordinator = self.coordinator("open")
        for name in ("node-a", "node-b"):
            coordinator.worker(name)
        for app, words in (("lda", ("--design", "zipf", "--documents", 400, "--words", 800, "--topics", 20)),
                           ("mf", ("--users", 500, "--items", 300, "--ratings", 20000))):
            done = support.call("data", "generate", app, "--out", self.path(app), *words)
            self.assertEqual(done.returncode, 0, done.stderr)
        made = {app: support.read_json(self.path(app, "job.json")) for app in ("lda", "mf")}
        for app, spec in made.items():
            spec["data"] = {key: self.path(app, name) for key, name in spec["data"].items()}
        many = self.generate("wide", design="sparse", rows=4000, cols=20000, density=0.01, seed=5)
        long = self.job("sparse 4000 x 20000, lambda 0.003", data=dict(zip("xy", many)), trace="all",
                        params={"lambda_ratio": 0.003}, stop={"gap": 1e-9, "rounds": 10 ** 9},
                        workers={"count": 2}, schedule={"blocks": 6, "block_size": 4, "pipeline": 2,
                                                        "dependency": {"coupled": "group"}})
        short = [dict(self.short, name="sparse 400 x 3000"), dict(made["lda"], name="zipf, 20 topics"),
                 dict(self.short, name="sparse 400 x 3000, elastic net", params={"lambda_ratio": 0.1, "l1_ratio": 0.5}),
                 dict(made["mf"], name="ratings 500 x 300, rank 24"), dict(self.short, name="rows that do not match",
                                                                 data={"x": self.x, "y": many[1]}),
                 dict(self.short, name="sparse 400 x 3000, path", params={"path": {"count": 20, "min_ratio": 0.01}})]
        for spec in short * 2:
            coordinator.wait_job(self.post(coordinator, "/v1/jobs", json.dumps(spec).encode()))
        gone = self.post(coordinator, "/v1/jobs", json.dumps(dict(long, name="sparse 4000 x 20000, at once")).encode())
        coordinator.wait_progress(gone)
        self.post(coordinator, "/v1/jobs/%s/cancel" % gone)
        coordinator.wait_job(gone)
        self.post(coordinator, "/v1/jobs", json.dumps(long).encode())
        return {"RONDO_URL": coordinator.http, "RONDO_SHOTS": os.path.abspath(folder)}

    def play(self, node, chromium, words):
        self.prepare()
        if words[:1] == ["--pictures"]:
            where, words = self.picture_one(words[1]), []
        else:
            where = {"RONDO_SHORT": json.dumps(self.short), "RONDO_ENDLESS": json.dumps(self.endless),
                     **self.open_one(), **self.secret_one(), **self.full_one()}
        where["RONDO_CHROMIUM"] = chromium
        return subprocess.run([node, "--test", "--test-reporter=tap", *words, "dashboard.test.js"], cwd=FOLDER,
                              capture_output=True, text=True, timeout=800, env=dict(os.environ, **where))


class Seen(unittest.TestCase):
    """One test of dashboard.test.js, as it went."""

    def __init__(self, name, well):
        super().__init__()
        self.name, self.well = name, well

    def __str__(self):
        return self.name

    def runTest(self):
        self.assertTrue(self.well, "its words stand above")


def main():
    try:
        node, chromium = find("node", "nodejs"), find("chromium", "chromium-browser", "google-chrome")
        install()
    except NotHere as error:
        must = os.environ.get("RONDO_MUST_BROWSE") == "1"
        print("browser.dashboard %s: %s" % ("cannot run" if must else "skipped", error))
        return 1 if must else 77
    stage = Stage()
    stage.setUp()
    try:
        said = stage.play(node, chromium, sys.argv[1:])
    finally:
        clean = stage.doCleanups()
    found = re.findall(r"(?m)^(not ok|ok) \d+ - (.*?)$", said.stdout)
    tests = [Seen(name, word == "ok") for word, name in found if "# SKIP" not in name]
    well = said.returncode == 0 and clean and tests and all(test.well for test in tests)
    print(said.stdout + said.stderr if not well else "\n".join(re.findall(r"(?m)^# .*: .*$", said.stdout)))
    ran = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(unittest.TestSuite(tests))
    return 0 if well and ran.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
