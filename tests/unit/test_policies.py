"""The pure decisions of a transfer: stealing, ramp, speed, continuity."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.model.download import Checkpoint, Place
from dlm.model.resource import Mirror, Part, Resource, Validator, Verification
from dlm.model.span import Span
from dlm.policy.continuity import OVERLAP, confidence, may_continue, may_split, overlap_at
from dlm.policy.ramp import SETTLE, Ramp
from dlm.policy.segments import UNBOUNDED, Lease, SegmentMap
from dlm.policy.speed import Speedometer
from dlm.policy.stealing import ALIGNMENT, LEAST_SHARE, Standing, choose_cut

MIB = 1024 * 1024


def leases(*rests: tuple[int, float]) -> list[Standing]:
    """Standings with these rests, one behind the other, and these speeds."""
    rows, start = [], 0
    for rest, speed in rests:
        rows.append(Standing(Lease(start, start + rest), speed))
        start += rest
    return rows


# --- stealing ---------------------------------------------------------------------------------------------------------


def test_the_victim_is_the_one_that_would_finish_last_not_the_largest() -> None:
    """A fast connection with much left finishes before a slow one with little."""
    rows = leases((100 * MIB, 100.0 * MIB), (10 * MIB, 1.0 * MIB))
    cut = choose_cut(rows, 10.0 * MIB, 0.1)
    assert cut is not None
    assert cut.victim is rows[1].lease


def test_both_finish_together_by_measured_speed() -> None:
    """The share follows the speeds: three times as fast takes three quarters."""
    (row,) = leases((400 * MIB, 10.0 * MIB))
    cut = choose_cut([row], 30.0 * MIB, 0.0)
    assert cut is not None
    assert row.lease.stop - cut.at == pytest.approx(300 * MIB, abs=ALIGNMENT)


def test_the_first_steal_halves_the_rest() -> None:
    """Before anything is measured, both count as equally fast."""
    (row,) = leases((64 * MIB, 0.0))
    cut = choose_cut([row], 0.0, 0.0)
    assert cut is not None
    assert cut.at == pytest.approx(32 * MIB, abs=ALIGNMENT)


def test_what_is_almost_done_is_left_alone() -> None:
    """A steal must save more than its request costs."""
    assert choose_cut(leases((2 * MIB, 20.0 * MIB)), 20.0 * MIB, 0.2) is None


def test_an_open_end_cannot_be_shared() -> None:
    """Nobody knows where half of an unknown size is."""
    assert choose_cut([Standing(Lease(0, UNBOUNDED), 1.0)], 1.0, 0.1) is None


@given(
    rests=st.lists(st.tuples(st.integers(1, 2**40), st.floats(0, 1e10)), min_size=1, max_size=8),
    own=st.floats(0, 1e10),
    cost=st.floats(0, 10),
)
def test_every_cut_can_be_made(rests: list[tuple[int, float]], own: float, cost: float) -> None:
    """Whatever is measured, a cut lies in the victim's rest, is worth a request, and the SegmentMap takes it."""
    segments = SegmentMap(sum(rest for rest, _ in rests))
    rows, at = [], 0
    whole = segments.claim()
    assert whole is not None
    for rest, speed in rests[:-1]:
        at += rest
        tail = segments.steal(whole, at)
        rows.append(Standing(whole, speed))
        whole = tail
    rows.append(Standing(whole, rests[-1][1]))
    cut = choose_cut(rows, own, cost)
    if cut is not None:
        assert cut.victim.stop - cut.at >= LEAST_SHARE
        segments.steal(cut.victim, cut.at)


# --- ramp -------------------------------------------------------------------------------------------------------------


def run_ramp(per_connection: float, link: float, ceiling: int = 16, seconds: float = 20.0) -> Ramp:
    """A host that gives each connection so much, over a link that carries so much."""
    ramp, now, count = Ramp(ceiling), 0.0, 0
    while now < seconds:
        active = ramp.target
        ramp.sample(now, count, active, 10**12, limited=False)
        now += SETTLE / 2
        count += int(min(link, active * per_connection) * SETTLE / 2)
    return ramp


def test_connections_double_while_each_brings_its_share() -> None:
    """A cap on each connection is answered with as many as are allowed."""
    assert run_ramp(1e6, 1e9).target == 16


def test_connections_stop_growing_when_the_link_is_full() -> None:
    """A link that one connection fills gets four in all: two doublings must not have paid before that is believed."""
    assert run_ramp(1e8, 1e8).target == 4


