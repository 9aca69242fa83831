#!/usr/bin/env python3
"""out_of_core.py [--folder DIR] [--beyond GB] [--write] - a dense design that is mapped, under a cap and from
the disk.

1,000 x 100,000 doubles, 800 MB, lambda_max / 10, to a relative gap of 1e-6. Copied: the same values in C
order, which are turned when they are loaded. Mapped: in Fortran order, the kernel having the file already;
`from the disk`: 50 times a second it is told to forget what of the file nobody has mapped. With
`limits.memory` 1 GiB sweeps look at shadows of columns; with 64 MiB there is no room for these, and they read
the columns. Seconds are the least of the runs, turn by turn, `CPU` those of the whole process, its system's
part included; the peak is the largest.

--beyond makes, solves once and removes a design of so many GB, more than the machine has memory for, instead:
20,000 rows, blocks of 50 columns correlated by 0.64, 40 of them with a coefficient of 3, lambda_max / 3, to
a relative gap of 1e-4. Bytes read are what the system counts for the process; an eighth of
the design stays in memory as shadows.

--write makes docs/benchmarks/out-of-core.md, or its second half.
"""

import os
import resource
import threading

import numpy as np

import common

MARK = "\n## Larger than memory\n"

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


def make_beyond(folder, columns, rows=20000, block=50, causes=40):
    """x.npy by blocks of columns, written as they are made and never read; y.npy."""
    chance = np.random.default_rng(1)
    pool, y = chance.standard_normal((rows, 1024)), 10 * chance.standard_normal(rows)
    cause = set(chance.choice(columns // block, causes, replace=False))
    header = {"descr": "<f8", "fortran_order": True, "shape": (rows, columns)}
    with open(os.path.join(folder, "x.npy"), "wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        for b in range(columns // block):
            shared = 0.8 * chance.standard_normal(rows)
            for j in range(b * block, (b + 1) * block):
                column = shared + 0.6 * np.roll(pool[:, j % 1024], 37 * (j // 1024))
                column.tofile(stream)
            y += 3 * column if b in cause else 0
        stream.flush()
        os.fsync(stream.fileno())
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    np.save(os.path.join(folder, "y.npy"), y)


def beyond(folder, gigabytes):
    """The table of one run."""
    columns = int(gigabytes * 1e9 / (20000 * 8)) // 50 * 50
    x = os.path.join(folder, "x.npy")
    try:
        make_beyond(folder, columns)
        spec = common.write_job(os.path.join(folder, "beyond.json"), {
            "version": 1, "app": "lasso", "data": {"x": x, "y": os.path.join(folder, "y.npy")},
            "params": {"lambda_ratio": 1 / 3}, "stop": {"gap": 1e-4}, "trace": "off",
            "limits": {"memory": "8GiB", "resident": "2GB"}})
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        result = measured(spec, os.path.join(folder, "out"))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        size, read = os.path.getsize(x), 512 * (after.ru_inblock - before.ru_inblock)
    finally:
        if os.path.exists(x):
            os.remove(x)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return common.table(
        ["design, GB", "memory, GB", "columns", "load, s", "solve, s", "total, s", "CPU, s", "peak RSS, GB", "read, GB",
         "read / design", "sweeps", "columns read / columns", "nnz", "gap"],
        [["%.1f" % (size * 1e-9), "%.1f" % (memory * 1e-9), columns,
          *("%.0f" % result["seconds"][part] for part in ("load", "solve", "total")), "%.0f" % result["cpu"],
          "%.2f" % (result["peak_rss_bytes"] * 1e-9), "%.1f" % (read * 1e-9), "%.2f" % (read / size),
          result["metrics"]["sweeps"], "%.2f" % (result["metrics"]["column_reads"] / columns),
          result["metrics"]["nnz"], "%.1e" % result["metrics"]["gap"]]])


def write_beyond(options):
    said = __doc__.split("\n\n--beyond", 1)[1].split("instead:\n", 1)[1].split("\n\n")[0]
    text = "\nOn %s; one worker; %s; limits.memory 8 GiB, limits.resident 2 GB.\n\n%s\n\n%s" % (
        common.DATE, common.machine(), said, beyond(options.folder, options.beyond))
    if options.write:
        first = read_doc().partition(MARK)[0]
        common.write_doc("out-of-core.md", first + MARK + text)
    print(text)


def read_doc():
    with open(os.path.join(common.ROOT, "docs", "benchmarks", "out-of-core.md"), encoding="utf-8") as stream:
        return stream.read()


def main():
    options = common.options(beyond={"type": float, "metavar": "GB"})
    if options.beyond:
        write_beyond(options)
        return
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
    text += __doc__.split("\n\n", 1)[1].split("\n\n--beyond")[0] + "\n\n"
    text += common.table(["limits.memory", "design", "limits.resident", "load, s", "solve, s", "CPU, s", "in copied's",
                          "peak RSS, MB", "columns read / columns", "sha256 of the model"], rows)
    if options.write:
        behind = read_doc().partition(MARK)
        common.write_doc("out-of-core.md", text + behind[1] + behind[2])
    print(text)


if __name__ == "__main__":
    main()
