"""Shares that are stolen and spans that are fetched twice: from whom, how much, and when not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.policy.hedging import LEAST_ALLOWANCE, Hedging
from dlm.policy.meter import Newcomer, Standing
from dlm.policy.segments import UNBOUNDED, Lease, SegmentMap
from dlm.policy.stealing import ALIGNMENT, LEAST_SHARE, choose_cut

MIB = 1024 * 1024
KIB = 1024


def at_work(lease: Lease, speed: float, *, age: float = 10.0, silent: float = 0.0) -> Standing:
    """One that has a speed."""
    return Standing(lease, speed, known=True, age=age, silent=silent, best=speed)


def rows(*rests: tuple[int, float]) -> list[Standing]:
    """Standings with these rests, one behind the other, and these speeds."""
    found, start = [], 0
    for rest, speed in rests:
        found.append(at_work(Lease(start, start + rest), speed))
        start += rest
    return found


# --- stealing ---------------------------------------------------------------------------------------------------------


def test_the_victim_is_the_one_that_would_finish_last_not_the_largest() -> None:
    """A fast connection with much left finishes before a slow one with little."""
    found = rows((100 * MIB, 100.0 * MIB), (10 * MIB, 1.0 * MIB))
    cut = choose_cut(found, Newcomer(10.0 * MIB, 0.1))
    assert cut is not None
    assert cut.victim is found[1].lease


def test_both_finish_together_by_measured_speed() -> None:
    """The share follows the speeds: three times as fast takes three quarters."""
    (row,) = rows((400 * MIB, 10.0 * MIB))
    cut = choose_cut([row], Newcomer(30.0 * MIB, 0.0))
    assert cut is not None
    assert row.lease.stop - cut.at == pytest.approx(300 * MIB, abs=ALIGNMENT)


def test_a_thief_takes_a_piece_at_a_time() -> None:
    """Far more than that stays with the victim; a share that is hardly more is taken whole."""
    (row,) = rows((400 * MIB, 10.0 * MIB))
    newcomer = Newcomer(10.0 * MIB, 0.0)
    cut = choose_cut([row], newcomer, piece=8 * MIB)
    assert cut is not None
    assert row.lease.stop - cut.at == pytest.approx(8 * MIB, abs=ALIGNMENT)
    cut = choose_cut([row], newcomer, piece=150 * MIB)
    assert cut is not None
    assert row.lease.stop - cut.at == pytest.approx(200 * MIB, abs=ALIGNMENT)


def test_a_connection_that_is_open_already_steals_sooner() -> None:
    """It has no handshakes and no slow start ahead of it."""
    (row,) = rows((4 * MIB, 4.0 * MIB))
    assert choose_cut([row], Newcomer(4.0 * MIB, 0.45)) is None
    assert choose_cut([row], Newcomer(4.0 * MIB, 0.45), Newcomer(4.0 * MIB, 0.15, 0.0)) is not None
    assert Newcomer(4.0 * MIB, 0.15, 0.0).effort == 0.15


def test_the_first_steal_halves_the_rest() -> None:
    """Before anything is measured, both count as equally fast."""
    row = Standing(Lease(0, 64 * MIB))
    cut = choose_cut([row], Newcomer(MIB, 0.0))
    assert cut is not None
    assert cut.at == pytest.approx(32 * MIB, abs=ALIGNMENT)


def test_a_young_connection_is_not_slow_yet() -> None:
    """Slow start is over soon: who has just begun is not robbed because of the speed that it has so far."""
    young = at_work(Lease(0, 4 * MIB), 50.0 * KIB, age=0.3)
    grown = at_work(Lease(4 * MIB, 9 * MIB), 5.0 * MIB)
    cut = choose_cut([young, grown], Newcomer(5.0 * MIB, 0.1))
    assert cut is not None
    assert cut.victim is grown.lease


def test_who_has_fallen_silent_is_robbed_first() -> None:
    """A speed of the past does not help it."""
    silent = at_work(Lease(0, 2 * MIB), 5.0 * MIB, silent=1.5)
    going = at_work(Lease(2 * MIB, 6 * MIB), 5.0 * MIB)
    cut = choose_cut([silent, going], Newcomer(5.0 * MIB, 0.1))
    assert cut is not None
    assert cut.victim is silent.lease


def test_what_is_almost_done_is_left_alone() -> None:
    """A steal must save more than its request costs, and its slow start on a long path."""
    assert choose_cut(rows((2 * MIB, 20.0 * MIB)), Newcomer(20.0 * MIB, 0.2)) is None
    assert choose_cut(rows((4 * MIB, 4.0 * MIB)), Newcomer(4.0 * MIB, 0.04)) is not None
    assert choose_cut(rows((4 * MIB, 4.0 * MIB)), Newcomer(4.0 * MIB, 0.45)) is None


def test_an_open_end_cannot_be_shared() -> None:
    """Nobody knows where half of an unknown size is."""
    assert choose_cut([at_work(Lease(0, UNBOUNDED), 1.0)], Newcomer(1.0, 0.1)) is None


def test_what_two_fetch_already_is_nobody_elses() -> None:
    """A lease that has a twin is not robbed."""
    segments = SegmentMap(100 * MIB)
    lease = segments.claim()
    assert lease is not None
    twin = segments.hedge(lease)
    assert choose_cut([at_work(lease, 1.0 * MIB), at_work(twin, 1.0 * MIB)], Newcomer(5.0 * MIB, 0.1)) is None


standings = st.builds(
    lambda rest, speed, known, waited, silent, age: (rest, speed, known, waited, silent, age),
    st.integers(1, 2**40),
    st.floats(0, 1e10),
    st.booleans(),
    st.none() | st.floats(0, 100),
    st.floats(0, 100),
    st.floats(0, 100),
)


@given(found=st.lists(standings, min_size=1, max_size=8), speed=st.floats(1, 1e10), cost=st.floats(0, 10), twice=st.booleans())
def test_every_cut_and_every_hedge_can_be_made(
    found: list[tuple[int, float, bool, float | None, float, float]], speed: float, cost: float, twice: bool
) -> None:
    """Whatever is measured: a cut lies in the victim's rest and is worth a request, and the SegmentMap takes both."""
    size = sum(rest for rest, *_ in found)
    segments, positions = SegmentMap(size), 0
    lease = segments.claim()
    assert lease is not None
    connections = []
    for at, (rest, own, known, waited, silent, age) in enumerate(found):
        positions += rest
        last = at == len(found) - 1
        tail = None if last else segments.steal(lease, positions)
        connections.append(Standing(lease, own, known, waited, silent, age, own))
        lease = tail or lease
    if twice:
        hedging = Hedging(size)
        hedged = hedging.choose(connections, Newcomer(speed, cost))
        if hedged is not None:
            segments.hedge(hedged)
            assert 0 <= hedging.allowance < max(LEAST_ALLOWANCE, size // 100)
    cut = choose_cut(connections, Newcomer(speed, cost))
    if cut is not None:
        assert cut.victim.stop - cut.at >= LEAST_SHARE
        segments.steal(cut.victim, cut.at)


# --- hedging ----------------------------------------------------------------------------------------------------------


def test_a_crawler_s_last_span_is_fetched_twice() -> None:
    """It would take three seconds, another a tenth of one."""
    crawler = at_work(Lease(0, 60 * KIB), 20.0 * KIB)
    assert Hedging(100 * MIB).choose([crawler], Newcomer(5.0 * MIB, 0.05)) is crawler.lease


def test_who_would_be_done_first_anyhow_is_not_raced() -> None:
    """A second request must win by more than it costs."""
    assert Hedging(100 * MIB).choose(rows((60 * KIB, 1.0 * MIB)), Newcomer(5.0 * MIB, 0.05)) is None


def test_who_waits_too_long_for_its_first_byte_is_raced() -> None:
    """Longer than is usual means as long again."""
    lease = Lease(0, 500 * KIB)
    usual, late = Standing(lease, waited=0.1), Standing(lease, waited=1.0)
    assert Hedging(100 * MIB).choose([usual], Newcomer(5.0 * MIB, 0.1)) is None
    assert Hedging(100 * MIB).choose([late], Newcomer(5.0 * MIB, 0.1)) is lease


def test_what_is_fetched_twice_is_bounded_beforehand() -> None:
    """A hundredth of the file or two mebibytes; a span that is too large for what is left is not raced."""
    hedging, newcomer = Hedging(1000 * MIB), Newcomer(50.0 * MIB, 0.05)
    assert hedging.choose(rows((11 * MIB, 1.0 * MIB)), newcomer) is None
    assert hedging.choose(rows((8 * MIB, 1.0 * MIB)), newcomer) is not None
    assert hedging.choose(rows((3 * MIB, 1.0 * MIB)), newcomer) is None
    assert Hedging(10).allowance == LEAST_ALLOWANCE


def test_a_long_path_makes_a_new_connection_slow_at_first() -> None:
    """What a newcomer takes grows with the round trip, and never shrinks with the size."""
    near, far = Newcomer(10.0 * MIB, 0.02), Newcomer(10.0 * MIB, 0.45)
    assert near.effort < 0.1
    assert far.effort > 1.0
    taken = [far.takes(size) for size in range(0, 20 * MIB, 100 * KIB)]
    assert taken == sorted(taken)
