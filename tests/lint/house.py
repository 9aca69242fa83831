"""house.py - the tree as the lint tests see it: which files there are, and what LAYERS says."""

import os
import re
import shutil

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SKIPPED = re.compile(r"^(\.git|__pycache__|\..*cache)$")
SKIPPED_AT_ROOT = re.compile(r"^(build|out.*|quickstart-out)$")
C_FILES = (".c", ".h", ".inc", ".cu", ".cuh")


def files(root):
    """Every file of the tree, as a path relative to root, in order."""
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if not SKIPPED.match(f) and not (
            folder == root and SKIPPED_AT_ROOT.match(f)))
        for name in sorted(names):
            path = os.path.join(folder, name)
            if name != ".git" and os.path.isfile(path) and not os.path.islink(path):
                found.append(os.path.relpath(path, root))
    return found


def c_files(root):
    return [path for path in files(root) if path.endswith(C_FILES)]


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as stream:
        return stream.read()


class Layers:
    """What the file LAYERS says."""

    def __init__(self, root):
        self.floor = {}
        self.alone = set()
        self.doors = {}
        for number, line in enumerate(read(root, "LAYERS").splitlines(), 1):
            words = line.split("#")[0].split()
            if not words:
                continue
            if words[0] == "door" and len(words) >= 3:
                self.doors.setdefault(words[1], set()).update(words[2:])
            elif words[0].isdigit() and words[2:] in ([], ["alone"]):
                self.floor[words[1]] = int(words[0])
                if words[2:]:
                    self.alone.add(words[1])
            else:
                raise ValueError("LAYERS:%d: cannot be read: %s" % (number, line))

    def folder_of(self, path):
        """The folder of LAYERS that a file belongs to: the longest that holds it; None: none."""
        folder = os.path.dirname(path)
        while folder and folder not in self.floor:
            folder = os.path.dirname(folder)
        return folder or None

    def door_of(self, header):
        """The folders that may include a third-party header; None: no door is known."""
        for door, folders in self.doors.items():
            if header == door or (door.endswith("/") and header.startswith(door)):
                return folders
        return None


def expect_none(test, found):
    """Fails a test with one line for each complaint."""
    if found:
        test.fail("\n" + "\n".join(found))


def copy(root, target):
    """A copy of LAYERS and of all C sources."""
    for path in ["LAYERS"] + c_files(root):
        os.makedirs(os.path.dirname(os.path.join(target, path)), exist_ok=True)
        shutil.copyfile(os.path.join(root, path), os.path.join(target, path))


def plant(root, path, text):
    """Adds text to the end of a file, which is made where it is missing."""
    os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
    with open(os.path.join(root, path), "a", encoding="utf-8") as stream:
        stream.write(text)
