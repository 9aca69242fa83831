"""installed.py - Rondo as `cmake --install` leaves it, and programs built against it from outside.

The prefix is moved once it is there: what is found after that does not depend on where it was put.
"""

import os
import shutil
import subprocess
import tempfile
import unittest

import support

SOURCE = os.environ.get("RONDO_SOURCE", "")
BUILD = os.environ.get("RONDO_BUILD", "")
CMAKE = os.environ.get("CMAKE", "cmake")
FLAGS = {"address": ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
         "thread": ["-fsanitize=thread"]}.get(os.environ.get("RONDO_SANITIZE", ""), [])
WARNINGS = ["-Wall", "-Wextra", "-Werror"]


def tool(*words, env=None, cwd=None):
    """Runs a tool of the build and shows what it said where it failed."""
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, cwd=cwd,
                          timeout=600, env=dict(os.environ, **(env or {})))
    if done.returncode:
        raise AssertionError("%s\n%s%s" % (" ".join(map(str, words)), done.stdout, done.stderr))
    return done.stdout


@unittest.skipUnless(BUILD and SOURCE, "there is no build (RONDO_BUILD)")
class Case(support.Case):
    """A test with an installed Rondo, one for the class."""

    @classmethod
    def setUpClass(cls):
        cls.root = tempfile.mkdtemp(prefix="rondo-install-")
        cls.addClassCleanup(shutil.rmtree, cls.root, ignore_errors=True)
        cls.prefix = os.path.join(cls.root, "moved", "here")
        tool(CMAKE, "--install", BUILD, "--prefix", os.path.join(cls.root, "first"))
        os.mkdir(os.path.dirname(cls.prefix))
        os.rename(os.path.join(cls.root, "first"), cls.prefix)

    @classmethod
    def installed(cls, *names):
        return os.path.join(cls.prefix, *names)

    @classmethod
    def cmake(cls, source, name):
        """Configures and builds a folder by its own CMakeLists; the build's folder."""
        build = os.path.join(cls.root, name)
        flags = " ".join(WARNINGS + FLAGS)
        tool(CMAKE, "-G", "Ninja", "-S", source, "-B", build, "-DCMAKE_PREFIX_PATH=" + cls.prefix,
             "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_C_FLAGS=" + flags)
        tool(CMAKE, "--build", build, "--parallel", 2)
        return build

    @classmethod
    def package(cls, name, *what):
        """What pkg-config says, as a list of words."""
        folders = [path for path, _, files in os.walk(cls.prefix) if name + ".pc" in files]
        return tool("pkg-config", *what, name, env={"PKG_CONFIG_PATH": ":".join(
            folders + [os.environ.get("PKG_CONFIG_PATH", "")])}).split()

    @classmethod
    def compile_app(cls, out, *words):
        """A plug-in by cc and pkg-config alone."""
        os.makedirs(os.path.dirname(out), exist_ok=True)
        tool("cc", "-std=c11", "-O1", "-fPIC", "-shared", "-fvisibility=hidden", *WARNINGS, *FLAGS,
             *cls.package("rondo-app", "--cflags"), *words, "-o", out, "-lm")
        return out

    def call(self, *words, apps=None, env=None, cwd=None):
        """Runs the installed command with this RONDO_APP_PATH."""
        env = dict(os.environ, **(env or {}), RONDO_APP_PATH=apps or "")
        return subprocess.run([self.installed("bin", "rondo"), *map(str, words)], text=True,
                              capture_output=True, timeout=600, cwd=cwd, env=env)

    def said(self, done):
        """The one line of an error, without its first word."""
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertTrue(lines[0].startswith("rondo: "), lines[0])
        return lines[0][len("rondo: "):]
