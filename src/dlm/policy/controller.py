"""How many connections a download has, from samples.

    opening    one connection, the one whose reply told the size; after a moment `FIRST` of them, if there is work for more
    growing    twice as many while that pays. Where the speed of each is the same as of the few before, the server caps each
               connection: then at once as many as the work is worth, up to `POLITE`, and if they pay as well, up to `MOST`
    climbing   now and then a quarter more, kept if it pays; the pause doubles each time that it does not

A refusal ends all that: from then on never more than were served. So does little work left. While dlm itself holds the
transfer back, a sample says nothing about the host, and the number stays.

Nothing here closes a connection: fewer wanted means that those that end are not replaced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from statistics import median

from dlm.policy.meter import Standing
from dlm.policy.segments import Lease

POLITE = 16
"""Connections to a host that need no other reason than that they pay a little."""
MOST = 64
"""Connections at most, where each of those beyond `POLITE` has shown that it pays."""
FIRST = 4
"""Connections after the first look."""
MIB = 1024 * 1024
SMALL = 8 * MIB
"""A file up to this size gets half as many at first."""
FIRST_LOOK = 0.1
"""Seconds after which the first connection has shown whether it needs company."""
SETTLE = 0.2
"""Seconds that new connections get to come up to speed, from their first bytes on; more where requests take longer."""
LONGEST_SETTLE = 0.5
WINDOW = 0.4
"""Seconds over which the goodput is measured."""
LONG_WINDOW = 1.2
"""Seconds before it is believed that a step did not pay: servers that limit a connection send in bursts."""
FAIR_GAIN = 0.3
"""Of a proportional gain: how much is needed to go on."""
STRONG_GAIN = 0.5
"""The same beyond `POLITE`."""
EVEN = 0.15
"""By what part the speeds of capped connections may differ, from each other and from before."""
WORTH = 1.5
"""Seconds of work that must be left for more connections to be worth opening."""
CAPPED_WORTH = 4.0
"""Seconds of work that must be left for each of the connections that answer a cap."""
FIRST_PAUSE = 2.0
LAST_PAUSE = 16.0
"""Seconds from one trial of a few more to the next."""


class Stage(Enum):
    """What it is at."""

    OPENING = "opening"
    GROWING = "growing"
    CLIMBING = "climbing"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class Measured:
    """What so many connections brought: all together and each, in bytes a second."""

    connections: int
    goodput: float
    each: float


@dataclass(slots=True)
class Mark:
    """Where a measurement began."""

    at: float
    count: int
    positions: dict[Lease, int] = field(default_factory=dict)


class Controller:
    """The number of connections to have, for one download. Pure: times are arguments, in monotonic seconds.

    `bound` is how many the user, or what is known of the host, allows.
    """

    def __init__(self, bound: int, size: int | None) -> None:
        self.target = 1
        self.ceiling = min(bound, MOST)
        """As many connections as are known to be allowed."""
        self.refusals = 0
        self._first = FIRST if size is None or size > SMALL else FIRST // 2
        self._stage = Stage.OPENING if bound > 1 and size is not None else Stage.SETTLED
        self._since: float | None = None
        self._count = 0
        self._settled_at: float | None = None
        self._mark: Mark | None = None
        self._before: Measured | None = None
        self._pause = FIRST_PAUSE
        self._trial_due = 0.0
        self._shown = False

    @property
    def limit(self) -> int:
        """More connections than this may not be open now, whatever they are for."""
        if self.refusals or self.target > POLITE:
            return self.ceiling if self.refusals else max(self.target, min(self.target + self.target // 4, self.ceiling))
        return min(POLITE, self.ceiling)

    @property
    def growing(self) -> bool:
        """Whether it pays to sample more often than usual."""
        return self._stage in {Stage.OPENING, Stage.GROWING}

    def sample(
        self, now: float, count: int, standings: Sequence[Standing], remaining: int | None, cost: float, *, held: bool
    ) -> int:
        """The target after one more sample: `count` bytes have come in all, a request takes `cost` seconds to its first byte."""
        if self._stage is Stage.SETTLED or remaining is None:
            return self.target
        if self._since is None or held:
            self._restart(now, count)
        elif self._stage is Stage.OPENING:
            self._open(now, count, standings, remaining)
        elif self._stage is Stage.CLIMBING and self._before is None and now < self._trial_due:
            pass
        elif self._ready(now, standings, cost):
            self._measure(now, count, standings, remaining, cost)
        return self.target

    def refused(self, served: int) -> None:
        """The server would not have one more while it served `served`: from now on never more than that."""
        self.refusals += 1
        self.ceiling = max(1, min(self.ceiling, served))
        self.target = min(self.target, self.ceiling)
        if self._stage is not Stage.OPENING:
            self._stage = Stage.SETTLED

    # -----------------------------------------------------------------------------------------------------------------

    def _restart(self, now: float, count: int) -> None:
        self._since, self._count, self._settled_at, self._mark = now, count, None, None

    def _open(self, now: float, count: int, standings: Sequence[Standing], remaining: int) -> None:
        assert self._since is not None
        elapsed = now - self._since
        if elapsed < FIRST_LOOK - 0.01:
            return
        goodput = (count - self._count) / elapsed
        if remaining < WORTH * goodput:
            return
        self._before = Measured(1, goodput, goodput) if goodput > 0 else None
        self._stage = Stage.GROWING
        self._aim(min(self._first, self.ceiling), now, count)

    def _ready(self, now: float, standings: Sequence[Standing], cost: float) -> bool:
        """Whether those that are wanted are there and have come up to speed. Who keeps them waiting is not waited for."""
        assert self._since is not None
        flowing = sum(each.waited is None for each in standings)
        if self._settled_at is None and (flowing >= self.target or now - self._since > 2 * cost + LONGEST_SETTLE):
            self._settled_at = now + min(max(SETTLE, cost), LONGEST_SETTLE)
        return self._settled_at is not None and now >= self._settled_at - 0.01

    def _measure(self, now: float, count: int, standings: Sequence[Standing], remaining: int, cost: float) -> None:
        if self._mark is None:
            self._mark = Mark(now, count, {each.lease: each.lease.position for each in standings if each.waited is None})
            return
        elapsed = now - self._mark.at
        if elapsed < WINDOW - 0.01:
            return
        rates = [
            (each.lease.position - self._mark.positions[each.lease]) / elapsed
            for each in standings
            if each.lease in self._mark.positions
        ]
        if not rates:
            self._mark = None
            return
        found = Measured(len(self._mark.positions), (count - self._mark.count) / elapsed, median(rates))
        if found.goodput > 0 and remaining / found.goodput < max(WORTH, 3 * cost):
            self._stage = Stage.SETTLED
        elif self._stage is Stage.GROWING:
            self._judge_growth(now, count, found, rates, elapsed, remaining)
        else:
            self._judge_climb(now, count, found, elapsed, remaining, cost)

    def _judge_growth(
        self, now: float, count: int, found: Measured, rates: Sequence[float], elapsed: float, remaining: int
    ) -> None:
        before, capped = self._before, False
        if before is not None and found.connections > before.connections:
            gain = (found.goodput / before.goodput - 1) / (found.connections / before.connections - 1)
            if gain < (STRONG_GAIN if self.target > POLITE // 2 else FAIR_GAIN):
                if elapsed >= LONG_WINDOW - 0.01:
                    self._level_off(now, count, max(before.connections, min(self.target, FIRST)))
                return
            capped = abs(found.each / before.each - 1) < EVEN and _even(rates)
        self._before = found
        wanted = 2 * self.target
        if capped:
            worthwhile = int(remaining / (found.each * CAPPED_WORTH))
            wanted = max(wanted, min(4 * self.target, worthwhile))
        if self.target < POLITE:
            wanted = min(wanted, POLITE)
        elif not capped:
            wanted = min(wanted, self.target * 3 // 2)
        wanted = min(wanted, self.ceiling)
        if wanted <= self.target:
            self._level_off(now, count, self.target)
        else:
            self._aim(wanted, now, count)

    def _level_off(self, now: float, count: int, target: int) -> None:
        self._stage, self._before = Stage.CLIMBING, None
        self._trial_due = now + self._pause
        self._aim(target, now, count)

    def _judge_climb(self, now: float, count: int, found: Measured, elapsed: float, remaining: int, cost: float) -> None:
        if elapsed < LONG_WINDOW - 0.01:
            return
        if self._before is None:
            step = min(self.target + max(1, self.target // 4), self.ceiling)
            idle = found.connections > self.target or step == self.target
            if idle or remaining < found.goodput * (3 * WORTH + 3 * cost):
                self._stage = Stage.CLIMBING if idle and step > self.target else Stage.SETTLED
                self._trial_due = now + self._pause
                self._restart(now, count)
                return
            self._before = found
            self._aim(step, now, count)
            return
        before, self._before = self._before, None
        gain = (found.goodput / max(before.goodput, 1.0) - 1) / max(found.connections / before.connections - 1, 0.01)
        if found.connections <= before.connections or gain < STRONG_GAIN:
            self._aim(min(before.connections, self.target), now, count)
            self._pause = min(2 * self._pause, LAST_PAUSE)
        else:
            self._pause = FIRST_PAUSE
            self._restart(now, count)
        self._trial_due = now + self._pause

    def _aim(self, target: int, now: float, count: int) -> None:
        self.target = max(1, target)
        self._restart(now, count)


def _even(rates: Sequence[float]) -> bool:
    """Whether nearly all are equally fast: one in eight may be out of line, because it has just begun or crawls."""
    middle = median(rates)
    return sum(abs(rate - middle) > EVEN * middle for rate in rates) <= len(rates) / 8
