"""The in-memory twin of the durable Repository: the same observations, gone when the process ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from dlm.model.download import Checkpoint, Download, DownloadId, DownloadSpec, Fault
from dlm.model.error import Conflict, DlmError, DownloadNotFound, IllegalTransition
from dlm.model.event import Transition
from dlm.model.message import Expanded
from dlm.model.phase import Cause, Intent
from dlm.model.query import DownloadQuery
from dlm.model.queue import Change
from dlm.model.recursion import Frontier
from dlm.model.resource import Pieces, Verified
from dlm.model.sorting import Cursor, Mark, Sort, SortKey
from dlm.ports import Step
from dlm.storage import changes
from dlm.storage.changes import Move
from dlm.storage.memory_queue import MemoryQueue
from dlm.storage.memory_records import Records
from dlm.storage.orders import amended
from dlm.storage.wording import is_worded

Place = tuple[Any, int]
"""What a download is sorted by, and its number of addition."""


class MemoryState:
    """The twin of `SqliteState`: the same records as a Repository and as a Queue."""

    def __init__(self, *, wall: Callable[[], float] = time.time) -> None:
        records = Records(wall)
        self.repository = MemoryRepository(records)
        self.queue = MemoryQueue(records)

    async def close(self) -> None:
        """Nothing is held."""


class MemoryRepository:
    """`dlm.ports.Repository` in dictionaries, for one event loop."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def add(
        self,
        downloads: Sequence[Download],
        *,
        unless_known: bool = False,
        pieces: Mapping[DownloadId, Pieces] | None = None,
    ) -> list[Download]:
        ids = set(self._records.downloads)
        known: dict[tuple[str, str], list[Download]] = {}
        for each in self._records.downloads.values() if unless_known else ():
            known.setdefault(_address(each), []).append(each)
        new: list[Download] = []
        there: list[Download] = []
        for download in downloads:
            alike = known.setdefault(_address(download), [])
            found = next((each for each in alike if unless_known and changes.repeats(download, each)), None)
            there.append(found or download)
            if found is None:
                if download.id in ids:
                    raise changes.duplicate(download.id)
                ids.add(download.id)
                alike.append(download)
                new.append(download)
        for download in new:
            self._records.insert(download)
            if pieces and download.id in pieces:
                self._records.pieces[download.id] = pieces[download.id]
        return there

    async def add_claimed(
        self,
        downloads: Sequence[Download],
        owner: str,
        now: float,
        lease: float,
        *,
        pieces: Mapping[DownloadId, Pieces] | None = None,
    ) -> list[tuple[Download, Transition | None]]:
        there = await self.add(downloads, unless_known=True, pieces=pieces)
        added = [mine.id for mine, each in zip(downloads, there, strict=True) if each is mine]
        moves = {download.id: (download, transition) for download, transition in await self.claim(added, owner, now, lease)}
        answers = zip(downloads, there, strict=True)
        return [moves[each.id] if each is mine else (self._records.get(each.id), None) for mine, each in answers]

    async def expand(
        self,
        found: Expanded,
        children: Sequence[Download],
        owner: str,
        now: float,
        *,
        lease: float | None = None,
        pieces: Mapping[DownloadId, Pieces] | None = None,
    ) -> list[tuple[Download, Transition | None]]:
        changes.demand_owner(self._records.get(found.id), owner)
        if found.read is not None:
            left = self._records.folders.setdefault(found.id, {})
            if not found.read.path:
                left.clear()
            left.pop(found.read.path, None)
            for each in found.folders:
                left.setdefault(each.path, each)
            self._records.tallies[found.id] = found.tally
        if lease is not None:
            return await self.add_claimed(children, owner, now, lease, pieces=pieces)
        return [(each, None) for each in await self.add(children, unless_known=True, pieces=pieces)]

    async def frontier_of(self, id: DownloadId) -> Frontier | None:
        left = tuple(self._records.folders.get(id, {}).values())
        return Frontier(left, self._records.tallies[id]) if left else None

    async def get(self, id: DownloadId) -> Download:
        return self._records.get(id)

    async def identify(self, prefix: str) -> DownloadId:
        return self._records.identify(prefix)

    async def find(self, query: DownloadQuery) -> list[Download]:
        found = [each for each in self._records.downloads.values() if _matches(query, each)]
        places = {each.id: self._place(each, query.sort, query.sort.mark(each)) for each in found}
        if query.before is not None:
            last = query.before.id if isinstance(query.before, Cursor) else query.before
            ended = self._records.get(last)
            mark = query.before.mark if isinstance(query.before, Cursor) else query.sort.mark(ended)
            end = self._place(ended, query.sort, mark)
            found = [each for each in found if _is_behind(places[each.id], end, query.sort)]
        known, unknown = [[each for each in found if (places[each.id][0] is None) is lacking] for lacking in (False, True)]
        known.sort(key=lambda each: places[each.id], reverse=query.sort.descending)
        unknown.sort(key=lambda each: places[each.id][1], reverse=True)
        return [*known, *unknown][: max(query.limit, 0)]

    def _place(self, download: Download, sort: Sort, mark: Mark) -> Place:
        seq = self._records.seqs[download.id]
        return seq if sort.key is SortKey.ADDED else mark, seq

    async def same(self, specs: Sequence[DownloadSpec]) -> list[list[Download]]:
        return [[each for each in self._newest() if _target(each.spec) == _target(spec)] for spec in specs]

    async def claim(self, ids: Sequence[DownloadId], owner: str, now: float, lease: float) -> list[Move]:
        gained: list[Move] = []
        for id in ids:
            download = self._records.downloads.get(id)
            moves = [] if download is None else changes.claimed(download, owner, now, lease)
            gained += [move for move in self._records.record(moves) if move[1].cause is Cause.CLAIMED]
        return gained

    async def renew(self, owner: str, until: float) -> None:
        for id, download in self._records.downloads.items():
            if download.owner == owner:
                self._records.downloads[id] = replace(download, lease_until=until)

    async def advance(
        self,
        id: DownloadId,
        cause: Cause,
        now: float,
        *,
        owner: str | None = None,
        detail: str | None = None,
        path: str | None = None,
        verified: Verified | None = None,
        fault: Fault | None = None,
        due: float | None = None,
        attempts: int | None = None,
    ) -> Move:
        move = changes.advanced(
            self._records.get(id),
            cause,
            now,
            owner=owner,
            detail=detail,
            path=path,
            verified=verified,
            fault=fault,
            due=due,
            attempts=attempts,
        )
        return self._records.record([move])[0]

    async def amend(self, id: DownloadId, change: Change, now: float) -> Download:
        download, move = amended(self._records.get(id), change, now)
        self._records.downloads[id] = download
        self._records.record([] if move is None else [move])
        return download

    async def respecify(self, id: DownloadId, spec: DownloadSpec) -> Download:
        self._records.downloads[id] = changes.respecified(self._records.get(id), spec, self._records.wall())
        return self._records.downloads[id]

    async def intend(self, id: DownloadId, intent: Intent) -> Download:
        self._records.downloads[id] = replace(self._records.get(id), intent=intent)
        return self._records.downloads[id]

    async def checkpoint(self, id: DownloadId, checkpoint: Checkpoint, *, owner: str | None = None) -> None:
        self._records.downloads[id], latest = changes.checkpointed(self._records.get(id), checkpoint, owner)
        parts = self._records.checkpoints.setdefault(id, {})
        # Taken out first, so that the one saved last stands last.
        parts.pop(latest.part, None)
        parts[latest.part] = latest

    async def record(self, steps: Sequence[Step], now: float) -> list[list[Move] | DlmError]:
        return [await self._step(step, now) for step in steps]

    async def _step(self, step: Step, now: float) -> list[Move] | DlmError:
        try:
            moves, checkpoint = changes.stepped(self._records.get(step.id), step, now)
        except (Conflict, IllegalTransition, DownloadNotFound) as error:
            return error
        if checkpoint is not None:
            await self.checkpoint(step.id, checkpoint)
        return self._records.record(moves)

    async def checkpoint_of(self, id: DownloadId) -> Checkpoint | None:
        return next(reversed(self._records.checkpoints.get(id, {}).values()), None)

    async def forget_checkpoint(self, id: DownloadId) -> None:
        self._records.checkpoints.pop(id, None)
        self._records.folders.pop(id, None)

    async def pieces_of(self, id: DownloadId) -> Pieces | None:
        return self._records.pieces.get(id)

    async def with_pieces(self, ids: Sequence[DownloadId]) -> set[DownloadId]:
        return {id for id in ids if id in self._records.pieces}

    async def remove(self, id: DownloadId) -> None:
        changes.demand_removable(self._records.get(id), self._records.wall())
        self._records.forget(id)

    async def story(self, id: DownloadId) -> list[Transition]:
        return [event for event in self._records.events if event.id == id]

    async def events_since(self, seq: int, limit: int) -> list[Transition]:
        return [event for event in self._records.events if event.seq > seq][: max(limit, 0)]

    async def close(self) -> None:
        """Nothing is held."""

    def _newest(self) -> list[Download]:
        return list(reversed(self._records.downloads.values()))


def _is_behind(place: Place, end: Place, sort: Sort) -> bool:
    if place[0] is None or end[0] is None:
        return place[0] is None and (end[0] is not None or place[1] < end[1])
    return place < end if sort.descending else place > end


def _address(download: Download) -> tuple[str, str]:
    return download.spec.uris[0], download.spec.directory


def _target(spec: DownloadSpec) -> tuple[str, str, str | None]:
    return spec.uris[0], spec.directory, spec.output


def _matches(query: DownloadQuery, download: Download) -> bool:
    return (
        (query.phases is None or download.phase in query.phases)
        and (query.directory is None or download.spec.directory == query.directory)
        and (query.group is None or download.group == query.group)
        and (query.text is None or is_worded(query.text, download.name, download.spec.uris[0]))
    )
