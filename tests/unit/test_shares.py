"""One rate for several processes: fair, whole, and never too much."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dlm.policy.shares import FLOOR, HEADROOM, Demand, deal

MB = 1_000_000
DEMANDS = st.lists(st.builds(Demand, st.integers(0, 64), st.floats(0, 1e9), st.booleans()), min_size=1, max_size=8)
RATES = st.integers(100, 10**10)


@pytest.mark.parametrize(
    ("rate", "demands", "shares"),
    [
        (5 * MB, [], []),
        (5 * MB, [Demand(1, 0, hungry=True)], [5 * MB]),
        (5 * MB, [Demand(1, 0, hungry=False)], [5 * MB]),
        # by the number of downloads
        (6 * MB, [Demand(2, MB, hungry=True), Demand(1, MB, hungry=True)], [4 * MB, 2 * MB]),
        # what one does not use goes to the other, but for a quarter more than it uses
        (5 * MB, [Demand(1, MB, hungry=False), Demand(1, MB, hungry=True)], [1.25 * MB, 3.75 * MB]),
        # who could use more than its fair share gets the fair share
        (5 * MB, [Demand(1, 4 * MB, hungry=False), Demand(1, MB, hungry=True)], [2.5 * MB, 2.5 * MB]),
        # what many do not use goes to one that could use it
        (5_500_000, [Demand(10, 3.2 * MB, hungry=False), Demand(1, 1.6 * MB, hungry=False)], [4 * MB, 1.5 * MB]),
        # who has just begun gets the floor
        (5 * MB, [Demand(1, 0, hungry=False), Demand(1, MB, hungry=True)], [FLOOR, 5 * MB - FLOOR]),
        # the floor is no privilege
        (10_000, [Demand(1, 0, hungry=False), Demand(1, 1, hungry=True)], [5000, 5000]),
        # nobody is held back: what is left is headroom for all
        (5 * MB, [Demand(1, 0.8 * MB, hungry=False), Demand(1, 1.6 * MB, hungry=False)], [2 * MB, 3 * MB]),
        # a process without downloads keeps a foot in the door
        (5 * MB, [Demand(0, 0, hungry=False), Demand(9, MB, hungry=True)], [FLOOR, 5 * MB - FLOOR]),
        # less than a byte for each is still a byte for each
        (2, [Demand(1, MB, hungry=True)] * 3, [1, 1, 1]),
    ],
)
def test_a_rate_is_dealt(rate: int, demands: list[Demand], shares: list[float]) -> None:
    """Each row holds within a byte or two of rounding."""
    found = deal(rate, demands)
    assert found == pytest.approx(shares, abs=2)
    assert rate < len(demands) or sum(found) == (rate if demands else 0)


@given(RATES, DEMANDS)
def test_the_shares_are_the_rate_and_nobody_gets_nothing(rate: int, demands: list[Demand]) -> None:
    """All of the rate is dealt, never more, and everybody has some of it."""
    shares = deal(rate, demands)
    assert sum(shares) == rate
    assert min(shares) >= 1


@given(st.integers(1, 20), DEMANDS)
def test_the_smallest_rates_too(rate: int, demands: list[Demand]) -> None:
    """Where there is a byte for each, nobody's byte is taken from the sum."""
    shares = deal(rate, demands)
    assert min(shares) >= 1
    assert sum(shares) == max(rate, len(demands))


@given(RATES, DEMANDS)
def test_who_is_not_held_back_keeps_what_it_uses(rate: int, demands: list[Demand]) -> None:
    """It gets a quarter more than it uses, or its fair share by weight where that is less."""
    weights = [max(1, demand.weight) for demand in demands]
    for demand, weight, share in zip(demands, weights, deal(rate, demands), strict=True):
        fair = rate * weight / sum(weights)
        assert demand.hungry or share >= min(demand.speed * HEADROOM, fair) * 0.999 - 1 - len(demands)
        assert not demand.hungry or share >= fair * 0.999 - 1 - len(demands)


@given(st.integers(10**6, 10**10), DEMANDS)
def test_the_hungry_share_by_weight(rate: int, demands: list[Demand]) -> None:
    """All that are held back get the same for each download, and nobody who is not gets more."""
    assume(any(demand.hungry for demand in demands))
    weights = [max(1, demand.weight) for demand in demands]
    levels = [share / weight for share, weight in zip(deal(rate, demands), weights, strict=True)]
    hungry = [level for demand, level in zip(demands, levels, strict=True) if demand.hungry]
    assert max(hungry) - min(hungry) <= 2 + len(demands)
    assert max(levels) <= max(hungry) + 2 + len(demands)


@given(RATES, DEMANDS, st.integers(0, 10**9))
def test_a_higher_rate_takes_nothing_from_anybody(rate: int, demands: list[Demand], more: int) -> None:
    """When the limit is raised, no share falls, but for rounding."""
    before, after = deal(rate, demands), deal(rate + more, demands)
    assert all(new >= old - 2 - len(demands) - rate * 1e-9 for old, new in zip(before, after, strict=True))