def test_growth_follows_the_link() -> None:
    """A link that four connections fill never gets as many as sixty-four."""
    assert run_ramp(2.5e7, 1e8, ceiling=64).target == 16


def test_a_refusal_ends_the_growth() -> None:
    """After a refusal there are never more connections than were served."""
    ramp = Ramp(16)
    ramp.target = 8
    ramp.refused(5)
    assert (ramp.target, ramp.ceiling) == (5, 5)
    for step in range(100):
        ramp.sample(step * 1.0, step * step * 10**6, 5, 10**12, limited=False)
    assert ramp.target == 5


def test_our_own_limit_teaches_nothing_about_the_host() -> None:
    """While dlm holds the transfer back, no connection is added."""
    ramp = Ramp(16)
    for step in range(100):
        ramp.sample(step * 1.0, step * 10**6, 1, 10**12, limited=True)
    assert ramp.target == 1


def test_a_small_rest_gets_no_more_connections() -> None:
    """What is over in a moment is not worth another handshake."""
    ramp = Ramp(16)
    for step in range(10):
        ramp.sample(step * 1.0, step * 10**6, 1, 10**5, limited=False)
    assert ramp.target == 1


# --- speed ------------------------------------------------------------------------------------------------------------


def test_a_speedometer_follows_a_change_within_two_seconds() -> None:
    """The smoothed speed is within 15 % of the new one after ten samples."""
    meter, count = Speedometer(0.0), 0
    for step in range(1, 11):
        count += 200
        meter.sample(step * 0.2, count)
    assert meter.smoothed == pytest.approx(1000)
    for step in range(11, 21):
        count += 20
        meter.sample(step * 0.2, count)
    assert meter.smoothed == pytest.approx(100, rel=0.3)
    assert meter.eta(1000) == pytest.approx(1000 / meter.smoothed)


def test_no_speed_gives_no_time_left() -> None:
    """Nothing is foretold from nothing."""
    assert Speedometer(0.0).eta(100) is None


# --- continuity -------------------------------------------------------------------------------------------------------


def resource(etag: str | None = '"v1"', size: int | None = 1000, *, ranged: bool = True, encoded: bool = False) -> Resource:
    """A Resource of one file."""
    return Resource((Mirror("http://host/f"),), (Part("f", size),), Validator(etag), ranged, encoded)


STRONG, WEAK, NONE = resource('"v1"'), resource('W/"v1"'), resource(None)


def test_only_a_proof_lets_several_replies_make_one_file_unseen() -> None:
    """A strong validator or a digest joins; a weak one, none, no ranges, no size or a coding do not."""
    assert may_split(STRONG, digest_known=False)
    assert may_split(NONE, digest_known=True)
    for unfit in (WEAK, NONE, resource(ranged=False), resource(size=None), resource(encoded=True)):
        assert not may_split(unfit, digest_known=False)


def test_without_proof_the_joint_is_compared() -> None:
    """Bytes before the joint are fetched again and compared; with proof there is no need."""
    assert overlap_at(STRONG, 10**6, digest_known=False) == 0
    assert overlap_at(NONE, 10**6, digest_known=True) == 0
    assert overlap_at(WEAK, 10**6, digest_known=False) == OVERLAP
    assert overlap_at(NONE, 100, digest_known=False) == 100


def test_what_cannot_be_asked_for_in_part_cannot_be_continued() -> None:
    """No ranges, or nothing there: the next run begins anew."""
    place = Place("/d", "f", "f.part", 1, 2)
    assert may_continue(Checkpoint(STRONG, place, (Span(0, 10),)))
    assert not may_continue(Checkpoint(STRONG, place))
    assert not may_continue(Checkpoint(resource(ranged=False), place, (Span(0, 10),)))


def test_confidence_never_claims_more_than_is_known() -> None:
    """verified needs a digest, consistent a length and one reply or one strong validator."""
    assert confidence(NONE, matched="sha-256", joined=True).how is Verification.VERIFIED
    assert confidence(STRONG, matched=None, joined=True).how is Verification.CONSISTENT
    assert confidence(NONE, matched=None, joined=False).how is Verification.CONSISTENT
    assert confidence(NONE, matched=None, joined=True).how is Verification.UNVERIFIED
    assert confidence(resource(size=None), matched=None, joined=False).how is Verification.UNVERIFIED
