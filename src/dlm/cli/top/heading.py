"""What stands above and below the table. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dlm.cli.line import UNICODE, Glyphs, Line, Piece, line, width_of
from dlm.cli.top.keys import FOOTER, GIVE_WAY
from dlm.cli.top.views import SECTIONS, View, Wish
from dlm.cli.widths import columns, cut, shorten
from dlm.model.phase import Phase
from dlm.model.text import printable
from dlm.model.units import format_rate, format_size
from dlm.model.value import dataclass

BARS = "▁▂▃▄▅▆▇█"
ASCII_BARS = "_.:-=+*#"
_MOST_SPARK = 60
_LEAST_SPARK = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How everything stands: `speeds` are bytes a second, one each second, the newest last. `free` are bytes."""

    where: str
    phases: Mapping[Phase, int]
    speeds: Sequence[float] = ()
    limit: int | None = None
    free: int | None = None
    lost: str | None = None
    """Why nothing is heard any more."""
    reason: str | None = None
    """Why nothing moves."""

    @property
    def speed(self) -> float:
        """Of this moment."""
        return self.speeds[-1] if self.speeds else 0.0


def sparkline(values: Sequence[float], width: int, glyphs: Glyphs) -> str:
    """The last `width` values, as columns of eight heights; the highest of them fills its own."""
    bars = BARS if glyphs is UNICODE else ASCII_BARS
    shown = list(values[-width:]) if width > 0 else []
    top = max(shown, default=0.0)
    if top <= 0:
        return bars[0] * len(shown)
    return "".join(bars[min(7, int(value * 8 / top)) if value > 0 else 0] for value in shown)


def summary(standing: Standing, width: int, glyphs: Glyphs) -> Line:
    """The speed and its story, the limit, free room on the disk, and whose downloads these are."""
    speed = f"{format_rate(standing.speed) if standing.lost is None else 'no answer':>12}"
    facts = [f"limit {format_rate(standing.limit)}"] if standing.limit is not None else []
    facts += [f"{format_size(standing.free)} free"] if standing.free is not None else []
    where = shorten(printable(standing.where), max(12, width // 3), glyphs.gap)
    right = "   ".join([*facts, where])
    while facts and 1 + len(speed) + 2 + _LEAST_SPARK + 2 + columns(right) > width:
        facts.pop()
        right = "   ".join([*facts, where])
    room = width - 1 - len(speed) - 2 - 2 - columns(right)
    spark = sparkline(standing.speeds, min(_MOST_SPARK, room), glyphs)
    gap = " " * max(0, width - 1 - len(speed) - 2 - len(spark) - columns(right) - 1)
    return fitted(
        line(Piece(f" {speed}", "strong" if standing.lost is None else "bad"), "  ", Piece(spark, "flown0"), gap, right, " "),
        width,
    )


def tabs(standing: Standing, wish: Wish, width: int) -> Line:
    """The views with what is in each; then what was searched for, and the order, where it is not the usual one."""
    aside = [f"/{printable(wish.text)}"] if wish.text else []
    for spaced in (True, False):
        parts: list[Piece] = [Piece(" ")]
        for number, view in enumerate(View, 1):
            parts += _tab(number, view, standing, chosen=view is wish.view, spaced=spaced)
        if width_of(tuple(parts)) + sum(columns(text) + 2 for text in aside) <= width:
            break
    room = width - width_of(tuple(parts)) - 2
    right = cut("  ".join(aside), max(0, room))
    gap = " " * max(0, room - columns(right) + 1)
    return fitted(line(*parts, gap, Piece(right, "warning")), width)


def _tab(number: int, view: View, standing: Standing, *, chosen: bool, spaced: bool) -> list[Piece]:
    count = sum(standing.phases.get(phase, 0) for section in SECTIONS[view] for phase in section)
    words = f"{view.value} {count:,}" if count or view is View.ALL else view.value
    words = f"[{number} {words}]" if chosen else f" {number} {words} "
    alarm = view is View.FAILED and standing.phases.get(Phase.FAILED, 0)
    tone = "strong" if chosen else "bad" if alarm else "" if count else "faint"
    return [Piece(words, tone), Piece(" " if spaced else "")]


def status_line(standing: Standing, said: str | None, chosen: int, width: int, glyphs: Glyphs) -> Line:
    """How many are chosen, and the most urgent sentence: nobody answers, what the last key did, why nothing moves."""
    parts = [Piece(f" {chosen:,} chosen (Esc: none) ", "strong")] if chosen else []
    if standing.lost is not None:
        parts.append(Piece(f" No answer, trying again: {printable(standing.lost)}", "bad"))
    elif said is not None:
        parts.append(Piece(f" {printable(said)}", "warning"))
    else:
        parts.append(Piece(f" {printable(standing.reason or '')}", "faint"))
    return fitted(tuple(parts), width, glyphs.gap)


def key_line(width: int, keys: Sequence[tuple[str, str]] = FOOTER) -> Line:
    """The keys, as many as fit; the last two always."""
    shown = list(keys)
    for word in (*GIVE_WAY, *(words for _, words in reversed(keys[:-2]))):
        if sum(len(key) + len(words) + 3 for key, words in shown) <= width:
            break
        shown = [each for each in shown if each[1] != word]
    parts = [part for key, words in shown for part in (Piece(f" {key}", "strong"), Piece(f" {words} ", "faint"))]
    return fitted(line(*parts), width)


def fitted(given: Line, width: int, gap: str = "") -> Line:
    """No wider than `width`."""
    left, parts = width, []
    for piece in given:
        text = cut(piece.text, left, gap) if columns(piece.text) > left else piece.text
        left -= columns(text)
        parts.append(Piece(text, piece.tone))
    return tuple(parts)


def chart(values: Sequence[float], width: int, height: int, glyphs: Glyphs) -> list[str]:
    """A chart of the last `width` values, `height` lines high, the highest value at its top."""
    bars = BARS if glyphs is UNICODE else ASCII_BARS
    shown = list(values[-width:])
    top = max(shown, default=0.0)
    lines = []
    for level in reversed(range(height)):
        cells = []
        for value in shown:
            eighths = round(value * height * 8 / top) - level * 8 if top > 0 else 0
            cells.append(bars[min(eighths, 8) - 1] if eighths > 0 else " ")
        lines.append("".join(cells))
    return lines
