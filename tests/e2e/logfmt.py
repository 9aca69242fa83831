"""logfmt.py - reads a line of a service's log, and nothing that is not one (docs/service.md)."""

import datetime
import re

BARE = re.compile(r'[^\x00-\x20"=\\\x7f-\U0010ffff]+')
QUOTED = re.compile(r'"((?:[^"\\\x00-\x1f\x7f-\x9f]|\\["\\nrt]|\\u[0-9a-f]{4})*)"')
KEY = re.compile(r"[a-z][a-z_]*")
LEVELS = ("error", "warning", "info", "debug")


def unquote(text):
    plain = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
    return re.sub(r"\\(u[0-9a-f]{4}|.)", lambda m: plain.get(m[1]) or chr(int(m[1][1:], 16)), text)


def fields(line):
    """[(key, value)] in their order; ValueError where it is no logfmt."""
    at, out = 0, []
    while at < len(line) or not out:
        if out:
            if line[at] != " ":
                raise ValueError("a blank is wanted at %d: %r" % (at, line))
            at += 1
        key = KEY.match(line, at)
        if not key or line[key.end():key.end() + 1] != "=":
            raise ValueError("no key at %d: %r" % (at, line))
        value = QUOTED.match(line, key.end() + 1)
        text = unquote(value[1]) if value else None
        if value and BARE.fullmatch(text):
            raise ValueError("quotes that are not needed at %d: %r" % (key.end(), line))
        if not value:
            value = BARE.match(line, key.end() + 1)
            if not value:
                raise ValueError("no value at %d: %r" % (key.end(), line))
            text = value[0]
        at = value.end()
        out.append((key[0], text))
    return out


def event(line):
    """{key: value} of one event: time, level and msg first, no key twice; ValueError elsewhere."""
    pairs = fields(line)
    found = dict(pairs)
    if [key for key, _ in pairs[:3]] != ["time", "level", "msg"] or len(found) != len(pairs):
        raise ValueError("not time, level, msg and others once: %r" % line)
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found["time"]):
        raise ValueError("not a time: %r" % line)
    found["time"] = datetime.datetime.fromisoformat(found["time"])
    if found["level"] not in LEVELS:
        raise ValueError("not a level: %r" % line)
    return found
