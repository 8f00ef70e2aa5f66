"""The face for a terminal: finished lines scroll by, below them a few lines are drawn anew.

The sequences are written here and not by rich: a frame of ten lines took 2.4 ms of it and takes 0.1 ms so, and its import
would hold up the loop that moves the bytes for 40 ms.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import TextIO

from dlm.cli.board import Board, QueueBoard
from dlm.cli.faces import Narrator, Volume, write_text
from dlm.cli.frame import frame, queue_frame
from dlm.cli.line import Glyphs, Line, ansi, glyphs_for, plain, width_of
from dlm.model.download import Download
from dlm.model.event import Event
from dlm.model.phase import Phase
from dlm.ports import Outcome

_PATIENCE = 0.25  # seconds before anything is drawn: what is over sooner needs no bar
_MARGIN = 2  # columns kept free at the right, where the terminal echoes ^C
_FALLBACK = (80, 24)
_REST = 50  # times as long as a drawing took nothing is drawn, so that drawing takes 2 % of a core at most


class TerminalFace:
    """Draws the board of a run. `now` is on the monotonic clock."""

    def __init__(self, board: Board, stream: TextIO, volume: Volume, *, colour: bool, started: float) -> None:
        self._frame = _frame_of(board)
        self._canvas = Canvas(stream, colour=colour)
        self._glyphs = glyphs_for(stream.encoding)
        self._narrator = Narrator(board, self._canvas, self._glyphs, volume, queue=isinstance(board, QueueBoard))
        self._quiet = volume is Volume.QUIET
        self._started = started
        self._closed = False
        self._rested = 0.0

    def show(self, event: Event, now: float) -> None:
        self._narrator.show(event, now)

    def draw(self, now: float) -> None:
        if self._closed or self._quiet or now - self._started < _PATIENCE or now < self._rested:
            return
        began = perf_counter()
        width, height = self._canvas.size()
        self._canvas.paint(self._frame(now, max(1, width - _MARGIN), max(1, height - 1), self._glyphs))
        self._rested = now + _REST * (perf_counter() - began)

    def conclude(self, outcome: Outcome, now: float) -> None:
        self._narrator.conclude(outcome, now)

    def stopping(self) -> None:
        self.close()
        self._narrator.say(f"Stopping{self._glyphs.gap} Ctrl-C again leaves at once.")

    def interrupted(self, _left: Sequence[Download], sentence: str) -> None:
        self._narrator.say(sentence)

    def summarise(self, sentence: str) -> None:
        self._narrator.say(sentence)

    def ended(self, _phases: Mapping[Phase, int], _code: int, sentence: str) -> None:
        self._narrator.say(sentence)

    def close(self) -> None:
        self._closed = True
        self._canvas.paint([])


def _frame_of(board: Board) -> Callable[[float, int, int, Glyphs], list[Line]]:
    if isinstance(board, QueueBoard):
        return lambda now, width, height, glyphs: queue_frame(board, now, width, height, glyphs)
    return lambda now, width, height, glyphs: frame(board, now, width, height, glyphs)


class Canvas:
    """The lines at the bottom that are drawn anew. The cursor rests at the end of the last one and is never hidden."""

    def __init__(self, stream: TextIO, *, colour: bool) -> None:
        self._stream = stream
        self._colour = colour
        self._lines: list[Line] = []

    def size(self) -> tuple[int, int]:
        """Columns and rows, as they are now."""
        return size_of(self._stream)

    def paint(self, lines: list[Line]) -> None:
        """Show these lines instead of the last ones; nothing is written when they are the same."""
        if lines != self._lines:
            write_text(self._stream, self._erased() + "\n".join(map(self._drawn, lines)))
            self._lines = lines

    def write(self, given: Line) -> None:
        """A line above the drawn ones, to stay there."""
        below = "\n".join(map(self._drawn, self._lines))
        write_text(self._stream, f"{self._erased()}{self._drawn(given)}\n{below}")

    def _erased(self) -> str:
        """Erases what was drawn, also where a terminal that became narrower has broken the lines."""
        if not self._lines:
            return ""
        width = self.size()[0]
        rows = sum(max(1, -(-width_of(each) // width)) for each in self._lines)
        return "\r" + (f"\x1b[{rows - 1}A" if rows > 1 else "") + "\x1b[J"

    def _drawn(self, given: Line) -> str:
        return ansi(given) if self._colour else plain(given)


def has_colour(environ: Mapping[str, str]) -> bool:
    """Whether colours are wanted (https://no-color.org) and the terminal has them."""
    return not environ.get("NO_COLOR") and environ.get("TERM", "") != "dumb"


def size_of(stream: TextIO) -> tuple[int, int]:
    """Columns and rows of the terminal behind `stream`, as they are now; 80 by 24 where it does not say."""
    try:
        width, height = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        return _FALLBACK
    return (width, height) if width > 0 and height > 0 else _FALLBACK
