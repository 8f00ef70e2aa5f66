"""How a foreground run is told to people; `terminal` and `json_lines` hold the faces for terminals and programs.

A Face takes events that its Board has applied already. It writes; it decides nothing about downloads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from time import time
from typing import Any, Protocol, TextIO

from dlm.cli import sentences
from dlm.cli.board import Board, QueueBoard, Row
from dlm.cli.line import Glyphs, Line, Piece, glyphs_for, line, plain
from dlm.model.download import Download, DownloadId
from dlm.model.event import MIRROR_LIED, Event, PhaseChanged, RuntimeWarned
from dlm.model.phase import Cause, Phase
from dlm.ports import Outcome

_QUIET_SECONDS = 5.0
_QUIET_PERCENT = 10
_QUIET_SECONDS_UNSIZED = 30.0
_QUEUE_SECONDS = 60.0


class Volume(Enum):
    """How much people want to read."""

    QUIET = "quiet"  # failures only
    NORMAL = "normal"  # what came of each download
    VERBOSE = "verbose"  # and what happened to it

    @classmethod
    def of(cls, flags: Mapping[str, Any]) -> Volume:
        """What -q and -v say."""
        return cls.QUIET if flags["quiet"] else cls.VERBOSE if flags["verbose"] else cls.NORMAL


class Face(Protocol):
    """What a foreground run tells of itself while it lasts."""

    def show(self, event: Event, now: float, /) -> None:
        """Something happened."""

    def draw(self, now: float, /) -> None:
        """Time has passed: up to 10 times a second."""

    def stopping(self) -> None:
        """The user asked to stop; it may take a moment."""

    def close(self) -> None:
        """Leave the terminal as it was. Idempotent."""


class FetchFace(Face, Protocol):
    """The face of `get`."""

    def conclude(self, outcome: Outcome, now: float, /) -> None:
        """How one download ended; called once for each, in order, after the last event."""

    def interrupted(self, left: Sequence[Download], sentence: str, /) -> None:
        """The run was stopped; `left` are its downloads as they stand now."""

    def summarise(self, sentence: str, /) -> None:
        """What came of folders, after all else."""


class QueueFace(Face, Protocol):
    """The face of `run`."""

    def ended(self, phases: Mapping[Phase, int], code: int, sentence: str, /) -> None:
        """The run is over; `phases` counts what is in the queue now."""


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


_STANDSTILLS = frozenset({Phase.PAUSED, Phase.CANCELLED, Phase.WAITING})


class Narrator:
    """Tells people what came of each download, as it happens and once only.

    With `queue`, it also tells what left the run without having ended.
    """

    def __init__(self, board: Board, writer: Writer, glyphs: Glyphs, volume: Volume, *, queue: bool = False) -> None:
        self._board = board
        self._writer = writer
        self._glyphs = glyphs
        self._volume = volume
        self._queue = queue
        self._told: set[DownloadId] = set()

    def show(self, event: Event, now: float) -> None:
        """Tell ends at once; what is under way only to those who want to read it."""
        match event:
            case PhaseChanged(download, step):
                if self._volume is Volume.VERBOSE:
                    self._writer.write(sentences.moved(event, self._glyphs))
                if not event.newest:
                    return
                if download.phase in {Phase.COMPLETED, Phase.FAILED}:
                    self._tell(self._board.learn(download), now)
                    return
                self._told.discard(download.id)
                stands = download.phase in _STANDSTILLS or step.cause is Cause.PREEMPTED
                if self._queue and stands and self._volume is Volume.NORMAL:
                    self._writer.write(sentences.left(download, time(), self._glyphs, cause=step.cause))
            case RuntimeWarned(code, message, id) if self._warns(id, code):
                row = self._board.rows.get(id) if id else None
                name = f"{row.download.label}: " if row else ""
                self._writer.write(line(Piece("! ", "warning"), name, message))

    def conclude(self, outcome: Outcome, now: float) -> None:
        """Tell what no event told."""
        if outcome.already:
            # A folder may hold thousands; how many of them is told in the end.
            least = Volume.VERBOSE if self._board.is_found(outcome.download) else Volume.NORMAL
            if self._volume in {least, Volume.VERBOSE}:
                self._writer.write(sentences.already(outcome.download, self._glyphs))
        elif outcome.download.id not in self._told:
            self._tell(self._board.learn(outcome.download), now)

    def say(self, text: str) -> None:
        """A sentence, except to those who want none."""
        if self._volume is not Volume.QUIET:
            self._writer.write(line(text))

    def _warns(self, id: DownloadId | None, code: str) -> bool:
        grave = code == MIRROR_LIED or (self._queue and id is None)
        return self._volume is Volume.VERBOSE or (grave and self._volume is Volume.NORMAL)

    def _tell(self, row: Row, now: float) -> None:
        download = row.download
        if not self._queue:  # a queue may be long, and tells each end by its event
            self._told.add(download.id)
        if download.phase is Phase.COMPLETED:
            if self._volume is not Volume.QUIET:
                self._writer.write(sentences.completed(row, now, self._glyphs))
        elif download.phase is Phase.FAILED or (download.fault is not None and download.phase is not Phase.WAITING):
            self._writer.write(sentences.failed(download, self._glyphs))
        else:
            self._writer.write(sentences.left(download, time(), self._glyphs))


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

    def summarise(self, sentence: str) -> None:
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


class QueueLogFace:
    """Plain lines of a queue: what begins, what comes of it, and now and then how the queue stands."""

    def __init__(self, board: QueueBoard, stream: TextIO, volume: Volume) -> None:
        self._board = board
        self._writer = LogWriter(stream)
        self._narrator = Narrator(board, self._writer, glyphs_for(stream.encoding), volume, queue=True)
        self._volume = volume
        self._told: float | None = None

    def show(self, event: Event, now: float) -> None:
        if isinstance(event, PhaseChanged) and event.transition.cause is Cause.STARTED and self._volume is Volume.NORMAL:
            self._writer.write(sentences.started(event.download))
        self._narrator.show(event, now)

    def draw(self, now: float) -> None:
        if self._told is None:
            self._told = now
        elif now - self._told >= _QUEUE_SECONDS and self._board.active():
            self._told = now
            self._narrator.say(sentences.queue_standing(self._board))

    def stopping(self) -> None:
        pass

    def ended(self, _phases: Mapping[Phase, int], _code: int, sentence: str) -> None:
        self._narrator.say(sentence)

    def close(self) -> None:
        pass
