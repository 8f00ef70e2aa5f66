"""Which pieces can be judged, how far a file is known to be right, and when a piece is given up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.model.error import Refused
from dlm.model.resource import Pieces
from dlm.model.span import Span, merge
from dlm.policy.pieces import MOST_TRIES, Judgement, demand_fitting


def some_pieces(size: int, length: int) -> Pieces:
    """Pieces of a file of this size."""
    return Pieces("md5", length, (bytes(16),) * -(-size // length))


@given(size=st.integers(0, 1000), length=st.integers(1, 300), others=st.integers(-3, 3))
def test_pieces_fit_one_number_of_pieces_only(size: int, length: int, others: int) -> None:
    """As many as it takes to hold the file; any other number is another file, and the sentence says so."""
    pieces = some_pieces(size, length)
    demand_fitting(pieces, size, "https://h/f")
    wrong = Pieces("md5", length, (bytes(16),) * max(0, len(pieces.digests) + others))
    if wrong != pieces:
        with pytest.raises(Refused, match=f"https://h/f gives a file of {size} bytes.*has {len(wrong.digests)} pieces"):
            demand_fitting(wrong, size, "https://h/f")


spans = st.lists(st.tuples(st.integers(0, 100), st.integers(1, 40)), max_size=6)


@given(size=st.integers(0, 100), length=st.integers(1, 30), steps=st.lists(st.tuples(spans, st.integers(1, 90)), max_size=6))
def test_each_complete_piece_is_judged_once(size: int, length: int, steps: list[tuple[list[tuple[int, int]], int]]) -> None:
    """Those that lie within what is kept and were not passed before, in order, no more at a time than is asked for."""
    judgement = Judgement(some_pieces(size, length), size)
    known = [Span(start, min(start + length, size)) for start in range(0, size, length)]
    passed: set[int] = set()
    for given_spans, most in steps:
        kept = merge(Span(min(start, size), min(start + count, size)) for start, count in given_spans)
        ready = [
            number
            for number, piece in enumerate(known)
            if number not in passed and any(each.start <= piece.start and piece.stop <= each.stop for each in kept)
        ]
        numbers = judgement.next(kept, most)
        assert numbers == ready[: max(1, most // length)]
        assert [judgement.span(number) for number in numbers] == [known[number] for number in numbers]
        judgement.passed(numbers[::2])
        passed |= set(numbers[::2])
        right = next((number for number in range(len(known)) if number not in passed), len(known))
        assert judgement.prefix == min(right * length, size)
        assert judgement.complete is (len(passed) == len(known))


def test_one_address_gets_two_tries_of_a_piece() -> None:
    """What it brought alone counts against it; what came with others, or from nobody known, does not, but has an end."""
    judgement = Judgement(some_pieces(100, 10), 100)
    assert not judgement.failed(3, ["a"])
    assert not judgement.failed(4, ["a"])
    assert not judgement.failed(3, ["b"])
    assert judgement.failed(3, ["a"])
    tries = [judgement.failed(5, bringers) for bringers in ((), ("a", "b"), ("b", "a"), ("a", "b"))]
    assert tries == [False, False, False, True]
    assert len(tries) == MOST_TRIES
