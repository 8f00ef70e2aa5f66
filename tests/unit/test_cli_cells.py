"""The map of a file."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.cli.cells import Cell, Shade, cells
from dlm.model.download import DownloadId
from dlm.model.message import ConnectionView, Progressed
from dlm.model.span import Span, merge


def progress(
    total: int | None,
    done: tuple[Span, ...] = (),
    connections: tuple[ConnectionView, ...] = (),
    troubled: tuple[Span, ...] = (),
) -> Progressed:
    return Progressed(
        id=DownloadId("0" * 16),
        total=total,
        downloaded=sum(span.size for span in done),
        instantaneous_speed=0,
        smoothed_speed=0,
        eta=None,
        done=done,
        connections=connections,
        troubled=troubled,
    )


def letters(drawn: list[Cell]) -> str:
    """The cells as text: the first letter of each shade, in capitals for HEAD."""
    signs = {Shade.HEAD: "H", Shade.TROUBLED: "t", Shade.CLAIMED: "c", Shade.PENDING: ".", Shade.FLOWN: "f", Shade.DONE: "d"}
    return "".join(signs[cell.shade] for cell in drawn)


@st.composite
def samples(draw: st.DrawFn) -> Progressed:
    total = draw(st.integers(1, 5000))
    cuts = sorted(draw(st.sets(st.integers(0, total), max_size=12)) | {0, total})
    done: list[Span] = []
    troubled: list[Span] = []
    views: list[ConnectionView] = []
    for start, stop in pairwise(cuts):
        kind = draw(st.sampled_from(["done", "free", "trouble", "lease"]))
        if kind == "done":
            done.append(Span(start, stop))
        elif kind == "trouble":
            troubled.append(Span(start, stop))
        elif kind == "lease":
            position = draw(st.integers(start, stop))
            views.append(ConnectionView(len(views), Span(start, stop), position, 1.0))
            if draw(st.booleans()):
                done.append(Span(start, position))
    return progress(total, tuple(merge(done)), tuple(views), tuple(troubled))


@given(samples(), st.integers(0, 200))
def test_there_are_as_many_cells_as_columns(sample: Progressed, width: int) -> None:
    """Whatever the file and the width, the map has exactly that width."""
    assert len(cells(sample, width)) == width


@given(st.integers(0, 10**15), st.integers(1, 200))
def test_a_whole_file_is_all_done(total: int, width: int) -> None:
    """Every cell of a complete file is DONE, however small or large it is."""
    assert cells(progress(total, (Span(0, total),)), width) == [Cell(Shade.DONE)] * width


@given(samples(), st.integers(1, 200))
def test_a_cell_is_full_only_when_its_bytes_are_there(sample: Progressed, width: int) -> None:
    """DONE and FLOWN never cover a missing byte; CLAIMED and PENDING always do."""
    assert sample.total is not None
    present = {byte for span in sample.done for byte in range(*span)}
    present |= {byte for view in sample.connections for byte in range(view.lease.start, view.position)}
    for at, cell in enumerate(cells(sample, width)):
        first, last = at * sample.total // width, -(-(at + 1) * sample.total // width)
        whole = all(byte in present for byte in range(first, last))
        if cell.shade in {Shade.DONE, Shade.FLOWN}:
            assert whole
        if cell.shade in {Shade.CLAIMED, Shade.PENDING}:
            assert not whole


@given(samples(), st.integers(1, 200))
def test_every_moving_connection_has_its_place(sample: Progressed, width: int) -> None:
    """The cell where a connection stands is a HEAD, and there is no other HEAD."""
    assert sample.total is not None
    moving = [view for view in sample.connections if view.position < view.lease.stop]
    places = {view.position * width // sample.total for view in moving}
    assert places == {at for at, cell in enumerate(cells(sample, width)) if cell.shade is Shade.HEAD}


@given(samples(), st.integers(1, 200))
def test_trouble_is_never_hidden_by_what_is_done(sample: Progressed, width: int) -> None:
    """A cell with a troubled byte is TROUBLED, unless a connection stands in it."""
    assert sample.total is not None
    drawn = cells(sample, width)
    for span in sample.troubled:
        for byte in (span.start, span.stop - 1):
            assert drawn[byte * width // sample.total].shade in {Shade.TROUBLED, Shade.HEAD}


def test_the_map_reads_from_left_to_right() -> None:
    """Done, flown, head, claimed, troubled and pending stand where their bytes are, in the colour of their connection."""
    drawn = cells(
        progress(
            100,
            done=(Span(0, 20),),
            connections=(ConnectionView(3, Span(20, 60), 40, 1.0),),
            troubled=(Span(70, 80),),
        ),
        10,
    )
    assert letters(drawn) == "ddffHc.t.."
    assert {cell.connection for cell in drawn[2:6]} == {3}


def test_a_finished_lease_keeps_its_colour() -> None:
    """A connection at the end of its lease has no head, but its bytes are still its own."""
    assert letters(cells(progress(10, connections=(ConnectionView(0, Span(0, 10), 10, 1.0),)), 5)) == "fffff"


@pytest.mark.parametrize(
    ("total", "width", "expected"), [(None, 10, ""), (0, 3, "ddd"), (10, 0, ""), (10, -5, ""), (1, 4, "....")]
)
def test_edges(total: int | None, width: int, expected: str) -> None:
    """No size, no bytes, no room."""
    assert letters(cells(progress(total), width)) == expected
