"""Samples: spread, within what is there, and the first and the last always among them."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from dlm.model.resource import Digest, Mirror, Part, Resource
from dlm.model.span import Span, merge, total
from dlm.policy.sampling import BLOCK, blocks, objection, states_the_same
from dlm.policy.segments import SegmentMap

spans = st.lists(
    st.tuples(st.integers(0, 10**7), st.integers(1, 10**6)).map(lambda pair: Span(pair[0], sum(pair))), min_size=1, max_size=6
).map(merge)
SHA = Digest("sha-256", bytes(32))
FILE = Resource((Mirror("http://a/f"),), (Part(size=1000, digests=(SHA,)),), ranged=True)


@given(spans, st.integers(1, 12), st.integers(0, 999))
def test_samples_are_of_what_is_there(done: list[Span], count: int, seed: int) -> None:
    """No block is empty, larger than a block, or reaches out of what is done; there are not more than were asked for."""
    chosen = blocks(done, count, Random(seed).random)
    assert 1 <= len(chosen) <= count
    for block in chosen:
        assert 0 < block.size <= BLOCK
        assert any(span.start <= block.start and block.stop <= span.stop for span in done)
    if count > 1:
        assert chosen[0].start == done[0].start
        assert max(block.stop for block in chosen) == done[-1].stop
    if total(done) <= BLOCK:
        assert count < len(done) or merge(chosen) == done


def test_nobody_knows_beforehand_where_it_is_looked_at() -> None:
    """Two draws are of other places."""
    done = [Span(0, 10**8)]
    assert blocks(done, 6, Random(1).random) != blocks(done, 6, Random(2).random)


def test_what_a_mirror_says_may_tell_enough() -> None:
    """Another size, no size, no ranges, another digest: it cannot help. The same strong digest: it can."""
    part = FILE.part
    assert objection(FILE, 1000, FILE) is None
    assert "999 bytes" in str(objection(FILE, 1000, replace(FILE, parts=(replace(part, size=999),))))
    assert "how long" in str(objection(FILE, 1000, replace(FILE, parts=(Part(),))))
    assert "no parts" in str(objection(FILE, 1000, replace(FILE, ranged=False)))
    other = replace(FILE, parts=(replace(part, digests=(Digest("sha-256", bytes(31) + b"1"),)),))
    assert "another sha-256" in str(objection(FILE, 1000, other))
    assert states_the_same(FILE, FILE)
    assert not states_the_same(FILE, other)
    weak = replace(FILE, parts=(replace(part, digests=(Digest("md5", bytes(16)),)),))
    assert not states_the_same(weak, weak)


@given(spans, spans)
def test_what_is_forgotten_is_free_again(done: list[Span], wrong: list[Span]) -> None:
    """The rest is not touched."""
    segments = SegmentMap(2 * 10**7, done)
    segments.forget(wrong)
    left = {at for span in segments.done() for at in (span.start, span.stop - 1)}
    assert not any(span.start <= at < span.stop for span in wrong for at in left)
    assert merge([*segments.done(), *wrong]) == merge([*done, *wrong])
    assert segments.downloaded() + total(segments.free()) == 2 * 10**7
