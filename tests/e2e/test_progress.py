"""The live line of run, watch and submit --follow, as a person sees it, and what there is without a terminal."""

import json
import math
import re
import unittest

import support
from cluster import SLOW, Coordinator
from support import RONDO, call
from terminal import Terminal

FIGURES = re.compile(r"(?P<name>[a-z_]+) (?P<value>-?[\d.e+-]+|-)(?:/(?P<end>\d+))?(?=  |$)")
ITERATIONS = 600 if SLOW == 1 else 40  # some seconds of topics


def figure(value):
    """As it is shown: a count to its last digit."""
    return "%.0f" % value if value == math.floor(value) else "%.4g" % value


def figures(line):
    """{name: text} of a live line: its bar, share and rates too; None where it is none."""
    shown = re.match(r"(?:\[(=*)(>?)( *)\]  )?(?: *(\d+)%)?", line)
    if shown[4] is None:
        return None
    found = {m["name"]: m["value"] for m in FIGURES.finditer(line[shown.end():])}
    found["ends"] = {m["name"]: int(m["end"]) for m in FIGURES.finditer(line) if m["end"]}
    found["share"] = int(shown[4])
    if shown[1] is not None:
        found["bar"] = (len(shown[1]), sum(len(shown[i]) for i in (1, 2, 3)))
    for name in ("rounds/s", "updates/s", "workers?"):
        rate = re.search(r"  ([\d.]+)([kMG]?) %s" % name, line)
        if rate:
            found[name] = float(rate[1]) * {"": 1, "k": 1e3, "M": 1e6, "G": 1e9}[rate[2]]
    clock = re.search(r"  eta (-|[\d:]+)", line)
    found["eta"] = clock and clock[1]
    return found


class Case(support.Case):
    def setUp(self):
        super().setUp()
        self.x, self.y = self.generate("data", design="sparse", rows=400, cols=4000, density=0.05, seed=3)

    def slow(self, **more):
        """A spec of a Lasso that takes some seconds, and reports now and then."""
        return self.spec(self.x, self.y, **support.merge(
            {"params": {"lambda_ratio": 0.001}, "stop": {"gap": 1e-12},
             "schedule": {"priority": {"rule": "cyclic"}, "blocks": 1, "block_size": 4}}, more))

    def topics(self, iterations=ITERATIONS, **more):
        text = "".join("%d %d %d\n" % (d + 1, w + 1, 1 + (d * w) % 5)
                       for d in range(600) for w in range(d % 7, 300, 5))
        vocab = self.write("vocab.txt", "".join("w%d\n" % w for w in range(300)))
        docs = self.write("docword.txt", "600\n300\n%d\n%s" % (text.count("\n"), text))
        return self.write("lda.json", json.dumps(support.merge({
            "version": 1, "app": "lda", "data": {"docs": docs, "vocab": vocab}, "params": {"topics": 50},
            "stop": {"iterations": iterations}}, more)))

    def terminal(self, *words, **more):
        return Terminal(self, [RONDO, *words], **more)

    def progress(self, out):
        with open(self.path(out, "progress.jsonl"), encoding="utf-8") as stream:
            return [json.loads(line) for line in stream]

    def drawn(self, terminal):
        """Figures of the frames, checked for what is true of each."""
        out = []
        for seconds, line in terminal.frames:
            self.assertLess(len(line), terminal.screen.columns)
            found = figures(line)
            if found:
                out.append(found)
                if "bar" in found:
                    full, cells = found["bar"]
                    share = found["share"] / 100  # cut to a hundredth, as the bar to a cell
                    self.assertTrue(share * cells - 1 < full <= (share + 0.01) * cells, line)
        # Ten a second, of which each may be read late.
        self.assertLessEqual(len(out), 10 * max([seconds for seconds, _ in terminal.frames], default=0) + 2)
        return out

    def agrees(self, found, reports, measure):
        """The figures of a frame are those of one line of progress.jsonl; that line."""
        same = [r for r in reports if figure(r[measure]) == found[measure]
                and ("objective" not in found or "%.8g" % r["objective"] == found["objective"])]
        self.assertTrue(same, "%r is in no report" % found)
        return same


    @staticmethod
    def rates(reports):
        """Rounds a second from each report to the next that is a quarter of a second later: they differ as the
        machine has time."""
        rates, last = [], reports[0]
        for report in reports[1:]:
            if report["t"] - last["t"] >= 0.25:
                rates.append((report["round"] - last["round"]) / (report["t"] - last["t"]))
                last = report
        return rates


