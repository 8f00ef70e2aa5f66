"""What one connection has brought, and when: its speed, its silence, its wait for the first byte.

The speed is that of the last two seconds, counted from the first byte on: long enough for servers that send once a second,
short enough for a connection that falls silent to have no speed left before anybody waits for it. Pure: the time is an
argument, in monotonic seconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from dlm.policy.segments import UNBOUNDED, Lease

WINDOW = 2.0
"""Seconds over which a speed is taken."""
LEAST_WINDOW = 0.25
"""Seconds before which a speed says nothing."""
UNMEASURED_SPEED = 1024.0 * 1024.0
"""Bytes a second assumed of a connection while none has a speed."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A connection at one moment. Times in seconds, speeds in bytes a second."""

    lease: Lease
    speed: float = 0.0
    """0 while nothing is known, and when nothing has come for `WINDOW` (then `known` is true)."""
    known: bool = False
    waited: float | None = None
    """For how long it has been waiting for its first byte; `None` once that has come."""
    silent: float = 0.0
    """Since its last byte, or since it began."""
    age: float = 0.0
    """Since its first byte."""
    best: float = 0.0
    """The highest speed that it has had."""

    @property
    def bounded(self) -> bool:
        """Whether it is known where its lease ends."""
        return self.lease.stop < UNBOUNDED

    def left(self, typical: float, cost: float) -> float:
        """Seconds that it needs to the end of its lease. `typical` stands in for a speed that is not known.

        Who waits longer for the first byte than the usual `cost` is expected to wait for as long again.
        """
        delay = 0.0
        if self.waited is not None:
            delay = max(cost - self.waited, 0.0) or self.waited
        speed = self.speed if self.known else typical
        return delay + self.lease.remaining / max(speed, 1.0)


def typical_speed(standings: Sequence[Standing]) -> float:
    """What may be expected of one more connection: the median of those that have a speed."""
    return median([each.speed for each in standings if each.known and each.speed > 0] or [UNMEASURED_SPEED])


class Meter:
    """Measures one connection."""

    __slots__ = ("_arrived", "_began", "_best", "_first", "_position", "_samples")

    def __init__(self, now: float, position: int) -> None:
        self._began = self._arrived = now
        self._position = position
        self._first: float | None = None
        self._best = 0.0
        self._samples: deque[tuple[float, int]] = deque()

    @property
    def first_byte(self) -> float | None:
        """Seconds from the request to the first byte, as exactly as the samples show it; `None` before."""
        return None if self._first is None else self._first - self._began

    def sample(self, now: float, position: int) -> None:
        """Its lease has come to `position`."""
        if position > self._position:
            self._position, self._arrived = position, now
            if self._first is None:
                self._first = now
        if self._first is None:
            return
        self._samples.append((now, position))
        while len(self._samples) > 2 and now - self._samples[1][0] >= WINDOW:
            self._samples.popleft()
        speed = self._speed()
        if speed is not None and now - self._samples[0][0] >= WINDOW / 2:
            self._best = max(self._best, speed)

    def standing(self, now: float, lease: Lease) -> Standing:
        """How it stands now."""
        speed = self._speed()
        return Standing(
            lease,
            speed or 0.0,
            speed is not None,
            None if self._first is not None else now - self._began,
            now - self._arrived,
            0.0 if self._first is None else now - self._first,
            self._best,
        )

    def _speed(self) -> float | None:
        if len(self._samples) < 2:
            return None
        (begin, before), (end, after) = self._samples[0], self._samples[-1]
        return (after - before) / (end - begin) if end - begin >= LEAST_WINDOW else None
