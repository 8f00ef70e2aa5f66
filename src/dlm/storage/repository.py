"""The durable Repository: what `changes` decides, done in SQLite, one transaction a call."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from dlm.model.download import Checkpoint, Download, DownloadId, DownloadSpec, Fault
from dlm.model.error import DlmError
from dlm.model.event import Transition
from dlm.model.message import Expanded
from dlm.model.phase import Cause, Intent
from dlm.model.query import DownloadQuery
from dlm.model.queue import Change
from dlm.model.recursion import Frontier
from dlm.model.resource import Pieces, Verified
from dlm.ports import Step
from dlm.storage import access, adding, changes, frontiers, listing, recording, rows
from dlm.storage.changes import Move
from dlm.storage.database import Statements
from dlm.storage.encoding import encode_text
from dlm.storage.orders import amended
from dlm.storage.queue import SqliteQueue
from dlm.storage.state_thread import StateThread


class SqliteState:
    """One SQLite file, which other processes may use at the same time, as a Repository and as a Queue."""

    def __init__(self, thread: StateThread, wall: Callable[[], float]) -> None:
        self._thread = thread
        self.repository = SqliteRepository(thread, wall)
        self.queue = SqliteQueue(thread)

    @classmethod
    async def open(
        cls, path: str, *, wall: Callable[[], float] = time.time, committed: Callable[[float], None] = lambda _seconds: None
    ) -> SqliteState:
        """The state in the file `path`, made if there is none. `wall` tells the time by which leases run out; `committed` is
        told, in another thread, the seconds that each transaction took until it was durable.

        Raises `StateUnusable`, `ReadOnly`, `DiskFull` or `Conflict`.
        """
        thread = StateThread(committed)
        await thread.open(path)
        return cls(thread, wall)

    async def close(self) -> None:
        """Do what was asked for before, then release the file. Idempotent."""
        await self._thread.close()


class SqliteRepository:
    """`dlm.ports.Repository` on one SQLite file."""

    def __init__(self, thread: StateThread, wall: Callable[[], float]) -> None:
        self._thread = thread
        self._wall = wall

    @classmethod
    async def open(cls, path: str, *, wall: Callable[[], float] = time.time) -> SqliteRepository:
        """The Repository alone; see `SqliteState.open`."""
        return (await SqliteState.open(path, wall=wall)).repository

    async def add(
        self,
        downloads: Sequence[Download],
        *,
        unless_known: bool = False,
        pieces: Mapping[DownloadId, Pieces] | None = None,
    ) -> list[Download]:
        columns = await adding.columns_of(downloads)
        return await self._thread.write(
            lambda statements: adding.add(statements, downloads, columns, pieces, unless_known=unless_known)
        )

    async def add_claimed(
        self,
        downloads: Sequence[Download],
        owner: str,
        now: float,
        lease: float,
        *,
        pieces: Mapping[DownloadId, Pieces] | None = None,
    ) -> list[tuple[Download, Transition | None]]:
        claims = adding.claims_of(downloads, owner, now, lease)
        columns = await adding.columns_of([held for held, _ in claims])
        return await self._thread.write(lambda statements: adding.add_claimed(statements, claims, columns, pieces))

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
        claims = None if lease is None else adding.claims_of(children, owner, now, lease)
        columns = await adding.columns_of(children if claims is None else [held for held, _ in claims])

        def work(statements: Statements) -> list[tuple[Download, Transition | None]]:
            changes.demand_owner(access.get(statements, found.id), owner)
            frontiers.advance(statements, found)
            if claims is not None:
                return adding.add_claimed(statements, claims, columns, pieces)
            return [(there, None) for there in adding.add(statements, children, columns, pieces, unless_known=True)]

        return await self._thread.write(work)

    async def frontier_of(self, id: DownloadId) -> Frontier | None:
        return await self._thread.read(lambda statements: frontiers.frontier_of(statements, id))

    async def get(self, id: DownloadId) -> Download:
        return await self._thread.read(lambda statements: access.get(statements, id))

    async def identify(self, prefix: str) -> DownloadId:
        return await self._thread.read(lambda statements: access.identify(statements, prefix))

    async def find(self, query: DownloadQuery) -> list[Download]:
        return await self._thread.read(lambda statements: listing.find(statements, query))

    async def same(self, specs: Sequence[DownloadSpec]) -> list[list[Download]]:
        return await self._thread.read(lambda statements: [_same(statements, spec) for spec in specs])

    async def claim(self, ids: Sequence[DownloadId], owner: str, now: float, lease: float) -> list[Move]:
        def work(statements: Statements) -> list[Move]:
            gained: list[Move] = []
            for id in ids:
                download = access.seek(statements, id)
                moves = [] if download is None else changes.claimed(download, owner, now, lease)
                gained += [move for move in access.record(statements, moves) if move[1].cause is Cause.CLAIMED]
            return gained

        return await self._thread.write(work)

    async def renew(self, owner: str, until: float) -> None:
        await self._thread.write(lambda statements: statements.run("renew_leases", owner=encode_text(owner), until=until))

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
        def work(statements: Statements) -> Move:
            move = changes.advanced(
                access.get(statements, id),
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
            return access.record(statements, [move])[0]

        return await self._thread.write(work)

    async def amend(self, id: DownloadId, change: Change, now: float) -> Download:
        def work(statements: Statements) -> Download:
            download, move = amended(access.get(statements, id), change, now)
            statements.run("save_spec", **rows.spec_columns(download))
            statements.run("save_rank", **rows.rank_columns(download), **rows.host_columns(download))
            access.record(statements, [] if move is None else [move])
            return download

        return await self._thread.write(work)

    async def respecify(self, id: DownloadId, spec: DownloadSpec) -> Download:
        def work(statements: Statements) -> Download:
            download = changes.respecified(access.get(statements, id), spec, self._wall())
            statements.run("save_spec", **rows.spec_columns(download))
            return download

        return await self._thread.write(work)

    async def intend(self, id: DownloadId, intent: Intent) -> Download:
        def work(statements: Statements) -> Download:
            download = replace(access.get(statements, id), intent=intent)
            statements.run("save_life", **rows.life_columns(download))
            return download

        return await self._thread.write(work)

    async def checkpoint(self, id: DownloadId, checkpoint: Checkpoint, *, owner: str | None = None) -> None:
        def work(statements: Statements) -> None:
            download, latest = changes.checkpointed(access.get(statements, id), checkpoint, owner)
            progress = rows.progress_columns(download)
            statements.run("save_progress", **progress)
            statements.run("save_name", **progress)
            statements.run("save_checkpoint", **rows.checkpoint_columns(download, latest))

        await self._thread.write(work)

    async def record(self, steps: Sequence[Step], now: float) -> list[list[Move] | DlmError]:
        return await self._thread.write(lambda statements: recording.record(statements, steps, now))

    async def checkpoint_of(self, id: DownloadId) -> Checkpoint | None:
        row = await self._thread.read(lambda statements: statements.one("latest_checkpoint", id=id))
        return None if row is None else rows.checkpoint_of(row)

    async def forget_checkpoint(self, id: DownloadId) -> None:
        def work(statements: Statements) -> None:
            statements.run("delete_checkpoints", id=id)
            statements.run("delete_folders", id=id)

        await self._thread.write(work)

    async def pieces_of(self, id: DownloadId) -> Pieces | None:
        row = await self._thread.read(lambda statements: statements.one("pieces_of_download", id=id))
        return None if row is None else rows.pieces_of(row)

    async def with_pieces(self, ids: Sequence[DownloadId]) -> set[DownloadId]:
        asked = json.dumps(ids)
        found = await self._thread.read(lambda statements: statements.all("downloads_with_pieces", ids=asked))
        return {DownloadId(row["download"]) for row in found}

    async def remove(self, id: DownloadId) -> None:
        def work(statements: Statements) -> None:
            changes.demand_removable(access.get(statements, id), self._wall())
            statements.run("delete_download", id=id)

        await self._thread.write(work)

    async def story(self, id: DownloadId) -> list[Transition]:
        found = await self._thread.read(lambda statements: statements.all("story_of_download", id=id))
        return [rows.transition_of(row) for row in found]

    async def events_since(self, seq: int, limit: int) -> list[Transition]:
        wanted = {"seq": seq, "limit": max(limit, 0)}
        found = await self._thread.read(lambda statements: statements.all("events_since", **wanted))
        return [rows.transition_of(row) for row in found]

    async def close(self) -> None:
        await self._thread.close()


def _same(statements: Statements, spec: DownloadSpec) -> list[Download]:
    texts = {"uri": spec.uris[0], "directory": spec.directory, "output": spec.output}
    wanted = {name: encode_text(text) for name, text in texts.items()}
    return [rows.download_of(row) for row in statements.all("same_downloads", **wanted)]
