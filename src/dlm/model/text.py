"""Text from outside, made safe to show."""

from __future__ import annotations

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def printable(text: str) -> str:
    """`text` on one line, without control characters, escape sequences, direction overrides and lone surrogates.

    Every name, URL and message that came from elsewhere passes here before it reaches a screen.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else " " if char.isspace() else _REPLACEMENT for char in text)
