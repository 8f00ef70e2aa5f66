"""Spans: the set operations hold for any spans, compared with plain sets of offsets."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from dlm.model.span import Span, merge, subtract, total
from tests.examples import examples

relaxed = settings(deadline=None, max_examples=examples(300))

offsets = st.integers(0, 40)
any_span = st.builds(Span, offsets, offsets)
proper_span = st.tuples(offsets, offsets).map(lambda ends: Span(min(ends), max(ends)))


def covered(spans: list[Span]) -> set[int]:
    return {offset for span in spans for offset in range(span.start, span.stop)}


@relaxed
@given(st.lists(any_span))
def test_merge_keeps_the_bytes_in_as_few_spans_as_possible(spans: list[Span]) -> None:
    """Merged spans hold the same bytes, are sorted, not empty, and leave a gap between each other."""
    merged = merge(spans)
    assert covered(merged) == covered(spans)
    assert all(span.size > 0 for span in merged)
    assert all(left.stop < right.start for left, right in pairwise(merged))
    assert merge(merged) == merged
    assert merge(reversed(spans)) == merged


@relaxed
@given(proper_span, st.lists(any_span))
def test_subtract_leaves_exactly_what_is_not_taken(whole: Span, spans: list[Span]) -> None:
    """The rest and what was taken are disjoint, and together they are the whole."""
    taken = merge(spans)
    rest = subtract(whole, taken)
    assert covered(rest) == covered([whole]) - covered(taken)
    assert merge(rest) == rest


@relaxed
@given(proper_span, st.lists(any_span))
def test_sizes_add_up(whole: Span, spans: list[Span]) -> None:
    """The total of disjoint spans counts every byte once, and what is subtracted twice is nothing."""
    rest = subtract(whole, merge(spans))
    assert total(rest) == len(covered(rest))
    assert whole.size == len(covered([whole]))
    assert subtract(whole, [whole]) == []
    assert subtract(whole, merge([*rest, *spans])) == []
