"""SegmentedDriver: turns any Sources into the mover of a whole Resource.

    until every byte is done:
        start what the staffings want: connections on free spans, on stolen shares, on what is fetched twice  [1]
        a connection ends: its lease goes back; what it failed with decides what follows                      [2]
        bytes that somebody should not have brought are forgotten, to be fetched again                        [3]
        some times a second: measure, let the staffings judge, end what they give up; report                  [4]

One SegmentMap, and one `Supplier` for each mirror. Who is faster comes back sooner for another share, so the fastest mirror
brings most. It promises that on return the SegmentMap is complete, and approved. It does not promise that anything is
durable: checkpoints, verification and publishing are the business of others.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dlm.model.error import TransferError
from dlm.model.message import Progressed
from dlm.model.span import Span, merge
from dlm.policy.hedging import Hedging
from dlm.policy.segments import UNBOUNDED, Lease, SegmentMap
from dlm.policy.speed import Speedometer
from dlm.ports import Sink
from dlm.transfer.backing import Backing
from dlm.transfer.connection import Connection
from dlm.transfer.supplier import TICK, Supplier, TransferContext

SLACK = 0.01
LEVELS = frozenset({"total", "host", "download"})


class SegmentedDriver:
    """Moves one Resource with up to `spec.connections` connections to all mirrors together. Used once."""

    def __init__(self, first: Supplier | None, backing: Backing | None = None) -> None:
        self._first = first
        self.backing = backing
        self.suppliers: list[Supplier] = []
        """Those that bytes may be fetched from, and those that have not let go yet."""
        self.veterans: list[Supplier] = []
        """All that have taken part."""
        self._lent = 0
        self._wanted = 0
        self._departed = 0
        self._stirred = asyncio.Event()
        self._tainted: list[Span] = []
        self._troubled: list[Span] = []
        self._judged = 0.0
        self._measured = 0.0
        self._limited: str | None = None
        self.joined = False
        """Whether more than one reply went into the file."""

    async def run(self, segments: SegmentMap, sink: Sink, context: TransferContext) -> None:
        """Fetch until `segments` is complete. Raises the error that ended it, when no retry and no mirror is left.

        However it ends, no connection is left and no byte is written any more.
        """
        self._segments, self._sink, self._context = segments, sink, context
        self._beside = asyncio.Semaphore(max(1, context.spec.connections // 4))
        self._hedging = Hedging(segments.size) if segments.size is not None else None
        if self._first is not None:
            self.add(self._first)
        self._speed = Speedometer(context.clock.monotonic(), segments.downloaded())
        self.joined = self.joined or segments.downloaded() > 0
        try:
            while not (segments.complete and await context.approve() and (not self.backing or await self.backing.confirm())):
                self._staff()
                await self._wait()
                self._settle_ended()
                self._cleanse()
                self._measure()
        finally:
            for supplier in self.suppliers:
                await supplier.dismiss()
            self._look(context.clock.monotonic())

    @property
    def living(self) -> list[Supplier]:
        """The mirrors that bytes are fetched from."""
        return [each for each in self.suppliers if not each.retired]

    def add(self, supplier: Supplier) -> None:
        """Fetch from this mirror as well, from now on."""
        supplier.begin(self._segments, self._sink, self._context, self._hedging)
        self.suppliers.append(supplier)
        self.veterans.append(supplier)
        self.stir()

    def stir(self) -> None:
        """Something has changed that the driver may be waiting for."""
        self._stirred.set()

    def turn_out(self, supplier: Supplier) -> None:
        """Use this mirror no more, and fetch all that it has brought again: it lies."""
        supplier.lied = True
        supplier.retire()
        self.forget(supplier.brought)

    def forget(self, spans: list[Span]) -> None:
        """Fetch these bytes again: they are wrong, or nobody vouches for them."""
        self._tainted = merge([*self._tainted, *spans])
        self._cleanse()
        self.stir()

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """One of the connections that are allowed, for a word beside the transfer; a quarter of them at once, at most."""
        async with self._beside:
            self._wanted += 1
            try:
                while self.living and len(self._connections()) + self._lent >= self._context.spec.connections:
                    self._make_room()
                    await self._context.clock.sleep(TICK)
            finally:
                self._wanted -= 1
            self._lent += 1
            try:
                yield
            finally:
                self._lent -= 1

    def _make_room(self) -> None:
        """Who has most gives the youngest one up, unless one is on its way out: nothing is lost by that but a request."""
        connections = self._connections()
        if connections and not any(each.given_up for each in connections):
            most = max(self.suppliers, key=lambda each: len(each.connections))
            max(most.connections.values(), key=lambda each: each.began).give_up()

    def _lose(self, supplier: Supplier, error: TransferError) -> None:
        """Go on without this mirror; raises `error` when there is no other."""
        others = [each for each in self.living if each is not supplier]
        if self.backing is None or not (others or self.backing.prospects):
            raise error
        supplier.retire()
        self.backing.lost(supplier, error)

    # [1] ---------------------------------------------------------------------------------------------------------------

    def _staff(self) -> None:
        """Start connections up to the targets, unless a server asked for patience.

        While our own limit holds the transfer back, those that are there are enough, and one that ends is not replaced.
        """
        now = self._context.clock.monotonic()
        most = 1 if self._limited in LEVELS else None
        asking = self.living
        while asking:
            for supplier in list(asking):
                lease = self._next_lease(supplier, now, most) if self._has_place(supplier, now) else None
                if lease is None:
                    asking.remove(supplier)
                else:
                    self._start(supplier, lease, now)

    def _next_lease(self, supplier: Supplier, now: float, most: int | None) -> Lease | None:
        others = [standing for each in self.suppliers if each is not supplier for standing in each.seen(now)]
        return supplier.next_lease(now, most, others)

    def _has_place(self, supplier: Supplier, now: float) -> bool:
        """Whether it may have one more of the connections that are allowed, of which each that asks has its share first."""
        living = self.living
        free = self._context.spec.connections - self._lent - min(1, self._wanted) - len(self._connections())
        fair = max(1, self._context.spec.connections // len(living))
        if len(supplier.connections) >= fair:
            others = (each for each in living if each is not supplier and now >= each.waits_until)
            free -= sum(max(0, min(fair, each.staffing.controller.target) - len(each.connections)) for each in others)
        return free > 0

    def _start(self, supplier: Supplier, lease: Lease, now: float) -> None:
        taken = {each.number for each in self._connections()}
        number = next(n for n in range(len(taken) + 1) if n not in taken)
        self._troubled = [span for span in self._troubled if not lease.start <= span.start < lease.stop]
        if supplier.start(lease, number, now):
            self.joined = True

    def _connections(self) -> list[Connection]:
        return [each for supplier in self.suppliers for each in supplier.connections.values()]

    # [2] ---------------------------------------------------------------------------------------------------------------

    async def _wait(self) -> None:
        now = self._context.clock.monotonic()
        for supplier in self.living:
            if (error := supplier.out_of_patience(now)) is not None:
                self._lose(supplier, error)
        fetching = [each for supplier in self.suppliers for each in supplier.connections]
        if fetching:
            tick = min((each.tick for each in self.living), default=TICK)
            await asyncio.wait(fetching, timeout=tick, return_when=asyncio.FIRST_COMPLETED)
        elif living := self.living:
            least = SLACK if self._lent or self._wanted else 0.0
            await self._context.clock.sleep(min(TICK, max(least, min(each.waits_until for each in living) - now)))
        else:
            await self._wait_for_another()

    async def _wait_for_another(self) -> None:
        """No mirror is left, and perhaps there will be one."""
        assert self.backing is not None
        if not self.backing.prospects:
            raise self.backing.failure
        self._stirred.clear()
        self.backing.looked()
        await self._stirred.wait()

    def _settle_ended(self) -> None:
        for supplier, over in [(each, over) for each in self.suppliers for over in each.connections if over.done()]:
            connection, error = supplier.settle(over)
            if supplier.lied:
                self._tainted = merge([*self._tainted, Span(connection.lease.start, connection.lease.position)])
            if error is None:
                continue
            self._trouble(connection, error)
            if supplier.retired and isinstance(error, TransferError):
                continue
            try:
                supplier.answer(connection, error)
            except TransferError as final:
                self._lose(supplier, final)
        for supplier in self.suppliers:
            supplier.end_superseded()
        self._departed += sum(each.moved for each in self.suppliers if each.retired and not each.connections)
        self.suppliers = [each for each in self.suppliers if each.connections or not each.retired]

    def _trouble(self, connection: Connection, error: BaseException) -> None:
        lease = connection.lease
        if isinstance(error, TransferError) and lease.stop < UNBOUNDED and lease.remaining:
            self._troubled.append(Span(lease.position, lease.stop))

    # [3] ---------------------------------------------------------------------------------------------------------------

    def _cleanse(self) -> None:
        """Forget what is tainted, once nobody holds a lease that has written there; who does has to let go of it."""
        if not self._tainted:
            return
        holders = [each for each in self._connections() if each.has_written(self._tainted)]
        for each in holders:
            each.give_up()
        if not holders:
            spans, self._tainted = self._tainted, []
            self._segments.forget(spans)
            if self.backing is not None:
                self.backing.forgot(spans)

    # [4] ---------------------------------------------------------------------------------------------------------------

    def _measure(self) -> None:
        now = self._context.clock.monotonic()
        tick = min((each.tick for each in self.living), default=TICK)
        if now - self._judged >= tick - SLACK:
            self._judge(now)
        if now - self._measured >= TICK - SLACK:
            self._look(now)
            if self.backing is not None:
                self.backing.looked()

    def _judge(self, now: float) -> None:
        """Let the staffings see what has come."""
        self._judged = now
        self._limited = self._context.gate.sample()
        held = self._limited is not None or self._context.gate.shut
        speeds = {each: sum(one.speed for one in each.standings(now)) for each in self.suppliers}
        whole, brought = sum(speeds.values()), self._departed + sum(each.moved for each in self.suppliers)
        for supplier in self.suppliers:
            share = speeds[supplier] / whole if speeds[supplier] else 1.0
            elsewhere, accompanied = brought - supplier.moved, whole > speeds[supplier]
            supplier.judge(now, held=held, elsewhere=elsewhere, share=share, accompanied=accompanied)

    def _look(self, now: float) -> None:
        """One sample. The last one is taken when nothing moves any more, and right behind another has no speed of its own."""
        context, segments = self._context, self._segments
        downloaded = segments.downloaded()
        if now - self._measured >= TICK / 2:
            self._speed.sample(now, downloaded)
        self._measured = now
        for connection in self._connections():
            connection.speed.sample(now, connection.lease.position)
        context.report(self._progress(downloaded, None if segments.size is None else segments.size - downloaded))

    def _progress(self, downloaded: int, remaining: int | None) -> Progressed:
        living = self.living
        return Progressed(
            id=self._context.id,
            total=self._segments.size,
            downloaded=downloaded,
            instantaneous_speed=self._speed.instantaneous,
            smoothed_speed=self._speed.smoothed,
            eta=self._speed.eta(remaining),
            connections=tuple(each.view() for each in self._connections()),
            done=tuple(self._segments.done()),
            troubled=tuple(self._troubled),
            note=next((each.note for each in living if each.note), None),
            limited=self._limited,
            ceiling=sum(each.staffing.controller.target for each in living),
            refused=any(each.lessons.connections is not None for each in living),
        )
