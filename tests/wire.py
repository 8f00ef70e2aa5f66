"""Bytes to a daemon, as they are, and what comes back: for what no client library would send."""

from __future__ import annotations

import json
import os
import socket
import struct
from base64 import b64encode
from collections.abc import Iterable
from contextlib import suppress
from urllib.parse import urlsplit

from tests.daemons import RunningDaemon

_PATIENCE = 20.0


def head(daemon: RunningDaemon, first: str, *more: str, token: bool = True, host: bool = True) -> bytes:
    """A head that begins with the line `first` and ends here."""
    lines = [first]
    if host:
        lines.append(f"Host: {urlsplit(daemon.url).netloc}")
    if token:
        lines.append(f"Authorization: Bearer {daemon.token}")
    return "\r\n".join([*lines, *more, "", ""]).encode("latin-1")


def connected(daemon: RunningDaemon) -> socket.socket:
    """A connection."""
    address = urlsplit(daemon.url)
    made = socket.create_connection((address.hostname or "", address.port or 0), timeout=_PATIENCE)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def send_all(sending: socket.socket, parts: Iterable[bytes]) -> None:
    """All parts, or as many as it takes: who has heard enough hangs up."""
    with suppress(ConnectionError):
        for part in parts:
            sending.sendall(part)


def rest_of(receiving: socket.socket, most: int = 1 << 22) -> bytes:
    """What comes until the other side closes."""
    got = bytearray()
    with suppress(ConnectionError):
        while len(got) < most and (part := receiving.recv(65_536)):
            got += part
    return bytes(got)


def answered(daemon: RunningDaemon, *parts: bytes) -> bytes:
    """What is answered to these bytes, until the connection is closed from the other side."""
    with connected(daemon) as made:
        send_all(made, parts)
        return rest_of(made)


def status(answer: bytes) -> int:
    """The status of the first response."""
    return int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0


def first_response(receiving: socket.socket) -> tuple[int, bytes]:
    """The status and the body of one response, though the connection stays open."""
    got = b""
    while b"\r\n\r\n" not in got:
        part = receiving.recv(65_536)
        if not part:
            return 0, got
        got += part
    fields, body = got.split(b"\r\n\r\n", 1)
    length = next((int(each[15:]) for each in fields.lower().split(b"\r\n") if each.startswith(b"content-length:")), 0)
    while len(body) < length and (part := receiving.recv(65_536)):
        body += part
    return status(fields), body


def asked(daemon: RunningDaemon, method: str, path: str, body: object = None) -> tuple[int, bytes]:
    """The status and the body for a request with the owner's token."""
    sent = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = ("Content-Type: application/json", f"Content-Length: {len(sent)}") if body is not None else ()
    with connected(daemon) as made:
        made.sendall(head(daemon, f"{method} {path} HTTP/1.1", "Connection: close", *kind) + sent)
        return first_response(made)


def opened_socket(daemon: RunningDaemon, *more: str) -> socket.socket:
    """A WebSocket that was opened for the owner, and not compressed, whatever is offered; `more` are headers."""
    key = b64encode(os.urandom(16)).decode()
    fields = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}")
    made = connected(daemon)
    made.sendall(head(daemon, "GET /api/v1/events HTTP/1.1", *fields, *more))
    got = b""
    while b"\r\n\r\n" not in got:
        got += made.recv(1)
    assert got.startswith(b"HTTP/1.1 101 "), got
    assert b"permessage-deflate" not in got.lower()
    return made


def frame(opcode: int, payload: bytes, *, final: bool = True, length: int | None = None) -> bytes:
    """A frame of a client (RFC 6455, 5.2), masked with zeros; `length` is what it says of its payload."""
    size = len(payload) if length is None else length
    first = (0x80 if final else 0) | opcode
    if size < 126:
        return struct.pack("!BB", first, 0x80 | size) + bytes(4) + payload
    if size < 1 << 16:
        return struct.pack("!BBH", first, 0x80 | 126, size) + bytes(4) + payload
    return struct.pack("!BBQ", first, 0x80 | 127, size) + bytes(4) + payload


def closed(receiving: socket.socket) -> int:
    """The code with which the WebSocket is closed (RFC 6455, 7.4.1), 0 when it is closed without a word."""
    with receiving.makefile("rb") as stream, suppress(ConnectionError):
        while begin := stream.read(2):
            size = begin[1] & 127
            if size >= 126:
                size = int.from_bytes(stream.read(2 if size == 126 else 8), "big")
            payload = stream.read(size)
            if begin[0] & 15 == 8:
                return int.from_bytes(payload[:2], "big")
    return 0
