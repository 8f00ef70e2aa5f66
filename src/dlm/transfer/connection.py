"""One connection at work on one lease, as its driver sees it: its place, its speed, its silence."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from dlm.model.download import DownloadId
from dlm.model.error import DlmError, StorageError, TimedOut, Truncated
from dlm.model.message import ConnectionEnded, ConnectionView
from dlm.model.span import Span, subtract, total
from dlm.policy.meter import Meter, Standing
from dlm.policy.segments import Lease
from dlm.policy.speed import Speedometer
from dlm.transfer.outlet import LeaseOutlet

LEAST_RATE = 1.0
"""Bytes a second below which a connection counts as silent. Not a speed limit: it only tells a drip from a stream."""
LEAST_PROGRESS = 16 * 1024
"""Bytes that a connection must have brought before it fell silent, or a server that drips would be retried for ever."""


class Connection:
    """A running fetch. `number` is a slot that is used again, so that screens can give it a colour."""

    def __init__(
        self, number: int, lease: Lease, outlet: LeaseOutlet, now: float, *, asked: bool = True, ready: bool = False
    ) -> None:
        """`asked`: its request is made now; else its reply is there already. `ready`: it has been open before, it seems."""
        self.number = number
        self.began = now
        self.asked = asked
        self.ready = ready
        self.outlet = outlet
        self.reach = lease.stop
        """How far its reply goes, wherever a steal has moved the end of its lease."""
        self.lease = lease
        self.speed = Speedometer(now, lease.position)
        self.meter = Meter(now, lease.position)
        self.stalled = False
        self.given_up = False
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

    def has_written(self, spans: Sequence[Span]) -> bool:
        """Whether it has brought any of these bytes; `spans` is sorted and disjoint."""
        written = Span(self.lease.start, self.lease.position)
        return total(subtract(written, spans)) < written.size

    def measure(self, now: float, *, held: bool) -> float | None:
        """Measure, and give the seconds to the first byte, once, when that has come for a request that was made here."""
        before = self.meter.first_byte
        if self.outlet.answered is not None:
            self.meter.answered(self.outlet.answered)
        self.meter.sample(now, self.lease.position, held=held)
        return self.meter.first_byte if before is None and self.asked else None

    def left_open(self, now: float, error: BaseException | None) -> list[float]:
        """Its speed, when it has come to the end of what it had asked for: then it is kept, for another request."""
        if error is not None or self.given_up or not self.moved or self.lease.position < self.reach:
            return []
        self.measure(now, held=False)
        standing = self.standing(now)
        return [standing.speed if standing.known else self.moved / max(now - self.began, 0.001)]

    def watch(self, now: float, patience: float, *, held: bool) -> None:
        """A window of `patience` seconds with next to nothing in it ends the fetch, as stalled.

        While dlm itself holds the transfer back (`held`), silence is no fault of the server's.
        """
        since, position = self._window
        if held or self.lease.position - position >= LEAST_RATE * patience:
            self._window = (now, self.lease.position)
        elif now - since >= patience and self.fetching is not None:
            self.stalled = True
            self.fetching.cancel()

    def standing(self, now: float) -> Standing:
        """How it stands, for those who decide."""
        return self.meter.standing(now, self.lease)

    def give_up(self) -> None:
        """End it, though it has not failed: others do its work better, or have done it."""
        if self.fetching is not None:
            self.given_up = True
            self.fetching.cancel()

    def error(self, uri: str, patience: float) -> BaseException | None:
        """What it has ended with, once it has. That it was given up is no error."""
        assert self.fetching is not None
        raised = None if self.fetching.cancelled() else self.fetching.exception()
        if self.stalled:
            return TimedOut(f"nothing came from {uri} for {patience:g} s", uri=uri)
        if self.given_up:
            return raised if isinstance(raised, StorageError) else None
        if self.fetching.cancelled():
            return asyncio.CancelledError()
        if raised is None and self.lease.remaining and not self.moved:
            return Truncated(f"{uri} ended its reply without a byte of what was asked for", uri=uri)
        return raised

    def epitaph(self, id: DownloadId, host: str, now: float, error: BaseException | None) -> ConnectionEnded:
        """What is to be told of it."""
        sentence = None
        if error is not None and not isinstance(error, asyncio.CancelledError):
            # Of a foreign error nobody knows what its text holds.
            sentence = str(error) if isinstance(error, DlmError) else type(error).__name__
        return ConnectionEnded(id, self.number, host, self.moved, now - self.began, sentence)

    def view(self) -> ConnectionView:
        """A frozen picture, for screens."""
        lease = self.lease
        return ConnectionView(self.number, Span(lease.start, lease.stop), lease.position, self.speed.smoothed)
