"""Which connections are no good any more: the silent ones and the slow ones.

Nothing here knows a fixed speed. A connection is slow if it is far slower than its siblings are in the median, and either it
was never better or it is far slower than it was itself. When all are slow, the median is, and the rule has switched itself
off. A connection is silent if nothing came for longer than the host has ever paused, while others go on.

    silent, others go on      it is given up: nothing is lost, since what it has brought is kept
    all are silent            it is the host or the network; the oldest silence alone is given up, as a trial, then after twice
                              as long, and so on, `TRIALS` times in all
    slow, or waiting for      it is relieved: it goes on, but counts no more, so that another connection is opened beside it,
    its first byte too long   which takes most of its share
    slow, and no room         it is given up, if the budget allows
"""

from __future__ import annotations

from collections.abc import Sequence

from dlm.model.value import dataclass
from dlm.policy.meter import Newcomer, Standing
from dlm.policy.segments import Lease
from dlm.policy.speed import median

SILENCE = 2.0
"""Seconds without a byte, at least, before a connection counts as silent."""
PAUSES = 3.0
"""How many times the longest pause that the host has made."""
FREE = 16
"""Connections that may be given up before each further one makes the next silence last longer, by `GROWTH`."""
ALIVE = 1.0
"""Seconds within which a sibling must have brought bytes to show that the host goes on."""
GENERAL_SILENCE = 5.0
TRIALS = 3
UNANSWERED = 2.0
UNANSWERED_FACTOR = 4.0
"""Seconds that a first byte may take, at least, before the wait for it counts as too long; and times what is usual."""
UNMEASURED_WAIT = 5.0
"""The same while no first byte has been measured."""
PAIR_WAIT = 0.5
"""Seconds of silence, or for a first byte at least, after which one of two that fetch the same bytes counts as bad."""
PAIR_FACTOR = 2.5
"""Times what a first byte usually takes, for the same."""
OF_AGE = 2.0
"""Seconds after its first byte before a connection can be called slow."""
SIBLINGS = 2
"""Others at least that it is compared with; with fewer, what may be expected of a new one stands in for them."""
SLOW = 0.25
"""Of the siblings' median."""
WORSE = 0.5
"""Of its own best speed: below this it has become worse."""
CAUTION = 0.8
"""Of the usual speed is counted on."""
GAIN = 1.0
"""Seconds that a new connection must save, at least, and a quarter of what the whole download still takes."""
BUDGET = 2.0
"""Connections that may be given up for slowness at once, or half of them all; one more each `REFILL` seconds, which grows
with each."""
REFILL = 1.0
GROWTH = 1.25


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do: end these connections; do not count those."""

    given_up: frozenset[Lease]
    relieved: frozenset[Lease]


class Replacement:
    """Judges the connections of one download. Pure: times are arguments, in monotonic seconds.

    `patience` is the time-out: silence of that length ends a connection in any case, and the business of others.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._pause = 0.0
        self._quiet: dict[Lease, float] = {}
        self._trials = 0
        self._trial_after = 0.0
        self._budget = BUDGET
        self._refill = REFILL
        self._at: float | None = None
        self.given_up = 0
        """How many in all."""

    def judge(
        self, now: float, standings: Sequence[Standing], newcomer: Newcomer, *, measured: bool, room: int, held: bool
    ) -> Verdict:
        """`newcomer` is what one more would be like, by what was `measured` of first bytes, or by a guess; `room` is how many
        more may be opened. `held`: dlm itself held the transfer back.
        """
        if held:
            self._trial_after = now
            return Verdict(frozenset(), frozenset())
        self._learn(now, standings)
        rows = [row for row in standings if row.lease.remaining > 0]
        silent = self._silent(now, rows) | self._hopeless(rows, newcomer)
        slow = [row for row in self._slow(rows, newcomer, measured=measured) if row.lease not in silent]
        relieved = {row.lease for row in slow[: max(2, len(rows) // 2)]}
        broken: set[Lease] = set()
        for row in slow:
            if row.lease in relieved and room <= 0 and row.waited is None and self._budget >= 1:
                broken.add(row.lease)
                self._budget -= 1
                self._refill *= GROWTH
        self.given_up += len(silent) + len(broken)
        return Verdict(frozenset(silent | broken), frozenset(relieved - broken))

    def _learn(self, now: float, standings: Sequence[Standing]) -> None:
        """How long the host pauses: a connection that was quiet and has brought bytes again shows it."""
        for row in standings:
            before = self._quiet.get(row.lease, 0.0)
            if row.waited is None and row.silent < before:
                self._pause = max(self._pause, before)
        self._quiet = {row.lease: row.silent for row in standings if row.waited is None}
        if self._at is not None:
            self._budget = min(max(BUDGET, len(standings) / 2), self._budget + (now - self._at) / self._refill)
        self._at = now

    def _silent(self, now: float, rows: Sequence[Standing]) -> set[Lease]:
        longest = max(SILENCE, PAUSES * self._pause) * GROWTH ** max(0, self.given_up - FREE)
        if longest >= self._patience:
            return set()
        quiet = [row for row in rows if row.waited is None and row.silent >= longest]
        if not quiet:
            return set()
        if any(row.waited is None and row.silent < ALIVE for row in rows):
            return {row.lease for row in quiet}
        after = max(GENERAL_SILENCE, PAUSES * self._pause) * 2**self._trials
        worst = max(quiet, key=lambda row: row.silent)
        if self._trials >= TRIALS or after >= self._patience or worst.silent < after or now - self._trial_after < after:
            return set()
        self._trials += 1
        self._trial_after = now
        return {worst.lease}

    def _slow(self, rows: Sequence[Standing], newcomer: Newcomer, *, measured: bool) -> list[Standing]:
        """Those that another connection would beat by far, worst first."""
        late = max(UNANSWERED, UNANSWERED_FACTOR * newcomer.cost) if measured else UNMEASURED_WAIT
        found = []
        for row in rows:
            if row.lease.twin is not None:
                continue
            if row.waited is not None:
                if row.waited > late and any(other.waited is None for other in rows):
                    found.append(row)
                continue
            siblings = [other.speed for other in rows if other.grown_up(newcomer) and other is not row]
            usual = median(siblings) if len(siblings) >= SIBLINGS else newcomer.speed
            if row.age >= OF_AGE and self._pays(row, usual, rows, newcomer):
                found.append(row)
        return sorted(found, key=lambda row: row.left(newcomer), reverse=True)

    @staticmethod
    def _hopeless(rows: Sequence[Standing], newcomer: Newcomer) -> set[Lease]:
        """Of two that fetch the same bytes, both badly, the one that has more to do: a third may be luckier."""
        wait = max(PAIR_WAIT, PAIR_FACTOR * newcomer.cost)

        def bad(row: Standing) -> bool:
            if row.waited is not None:
                return row.waited > wait
            crawls = row.grown_up(newcomer) and row.speed < SLOW * newcomer.speed
            return crawls or row.silent > PAIR_WAIT

        pairs = {row.lease: row for row in rows if row.lease.twin is not None and bad(row)}
        worse: set[Lease] = set()
        for lease, row in pairs.items():
            other = pairs.get(lease.twin) if lease.twin is not None else None
            if other is not None and other.lease not in worse and row.left(newcomer) >= other.left(newcomer):
                worse.add(lease)
        return worse

    @staticmethod
    def _pays(row: Standing, usual: float, rows: Sequence[Standing], newcomer: Newcomer) -> bool:
        never_better = row.best < WORSE * usual
        if row.speed >= SLOW * usual or not (never_better or row.speed < WORSE * row.best):
            return False
        left = row.left(newcomer)
        whole = sum(other.lease.remaining for other in rows) / max(sum(other.speed for other in rows), 1.0)
        with_another = newcomer.cost + row.lease.remaining / max(CAUTION * usual, 1.0)
        return left > with_another + max(GAIN, min(whole, left) / 4)
