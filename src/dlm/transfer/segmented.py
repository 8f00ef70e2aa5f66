"""SegmentedDriver: turns any Source into the mover of a whole Resource.

    until every byte is done:
        as many connections as the ramp allows, each on a free span, or on a share stolen from the slowest   [1]
        a connection ends: its lease goes back; what it failed with decides what follows                     [2]
        five times a second: measure, notice silence, report                                                 [3]

It promises that on return the SegmentMap is complete. It does not promise that anything is durable, nor that the
bytes are the right ones: checkpoints, verification and publishing are the business of `life`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from dlm.model.download import DownloadId, DownloadSpec, without_credentials
from dlm.model.error import DlmError, ServerBusy, TimedOut, TransferError, Truncated, Verdict
from dlm.model.message import Progressed
from dlm.model.resource import Mirror, Resource
from dlm.model.span import Span
from dlm.policy.continuity import may_split, overlap_at
from dlm.policy.ramp import Ramp
from dlm.policy.retry import pause_before_retry
from dlm.policy.segments import UNBOUNDED, Lease, SegmentMap
from dlm.policy.speed import Speedometer
from dlm.policy.stealing import Standing, choose_cut
from dlm.ports import Clock, Opening, Sink, Source
from dlm.transfer.connection import Connection
from dlm.transfer.gate import Gate
from dlm.transfer.outlet import LeaseOutlet

TICK = 0.2
REBUFFS = 2
"""Connections that may be lost without a byte while others are served, before no more are opened."""
REQUEST_COST = 0.2
"""Seconds assumed from a request to its first byte, before a connection has shown what it takes."""


@dataclass(frozen=True, slots=True)
class TransferContext:
    """What a Driver works with, beside the Resource and its Sink."""

    spec: DownloadSpec
    gate: Gate
    clock: Clock
    random: Random
    digest_known: bool
    report: Callable[[Progressed], None]
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
        self.joined = False
        """Whether more than one reply went into the file."""
        self.refused = False
        """Whether the server would not serve as many connections as were opened."""

    @property
    def ceiling(self) -> int:
        """As many connections as the server was found to serve."""
        return self._ramp.ceiling

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

    # [1] ---------------------------------------------------------------------------------------------------------------

    def _staff(self) -> None:
        """Start connections up to the target, unless the server asked for patience."""
        now = self._context.clock.monotonic()
        while len(self._connections) < self._ramp.target and now >= self._hold_until:
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
            left = connection.lease.remaining
            self._segments.release(connection.lease)
            if connection.progressed:
                self._failures = 0
            if not (ended_well and (left == 0 or connection.moved)):
                self._answer(connection, self._error_of(connection, fetching))

    def _error_of(self, connection: Connection, fetching: asyncio.Future[None]) -> BaseException:
        shown = without_credentials(self._mirror.uri)
        if connection.stalled:
            return TimedOut(f"nothing came from {shown} for {self._context.spec.timeout:g} s", uri=shown)
        if fetching.cancelled():
            return asyncio.CancelledError()
        return fetching.exception() or Truncated(f"{shown} ended its reply without a byte of what was asked for", uri=shown)

    def _answer(self, connection: Connection, error: BaseException) -> None:
        """Decide what an ended connection means: wait and go on, do with fewer, or raise."""
        if not isinstance(error, TransferError):
            raise error
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
        self._retry_or_raise(error)

    def _yield_to_others(self, lease: Lease, error: TransferError) -> None:
        """The server serves the others, and would not have this one more, or lost it: they may take over its share."""
        for other in self._connections.values():
            if other.lease.stop == lease.start:
                self._segments.extend(other.lease, other.reach)
        self._rebuffs += 1
        if error.verdict is not Verdict.RETRY or self._rebuffs >= REBUFFS:
            self._ramp.refused(len(self._connections))
            self.refused = True
        else:
            self._hold_until = self._context.clock.monotonic() + self._context.random.random()

    def _retry_or_raise(self, error: DlmError) -> None:
        context = self._context
        pause = pause_before_retry(error, self._failures, context.spec.retries, context.random.random())
        if pause is None:
            raise error
        self._hold_until = context.clock.monotonic() + pause
        if isinstance(error, ServerBusy) or not self._connections:
            self._note = f"{error}; trying again in {pause:.0f} s" if pause >= 1 else str(error)

    async def _dismiss(self) -> None:
        for fetching in self._connections:
            fetching.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        for connection in self._connections.values():
            self._segments.release(connection.lease)
        self._connections.clear()
        if self._opening is not None:
            await self._opening.close()

    # [3] ---------------------------------------------------------------------------------------------------------------

    def _measure(self) -> None:
        now, context, segments = self._context.clock.monotonic(), self._context, self._segments
        if now - self._measured < TICK and not segments.complete:
            return
        self._measured = now
        for connection in self._connections.values():
            connection.outlet.flush()
        downloaded = segments.downloaded()
        self._speed.sample(now, downloaded)
        for connection in self._connections.values():
            connection.sample(now, context.spec.timeout, held=context.gate.shut)
        remaining = None if segments.size is None else segments.size - downloaded
        active = len(self._connections)
        self._ramp.sample(now, downloaded, active, remaining, limited=context.gate.held)
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
        )
