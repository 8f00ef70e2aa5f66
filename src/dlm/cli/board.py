"""What a foreground run knows of its downloads, folded from events. Pure: the clock is an argument.

A Board holds what was asked for beforehand; a QueueBoard holds only what is under way, so that ten thousand queued
downloads cost nothing.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping

from dlm.model.download import Download, DownloadId
from dlm.model.event import DownloadAdded, DownloadEdited, Event, Lagged, PhaseChanged, ProgressMade
from dlm.model.message import Progressed
from dlm.model.phase import CLAIMED_PHASES, FINAL_PHASES, Phase
from dlm.model.value import dataclass

LATELY = 1.0
"""Seconds."""


@dataclass(slots=True)
class Row:
    """One download. `began` is on the monotonic clock; `had` counts the bytes that an earlier run had left."""

    download: Download
    progress: Progressed | None = None
    began: float | None = None
    had: int = 0
    detail: str | None = None
    asked: bool = False
    started: float | None = None
    """The wall clock's time at which it is recorded as started."""
    counted: tuple[int, int | None] = (0, 0)
    """What the sums of the Board hold of it: bytes in the file, and its size."""

    @property
    def active(self) -> bool:
        """Whether it is under way here. One that is scheduled is claimed, and waits for its turn; one that completes
        without ever having been seen to move is small, and gone in a moment."""
        phase = self.download.phase
        return phase is Phase.RUNNING or (phase is Phase.COMPLETING and self.progress is not None)

    @property
    def lists(self) -> bool:
        """Whether it is a folder: listed, and no file of its own."""
        return self.download.spec.recursive is not None

    @property
    def size(self) -> int | None:
        """Its size, from the newest that is known."""
        return self.progress.total if self.progress and self.progress.total is not None else self.download.size

    @property
    def downloaded(self) -> int:
        """Bytes in the file, from the newest that is known."""
        if self.download.phase is Phase.COMPLETED and self.download.size is not None:
            return self.download.size
        return self.progress.downloaded if self.progress else self.download.downloaded

    @property
    def speed(self) -> float:
        """Bytes a second, as they are shown."""
        return self.progress.smoothed_speed if self.progress else 0.0


