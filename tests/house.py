"""A house for tests of the control plane: one machine with its files, its database, its network, and dlm processes in it.

Everything is in memory, and the time is virtual, unless a clock is given: see `tests/virtual_time.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC
from random import Random

from dlm.model.download import Download, DownloadSpec
from dlm.model.error import UnsupportedUri
from dlm.model.phase import Phase
from dlm.model.query import DownloadQuery
from dlm.model.queue import AddRequest
from dlm.policy.naming import numbered
from dlm.policy.windows import parse
from dlm.ports import Clock, Folders, Source
from dlm.protocols.memory import MemoryFile, MemorySource
from dlm.protocols.registry import folders_of
from dlm.service.downloads import LocalDownloads
from dlm.service.means import Means, Rules
from dlm.storage.memory import MemoryState
from dlm.storage.memory_files import MemoryStore
from dlm.system.memory import ControlHub, MemoryControl, MemoryNetwork
from dlm.transfer.life import InlineWorker
from dlm.transfer.limits import Limiter
from dlm.transfer.work import Tools
from tests.fakes import some_bytes
from tests.virtual_time import VirtualClock, run_virtually

URI = "mem://host/file.bin"
CONTENT = some_bytes(200_000)


class OneScheme:
    """A registry that serves mem: only."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def pick(self, uri: str) -> Source:
        """See `ports.Sources`."""
        if not uri.startswith("mem:"):
            raise UnsupportedUri(f"{uri} is not served")
        return self.source

    def folders(self, uri: str) -> Folders:
        """See `ports.Sources`."""
        return folders_of(self.pick(uri), uri)


class House:
    """One machine: its files, its database, and as many dlm processes as a test wants."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.file = MemoryFile(CONTENT)
        self.files: dict[str, MemoryFile] = {URI: self.file}
        self.store = MemoryStore(numbered)
        self.clock = clock or VirtualClock()
        self.state = MemoryState(wall=self.clock.wall)
        self.hub = ControlHub()
        self.network = MemoryNetwork()
        self.alive: set[str] = set()
        self.means: dict[str, Means] = {}
        self.source: Callable[[dict[str, MemoryFile]], Source] = MemorySource

    def process(self, owner: str = "me", *, jobs: int = 3, per_host: int = 4, windows: str = "") -> LocalDownloads:
        """A dlm of this name, with these rules. Its times of the week are UTC."""
        self.alive.add(owner)
        sources = OneScheme(self.source(self.files))
        worker = InlineWorker(Tools(sources, lambda _: self.store, self.clock, Random(1), Limiter(self.clock)))
        means = self.means[owner] = Means(
            repository=self.state.repository,
            queue=self.state.queue,
            sources=sources,
            worker=worker,
            store=self.store,
            clock=self.clock,
            control=MemoryControl(self.hub, owner),
            network=self.network,
            random=Random(1),
            owner=owner,
            is_alive=lambda name: name in self.alive,
            needs_network=lambda uri: not uri.startswith("mem://localhost"),
            rules=Rules(jobs=jobs, per_host=per_host, timetable=parse(windows), zone=UTC),
        )
        return LocalDownloads(means, lambda: worker, list)

    def serve(self, uri: str, content: bytes = CONTENT) -> MemoryFile:
        """A further file on the servers of this world."""
        return self.files.setdefault(uri, MemoryFile(content))

    async def all(self) -> list[Download]:
        """Every download, the oldest first."""
        return (await self.state.repository.find(DownloadQuery()))[::-1]

    async def phases(self) -> list[Phase]:
        """Where they stand, the oldest first."""
        return [download.phase for download in await self.all()]

    async def causes(self, download: Download) -> list[str]:
        """Its story in words."""
        return [step.cause.value for step in await self.state.repository.story(download.id)]


def spec(uri: str = URI, **changes: object) -> DownloadSpec:
    """A spec for a file."""
    return replace(DownloadSpec(uris=(uri,), directory="/d"), **changes)  # type: ignore[arg-type]


def wish(uri: str = URI, *, changes: dict[str, object] | None = None, **facts: object) -> AddRequest:
    """A request to queue a file."""
    return AddRequest(spec=spec(uri, **(changes or {})), **facts)  # type: ignore[arg-type]


def play(story: Callable[[House], Awaitable[None]]) -> None:
    """Run a story in a fresh house, in virtual time."""

    async def played() -> None:
        await story(House())

    run_virtually(played())


async def seconds(count: float) -> None:
    """Let so many virtual seconds pass."""
    await asyncio.sleep(count)
