"""SegmentedDriver: turns any Source into the mover of a whole Resource.

    until every byte is done:
        as many connections as the ramp allows, each on a free span, or on a share stolen from the slowest   [1]
        a connection ends: its lease goes back; what it failed with decides what follows                     [2]
        five times a second: measure, notice silence, report; and once at the end                            [3]

It promises that on return the SegmentMap is complete. It does not promise that anything is durable, nor that the
bytes are the right ones: checkpoints, verification and publishing are the business of `life`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from dlm.model.address import host_of, without_credentials
from dlm.model.download import DownloadId, DownloadSpec
from dlm.model.error import DlmError, ServerBusy, TimedOut, TransferError, Truncated, Verdict
from dlm.model.message import ConnectionEnded, News, Progressed
from dlm.model.resource import Mirror, Resource
from dlm.model.span import Span
from dlm.policy.continuity import may_split, overlap_at
from dlm.policy.ramp import Ramp
from dlm.policy.segments import UNBOUNDED, Lease, SegmentMap
from dlm.policy.speed import Speedometer
from dlm.policy.stealing import Standing, choose_cut
from dlm.ports import Clock, Opening, Sink, Source
from dlm.transfer.connection import Connection
from dlm.transfer.gate import Gate
from dlm.transfer.learning import Lessons
from dlm.transfer.outlet import LeaseOutlet
from dlm.transfer.patience import Patience

TICK = 0.2
REBUFFS = 2
"""Connections that may be lost without a byte while others are served, before no more are opened."""
LEVELS = frozenset({"total", "host", "download"})
REQUEST_COST = 0.2
"""Seconds assumed from a request to its first byte, before a connection has shown what it takes."""


@dataclass(frozen=True, slots=True)
class TransferContext:
    """What a Driver works with, beside the Resource and its Sink."""

    spec: DownloadSpec
    gate: Gate
    clock: Clock
    patience: Patience
    digest_known: bool
    report: Callable[[News], None]
    id: DownloadId


class SegmentedDriver:
    """Moves one Resource with up to `spec.connections` connections of one Source. Used once."""

    def __init__(self, source: Source, mirror: Mirror, opening: Opening | None = None) -> None:
        self._source = source
        self._mirror = mirror
        self._opening = opening
        self._connections: dict[asyncio.Future[None], Connection] = {}
        self._troubled: list[Span] = []
        self._failures = 0
        self._rebuffs = 0
        self._hold_until = 0.0
        self._measured = 0.0
        self._note: str | None = None
        self._limited: str | None = None
        self.joined = False
        """Whether more than one reply went into the file."""
        self.lessons = Lessons()

    async def run(self, resource: Resource, segments: SegmentMap, sink: Sink, context: TransferContext) -> None:
        """Fetch until `segments` is complete. Raises the error that ended it, when no retry is left.

        However it ends, no connection is left and no byte is written any more.
        """
        self._resource, self._segments, self._sink, self._context = resource, segments, sink, context
        splits = may_split(resource, digest_known=context.digest_known) and not context.spec.streams_out
        self._ramp = Ramp(context.spec.connections if splits else 1)
        self._speed = Speedometer(context.clock.monotonic(), segments.downloaded())
        self.joined = self.joined or segments.downloaded() > 0
        try:
            while not segments.complete:
                self._staff()
                await self._wait()
                self._settle_ended()
                self._measure()
        finally:
            await self._dismiss()
            self._look(context.clock.monotonic())

    # [1] ---------------------------------------------------------------------------------------------------------------

    def _staff(self) -> None:
        """Start connections up to the target, unless the server asked for patience.

        While our own limit holds the transfer back, those that are there are enough, and one that ends is not replaced.
        """
        now = self._context.clock.monotonic()
        target = 1 if self._limited in LEVELS else self._ramp.target
        while len(self._connections) < target and now >= self._hold_until:
            lease = self._segments.claim() or self._steal()
            if lease is None:
                return
            self._start(lease, now)

    def _steal(self) -> Lease | None:
        standings = [Standing(each.lease, each.speed.smoothed) for each in self._connections.values()]
        cut = choose_cut(standings, 0.0, REQUEST_COST)
        return None if cut is None else self._segments.steal(cut.victim, cut.at)

    def _start(self, lease: Lease, now: float) -> None:
        taken = {each.number for each in self._connections.values()}
        number = next(n for n in range(len(taken) + 1) if n not in taken)
        self._troubled = [span for span in self._troubled if not lease.start <= span.start < lease.stop]
        self._note = None
        opening, self._opening = self._opening, None
        if opening is not None and lease.position == 0:
            outlet = LeaseOutlet(lease, self._sink, self._context.gate)
            pouring = opening.pour(outlet)
        else:
            self.joined = True
            overlap = overlap_at(self._resource, lease.position, digest_known=self._context.digest_known)
            outlet = LeaseOutlet(lease, self._sink, self._context.gate, overlap)
            span = Span(lease.position - overlap, lease.stop)
            pouring = self._source.fetch(self._resource, self._mirror, span, outlet, self._context.spec)
        connection = Connection(number, lease, outlet, now)
        connection.fetching = asyncio.ensure_future(connection.pour(pouring))
        self._connections[connection.fetching] = connection

    # [2] ---------------------------------------------------------------------------------------------------------------

    async def _wait(self) -> None:
        if self._connections:
            await asyncio.wait(self._connections, timeout=TICK, return_when=asyncio.FIRST_COMPLETED)
        else:
            left = self._hold_until - self._context.clock.monotonic()
            await self._context.clock.sleep(min(TICK, max(0.0, left)))

    def _settle_ended(self) -> None:
        for fetching in [each for each in self._connections if each.done()]:
            connection = self._connections.pop(fetching)
            ended_well = not fetching.cancelled() and fetching.exception() is None
            if self._segments.size is None and ended_well:
                self._segments.settle(connection.lease.position)
            error = self._error_of(connection, fetching)
            self._segments.release(connection.lease)
            self._tell_end(connection, error)
            if connection.progressed:
                self._failures = 0
            if error is not None:
                self._answer(connection, error)

    def _error_of(self, connection: Connection, fetching: asyncio.Future[None]) -> BaseException | None:
        shown = without_credentials(self._mirror.uri)
        if connection.stalled:
            return TimedOut(f"nothing came from {shown} for {self._context.spec.timeout:g} s", uri=shown)
        if fetching.cancelled():
            return asyncio.CancelledError()
        if fetching.exception() is None and connection.lease.remaining and not connection.moved:
            return Truncated(f"{shown} ended its reply without a byte of what was asked for", uri=shown)
        return fetching.exception()

    def _tell_end(self, connection: Connection, error: BaseException | None) -> None:
        sentence = None
        if error is not None and not isinstance(error, asyncio.CancelledError):
            # Of a foreign error nobody knows what its text holds.
            sentence = str(error) if isinstance(error, DlmError) else type(error).__name__
        self._context.report(
            ConnectionEnded(
                id=self._context.id,
                number=connection.number,
                host=host_of(self._mirror.uri),
                bytes=connection.moved,
                elapsed=self._context.clock.monotonic() - connection.began,
                error=sentence,
            )
        )

    def _answer(self, connection: Connection, error: BaseException) -> None:
        """Decide what an ended connection means: wait and go on, do with fewer, or raise."""
        if not isinstance(error, TransferError):
            raise error
        self.lessons.heard(error, self._context.clock.monotonic())
        lease = connection.lease
        if lease.stop < UNBOUNDED and lease.remaining:
            self._troubled.append(Span(lease.position, lease.stop))
        others = len(self._connections)
        if others and not connection.moved and error.verdict is not Verdict.RESTART:
            self._yield_to_others(lease, error)
            return
        if error.verdict is Verdict.NEXT_MIRROR and self._mirror.resolved is not None:
            # The address that redirects led to has expired: follow them again from the start, once.
            self._mirror = Mirror(self._mirror.uri)
            return
        if not self._resource.ranged:
            # The next reply would begin at byte 0 again, so nothing that is there can be kept.
            raise error
        self._failures += 0 if connection.progressed else 1
        spent = 0.0 if connection.progressed else self._context.clock.monotonic() - connection.began
        self._retry_or_raise(error, spent)

    def _yield_to_others(self, lease: Lease, error: TransferError) -> None:
        """The server serves the others, and would not have this one more, or lost it: they may take over its share."""
        for other in self._connections.values():
            if other.lease.stop == lease.start:
                self._segments.extend(other.lease, other.reach)
        self._rebuffs += 1
        if error.verdict is not Verdict.RETRY or self._rebuffs >= REBUFFS:
            self._ramp.refused(len(self._connections))
            self.lessons.served(self._ramp.ceiling)
        else:
            self._hold_until = self._context.clock.monotonic() + self._context.patience.moment()

    def _retry_or_raise(self, error: DlmError, spent: float) -> None:
        pause = self._context.patience.pause(error, self._failures, spent)
        if pause is None:
            raise error
        self._hold_until = self._context.clock.monotonic() + pause
        if isinstance(error, ServerBusy) or not self._connections:
            self._note = f"{error}; trying again in {pause:.0f} s" if pause >= 1 else str(error)

    async def _dismiss(self) -> None:
        for fetching in self._connections:
            fetching.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        for fetching, connection in self._connections.items():
            self._segments.release(connection.lease)
            self._tell_end(connection, None if fetching.cancelled() else fetching.exception())
        self._connections.clear()
        if self._opening is not None:
            await self._opening.close()

    # [3] ---------------------------------------------------------------------------------------------------------------

    def _measure(self) -> None:
        now = self._context.clock.monotonic()
        if now - self._measured >= TICK:
            for connection in self._connections.values():
                connection.outlet.flush()
            self._look(now)

    def _look(self, now: float) -> None:
        """One sample. The last one is taken when nothing moves any more, and right behind another has no speed of its own."""
        context, segments = self._context, self._segments
        downloaded = segments.downloaded()
        if now - self._measured >= TICK / 2:
            self._speed.sample(now, downloaded)
        self._measured = now
        self._limited = context.gate.sample()
        held = self._limited is not None or context.gate.shut
        for connection in self._connections.values():
            connection.sample(now, context.spec.timeout, held=held)
        remaining = None if segments.size is None else segments.size - downloaded
        self._ramp.sample(now, downloaded, len(self._connections), remaining, limited=held)
        context.report(self._progress(downloaded, remaining))

    def _progress(self, downloaded: int, remaining: int | None) -> Progressed:
        return Progressed(
            id=self._context.id,
            total=self._segments.size,
            downloaded=downloaded,
            instantaneous_speed=self._speed.instantaneous,
            smoothed_speed=self._speed.smoothed,
            eta=self._speed.eta(remaining),
            connections=tuple(each.view() for each in self._connections.values()),
            done=tuple(self._segments.done()),
            troubled=tuple(self._troubled),
            note=self._note,
            limited=self._limited,
            ceiling=self._ramp.target,
            refused=self.lessons.connections is not None,
        )
