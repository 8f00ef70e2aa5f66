"""Which lease a connection that has run dry takes a share of, and where it cuts.

The victim is the one that would finish last. The cut is where both finish at the same time, by measured speeds. It is
made only when it saves more time than the new request costs.

    x = v * (rest + own * cost) / (own + v)      bytes that the victim keeps, v and own being speeds in bytes a second
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dlm.policy.segments import UNBOUNDED, Lease

ALIGNMENT = 16 * 1024
LEAST_SHARE = 32 * 1024
"""A smaller share is not worth a request and the bytes that the victim's server still sends past the cut."""
LEAST_GAIN = 0.15
"""Seconds that a steal must save beyond its cost."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A lease and the measured speed of its connection in bytes a second; 0 when nothing is known yet."""

    lease: Lease
    speed: float


@dataclass(frozen=True, slots=True)
class Cut:
    """Take `[at, victim.stop)` from `victim`."""

    victim: Lease
    at: int


def choose_cut(standings: Iterable[Standing], own_speed: float, cost: float) -> Cut | None:
    """The best steal for a connection of `own_speed` that needs `cost` seconds until its first byte, or `None`.

    Unknown speeds count as the mean of the known ones, so that the first steal of a download halves the rest.
    """
    rows = [row for row in standings if row.lease.remaining > 0 and row.lease.stop < UNBOUNDED]
    if not rows:
        return None
    known = [row.speed for row in rows if row.speed > 0] or [1024 * 1024.0]
    mean = sum(known) / len(known)
    own = own_speed or mean
    speeds = {id(row): row.speed or mean for row in rows}
    victim = max(rows, key=lambda row: row.lease.remaining / speeds[id(row)])
    speed, rest = speeds[id(victim)], victim.lease.remaining
    keep = speed * (rest + own * cost) / (own + speed)
    at = -(-int(victim.lease.position + keep) // ALIGNMENT) * ALIGNMENT
    if victim.lease.stop - at < LEAST_SHARE:
        return None
    saved = rest / speed - max((at - victim.lease.position) / speed, cost + (victim.lease.stop - at) / own)
    return Cut(victim.lease, at) if saved > LEAST_GAIN else None
