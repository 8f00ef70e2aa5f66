"""What every format becomes: an Entry, or a note of what was left out and why."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import field

from dlm.model.address import without_credentials
from dlm.model.resource import Pieces
from dlm.model.value import dataclass

Options = tuple[tuple[int, str, str], ...]
"""`(line, name, value)`; the names are those of `options.py`."""

_LONGEST_SHOWN = 120
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One download of a list: its URIs (mirrors of one file), what is asked for it, and digests of its pieces.

    `size` is what the list says of it, to be shown: nothing is held to it.
    """

    line: int
    uris: tuple[str, ...]
    options: Options = ()
    pieces: Pieces | None = None
    size: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Skipped:
    """What stands in a list and is no download. `what` may be shown; `why` is the same words for the same reason."""

    line: int
    what: str
    why: str


def words(text: str) -> frozenset[str]:
    """The words of `text`, for tables that are long."""
    return frozenset(text.split())


def shown(uri: str) -> str:
    """`uri` as a message may repeat it: without its secrets, and not too long."""
    safe = without_credentials(uri)
    return safe if len(safe) <= _LONGEST_SHOWN else safe[: _LONGEST_SHOWN - 1] + "…"


def named(name: str) -> str:
    """`'name'` when it looks like the name of an option; otherwise it may be anything, a secret too, and is not repeated."""
    return f"'{name}'" if _NAME.fullmatch(name) else "this"


def nearest(name: str, known: Iterable[str]) -> str:
    """`: did you mean 'x'?`, or nothing when no name is near."""
    from difflib import get_close_matches

    near = get_close_matches(name.lower(), list(known), n=1)
    return f": did you mean '{near[0]}'?" if near else ""
