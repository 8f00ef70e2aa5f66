"""Outlets as a Source may meet them: full, hesitant, shut, broken. None of them is offered anything after STOP."""

from __future__ import annotations

import asyncio

from dlm.model.error import DiskFull
from dlm.policy.segments import UNBOUNDED
from dlm.ports import Flow


class Pail:
    """An Outlet that keeps what it gets, and answers STOP when it is full."""

    def __init__(self, room: int = UNBOUNDED) -> None:
        self.taken = bytearray()
        self.offers = 0
        self.late = 0
        """Bytes offered after STOP."""
        self._room = room
        self._stopped = False

    def write(self, data: memoryview) -> Flow:
        """See `ports.Outlet`."""
        if self._stopped:
            self.late += len(data)
            return Flow.STOP
        self.offers += 1
        flow = self.answer(data)
        if flow is not Flow.PAUSE:
            self.taken += data[: self._room - len(self.taken)]
        self._stopped = len(self.taken) == self._room
        return Flow.STOP if self._stopped else flow

    def answer(self, data: memoryview) -> Flow:
        """What to do with the next bytes while there is room."""
        return Flow.MORE

    async def wait_ready(self) -> None:
        """See `ports.Outlet`."""


class Hesitant(Pail):
    """Takes bytes only when they are offered a second time, some loops later."""

    def answer(self, data: memoryview) -> Flow:
        """See `Pail`."""
        return Flow.PAUSE if self.offers % 2 else Flow.MORE

    async def wait_ready(self) -> None:
        """See `ports.Outlet`."""
        for _ in range(3):
            await asyncio.sleep(0)


class Shut(Pail):
    """Takes nothing until it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.offered = asyncio.Event()
        self.opened = asyncio.Event()

    def answer(self, data: memoryview) -> Flow:
        """See `Pail`."""
        self.offered.set()
        return Flow.MORE if self.opened.is_set() else Flow.PAUSE

    async def wait_ready(self) -> None:
        """See `ports.Outlet`."""
        await self.opened.wait()


class Broken(Pail):
    """Fails as a full disk does."""

    def __init__(self) -> None:
        super().__init__()
        self.error = DiskFull("no space is left")

    def answer(self, data: memoryview) -> Flow:
        """See `Pail`."""
        raise self.error


class Impatient(Pail):
    """Has its own transfer cancelled when the first bytes come."""

    transfer: asyncio.Future[None]

    def answer(self, data: memoryview) -> Flow:
        """See `Pail`."""
        self.transfer.cancel()
        return Flow.MORE
