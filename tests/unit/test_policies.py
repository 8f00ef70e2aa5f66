"""The pure decisions of a transfer: speed, continuity."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.model.download import Checkpoint, Place
from dlm.model.resource import Mirror, Part, Resource, Validator, Verification
from dlm.model.span import Span
from dlm.policy.continuity import OVERLAP, confidence, may_continue, may_split, overlap_at
from dlm.policy.speed import Speedometer, median

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


@given(st.lists(st.floats(0, 1e12), min_size=1, max_size=9))
def test_the_median_is_that_of_the_standard_library(values: list[float]) -> None:
    """Of an odd number the middle one, of an even number the mean of the two in the middle, in whatever order they come."""
    assert median(values) == statistics.median(values)
    assert median(reversed(sorted(values))) == statistics.median(values)


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
