"""Which child takes a download, as a table and as laws."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.workers.placement import NEW, Burden, placement

BURDENS = st.lists(st.builds(Burden, st.integers(0, 70), st.floats(0, 1.5)), max_size=8)


@pytest.mark.parametrize(
    ("burdens", "most", "chosen"),
    [
        ([], 1, NEW),
        ([Burden(0)], 4, 0),
        ([Burden(1, 0.3)], 4, 0),
        ([Burden(1, 0.9)], 4, NEW),
        ([Burden(2, 0.1)], 4, NEW),
        ([Burden(2, 0.1)], 1, 0),
        ([Burden(9, 0.9), Burden(8, 0.9)], 2, 1),
        ([Burden(2, 0.1), Burden(1, 0.1)], 4, 1),
        ([Burden(1, 0.9), Burden(2, 0.2)], 2, 1),
        ([Burden(1, 0.9), Burden(2, 0.2)], 3, NEW),
        ([Burden(3, 0.5), Burden(3, 0.2)], 2, 1),
        ([Burden(2), Burden(0)], 4, 1),
    ],
)
def test_the_table(burdens: list[Burden], most: int, chosen: int) -> None:
    """The first for the first; another only when even the least burdened has two downloads, or 60 % of a core."""
    assert placement(burdens, most) == chosen


@given(BURDENS, st.integers(1, 8))
def test_it_is_one_of_them_or_a_new_one_within_the_bound(burdens: list[Burden], most: int) -> None:
    """An answer can always be followed, and never leads to more than `most`."""
    chosen = placement(burdens, most)
    assert chosen in range(len(burdens)) or (chosen == NEW and (len(burdens) < most or not burdens))


@given(BURDENS, st.integers(1, 8))
def test_nobody_who_is_free_is_passed_over(burdens: list[Burden], most: int) -> None:
    """While a child has nothing to do and is not busy, no other is started, and none that works is chosen."""
    if Burden(0) in burdens:
        chosen = placement(burdens, most)
        assert chosen != NEW
        assert burdens[chosen].active == 0
