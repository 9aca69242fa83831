"""Who includes whom, as LAYERS has it."""

import os
import re
import tempfile
import unittest

import house

PUBLIC = "include/rondo"
C_LIBRARY = set("""assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp
    signal stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string tgmath
    threads time uchar wchar wctype""".split())
POSIX = set("""aio arpa/inet cpuid dirent dlfcn fcntl fnmatch ftw getopt glob grp ifaddrs immintrin
    langinfo libgen malloc net/if netdb netinet/in netinet/tcp poll pthread pwd regex sched
    semaphore spawn strings sysexits syslog termios ucontext unistd utime x86intrin""".split())
INCLUDE = re.compile(r"^[ \t]*#[ \t]*include\b[ \t]*(.*)$", re.M)
LITERAL = re.compile(r'^(?:<([^>]+)>|"([^"]+)")')


def is_c_library(header):
    return header.endswith(".h") and header[:-2] in C_LIBRARY


def is_system(header):
    return is_c_library(header) or header.startswith(("sys/", "linux/")) or (
        header.endswith(".h") and header[:-2] in POSIX)


def says_of_angles(layers, path, header):
    """What is wrong with #include <header> in path; None: nothing."""
    if header.startswith("rondo/"):
        return None
    if path.startswith(PUBLIC + "/"):
        return None if is_c_library(header) else "public headers include <rondo/...> and the C library"
    door = layers.door_of(header)
    if door is not None:
        if layers.folder_of(path) in door:
            return None
        return "its door is " + " or ".join(sorted(door))
    return None if is_system(header) else "a third-party header without a door"


def says_of_quotes(root, layers, path, header):
    """What is wrong with #include "header" in path; None: nothing."""
    if ".." in header.split("/"):
        return "paths begin at the root of the tree"
    if path.startswith(PUBLIC + "/"):
        return "public headers include <rondo/...> and the C library"
    beside = os.path.join(os.path.dirname(path), header)
    target = beside if os.path.isfile(os.path.join(root, beside)) else header
    if not os.path.isfile(os.path.join(root, target)):
        return "there is no such header"
    own, other = layers.folder_of(path), layers.folder_of(target)
    if other is None:
        return "its folder is not in LAYERS; public headers are included as <rondo/...>"
    if own == other:
        return None
    if own in layers.alone:
        return "%s includes <rondo/...> and itself alone" % own
    if layers.floor[other] >= layers.floor[own]:
        return "%s (floor %d) is not below %s (floor %d)" % (
            other, layers.floor[other], own, layers.floor[own])
    return None


def violations(root):
    layers = house.Layers(root)
    found = []
    for path in house.c_files(root):
        folder = layers.folder_of(path)
        outer = ("tests", "bench", "examples")
        if not path.startswith(PUBLIC + "/") and (
                folder is None or (folder != os.path.dirname(path) and folder not in outer)):
            found.append("%s: its folder is not in LAYERS" % path)
            continue
        text = house.read(root, path)
        for match in INCLUDE.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            literal = LITERAL.match(match.group(1))
            if not literal:
                says = "an include names its header"
            elif literal.group(1):
                says = says_of_angles(layers, path, literal.group(1))
            else:
                says = says_of_quotes(root, layers, path, literal.group(2))
            if says:
                found.append("%s:%d: %s: %s" % (path, line, match.group(1).strip(), says))
    return found


class Layers(unittest.TestCase):
    def test_the_tree_keeps_its_floors(self):
        house.expect_none(self, violations(house.ROOT))

    PLANTED = [
        ("core/base/planted.c", '#include "scheduler/scheduler.h"\n', "is not below"),
        ("core/job/planted.c", '#include "core/data/data.h"\n', "is not below"),
        ("workers/planted.c", '#include "coordinator/planted.h"\n', "is not below"),
        ("apps/lasso/planted.c", '#include "core/base/mem.h"\n', "itself alone"),
        ("core/data/planted.c", '#include "../base/mem.h"\n', "root of the tree"),
        ("core/data/planted.c", '#include "core/base/none.h"\n', "no such header"),
        ("core/data/planted.c", '#include "include/rondo/app.h"\n', "<rondo/...>"),
        ("core/data/planted.c", "#include <jansson.h>\n", "its door is"),
        ("core/data/planted.c", "#  include <cblas.h>\n", "without a door"),
        ("core/data/planted.c", "#include PLANTED\n", "names its header"),
        ("include/rondo/planted.h", "#include <unistd.h>\n", "public headers"),
        ("include/rondo/planted.h", '#include "core/base/mem.h"\n', "public headers"),
        ("elsewhere/planted.c", "#include <stdio.h>\n", "not in LAYERS"),
        ("core/planted.c", "#include <stdio.h>\n", "not in LAYERS"),
        ("core/base/deeper/planted.c", "#include <stdio.h>\n", "not in LAYERS"),
    ]

    def test_planted_violations_are_found(self):
        for path, text, says in self.PLANTED:
            with self.subTest(path=path, text=text), tempfile.TemporaryDirectory() as root:
                house.copy(house.ROOT, root)
                house.plant(root, "coordinator/planted.h", "")
                before = violations(root)
                house.plant(root, path, text)
                new = [line for line in violations(root) if line not in before]
                self.assertEqual(len(new), 1, new)
                self.assertIn(path, new[0])
                self.assertIn(says, new[0])

    ALLOWED = [
        ("scheduler/planted.c", '#include "core/base/mem.h"\n#include <rondo/app.h>\n'),
        ("core/job/planted.c", "#include <jansson.h>\n#include <sys/stat.h>\n"),
        ("tests/unit/planted/test_planted.c", '#include "core/base/mem.h"\n'),
        ("apps/lasso/planted.c", '#include <rondo/app.h>\n#include <immintrin.h>\n'),
    ]

    def test_what_is_allowed_is_not_complained_of(self):
        for path, text in self.ALLOWED:
            with self.subTest(path=path), tempfile.TemporaryDirectory() as root:
                house.copy(house.ROOT, root)
                before = violations(root)
                house.plant(root, path, text)
                self.assertEqual(violations(root), before)


if __name__ == "__main__":
    unittest.main()
