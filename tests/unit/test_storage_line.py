"""How one gets to another place of the line, and which hosts and groups are looked at: the pure decisions."""

from __future__ import annotations

from dataclasses import replace
from math import nextafter

from hypothesis import given
from hypothesis import strategies as st

from dlm.model.rank import Lane, Priority
from dlm.storage.line import Standpoint, rearranged
from dlm.storage.lots import chosen_lots, host_of_lot, lot_of

positions = st.none() | st.integers(-3, 3).map(float) | st.sampled_from([0.5, 0.25, nextafter(0.0, 1.0), nextafter(1.0, 2.0)])
points = st.builds(
    Standpoint,
    seq=st.just(0),
    lane=st.sampled_from([Lane.NOW, Lane.AUTOMATIC]),
    priority=st.sampled_from([Priority.NORMAL, Priority.LOW]),
    position=positions,
)


def in_order(some: list[Standpoint]) -> list[Standpoint]:
    """The line that they form, numbered as they were added."""
    return sorted((replace(point, seq=seq) for seq, point in enumerate(some)), key=lambda point: point.rank)


@given(st.lists(points, min_size=1, max_size=9), st.data())
def test_whoever_moves_stands_there_and_the_others_as_before(some: list[Standpoint], data: st.DataObject) -> None:
    """From any place to any place; of the others only some ahead, of the class that it joins, get another position."""
    line = in_order(some)
    mover = data.draw(st.sampled_from(line))
    rest = [point for point in line if point is not mover]
    place = data.draw(st.integers(0, len(rest)))
    ahead, behind = rest[:place], rest[place:]
    plan = rearranged(mover, ahead, behind[0] if behind else None)
    given_to = dict(plan.others)
    assert set(given_to) <= {point.seq for point in ahead if point.peers == plan.moved.peers}
    moved = [replace(point, position=given_to.get(point.seq, point.position)) for point in rest]
    after = sorted([*moved, plan.moved], key=lambda point: point.rank)
    wanted = [point.seq for point in ahead] + [mover.seq] + [point.seq for point in behind]
    assert [point.seq for point in after] == wanted
    assert plan.moved.seq == mover.seq
    neighbours = {point.peers for point in (*ahead[-1:], *behind[:1])}
    assert plan.moved == mover or plan.moved.peers in neighbours


@given(st.lists(points, min_size=2, max_size=9))
def test_going_to_where_it_stands_changes_nothing(some: list[Standpoint]) -> None:
    """Neither its rank nor anybody's position."""
    line = in_order(some)
    for place, mover in enumerate(line):
        plan = rearranged(mover, line[:place], line[place + 1] if place + 1 < len(line) else None)
        assert (plan.moved, plan.others) == (mover, ())


@given(st.integers(2, 9), st.data())
def test_going_back_to_where_it_belongs_needs_no_position(count: int, data: st.DataObject) -> None:
    """Among those without positions, one that was put elsewhere and goes back by its age gives its position up."""
    line = [Standpoint(seq, Lane.AUTOMATIC, Priority.NORMAL, None) for seq in range(count)]
    place = data.draw(st.integers(0, count - 1))
    mover = replace(line[place], position=data.draw(positions))
    plan = rearranged(mover, line[:place], line[place + 1] if place + 1 < count else None)
    assert (plan.moved, plan.others) in [(line[place], ()), (mover, ())]


hosts = st.sampled_from(["a:1", "b:2", "[::1]:8"])
lots = st.builds(lot_of, hosts, st.none() | st.text(max_size=2))


@given(st.lists(lots, unique=True), st.lists(st.sampled_from(["y:1 ", "z:1 67"]), unique=True), st.integers(1, 6))
def test_every_host_is_chosen_before_any_second_group(first: list[str], others: list[str], most: int) -> None:
    """As many as there is room for, none twice, and in the order of the line where that leaves a choice."""
    chosen = chosen_lots(first, others, most)
    known = [*first, *others]
    assert len(chosen) == min(most, len(known)) == len(set(chosen))
    assert set(chosen) <= set(known)
    every_host = {host_of_lot(lot) for lot in known}
    assert len({host_of_lot(lot) for lot in chosen}) == min(most, len(every_host))


@given(hosts, hosts, st.none() | st.text(max_size=3), st.none() | st.text(max_size=3))
def test_lots_are_kept_apart(host: str, other: str, group: str | None, another: str | None) -> None:
    """The same lot means the same host and the same group, where no group is the empty one."""
    same = (host, group or "") == (other, another or "")
    assert (lot_of(host, group) == lot_of(other, another)) is same
    assert host_of_lot(lot_of(host, group)) == host
