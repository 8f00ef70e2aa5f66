"""How many connections a download uses: doubling while it pays.

Start with one. New connections get a moment to come up to speed; then the goodput is measured over a window of its
own. As long as the added connections bring a fair share of what the earlier ones brought, double again. One
doubling that does not pay is not believed yet, because servers that limit a connection send in bursts; a second one
ends the growth. So does a refusal (429, 503, a reset at accept), which also takes one back.
"""

from __future__ import annotations

SETTLE = 0.4
"""Seconds that new connections get to come up to speed, before anything is measured."""
WINDOW = 0.6
"""Seconds over which the goodput is then measured."""
FAIR_GAIN = 0.25
"""The least share of a proportional gain for which doubling goes on."""
DOUBTS = 2
"""Doublings in a row that must not have paid."""
WORTH = 1.5
"""Seconds of work that must be left for more connections to be worth opening."""


class Ramp:
    """The number of connections to have, from samples. Pure: the time is an argument, in monotonic seconds."""

    def __init__(self, ceiling: int) -> None:
        self.target = 1
        self._ceiling = ceiling
        self._growing = ceiling > 1
        self._since: float | None = None
        self._mark: tuple[float, int] | None = None
        self._before = (0, 0.0)
        self._doubts = 0

    @property
    def ceiling(self) -> int:
        """As many connections as are known to be allowed."""
        return self._ceiling

    def sample(self, now: float, count: int, active: int, remaining: int | None, *, limited: bool) -> int:
        """The target after one more sample: `count` bytes have come in all, `active` connections are at work.

        While our own limit or the disk holds the transfer back (`limited`), a sample says nothing about the host.
        """
        if not self._growing or remaining is None:
            return self.target
        if self._since is None or active < self.target or limited:
            self._since, self._mark = now, None
        elif self._mark is None:
            if now - self._since >= SETTLE:
                self._mark = (now, count)
        elif now - self._mark[0] >= WINDOW:
            self._judge((count - self._mark[1]) / (now - self._mark[0]), active, remaining)
            self._since, self._mark = now, None
        return self.target

    def refused(self, active: int) -> None:
        """The server would not have one more: stay with those that it serves."""
        self._ceiling = max(1, active)
        self.target = min(self.target, self._ceiling)
        self._growing = False

    def _judge(self, goodput: float, active: int, remaining: int) -> None:
        connections, earlier = self._before
        paid = not connections or goodput / earlier - 1 >= FAIR_GAIN * (active / connections - 1)
        self._doubts = 0 if paid else self._doubts + 1
        if self._doubts >= DOUBTS or (goodput > 0 and remaining / goodput < WORTH):
            self._growing = False
            return
        if goodput > earlier:
            self._before = (active, goodput)
        self.target = min(2 * self.target, self._ceiling)
        self._growing = self.target < self._ceiling
