"""Span: a half-open byte interval, and the few set operations on sorted lists of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Span(NamedTuple):
    """The bytes `start <= offset < stop`."""

    start: int
    stop: int

    @property
    def size(self) -> int:
        """How many bytes the span holds."""
        return self.stop - self.start


def merge(spans: Iterable[Span]) -> list[Span]:
    """The same bytes as `spans`, as few sorted, disjoint, non-empty spans as possible."""
    merged: list[Span] = []
    for span in sorted(spans):
        if span.size <= 0:
            continue
        if merged and span.start <= merged[-1].stop:
            merged[-1] = Span(merged[-1].start, max(merged[-1].stop, span.stop))
        else:
            merged.append(span)
    return merged


def subtract(whole: Span, taken: Sequence[Span]) -> list[Span]:
    """The parts of `whole` that no span of `taken` covers; `taken` is sorted and disjoint, as `merge` gives it."""
    rest: list[Span] = []
    start = whole.start
    for span in taken:
        if span.stop <= start:
            continue
        if span.start >= whole.stop:
            break
        if span.start > start:
            rest.append(Span(start, span.start))
        start = span.stop
    if start < whole.stop:
        rest.append(Span(start, whole.stop))
    return rest


def total(spans: Iterable[Span]) -> int:
    """How many bytes disjoint `spans` hold together."""
    return sum(span.stop - span.start for span in spans)


def grounded(spans: Iterable[Span], position: int) -> int:
    """How many bytes right before `position` lie in one of these spans, which are disjoint, without a gap."""
    return next((position - span.start for span in spans if span.start < position <= span.stop), 0)