class Board:
    """The rows in the order of their coming; `expected` is how many files the run was asked for, beside `folders`.

    What folders were found to hold is expected as soon as it is known. Folders themselves are counted nowhere.
    """

    def __init__(self, expected: int, folders: int = 0) -> None:
        self.expected = expected
        self.folders = folders
        self.rows: dict[DownloadId, Row] = {}
        self.come = 0
        """Bytes in all files together."""
        self.limited = False
        """Whether a limit of ours has held something back: from then on there is a place for saying so."""
        self._whole = 0
        self._unsized = 0
        self._active: dict[DownloadId, Row] = {}
        self._phases: Counter[Phase] = Counter()
        self._groups: set[str] = set()
        """Those of the folders."""
        self._quick: deque[tuple[float, int]] = deque()
        """When small files were done, and how large they were."""

    def apply(self, event: Event, now: float) -> None:
        """Take the event in. Progress of a download that was never announced is ignored."""
        match event:
            case DownloadAdded(download):
                self.learn(download)
            case DownloadEdited(download) if download.id in self.rows:
                self.learn(download)
            case PhaseChanged(download, transition):
                row = self.learn(download)
                row.detail = transition.detail
                if download.phase is Phase.RUNNING and row.began is None:
                    row.began, row.had, row.started = now, download.downloaded, transition.at
                if download.phase is Phase.COMPLETED and row.progress is None and row.started is not None:
                    # It was told of no sooner than at its end: only the record knows how long it took.
                    row.began = now - max(0.0, transition.at - row.started)
                    self._quick.append((now, download.size or 0))
                if download.phase not in CLAIMED_PHASES:
                    row.progress = None
                self._count(row)
            case ProgressMade(progress) if progress.id in self.rows:
                self.rows[progress.id].progress = progress
                self.limited = self.limited or progress.limited is not None
                self._count(self.rows[progress.id])

    def learn(self, download: Download) -> Row:
        """The row of this download, with the newest that is known of it."""
        row = self.rows.get(download.id)
        if row is None:
            row = self.rows[download.id] = Row(download)
            self._greet(row)
        elif not row.lists:
            self._phases[row.download.phase] -= 1
        row.download = download
        if not row.lists:
            self._phases[download.phase] += 1
        if row.active:
            self._active[download.id] = row
        else:
            self._active.pop(download.id, None)
        self._count(row)
        return row

    def is_found(self, download: Download) -> bool:
        """Whether a folder of this run was found to hold it."""
        return download.group in self._groups and download.spec.recursive is None

    def listings(self) -> list[Row]:
        """The folders, in the order of their coming."""
        return [row for row in self.rows.values() if row.lists]

    def _greet(self, row: Row) -> None:
        if row.lists:
            self._groups.add(row.download.group or row.download.id)
            return
        self._unsized += 1
        self.expected += self.is_found(row.download)

    def asks(self, id: DownloadId) -> bool:
        """Whether the name of a running download should be looked up; true once for each."""
        row = self.rows.get(id)
        if row is None or row.asked or row.download.name is not None:
            return False
        row.asked = True
        return True

    def active(self) -> list[Row]:
        """Rows under way, in the order in which they got there."""
        return list(self._active.values())

    @property
    def speed(self) -> float:
        """Bytes a second, all together."""
        return sum(row.speed for row in self._active.values())

    def quick(self, now: float) -> float:
        """Bytes a second of the small files that were done lately, whose own speed nobody sees."""
        while self._quick and self._quick[0][0] < now - LATELY:
            self._quick.popleft()
        return sum(size for _, size in self._quick) / LATELY

    def count(self, *phases: Phase) -> int:
        """How many rows are in one of these phases."""
        return sum(self._phases[phase] for phase in phases)

    @property
    def waiting(self) -> int:
        """How many are neither under way, nor paused, nor ended."""
        active = sum(not row.lists for row in self._active.values())
        return max(0, self.expected - active - self.count(Phase.PAUSED, *FINAL_PHASES))

    @property
    def whole(self) -> int | None:
        """The size of all files together, `None` while one of them is not known."""
        listing = any(row.lists for row in self._active.values())
        come = len(self.rows) - self.folders >= self.expected
        return self._whole if self._unsized == 0 and come and not listing else None

    def _count(self, row: Row) -> None:
        if row.lists:
            return
        come, size = row.counted
        row.counted = (row.downloaded, row.size)
        self.come += row.counted[0] - come
        self._whole += (row.counted[1] or 0) - (size or 0)
        self._unsized += (row.counted[1] is None) - (size is None)


class QueueBoard(Board):
    """An open set: rows are what is under way, and what has just left, until the next event.

    `phases` counts the whole queue, and `limit` is the rate that holds, as they were last read; `reason` says why
    nothing moves, when that is so.
    """

    def __init__(self) -> None:
        super().__init__(0)
        self.phases: Mapping[Phase, int] = {}
        self.limit: int | None = None
        self.reason: str | None = None
        self.failures: dict[DownloadId, Download] = {}
        """What ended otherwise than done, in order; one that is tried again is taken out."""
        self.done = 0
        self._left: DownloadId | None = None
        self._lagged = False

    def asks(self, id: DownloadId) -> bool:
        """See `Board.asks`; once events were missed, also whether a stranger should be looked up."""
        return super().asks(id) or (self._lagged and id not in self.rows)

    def apply(self, event: Event, now: float) -> None:
        """See `Board.apply`."""
        if self._left is not None:
            self._forget(self._left)
            self._left = None
        self._lagged = self._lagged or isinstance(event, Lagged)
        if isinstance(event, DownloadAdded):
            return
        super().apply(event, now)
        if isinstance(event, PhaseChanged) and event.newest:
            self._tally(event.download)

    def learn(self, download: Download) -> Row:
        """See `Board.learn`."""
        row = super().learn(download)
        self._left = None if row.active else download.id
        return row

    def _tally(self, download: Download) -> None:
        self.failures.pop(download.id, None)
        if download.phase is Phase.COMPLETED:
            self.done += 1
        elif download.phase in FINAL_PHASES:
            self.failures[download.id] = download

    def _forget(self, id: DownloadId) -> None:
        row = self.rows.pop(id, None)
        if row is not None and not row.lists:
            self._phases[row.download.phase] -= 1
