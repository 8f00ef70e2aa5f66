"""One connection at work on one lease, as its driver sees it: its place, its speed, its silence."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from dlm.model.message import ConnectionView
from dlm.model.span import Span
from dlm.policy.segments import Lease
from dlm.policy.speed import Speedometer
from dlm.transfer.outlet import LeaseOutlet

LEAST_RATE = 1.0
"""Bytes a second below which a connection counts as silent. Not a speed limit: it only tells a drip from a stream."""
LEAST_PROGRESS = 16 * 1024
"""Bytes that a connection must have brought before it fell silent, or a server that drips would be retried for ever."""


class Connection:
    """A running fetch. `number` is a slot that is used again, so that screens can give it a colour."""

    def __init__(self, number: int, lease: Lease, outlet: LeaseOutlet, now: float) -> None:
        self.number = number
        self.began = now
        self.outlet = outlet
        self.reach = lease.stop
        """How far its reply goes, wherever a steal has moved the end of its lease."""
        self.lease = lease
        self.speed = Speedometer(now, lease.position)
        self.stalled = False
        self.fetching: asyncio.Future[None] | None = None
        self._origin = lease.position
        self._window = (now, lease.position)

    async def pour(self, pouring: Coroutine[Any, Any, None]) -> None:
        """Let the Source pour, and write what was gathered, however it ends: received bytes are never thrown away."""
        try:
            await pouring
        finally:
            self.outlet.flush()

    @property
    def progressed(self) -> bool:
        """Whether it brought enough not to count as a failure. One that was ended for silence must have brought more."""
        return self.moved >= (LEAST_PROGRESS if self.stalled else 1)

    @property
    def moved(self) -> int:
        """Bytes that this connection has brought."""
        return self.lease.position - self._origin

    def sample(self, now: float, patience: float, *, held: bool) -> None:
        """Measure. A window of `patience` seconds with next to nothing in it ends the fetch, as stalled.

        While dlm itself holds the transfer back (`held`), silence is no fault of the server's.
        """
        self.speed.sample(now, self.lease.position)
        since, position = self._window
        if held or self.lease.position - position >= LEAST_RATE * patience:
            self._window = (now, self.lease.position)
        elif now - since >= patience and self.fetching is not None:
            self.stalled = True
            self.fetching.cancel()

    def view(self) -> ConnectionView:
        """A frozen picture, for screens."""
        lease = self.lease
        return ConnectionView(self.number, Span(lease.start, lease.stop), lease.position, self.speed.smoothed)
