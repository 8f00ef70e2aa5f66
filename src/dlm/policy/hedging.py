"""The end game: the last spans are fetched twice, and the first to finish wins.

When nothing is free and no steal pays any more, a connection that has run dry still may beat one that crawls, or waits for
its first byte, to the end of its lease. What that can waste is bounded beforehand: a hedge of n bytes fetches at most n
bytes twice, and all hedges together may not exceed the allowance.
"""

from __future__ import annotations

from collections.abc import Sequence

from dlm.policy.meter import Newcomer, Standing
from dlm.policy.segments import Lease

LEAST_ALLOWANCE = 2 * 1024 * 1024
ALLOWED_SHARE = 0.01
"""Of the whole: how many bytes may be fetched twice, if that is more than the least."""
LEAST_GAIN = 0.15
"""Seconds that a hedge must be expected to save, and half the cost of its request on top."""


class Hedging:
    """Chooses what to fetch twice, within the allowance of one download of `size` bytes."""

    def __init__(self, size: int) -> None:
        self.allowance = max(LEAST_ALLOWANCE, int(ALLOWED_SHARE * size))
        """Bytes that may still be fetched twice."""
        self.pairs: set[Lease] = set()
        """The leases that are, or were, two for the same bytes."""

    def choose(self, standings: Sequence[Standing], newcomer: Newcomer, thief: Newcomer | None = None) -> Lease | None:
        """The lease for `thief`, or else for one more connection that is like `newcomer`, to fetch a second time; or `None`."""
        thief = thief or newcomer
        rows = [
            row
            for row in standings
            if row.bounded
            and row.lease.twin is None
            and 0 < row.lease.remaining <= self.allowance
            and row.left(newcomer) - thief.takes(row.lease.remaining) > LEAST_GAIN + thief.cost / 2
        ]
        if not rows:
            return None
        lease = max(rows, key=lambda row: row.left(newcomer)).lease
        self.allowance -= lease.remaining
        return lease
