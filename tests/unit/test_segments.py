"""SegmentMap: no byte is lost or owned twice, whatever happens in whatever order."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlm.model.span import Span, merge, total
from dlm.policy.segments import UNBOUNDED, Lease, SegmentMap
from tests.examples import examples

SIZE = 1000


def assert_disjoint_cover(segments: SegmentMap) -> None:
    """Done, the rest of each lease, and free are the whole, each byte once; of a pair the one that is ahead counts."""
    for lease in segments.leases:
        assert lease.twin is None or (lease.twin.twin is lease and lease.twin in segments.leases)
    ahead = [
        each for each in segments.leases if each.twin is None or each.position > each.twin.position or first(segments, each)
    ]
    rests = [Span(lease.position, lease.stop) for lease in ahead]
    pieces = [*segments.done(), *(rest for rest in rests if rest.size), *segments.free()]
    whole = SIZE if segments.size is None else segments.size
    clipped = [Span(piece.start, min(piece.stop, whole)) for piece in pieces if piece.start < whole]
    assert total(clipped) == whole
    assert merge(clipped) == ([Span(0, whole)] if whole else [])


def first(segments: SegmentMap, lease: Lease) -> bool:
    """Whether it is the older one of a pair that is level."""
    twin = lease.twin
    return twin is not None and lease.position == twin.position and segments.leases.index(lease) < segments.leases.index(twin)


@st.composite
def done_spans(draw: st.DrawFn) -> list[Span]:
    """Any sorted, possibly touching and overlapping done spans."""
    points = draw(st.lists(st.tuples(st.integers(0, SIZE), st.integers(0, SIZE)), max_size=5))
    return [Span(min(pair), max(pair)) for pair in points]


def offsets(segments: SegmentMap) -> Iterator[int]:
    """Every byte that is done."""
    return (at for span in segments.done() for at in range(span.start, span.stop))


operations = st.lists(
    st.tuples(
        st.sampled_from(["claim", "advance", "steal", "release", "extend", "hedge", "spoil"]),
        st.integers(0, 10),
        st.floats(0, 1),
    ),
    max_size=60,
)


@settings(max_examples=examples(300))
@given(done=done_spans(), steps=operations)
def test_every_order_of_operations_keeps_the_cover(done: list[Span], steps: list[tuple[str, int, float]]) -> None:
    """Claims, movements, steals, releases, failures and spoils in any order leave done, leased and free a disjoint cover."""
    segments = SegmentMap(SIZE, done)
    written = set(offsets(segments))
    for kind, index, share in steps:
        leases = list(segments.leases)
        lease: Lease | None = leases[index % len(leases)] if leases else None
        if kind == "claim":
            segments.claim()
        elif kind == "spoil" and (kept := segments.kept()):
            span = kept[index % len(kept)]
            spoilt = Span(span.start + int((span.size - 1) * share), span.stop - index % span.size)
            if spoilt.size > 0:
                segments.spoil(spoilt)
                written.difference_update(range(*spoilt))
        elif lease is not None and kind == "advance":
            step = int(lease.remaining * share)
            written.update(range(lease.position, lease.position + step))
            lease.position += step
        elif lease is not None and kind == "hedge" and lease.remaining and lease.twin is None:
            segments.hedge(lease)
        elif lease is not None and kind == "steal" and lease.remaining and lease.twin is None:
            segments.steal(lease, lease.position + int((lease.remaining - 1) * share))
        elif lease is not None and kind == "release":
            segments.release(lease)
        elif lease is not None and kind == "extend":
            segments.extend(lease, int(SIZE * share))
        assert_disjoint_cover(segments)
        assert segments.downloaded() == len(written)
        assert set(offsets(segments)) == written
    while (lease := segments.claim()) is not None or segments.leases:
        for each in list(segments.leases):
            each.position = each.stop
            segments.release(each)
    assert segments.complete
    assert segments.done() == [Span(0, SIZE)]


@given(done=done_spans())
def test_a_map_made_from_a_checkpoint_knows_the_same(done: list[Span]) -> None:
    """What `done` says is all that a later run needs to go on."""
    first = SegmentMap(SIZE, done)
    again = SegmentMap(SIZE, first.done())
    assert again.done() == first.done()
    assert again.free() == first.free()
    assert again.prefix() == first.prefix()


def test_a_stolen_share_belongs_to_one_lease_only() -> None:
    """After a steal the victim ends where the thief begins."""
    segments = SegmentMap(SIZE)
    victim = segments.claim()
    assert victim is not None
    victim.position = 100
    thief = segments.steal(victim, 600)
    assert (victim.stop, thief.start, thief.stop) == (600, 600, SIZE)


@pytest.mark.parametrize("at", [99, 600, 601])
def test_a_steal_outside_the_rest_is_refused(at: int) -> None:
    """What is written already, and what lies behind the lease, cannot be stolen."""
    segments = SegmentMap(SIZE)
    lease = segments.claim()
    assert lease is not None
    lease.position = 100
    segments.steal(lease, 600)
    with pytest.raises(ValueError, match="nothing to steal"):
        segments.steal(lease, at)


def test_a_part_of_unknown_size_is_complete_once_it_is_settled() -> None:
    """An unknown size is one open lease; settling says where it ended."""
    segments = SegmentMap(None)
    lease = segments.claim()
    assert lease is not None
    assert lease.stop == UNBOUNDED
    lease.position = 77
    segments.settle(77)
    segments.release(lease)
    assert segments.complete
    assert segments.done() == [Span(0, 77)]


def test_a_returned_share_goes_back_to_the_reply_that_brings_it_anyhow() -> None:
    """The thief was refused: the victim's reply, which goes on to the end, takes the share back."""
    segments = SegmentMap(SIZE)
    victim = segments.claim()
    assert victim is not None
    thief = segments.steal(victim, 600)
    segments.release(thief)
    segments.extend(victim, SIZE)
    assert victim.stop == SIZE
    assert segments.free() == []


