"""A client that takes replies as they come, lies included, and sees how connections end."""

from __future__ import annotations

import re
import socket
import ssl
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

FIN = "fin"
RST = "rst"
SILENT = "silent"
RUDE = "rude"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came over the wire. `raw` is everything behind the (last) head; `end` is FIN, RST, RUDE or SILENT."""

    status: int
    headers: tuple[tuple[str, str], ...]
    raw: bytes
    end: str
    interim: bytes = b""

    def values(self, name: str) -> list[str]:
        """All values of a header."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str) -> str | None:
        """The first value of a header."""
        return next(iter(self.values(name)), None)

    @property
    def body(self) -> bytes:
        """The body with chunks joined, as far as they are well formed."""
        return dechunk(self.raw) if self.header("Transfer-Encoding") == "chunked" else self.raw


def fetch(
    url: str,
    range: str | None = None,
    *headers: tuple[str, str],
    method: str = "GET",
    silence: float = 30.0,
    patience: float = 60.0,
    most: int = 1 << 24,
    tls: ssl.SSLContext | None = None,
) -> Answer:
    """Ask once on a connection of its own, and read to its end.

    Nothing for `silence` seconds, no end after `patience` seconds, or `most` bytes count as SILENT.
    """
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    pairs = [("Host", parts.netloc), ("Connection", "close"), *headers]
    pairs += [("Range", f"bytes={range}")] if range else []
    head = "".join(f"{name}: {value}\r\n" for name, value in pairs)
    received = bytearray()
    with (
        socket.create_connection((parts.hostname or "", parts.port or 80), timeout=60.0) as plain,
        _secured(plain, tls) as sock,
    ):
        sock.sendall(f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1"))
        sock.settimeout(silence)
        end = _read_all(sock, received, most, time.monotonic() + patience)
    return _parsed(bytes(received), end)


def dechunk(raw: bytes) -> bytes:
    """The bytes of all chunks that are well formed."""
    body = b""
    while match := re.match(rb"([0-9A-Fa-f]{1,15})\r\n", raw):
        size = int(match[1], 16)
        chunk, raw = raw[match.end() : match.end() + size], raw[match.end() + size + 2 :]
        body += chunk
    return body


def _secured(sock: socket.socket, context: ssl.SSLContext | None) -> socket.socket:
    if context is None:
        return sock
    # Early versions of Python 3.11 set it with OpenSSL 3, and then no end is rude.
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    return context.wrap_socket(sock, server_hostname="localhost", suppress_ragged_eofs=False)


def _read_all(sock: socket.socket, received: bytearray, most: int, deadline: float) -> str:
    try:
        while len(received) < most and time.monotonic() < deadline:
            piece = sock.recv(65536)
            if not piece:
                return FIN
            received += piece
    except TimeoutError:
        return SILENT
    except ConnectionResetError:
        return RST
    except ssl.SSLError as error:
        if error.reason != "UNEXPECTED_EOF_WHILE_READING":  # its class tells it only in later versions of Python 3.11
            raise
        return RUDE
    return SILENT


def _parsed(received: bytes, end: str) -> Answer:
    interim = b""
    while True:
        head, mark, rest = received.partition(b"\r\n\r\n")
        status = re.match(rb"HTTP/1\.[01] (\d{3})", head)
        if status is None or not mark:
            return Answer(0, (), received, end, interim)
        if not status[1].startswith(b"1"):
            break
        interim, received = interim + head + mark, rest
    lines = [line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:]]
    return Answer(int(status[1]), tuple((name, value.strip()) for name, _, value in lines), rest, end, interim)
