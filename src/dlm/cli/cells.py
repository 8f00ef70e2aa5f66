"""The map of a file: what each cell of a bar shows of a transfer. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

from dlm.model.message import ConnectionView, Progressed
from dlm.model.span import Span, merge


class Shade(Enum):
    """What a cell shows; the first that applies."""

    HEAD = "head"  # a connection stands here
    TROUBLED = "troubled"  # some byte here failed, and nobody has taken it up yet
    CLAIMED = "claimed"  # bytes are missing, and a connection has them before it
    PENDING = "pending"  # bytes are missing
    FLOWN = "flown"  # all bytes are there, some by a lease that is still at work
    DONE = "done"  # all bytes are there


class Cell(NamedTuple):
    """One cell, and the number of the connection that it belongs to."""

    shade: Shade
    connection: int | None = None


def cells(progress: Progressed, width: int) -> list[Cell]:
    """Exactly `width` cells of equal share, first byte left; none when the size is not known.

    A cell is DONE or FLOWN only when every one of its bytes is there: a full bar is a full file.
    """
    if progress.total is None or width <= 0:
        return []
    if progress.total == 0:
        return [Cell(Shade.DONE)] * width
    scale = _Scale(progress.total, width)
    leases = [
        (view, Span(view.lease.start, view.position), Span(view.position, view.lease.stop)) for view in progress.connections
    ]
    present = scale.spread(merge([*progress.done, *(flown for _, flown, _ in leases)]))
    flown = _owners(scale, ((view, flown) for view, flown, _ in leases))
    claimed = _owners(scale, ((view, ahead) for view, _, ahead in leases))
    troubled = scale.spread(merge(progress.troubled))
    heads = {scale.cell(view.position): view.number for view, _, ahead in leases if ahead.size > 0}
    return [
        _cell(present.get(at, 0) < scale.total, heads.get(at), at in troubled, claimed.get(at), flown.get(at))
        for at in range(width)
    ]


def _cell(missing: bool, head: int | None, troubled: bool, claimed: int | None, flown: int | None) -> Cell:
    if head is not None:
        return Cell(Shade.HEAD, head)
    if troubled:
        return Cell(Shade.TROUBLED)
    if missing:
        return Cell(Shade.PENDING) if claimed is None else Cell(Shade.CLAIMED, claimed)
    return Cell(Shade.DONE) if flown is None else Cell(Shade.FLOWN, flown)


class _Scale:
    """Offsets times `width`, so that every cell holds exactly `total` units and nothing is rounded."""

    def __init__(self, total: int, width: int) -> None:
        self.total = total
        self.width = width

    def cell(self, offset: int) -> int:
        return offset * self.width // self.total

    def spread(self, spans: Iterable[Span]) -> dict[int, int]:
        """How many units of disjoint `spans` fall into each cell that they touch."""
        counts: dict[int, int] = {}
        for span in spans:
            start, stop = max(span.start, 0) * self.width, min(span.stop, self.total) * self.width
            while start < stop:
                at = start // self.total
                until = min(stop, (at + 1) * self.total)
                counts[at] = counts.get(at, 0) + until - start
                start = until
        return counts


def _owners(scale: _Scale, spans: Iterable[tuple[ConnectionView, Span]]) -> dict[int, int]:
    """For each cell, the connection with most units in it."""
    best: dict[int, tuple[int, int]] = {}
    for view, span in spans:
        for at, count in scale.spread([span]).items():
            if count > best.get(at, (0, 0))[0]:
                best[at] = (count, view.number)
    return {at: number for at, (_, number) in best.items()}
