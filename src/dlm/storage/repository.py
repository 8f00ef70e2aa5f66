"""The durable Repository: what `changes` decides, done in SQLite, one transaction a call.

One thread owns the connection. A call that is cancelled while it waits has either not begun, and then nothing happens,
or is carried to its end there: never half.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from dlm.model.download import Checkpoint, Download, DownloadId, DownloadSpec, Fault
from dlm.model.error import StateUnusable
from dlm.model.event import Transition
from dlm.model.phase import Cause, Intent
from dlm.model.resource import Verified
from dlm.ports import DownloadQuery, HostPolicy
from dlm.storage import changes, rows
from dlm.storage.encoding import encode_text
from dlm.storage.sqlite import Database, Statements, open_database

T = TypeVar("T")


class SqliteRepository:
    """`dlm.ports.Repository` on one SQLite file, which other processes may use at the same time."""

    def __init__(self, database: Database, thread: ThreadPoolExecutor, wall: Callable[[], float]) -> None:
        self._database = database
        self._thread = thread
        self._wall = wall
        self._closed = False

    @classmethod
    async def open(cls, path: str, *, wall: Callable[[], float] = time.time) -> SqliteRepository:
        """The Repository in the file `path`, made if there is none. `wall` tells the time by which leases run out.

        Raises `StateUnusable`, `ReadOnly`, `DiskFull` or `Conflict`.
        """
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="dlm-state")
        try:
            database = await asyncio.get_running_loop().run_in_executor(thread, open_database, path)
        except BaseException:
            thread.shutdown(wait=False)
            raise
        return cls(database, thread, wall)

    async def add(self, downloads: Sequence[Download]) -> None:
        def work(statements: Statements) -> None:
            for download in downloads:
                if statements.one("seq_of_download", id=download.id) is not None:
                    raise changes.duplicate(download.id)
                statements.run("insert_download", **rows.download_columns(download))

        await self._write(work)

    async def get(self, id: DownloadId) -> Download:
        return await self._read(lambda statements: _get(statements, id))

    async def identify(self, prefix: str) -> DownloadId:
        start = changes.prefix_of(prefix)
        found = await self._read(lambda statements: statements.all("ids_with_prefix", prefix=start))
        return changes.the_one(start, [row["id"] for row in found])

    async def find(self, query: DownloadQuery) -> list[Download]:
        return await self._read(lambda statements: _find(statements, query))

    async def same(self, uri: str, directory: str, output: str | None) -> list[Download]:
        wanted = {"uri": encode_text(uri), "directory": encode_text(directory), "output": encode_text(output)}
        found = await self._read(lambda statements: statements.all("same_downloads", **wanted))
        return [rows.download_of(row) for row in found]

    async def claim(self, id: DownloadId, owner: str, now: float, lease: float) -> Download:
        def work(statements: Statements) -> Download:
            download, story = changes.claimed(_get(statements, id), owner, now, lease)
            statements.run("save_download", **rows.changing_columns(download))
            for transition in story:
                _append(statements, transition)
            return download

        return await self._write(work)

    async def renew(self, owner: str, until: float) -> None:
        await self._write(lambda statements: statements.run("renew_leases", owner=encode_text(owner), until=until))

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
    ) -> tuple[Download, Transition]:
        def work(statements: Statements) -> tuple[Download, Transition]:
            before = _get(statements, id)
            download, transition = changes.advanced(
                before, cause, now, owner=owner, detail=detail, path=path, verified=verified, fault=fault
            )
            statements.run("save_download", **rows.changing_columns(download))
            return download, _append(statements, transition)

        return await self._write(work)

    async def respecify(self, id: DownloadId, spec: DownloadSpec) -> Download:
        def work(statements: Statements) -> Download:
            download = changes.respecified(_get(statements, id), spec, self._wall())
            statements.run("save_spec", **rows.spec_columns(download))
            return download

        return await self._write(work)

    async def intend(self, id: DownloadId, intent: Intent) -> Download:
        def work(statements: Statements) -> Download:
            download = replace(_get(statements, id), intent=intent)
            statements.run("save_download", **rows.changing_columns(download))
            return download

        return await self._write(work)

    async def checkpoint(self, id: DownloadId, checkpoint: Checkpoint, *, owner: str | None = None) -> None:
        def work(statements: Statements) -> None:
            download, latest = changes.checkpointed(_get(statements, id), checkpoint, owner)
            statements.run("save_progress", **rows.progress_columns(download))
            statements.run("save_checkpoint", **rows.checkpoint_columns(download, latest))

        await self._write(work)

    async def checkpoint_of(self, id: DownloadId) -> Checkpoint | None:
        row = await self._read(lambda statements: statements.one("latest_checkpoint", id=id))
        return None if row is None else rows.checkpoint_of(row)

    async def forget_checkpoint(self, id: DownloadId) -> None:
        await self._write(lambda statements: statements.run("delete_checkpoints", id=id))

    async def remove(self, id: DownloadId) -> None:
        def work(statements: Statements) -> None:
            changes.demand_removable(_get(statements, id), self._wall())
            statements.run("delete_download", id=id)

        await self._write(work)

    async def story(self, id: DownloadId) -> list[Transition]:
        found = await self._read(lambda statements: statements.all("story_of_download", id=id))
        return [rows.transition_of(row) for row in found]

    async def host_policy(self, host: str) -> HostPolicy | None:
        row = await self._read(lambda statements: statements.one("get_host", host=encode_text(host)))
        return None if row is None else rows.host_of(row)

    async def learn(self, policy: HostPolicy) -> None:
        known = {
            "host": encode_text(policy.host),
            "connections": policy.connections,
            "ranges": policy.ranges,
            "learned": policy.learned,
        }
        await self._write(lambda statements: statements.run("save_host", **known))

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        closing = self._thread.submit(self._database.close)
        self._thread.shutdown(wait=False)
        await asyncio.wrap_future(closing)

    async def _read(self, work: Callable[[Statements], T]) -> T:
        return await self._run(self._database.read, work)

    async def _write(self, work: Callable[[Statements], T]) -> T:
        return await self._run(self._database.write, work)

    async def _run(self, act: Callable[[Callable[[Statements], T]], T], work: Callable[[Statements], T]) -> T:
        if self._closed:
            raise StateUnusable("the database of downloads was closed already: this is a defect of dlm")
        return await asyncio.get_running_loop().run_in_executor(self._thread, act, work)


def _get(statements: Statements, id: DownloadId) -> Download:
    row = statements.one("get_download", id=id)
    if row is None:
        raise changes.missing(id)
    return rows.download_of(row)


def _find(statements: Statements, query: DownloadQuery) -> list[Download]:
    before = None
    if query.before is not None:
        cursor = statements.one("seq_of_download", id=query.before)
        if cursor is None:
            raise changes.missing(query.before)
        before = cursor["seq"]
    wanted = {"before": before, "directory": encode_text(query.directory), "limit": max(query.limit, 0)}
    if query.phases is None:
        found = statements.all("find_downloads", **wanted)
    else:
        phases = json.dumps(sorted(phase.value for phase in query.phases))
        found = statements.all("find_downloads_in_phases", phases=phases, **wanted)
    return [rows.download_of(row) for row in found]


def _append(statements: Statements, transition: Transition) -> Transition:
    return replace(transition, seq=statements.run("insert_event", **rows.transition_columns(transition)))
