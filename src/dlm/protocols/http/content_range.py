"""Content-Range: which bytes a 206 brings, and how long the whole is (RFC 9110, section 14.4)."""

from __future__ import annotations

import re
from typing import NamedTuple

_FORM = re.compile(r"[ \t]*bytes +(?:([0-9]{1,18})-([0-9]{1,18})|(\*))/(?:([0-9]{1,18})|\*)[ \t]*", re.IGNORECASE)


class ContentRange(NamedTuple):
    """The bytes `start <= offset < stop` of a whole that has `total` bytes, `None` when the server does not say."""

    start: int
    stop: int
    total: int | None


class Unsatisfied(NamedTuple):
    """No such bytes (416): the whole has `total`, `None` when the server does not say."""

    total: int | None


def parse(header: str | None) -> ContentRange | Unsatisfied | None:
    """What the field says; `None` for none, for another unit, and for whatever contradicts itself. Never raises."""
    match = _FORM.fullmatch(header or "")
    if match is None:
        return None
    total = int(match[4]) if match[4] else None
    if match[3]:
        return Unsatisfied(total)
    start, last = int(match[1]), int(match[2])
    if last < start or (total is not None and last >= total):
        return None
    return ContentRange(start, last + 1, total)
