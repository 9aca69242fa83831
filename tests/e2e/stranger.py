"""stranger.py - frames and greetings from docs/formats/wire.md alone, for those who mean no good.

Nothing here is Rondo's own code: what this module can say a peer from elsewhere could say.
"""

import hashlib
import hmac
import os
import socket
import struct

MAGIC, VERSION = b"Rdof", 1
(CHALLENGE, HELLO, WELCOME, REFUSED, BEAT) = range(1, 6)
(OPEN, READY, UNREADY, CLOSE, CLOSED, MESSAGE, GET, PART, LEAVING) = range(16, 25)


def head(kind, size, sequence=0, session=0, seat=0, version=VERSION, magic=MAGIC):
    return magic + struct.pack("<BBHIII", version, kind, seat, session, sequence, size)


def block(data):
    return struct.pack("<Q", len(data)) + data


def words(text):
    """A session's text."""
    return block(text + b"\0")


def text(data):
    """A greeting's text."""
    return bytes([len(data)]) + data


def message(kind, epoch=1, round=1, ticket=0, body=None, **more):
    """Section 2, without variables, brief, couplings, partials and object."""
    fixed = b"Rdo2" + struct.pack("<BBBIIiiiiqqqq", kind, more.get("flags", 0), 0, epoch, 0,
                                  more.get("code", 0), 0, more.get("block", 0),
                                  more.get("shard", -1), round, ticket, 0, more.get("run_ns", 0))
    return fixed + b"\0\0\0" + (b"\0" if body is None else b"\1" + block(body)) + b"\0\0"


class Line:
    """A connection, and its frames out and in; `sequence` is the next one's out."""

    def __init__(self, peer, seconds=300):
        self.peer, self.sequence, self.kept = peer, 0, b""
        peer.settimeout(seconds)

    @classmethod
    def dial(cls, url, **more):
        if url.startswith("ipc://"):
            peer = socket.socket(socket.AF_UNIX)
            peer.settimeout(300)
            peer.connect(url[len("ipc://"):])
            return cls(peer, **more)
        host, port = url.rsplit("/", 1)[1].rsplit(":", 1)
        return cls(socket.create_connection((host, int(port)), timeout=600), **more)

    def close(self):
        self.peer.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- out ----------------------------------------------------------------------------------

    def raw(self, data):
        """False: the other side has closed."""
        try:
            self.peer.sendall(data)
            return True
        except OSError:
            return False

    def say(self, kind, body=b"", session=0, seat=0, **more):
        frame = head(kind, len(body), more.pop("sequence", self.sequence), session, seat, **more)
        self.sequence += 1
        return self.raw(frame + body)

    # ---- in -----------------------------------------------------------------------------------

    def read(self, size):
        """So many bytes; None where it ends before."""
        while len(self.kept) < size:
            try:
                got = self.peer.recv(max(65536, size - len(self.kept)))
            except (ConnectionError, BrokenPipeError):
                got = b""
            if not got:
                return None
            self.kept += got
        data, self.kept = self.kept[:size], self.kept[size:]
        return data

    def frame(self):
        """(kind, session, body), None at the end."""
        data = self.read(20)
        if data is None:
            return None
        assert data[:4] == MAGIC, data
        _, kind, _, session, _, size = struct.unpack("<BBHIII", data[4:])
        body = self.read(size)
        return None if body is None else (kind, session, body)

    def until(self, *kinds):
        """The next frame of one of the kinds; None at the end."""
        while True:
            frame = self.frame()
            if frame is None or frame[0] in kinds:
                return frame

    def ended(self):
        """Reads to the end."""
        while self.frame() is not None:
            pass
        return True


# ---- greeting ---------------------------------------------------------------------------------------

def who(name=b"stranger", build=b"0.1.0", threads=1, host=b"nowhere", isa=b"x86-64", device=b"cpu"):
    return [name, host, build, isa, device], struct.pack("<II", 4711, threads)


def mac(token, side, challenge, answer, texts, numbers):
    said = side + b"\0" + challenge + answer + b"".join(t + b"\0" for t in texts) + numbers
    return hmac.new(token, said, hashlib.sha256).digest()


def hello(token, challenge, texts, numbers, version=VERSION):
    answer = os.urandom(32)
    return answer, (struct.pack("<I", version) + answer
                    + mac(token, b"worker", challenge, answer, texts, numbers)
                    + b"".join(map(text, texts)) + numbers)


class Worker(Line):
    """Dials and greets; `answer` is the frame that came of it.  build None: the coordinator's own."""

    @classmethod
    def greeted(cls, url, token=b"", build=None, version=VERSION, **more):
        line = cls.dial(url)
        kind, _, body = line.frame()
        assert kind == CHALLENGE and body[:4] == struct.pack("<I", VERSION), body
        line.challenge, build_there = body[4:36], body[37:37 + body[36]]
        texts, numbers = who(build=build or build_there, **more)
        nonce, line.hello = hello(token, line.challenge, texts, numbers, version)
        line.say(HELLO, line.hello, version=version)
        line.answer = line.frame()
        if line.answer and line.answer[0] == WELCOME:
            want = mac(token, b"coordinator", line.challenge, nonce, texts, numbers)
            assert line.answer[2][:32] == want, "the coordinator's mac is not what the text says"
            line.lease, line.beat = struct.unpack("<II", line.answer[2][32:])
        return line


class Coordinator:
    """Listens on loopback; `greet` takes a worker in."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(300)
        self.url = "tcp://127.0.0.1:%d" % self.listener.getsockname()[1]

    def close(self):
        self.listener.close()

    def accept(self):
        return Line(self.listener.accept()[0])

    def challenge(self, build, version=VERSION):
        """A worker that has been challenged: (line, its HELLO)."""
        line = self.accept()
        line.nonce = os.urandom(32)
        line.say(CHALLENGE, struct.pack("<I", version) + line.nonce + text(build), version=version)
        return line, line.frame()

    def greet(self, build, token=b"", lease=20000):
        line, (kind, _, body) = self.challenge(build)
        assert kind == HELLO
        texts, at = [], 68
        while len(texts) < 5:
            texts.append(body[at + 1:at + 1 + body[at]])
            at += 1 + body[at]
        assert body[36:68] == mac(token, b"worker", line.nonce, body[4:36], texts, body[at:])
        line.say(WELCOME, mac(token, b"coordinator", line.nonce, body[4:36], texts, body[at:])
                 + struct.pack("<II", lease, lease // 5))
        return line


def open_job(spec=b"{}", isa=b"x86-64-v2", files=(), fetch=0):
    """The body of OPEN; files: (key, path, size)."""
    body = block(spec) + words(isa) + struct.pack("<BI", fetch, len(files))
    for key, path, size in files:
        body += words(key) + words(path) + struct.pack("<QQ", size, 1)
    return body
