"""One mirror at work: its Source, what it said of the file, its connections, and what their ends mean for it.

Whatever is known of one host belongs here: how many connections pay, what a request costs, how long it wants to be left in
peace. The bytes that are to be fetched, and who else fetches them, are the driver's business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from dlm.model.address import host_of, without_credentials
from dlm.model.download import DownloadId, DownloadSpec
from dlm.model.error import DlmError, ServerBusy, TransferError, Verdict
from dlm.model.message import News
from dlm.model.resource import Mirror, Resource
from dlm.model.span import Span, grounded, merge, total
from dlm.model.value import dataclass
from dlm.policy.continuity import may_split, overlap_at
from dlm.policy.controller import Stage
from dlm.policy.hedging import Hedging
from dlm.policy.meter import Standing
from dlm.policy.segments import Lease, SegmentMap
from dlm.policy.staffing import Staffing
from dlm.ports import Clock, Delays, Opening, Sink, Source
from dlm.transfer.connection import Connection
from dlm.transfer.gate import Gate
from dlm.transfer.learning import Lessons
from dlm.transfer.outlet import LeaseOutlet
from dlm.transfer.patience import Patience

TICK = 0.2
OPENING_TICK = 0.05
QUICK_TICK = 0.1
"""Seconds between two measurements while there is one connection, and while the number grows."""
SILENCE = 2.0
"""Seconds without a byte from a mirror as a whole after which it loses its leases, while other mirrors go on."""
REST = 5.0
"""Seconds until it is asked again."""
REBUFFS = 2
"""Connections that may be lost without a byte while others are served, before no more are opened."""


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


class Supplier:
    """A mirror that bytes are fetched from, with up to `spec.connections` connections of one Source."""

    def __init__(
        self,
        source: Source,
        mirror: Mirror,
        resource: Resource,
        spec: DownloadSpec,
        *,
        opening: Opening | None = None,
        delays: Delays | None = None,
    ) -> None:
        """`resource` is what this mirror says of the file, `spec` what it may be shown, and how many connections it gets at
        most; `delays` is what its first reply took, `opening` that reply where it goes on."""
        self.source = source
        self.mirror = mirror
        self.resource = resource
        self.spec = spec
        self.retired = False
        """Whether no more is fetched from it: then its connections end one by one."""
        self.lied = False
        self.reference = False
        """Whether it is the one that all others are compared with."""
        self.brought: list[Span] = []
        """What its connections that are over have written."""
        self.own: list[Span] = []
        """What of that nobody else has written as well."""
        self.connections: dict[asyncio.Future[None], Connection] = {}
        self.lessons = Lessons()
        self.note: str | None = None
        """What it waits for, when it does."""
        self._opening = opening
        self._delays = opening.delays if opening is not None else delays
        self._failures = 0
        self._rebuffs = 0
        self._hold_until = 0.0
        self._crowded_until = 0.0
        self._peace: TransferError | None = None
        self._idle: list[float] = []

    def begin(self, segments: SegmentMap, sink: Sink, context: TransferContext, hedging: Hedging | None = None) -> None:
        """Fetch for this run from now on. `hedging` is that of all mirrors."""
        self._segments, self._sink, self._context = segments, sink, context
        self._splits = may_split(self.resource, digest_known=context.digest_known) and not context.spec.streams_out
        most, patience = self.spec.connections, self.spec.timeout
        self.staffing = Staffing(segments, connections=most, patience=patience, joins=self._splits, hedging=hedging)
        if (delays := self._delays) is not None:
            self.staffing.opened(delays.trip, delays.connecting, delays.reply)

    # starting ----------------------------------------------------------------------------------------------------------

    @property
    def waits_until(self) -> float:
        """When another connection may be started, if it has none, in monotonic seconds."""
        return max(self._hold_until, self._crowded_until)

    @property
    def tick(self) -> float:
        """Seconds between two measurements."""
        stage = self.staffing.controller.stage
        return OPENING_TICK if stage is Stage.OPENING else QUICK_TICK if stage is Stage.GROWING else TICK

    def out_of_patience(self, now: float) -> TransferError | None:
        """What it asked for peace with, if it has no connection and we do not bear to wait for so long."""
        if self.connections or self._peace is None or self._context.patience.bears(self.waits_until - now):
            return None
        return self._peace

    def standings(self, now: float) -> list[Standing]:
        """How its connections stand."""
        return [each.standing(now) for each in self.connections.values()]

    @property
    def moved(self) -> int:
        """Bytes that it has brought."""
        return total(self.brought) + sum(each.moved for each in self.connections.values())

    def seen(self, now: float) -> list[Standing]:
        """How its connections stand, for those who know another host only."""
        newcomer = self.staffing.newcomer
        return [each.seen(newcomer) for each in self.standings(now)]

    def next_lease(self, now: float, most: int | None, others: Sequence[Standing] = ()) -> Lease | None:
        """The bytes for one more connection; `None` when it wants none, or was asked for patience. `others` are connections
        to other mirrors."""
        if now < self._hold_until or (not self._idle and now < self._crowded_until):
            return None
        if not self._splits:
            # Its next reply has to be compared with what lies before it.
            gap = next(iter(self._segments.free()), None)
            if gap is None or (gap.start and not grounded(self._segments.done(), gap.start)):
                return None
        return self.staffing.next_lease(self.standings(now), most, self._idle[-1] if self._idle else None, others)

    def start(self, lease: Lease, number: int, now: float) -> bool:
        """Start a connection on `lease`. Says whether that asks for a reply of its own."""
        self.note = None
        opening, self._opening = self._opening, None
        asked = opening is None or lease.position > 0
        gate = self._context.gate
        if opening is not None and not asked:
            outlet = LeaseOutlet(lease, self._sink, gate)
            pouring = opening.pour(outlet)
        else:
            ground = grounded(self._segments.done(), lease.position)
            overlap = overlap_at(self.resource, ground, digest_known=self._context.digest_known)
            outlet = LeaseOutlet(lease, self._sink, gate, overlap, number)
            span = Span(lease.position - overlap, lease.stop)
            pouring = self.source.fetch(self.resource, self.mirror, span, outlet, self.spec)
        speed = self._idle.pop() if asked and self._idle else None
        connection = Connection(number, lease, outlet, now, asked=asked, ready=speed is not None)
        connection.fetching = asyncio.ensure_future(connection.pour(pouring))
        self.connections[connection.fetching] = connection
        return opening is None or asked

    # ending ------------------------------------------------------------------------------------------------------------

    def settle(self, fetching: asyncio.Future[None]) -> tuple[Connection, BaseException | None]:
        """Take back the lease of a connection that has ended. Gives what it has failed with, if it has."""
        connection = self.connections.pop(fetching)
        if self._segments.size is None and not fetching.cancelled() and fetching.exception() is None:
            self._segments.settle(connection.lease.position)
        error = connection.error(without_credentials(self.mirror.uri), self.spec.timeout)
        self._release(connection.lease)
        self._tell_end(connection, error)
        self._idle += connection.left_open(self._context.clock.monotonic(), error)
        if connection.progressed:
            self._failures = 0
        return connection, error

    def answer(self, connection: Connection, error: BaseException) -> None:
        """Decide what an ended connection means: wait and go on, do with fewer, or raise."""
        if not isinstance(error, TransferError):
            raise error
        self.lessons.heard(error, self._context.clock.monotonic())
        if self.connections and not connection.moved and error.verdict is not Verdict.RESTART:
            self._yield_to_others(connection.lease, error)
            return
        if error.verdict is Verdict.NEXT_MIRROR and self.mirror.resolved is not None:
            # The address that redirects led to has expired: follow them again from the start, once.
            self.mirror = replace(self.mirror, resolved=None, home=True)
            return
        if not self.resource.ranged:
            # The next reply would begin at byte 0 again, so nothing that is there can be kept.
            raise error
        if connection.moved:
            self.staffing.controller.broken()
        self._failures += 0 if connection.progressed else 1
        spent = 0.0 if connection.progressed else self._context.clock.monotonic() - connection.began
        self._retry_or_raise(error, spent)

    def _yield_to_others(self, lease: Lease, error: TransferError) -> None:
        """The server serves the others, and would not have this one more, or lost it: they may take over its share."""
        for other in self.connections.values():
            other.outlet.flush()
            if other.lease.stop == lease.start:
                self._segments.extend(other.lease, other.reach)
        self._rebuffs += 1
        now, pause = self._context.clock.monotonic(), self._context.patience.moment()
        if error.verdict is not Verdict.RETRY or self._rebuffs >= REBUFFS:
            self.staffing.controller.refused(sum(other.moved > 0 for other in self.connections.values()))
            self.lessons.served(self.staffing.controller.ceiling)
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
        if isinstance(error, ServerBusy) or not self.connections:
            self.note = f"{error}; trying again in {pause:.0f} s" if pause >= 1 else str(error)

    async def dismiss(self) -> None:
        """End whatever runs. When it has returned, no byte of this mirror is written any more."""
        for fetching in self.connections:
            fetching.cancel()
        await asyncio.gather(*self.connections, return_exceptions=True)
        for fetching, connection in self.connections.items():
            self._release(connection.lease)
            self._tell_end(connection, None if fetching.cancelled() else fetching.exception())
        self.connections.clear()
        if self._opening is not None:
            await self._opening.close()

    def retire(self) -> None:
        """Fetch no more from it."""
        self.retired = True
        for connection in self.connections.values():
            connection.give_up()

    def end_superseded(self) -> None:
        """End the connections whose bytes another one has fetched."""
        for connection in self.connections.values():
            if self.staffing.superseded(connection.lease):
                connection.give_up()

    def _release(self, lease: Lease) -> None:
        self._segments.release(lease)
        written = Span(lease.start, lease.position)
        self.brought = merge([*self.brought, written])
        if not self.staffing.paired(lease):
            self.own = merge([*self.own, written])

    def _tell_end(self, connection: Connection, error: BaseException | None) -> None:
        context = self._context
        now = context.clock.monotonic()
        context.report(connection.epitaph(context.id, host_of(self.mirror.uri), now, error))

    # measuring ---------------------------------------------------------------------------------------------------------

    def judge(self, now: float, *, held: bool, elsewhere: int, share: float, accompanied: bool) -> None:
        """Let the staffing see what has come, and end what it gives up. See `Staffing.sample`. `accompanied`: others bring
        bytes too."""
        for connection in self.connections.values():
            connection.outlet.flush()
            answered = connection.measure(now, held=held)
            if answered is not None:
                self.staffing.answered(answered, ready=connection.ready)
        limited = self._context.gate.limited
        standings, staffing = self.standings(now), self.staffing
        ending = set(staffing.sample(now, standings, held=held, limited=limited, elsewhere=elsewhere, share=share))
        if self.lessons.connections is not None:
            self.lessons.served(self.staffing.controller.ceiling)
        if accompanied and not held and standings and all(each.silent >= SILENCE for each in standings):
            # Others go on: what it holds is fetched by them, and it is asked again after a while.
            self._hold_until, ending = now + REST, {each.lease for each in standings}
        for connection in self.connections.values():
            connection.watch(now, self.spec.timeout, held=held)
            if connection.lease in ending:
                connection.give_up()
