"""terminal.py - a program on a terminal of its own, and what a person sees there.

The emulation knows what a line that is drawn over needs: printing with wrapping at the last column, CR, LF,
BS, and of the escape sequences EL, ED and colours.  What it does not know is an error.
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

DRAWN = re.compile(r"(?<=\x1b\[[JK]\r)")  # the end of a line that is drawn over
SEQUENCE = re.compile(r"\x1b\[([\d;]*)([A-Za-z])")


class Screen:
    """lines: all that was ever printed, the last one with the cursor's column in it."""

    def __init__(self, columns):
        self.columns, self.lines, self.row, self.column = columns, [""], 0, 0
        self.colours, self.wiped = 0, 0

    def put(self, character):
        if self.column == self.columns:
            self.feed_line()
            self.column = 0
        line = self.lines[self.row].ljust(self.column)
        self.lines[self.row] = line[:self.column] + character + line[self.column + 1:]
        self.column += 1

    def feed_line(self):
        self.row += 1
        if self.row == len(self.lines):
            self.lines.append("")

    def control(self, parameters, letter):
        if letter == "K" and parameters in ("", "0"):
            self.lines[self.row] = self.lines[self.row][:self.column]
        elif letter == "J" and parameters in ("", "0"):
            self.lines[self.row] = self.lines[self.row][:self.column]
            del self.lines[self.row + 1:]
            self.wiped += 1
        elif letter == "m":
            self.colours += 1
        else:
            raise ValueError("an escape sequence that is not known: %s%s" % (parameters, letter))

    def feed(self, text):
        at = 0
        while at < len(text):
            sequence = SEQUENCE.match(text, at)
            if sequence:
                self.control(*sequence.groups())
                at = sequence.end()
                continue
            if text[at] == "\r":
                self.column = 0
            elif text[at] == "\n":
                self.feed_line()
            elif text[at] == "\b":
                self.column = max(self.column - 1, 0)
            elif text[at] < " ":
                raise ValueError("a control character that is not known: %r" % text[at])
            else:
                self.put(text[at])
            at += 1

    def shown(self):
        """The lines without blanks behind them, and without empty ones at the end."""
        lines = [line.rstrip() for line in self.lines]
        while lines and not lines[-1]:
            lines.pop()
        return lines


class Terminal:
    """Runs words; frames: [(seconds, line)] of each line that it drew to be drawn over, whole; the seconds are
    those of the reading, which may come late."""

    def __init__(self, case, words, columns=100, env=None):
        self.screen, self.frames, self.status = Screen(columns), [], None
        self.open = ""  # what may yet become a sequence
        self.began = time.monotonic()
        env = {**{k: v for k, v in os.environ.items() if k != "NO_COLOR"}, "TERM": "xterm", **(env or {})}
        words = [str(w) for w in words]
        main, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.close(main)
                os.setsid()
                fcntl.ioctl(other, termios.TIOCSCTTY, 0)
                for number in range(3):
                    os.dup2(other, number)
                os.execvpe(words[0], words, env)
            finally:
                os._exit(127)
        os.close(other)
        self.main = main
        case.addCleanup(self.end)

    def read(self, seconds=0.05):
        """False: it has ended."""
        if self.status is not None:
            return False
        if not select.select([self.main], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.main, 65536)
        except OSError:
            data = b""
        if not data:
            self.screen.feed(self.open)
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            return False
        text = self.open + data.decode()
        cut = re.search(r"\x1b(\[[\d;]*[JK]?)?\Z", text)
        self.open = cut.group() if cut else ""
        *frames, rest = DRAWN.split(text[:len(text) - len(self.open)])
        for frame in frames:
            self.screen.feed(frame)
            self.frames.append((time.monotonic() - self.began, self.line()))
        self.screen.feed(rest)
        return True

    def until(self, look, seconds=300):
        """Reads until look() is true, or it has ended; the answer."""
        end = time.monotonic() + seconds
        while not look() and self.read():
            if time.monotonic() > end:
                raise AssertionError("not within %d s: %r" % (seconds, self.frames[-5:]))
        return look()

    def wait(self, seconds=300):
        self.until(lambda: self.status is not None, seconds)
        return self.status

    def line(self):
        return self.screen.lines[self.screen.row].rstrip()

    def type(self, text):
        os.write(self.main, text.encode())

    def resize(self, columns):
        """A screen becomes narrow when the program has seen it, and has wiped all that may have wrapped: what was
        drawn for the wide one does not wrap by chance."""
        self.screen.columns = max(columns, self.screen.columns)
        wiped = self.screen.wiped
        fcntl.ioctl(self.main, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.until(lambda: self.screen.wiped > wiped)
        self.screen.columns = columns

    def end(self):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.main)
