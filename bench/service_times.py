"""service_times.py - one job as a service, over TCP to worker processes, beside `rondo run`.

    python3 bench/service_times.py [repetitions]

The design is (b): sparse, 10,000 x 200,000, one entry in a thousand, 200 true coefficients.  `run` and
the service take turns; cold: nothing of the data is kept from an earlier job; warm: the shelf has it.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

import common

BAR = 1.3
HEAD = """# A job as a service

Made by `bench/service_times.py %d` on %s; %s.

The Lasso on (b), sparse 10,000 x 200,000, one entry in a thousand, as svmlight.gz, lambda_max/10 to a
gap of 1e-6, with %d workers: threads of `rondo run`, or processes over TCP on loopback. Medians, in
turn; the model is the same in all. `total` has the reading of the data in it. Cold: nothing of the
data is kept from an earlier job; warm: the shelf has it.

"""
JOB = {"version": 1, "app": "lasso", "params": {"lambda_ratio": 0.1}}


class Service:
    def __init__(self, folder, cache, workers):
        self.processes = []
        self.http, listen = self.start(["coordinator", "--state", os.path.join(folder, "state"),
                                        "--http", "127.0.0.1:0", "--data-root", folder,
                                        "--cache", cache])
        for _ in range(workers):
            self.start(["worker", "--coordinator", listen, "--cache", cache], serves=False)
        while len(self.ask("/v1/workers")["workers"]) < workers:
            time.sleep(0.02)

    def start(self, words, serves=True):
        process = subprocess.Popen([common.RONDO, *words, "--quiet"], stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, text=True)
        self.processes.append(process)
        if not serves:
            return None
        listen, http = (process.stdout.readline().split()[1] for _ in range(2))
        return http, listen

    def ask(self, path, data=None):
        with urllib.request.urlopen(self.http + path, data) as answer:
            return json.loads(answer.read())

    def solve(self, job):
        number = self.ask("/v1/jobs", json.dumps(job).encode())["id"]
        while self.ask("/v1/jobs/" + number)["state"] in ("queued", "running"):
            time.sleep(0.005)
        return self.ask("/v1/jobs/%s/files/result.json" % number)

    def stop(self):
        for process in reversed(self.processes):
            process.terminate()
            process.wait()


def once(kind, job, folder, workers):
    """seconds of solving and in all, and the model's sha256."""
    if kind == "run":
        spec = common.write_job(os.path.join(folder, "job.json"), job)
        result = common.run(spec, os.path.join(folder, "out"), workers=workers)
    else:
        cache = os.path.join(folder, "cache")
        shutil.rmtree(os.path.join(folder, "state"), ignore_errors=True)
        if kind == "service, cold":
            shutil.rmtree(cache, ignore_errors=True)
        service = Service(folder, cache, workers)
        try:
            result = service.solve(job)
        finally:
            service.stop()
    return result["seconds"]["solve"], result["seconds"]["total"], result["model_sha256"]


def main():
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    workers, kinds = 2, ("run", "service, cold", "service, warm")
    folder = tempfile.mkdtemp(prefix="rondo-bench-")
    try:
        made = common.generate(os.path.join(folder, "b"), "--design", "sparse", "--rows", "10000",
                               "--cols", "200000", "--density", "0.001", "--causes", "200",
                               "--amplitude", "3", "--noise", "0.5", "--seed", "1")
        job = dict(JOB, data={"x": os.path.join(made, "x.svm.gz")})
        seen = {kind: [] for kind in kinds}
        for _ in range(repetitions):
            for kind in kinds:
                seen[kind].append(once(kind, job, folder, workers))
    finally:
        shutil.rmtree(folder)
    if len({model for runs in seen.values() for _, _, model in runs}) != 1:
        sys.exit("service_times: the models differ")
    base = [statistics.median(run[i] for run in seen["run"]) for i in (0, 1)]
    rows, ratios = [], []
    for kind in kinds:
        median = [statistics.median(run[i] for run in seen[kind]) for i in (0, 1)]
        ratio = [median[i] / base[i] for i in (0, 1)]
        rows.append([kind] + ["%.3f" % value for value in median] + ["%.2f" % r for r in ratio])
        ratios += ratio
    text = HEAD % (repetitions, common.DATE, common.machine(), workers)
    text += common.table(["", "solve s", "total s", "solve / run", "total / run"], rows)
    text += "\nbar: within %.1f times of `rondo run`: %s (worst %.2f)\n" % (
        BAR, "met" if max(ratios) <= BAR else "not met", max(ratios))
    print(text)
    common.write_doc("service-times.md", text)


if __name__ == "__main__":
    main()
