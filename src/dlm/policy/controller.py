"""How many connections a download has, from samples.

    opening    one connection, the one whose reply told the size. When it is up to speed, as many as would make short work
               of the rest at that speed
    growing    twice as many while that pays. Where the speed of each is the same as of the fewer before, the server caps each
               connection: then at once as many as the work is worth, four times as many at most
    climbing   now and then a quarter more; if that pays, growing goes on, if not, the pause until the next trial is doubled.
               Twice as many, without waiting, when they bring far less than they did before
    settled    no more: there is little left to do, or the server has refused

Up to `POLITE` it is enough that more pay a little. Beyond, up to `MOST`, each step must have paid half of its proportional
share at least, as it does where loss or a cap limits each connection.

After a refusal there are never more than were served. While dlm itself holds the transfer back, a sample says nothing about
the host, and the number stays. Nothing here closes a connection: that fewer are wanted means that those that end are not
replaced.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from math import ceil

from dlm.policy.goodput import BURST_WINDOW, SLACK, Goodput, Measuring
from dlm.policy.meter import Standing
from dlm.policy.past import Past

POLITE = 16
"""Connections to a host that need no other reason than that they pay a little."""
MOST = 64
"""Connections at most."""
FEW = 4
"""The first step at most where dlm has a rate to keep."""
SHORT_WORK = 2.0
"""Seconds of work that the first step leaves for each connection, if all were as fast as the first one."""
SPEEDS_UP = 1.2
"""Times the speed of the moment before: then the first connection is still in its slow start."""
LOOK_TRIPS = 1.3
"""Round trips that such a moment takes at least."""
LONGEST_LOOK = 3.0
"""Seconds after which the first connection is taken for what it is."""
DIP_WINDOW = 0.5
"""Seconds over which the goodput is taken that is compared with the best so far."""
DIP = 0.75
"""Of the best goodput so far: with less, something is missing that more connections may bring back."""
DEAD = 0.05
"""The same: with less, nothing moves at all, and more connections would not either."""
BETTER = 1.3
"""Times the goodput at which no more connections paid: then the path has changed, and more than `POLITE` may pay."""
TOO_GOOD = 1.5
"""Of a proportional gain: what has grown by more than this has not grown because of the connections."""
TINY = 512 * 1024
"""Bytes up to which a file gets one connection, however slow: it is over soon, and not worth the server's trouble."""
FIRST_LOOK = 0.04
UNMEASURED_LOOK = 0.1
"""Seconds that a look at the first connection takes at least, and where the round trip is not known."""
PROOF = 4
"""Connections of the same speed from which on a cap is believed enough to go beyond `POLITE` in one step."""
BELIEVED = 1.0
"""Seconds of measuring before it is believed that a step did not pay."""
FAIR_GAIN = 0.3
"""Of a proportional gain: how much is needed to go on."""
STRONG_GAIN = 0.5
"""The same beyond `POLITE`."""
FULL_GAIN = 0.85
"""The same for doubling even there; less gets half as many more."""
WORTH = 1.5
"""Seconds of work that must be left for more connections to be worth opening."""
DEAR = 4.0
"""Times what a request takes to its first byte, for the same: then no company is worth it for the first one."""
CAPPED_WORTH = 4.0
"""Seconds of work that must be left for each of the connections that answer a cap."""
SPARE = 1.1
"""Times as many connections as seem to be enough, where fewer turned out to be."""
DOUBTS = 2
"""Refusals at fewer connections than were served before, until it is believed that fewer are served now."""
FIRST_PAUSE = 2.0
LAST_PAUSE = 16.0
"""Seconds from one trial of a few more to the next."""


class Stage(Enum):
    """What it is at."""

    OPENING = "opening"
    GROWING = "growing"
    CLIMBING = "climbing"
    SETTLED = "settled"


