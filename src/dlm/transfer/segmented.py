"""SegmentedDriver: turns any Source into the mover of a whole Resource.

    until every byte is done:
        start what the staffing wants: connections on free spans, on stolen shares, on what is fetched twice  [1]
        a connection ends: its lease goes back; what it failed with decides what follows                      [2]
        some times a second: measure, let the staffing judge, end what it gives up; report, at the end too            [3]

It promises that on return the SegmentMap is complete, and approved. It does not promise that anything is durable:
checkpoints, verification and publishing are the business of `life`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from dlm.model.address import host_of, without_credentials
from dlm.model.download import DownloadId, DownloadSpec
from dlm.model.error import DlmError, ServerBusy, TransferError, Verdict
from dlm.model.message import News, Progressed
from dlm.model.resource import Mirror, Resource
from dlm.model.span import Span
from dlm.model.value import dataclass
from dlm.policy.continuity import may_split, overlap_at
from dlm.policy.controller import Stage
from dlm.policy.meter import Standing
from dlm.policy.segments import UNBOUNDED, Lease, SegmentMap
from dlm.policy.speed import Speedometer
from dlm.policy.staffing import Staffing
from dlm.ports import Clock, Opening, Sink, Source
from dlm.transfer.connection import Connection
from dlm.transfer.gate import Gate
from dlm.transfer.learning import Lessons
from dlm.transfer.outlet import LeaseOutlet
from dlm.transfer.patience import Patience

TICK = 0.2
OPENING_TICK = 0.05
QUICK_TICK = 0.1
"""Seconds between two measurements while there is one connection, and while the number grows."""
SLACK = 0.01
REBUFFS = 2
"""Connections that may be lost without a byte while others are served, before no more are opened."""
LEVELS = frozenset({"total", "host", "download"})


@dataclass(frozen=True, slots=True)
class TransferContext:
    """What a Driver works with. `approve`, asked when all has come, frees what came wrong, and says whether nothing did."""

    spec: DownloadSpec
    gate: Gate
    clock: Clock
    patience: Patience
    digest_known: bool
    report: Callable[[News], None]
    approve: Callable[[], Awaitable[bool]]
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
        self._crowded_until = 0.0
        self._peace: TransferError | None = None
        self._judged = 0.0
        self._measured = 0.0
        self._idle: list[float] = []
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
        bound = context.spec.connections
        self._staffing = Staffing(segments, connections=bound, patience=context.spec.timeout, joins=splits)
        if self._opening is not None and (delays := self._opening.delays) is not None:
            self._staffing.opened(delays.trip, delays.connecting, delays.reply)
        self._speed = Speedometer(context.clock.monotonic(), segments.downloaded())
        self.joined = self.joined or segments.downloaded() > 0
        try:
            while not (segments.complete and await context.approve()):
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
        most = 1 if self._limited in LEVELS else None
        while now >= self._hold_until and (self._idle or now >= self._crowded_until):
            lease = self._staffing.next_lease(self._standings(now), most, self._idle[-1] if self._idle else None)
            if lease is None:
                return
            self._start(lease, now)

    def _standings(self, now: float) -> list[Standing]:
        return [each.standing(now) for each in self._connections.values()]

    def _start(self, lease: Lease, now: float) -> None:
        taken = {each.number for each in self._connections.values()}
        number = next(n for n in range(len(taken) + 1) if n not in taken)
        self._troubled = [span for span in self._troubled if not lease.start <= span.start < lease.stop]
        self._note = None
        opening, self._opening = self._opening, None
        asked = opening is None or lease.position > 0
        if opening is not None and not asked:
            outlet = LeaseOutlet(lease, self._sink, self._context.gate)
            pouring = opening.pour(outlet)
        else:
            self.joined = True
            overlap = overlap_at(self._resource, lease.position, digest_known=self._context.digest_known)
            outlet = LeaseOutlet(lease, self._sink, self._context.gate, overlap, number)
            span = Span(lease.position - overlap, lease.stop)
            pouring = self._source.fetch(self._resource, self._mirror, span, outlet, self._context.spec)
        speed = self._idle.pop() if asked and self._idle else None
        connection = Connection(number, lease, outlet, now, asked=asked, ready=speed is not None)
        connection.fetching = asyncio.ensure_future(connection.pour(pouring))
        self._connections[connection.fetching] = connection

    # [2] ---------------------------------------------------------------------------------------------------------------

    async def _wait(self) -> None:
        if self._connections:
            await asyncio.wait(self._connections, timeout=self._tick, return_when=asyncio.FIRST_COMPLETED)
        else:
            left = max(self._hold_until, self._crowded_until) - self._context.clock.monotonic()
            if self._peace is not None and not self._context.patience.bears(left):
                raise self._peace
            await self._context.clock.sleep(min(TICK, max(0.0, left)))

    def _settle_ended(self) -> None:
        for fetching in [each for each in self._connections if each.done()]:
            connection = self._connections.pop(fetching)
            if self._segments.size is None and not fetching.cancelled() and fetching.exception() is None:
                self._segments.settle(connection.lease.position)
            error = connection.error(without_credentials(self._mirror.uri), self._context.spec.timeout)
            self._segments.release(connection.lease)
            self._tell_end(connection, error)
            self._idle += connection.left_open(self._context.clock.monotonic(), error)
            if connection.progressed:
                self._failures = 0
            if error is not None:
                self._answer(connection, error)
        for connection in self._connections.values():
            if self._staffing.superseded(connection.lease):
                connection.give_up()

    def _tell_end(self, connection: Connection, error: BaseException | None) -> None:
        context = self._context
        now = context.clock.monotonic()
        context.report(connection.epitaph(context.id, host_of(self._mirror.uri), now, error))

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
        if connection.moved:
            self._staffing.controller.broken()
        self._failures += 0 if connection.progressed else 1
        spent = 0.0 if connection.progressed else self._context.clock.monotonic() - connection.began
        self._retry_or_raise(error, spent)

    def _yield_to_others(self, lease: Lease, error: TransferError) -> None:
        """The server serves the others, and would not have this one more, or lost it: they may take over its share."""
        for other in self._connections.values():
            other.outlet.flush()
            if other.lease.stop == lease.start:
                self._segments.extend(other.lease, other.reach)
        self._rebuffs += 1
        now, pause = self._context.clock.monotonic(), self._context.patience.moment()
        if error.verdict is not Verdict.RETRY or self._rebuffs >= REBUFFS:
            self._staffing.controller.refused(sum(other.moved > 0 for other in self._connections.values()))
            self.lessons.served(self._staffing.controller.ceiling)
            if isinstance(error, ServerBusy) and error.retry_after:
                self._peace = error
                self._hold_until = max(self._hold_until, now + error.retry_after)
        # Those that are served, and come to their end, may ask again.
        self._crowded_until = max(self._crowded_until, now + pause)

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

    @property
    def _tick(self) -> float:
        stage = self._staffing.controller.stage
        return OPENING_TICK if stage is Stage.OPENING else QUICK_TICK if stage is Stage.GROWING else TICK

    def _measure(self) -> None:
        now = self._context.clock.monotonic()
        if now - self._judged >= self._tick - SLACK:
            self._judge(now)
        if now - self._measured >= TICK - SLACK:
            self._look(now)

    def _judge(self, now: float) -> None:
        """Let the staffing see what has come."""
        self._judged = now
        self._limited = self._context.gate.sample()
        held = self._limited is not None or self._context.gate.shut
        for connection in self._connections.values():
            connection.outlet.flush()
            answered = connection.measure(now, held=held)
            if answered is not None:
                self._staffing.answered(answered, ready=connection.ready)
        limited = self._context.gate.limited
        ending = set(self._staffing.sample(now, self._standings(now), held=held, limited=limited))
        if self.lessons.connections is not None:
            self.lessons.served(self._staffing.controller.ceiling)
        for connection in self._connections.values():
            connection.watch(now, self._context.spec.timeout, held=held)
            if connection.lease in ending:
                connection.give_up()

    def _look(self, now: float) -> None:
        """One sample. The last one is taken when nothing moves any more, and right behind another has no speed of its own."""
        context, segments = self._context, self._segments
        downloaded = segments.downloaded()
        if now - self._measured >= TICK / 2:
            self._speed.sample(now, downloaded)
        self._measured = now
        for connection in self._connections.values():
            connection.speed.sample(now, connection.lease.position)
        remaining = None if segments.size is None else segments.size - downloaded
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
            ceiling=self._staffing.controller.target,
            refused=self.lessons.connections is not None,
        )
