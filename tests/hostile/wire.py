"""One connection, with full control of how it ends, and the pace at which it may write."""

from __future__ import annotations

import contextlib
import fcntl
import math
import select
import socket
import ssl
import struct
import termios
import threading
import time
from collections.abc import Iterator, Sequence

_PIECE = 256 * 1024
_LINGER_RESET = struct.pack("ii", 1, 0)
_GONE = select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)
_TICK = 0.02
_CLOSE_NOTIFY_WAIT = 0.2
_FLUSH_WAIT = 10.0


class Hangup(Exception):
    """The client has gone, or the server is being closed."""


class Pacer:
    """Deals out time for bytes, so that all who ask it together keep to `rate` bytes a second, after `headstart` bytes."""

    def __init__(self, rate: int, headstart: int = 0) -> None:
        self.rate = rate
        self._due = 0.0
        self._free: float = headstart
        self._lock = threading.Lock()

    @property
    def piece(self) -> int:
        """How many bytes to write at once, for an even flow."""
        return int(min(_PIECE, self._free if self._free > 0 else max(1, self.rate // 50)))

    def hurry(self) -> None:
        """There is no rate any more."""
        self._free = math.inf

    def delay(self, size: int) -> float:
        """Seconds to wait before `size` more bytes are written."""
        with self._lock:
            if self._free > 0:
                self._free -= size
                return 0.0
            now = time.monotonic()
            start = max(self._due, now)
            self._due = start + size / self.rate
            return start - now


class Wire:
    """A connected socket, plain or TLS. Every method that meets a dead peer raises `Hangup`."""

    def __init__(self, sock: socket.socket, number: int, port: int, pacers: Sequence[Pacer] = ()) -> None:
        self._sock = sock
        self._pacers = tuple(pacers)
        self._buffer = b""
        self.number = number
        self.port = port

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Shake hands as the server."""
        with _hangup():
            self._sock = context.wrap_socket(self._sock, server_side=True, do_handshake_on_connect=False)
            self._sock.do_handshake()

    def read_until(self, mark: bytes, limit: int) -> bytes | None:
        """The bytes up to and with `mark`; `None` when the client closed before it, or sent more than `limit`."""
        while mark not in self._buffer:
            if len(self._buffer) > limit or not self._receive():
                return None
        found, _, self._buffer = self._buffer.partition(mark)
        return found + mark

    def skip(self, size: int) -> None:
        """Read `size` bytes and forget them."""
        while len(self._buffer) < size and self._receive():
            pass
        self._buffer = self._buffer[size:]

    def _receive(self) -> bool:
        with _hangup():
            received = self._sock.recv(65536)
        self._buffer += received
        return bool(received)

    def write(self, data: bytes | memoryview) -> None:
        """Give all of `data` to the kernel, at once and unpaced."""
        with _hangup():
            self._sock.sendall(data)

    def pieces(self, data: bytes | memoryview, most: int = _PIECE) -> Iterator[memoryview]:
        """`data` in pieces of at most `most` bytes, each when its time has come."""
        rest = memoryview(data)
        while rest:
            size = max(1, min((most, *(pacer.piece for pacer in self._pacers))))
            piece, rest = rest[:size], rest[size:]
            delay = max((pacer.delay(len(piece)) for pacer in self._pacers), default=0.0)
            if delay > 0:
                self.pause(delay)
            yield piece

    def hurry(self) -> None:
        """From now on it is written as fast as can be. For another thread's use."""
        for pacer in self._pacers:
            pacer.hurry()

    def pause(self, seconds: float) -> None:
        """Return after `seconds`; raises `Hangup` as soon as the client is seen to be gone."""
        poll = select.poll()
        poll.register(self._sock.fileno(), _GONE)
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if poll.poll(left * 1000):
                raise Hangup("the client is gone")

    def hang(self) -> None:
        """Stay silent until the client goes or the server is closed."""
        while True:
            self.pause(3600.0)

    def finish(self) -> None:
        """End in order: over TLS with close_notify, then FIN."""
        if isinstance(self._sock, ssl.SSLSocket):
            # It is sent at once; the peer's own close_notify is not worth a long wait.
            with contextlib.suppress(OSError, ValueError):
                self._sock.settimeout(_CLOSE_NOTIFY_WAIT)
                self._sock.unwrap()
        self.cut()

    def cut(self) -> None:
        """Send FIN, and say nothing of it to TLS."""
        with contextlib.suppress(OSError):
            # Not the method of SSLSocket: that one forgets its TLS state first.
            socket.socket.shutdown(self._sock, socket.SHUT_WR)

    def reset(self) -> None:
        """Let what was written arrive, then end with RST."""
        deadline = time.monotonic() + _FLUSH_WAIT
        with contextlib.suppress(OSError):
            while self._unsent() and time.monotonic() < deadline:
                time.sleep(_TICK / 10)
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)

    def _unsent(self) -> int:
        queued = fcntl.ioctl(self._sock.fileno(), termios.TIOCOUTQ, struct.pack("i", 0))
        return int(struct.unpack("i", queued)[0])

    def wake(self) -> None:
        """Make whoever reads from, writes to or waits for this connection raise `Hangup`. For another thread's use."""
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the socket. Idempotent."""
        self._sock.close()


@contextlib.contextmanager
def _hangup() -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError; a closed SSLSocket raises ValueError
        raise Hangup(str(error)) from error
