"""A server in a process of its own that sends as fast as it is let, and counts what has left it.

    GET /SIZE/NAME          SIZE bytes, ranges served
    GET /SIZE/NAME?each=N   no more than N bytes a second on this connection

Nothing of what it sends repeats within a mebibyte and it is always the same, so that a file can be compared.
"""

from __future__ import annotations

import fcntl
import json
import random
import re
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.conftest import SOURCES

BLOCK = random.Random(0).randbytes(1024 * 1024)
_STEP = 256 * 1024


@dataclass(frozen=True)
class Counted:
    """At one moment: bytes of bodies that were given to the kernel, how many of those the peer's kernel has not got yet,
    and how many connections are in the middle of a reply."""

    sent: int
    queued: int
    busy: int
    accepted: int

    @property
    def left(self) -> int:
        """Bytes that have arrived at the other side, whether they were read there or not."""
        return self.sent - self.queued


class Flood:
    """The server. Use it as a context manager."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.flood"],
            cwd=SOURCES.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()

    def url(self, size: int, name: str = "file.bin", *, each: int | None = None, host: str = "127.0.0.1") -> str:
        """The address of a file of `size` bytes. Every name of 127.0.0.0/8 reaches it."""
        return f"http://{host}:{self.port}/{size}/{name}" + (f"?each={each}" if each else "")

    def count(self) -> Counted:
        """What has been sent until now."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return Counted(**json.loads(self._process.stdout.readline()))


# --- the process ------------------------------------------------------------------------------------------------------


class _Server:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.sent: dict[socket.socket, int] = {}
        self.over = 0
        self.busy = 0
        self.accepted = 0

    def serve(self, sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.lock:
            self.sent[sock] = 0
            self.accepted += 1
        try:
            with sock.makefile("rb") as lines:
                while head := _head(lines):
                    self._answer(sock, head)
        except OSError:
            pass
        finally:
            with self.lock:
                self.over += self.sent.pop(sock)
            sock.close()

    def _answer(self, sock: socket.socket, head: str) -> None:
        match = re.match(r"GET /(\d+)/\S*?(?:\?each=(\d+))? HTTP", head)
        assert match is not None
        size, each = int(match[1]), int(match[2] or 0)
        wanted = re.search(r"(?im)^range: bytes=(\d+)-(\d*)", head)
        start = int(wanted[1]) if wanted else 0
        stop = int(wanted[2]) + 1 if wanted and wanted[2] else size
        status = f"206 Partial\r\nContent-Range: bytes {start}-{stop - 1}/{size}" if wanted else "200 OK"
        sock.sendall(f'HTTP/1.1 {status}\r\nContent-Length: {stop - start}\r\nETag: "1"\r\n\r\n'.encode())
        with self.lock:
            self.busy += 1
        try:
            self._send(sock, start, stop, each)
        finally:
            with self.lock:
                self.busy -= 1

    def _send(self, sock: socket.socket, start: int, stop: int, each: int) -> None:
        block, began, position = memoryview(BLOCK + BLOCK), time.monotonic(), start
        step = min(_STEP, max(1, each // 20)) if each else _STEP
        while position < stop:
            offset = position % len(BLOCK)
            taken = sock.send(block[offset : offset + min(step, stop - position)])
            position += taken
            self.sent[sock] += taken
            if each:
                time.sleep(max(0.0, began + (position - start) / each - time.monotonic()))

    def count(self) -> Counted:
        with self.lock:
            queued = 0
            for sock in self.sent:
                queued += struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, b"\0" * 4))[0]
            return Counted(self.over + sum(self.sent.values()), queued, self.busy, self.accepted)


def _head(lines: object) -> str:
    text = b""
    while (line := lines.readline()) not in {b"", b"\r\n"}:  # type: ignore[attr-defined]  # a socket's file
        text += line
    return text.decode("latin-1")


def _run() -> None:
    server, listener = _Server(), socket.create_server(("0.0.0.0", 0), backlog=512)
    print(listener.getsockname()[1], flush=True)

    def accept() -> None:
        while True:
            threading.Thread(target=server.serve, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    for _ in sys.stdin:
        print(json.dumps(server.count().__dict__), flush=True)


if __name__ == "__main__":
    _run()
