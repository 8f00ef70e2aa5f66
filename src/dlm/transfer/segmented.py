"""SegmentedDriver: turns any Source into the mover of a whole Resource.

    until every byte is done:
        start what the staffing wants: connections on free spans, on stolen shares, on what is fetched twice  [1]
        a connection ends: its lease goes back; what it failed with decides what follows                      [2]
        some times a second: measure, let the staffing judge, end what it gives up; report, and once more
        at the end                                                                                            [3]

It promises that on return the SegmentMap is complete. It does not promise that anything is durable, nor that the
bytes are the right ones: checkpoints, verification and publishing are the business of `life`.
"""

from __future__ import annotations

import asyncio

from dlm.model.error import TransferError
from dlm.model.message import Progressed
from dlm.model.resource import Mirror, Resource
from dlm.model.span import Span
from dlm.policy.segments import UNBOUNDED, Lease, SegmentMap
from dlm.policy.speed import Speedometer
from dlm.ports import Opening, Sink, Source
from dlm.transfer.connection import Connection
from dlm.transfer.learning import Lessons
from dlm.transfer.supplier import TICK, Supplier, TransferContext

SLACK = 0.01
LEVELS = frozenset({"total", "host", "download"})


class SegmentedDriver:
    """Moves one Resource with up to `spec.connections` connections of one Source. Used once."""

    def __init__(self, source: Source, mirror: Mirror, resource: Resource, opening: Opening | None = None) -> None:
        self._supplier = Supplier(source, mirror, resource, opening)
        self._troubled: list[Span] = []
        self._judged = 0.0
        self._measured = 0.0
        self._limited: str | None = None
        self.joined = False
        """Whether more than one reply went into the file."""

    @property
    def lessons(self) -> Lessons:
        """What its host has shown."""
        return self._supplier.lessons

    async def run(self, segments: SegmentMap, sink: Sink, context: TransferContext) -> None:
        """Fetch until `segments` is complete. Raises the error that ended it, when no retry is left.

        However it ends, no connection is left and no byte is written any more.
        """
        self._segments, self._context = segments, context
        self._supplier.begin(segments, sink, context)
        self._speed = Speedometer(context.clock.monotonic(), segments.downloaded())
        self.joined = self.joined or segments.downloaded() > 0
        try:
            while not segments.complete:
                self._staff()
                await self._wait()
                self._settle_ended()
                self._measure()
        finally:
            await self._supplier.dismiss()
            self._look(context.clock.monotonic())

    # [1] ---------------------------------------------------------------------------------------------------------------

    def _staff(self) -> None:
        """Start connections up to the target, unless the server asked for patience.

        While our own limit holds the transfer back, those that are there are enough, and one that ends is not replaced.
        """
        now = self._context.clock.monotonic()
        most = 1 if self._limited in LEVELS else None
        while (lease := self._supplier.next_lease(now, most)) is not None:
            self._start(lease, now)

    def _start(self, lease: Lease, now: float) -> None:
        taken = {each.number for each in self._supplier.connections.values()}
        number = next(n for n in range(len(taken) + 1) if n not in taken)
        self._troubled = [span for span in self._troubled if not lease.start <= span.start < lease.stop]
        if self._supplier.start(lease, number, now):
            self.joined = True

    # [2] ---------------------------------------------------------------------------------------------------------------

    async def _wait(self) -> None:
        connections, now = self._supplier.connections, self._context.clock.monotonic()
        if connections:
            await asyncio.wait(connections, timeout=self._supplier.tick, return_when=asyncio.FIRST_COMPLETED)
        else:
            if (error := self._supplier.out_of_patience(now)) is not None:
                raise error
            await self._context.clock.sleep(min(TICK, max(0.0, self._supplier.waits_until - now)))

    def _settle_ended(self) -> None:
        for fetching in self._supplier.ended():
            connection, error = self._supplier.settle(fetching)
            if error is not None:
                self._trouble(connection, error)
                self._supplier.answer(connection, error)
        for connection in self._supplier.connections.values():
            if self._supplier.staffing.superseded(connection.lease):
                connection.give_up()

    def _trouble(self, connection: Connection, error: BaseException) -> None:
        lease = connection.lease
        if isinstance(error, TransferError) and lease.stop < UNBOUNDED and lease.remaining:
            self._troubled.append(Span(lease.position, lease.stop))

    # [3] ---------------------------------------------------------------------------------------------------------------

    def _measure(self) -> None:
        now = self._context.clock.monotonic()
        if now - self._judged >= self._supplier.tick - SLACK:
            self._judge(now)
        if now - self._measured >= TICK - SLACK:
            self._look(now)

    def _judge(self, now: float) -> None:
        """Let the staffing see what has come."""
        self._judged = now
        self._limited = self._context.gate.sample()
        self._supplier.judge(now, held=self._limited is not None or self._context.gate.shut)

    def _look(self, now: float) -> None:
        """One sample. The last one is taken when nothing moves any more, and right behind another has no speed of its own."""
        context, segments = self._context, self._segments
        downloaded = segments.downloaded()
        if now - self._measured >= TICK / 2:
            self._speed.sample(now, downloaded)
        self._measured = now
        for connection in self._supplier.connections.values():
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
            connections=tuple(each.view() for each in self._supplier.connections.values()),
            done=tuple(self._segments.done()),
            troubled=tuple(self._troubled),
            note=self._supplier.note,
            limited=self._limited,
            ceiling=self._supplier.staffing.controller.target,
            refused=self.lessons.connections is not None,
        )
