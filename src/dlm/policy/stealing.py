"""Which lease a connection that has run dry takes a share of, and where it cuts.

The victim is the one that would finish last. The cut is where both finish at the same time, by measured speeds. It is
made only when it saves more time than the new request costs.

    x = v * (rest + own * (cost - delay)) / (own + v)      bytes that the victim keeps, v and own being speeds in bytes a
                                                           second, delay what the victim still waits for its first byte
"""

from __future__ import annotations

from collections.abc import Sequence

from dlm.model.value import dataclass
from dlm.policy.meter import Newcomer, Standing
from dlm.policy.segments import Lease

ALIGNMENT = 16 * 1024
LEAST_SHARE = 32 * 1024
"""A smaller share is not worth a request and the bytes that the victim's server still sends past the cut."""
LEAST_GAIN = 0.1
"""Seconds that a steal must save beyond its cost, and half of that cost on top."""
READY_GAIN = 0.02
"""The same for a connection that is open already."""
REST = 1.5
"""Times as much as a piece that is taken in one piece still."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Take `[at, victim.stop)` from `victim`."""

    victim: Lease
    at: int


def choose_cut(
    standings: Sequence[Standing], newcomer: Newcomer, thief: Newcomer | None = None, piece: int | None = None
) -> Cut | None:
    """The best steal for `thief`, or else for one more connection that is like `newcomer`; or `None`.

    Who has no speed yet is expected to be as fast as `newcomer`. If the share would be far more than `piece`, it is cut down
    to that: the thief comes again, and whoever is fastest has most of what is left.
    """
    rows = [row for row in standings if row.lease.remaining > 0 and row.bounded and row.lease.twin is None]
    if not rows:
        return None
    thief = thief or newcomer
    own, cost = thief.speed, thief.effort
    victim = max(rows, key=lambda row: row.left(newcomer))
    lease, rest, left = victim.lease, victim.lease.remaining, victim.left(newcomer)
    speed = victim.prospect(newcomer)
    delay = victim.delay(newcomer)
    keep = max(0.0, speed * (rest + own * (cost - delay)) / (own + speed))
    # It never loses everything: if it goes on after all, it ends by itself at the cut.
    at = max(lease.position + 1, -(-int(lease.position + keep) // ALIGNMENT) * ALIGNMENT)
    if lease.stop - at < LEAST_SHARE:
        return None
    after = max(delay + (at - lease.position) / speed, cost + (lease.stop - at) / own)
    if left - after <= (READY_GAIN if thief.ready else LEAST_GAIN) + cost / 2:
        return None
    if piece is not None and lease.stop - at > REST * piece:
        at = (lease.stop - piece) // ALIGNMENT * ALIGNMENT
    return Cut(lease, at)
