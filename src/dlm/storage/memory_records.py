"""What the in-memory twins of Repository and Queue share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from dlm.model.download import Checkpoint, Download, DownloadId
from dlm.model.event import Transition
from dlm.model.recursion import Folder, Tally
from dlm.model.reference import prefix_of
from dlm.model.resource import Pieces
from dlm.ports import HostPolicy
from dlm.storage import references
from dlm.storage.changes import Move
from dlm.storage.line import Standpoint, is_in_line, standpoint


@dataclass
class Records:
    """Downloads and all that belongs to them, for one event loop. `wall` tells the time by which leases run out."""

    wall: Callable[[], float]
    downloads: dict[DownloadId, Download] = field(default_factory=dict)
    seqs: dict[DownloadId, int] = field(default_factory=dict)
    checkpoints: dict[DownloadId, dict[int, Checkpoint]] = field(default_factory=dict)
    pieces: dict[DownloadId, Pieces] = field(default_factory=dict)
    folders: dict[DownloadId, dict[str, Folder]] = field(default_factory=dict)
    tallies: dict[DownloadId, Tally] = field(default_factory=dict)
    events: list[Transition] = field(default_factory=list)
    policies: dict[str, HostPolicy] = field(default_factory=dict)
    rates: dict[str, int] = field(default_factory=dict)
    last_event: int = 0
    last_seq: int = 0

    def get(self, id: DownloadId) -> Download:
        """Raises `DownloadNotFound`."""
        try:
            return self.downloads[id]
        except KeyError:
            raise references.missing(id) from None

    def insert(self, download: Download) -> None:
        """A new one."""
        self.last_seq += 1
        self.downloads[download.id] = download
        self.seqs[download.id] = self.last_seq

    def forget(self, id: DownloadId) -> None:
        """The download, and its story."""
        del self.downloads[id], self.seqs[id]
        self.checkpoints.pop(id, None)
        self.pieces.pop(id, None)
        self.folders.pop(id, None)
        self.tallies.pop(id, None)
        self.events = [event for event in self.events if event.id != id]

    def identify(self, reference: str) -> DownloadId:
        """The one id that is meant. Raises `DownloadNotFound`."""
        start = prefix_of(reference)
        return references.the_one(start, sorted(id for id in self.downloads if id.startswith(start))[:6])

    def record(self, moves: Sequence[Move]) -> list[Move]:
        """The steps, numbered; each says how the download stands after it."""
        numbered: list[Move] = []
        for download, transition in moves:
            self.last_event += 1
            self.downloads[download.id] = download
            self.events.append(replace(transition, seq=self.last_event))
            numbered.append((download, self.events[-1]))
        return numbered

    def line(self) -> list[tuple[Standpoint, Download]]:
        """What may be admitted, in order."""
        pending = [(standpoint(each, self.seqs[each.id]), each) for each in self.downloads.values() if is_in_line(each)]
        return sorted(pending, key=lambda pair: pair[0].rank)