class Controller:
    """The number of connections to have, for one download. Pure: times are arguments, in monotonic seconds.

    `bound` is how many the user, or what is known of the host, allows.
    """

    def __init__(self, bound: int, size: int | None) -> None:
        self.target = 1
        self.ceiling = min(bound, MOST)
        """As many connections as are known to be allowed."""
        self.refusals = 0
        self.stage = Stage.OPENING if bound > 1 and size is not None and size > TINY else Stage.SETTLED
        self._measuring = Measuring()
        self._past = Past()
        self._best = 0.0
        self._level = 0.0
        self._dip_due = 0.0
        self._before: Goodput | None = None
        self._last: tuple[float, int] | None = None
        self._since = 0.0
        self._doubts = 0
        self._pause = FIRST_PAUSE
        self._due = 0.0

    @property
    def limit(self) -> int:
        """More connections than this may not be open now, whatever they are for."""
        if self.refusals or self.ceiling <= POLITE:
            return self.ceiling
        return min(self.ceiling, POLITE if self.target <= POLITE else self.target + self.target // 4)

    def sample(
        self,
        now: float,
        count: int,
        standings: Sequence[Standing],
        remaining: int | None,
        cost: float,
        *,
        held: bool,
        limited: bool = False,
        trip: float = 0.0,
    ) -> int:
        """The target after one more sample: `count` bytes have come, a request takes `cost` seconds to its first byte.

        `held`: dlm held the transfer back; `limited`: it has a rate to keep, which few connections may reach.
        """
        flowing = sum(each.waited is None for each in standings)
        if self.refusals and flowing > self.ceiling:
            # Some that were asked for together with the refused one are served after all.
            self.ceiling = self.target = flowing
        if self.stage is Stage.SETTLED or remaining is None:
            return self.target
        last, self._last = self._last, (now, count)
        if last is None or held or (not flowing and self.stage is Stage.OPENING and now - self._since < LONGEST_LOOK):
            self._since = self._since if last is not None and not held else now
            self._past.begin(now, count)
            self._measuring.begin(now)
            return self.target
        speed = (count - last[1]) / max(now - last[0], SLACK)
        self._past.add(now, count)
        if self.stage is Stage.OPENING:
            most = FEW if limited else POLITE
            self._open(now, remaining, cost, most, LOOK_TRIPS * max(FIRST_LOOK, trip) if trip else UNMEASURED_LOOK)
            return self.target
        if self._before is not None and self._before.connections == 1 and flowing <= 1:
            # Nobody has joined the first one yet, which is faster by now than it was at the first look.
            self._before = Goodput(1, speed, speed, 0.0)
        dipped = self._dipped(now)
        if self.stage is Stage.GROWING or self._before is not None or now >= self._due or dipped:
            found = self._measuring.sample(now, count, standings, self.target, cost)
            if found is not None:
                self._judge(now, found, remaining, cost)
        return self.target

    def refused(self, served: int) -> None:
        """The server would not have one more while it served `served`: from now on never more than that.

        One refusal at fewer than it has served before is not believed yet: it may not have noticed that another had ended.
        """
        self.refusals += 1
        self.stage = Stage.SETTLED
        if self.refusals > 1 and served < self.ceiling:
            self._doubts += 1
            if self._doubts < DOUBTS:
                return
        self._doubts = 0
        self.ceiling = max(1, min(self.ceiling, served))
        self.target = min(self.target, self.ceiling)

    def broken(self) -> None:
        """A connection has ended before its time. Where they do not last, more of them lose less when one goes."""
        if self.stage in {Stage.GROWING, Stage.CLIMBING} and self.target < POLITE:
            self.target = min(2 * self.target, POLITE, self.ceiling)

    # -----------------------------------------------------------------------------------------------------------------

    def _open(self, now: float, remaining: int, cost: float, most: int, look: float) -> None:
        """Whether the first connection is up to speed, and needs company; it is compared with itself one `look` ago."""
        speed, before = self._past.speed(now - look, now), self._past.speed(now - 2 * look, now - look)
        settled = speed is not None and before is not None and speed <= SPEEDS_UP * before
        if speed is None or not (settled or now - self._since > LONGEST_LOOK):
            return
        wanted = most if not speed else min(most, max(2, int(remaining / (speed * SHORT_WORK))))
        if remaining < speed * max(WORTH, DEAR * cost):
            return
        self._best = speed
        self._before = Goodput(1, speed, speed, 0.0) if speed > 0 else None
        self.stage = Stage.GROWING
        self._aim(min(wanted, self.ceiling), now)

    def _dipped(self, now: float) -> bool:
        """Whether much less comes than did before."""
        speed = self._past.speed(now - DIP_WINDOW, now)
        if speed is None:
            return False
        self._best = max(self._best, speed)
        return now >= self._dip_due and DEAD * self._best < speed < DIP * self._best

    def _judge(self, now: float, found: Goodput, remaining: int, cost: float) -> None:
        if remaining < found.total * max(WORTH, 3 * cost):
            self.stage = Stage.SETTLED
        elif self.stage is Stage.GROWING:
            self._judge_growth(now, found, remaining)
        else:
            self._judge_trial(now, found, remaining, cost)

    def _judge_growth(self, now: float, found: Goodput, remaining: int) -> None:
        before, capped, gain = self._before, False, 0.0
        if before is not None and found.bursts and before.seconds < BURST_WINDOW - SLACK:
            # What was measured over less than a second then says nothing.
            before = None
        if before is not None:
            gain = found.gain_over(before)
            if not self._pays(found, before):
                if found.seconds >= BELIEVED - SLACK:
                    self._level_off(now, before, found)
                return
            capped = found.same_each(before)
        elif self.target >= POLITE:
            # Nothing has shown yet that more pay.
            self._level_off(now, found, found)
            return
        self._before = found
        wanted = min(self.ceiling, self._more(found, remaining, gain, capped=capped))
        if wanted > self.target:
            self._aim(wanted, now)
        else:
            self.stage = Stage.SETTLED

    def _pays(self, found: Goodput, before: Goodput) -> bool:
        """Whether the step to `found` was worth it. Beyond `POLITE` that the path has become better is no reason."""
        gain = found.gain_over(before)
        return gain >= FAIR_GAIN if self.target <= POLITE else STRONG_GAIN <= gain <= TOO_GOOD

    def _more(self, found: Goodput, remaining: int, gain: float, *, capped: bool) -> int:
        """How many to have after a step that has paid."""
        doubles = self.target < POLITE or gain >= FULL_GAIN
        wanted = 2 * self.target if doubles else self.target * 3 // 2
        if capped and found.connections >= PROOF:
            return min(4 * self.target, int(remaining / (found.each * CAPPED_WORTH)))
        if capped:
            wanted = 4 * self.target
        return min(wanted, POLITE) if self.target < POLITE else wanted

    def _level_off(self, now: float, before: Goodput, found: Goodput) -> None:
        """The last step was too long: as many as would bring the same at the speed that each had before."""
        enough = ceil(SPARE * before.connections * found.total / before.total) if before.total > 0 else before.connections
        self.stage, self._before, self._level = Stage.CLIMBING, None, found.total
        self._due = now + self._pause
        self._aim(min(self.target, max(enough, POLITE)), now)

    def _judge_trial(self, now: float, found: Goodput, remaining: int, cost: float) -> None:
        before = self._before
        if before is None:
            dipped = now >= self._dip_due and DEAD * self._best < found.total < DIP * self._best
            if found.seconds < BELIEVED - SLACK and not dipped:
                return
            step = min(2 * self.target if dipped else self.target + max(1, self.target // 4), self.ceiling)
            if not dipped and self.target <= POLITE and found.total < BETTER * self._level:
                step = min(step, POLITE)
            worth = WORTH if dipped else 3 * WORTH
            if remaining < found.total * (worth + 3 * cost) or step == self.target or found.connections > self.target:
                # Where there are more still than are wanted nothing could be learned.
                self._due = now + self._pause
                self._measuring.begin(now)
            else:
                self._before = found
                self._aim(step, now)
        elif self._pays(found, before):
            self.stage, self._before, self._pause = Stage.GROWING, found, FIRST_PAUSE
            self._measuring.begin(now)
            self._aim(min(self.ceiling, self._more(found, remaining, 0.0, capped=False)), now)
        elif found.seconds >= BELIEVED - SLACK:
            self._before, self._best, self._level = None, found.total, found.total
            self._dip_due = now + self._pause
            self._pause = min(2 * self._pause, LAST_PAUSE)
            self._due = now + self._pause
            self._aim(min(self.target, max(before.connections, POLITE)), now)

    def _aim(self, target: int, now: float) -> None:
        self.target = max(1, target)
        self._measuring.begin(now)
