"""By what a list of downloads is sorted, and where a page of it ended. Pure.

Only what is recorded once, or seldom, sorts a list: a page must not end where the rows have changed places by themselves
before the next one is asked for. So speed and progress do not.
"""

from __future__ import annotations

import re
from enum import Enum

from dlm.model.download import Download, DownloadId
from dlm.model.error import InvalidRequest
from dlm.model.value import dataclass

Mark = str | int | float | None
"""What a download is sorted by; `None` where that is not known, and for its place in the order of addition."""
_LONGEST = 120
_DIGITS = 12
_DESCENDING = "-"


class SortKey(Enum):
    """By what a list can be sorted."""

    ADDED = "added"
    NAME = "name"
    SIZE = "size"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Sort:
    """An order of downloads. Equal ones stand in the order in which they were added, turned round with the rest.

    Those of which it is not known come last, whichever way it goes; of them the newest first.
    """

    key: SortKey = SortKey.ADDED
    descending: bool = True

    @classmethod
    def parse(cls, text: str) -> Sort:
        """From its words: a key, with `-` before it for descending. Raises `InvalidRequest`."""
        word = text.removeprefix(_DESCENDING)
        try:
            return cls(SortKey(word), descending=word != text)
        except ValueError:
            known = ", ".join(each.value for each in SortKey)
            raise InvalidRequest(
                f"'{text[:40]}' sorts nothing: write one of {known}, with - before it to turn it round"
            ) from None

    def __str__(self) -> str:
        return (_DESCENDING if self.descending else "") + self.key.value

    def mark(self, download: Download) -> Mark:
        """What `download` is sorted by."""
        match self.key:
            case SortKey.NAME:
                return name_mark(download.label)
            case SortKey.SIZE:
                return download.size
            case SortKey.FINISHED:
                return download.finished
        return None


NEWEST_FIRST = Sort()


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ended: its last download, and what that one was sorted by when the page was read."""

    id: DownloadId
    mark: Mark


def name_mark(name: str) -> str:
    """What names are compared by: without case, numbers by their value, no longer than tells them apart. Valid Unicode."""
    text = re.sub("[0-9]+", lambda digits: digits[0].lstrip("0").zfill(_DIGITS), name.casefold()[:_LONGEST])
    return text[:_LONGEST].encode("utf-8", "replace").decode()
