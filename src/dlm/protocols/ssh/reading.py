"""An open file, read by many requests at once and poured in order."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Any

import asyncssh

from dlm.model.error import ProtocolViolation, Truncated
from dlm.ports import Flow, Outlet
from dlm.protocols.ssh.errors import told
from dlm.protocols.ssh.flight import HELD_LEAST
from dlm.protocols.ssh.link import Link

LEAST_PIECE = 16 * 1024
PIECES = 8
"""Pieces in which what may be under way is asked for and offered while the Outlet holds back: what is taken in large ones
cannot be limited evenly."""
MOST_REQUESTS = 1024
"""Requests under way, at most: enough for `flight.MOST` by 32 KiB, and little work for a server that gives crumbs."""
CALM = 1.0
"""Seconds without a PAUSE after which as much is asked for as the link takes."""
DEAD = 5.0
"""Seconds without any answer, to a request that was made, after which a connection that is given up is not used again."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request under way."""

    offset: int
    size: int
    sent: float
    answer: asyncio.Future[bytes]


class Reading:
    """One file, read over one link. `begin`, then `pour` once, then `close`."""

    def __init__(self, link: Link, file: asyncssh.SFTPClientFile, position: int, shown: str, limit: int | None = None) -> None:
        """`limit` is the rate that it will be held to, as far as that is known; in bytes a second."""
        self._link = link
        self._flight = link.flight
        self._clock = link.clock
        self._file = file
        self._shown = shown
        self._position = self._asked = position
        self._block = link.block
        self._requests: deque[Request] = deque()
        self._last: asyncio.Future[asyncssh.SFTPAttrs] | None = None
        self._held = limit is not None
        self._most = self._flight.needed(limit or 0)
        self._paused_at = self._looked_at = self._clock.monotonic()
        self._looked_from = position
        self._stop: int | None = None
        self._closed = False
        link.closers.add(self.close)

    async def begin(self, size: int) -> tuple[asyncssh.SFTPAttrs, bool]:
        """Ask for the first bytes, `size` at most, and return what the file is then; and whether there was any byte.

        The second is told for a file that says to be empty only: some that are made as they are read lie.
        """
        self._ask(min(size, self._piece if self._held else self._block))
        with told(self._shown):
            attributes = await self._file.stat()
            return attributes, bool(attributes.size or await asyncio.shield(self._requests[0].answer))

    async def pour(self, stop: int, outlet: Outlet) -> asyncssh.SFTPAttrs | None:
        """Pour up to `stop`, and return what the file is after the last byte was read; `None` after STOP.

        Raises `Truncated` when the file ends earlier.
        """
        self._stop = stop
        whole = bool(self._requests) and self._requests[0].offset + self._requests[0].size >= stop
        self._flight.readers += 1
        try:
            while self._position < stop:
                self._fill(stop)
                if self._asked >= stop and self._last is None and not whole:
                    self._last = asyncio.ensure_future(self._file.stat())
                data = await self._next()
                if not data:
                    size = f"after {self._position} bytes"
                    raise Truncated(f"{self._shown} ended {size}, before the bytes that were promised", uri=self._shown)
                if await self._give(outlet, memoryview(data)[: stop - self._position]):
                    return None
            with told(self._shown):
                return await self._last if self._last is not None else None
        finally:
            self._flight.readers -= 1

    async def pour_all(self, outlet: Outlet) -> None:
        """Pour to an end that nobody knows beforehand."""
        self._flight.readers += 1
        try:
            while True:
                if not self._requests:
                    self._ask(self._block)
                data = await self._next()
                if not data or await self._give(outlet, memoryview(data)):
                    return
        finally:
            self._flight.readers -= 1

    def close(self) -> None:
        """Give up what is under way, and the file. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._link.closers.discard(self.close)
        if self._requests:
            now, oldest = self._clock.monotonic(), self._requests[0].sent
            if now - max(oldest, self._flight.answered_at) > DEAD and not self._requests[0].answer.done():
                self._link.retired = True
        self._drop()
        if self._last is not None:
            _forget(self._last)
        self._link.let_go(self._file)

    # -----------------------------------------------------------------------------------------------------------------

    def _fill(self, stop: int) -> None:
        """Ask for as much as may be under way."""
        if self._held:
            self._look()
        room = self._most if self._held else self._flight.share
        block = self._piece if self._held else self._block
        room = min(room, MOST_REQUESTS * block)
        while self._asked < stop and (not self._requests or self._asked - self._position + block <= room):
            self._ask(min(block, stop - self._asked))

    def _ask(self, size: int) -> None:
        sent = self._clock.monotonic()
        answer = asyncio.ensure_future(self._answer(self._asked, size, sent))
        self._requests.append(Request(self._asked, size, sent, answer))
        self._asked += size

    async def _answer(self, offset: int, size: int, sent: float) -> bytes:
        data: bytes = await self._file.read(size, offset)
        now = self._clock.monotonic()
        self._flight.answered(len(data), now - sent, now)
        return data

    async def _next(self) -> bytes:
        """The bytes at the position; none at the end of the file."""
        request = self._requests[0]
        if request.answer.done():
            await asyncio.sleep(0)  # others have a turn, too
        with told(self._shown):
            data = await request.answer
        self._requests.popleft()
        if len(data) > request.size:
            raise ProtocolViolation(f"{self._shown} sends more than was asked for", uri=self._shown)
        if data and len(data) < request.size and (self._stop is None or self._position + len(data) < self._stop):
            self._ask_less(len(data))
        return data

    def _ask_less(self, size: int) -> None:
        """A server may give less than it was asked for: then it is asked for less, from there on."""
        self._block = size
        self._drop()
        self._asked = self._position + size

    def _drop(self) -> None:
        for request in self._requests:
            _forget(request.answer)
        self._requests.clear()

    async def _give(self, outlet: Outlet, view: memoryview) -> bool:
        """Whether the Outlet said STOP."""
        while view:
            piece = view[: self._piece] if self._held else view
            flow = outlet.write(piece)
            if flow is Flow.PAUSE:
                await self._wait(outlet)
                continue
            self._position += len(piece)
            if flow is Flow.STOP:
                return True
            view = view[len(piece) :]
        return False

    @property
    def _piece(self) -> int:
        return min(self._block, max(LEAST_PIECE, self._most // PIECES))

    async def _wait(self, outlet: Outlet) -> None:
        self._paused_at = self._clock.monotonic()
        if not self._held:
            self._held = True
            self._most = max(HELD_LEAST, (self._asked - self._position) // 2)
            self._looked_at, self._looked_from = self._paused_at, self._position
        self._flight.readers -= 1
        try:
            await outlet.wait_ready()
        finally:
            self._flight.readers += 1

    def _look(self) -> None:
        """Once a second while held: ask for as much as what is taken needs, or for all that the link bears again."""
        now = self._clock.monotonic()
        if now - self._looked_at < CALM:
            return
        self._held = self._paused_at >= self._looked_at
        self._most = self._flight.needed((self._position - self._looked_from) / (now - self._looked_at))
        self._looked_at, self._looked_from = now, self._position


def _forget(future: asyncio.Future[Any]) -> None:
    """Nobody waits for it any more, nor for its error."""
    if not future.cancel() and not future.cancelled():
        future.exception()
