"""What so many connections bring: measured when they are all there and have come up to speed, and over long enough.

Two things would be mistaken for an answer. New connections are slow at first, so they get a moment to settle. Many servers
that limit a connection send what it may have once a second: over three tenths of that the goodput is anything, so where
little comes between two samples again and again, the window grows to two seconds. Once means nothing: a lost packet holds
up what has come behind it.
"""

from __future__ import annotations

from collections.abc import Sequence

from dlm.model.value import dataclass
from dlm.policy.meter import Standing
from dlm.policy.segments import Lease
from dlm.policy.speed import median

SETTLE = 0.1
"""Seconds that new connections get from their first bytes on; more where requests take longer, up to `LONGEST_SETTLE`."""
LONGEST_SETTLE = 0.5
WINDOW = 0.2
"""Seconds over which the goodput is measured, at least."""
BURST_WINDOW = 2.0
"""The same for a server that sends in bursts."""
BURST = 0.2
"""Of the mean: if less comes between two samples half of the time, the server sends in bursts."""
EVEN = 0.15
"""By what part speeds may differ that are called the same."""
SLACK = 0.01


@dataclass(frozen=True, slots=True)
class Goodput:
    """So many connections brought so much: all together and each in the median, in bytes a second, over so many seconds."""

    connections: int
    total: float
    each: float
    seconds: float
    even: bool = False
    """Whether nearly all are equally fast: one in eight may be out of line, because it has just begun or crawls."""
    bursts: bool = False

    def gain_over(self, before: Goodput) -> float:
        """1 if it grew in proportion to the connections, 0 if it did not grow."""
        if before.total <= 0 or self.connections <= before.connections:
            return 0.0
        return (self.total / before.total - 1) / (self.connections / before.connections - 1)

    def same_each(self, before: Goodput) -> bool:
        """Whether each connection is as fast as each of fewer was: then it is the connection that is limited."""
        return self.even and before.each > 0 and abs(self.each / before.each - 1) < EVEN


class Measuring:
    """One measurement after the other. Times in monotonic seconds."""

    def __init__(self) -> None:
        self._since = 0.0
        self._settled_at: float | None = None
        self._marked: dict[Lease, int] | None = None
        self._samples: list[tuple[float, int]] = []

    def begin(self, now: float) -> None:
        """Measure anew, from now on."""
        self._since, self._settled_at, self._marked = now, None, None
        self._samples.clear()

    def sample(self, now: float, count: int, standings: Sequence[Standing], wanted: int, cost: float) -> Goodput | None:
        """`count` bytes have come in all. What was measured, once it means something; then again with each sample.

        `wanted` connections are waited for, within reason; a request takes `cost` seconds to its first byte.
        """
        if not self._settled(now, standings, wanted, cost):
            return None
        if self._marked is None:
            self._marked = {each.lease: each.lease.position for each in standings if each.waited is None}
        self._samples.append((now, count))
        elapsed = now - self._samples[0][0]
        lasting = [each.lease for each in standings if each.lease in self._marked]
        if elapsed < WINDOW - SLACK or not lasting:
            return None
        total = (count - self._samples[0][1]) / elapsed
        bursts = self._bursts(total)
        if bursts and elapsed < BURST_WINDOW - SLACK:
            return None
        rates = [(lease.position - self._marked[lease]) / elapsed for lease in lasting]
        middle = median(rates)
        even = sum(abs(rate - middle) > EVEN * middle for rate in rates) <= len(rates) / 8
        return Goodput(len(self._marked), total, middle, elapsed, even, bursts)

    def _settled(self, now: float, standings: Sequence[Standing], wanted: int, cost: float) -> bool:
        """Who keeps the others waiting for long is not waited for."""
        flowing = sum(each.waited is None for each in standings)
        if self._settled_at is None and (flowing >= wanted or now - self._since > 2 * cost + LONGEST_SETTLE):
            self._settled_at = now + min(max(SETTLE, cost), LONGEST_SETTLE)
        return self._settled_at is not None and now >= self._settled_at - SLACK

    def _bursts(self, mean: float) -> bool:
        if mean <= 0:
            return True
        steps = zip(self._samples, self._samples[1:], strict=False)
        low = [(after - before) < BURST * mean * (end - begin) for (begin, before), (end, after) in steps]
        return 2 * sum(low) >= len(low)
