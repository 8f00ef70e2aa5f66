"""The gate that every byte of a download passes: it keeps the rate limit and the bound on uncommitted bytes.

The second keeps the durability contract: after a crash at most `WINDOW` bytes are fetched again, so no more than that
may lie between the last commit and now. When the disk cannot follow, the gate shuts and the server is slowed down.
"""

from __future__ import annotations

import asyncio

from dlm.policy.rate import Bucket
from dlm.ports import Clock

WINDOW = 14 * 1024 * 1024
"""Together with what sixteen connections have gathered and not written, this makes the 16 MiB that dlm promises."""
TRIGGER = 4 * 1024 * 1024
"""Uncommitted bytes at which a checkpoint begins, so that it is over before the window is full."""


class Gate:
    """Shut or open, for all connections of one download. Belongs to one event loop."""

    def __init__(self, clock: Clock, rate: int | None) -> None:
        self.shut = False
        """Read for each chunk: while it is true, nothing may be taken."""
        self._clock = clock
        self._bucket = Bucket(rate, clock.monotonic()) if rate else None
        self.limited = self._bucket is not None
        self._uncommitted = 0
        self._owing = False
        self._timer: asyncio.TimerHandle | None = None
        self._opened = asyncio.Event()
        self._due = asyncio.Event()

    @property
    def uncommitted(self) -> int:
        """Bytes that were written and are not yet recorded as durable."""
        return self._uncommitted

    @property
    def held(self) -> bool:
        """Whether dlm itself holds the transfer back, so that its speed says nothing about the server."""
        return self.shut or self.limited

    def received(self, size: int) -> None:
        """`size` bytes were taken from the network. To be told only where there is a rate to keep (`limited`)."""
        assert self._bucket is not None
        wait = self._bucket.take(size, self._clock.monotonic())
        if wait > 0 and not self._owing:
            self._owing = self.shut = True
            self._timer = asyncio.get_running_loop().call_later(wait, self._paid)

    def written(self, size: int) -> None:
        """`size` bytes were written to the file."""
        self._uncommitted += size
        if self._uncommitted >= TRIGGER:
            self._due.set()
            self._judge()

    def committed(self, size: int) -> None:
        """`size` bytes of those written are recorded as durable now."""
        self._uncommitted -= size
        if self._uncommitted < TRIGGER:
            self._due.clear()
        self._judge()

    async def wait_open(self) -> None:
        """Return when the gate is open."""
        while self.shut:
            self._opened.clear()
            await self._opened.wait()

    async def wait_due(self, seconds: float) -> None:
        """Return when a checkpoint is due: enough bytes have come, or `seconds` have gone by."""
        try:
            async with asyncio.timeout(seconds):
                await self._due.wait()
        except TimeoutError:
            pass

    def close(self) -> None:
        """Drop the timer."""
        if self._timer is not None:
            self._timer.cancel()

    def _paid(self) -> None:
        self._owing = False
        self._judge()

    def _judge(self) -> None:
        self.shut = self._owing or self._uncommitted >= WINDOW
        if not self.shut:
            self._opened.set()
