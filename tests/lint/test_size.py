"""How long things may be, the form of headers, and what folder READMEs name."""

import fnmatch
import os
import re
import tempfile
import unittest

import house

FILE_LINES = 800
FUNCTION_LINES = 70
NUMERICAL_LINES = 120  # one algorithm each: kernels, solvers, and all of apps/
MAIN_LINES = 60
README_LINES = 40


def function_limit(path, name):
    stem = os.path.basename(path)
    if name == "main":
        return MAIN_LINES
    if stem.startswith(("kernel", "solve")) or path.startswith("apps/"):
        return NUMERICAL_LINES
    return FUNCTION_LINES


def functions(text):
    """(name, first line, lines) of every function: a body begins with { in the first column, or
    at the end of a line that begins there, and ends with } in the first column."""
    lines = text.splitlines()
    begin = None
    for i, line in enumerate(lines):
        if begin is None:
            if line == "{":
                begin = i
                while begin > 0 and lines[begin - 1].strip() and not re.match(
                        r"^(#|\}|.*(;|\*/)$)", lines[begin - 1]):
                    begin -= 1
            elif re.match(r"^[A-Za-z_].*\)\s*\{$", line):
                begin = i
        elif line.startswith("}"):
            head = " ".join(lines[begin:begin + 4])
            name = re.search(r"(\w+)\s*\(", head)
            yield (name.group(1) if name else "?", begin + 1, i - begin + 1)
            begin = None


def complaints_of_file(path, text):
    lines = text.count("\n")
    if lines > FILE_LINES:
        yield "%s: %d lines, at most %d" % (path, lines, FILE_LINES)
    if not path.endswith(house.C_FILES):
        return
    for name, line, length in functions(text):
        limit = function_limit(path, name)
        if length > limit:
            yield "%s:%d: %s has %d lines, at most %d" % (path, line, name, length, limit)
    if path.endswith(".h"):
        yield from complaints_of_header(path, text)


def complaints_of_header(path, text):
    name = os.path.basename(path)
    if not re.match(r"^/\* %s - \S.*" % re.escape(name), text):
        yield "%s:1: a header begins with /* %s - what it is" % (path, name)
    comment = text.split("*/")[0]
    if "Place:" not in comment:
        yield "%s:1: the first comment says the header's Place:" % path
    guard = re.search(r"^#ifndef (\w+)\n#define (\w+)$", text, re.M)
    stem = re.sub(r"\W", "_", name).upper()
    if not guard or guard.group(1) != guard.group(2) or not (
            guard.group(1) == stem or guard.group(1).endswith("_" + stem)):
        yield "%s: a header has the guard %s" % (path, stem)
    elif path.startswith("include/rondo/") and guard.group(1) != "RONDO_" + stem:
        yield "%s: a public header has the guard RONDO_%s" % (path, stem)
    elif not text.rstrip().endswith("#endif"):
        yield "%s: a header ends with #endif" % path


def complaints(root):
    found = []
    for path in house.files(root):
        if path.endswith(house.C_FILES + (".py",)):
            found.extend(complaints_of_file(path, house.read(root, path)))
    return found


def unnamed(root, folder, text):
    """Stems of the folder's C files that its README does not name; it may say loss_* of several, and foo of foo_i.h."""
    stems = {re.sub(r"(_i)?\.[a-z]+$", "", name) for name in os.listdir(os.path.join(root, folder))
             if name.endswith(house.C_FILES)}
    named = re.findall(r"\w+\*?", text)
    return sorted(s for s in stems if not any(fnmatch.fnmatchcase(s, word) for word in named))


def complaints_of_readmes(root):
    """Every folder on a floor, and the public headers' own, is introduced, and each of its files is."""
    found = []
    for folder in sorted(house.Layers(root).floor) + ["include/rondo", "docs"]:
        path = os.path.join(folder, "README.md")
        if not os.path.isdir(os.path.join(root, folder)):
            continue
        if not os.path.isfile(os.path.join(root, path)):
            found.append("%s: is missing" % path)
            continue
        text = house.read(root, path)
        if text.count("\n") > README_LINES:
            found.append("%s: more than %d lines" % (path, README_LINES))
        found += ["%s: does not name %s" % (path, stem) for stem in unnamed(root, folder, text)]
    return found


def function_of(lines, name="planted"):
    return "static int %s(int a,\n        int b)\n{\n%s}\n" % (name, "    a++;\n" * (lines - 4))


HEADER = "/* planted.h - a planted header.\n *\n * Place: tests.\n */\n" \
         "#ifndef PLANTED_H\n#define PLANTED_H\n\n#endif\n"


class Size(unittest.TestCase):
    def test_the_tree_keeps_its_measure(self):
        house.expect_none(self, complaints(house.ROOT))

    def test_every_folder_is_introduced(self):
        house.expect_none(self, complaints_of_readmes(house.ROOT))

    PLANTED = [
        ("workers/planted.c", function_of(71), "planted has 71 lines"),
        ("workers/planted.c", "int planted(void) {\n%s}\n" % ("    ;\n" * 69), "planted has 71"),
        ("workers/kernel.c", function_of(121), "planted has 121 lines"),
        ("tools/main.c", function_of(61, "main"), "main has 61 lines"),
        ("workers/planted.c", "\n" * 801, "801 lines"),
        ("workers/planted.h", HEADER.replace("planted.h -", "other.h -"), "begins with"),
        ("workers/planted.h", HEADER.replace("Place:", ""), "Place:"),
        ("workers/planted.h", HEADER.replace("#ifndef PLANTED_H", "#ifndef P_H"), "the guard"),
        ("workers/planted.h", HEADER.replace("#endif", ""), "ends with"),
        ("include/rondo/planted.h", HEADER, "RONDO_PLANTED_H"),
    ]

    def test_planted_faults_are_found(self):
        for path, text, says in self.PLANTED:
            with self.subTest(path=path, says=says), tempfile.TemporaryDirectory() as root:
                house.plant(root, path, text)
                found = complaints(root)
                self.assertEqual(len(found), 1, found)
                self.assertIn(says, found[0])

    def test_what_fits_is_not_complained_of(self):
        with tempfile.TemporaryDirectory() as root:
            house.plant(root, "workers/planted.c", "int a;\n\n" + function_of(70) + function_of(70))
            house.plant(root, "apps/lasso/planted.c", function_of(120))
            house.plant(root, "workers/planted.h", HEADER)
            self.assertEqual(complaints(root), [])

    def test_a_readme_that_is_missing_or_long_or_does_not_name_a_file_is_found(self):
        with tempfile.TemporaryDirectory() as root:
            house.plant(root, "LAYERS", "0 one\n1 two\n2 three\n3 absent\n")
            house.plant(root, "one/README.md", "one\n" * 41)
            house.plant(root, "two/README.md", "`two.c`, `loss_*.c`\n" * 40)
            for name in ("two.c", "loss_flat.c", "two_i.h", "other.h"):
                house.plant(root, "two/" + name, "")
            house.plant(root, "three/three.c", "")
            self.assertEqual(complaints_of_readmes(root),
                             ["one/README.md: more than 40 lines", "three/README.md: is missing",
                              "two/README.md: does not name other"])


if __name__ == "__main__":
    unittest.main()
