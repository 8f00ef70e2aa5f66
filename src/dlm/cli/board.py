"""What a foreground run knows of its downloads, folded from events. Pure: the clock is an argument."""

from __future__ import annotations

from dataclasses import dataclass

from dlm.model.download import Download, DownloadId
from dlm.model.event import DownloadAdded, Event, PhaseChanged, ProgressMade
from dlm.model.message import Progressed
from dlm.model.phase import CLAIMED_PHASES, FINAL_PHASES, Phase


@dataclass(slots=True)
class Row:
    """One download. `began` is on the monotonic clock; `had` counts the bytes that an earlier run had left."""

    download: Download
    progress: Progressed | None = None
    began: float | None = None
    had: int = 0
    detail: str | None = None
    asked: bool = False

    @property
    def active(self) -> bool:
        """Whether it is under way here."""
        return self.download.phase in CLAIMED_PHASES

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


class Board:
    """The rows in the order of their coming; `expected` is how many the run was asked for."""

    def __init__(self, expected: int) -> None:
        self.expected = expected
        self.rows: dict[DownloadId, Row] = {}

    def apply(self, event: Event, now: float) -> None:
        """Take the event in. Progress of a download that was never announced is ignored."""
        match event:
            case DownloadAdded(download):
                self.learn(download)
            case PhaseChanged(download, transition):
                row = self.learn(download)
                row.detail = transition.detail
                if download.phase is Phase.RUNNING and row.began is None:
                    row.began, row.had = now, download.downloaded
                if download.phase not in CLAIMED_PHASES:
                    row.progress = None
            case ProgressMade(progress) if progress.id in self.rows:
                self.rows[progress.id].progress = progress

    def learn(self, download: Download) -> Row:
        """The row of this download, with the newest that is known of it."""
        row = self.rows.setdefault(download.id, Row(download))
        row.download = download
        return row

    def ask_name(self, id: DownloadId) -> bool:
        """Whether the name of a running download should be looked up; true once for each."""
        row = self.rows.get(id)
        if row is None or row.asked or row.download.name is not None:
            return False
        row.asked = True
        return True

    def active(self) -> list[Row]:
        """Rows under way, in order."""
        return [row for row in self.rows.values() if row.active]

    def count(self, *phases: Phase) -> int:
        """How many rows are in one of these phases."""
        return sum(row.download.phase in phases for row in self.rows.values())

    @property
    def waiting(self) -> int:
        """How many are neither under way nor ended."""
        return max(0, self.expected - len(self.active()) - self.count(*FINAL_PHASES))
