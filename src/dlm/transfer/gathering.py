"""Gathering: the body of a small file, kept in memory until it is whole.

One that does not come soon enough goes on by the ordinary way, from the byte that it has reached: nothing of it is asked
for twice, and what has come does not stay in memory for longer than a checkpoint may take.
"""

from __future__ import annotations

import asyncio

from dlm.model.resource import Resource
from dlm.ports import Delays, Flow, Opening, Outlet

SOON = 1.0
"""Seconds in which a small file has to be there: a checkpoint would be made no sooner."""


class Gathering:
    """`ports.Opening` around another one, whose size is known and small. Only one of `whole` and `close` comes first."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._memory = _Memory(opening.resource.part.size or 0)
        self._pouring: asyncio.Future[None] | None = None
        self._began = self._ended = 0.0

    @property
    def elapsed(self) -> float:
        """Seconds that gathering took."""
        return self._ended - self._began

    @property
    def resource(self) -> Resource:
        """See `ports.Opening`."""
        return self._opening.resource

    @property
    def delays(self) -> Delays | None:
        """See `ports.Opening`."""
        return self._opening.delays

    async def whole(self) -> bytearray | None:
        """All its bytes; `None` when they have not come in time, or ended early: then `pour` goes on."""
        self._pouring = asyncio.ensure_future(self._opening.pour(self._memory))
        # What it raises is raised by `pour`; when everything has come it does not matter.
        self._pouring.add_done_callback(lambda pouring: pouring.cancelled() or pouring.exception())
        self._began = asyncio.get_running_loop().time()
        try:
            await asyncio.wait([self._pouring], timeout=SOON)
        except BaseException:
            await self.close()
            raise
        self._ended = asyncio.get_running_loop().time()
        return self._memory.data if self._memory.full else None

    async def pour(self, outlet: Outlet) -> None:
        """Give `outlet` what was gathered, and then what follows. See `ports.Opening`."""
        assert self._pouring is not None
        try:
            if await self._memory.hand_over(outlet) is not Flow.STOP:
                await self._pouring
        finally:
            await self.close()

    async def close(self) -> None:
        """See `ports.Opening`."""
        if self._pouring is not None and not self._pouring.done():
            self._pouring.cancel()
            await asyncio.wait([self._pouring])
        await self._opening.close()


class _Memory:
    """`ports.Outlet` into memory, until another outlet takes over."""

    def __init__(self, size: int) -> None:
        self.data = bytearray()
        self._size = size
        self._next: Outlet | None = None
        self._handed_over = asyncio.Event()

    @property
    def full(self) -> bool:
        """Whether every byte is there."""
        return len(self.data) == self._size

    async def hand_over(self, outlet: Outlet) -> Flow:
        """Let `outlet` have what is here, and then all that follows; whether it wants more."""
        self._next = outlet
        flow = outlet.write(memoryview(self.data)) if self.data else Flow.MORE
        while flow is Flow.PAUSE:
            await outlet.wait_ready()
            flow = outlet.write(memoryview(self.data))
        self._handed_over.set()
        return flow

    def write(self, data: memoryview) -> Flow:
        """See `ports.Outlet`."""
        if self._next is not None:
            return self._next.write(data) if self._handed_over.is_set() else Flow.PAUSE
        room = self._size - len(self.data)
        self.data += data[:room]
        return Flow.STOP if len(data) >= room else Flow.MORE

    async def wait_ready(self) -> None:
        """See `ports.Outlet`."""
        await self._handed_over.wait()
        if self._next is not None:
            await self._next.wait_ready()
