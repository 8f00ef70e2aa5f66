"""Which rows there are, as far as that is known, and what has to be read for those in sight. Pure.

Of a row only its id is kept here: the downloads themselves are held for the rows in sight alone. A page is read behind an
*anchor*, the id of the row above it, so what was added or has left further up does not shift what is looked at; and since
all that comes into sight is read again, what has become wrong elsewhere mends itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field

from dlm.model.download import DownloadId
from dlm.model.phase import Phase
from dlm.model.value import dataclass

PAGE = 1000
"""Rows that are read at once where only their ids are wanted."""


class Section:
    """Rows of the same kind, from the top as far as they were read."""

    def __init__(self, phases: frozenset[Phase], *, whole: bool = False) -> None:
        self.phases = phases
        self.whole = whole
        """Whether it is read as a whole, and sorted."""
        self.ids: list[DownloadId] = []
        self.count: int | None = None
        """How many the queue counts; `None` where only reading to the end tells."""
        self.ended = False
        self.stale = True
        """Whether a section that is read as a whole is to be read again."""

    @property
    def length(self) -> int:
        """Rows, with one more for those that may still come."""
        if self.count is not None:
            return self.count
        return len(self.ids) + (not self.ended)


@dataclass(frozen=True, slots=True)
class Reading:
    """A page to be read: `limit` rows of `section` behind `before`; they stand from `start` on."""

    section: Section = field(compare=False)
    start: int
    before: DownloadId | None
    limit: int


class Shelf:
    """The rows of a view, section by section."""

    def __init__(self, sections: Sequence[Section]) -> None:
        self.sections = tuple(sections)

    @property
    def total(self) -> int:
        """How many rows."""
        return sum(section.length for section in self.sections)

    @property
    def settled(self) -> bool:
        """Whether `total` is exact."""
        return all(section.count is not None or section.ended for section in self.sections)

    def at(self, row: int) -> DownloadId | None:
        """Whose row it is, `None` while that was not read."""
        for section in self.sections:
            if row < section.length:
                return section.ids[row] if 0 <= row < len(section.ids) else None
            row -= section.length
        return None

    def section_at(self, row: int) -> Section | None:
        """The section that a row belongs to."""
        for section in self.sections:
            if row < section.length:
                return section
            row -= section.length
        return None

    def row_of(self, id: DownloadId, section: Section) -> int | None:
        """Its row, if it is known to be in that section."""
        above = 0
        for each in self.sections:
            if each is section:
                return above + each.ids.index(id) if id in each.ids else None
            above += each.length
        return None

    def tally(self, phases: Mapping[Phase, int]) -> None:
        """The queue's own counts. Not for a search, whose matches nobody has counted."""
        for section in self.sections:
            if not section.whole:
                section.count = sum(phases.get(phase, 0) for phase in section.phases)
                del section.ids[section.count :]

    def readings(self, first: int, last: int) -> list[Reading]:
        """What to read, in order, so that the rows `first` to `last` (not included) are known as they are now.

        A section of which a far row is wanted is read page by page to there; then this is to be asked again.
        """
        found = []
        above = 0
        for section in self.sections:
            start, stop = max(0, first - above), last - above
            stop = stop if section.count is None else min(section.count, stop)
            above += section.length
            if start < stop and not section.whole:
                found.append(_reading(section, start, stop))
        return found

    def take(self, reading: Reading, ids: Sequence[DownloadId]) -> None:
        """What was read of it."""
        section, start = reading.section, reading.start
        known = section.ids[start : start + reading.limit]
        new = set(ids)
        behind = [id for id in section.ids[start + reading.limit :] if id not in new]
        if len(ids) < reading.limit:
            section.ids[start:] = ids
            section.ended = True
            section.count = None if section.count is None else len(section.ids)
        elif section.count is None and known != list(ids):
            # Where nobody counts, a row that was pushed out of the page would be missed behind it.
            section.ids[start:] = ids
            section.ended = False
        else:
            section.ids[start:] = [*ids, *behind]

    def take_whole(self, section: Section, ids: Sequence[DownloadId]) -> None:
        """All rows of a section, sorted."""
        section.ids = list(ids)
        section.count, section.ended = len(section.ids), True

    def drop(self, id: DownloadId) -> None:
        """It is no longer there."""
        for section in self.sections:
            if id in section.ids:
                section.ids.remove(id)
                section.count = None if section.count is None else max(0, section.count - 1)


def _reading(section: Section, start: int, stop: int) -> Reading:
    known = len(section.ids)
    if start <= known:
        return Reading(section, start, section.ids[start - 1] if start else None, stop - start)
    return Reading(section, known, section.ids[-1] if known else None, min(PAGE, stop - known))
