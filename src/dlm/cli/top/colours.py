"""Lines in tones as Textual draws them. The tones are those of all of dlm, in the terminal's own sixteen colours."""

from __future__ import annotations

from functools import cache

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from dlm.cli.line import TONES, Line


def strip_of(given: Line, extra: Style | None = None) -> Strip:
    """The line as it is drawn; `extra` lies over all of it."""
    segments = [Segment(piece.text, _over(style_of(piece.tone), extra)) for piece in given]
    return Strip(segments)


def _over(style: Style, extra: Style | None) -> Style:
    return style if extra is None else style + extra


@cache
def style_of(tone: str) -> Style:
    """The tone's SGR sequence (ECMA-48) as a style."""
    bold = dim = reverse = None
    colour = None
    for code in map(int, filter(None, TONES.get(tone, "").split(";"))):
        match code:
            case 1:
                bold = True
            case 2:
                dim = True
            case 7:
                reverse = True
            case _ if 30 <= code <= 37:
                colour = f"color({code - 30})"
            case _ if 90 <= code <= 97:
                colour = f"color({code - 82})"
    return Style(bold=bold, dim=dim, reverse=reverse, color=colour)
