"""How a foreground run is told to people; `terminal` and `json_lines` hold the faces for terminals and programs.

A Face takes events that its Board has applied already. It writes; it decides nothing about downloads.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Protocol, TextIO

from dlm.cli import sentences
from dlm.cli.board import Board, Row
from dlm.cli.line import Glyphs, Line, Piece, glyphs_for, line, plain
from dlm.model.download import Download, DownloadId
from dlm.model.event import Event, PhaseChanged, RuntimeWarned
from dlm.model.phase import Phase
from dlm.ports import Outcome

_QUIET_SECONDS = 5.0
_QUIET_PERCENT = 10
_QUIET_SECONDS_UNSIZED = 30.0


class Volume(Enum):
    """How much people want to read."""

    QUIET = "quiet"  # failures only
    NORMAL = "normal"  # what came of each download
    VERBOSE = "verbose"  # and what happened to it


class Face(Protocol):
    """What a foreground run tells of itself."""

    def show(self, event: Event, now: float, /) -> None:
        """Something happened."""

    def draw(self, now: float, /) -> None:
        """Time has passed: up to 10 times a second."""

    def conclude(self, outcome: Outcome, now: float, /) -> None:
        """How one download ended; called once for each, in order, after the last event."""

    def stopping(self) -> None:
        """The user asked to stop; it may take a moment."""

    def interrupted(self, left: Sequence[Download], sentence: str, /) -> None:
        """The run was stopped; `left` are its downloads as they stand now."""

    def close(self) -> None:
        """Leave the terminal as it was. Idempotent."""


class Writer(Protocol):
    """Where lines for people go."""

    def write(self, given: Line) -> None:
        """One line, whole and safe."""


class LogWriter:
    """Plain lines, for a stream that is no terminal. What its encoding lacks is replaced."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, given: Line) -> None:
        write_text(self._stream, plain(given) + "\n")


def write_text(stream: TextIO, text: str) -> None:
    """Write and flush; characters that the stream's encoding lacks become `?`."""
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding))
    stream.flush()


class Narrator:
    """Tells people what came of each download, as it happens and once only."""

    def __init__(self, board: Board, writer: Writer, glyphs: Glyphs, volume: Volume) -> None:
        self._board = board
        self._writer = writer
        self._glyphs = glyphs
        self._volume = volume
        self._told: set[DownloadId] = set()

    def show(self, event: Event, now: float) -> None:
        """Tell ends at once; what is under way only to those who want to read it."""
        match event:
            case PhaseChanged(download):
                if self._volume is Volume.VERBOSE:
                    self._writer.write(sentences.moved(event, self._glyphs))
                if download.phase in {Phase.COMPLETED, Phase.FAILED}:
                    self._tell(self._board.learn(download), now)
                else:
                    self._told.discard(download.id)
            case RuntimeWarned(message=message, id=id) if self._volume is Volume.VERBOSE:
                row = self._board.rows.get(id) if id else None
                name = f"{row.download.label}: " if row else ""
                self._writer.write(line(Piece("! ", "warning"), name, message))

    def conclude(self, outcome: Outcome, now: float) -> None:
        """Tell what no event told."""
        if outcome.already:
            if self._volume is not Volume.QUIET:
                self._writer.write(sentences.already(outcome.download, self._glyphs))
        elif outcome.download.id not in self._told:
            self._tell(self._board.learn(outcome.download), now)

    def say(self, text: str) -> None:
        """A sentence, except to those who want none."""
        if self._volume is not Volume.QUIET:
            self._writer.write(line(text))

    def _tell(self, row: Row, now: float) -> None:
        self._told.add(row.download.id)
        if row.download.phase is not Phase.COMPLETED:
            self._writer.write(sentences.failed(row.download, self._glyphs))
        elif self._volume is not Volume.QUIET:
            self._writer.write(sentences.completed(row, now, self._glyphs))


class LogFace:
    """Plain lines: where it comes from, now and then how far it is, what came of it."""

    def __init__(self, board: Board, stream: TextIO, volume: Volume) -> None:
        self._board = board
        self._writer = LogWriter(stream)
        self._narrator = Narrator(board, self._writer, glyphs_for(stream.encoding), volume)
        self._volume = volume
        self._last: dict[DownloadId, tuple[float, int]] = {}

    def show(self, event: Event, now: float) -> None:
        self._narrator.show(event, now)

    def draw(self, now: float) -> None:
        if self._volume is not Volume.QUIET:
            for row in self._board.active():
                if row.progress is not None:
                    self._report(row, now)

    def conclude(self, outcome: Outcome, now: float) -> None:
        self._narrator.conclude(outcome, now)

    def stopping(self) -> None:
        pass

    def interrupted(self, _left: Sequence[Download], sentence: str) -> None:
        self._narrator.say(sentence)

    def close(self) -> None:
        pass

    def _report(self, row: Row, now: float) -> None:
        share = sentences.percent(row.downloaded, row.size)
        last = self._last.get(row.download.id)
        if last is None:
            self._last[row.download.id] = (now, share)
            self._writer.write(sentences.begun(row))
            return
        pause = _QUIET_SECONDS if row.size else _QUIET_SECONDS_UNSIZED
        least = _QUIET_PERCENT if row.size else 0
        if now - last[0] >= pause and share - last[1] >= least:
            self._last[row.download.id] = (now, share)
            self._writer.write(sentences.under_way(row))
