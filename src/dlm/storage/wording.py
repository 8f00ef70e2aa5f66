"""Whether a name or an address contains a text, whatever the case. Pure.

SQLite's LIKE knows the case of ASCII letters only. So it is asked for what may match, and the rest is decided here.
"""

from __future__ import annotations

from collections.abc import Iterable


def pattern_of(text: str) -> str:
    r"""A pattern for `LIKE … ESCAPE '\'` that everything with `text` in it matches, and not much else."""
    return f"%{''.join(map(_letter, text))}%"


def is_worded(text: str, *places: str | None) -> bool:
    """Whether one of the places contains `text`."""
    return _contains(text.lower(), (place.lower() for place in places if place is not None))


def _contains(text: str, places: Iterable[str]) -> bool:
    return any(text in place for place in places)


def _letter(letter: str) -> str:
    if not letter.isascii():
        return "%"
    return "\\" + letter if letter in "%_\\" else letter
