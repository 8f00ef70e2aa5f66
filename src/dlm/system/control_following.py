"""One reader follows many processes: those that are there, and those that come later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing

_ROUND = 0.25  # seconds after which a process that has come is noticed
_MOST_WAITING = 64
"""Lines that wait for the reader. When it is slower, its processes are not read, and so drop it."""


class Following:
    """`names` are the processes that listen now; `lines(name)` is what one says, raising `OSError` or `EOFError` if it stops.

    One that has said all is not asked again; one that was lost is, while it is there.
    """

    def __init__(self, names: Callable[[], Iterable[str]], lines: Callable[[str], AsyncGenerator[bytes, None]]) -> None:
        self._names = names
        self._source = lines
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue(_MOST_WAITING)
        self._asked: dict[str, asyncio.Task[bool]] = {}
        self._ended = False

    async def lines(self) -> AsyncGenerator[bytes, None]:
        """All that they say, until `end`, or until the iterator is closed."""
        watching = asyncio.create_task(self._watch())
        watching.add_done_callback(lambda _: self.end())
        try:
            while not self._ended and (line := await self._waiting.get()) is not None:
                yield line
            if watching.done():
                watching.result()
        finally:
            watching.cancel()
            for each in self._asked.values():
                each.cancel()
            await asyncio.gather(watching, *self._asked.values(), return_exceptions=True)

    def end(self) -> None:
        """Let `lines` end now."""
        self._ended = True
        while self._waiting.full():
            self._waiting.get_nowait()
        self._waiting.put_nowait(None)

    async def _watch(self) -> None:
        while True:
            present = set(self._names())
            for name in [each for each, asked in self._asked.items() if _was_lost(asked) or each not in present]:
                if self._asked[name].done():
                    del self._asked[name]
            for name in present - self._asked.keys():
                self._asked[name] = asyncio.create_task(self._collect(name))
            await asyncio.sleep(_ROUND)

    async def _collect(self, name: str) -> bool:
        """Whether it has said all."""
        try:
            async with aclosing(self._source(name)) as lines:
                async for line in lines:
                    await self._waiting.put(line)
        except (OSError, EOFError, ValueError):
            return False
        return True


def _was_lost(asked: asyncio.Task[bool]) -> bool:
    return asked.done() and not asked.cancelled() and not asked.result()
