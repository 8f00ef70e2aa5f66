"""Staffing: how many connections, each on which bytes, and which to give up.

The parts decide one thing each: `controller` how many, `stealing` and `hedging` where one more has its bytes from,
`replacement` which are no good. Here they are asked in the right order, with the same measurements.

    sample → the connections to end now
    next_lease, until it gives none → the connections to start now
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dlm.policy.controller import Controller
from dlm.policy.hedging import Hedging
from dlm.policy.meter import Expectation, Newcomer, Standing
from dlm.policy.replacement import Replacement
from dlm.policy.segments import Lease, SegmentMap
from dlm.policy.speed import median
from dlm.policy.stealing import choose_cut

REQUEST_COST = 0.2
"""Seconds assumed from a request to its first byte, before a connection has shown what it takes."""
REMEMBERED_COSTS = 9
LEAST_PIECE = 1024 * 1024
PIECE = 4.0
"""Seconds of work, at its own speed so far, that a connection takes at a time from one that has more than that ahead of it;
more where a request is dear: `REQUESTS` times what it takes."""
REQUESTS = 25.0
FIRST_PIECE = 1.0
"""Seconds of work that one takes that has no speed yet, if its share of the whole speed became its own; or `WAITS` times
what its request takes."""
WAITS = 4.0
PARTS = 4
"""Such pieces at least are in what is left, for each connection."""
SMALLEST_PIECE = 128 * 1024


class Staffing:
    """Decides for one run over one SegmentMap. Pure: times are arguments, in monotonic seconds."""

    def __init__(
        self, segments: SegmentMap, *, connections: int, patience: float, joins: bool, hedging: Hedging | None = None
    ) -> None:
        """`joins`: bytes of different replies may stand side by side unseen; else there is one connection. `hedging` is that
        of the others who work on the same segments."""
        self._segments = segments
        size = segments.size
        self.controller = Controller(connections if joins else 1, size)
        self.replacement = Replacement(patience)
        self._joins = joins
        self._hedging = (hedging or Hedging(size)) if joins and size is not None and connections > 1 else None
        self._expected = Expectation()
        self._costs: list[float] = []
        self._ready_costs: list[float] = []
        self._trip: float | None = None
        self._relieved: frozenset[Lease] = frozenset()

    @property
    def cost(self) -> float:
        """Seconds that a request on a new connection takes to its first byte."""
        return median(self._costs) if self._costs else REQUEST_COST

    @property
    def newcomer(self) -> Newcomer:
        """What one more connection would be like."""
        return Newcomer(self._expected.speed, self.cost, self._trip)

    def opened(self, trip: float, connecting: float, reply: float) -> None:
        """The first connection took so many seconds: a round trip, all of its handshakes, and the reply to its request."""
        self._trip = trip
        self._costs.append(connecting + reply)
        self._ready_costs.append(reply)

    def answered(self, first_byte: float, *, ready: bool = False) -> None:
        """A request took so many seconds to its first byte; on a connection that was open already, if `ready`."""
        if ready:
            self._ready_costs = [*self._ready_costs[1 - REMEMBERED_COSTS :], first_byte]
        else:
            self._costs = [*self._costs[1 - REMEMBERED_COSTS :], first_byte]

    def sample(
        self,
        now: float,
        standings: Sequence[Standing],
        *,
        held: bool,
        limited: bool = False,
        elsewhere: int = 0,
        share: float = 1.0,
    ) -> Iterable[Lease]:
        """Look at everything. Gives the leases whose connections are to be ended now.

        `held`: dlm itself held the transfer back since the last sample; `limited`: it may come to that. Other mirrors have
        brought `elsewhere` bytes, and `share` of the whole speed is this one's: so much of the rest is its to fetch.
        """
        size = self._segments.size
        downloaded = self._segments.downloaded()
        count = downloaded - elsewhere
        remaining = None if size is None else int((size - downloaded) * share)
        self._expected.sample(standings, self.newcomer)
        self.controller.sample(now, count, standings, remaining, self.cost, held=held, limited=limited, trip=self._trip or 0.0)
        if not self._joins:
            return ()
        room = self.controller.limit - len(standings)
        verdict = self.replacement.judge(now, standings, self.newcomer, measured=bool(self._costs), room=room, held=held)
        self._relieved = verdict.relieved
        return verdict.given_up | {each.lease for each in standings if self.superseded(each.lease)}

    def paired(self, lease: Lease) -> bool:
        """Whether its bytes are, or were, fetched twice."""
        return self._hedging is not None and lease in self._hedging.pairs

    def superseded(self, lease: Lease) -> bool:
        """Whether its twin has fetched the rest of it, so that its connection can be ended."""
        return self.paired(lease) and not lease.remaining

    def next_lease(
        self,
        standings: Sequence[Standing],
        most: int | None = None,
        ready: float | None = None,
        others: Sequence[Standing] = (),
    ) -> Lease | None:
        """The bytes for one more connection, `None` when none is wanted. `most` bounds the number for the moment.

        `ready` is the speed of a connection that is open already and has nothing to do. `others` are connections to other
        mirrors, `seen` by theirs: they do not count, but what they have ahead of them may be taken.
        """
        counted = sum(each.lease not in self._relieved for each in standings)
        if counted >= min(self.controller.target, most or self.controller.target) or len(standings) >= self.controller.limit:
            return None
        thief = self.newcomer
        if ready is not None:
            thief = Newcomer(max(ready, 1.0), median(self._ready_costs) if self._ready_costs else self.cost / 2, 0.0)
        everybody = [*standings, *others]
        return self._segments.claim() or self._stolen(everybody, thief) or self._hedged(everybody, thief)

    def _stolen(self, standings: Sequence[Standing], thief: Newcomer) -> Lease | None:
        cut = choose_cut(standings, self.newcomer, thief, self._piece(standings, thief))
        return None if cut is None else self._segments.steal(cut.victim, cut.at)

    def _piece(self, standings: Sequence[Standing], thief: Newcomer) -> int:
        """How many bytes to take at a time: few for a connection that has not shown yet what it can do."""
        if thief.ready:
            return max(LEAST_PIECE, int(thief.speed * max(PIECE, REQUESTS * thief.cost)))
        fair = sum(each.speed for each in standings) / max(len(standings) + 1, self.controller.target)
        remaining = sum(each.lease.remaining for each in standings if each.bounded)
        part = max(SMALLEST_PIECE, remaining // (PARTS * max(self.controller.target, 1)))
        return max(min(part, max(LEAST_PIECE, int(fair * FIRST_PIECE))), int(fair * WAITS * thief.cost))

    def _hedged(self, standings: Sequence[Standing], thief: Newcomer) -> Lease | None:
        lease = None if self._hedging is None else self._hedging.choose(standings, self.newcomer, thief)
        if lease is None or self._hedging is None:
            return None
        twin = self._segments.hedge(lease)
        self._hedging.pairs |= {lease, twin}
        return twin
