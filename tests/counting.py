"""A Store that counts what it is given and keeps none of it, and a process's worth of lives on it, over real HTTP."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

from dlm.clock import SystemClock
from dlm.model.download import Download, DownloadId, DownloadSpec, Place, new_id
from dlm.model.message import Start
from dlm.model.queue import Rates
from dlm.policy.naming import numbered
from dlm.protocols.registry import Registry
from dlm.storage.files import DiskStore
from dlm.storage.memory_files import MemoryStore
from dlm.transfer.life import InlineWorker
from dlm.transfer.limits import Limiter
from dlm.transfer.work import Tools
from tests.fakes import RememberingReporter


class CountingSink:
    """`ports.Sink` of a file that holds nothing."""

    def __init__(self, store: CountingStore, place: Place) -> None:
        self._store = store
        self.place = place

    def write(self, offset: int, data: memoryview) -> None:
        """See `ports.Sink`."""
        self._store.written[self.place.name] += len(data)

    def read(self, offset: int, size: int) -> bytes:
        """See `ports.Sink`."""
        return bytes(size)

    def sync(self) -> None:
        """See `ports.Sink`."""

    def settle(self, size: int, modified: float | None) -> None:
        """See `ports.Sink`."""

    def publish(self, name: str, *, replace: bool) -> str:
        """See `ports.Sink`."""
        return f"/{name}"

    def discard(self) -> None:
        """See `ports.Sink`."""

    def close(self) -> None:
        """See `ports.Sink`."""


class CountingStore(MemoryStore):
    """`ports.Store` of such files. `written` are the bytes of each, by name."""

    def __init__(self) -> None:
        super().__init__(numbered)
        self.written: Counter[str] = Counter()

    def create(self, directory: str, name: str, size: int | None) -> CountingSink:  # type: ignore[override]  # another Sink
        """See `ports.Store`."""
        return CountingSink(self, Place(directory, name, f"{name}.part", 1, 1))


class Fleet:
    """Downloads that run at once in this process. What is kept in `disk`, if there is one, is not counted."""

    def __init__(self, registry: Registry, clock: SystemClock, disk: Path | None = None) -> None:
        self.store = CountingStore()
        self._directory = str(disk or "/")
        self.reporter = RememberingReporter()
        self.running: dict[str, asyncio.Task[None]] = {}
        self.ids: dict[str, DownloadId] = {}
        store = self.store if disk is None else DiskStore(numbered)
        self.worker = InlineWorker(Tools(registry, lambda _: store, clock, Random(1), Limiter(clock)))

    def start(self, name: str, uri: str, *, connections: int = 1, rate: int | None = None) -> None:
        """Begin a download under that name."""
        spec = DownloadSpec(uris=(uri,), directory=self._directory, output=name, connections=connections, limit_rate=rate)
        download = Download(id=new_id(), spec=spec, added=0.0)
        self.ids[name] = download.id
        self.running[name] = asyncio.ensure_future(self.worker.carry(Start(download, None), self.reporter))

    def limit(self, total: int | None = None, hosts: Mapping[str, int] | None = None, **downloads: int | None) -> None:
        """Keep to these rates from now on; downloads are named as at their start."""
        self.worker.limit(Rates(total, hosts or {}), {self.ids[name]: rate for name, rate in downloads.items()})

    async def measure(self, seconds: float) -> dict[str, float]:
        """Bytes a second of each download over so many seconds, as they came to the Sink."""
        clock = asyncio.get_running_loop().time
        before, began = Counter(self.store.written), clock()
        await asyncio.sleep(seconds)
        elapsed = clock() - began
        for task in self.running.values():
            if task.done():
                task.result()
        return {name: (self.store.written[name] - before[name]) / elapsed for name in self.running}

    async def stop(self) -> None:
        """End all of them."""
        for task in self.running.values():
            task.cancel()
        await asyncio.gather(*self.running.values(), return_exceptions=True)


@asynccontextmanager
async def fleet(disk: Path | None = None) -> AsyncIterator[Fleet]:
    """A Fleet that is ended afterwards, with all its connections."""
    clock = SystemClock()
    registry = Registry(clock)
    lives = Fleet(registry, clock, disk)
    try:
        yield lives
    finally:
        await lives.stop()
        await registry.close()
