"""summary.py JUNIT-XML: what a run of ctest tested, from the closing lines of its tests.

Prints the closing line of every Criterion program and every Python test, their sums, and last
"N passed, N failed".  Exit status 1 where something failed or nothing was tested.
"""

import re
import sys
import xml.etree.ElementTree as tree

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
CRITERION = re.compile(r"\[====\] Synthesis: Tested: *(\d+) *\| Passing: *(\d+) *"
                       r"\| Failing: *(\d+) *\| Crashing: *(\d+)")
UNITTEST = re.compile(r"^Ran (\d+) tests? in .*$", re.M)
VERDICT = re.compile(r"^(?:OK|FAILED)(?: \((.*)\))?\s*$", re.M)
BAD = ("failures", "errors", "unexpected successes")


def of_unittest(output):
    """(passed, failed, closing line) of Python's unittest; None where it did not run."""
    ran = UNITTEST.findall(output)
    verdicts = VERDICT.findall(output)
    if not ran or not verdicts:
        return None
    counts = dict(re.findall(r"([a-z ]+)=(\d+)", verdicts[-1].replace(", ", ",")))
    failed = sum(int(counts.get(word, 0)) for word in BAD)
    skipped = int(counts.get("skipped", 0))
    passed = max(int(ran[-1]) - failed - skipped, 0)
    return passed, failed, "Ran %s: %d passed, %d failed, %d skipped" % (
        ran[-1], passed, failed, skipped)


def of_case(case):
    """(kind, passed, failed, closing line) of one ctest test."""
    output = COLOUR.sub("", case.findtext("system-out") or "")
    bad = case.get("status") == "fail"
    if case.get("status") not in ("run", "fail"):
        skipped = case.find("skipped")
        words = skipped.get("message", "") if skipped is not None else ""
        last = output.strip().splitlines()[-1:] or [words]
        if skipped is not None and "SKIP" not in words.upper():
            return "not run", 0, 1, words or "did not run"
        return "skipped", 0, 0, "skipped: " + last[0]
    criterion = CRITERION.search(output)
    if criterion:
        tested, passed, failed, _ = map(int, criterion.groups())  # the failing include the crashing
        failed = max(failed, tested - passed, 1 if bad else 0)
        return "criterion", passed, failed, criterion.group(0).strip()
    unittest = of_unittest(output)
    if unittest:
        passed, failed, line = unittest
        return "python", passed, max(failed, 1 if bad else 0), line
    return "plain", 0 if bad else 1, 1 if bad else 0, "failed" if bad else "passed"


def main():
    cases = [(case.get("name"),) + of_case(case)
             for case in tree.parse(sys.argv[1]).getroot().iter("testcase")]
    width = max([len(name) for name, *_ in cases] or [0])
    for name, kind, passed, failed, line in sorted(cases):
        print("  %-*s  %s%s" % (width, name, line, "   <-- FAILED" if failed else ""))
    own = [(passed, failed) for _, kind, passed, failed, _ in cases if kind == "criterion"]
    if own:
        passed, failed = map(sum, zip(*own))
        print("[====] Synthesis of %d Criterion programs: Tested: %d | Passing: %d | Failing: %d"
              % (len(own), passed + failed, passed, failed))
    skipped = [name for name, kind, *_ in cases if kind == "skipped"]
    if skipped:
        print("skipped: " + " ".join(sorted(skipped)))
    passed = sum(case[2] for case in cases)
    failed = sum(case[3] for case in cases)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
