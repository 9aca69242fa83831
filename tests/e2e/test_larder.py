"""What a service keeps for the next job: parsed matrices and fetched files; and the same bits."""

import glob
import os
import signal
import unittest

import support
from cluster import Coordinator, wait_for

KEPT = "is parsed, and kept"


class Larder(support.Case):
    def make(self, seed=3):
        x, y = self.generate("data", "--format", "svm.gz", design="sparse", rows=400, cols=3000,
                             density=0.02, seed=seed)
        self.wait_settled(x)
        return self.spec(x, y), x

    def start(self, *words, env=None):
        self.cluster = [Coordinator(self, *words, env=env)]
        self.cluster += [self.cluster[0].worker(name, *words, env=env) for name in ("one", "two")]
        self.cluster[0].wait_workers(2)

    def job(self, spec):
        number = self.cluster[0].submit(spec)
        job = self.cluster[0].wait_job(number)
        self.assertEqual(job["state"], "completed", job)
        return self.cluster[0].result(number)["model_sha256"]

    def kept(self):
        """How often the processes have put a file on the shelf."""
        return sum(process.said().count(KEPT) for process in self.cluster)

    def keeps(self, count, why=None):
        """So often; who has put it there may say so when others work with it."""
        wait_for("%d are kept" % count, 20, lambda: self.kept() >= count)
        self.assertEqual(self.kept(), count, why)

    def matrices(self, folder="cache/rondo"):
        return glob.glob(self.path(folder, "matrices", "*.rdm"))

    def test_cold_and_warm_give_the_bits_of_rondo_run(self):
        spec, _ = self.make()
        want = self.solve(spec, "whole")["model_sha256"]
        self.start()
        self.assertEqual(self.job(spec), want)
        self.keeps(1, "three processes, one parse")
        self.assertEqual(self.job(spec), want)
        self.keeps(1)
        self.assertEqual(len(self.matrices()), 1)

    def test_processes_share_one_copy(self):
        spec, _ = self.make()
        self.start()
        endless = self.endless(*[self.path("data", name) for name in ("x.svm.gz", "y.npy")])
        number = self.cluster[0].submit(endless)
        self.cluster[0].wait_progress(number)  # one worker suffices for it
        wait_for("both take part", 60, lambda: self.cluster[0].job(number).get("workers") == 2)
        (path,) = self.matrices()
        for process in self.cluster:
            with open("/proc/%d/maps" % process.pid, encoding="utf-8") as maps:
                lines = [line for line in maps if line.rstrip().endswith(os.path.basename(path))]
            self.assertEqual([line.split()[1] for line in lines], ["r--s"], process.name)
        self.assertEqual(self.cluster[0].call("cancel", number).returncode, 0)

    def test_none_keeps_nothing_and_gives_the_same_bits(self):
        spec, _ = self.make()
        want = self.solve(spec, "whole")["model_sha256"]
        self.start("--cache", "none")
        self.assertEqual(self.job(spec), want)
        self.assertEqual(self.kept(), 0)
        self.assertFalse(os.path.exists(self.path("cache")))

    def test_a_damaged_file_is_replaced(self):
        spec, _ = self.make()
        want = self.solve(spec, "whole")["model_sha256"]
        self.start("--cache", self.path("here"))
        self.job(spec)
        (path,) = self.matrices("here")
        with open(path, "r+b") as stream:
            stream.seek(os.path.getsize(path) // 2)
            byte = stream.read(1)
            stream.seek(-1, os.SEEK_CUR)
            stream.write(bytes([byte[0] ^ 1]))
        self.assertEqual(self.job(spec), want)
        self.keeps(2)

    def test_changed_data_of_the_same_size_are_not_served_stale(self):
        def write(value):
            rows = ["%d 1:%s 2:%d" % (i % 7, value if i == 0 else "1.5", i % 5 + 1)
                    for i in range(9000)]
            with open(self.path("x.svm"), "w", encoding="utf-8") as stream:
                stream.write("\n".join(rows) + "\n")
            self.wait_settled(self.path("x.svm"))
            return os.stat(self.path("x.svm"))
        before = write("1.5")
        spec = self.spec(self.path("x.svm"))
        self.start()
        first = self.job(spec)
        after = write("9.5")
        self.assertEqual((after.st_size, after.st_ino), (before.st_size, before.st_ino))
        want = self.solve(spec, "whole")["model_sha256"]
        self.assertNotEqual(first, want)
        self.assertEqual(self.job(spec), want)
        # Whoever sets the time back is seen too.
        write("1.5")
        os.utime(self.path("x.svm"), ns=(after.st_atime_ns, after.st_mtime_ns))
        self.wait_settled(self.path("x.svm"))
        self.assertEqual(self.job(spec), first)

    def test_a_folder_that_others_can_write_to_is_refused(self):
        os.makedirs(self.path("open", "matrices"))
        for name in ((), ("matrices",)):
            os.chmod(self.path("open", *name), 0o777)
        for words in (("coordinator", "--http", "127.0.0.1:0", "--state", self.path("s")),
                      ("worker", "--coordinator", "tcp://127.0.0.1:9")):
            done = support.call(*words, "--cache", self.path("open"), timeout=600)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn("others", done.stderr)
        # A volume of everybody's will do, if our part of it is ours.
        os.chmod(self.path("open", "matrices"), 0o700)
        self.start("--cache", self.path("open"))
        spec, _ = self.make()
        self.job(spec)
        self.keeps(1)

    def test_without_a_home_nothing_is_kept(self):
        spec, _ = self.make()
        self.write("file", "")
        self.start(env={"XDG_CACHE_HOME": self.path("file")})
        self.job(spec)
        self.assertIn("no cache", self.cluster[0].said())
        for process in self.cluster[1:]:
            process.signal(signal.SIGTERM)
            self.assertEqual(process.wait(), 0, process.said())


if __name__ == "__main__":
    unittest.main()
