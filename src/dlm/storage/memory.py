"""The in-memory twin of the durable Repository: the same observations, gone when the process ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from dlm.model.download import Checkpoint, Download, DownloadId, DownloadSpec, Fault
from dlm.model.event import Transition
from dlm.model.phase import Cause, Intent
from dlm.model.resource import Verified
from dlm.ports import DownloadQuery, HostPolicy
from dlm.storage import changes


class MemoryRepository:
    """`dlm.ports.Repository` in dictionaries, for one event loop. `wall` tells the time by which leases run out."""

    def __init__(self, *, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._downloads: dict[DownloadId, Download] = {}
        self._checkpoints: dict[DownloadId, dict[int, Checkpoint]] = {}
        self._events: list[Transition] = []
        self._last_seq = 0
        self._hosts: dict[str, HostPolicy] = {}

    async def add(self, downloads: Sequence[Download]) -> None:
        known = set(self._downloads)
        for download in downloads:
            if download.id in known:
                raise changes.duplicate(download.id)
            known.add(download.id)
        self._downloads.update((download.id, download) for download in downloads)

    async def get(self, id: DownloadId) -> Download:
        try:
            return self._downloads[id]
        except KeyError:
            raise changes.missing(id) from None

    async def identify(self, prefix: str) -> DownloadId:
        start = changes.prefix_of(prefix)
        return changes.the_one(start, sorted(id for id in self._downloads if id.startswith(start)))

    async def find(self, query: DownloadQuery) -> list[Download]:
        newest = self._newest()
        if query.before is not None:
            newest = newest[newest.index(await self.get(query.before)) + 1 :]
        found = [
            download
            for download in newest
            if (query.phases is None or download.phase in query.phases)
            and (query.directory is None or download.spec.directory == query.directory)
        ]
        return found[: max(query.limit, 0)]

    async def same(self, uri: str, directory: str, output: str | None) -> list[Download]:
        return [
            download
            for download in self._newest()
            if (download.spec.uris[0], download.spec.directory, download.spec.output) == (uri, directory, output)
        ]

    async def claim(self, id: DownloadId, owner: str, now: float, lease: float) -> Download:
        download, story = changes.claimed(await self.get(id), owner, now, lease)
        self._downloads[id] = download
        for transition in story:
            self._append(transition)
        return download

    async def renew(self, owner: str, until: float) -> None:
        for id, download in self._downloads.items():
            if download.owner == owner:
                self._downloads[id] = replace(download, lease_until=until)

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
        before = await self.get(id)
        download, transition = changes.advanced(
            before, cause, now, owner=owner, detail=detail, path=path, verified=verified, fault=fault
        )
        self._downloads[id] = download
        return download, self._append(transition)

    async def respecify(self, id: DownloadId, spec: DownloadSpec) -> Download:
        self._downloads[id] = changes.respecified(await self.get(id), spec, self._wall())
        return self._downloads[id]

    async def intend(self, id: DownloadId, intent: Intent) -> Download:
        self._downloads[id] = replace(await self.get(id), intent=intent)
        return self._downloads[id]

    async def checkpoint(self, id: DownloadId, checkpoint: Checkpoint, *, owner: str | None = None) -> None:
        self._downloads[id], latest = changes.checkpointed(await self.get(id), checkpoint, owner)
        parts = self._checkpoints.setdefault(id, {})
        # Taken out first, so that the one saved last stands last.
        parts.pop(latest.part, None)
        parts[latest.part] = latest

    async def checkpoint_of(self, id: DownloadId) -> Checkpoint | None:
        return next(reversed(self._checkpoints.get(id, {}).values()), None)

    async def forget_checkpoint(self, id: DownloadId) -> None:
        self._checkpoints.pop(id, None)

    async def remove(self, id: DownloadId) -> None:
        changes.demand_removable(await self.get(id), self._wall())
        del self._downloads[id]
        self._checkpoints.pop(id, None)
        self._events = [event for event in self._events if event.id != id]

    async def story(self, id: DownloadId) -> list[Transition]:
        return [event for event in self._events if event.id == id]

    async def host_policy(self, host: str) -> HostPolicy | None:
        return self._hosts.get(host)

    async def learn(self, policy: HostPolicy) -> None:
        self._hosts[policy.host] = policy

    async def close(self) -> None:
        """Nothing is held."""

    def _newest(self) -> list[Download]:
        return list(reversed(self._downloads.values()))

    def _append(self, transition: Transition) -> Transition:
        self._last_seq += 1
        numbered = replace(transition, seq=self._last_seq)
        self._events.append(numbered)
        return numbered
