"""What no file of ours contains: paths of one machine, trailing blanks, tabs in C."""

import os
import re
import tempfile
import unittest

import house

OURS = house.C_FILES + (".py", ".sh", ".md", ".cmake", ".json", ".1", ".5", ".7", ".yml", ".toml", ".js", ".css", ".html")
NAMES = {"CMakeLists.txt", "LAYERS", ".gitignore"}
MACHINE = re.compile(r"(?<![\w.])/(?:wor[k]|hom[e]|roo[t]|Users)/")


def is_ours(root, path):
    """Text that we write; data of tests may look as it likes."""
    name = os.path.basename(path)
    if path.startswith("tests/data/"):
        return False
    if name.endswith(OURS) or name in NAMES:
        return True
    with open(os.path.join(root, path), "rb") as stream:
        return stream.read(2) == b"#!"


def complaints(root):
    found = []
    for path in house.files(root):
        if not is_ours(root, path):
            continue
        text = house.read(root, path)
        for number, line in enumerate(text.split("\n"), 1):
            at = "%s:%d: " % (path, number)
            if MACHINE.search(line):
                found.append(at + "a path of one machine")
            if line != line.rstrip():
                found.append(at + "trailing blanks")
            if "\t" in line and path.endswith(house.C_FILES):
                found.append(at + "a tab")
        if text and not text.endswith("\n"):
            found.append("%s: the last line is not ended" % path)
    return found


class Words(unittest.TestCase):
    def test_the_tree_is_clean(self):
        house.expect_none(self, complaints(house.ROOT))

    PLANTED = [
        ("core/planted.c", "/* see /wor" + "k/notes */\n", "one machine"),
        ("docs/planted.md", "in /hom" + "e/someone/rondo\n", "one machine"),
        ("tools/planted", "#!/bin/sh\ncd /hom" + "e/someone\n", "one machine"),
        ("core/planted.c", "int a; \n", "trailing"),
        ("core/planted.h", "\tint a;\n", "a tab"),
        ("core/planted.c", "int a;", "not ended"),
    ]

    def test_planted_faults_are_found(self):
        for path, text, says in self.PLANTED:
            with self.subTest(path=path, text=text), tempfile.TemporaryDirectory() as root:
                house.plant(root, path, text)
                found = complaints(root)
                self.assertEqual(len(found), 1, found)
                self.assertIn(says, found[0])

    def test_what_is_clean_is_not_complained_of(self):
        with tempfile.TemporaryDirectory() as root:
            house.plant(root, "docs/planted.md", "network/door, a/wor" + "k/b and /usr/bin\n")
            house.plant(root, "tests/data/planted.svm", "1 1:2 \t\n")
            self.assertEqual(complaints(root), [])


if __name__ == "__main__":
    unittest.main()
