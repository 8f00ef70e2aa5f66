"""One request and its answer: what a personality may look at, and how it writes when a plain `Reply` will not do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from tests.hostile.content import Content
from tests.hostile.journal import Journal, Ledger
from tests.hostile.reply import Asked, Ending, Framing, Reply, Request, asked_range, honest
from tests.hostile.wire import Hangup, Wire

_CHUNK = 16 * 1024


@dataclass(frozen=True, slots=True)
class Habits:
    """The quantities of the personalities, so that tests can be quick."""

    interval: float = 0.05
    """Seconds between two bytes of whoever drips."""
    stall_after: int | None = None
    """Bytes of the body before a stall; `None` is a quarter of the content."""
    retry_after: str = "0"
    """What those who are busy for a while say in Retry-After."""
    at_once: int = 2
    """Requests that `too-many-connections` answers at the same time."""
    a_second: int = 4
    """Requests a second that `rate-limited-429` answers."""
    endless_limit: int = 256 << 20
    """Bytes after which even the endless give up, for the sake of the disk."""
    bomb_size: int = 256 << 20
    """Bytes that the bomb unpacks to."""
    crawl_rate: int = 16 * 1024
    """Bytes a second of a connection that crawls."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the server listens. `plain` is None unless `main` and `other` speak TLS."""

    main: int
    other: int
    plain: int | None

    def url(self, port: int, path: str, host: str = "127.0.0.1") -> str:
        """An absolute URL on one of these ports."""
        scheme = "https" if self.plain is not None and port != self.plain else "http"
        return f"{scheme}://{host}:{port}{path}"


@dataclass(frozen=True, slots=True)
class Stage:
    """What all exchanges of one server share."""

    content: Content
    habits: Habits
    addresses: Addresses
    journal: Journal


class Exchange:
    """A request, its place in the story of its path, and the means to answer it byte by byte."""

    def __init__(self, request: Request, wire: Wire, stage: Stage, number: int) -> None:
        record = stage.journal.record(number)
        self.request = request
        self.content = stage.content
        self.habits = stage.habits
        self.addresses = stage.addresses
        self.ledger: Ledger = stage.journal.ledger(record.personality, record.path)
        self.turn = self.ledger.enter(request.method)
        """Which GET at this path this is: 1 for the first."""
        self._wire = wire
        self._journal = stage.journal
        self._number = number

    def close(self) -> None:
        """The request is done with, whatever became of it."""
        self.ledger.leave()

    # --- what is asked ------------------------------------------------------------------------------------------------

    @property
    def tail(self) -> str:
        """The path behind the personality, with its slash."""
        return "/" + self.request.path.lstrip("/").partition("/")[2]

    @property
    def asked(self) -> Asked | None:
        """The range that is asked for, in the content."""
        return asked_range(self.request, self.content.size)

    @property
    def resuming(self) -> bool:
        """Whether bytes from the middle are asked for."""
        return self.asked is not None and self.asked.start > 0

    def honest(self, content: Content | None = None, *, ranges: bool = True) -> Reply:
        """What a good server would answer."""
        return honest(self.request, content or self.content, ranges=ranges)

    def first_cut(self, reply: Reply) -> Reply:
        """`reply`; but the first GET at this path ends half way, so that every client has to go on with a second one."""
        return reply.ended(Ending.FIN, len(reply.body) // 2) if self.turn == 1 else reply

    def path_to(self, personality: str, tail: str | None = None) -> str:
        """The same file under another personality."""
        return f"/{personality}{self.tail if tail is None else tail}"

    # --- how it is answered -------------------------------------------------------------------------------------------

    def answer(self, reply: Reply) -> bool:
        """Write the whole reply. Returns whether the connection can serve another request."""
        if "close" in self.request.headers.get("connection", "").lower() or self.request.version == "HTTP/1.0":
            reply = reply if reply.ending is not Ending.KEEP else reply.ended(Ending.FIN, reply.sends)
        if reply.framing is Framing.CLOSE and reply.ending is Ending.KEEP:
            reply = reply.ended(Ending.FIN, reply.sends)
        self.begin(reply)
        if self.request.method != "HEAD":
            body = memoryview(reply.body)
            self._pour(body if reply.sends is None else body[: reply.sends], reply.framing)
            if reply.framing is Framing.CHUNKED and reply.sends is None:
                self._wire.write(b"0\r\n\r\n")
        return self.end(reply.ending)

    def begin(self, reply: Reply) -> None:
        """Write the head alone."""
        self._journal.answer(self._number, reply.status)
        self._wire.write(reply.head())

    def send(self, piece: bytes | memoryview) -> None:
        """Write and count a piece of the body, as it stands."""
        self._wire.write(piece)
        self._counted(len(piece))

    def send_chunk(self, piece: bytes | memoryview) -> None:
        """Write a piece of the body as one chunk, and count it."""
        self._wire.write(b"%x\r\n" % len(piece))
        self.send(piece)
        self._wire.write(b"\r\n")

    def raw(self, octets: bytes) -> None:
        """Write what is no body: parts of a head, or garbage."""
        self._wire.write(octets)

    def end(self, ending: Ending) -> bool:
        """Do to the connection what `ending` says. Returns whether it can serve another request."""
        if ending is Ending.KEEP:
            return True
        if ending is Ending.FIN:
            self._wire.finish()
        elif ending is Ending.RUDE:
            self._wire.cut()
        elif ending is Ending.RST:
            self._wire.reset()
        else:
            self._wire.hang()
        return False

    def leave(self, ending: Ending) -> NoReturn:
        """End the connection, whatever was under way."""
        self.end(ending)
        raise Hangup("the server has ended it")

    def pause(self, seconds: float) -> None:
        """Wait, as long as the client is there."""
        self._wire.pause(seconds)

    def hang(self) -> None:
        """Say nothing until the client has gone."""
        self._wire.hang()

    def pieces(self, body: bytes | memoryview, most: int) -> Iterator[memoryview]:
        """`body` in pieces of at most `most` bytes, each when its time has come."""
        return self._wire.pieces(body, most)

    def _pour(self, body: memoryview, framing: Framing) -> None:
        if framing is Framing.CHUNKED:
            for piece in self._wire.pieces(body, _CHUNK):
                self.send_chunk(piece)
        else:
            for piece in self._wire.pieces(body):
                self.send(piece)

    def _counted(self, count: int) -> None:
        with self.ledger.lock:
            self.ledger.sent += count
        self._journal.add(self._number, count)


def without_validators(reply: Reply) -> Reply:
    """The same reply with nothing by which versions could be told apart."""
    return reply.without("ETag", "Last-Modified")
