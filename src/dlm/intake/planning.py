"""From the lists that `dlm import` reads to what is to be added. Pure: text comes in pieces, the clock is an argument.

Rules
-----
* Either everything that a list asks for can be added, or nothing is, and the error names the line.
* What an entry says beats what the flags say. The same download is added once, whichever lists name it.
* The downloads of a list that names several are a group of its name, unless another is given.
"""

from __future__ import annotations

import os.path
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from dlm.intake.entry import Entry, Skipped, shown
from dlm.intake.formats import MOST_ENTRIES, Format, Reading, read
from dlm.intake.moments import parse_when
from dlm.intake.options import Wishes, parted
from dlm.intake.specs import Request, entry_specs, refuse_collisions
from dlm.model.download import DownloadSpec
from dlm.model.error import InvalidRequest
from dlm.model.queue import AddRequest
from dlm.model.rank import Priority
from dlm.model.settings import Settings

STANDARD_INPUT = "standard input"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the flags say for all lists. `current` is the directory that relative paths belong to, `now` the wall clock."""

    settings: Settings
    reading: Reading
    current: str
    now: float
    group: str | None = None
    paused: bool = False
    priority: Priority = Priority.NORMAL
    start_at: float | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A download to be added, and where it stands."""

    source: str
    line: int
    request: AddRequest
    size: int | None = None


@dataclass(slots=True)
class Plan:
    """What the lists come to, in their order."""

    found: list[Found] = field(default_factory=list)
    skipped: list[tuple[str, Skipped]] = field(default_factory=list)
    _known: set[DownloadSpec] = field(default_factory=set)

    def take(self, format: Format, chunks: Iterable[str], source: str, terms: Terms, most: int = MOST_ENTRIES) -> None:
        """Read a list of `most` downloads. Raises `InvalidRequest` that names `source` and the line."""
        entries: list[Entry] = []
        wishes: list[Wishes] = []
        seen = len(self.skipped)
        for each in read(format, chunks, source, terms.reading, most):
            if isinstance(each, Skipped):
                self.skipped.append((source, each))
                continue
            entry, wish = parted(each, source)
            entries.append(entry)
            wishes.append(wish)
        if not entries and len(self.skipped) == seen:
            raise InvalidRequest(f"{source} names no URL")
        group = terms.group
        if group is None and len(entries) > 1 and source != STANDARD_INPUT:
            group = os.path.splitext(os.path.basename(source))[0]
        request = Request(entries=tuple(entries), source=source, current=terms.current)
        specs = entry_specs(request, terms.settings)
        terms = replace(terms, group=group or None)
        for entry, wish, spec in zip(entries, wishes, specs, strict=True):
            self._add(Found(source, entry.line, replace(_request(spec, wish, terms), pieces=entry.pieces), entry.size))

    def requests(self) -> Sequence[AddRequest]:
        """What is to be added. Raises `InvalidRequest` when two of them would be one file."""
        refuse_collisions(each.request.spec for each in self.found)
        return [each.request for each in self.found]

    def _add(self, found: Found) -> None:
        spec = found.request.spec
        if spec in self._known:
            self.skipped.append((found.source, Skipped(found.line, shown(spec.uris[0]), "it is there already")))
            return
        self._known.add(spec)
        self.found.append(found)


def _request(spec: DownloadSpec, wish: Wishes, terms: Terms) -> AddRequest:
    start = terms.start_at
    if wish.start is not None:
        where, text = wish.start
        try:
            start = parse_when(text, terms.now)
        except InvalidRequest as error:
            raise InvalidRequest(f"{where}: {error}") from error
    return AddRequest(
        spec=spec,
        priority=terms.priority if wish.priority is None else wish.priority,
        start_at=start,
        group=wish.group or terms.group,
        paused=terms.paused if wish.paused is None else wish.paused,
    )
