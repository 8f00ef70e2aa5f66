"""Requests as they were read, replies as they are to be written, and the honest reply that every lie starts from.

A personality decides a `Reply`; nothing here touches a socket.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from enum import Enum
from http import HTTPStatus

from tests.hostile.content import Content


class Framing(Enum):
    """How the end of a body is told."""

    LENGTH = "length"  # Content-Length, added unless the reply has one already
    CHUNKED = "chunked"
    CLOSE = "close"  # by the end of the connection
    RAW = "raw"  # the headers and the body are written exactly as they stand


class Ending(Enum):
    """What becomes of the connection after the reply."""

    KEEP = "keep"  # it serves the next request
    FIN = "fin"  # it is closed in order
    RST = "rst"  # it is reset, after what was written has arrived
    RUDE = "rude"  # TCP is closed in order, TLS is not told
    HANG = "hang"  # it stays open, and silent, until the client goes


@dataclass(frozen=True, slots=True)
class Request:
    """One request. Names of headers are in lower case; repeated ones are joined by a comma."""

    method: str
    target: str
    version: str
    headers: Mapping[str, str]

    @property
    def path(self) -> str:
        """The target without its query, still percent-encoded."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """What follows the question mark, still percent-encoded."""
        return self.target.partition("?")[2]


@dataclass(frozen=True, slots=True)
class Reply:
    """What is to be written. `sends` stops the body early, after so many of its bytes; then `ending` follows."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | memoryview = b""
    framing: Framing = Framing.LENGTH
    ending: Ending = Ending.KEEP
    sends: int | None = None
    reason: str | None = None
    version: str = "HTTP/1.1"
    before: bytes = b""
    """Raw bytes in front of the status line, such as interim replies."""

    def adding(self, *headers: tuple[str, str]) -> Reply:
        """The same reply with more headers, whether or not they are there already."""
        return replace(self, headers=self.headers + headers)

    def without(self, *names: str) -> Reply:
        """The same reply without these headers."""
        dropped = {name.lower() for name in names}
        return replace(self, headers=tuple(pair for pair in self.headers if pair[0].lower() not in dropped))

    def having(self, name: str, value: str) -> Reply:
        """The same reply with this header once."""
        return self.without(name).adding((name, value))

    def header(self, name: str) -> str | None:
        """The first value of a header."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def ended(self, ending: Ending, sends: int | None = None) -> Reply:
        """The same reply with another end, after `sends` bytes of the body where that is given."""
        return replace(self, ending=ending, sends=sends)

    def head(self) -> bytes:
        """The bytes up to and with the empty line."""
        reason = self.reason if self.reason is not None else _reason(self.status)
        lines = [f"{self.version} {self.status} {reason}".rstrip()]
        lines += [f"{name}: {value}" for name, value in self.headers + self._framing_headers()]
        return self.before + "".join(line + "\r\n" for line in lines).encode("latin-1") + b"\r\n"

    def _framing_headers(self) -> tuple[tuple[str, str], ...]:
        headers: list[tuple[str, str]] = []
        if self.framing is Framing.LENGTH and self.header("Content-Length") is None and self.status not in {204, 304}:
            headers.append(("Content-Length", str(len(self.body))))
        if self.framing is Framing.CHUNKED:
            headers.append(("Transfer-Encoding", "chunked"))
        if (self.framing is Framing.CLOSE or self.ending is not Ending.KEEP) and self.framing is not Framing.RAW:
            headers.append(("Connection", "close"))
        return tuple(headers)


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Odd"


@dataclass(frozen=True, slots=True)
class Asked:
    """The one range that a request asks for, of a body of known size: half-open, cut to that size."""

    start: int
    stop: int
    satisfiable: bool = field(default=True)


_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def asked_range(request: Request, size: int) -> Asked | None:
    """The range of the request (RFC 9110 section 14.2); `None` where there is none, several, or nonsense."""
    match = _RANGE.fullmatch(request.headers.get("range", "").replace(" ", ""))
    if match is None or match[0] == "bytes=-":
        return None
    if not match[1]:
        start, stop = max(0, size - int(match[2])), size
    else:
        start, stop = int(match[1]), min(size, int(match[2]) + 1) if match[2] else size
        if match[2] and int(match[2]) < start:
            return None
    return Asked(start, stop, satisfiable=start < size and stop > start)


def honest(request: Request, content: Content, *, ranges: bool = True) -> Reply:
    """What a good server answers (RFC 9110): ranges, If-Range, strong ETag, Last-Modified, Date."""
    whole = Reply(200, describing(content, ranges=ranges), content.data)
    if request.method not in {"GET", "HEAD"}:
        return text(405, "Only GET and HEAD are known here.").adding(("Allow", "GET, HEAD"))
    asked = asked_range(request, content.size)
    if not ranges or asked is None or not _condition_holds(request, content):
        return whole
    if not asked.satisfiable:
        return text(416, "There is no such range.").having("Content-Range", f"bytes */{content.size}")
    return partial(whole, content, asked.start, asked.stop)


def partial(whole: Reply, content: Content, start: int, stop: int, *, body_stop: int | None = None) -> Reply:
    """The 206 that says `start` to `stop`, with the bytes from `start` to `body_stop` (if that is another)."""
    body = memoryview(content.data)[start : stop if body_stop is None else body_stop]
    return replace(whole, status=206, body=body).having("Content-Range", f"bytes {start}-{stop - 1}/{content.size}")


def describing(content: Content, *, ranges: bool = True) -> tuple[tuple[str, str], ...]:
    """The headers of a reply that carries `content`, or a part of it."""
    return (
        ("Date", formatdate(time.time(), usegmt=True)),
        ("Accept-Ranges", "bytes" if ranges else "none"),
        ("ETag", content.etag),
        ("Last-Modified", content.last_modified),
        ("Content-Type", content.media_type),
    )


def text(status: int, message: str, media_type: str = "text/plain") -> Reply:
    """A short reply that is not the file."""
    return Reply(
        status, (("Date", formatdate(time.time(), usegmt=True)), ("Content-Type", media_type)), f"{message}\n".encode()
    )


def redirect(location: str, status: int = 302) -> Reply:
    """A redirect, with the little body that servers send along."""
    return text(status, f"It is at {location}").adding(("Location", location))


def _condition_holds(request: Request, content: Content) -> bool:
    condition = request.headers.get("if-range")
    return condition is None or condition in {content.etag, content.last_modified}
