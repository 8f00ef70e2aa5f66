"""One rate for several processes: who gets how much of it.

Shares are max-min fair, by weight: what one does not use goes to those that could use more, and nobody can get more but
at the cost of somebody who has less. What is left when all have what they use is headroom, dealt by weight as well, so
that a process that grows need not wait for the next deal.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from dlm.model.value import dataclass

HEADROOM = 1.25
"""What a process that is not held back uses, times this, is kept for it."""
FLOOR = 64 * 1024
"""Bytes a second kept at least, as far as its fair share allows: what has just begun has no speed yet."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What one process could use: `weight` downloads, `speed` measured in bytes a second, `hungry` when its limit held it."""

    weight: int
    speed: float
    hungry: bool


def deal(rate: int, demands: Sequence[Demand]) -> list[int]:
    """The shares of `rate` in bytes a second, in the order of `demands`.

    They never come to more than `rate` together, and nobody gets 0. Only where the rate has not a byte for each, which no
    limit worth setting is like, each gets 1: a share of 0 would stop downloads, or be taken for no limit.
    """
    if rate < len(demands):
        return [1] * len(demands)
    weights = [max(1, demand.weight) for demand in demands]
    wants = [inf if demand.hungry else max(FLOOR, demand.speed * HEADROOM) for demand in demands]
    shares = [0.0] * len(demands)
    # The first byte is everybody's own, so that rounding can leave nobody with none.
    spare = rate - len(demands)
    rest, heavy = float(spare), sum(weights)
    for n in sorted(range(len(demands)), key=lambda n: wants[n] / weights[n]):
        shares[n] = min(wants[n], rest * weights[n] / heavy)
        rest, heavy = rest - shares[n], heavy - weights[n]
    heavy = sum(weights)
    whole = [1 + int(share + rest * weight / heavy) for share, weight in zip(shares, weights, strict=True)]
    if whole:
        whole[whole.index(max(whole))] += rate - sum(whole)
    return whole
