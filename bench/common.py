"""common.py - what the scripts of this folder share: the rondo binary, data, runs, machine."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RONDO = os.environ.get("RONDO", os.path.join(ROOT, "build", "release", "rondo"))
DATE = time.strftime("%Y-%m-%d")


def options(**more):
    """--folder, by default one that is made, --write, and what else a script has: name=argparse's keys."""
    parser = argparse.ArgumentParser()
    for name, keys in more.items():
        parser.add_argument("--" + name, **keys)
    parser.add_argument("--folder")
    parser.add_argument("--write", action="store_true")
    found = parser.parse_args()
    found.folder = found.folder or tempfile.mkdtemp()
    return found


def rondo(*words):
    done = subprocess.run([RONDO, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True)
    if done.returncode:
        sys.exit("rondo %s: %s" % (" ".join(words), done.stderr.strip()))
    return done.stdout


def generate(folder, *words):
    """rondo data generate lasso, unless it was done before; the folder."""
    if not os.path.exists(os.path.join(folder, "job.json")):
        rondo("data", "generate", "lasso", "--out", folder, *words)
    return folder


def write_job(path, job):
    with open(path, "w", encoding="utf-8") as stream:
        json.dump(job, stream)
    return path


def run(spec, out, workers=1, **keys):
    """One job; its result.json.  keys: dotted, with __ for each dot."""
    words = ["run", spec, "--out", out, "--workers", str(workers), "--force"]
    for key, value in keys.items():
        words += ["--set", "%s=%s" % (key.replace("__", "."), json.dumps(value))]
    rondo(*words)
    with open(os.path.join(out, "result.json"), encoding="utf-8") as stream:
        return json.load(stream)


def median_solve(count, spec, out, **keys):
    """The result of the last of `count` runs, with the median of their seconds of solving."""
    seconds = []
    for _ in range(count):
        result = run(spec, out, **keys)
        seconds.append(result["seconds"]["solve"])
    result["median"] = statistics.median(seconds)
    result["least"] = min(seconds)
    return result


def machine():
    """The machine's kind, without its name."""
    model = "unknown processor"
    with open("/proc/cpuinfo", encoding="utf-8") as stream:
        for line in stream:
            if line.startswith("model name"):
                model = " ".join(line.split(":", 1)[1].split())
                break
    return "%d virtual cores (%s), shared with other work; load average %.1f" % (
        os.cpu_count(), model, os.getloadavg()[0])


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def write_doc(name, text):
    """docs/benchmarks/NAME."""
    folder = os.path.join(ROOT, "docs", "benchmarks")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "w", encoding="utf-8") as stream:
        stream.write(text)
