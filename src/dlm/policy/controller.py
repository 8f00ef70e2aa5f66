"""How many connections a download has, from samples.

    opening    one connection, the one whose reply told the size; after a moment a few, if there is work for more
    growing    twice as many while that pays. Where the speed of each is the same as of the fewer before, the server caps each
               connection: then at once as many as the work is worth, four times as many at most
    climbing   now and then a quarter more; if that pays, growing goes on, if not, the pause until the next trial is doubled
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

POLITE = 16
"""Connections to a host that need no other reason than that they pay a little."""
MOST = 64
"""Connections at most."""
FIRST = 8
"""Connections after the first look, if there is much to do."""
MUCH = 8.0
"""Seconds of work, at the speed of the first connection so far, that are much. Less gets half as many."""
SMALL = 8 * 1024 * 1024
"""Bytes up to which a file is small. It gets a quarter as many."""
TINY = 512 * 1024
"""Bytes up to which a file gets one connection, however slow: it is over soon, and not worth the server's trouble."""
FIRST_LOOK = 0.1
"""Seconds after which the first connection has shown whether it needs company."""
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
        self._small = size is not None and size <= SMALL
        self._measuring = Measuring()
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

    @property
    def growing(self) -> bool:
        """Whether it pays to sample more often than usual."""
        return self.stage in {Stage.OPENING, Stage.GROWING}

    def sample(
        self, now: float, count: int, standings: Sequence[Standing], remaining: int | None, cost: float, *, held: bool
    ) -> int:
        """The target after one more sample: `count` bytes have come, a request takes `cost` seconds to its first byte."""
        flowing = sum(each.waited is None for each in standings)
        if self.refusals and flowing > self.ceiling:
            # Some that were asked for together with the refused one are served after all.
            self.ceiling = self.target = flowing
        if self.stage is Stage.SETTLED or remaining is None:
            return self.target
        last, self._last = self._last, (now, count)
        if last is None or held:
            self._since = now
            self._measuring.begin(now)
            return self.target
        speed = (count - last[1]) / max(now - last[0], SLACK)
        if self.stage is Stage.OPENING:
            self._open(now, speed, remaining)
            return self.target
        if self._before is not None and self._before.connections == 1 and flowing <= 1:
            # Nobody has joined the first one yet, which is faster by now than it was at the first look.
            self._before = Goodput(1, speed, speed, 0.0)
        if self.stage is Stage.GROWING or self._before is not None or now >= self._due:
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

    # -----------------------------------------------------------------------------------------------------------------

    def _open(self, now: float, speed: float, remaining: int) -> None:
        if now - self._since < FIRST_LOOK - SLACK or remaining < WORTH * speed:
            return
        few = FIRST // 4 if self._small else FIRST // 2
        self._before = Goodput(1, speed, speed, 0.0) if speed > 0 else None
        self.stage = Stage.GROWING
        self._aim(min(FIRST if remaining > MUCH * speed and not self._small else few, self.ceiling), now)

    def _judge(self, now: float, found: Goodput, remaining: int, cost: float) -> None:
        if remaining < found.total * max(WORTH, 3 * cost):
            self.stage = Stage.SETTLED
        elif self.stage is Stage.GROWING:
            self._judge_growth(now, found, remaining)
        elif found.seconds >= BELIEVED - SLACK:
            self._judge_trial(now, found, remaining, cost)

    def _judge_growth(self, now: float, found: Goodput, remaining: int) -> None:
        before, capped, gain = self._before, False, 0.0
        if before is not None and found.bursts and before.seconds < BURST_WINDOW - SLACK:
            # What was measured over less than a second then says nothing.
            before = None
        if before is not None:
            gain = found.gain_over(before)
            if gain < (FAIR_GAIN if self.target < POLITE else STRONG_GAIN):
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
        self.stage, self._before = Stage.CLIMBING, None
        self._due = now + self._pause
        self._aim(min(self.target, max(enough, FIRST // 2)), now)

    def _judge_trial(self, now: float, found: Goodput, remaining: int, cost: float) -> None:
        before = self._before
        if before is None:
            step = min(self.target + max(1, self.target // 4), self.ceiling)
            if remaining < found.total * (3 * WORTH + 3 * cost) or step == self.target:
                self.stage = Stage.SETTLED
            elif found.connections > self.target:
                # There are more still than are wanted: nothing could be learned.
                self._due = now + self._pause
                self._measuring.begin(now)
            else:
                self._before = found
                self._aim(step, now)
        elif found.gain_over(before) >= STRONG_GAIN:
            self.stage, self._before, self._pause = Stage.GROWING, found, FIRST_PAUSE
            self._measuring.begin(now)
            self._aim(min(self.ceiling, self._more(found, remaining, 0.0, capped=False)), now)
        else:
            self._before = None
            self._pause = min(2 * self._pause, LAST_PAUSE)
            self._due = now + self._pause
            self._aim(min(self.target, before.connections), now)

    def _aim(self, target: int, now: float) -> None:
        self.target = max(1, target)
        self._measuring.begin(now)
