#!/usr/bin/env python3
"""out_of_core.py [--folder DIR] [--write] - a dense design that is mapped, under a cap and from the disk.

1,000 x 100,000 doubles, 800 MB, lambda_max / 10, to a relative gap of 1e-6. Copied: the same values in C
order, which are turned when they are loaded. Mapped: in Fortran order, the kernel having the file already;
`from the disk`: 50 times a second it is told to forget what of the file nobody has mapped. With
`limits.memory` 1 GiB sweeps look at shadows of columns; with 64 MiB there is no room for these, and they read
the columns. Seconds are the least of the runs, turn by turn, `CPU` those of the whole process, its system's
part included; the peak is the largest.

--write makes docs/benchmarks/out-of-core.md.
"""

import os
import resource
import threading

import numpy as np

import common

RUNS, ROWS, COLS = 5, 1000, 100000
WAYS = [("copied", "rows", None, False), ("mapped", "x", None, False), ("mapped", "x", "256MiB", False),
        ("mapped", "x", "64MiB", False), ("mapped, from the disk", "x", None, True),
        ("mapped, from the disk", "x", "64MiB", True)]


class Forgetful:
    """While it lives the kernel keeps no page of a file that is not mapped."""

    def __init__(self, path):
        self.file = os.open(path, os.O_RDONLY)
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.forget)

    def forget(self):
        while not self.ended.wait(0.02):
            os.posix_fadvise(self.file, 0, 0, os.POSIX_FADV_DONTNEED)

    def __enter__(self):
        os.fsync(self.file)
        os.posix_fadvise(self.file, 0, 0, os.POSIX_FADV_DONTNEED)
        self.thread.start()

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()
        os.close(self.file)


def make(folder):
    data = common.generate(os.path.join(folder, "dense"), "--design", "ar", "--rows", str(ROWS), "--cols",
                           str(COLS), "--rho", "0.5", "--causes", "50", "--seed", "1")
    rows = os.path.join(data, "rows.npy")
    if not os.path.exists(rows):
        x = np.load(os.path.join(data, "x.npy"), mmap_mode="r")
        np.save(rows, np.ascontiguousarray(x))
    return data


def measured(spec, out):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = common.run(spec, out)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    result["cpu"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return result


def once(data, name, resident, disk, memory, out):
    path = os.path.join(data, name + ".npy")
    spec = common.write_job(os.path.join(data, name + ".json"), {
        "version": 1, "app": "lasso", "data": {"x": path, "y": os.path.join(data, "y.npy")},
        "params": {"lambda_ratio": 0.1}, "stop": {"gap": 1e-6}, "trace": "off",
        "limits": {"memory": memory, **({"resident": resident} if resident else {})}})
    if not disk:
        with open(path, "rb") as stream:  # the kernel has it
            while stream.read(1 << 24):
                pass
        return measured(spec, out)
    with Forgetful(path):
        return measured(spec, out)


def main():
    options = common.options()
    folder = options.folder
    data, out, rows = make(folder), os.path.join(folder, "out"), []
    for memory in ("1GiB", "64MiB"):
        runs = [[] for _ in WAYS]
        for _ in range(RUNS):
            for way, (_, name, resident, disk) in enumerate(WAYS):
                runs[way].append(once(data, name, resident, disk, memory, out))
        copied = min(r["cpu"] for r in runs[0])
        for (said, _, resident, _), results in zip(WAYS, runs):
            rows.append([memory, said, resident or "-",
                         "%.2f" % min(r["seconds"]["load"] for r in results),
                         "%.2f" % min(r["seconds"]["solve"] for r in results),
                         "%.2f" % min(r["cpu"] for r in results),
                         "%.2f" % (min(r["cpu"] for r in results) / copied),
                         "%.0f" % (max(r["peak_rss_bytes"] for r in results) * 1e-6),
                         "%.2f" % (results[0]["metrics"]["column_reads"] / COLS),
                         results[0]["model_sha256"][:8]])
    text = "# A design in its file\n\nMade by `bench/out_of_core.py` on %s; one worker; %s.\n\n" % (
        common.DATE, common.machine())
    text += __doc__.split("\n\n", 1)[1].rsplit("\n\n", 1)[0] + "\n\n"
    text += common.table(["limits.memory", "design", "limits.resident", "load, s", "solve, s", "CPU, s", "in copied's",
                          "peak RSS, MB", "columns read / columns", "sha256 of the model"], rows)
    if options.write:
        common.write_doc("out-of-core.md", text)
    print(text)


if __name__ == "__main__":
    main()
