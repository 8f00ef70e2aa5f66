"""Twins for tests: processes that share one loop, and a network that is switched by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing

from dlm.model.error import DlmError
from dlm.model.queue import Question
from dlm.system.coalescing import Coalesced
from dlm.system.control_following import Following
from dlm.system.control_wire import encoded, fits

_INTERVAL = 0.05
_PATIENCE = 1.0
_MOST_WAITING = 64


class ControlHub:
    """What several MemoryControls have in common: one database, as it were."""

    def __init__(self) -> None:
        self._listening: dict[str, MemoryControl] = {}

    def join(self, control: MemoryControl) -> None:
        """From now on it listens."""
        self._listening[control.owner] = control

    def leave(self, control: MemoryControl) -> None:
        """It listens no more."""
        self._listening.pop(control.owner, None)

    def of(self, owner: str) -> MemoryControl | None:
        """The one of that owner, if it listens."""
        return self._listening.get(owner)

    def others(self, owner: str) -> list[str]:
        """The owners of all that listen, but this one."""
        return [each for each in self._listening if each != owner]


class MemoryControl:
    """`ports.Control` for one process of the hub."""

    def __init__(self, hub: ControlHub, owner: str) -> None:
        self.owner = owner
        self._hub = hub
        self._nudges = Coalesced(self._nudge_all, _INTERVAL)
        self._answer: Callable[[Question], AsyncIterator[bytes]] | None = None
        self._nudged: Callable[[], None] = lambda: None
        self._telling: set[asyncio.Task[None]] = set()
        self._followings: set[Following] = set()
        self._closed = False

    async def open(self, answer: Callable[[Question], AsyncIterator[bytes]], nudged: Callable[[], None]) -> None:
        """See `ports.Control`."""
        if self._answer is None and not self._closed:
            self._answer, self._nudged = answer, nudged
            self._hub.join(self)

    def nudge(self) -> None:
        """See `ports.Control`."""
        if not self._closed:
            self._nudges.ask()

    async def ask(self, owner: str, question: Question) -> list[bytes]:
        """See `ports.Control`. Raises `InvalidRequest` for too many ids."""
        encoded(question)
        other = self._hub.of(owner)
        if other is None:
            return []
        try:
            async with asyncio.timeout(_PATIENCE), aclosing(other.told(question)) as lines:
                return [line async for line in lines]
        except (TimeoutError, EOFError):
            return []

    async def present(self) -> list[str]:
        """See `ports.Control`."""
        return self._hub.others(self.owner)

    async def follow(self, question: Question) -> AsyncIterator[bytes]:
        """See `ports.Control`."""
        if self._closed:
            return
        encoded(question)
        following = Following(lambda: self._hub.others(self.owner), lambda owner: self._said(owner, question))
        self._followings.add(following)
        try:
            async with aclosing(following.lines()) as lines:
                async for line in lines:
                    yield line
        finally:
            self._followings.discard(following)

    async def flush(self) -> None:
        """Return when the last nudge has left."""
        self._nudges.flush()

    async def close(self) -> None:
        """See `ports.Control`."""
        if self._closed:
            return
        await self.flush()
        self._closed = True
        self._hub.leave(self)
        for following in self._followings:
            following.end()
        for each in self._telling:
            each.cancel()
        await asyncio.gather(*self._telling, return_exceptions=True)

    async def told(self, question: Question) -> AsyncGenerator[bytes, None]:
        """What this process answers to another. Raises `EOFError` when it stops in the midst of it."""
        lines: asyncio.Queue[bytes] = asyncio.Queue(_MOST_WAITING)
        more = asyncio.Event()
        telling = asyncio.create_task(self._tell(question, lines, more))
        telling.add_done_callback(lambda _: more.set())
        self._telling.add(telling)
        try:
            while not (telling.done() and lines.empty()):
                more.clear()
                if lines.empty():
                    await more.wait()
                else:
                    yield lines.get_nowait()
            _demand_complete(telling)
        finally:
            self._telling.discard(telling)
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)

    async def _tell(self, question: Question, lines: asyncio.Queue[bytes], more: asyncio.Event) -> None:
        assert self._answer is not None
        source = self._answer(question)
        try:
            async for line in source:
                if fits(line):
                    async with asyncio.timeout(_PATIENCE):
                        await lines.put(line)
                    more.set()
        finally:
            if isinstance(source, AsyncGenerator):
                await source.aclose()

    async def _said(self, owner: str, question: Question) -> AsyncGenerator[bytes, None]:
        other = self._hub.of(owner)
        if other is None:
            raise EOFError("the process has ended")
        async with aclosing(other.told(question)) as lines:
            async for line in lines:
                yield line

    def _nudge_all(self) -> None:
        for owner in self._hub.others(self.owner):
            other = self._hub.of(owner)
            if other is not None:
                other._nudged()


def _demand_complete(telling: asyncio.Task[None]) -> None:
    """Raises what a defect has raised, and `EOFError` for all else that ended an answer early."""
    if telling.cancelled() or isinstance(telling.exception(), DlmError | TimeoutError):
        raise EOFError("the process has ended in the midst of its answer")
    telling.result()


class MemoryNetwork:
    """`ports.Network`, up or down as `set` says."""

    def __init__(self, up: bool = True) -> None:
        self._up = up
        self._changed = asyncio.Event()

    def set(self, up: bool) -> None:
        """Switch it; whoever waits for a change is told."""
        if up is not self._up:
            self._up = up
            self._changed.set()
            self._changed = asyncio.Event()

    def is_up(self) -> bool:
        """See `ports.Network`."""
        return self._up

    async def wait_change(self) -> None:
        """See `ports.Network`."""
        await self._changed.wait()
