"""What one connection has brought, and when: its speed, its silence, its wait for the first byte.

The speed is that of the last two seconds, counted from the first byte on: long enough for servers that send once a second,
short enough for a connection that falls silent to have no speed left before anybody waits for it. Pure: the time is an
argument, in monotonic seconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from math import inf, log2

from dlm.model.value import dataclass
from dlm.policy.segments import UNBOUNDED, Lease

WINDOW = 2.0
"""Seconds over which a speed is taken."""
LEAST_WINDOW = 0.25
"""Seconds before which a speed says nothing."""
SILENCE = 0.5
"""Seconds without a byte from which on a connection is expected to be silent for as long again."""
ROUND_TRIPS = 2.5
"""From a request on a new connection to its first byte, at least: one for TCP, perhaps one for TLS, one to answer."""
LONGEST_ROUND_TRIP = 0.2
"""Seconds. What takes longer than its round trips is a server that thinks."""
FIRST_WINDOW = 14_480
"""Bytes that a server sends at first; each round trip doubles it (RFC 6928)."""
OVERSLEPT = 1.0
"""Seconds between two samples after which this machine was too busy to say that the other was silent."""
LEAST_YOUTH = 0.4
YOUTH = 1.5
"""Times the slow start, before a connection's speed is taken for what it can do; never less than the seconds above."""
RECENT = 12
"""Connections, the latest that were started, whose speeds say what one more would have."""
UNMEASURED_SPEED = 1024.0 * 1024.0
"""Bytes a second assumed of a connection while none has a speed."""


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A connection that might be opened: `cost` seconds to its first byte, then slow start, then so many bytes a second.

    `trip` is the round trip, as far as it is known. For one that is open already and up to speed it is 0.
    """

    speed: float
    cost: float
    trip: float | None = None

    @property
    def ready(self) -> bool:
        """Whether it is open already, so that there is no slow start any more."""
        return self.trip == 0

    @property
    def effort(self) -> float:
        """Seconds that it loses against one that is up to speed already, if it has much to fetch."""
        doublings = self._doublings
        return self.cost + max(0.0, doublings * self._trip - FIRST_WINDOW * (2**doublings - 1) / self.speed)

    def takes(self, size: int) -> float:
        """Seconds until it has fetched so many bytes."""
        if size < FIRST_WINDOW * (2**self._doublings - 1):
            return self.cost + self._trip * log2(1 + size / FIRST_WINDOW)
        return self.effort + size / self.speed

    @property
    def youth(self) -> float:
        """Seconds after its first byte until its speed says what it can do."""
        return max(LEAST_YOUTH, YOUTH * self._doublings * self._trip)

    @property
    def _doublings(self) -> float:
        """Of the window, until it is up to speed."""
        return log2(max(1.0, self.speed * self._trip / FIRST_WINDOW))

    @property
    def _trip(self) -> float:
        return self.trip if self.trip is not None else min(self.cost / ROUND_TRIPS, LONGEST_ROUND_TRIP)


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

    def seen(self, newcomer: Newcomer) -> Standing:
        """The same with the speed that its own host is known for, to be judged by somebody who knows another host only."""
        return replace(self, speed=self.prospect(newcomer), known=True, age=inf)

    @property
    def bounded(self) -> bool:
        """Whether it is known where its lease ends."""
        return self.lease.stop < UNBOUNDED

    def left(self, newcomer: Newcomer) -> float:
        """Seconds that it needs to the end of its lease; what is not known of it is taken from `newcomer`.

        Who waits longer for the first byte than is usual is expected to wait for as long again; and so is who has fallen
        silent.
        """
        return self.delay(newcomer) + self.lease.remaining / self.prospect(newcomer)

    def prospect(self, newcomer: Newcomer) -> float:
        """The speed that it will have, as far as can be told: a young one is not slower than is usual for long."""
        return max(self.speed if self.grown_up(newcomer) else max(self.speed, newcomer.speed), 1.0)

    def grown_up(self, newcomer: Newcomer) -> bool:
        """Whether its speed says what it can do."""
        return self.known and self.age >= newcomer.youth

    def delay(self, newcomer: Newcomer) -> float:
        """Seconds until it goes on, as far as can be told."""
        if self.waited is not None:
            return max(newcomer.effort - self.waited, 0.0) or self.waited
        return self.silent if self.silent >= SILENCE else 0.0


class Expectation:
    """What may be expected of one more connection: the upper quartile of those started last, as fast as they were last seen.

    Also of those that have ended: when only slow ones are left, they are no measure for a new one. But each new one that turns
    out no faster takes the place of an older one, so a host that has become slow is believed after a few. The fast ones often
    end young, so that a young one is fast counts, that it is slow does not yet.
    """

    def __init__(self) -> None:
        self._speeds: dict[Lease, float] = {}

    def sample(self, standings: Sequence[Standing], newcomer: Newcomer) -> None:
        """These are there now."""
        expected = self.speed if self._speeds else 0.0
        for each in standings:
            if each.grown_up(newcomer) or (each.known and each.speed >= expected > 0):
                self._speeds[each.lease] = each.speed
        for lease in list(self._speeds)[:-RECENT]:
            del self._speeds[lease]

    @property
    def speed(self) -> float:
        """Bytes a second."""
        speeds = sorted(self._speeds.values())
        return max(speeds[len(speeds) * 3 // 4], 1.0) if speeds else UNMEASURED_SPEED


class Meter:
    """Measures one connection."""

    __slots__ = ("_arrived", "_began", "_best", "_first", "_position", "_sampled", "_samples")

    def __init__(self, now: float, position: int) -> None:
        self._began = self._arrived = self._sampled = now
        self._position = position
        self._first: float | None = None
        self._best = 0.0
        self._samples: deque[tuple[float, int]] = deque()

    @property
    def first_byte(self) -> float | None:
        """Seconds from the request to the first byte, as exactly as the samples show it; `None` before."""
        return None if self._first is None else self._first - self._began

    def answered(self, at: float) -> None:
        """Its first byte came then, which is more exact than a sample."""
        if self._first is None:
            self._first = self._arrived = at
            self._samples.append((at, self._position))

    def sample(self, now: float, position: int, *, held: bool = False) -> None:
        """Its lease has come to `position`. While dlm itself held it back (`held`), or slept, silence is no fault."""
        if held or now - self._sampled > OVERSLEPT:
            self._arrived = now
        self._sampled = now
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