class Run(Case):
    def test_a_gap_on_a_log_scale(self):
        terminal = self.terminal("run", self.slow(), "--out", self.path("out"), "--workers", "2", "--trace", "blocks",
                                 columns=150)
        terminal.until(lambda: len([1 for _, line in terminal.frames if "gap" in line]) > 8)
        self.assertEqual(len(terminal.screen.shown()), 1)
        terminal.type("\x03")
        self.assertEqual(terminal.wait(), 130)
        reports = self.progress("out")
        seen = [f for f in self.drawn(terminal) if "gap" in f]
        self.assertGreater(len({f["round"] for f in seen}), 3)
        first = reports[0]["gap"]
        for found in seen:
            same = self.agrees(found, reports, "gap")
            self.assertEqual(found["share"], max(math.floor(
                100 * math.log(first / same[0]["gap"]) / math.log(first / 1e-12) + 1e-9), 0))
            self.assertGreaterEqual(int(found["round"]), same[0]["round"])
            self.assertEqual(found["workers?"], 2)
        result = self.result("out")
        self.assertLessEqual(int(seen[-1]["round"]), result["rounds"])
        rates = [result["rounds"] / result["seconds"]["solve"]] + self.rates(reports)
        self.assertTrue(min(rates) / 4 < seen[-1]["rounds/s"] < max(rates) * 4, (rates, seen[-1]))
        # Ctrl-C leaves a clean screen and the way on.
        said = "".join(terminal.screen.shown())
        self.assertRegex(said, r"^rondo: interrupted after round %d; go on with: rondo run .* --workers 2"
                               r" --trace blocks --out .* --resume$"
                         % result["rounds"])

    def test_a_count_to_its_bound(self):
        terminal = self.terminal("run", self.topics(), "--out", self.path("out"), columns=200)
        self.assertEqual(terminal.wait(), 0, terminal.screen.shown())
        reports = self.progress("out")
        seen = [f for f in self.drawn(terminal) if "iterations" in f]
        self.assertGreater(len(seen), 2)
        for found in seen:
            self.agrees(found, reports, "log_likelihood_per_token")
            self.assertEqual(found["ends"], {"iterations": ITERATIONS})
            self.assertEqual(found["share"], 100 * int(found["iterations"]) // (ITERATIONS))
        self.assertTrue(any(f["eta"] not in (None, "-") for f in seen))
        self.assertEqual(len(terminal.screen.shown()), 1)
        self.assertRegex(terminal.screen.shown()[0], "^rondo: completed by iterations: objective .* s; see %s$"
                         % re.escape(self.path("out")))

    def test_a_count_has_all_its_digits(self):
        terminal = self.terminal("run", self.topics(123456), "--out", self.path("out"), columns=200)
        terminal.until(lambda: "iterations" in terminal.line())
        terminal.type("\x03")
        self.assertEqual(terminal.wait(), 130)
        seen = [f for f in self.drawn(terminal) if "iterations" in f]
        self.assertEqual(seen[0]["ends"], {"iterations": 123456})

    def test_a_path_by_its_lambdas(self):
        spec = self.spec(self.x, self.y, params={"path": {"count": 40, "min_ratio": 0.001}},
                         schedule={"priority": {"rule": "cyclic"}, "blocks": 1, "block_size": 4})
        terminal = self.terminal("run", spec, "--out", self.path("out"), columns=200)
        terminal.until(lambda: len([1 for _, line in terminal.frames if "lambdas" in line]) > 4)
        terminal.type("\x03")
        terminal.wait()
        reports = self.progress("out")
        seen = [f for f in self.drawn(terminal) if "lambdas" in f]
        self.assertGreater(len(seen), 3)
        for found in seen:
            self.assertIn(int(found["lambdas"]), [r["lambdas"] for r in self.agrees(found, reports, "gap")])
            self.assertEqual(found["ends"], {"lambdas": 40})
            self.assertEqual(found["share"], 100 * int(found["lambdas"]) // 40)

    def test_widths(self):
        terminal = self.terminal("run", self.slow(), "--out", self.path("out"), columns=120)
        terminal.until(lambda: "gap" in terminal.line() and "rounds/s" in terminal.line())  # which takes two reports
        for columns in (45, 12, 4, 160, 80):
            terminal.resize(columns)
            self.assertLessEqual(len(terminal.screen.shown()), 1, terminal.screen.lines)
            self.assertLess(len(terminal.line()), columns)
            # "eta -", as long as nobody knows, is short.
            for what, none, there in (("%", 4, 12), ("gap", 12, 45), ("eta", 4, 45), ("[", 12, 80),
                                      ("objective", 12, 80), ("rounds/s", 12, 80), ("updates/s", 45, 160),
                                      ("worker", 80, 160)):
                if columns <= none or columns >= there:
                    self.assertEqual(what in terminal.line(), columns >= there, (columns, terminal.line()))
        terminal.type("\x03")
        self.assertEqual(terminal.wait(), 130)
        self.assertRegex("".join(terminal.screen.shown()), "^rondo: interrupted after .*--resume$")

    def test_colours_and_terminals_that_have_none(self):
        spec = self.topics()
        green = self.terminal("run", spec, "--out", self.path("a"))
        self.assertEqual(green.wait(), 0)
        self.assertGreater(green.screen.colours, 0)
        plain = self.terminal("run", spec, "--out", self.path("b"), env={"NO_COLOR": "1"})
        self.assertEqual(plain.wait(), 0)
        self.assertEqual((plain.screen.colours, len(plain.screen.shown())), (0, 2))  # 100 columns: it wraps
        self.assertGreater(len(self.drawn(plain)), 2)
        for term in ("dumb", ""):
            dumb = self.terminal("run", spec, "--out", self.path("c" + term), columns=200, env={"TERM": term})
            self.assertEqual(dumb.wait(), 0)
            *lines, end = dumb.screen.shown()
            self.assertEqual(self.drawn(dumb), [])
            self.assertEqual(lines, [line.rstrip() for line in self.plain("c" + term)])
            self.assertRegex(end, "^rondo: completed by iterations")
        quiet = self.terminal("run", spec, "--out", self.path("d"), "--quiet")
        self.assertEqual((quiet.wait(), quiet.screen.shown(), quiet.frames), (0, [], []))

    def plain(self, out):
        """What progress.jsonl comes to in plain lines: two figures of the app, nothing twice in a row."""
        lines = []
        for report in self.progress(out):
            names = [k for k in report if k not in ("t", "round", "updates", "objective")][:2]
            line = "%8.2f s  round %-7d objective %-14.8g" % (report["t"], report["round"], report["objective"])
            line += "".join(" %s %s" % (name, figure(report[name])) for name in names)
            lines += [line] if lines[-1:] != [line] else []
        return lines

    def test_without_a_terminal_there_are_plain_lines(self):
        done = call("run", self.slow(stop={"rounds": 3000, "gap": 1e-6}), "--out", self.path("out"))
        self.assertEqual(done.returncode, 0, done.stderr)
        *lines, warning, end = done.stderr.splitlines()
        self.assertEqual(lines, self.plain("out"))
        self.assertRegex(warning, "^rondo: warning: stopped by rounds")


class Watch(Case):
    def setUp(self):
        super().setUp()
        self.coordinator = Coordinator(self)
        self.coordinator.worker("one")
        self.coordinator.wait_workers(1)

    def test_a_running_job(self):
        number = self.coordinator.submit(self.slow())
        terminal = self.terminal("watch", number, "--coordinator", self.coordinator.http, columns=150)
        terminal.until(lambda: sum("worker" in line and "gap" in line for _, line in terminal.frames) > 5)
        self.assertEqual(len(terminal.screen.shown()), 2, terminal.screen.shown())
        status, body = self.coordinator.ask("/v1/jobs/%s/progress" % number)
        reports = [json.loads(line) for line in body.decode().splitlines()]
        seen = [f for f in self.drawn(terminal) if "workers?" in f]
        self.assertTrue(seen)
        for found in seen:
            same = self.agrees(found, reports, "gap")
            self.assertIn(int(found["round"]), [r["round"] for r in same])
            self.assertEqual(found["workers?"], 1)
        terminal.type("\x03")
        self.assertEqual(terminal.wait(), 130)
        begin, end, *rest = terminal.screen.shown()
        self.assertRegex(begin, "^rondo: job %s is " % number)
        self.assertRegex(end + "".join(rest), "^rondo: stopped watching; job %s goes on; .*rondo watch %s" %
                         (number, number))
        call("cancel", number, "--coordinator", self.coordinator.http)

    def test_lines_of_the_log_are_not_glued_to_it(self):
        terminal = self.terminal("submit", self.slow(), "--follow", "--coordinator", self.coordinator.http,
                                 columns=250)
        terminal.until(lambda: "updates/s" in terminal.line())  # longer than what is said
        self.coordinator.kill()
        terminal.until(lambda: any("trying again" in line for line in terminal.screen.shown()))
        terminal.until(lambda: "gap" in terminal.line())  # the line comes again below
        terminal.type("\x03")
        self.assertEqual(terminal.wait(), 130)
        number, begin, lost, *rest = terminal.screen.shown()
        self.assertEqual(number, "1")
        self.assertRegex(begin, "^rondo: job 1 is ")
        self.assertRegex(lost, "^rondo: http://[^ ]*: .*; trying again for 60 s$")
        self.assertRegex("".join(rest), "^rondo: stopped watching")


if __name__ == "__main__":
    unittest.main()
