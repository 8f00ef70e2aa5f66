"""Which downloads are meant, and in which order."""

from __future__ import annotations

from dlm.model.download import DownloadId
from dlm.model.phase import Phase
from dlm.model.sorting import NEWEST_FIRST, Cursor, Sort
from dlm.model.value import dataclass


@dataclass(frozen=True, slots=True)
class DownloadQuery:
    """Which downloads, in which order: all conditions must hold; `None` is no condition.

    A page begins behind `before`, the last of the page before. What has moved to another place since may be missed or come
    twice; nothing else is, if `before` is a `Cursor`. An id alone means where that download stands now.
    """

    phases: frozenset[Phase] | None = None
    directory: str | None = None
    group: str | None = None
    text: str | None = None
    """What the name or the address contains, whatever the case."""
    before: DownloadId | Cursor | None = None
    limit: int = 1000
    sort: Sort = NEWEST_FIRST
