"""The width of text on a screen.

Rules
-----
* Every text that comes from outside has passed `model.text.printable`.
* Widths are counted in columns: wide characters (East Asian, emoji) take two, combining ones none.
"""

from __future__ import annotations


def columns(text: str) -> int:
    """How many columns printable `text` takes."""
    if text.isascii():
        return len(text)
    return sum(map(_column, text))


def _column(char: str) -> int:
    from unicodedata import combining, east_asian_width

    if combining(char):
        return 0
    return 2 if east_asian_width(char) in "WF" else 1


def shorten(text: str, width: int, gap: str = "…") -> str:
    """Printable `text` in at most `width` columns: what is too much goes from the middle, so that the ending is seen."""
    if columns(text) <= width:
        return text
    if width <= len(gap):
        return gap[:width]
    tail = _take(text[::-1], (width - len(gap)) // 3)[::-1]
    return _take(text, width - len(gap) - columns(tail)) + gap + tail


def cut(text: str, width: int, gap: str = "…") -> str:
    """Printable `text` in at most `width` columns: what is too much goes from the end."""
    return text if columns(text) <= width else _take(text, max(0, width - len(gap))) + gap[: max(0, width)]


def pad(text: str, width: int, gap: str = "…") -> str:
    """Printable `text` in exactly `width` columns, at the left."""
    short = shorten(text, width, gap)
    return short + " " * (width - columns(short))


def _take(text: str, width: int) -> str:
    taken = 0
    for index, char in enumerate(text):
        taken += _column(char)
        if taken > width:
            return text[:index]
    return text