def test_an_empty_part_is_complete_at_once() -> None:
    """Zero bytes need no lease."""
    segments = SegmentMap(0)
    assert segments.complete
    assert segments.claim() is None


def test_the_prefix_counts_the_lease_that_starts_it() -> None:
    """What a lease has written from offset 0 on can be hashed while it goes on."""
    segments = SegmentMap(SIZE)
    lease = segments.claim()
    assert lease is not None
    assert segments.prefix() == 0
    lease.position = 10
    assert segments.prefix() == 10


def test_what_is_spoilt_is_fetched_again_and_nothing_else() -> None:
    """Also where a lease that is still out has written it, whose rest stays its own."""
    segments = SegmentMap(SIZE, [Span(0, 100)])
    lease = segments.claim()
    assert lease is not None
    lease.position = 400
    segments.spoil(Span(50, 250))
    assert segments.done() == [Span(0, 50), Span(250, 400)]
    assert segments.free() == [Span(50, 250)]
    assert (lease.position, lease.stop) == (400, SIZE)
    again = segments.claim()
    assert again is not None
    assert (again.start, again.stop) == (50, 250)


def test_what_is_not_done_or_may_still_be_written_to_is_not_spoilt() -> None:
    """Free bytes, the rest of a lease, and what the one behind of a pair may write a second time."""
    segments = SegmentMap(SIZE, [Span(0, 100)])
    lease = segments.claim()
    assert lease is not None
    lease.position = 400
    twin = segments.hedge(lease)
    lease.position = 600
    assert segments.kept() == [Span(0, 400)]
    for span in (Span(350, 401), Span(500, 600), Span(600, 700)):
        with pytest.raises(ValueError, match="being written to"):
            segments.spoil(span)
    twin.position = 500
    assert segments.kept() == [Span(0, 500)]
    segments.release(lease)
    assert segments.kept() == [Span(0, 600)]


def test_the_first_of_a_pair_to_finish_has_fetched_it() -> None:
    """Its twin has nothing left to do, and nothing is free."""
    segments = SegmentMap(SIZE)
    slow = segments.claim()
    assert slow is not None
    slow.position = 300
    fast = segments.hedge(slow)
    assert (fast.start, fast.stop) == (300, SIZE)
    slow.position, fast.position = 400, SIZE
    assert segments.downloaded() == SIZE
    segments.release(fast)
    assert slow.remaining == 0
    segments.release(slow)
    assert segments.complete


@pytest.mark.parametrize(("lost", "kept", "free"), [(200, 700, []), (700, 200, [Span(700, SIZE)])])
def test_one_of_a_pair_that_fails_leaves_the_rest_to_the_other(lost: int, kept: int, free: list[Span]) -> None:
    """If that is ahead; if it is behind, it would only write again what is there, so the rest is free for a third."""
    segments = SegmentMap(SIZE)
    lease = segments.claim()
    assert lease is not None
    twin = segments.hedge(lease)
    lease.position, twin.position = lost, kept
    segments.release(lease)
    assert segments.free() == free
    assert twin.remaining == (0 if free else SIZE - kept)
    assert segments.done() == [Span(0, 700)]


def test_a_pair_is_not_cut_nor_tripled() -> None:
    """Stealing from it, hedging it again, and hedging what has no end or no rest are refused."""
    segments = SegmentMap(SIZE)
    lease = segments.claim()
    assert lease is not None
    twin = segments.hedge(lease)
    for each in (lease, twin):
        with pytest.raises(ValueError, match="nothing to steal"):
            segments.steal(each, 500)
        with pytest.raises(ValueError, match="nothing to fetch twice"):
            segments.hedge(each)
    endless = SegmentMap(None)
    open_end = endless.claim()
    assert open_end is not None
    with pytest.raises(ValueError, match="nothing to fetch twice"):
        endless.hedge(open_end)
