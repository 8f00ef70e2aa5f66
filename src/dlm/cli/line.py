"""A line for a terminal: pieces of text, each in a tone. Pure until `ansi` turns it into characters."""

from __future__ import annotations

from itertools import groupby
from typing import NamedTuple

from dlm.cli.widths import columns
from dlm.model.text import printable
from dlm.model.value import dataclass

HUES = ("36", "35", "34", "33", "96", "95", "94", "93")
"""The colours of connections (ECMA-48 SGR); green and red are kept for what is done and what failed."""

TONES = {
    "good": "32",
    "bad": "31",
    "warning": "33",
    "strong": "1",
    "faint": "90",
    **{f"flown{number}": hue for number, hue in enumerate(HUES)},
    **{f"head{number}": f"1;{hue}" for number, hue in enumerate(HUES)},
    **{f"claimed{number}": f"2;{hue}" for number, hue in enumerate(HUES)},
}


class Piece(NamedTuple):
    """Text in one tone; the tone "" is the terminal's own."""

    text: str
    tone: str = ""


Line = tuple[Piece, ...]


def line(*parts: Piece | str) -> Line:
    """A line of safe text: whatever the parts hold, no control character passes."""
    pieces = (part if isinstance(part, Piece) else Piece(part) for part in parts)
    return tuple(Piece(printable(text), tone) for text, tone in pieces if text)


def plain(given: Line) -> str:
    """The text alone."""
    return "".join(piece.text for piece in given)


def width_of(given: Line) -> int:
    """How many columns the line takes."""
    return sum(columns(piece.text) for piece in given)


def ansi(given: Line) -> str:
    """The text with its colours; neighbours of one tone share one sequence."""
    runs = ((tone, "".join(piece.text for piece in run)) for tone, run in groupby(given, key=lambda piece: piece.tone))
    return "".join(f"\x1b[{TONES[tone]}m{text}\x1b[0m" if tone else text for tone, text in runs)


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The characters that the encoding of the terminal has."""

    tick: str
    cross: str
    dot: str
    arrow: str
    gap: str
    times: str
    done: str
    head: str
    claimed: str
    pending: str
    troubled: str


UNICODE = Glyphs("✓", "✗", "•", "→", "…", "×", "━", "╸", "─", "─", "╍")
ASCII = Glyphs("ok", "failed:", "-", "->", "..", "x", "=", ">", "-", ".", "!")


def glyphs_for(encoding: str | None) -> Glyphs:
    """UNICODE where the encoding is UTF-8, else ASCII."""
    return UNICODE if (encoding or "").lower().replace("-", "").replace("_", "") in {"utf8", "utf8sig"} else ASCII
