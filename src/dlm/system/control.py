"""How the dlm processes on one database reach each other: Unix sockets in a directory beside it.

The database is the truth. A command commits there and then nudges the others, which read it again; beside nudges only
questions about live samples and streams of live events go over the sockets. Where none can be had, all of this is silent,
and `reason` says why: the others then see a change only when they next look.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from typing import TYPE_CHECKING

from dlm.model.queue import Question
from dlm.system.coalescing import Coalesced
from dlm.system.control_wire import END, LARGEST_LINE, NUDGE, encoded
from dlm.system.meeting_place import MeetingPlace, PlaceUnusable, name_of, owner_of

if TYPE_CHECKING:
    from dlm.system.control_following import Following
    from dlm.system.control_listening import Listener

NUDGE_INTERVAL = 0.05
"""Seconds between the nudges that leave this process."""
ANSWER_SECONDS = 1.0
LARGEST_ANSWER = 16 * LARGEST_LINE
FLUSH_SECONDS = 0.5

_AGAIN = 0.01


class SocketControl:
    """`ports.Control` over sockets in the directory `state`.control.

    `owner` is this process's name in the database (`PID:START:BOOT:NONCE`); `is_alive` tells whether the process of such a
    name may still run. One that only nudges, as a short command does, need not listen, and makes no directory.
    """

    def __init__(self, state: str, owner: str, is_alive: Callable[[str], bool]) -> None:
        self._place = MeetingPlace(state + ".control", is_alive)
        self._owner = owner
        self._nudges = Coalesced(self._nudge_all, NUDGE_INTERVAL)
        self._behind: set[str] = set()
        self._listener: Listener | None = None
        self._followings: set[Following] = set()
        self._closed = False
        self.reason: str | None = None
        """Why this process cannot be reached; `None` when it can, or was not to be."""

    async def open(self, answer: Callable[[Question], AsyncIterator[bytes]], nudged: Callable[[], None]) -> None:
        """See `ports.Control`. Never raises."""
        if self._listener is not None or self._closed:
            return
        from dlm.system.control_listening import Listener

        try:
            self._listener = Listener(self._place.listen(self._owner), answer, nudged)
            self.reason = None
        except PlaceUnusable as error:
            self.reason = str(error)

    def try_out(self) -> str | None:
        """Why this process cannot be reached, or could not be; `None` when it can. Listens for a moment, if it does not yet."""
        if self._listener is None and self.reason is None:
            try:
                self._place.listen(self._owner).close()
            except PlaceUnusable as error:
                return str(error)
            self._place.leave(self._owner)
        return self.reason

    def nudge(self) -> None:
        """See `ports.Control`. At most 20 a second leave; what has left arrives even if this process ends."""
        if not self._closed:
            self._nudges.ask()

    async def ask(self, owner: str, question: Question) -> list[bytes]:
        """See `ports.Control`. An answer of more than 16 MiB counts as none. Raises `InvalidRequest` for too many ids."""
        name, request = name_of(owner), encoded(question)
        if name is None:
            return []
        lines, size = [], 0
        try:
            async with asyncio.timeout(ANSWER_SECONDS), aclosing(self._said(name, request)) as said:
                async for line in said:
                    lines.append(line)
                    size += len(line)
                    if size > LARGEST_ANSWER:
                        return []
        except (OSError, EOFError, ValueError):
            return []
        return lines

    async def present(self) -> list[str]:
        """See `ports.Control`."""
        own = name_of(self._owner)
        return [owner_of(name) for name in self._place.living() if name != own]

    async def follow(self, question: Question) -> AsyncIterator[bytes]:
        """See `ports.Control`: of all other processes. One whose lines the reader does not keep up with drops some."""
        if self._closed:
            return
        from dlm.system.control_following import Following

        request = encoded(question)
        following = Following(self._others, lambda name: self._said(name, request))
        self._followings.add(following)
        try:
            async with aclosing(following.lines()) as lines:
                async for line in lines:
                    yield line
        finally:
            self._followings.discard(following)

    async def flush(self) -> None:
        """Return when the last nudge has left, or after 0.5 s when a process is too far behind to take it."""
        self._nudges.flush()
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_SECONDS):
                while self._behind:
                    await asyncio.sleep(_AGAIN)
                    self._behind = self._place.tell(self._behind, NUDGE)

    async def close(self) -> None:
        """See `ports.Control`."""
        if self._closed:
            return
        await self.flush()
        self._closed = True
        for following in self._followings:
            following.end()
        if self._listener is not None:
            self._place.leave(self._owner)
            await self._listener.close()

    def _nudge_all(self) -> None:
        self._behind = self._place.tell(self._others(), NUDGE)

    def _others(self) -> list[str]:
        mine = name_of(self._owner)
        return [name for name in self._place.names() if name != mine]

    @asynccontextmanager
    async def _asking(self, name: str, request: bytes) -> AsyncIterator[asyncio.StreamReader]:
        connection = self._place.connect(name)
        try:
            reader, writer = await asyncio.open_unix_connection(sock=connection, limit=LARGEST_LINE)
        except BaseException:
            connection.close()
            raise
        try:
            writer.write(request)
            yield reader
        finally:
            await _hung_up(writer)

    async def _said(self, name: str, request: bytes) -> AsyncGenerator[bytes, None]:
        async with self._asking(name, request) as reader:
            while (line := await _next_line(reader)) is not None:
                yield line


async def _next_line(reader: asyncio.StreamReader) -> bytes | None:
    """The next line of an answer, `None` when all is said. Raises `EOFError` when it ends before, `ValueError` at nonsense."""
    line = await reader.readline()
    if not line.endswith(b"\n"):
        raise EOFError("the process has ended in the midst of its answer")
    return None if line == END else line[:-1]


async def _hung_up(writer: asyncio.StreamWriter) -> None:
    """Close a connection whose answer is not wanted any more."""
    writer.transport.abort()
    with suppress(OSError):
        await writer.wait_closed()
