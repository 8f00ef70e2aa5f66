"""Several hosts that have the same file, or say so: each with a link of its own, in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

from dlm.model.address import host_of
from dlm.model.download import Checkpoint, DownloadSpec
from dlm.model.error import DlmError
from dlm.model.message import MirrorDropped
from dlm.model.resource import Mirror, Resource
from dlm.model.span import Span
from dlm.policy.naming import numbered
from dlm.ports import Flow, Folders, Outlet
from dlm.protocols.memory import Fault, MemoryFile, MemoryOpening, MemorySource
from dlm.storage.memory_files import MemoryStore
from dlm.transfer.life import InlineWorker
from dlm.transfer.limits import Limiter
from dlm.transfer.work import Tools
from tests.fakes import RememberingReporter, start_of
from tests.virtual_time import VirtualClock, run_virtually

MBIT = 125_000
TRIP = 0.02
"""Seconds from a request to its first byte."""


class Host(MemorySource):
    """One server. All connections to it share `rate` bytes a second."""

    def __init__(self, name: str, file: MemoryFile, rate: float) -> None:
        super().__init__({f"mem://{name}/file.bin": file})
        self.file = file
        self.uri = f"mem://{name}/file.bin"
        self.rate = rate
        self.sent = 0
        self.busy = 0
        self.hesitation = TRIP
        """Seconds that it takes to say what there is."""
        self.opened: list[float] = []
        """When it was asked that."""
        self.shown: list[DownloadSpec] = []
        """What it was shown of the user's wishes."""
        self.named: tuple[Mirror, ...] = ()
        """Further mirrors that it names."""
        self._free = 0.0

    async def open(self, uri: str, spec: DownloadSpec) -> MemoryOpening:
        """See `ports.Source`."""
        self.shown.append(spec)
        self.opened.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self.hesitation)
        opening = await super().open(uri, spec)
        opening.resource = replace(opening.resource, mirrors=(*opening.resource.mirrors, *self.named))
        return opening

    async def fetch(self, resource: Resource, mirror: Mirror, span: Span, outlet: Outlet, spec: DownloadSpec) -> None:
        """See `ports.Source`."""
        self.shown.append(spec)
        await asyncio.sleep(TRIP)
        await super().fetch(resource, mirror, span, outlet, spec)

    async def pour(self, file: MemoryFile, span: Span, outlet: Outlet, fault: Fault | None) -> None:
        """See `MemorySource`; as fast as the link allows."""
        self.busy += 1
        try:
            await self._pour(file, span, outlet, fault)
        finally:
            self.busy -= 1

    async def _pour(self, file: MemoryFile, span: Span, outlet: Outlet, fault: Fault | None) -> None:
        end = span.stop if fault is None else min(span.stop, span.start + fault.after)
        loop = asyncio.get_running_loop()
        for at in range(span.start, end, file.chunk):
            piece = memoryview(file.content)[at : min(end, at + file.chunk)]
            self._free = max(self._free, loop.time()) + len(piece) / self.rate
            await asyncio.sleep(self._free - loop.time())
            self.sent += len(piece)
            while (flow := outlet.write(piece)) is Flow.PAUSE:
                await outlet.wait_ready()
            if flow is Flow.STOP:
                return
        await super().pour(file, Span(end, end), outlet, fault and replace(fault, after=0))


@dataclass
class Meeting:
    """A worker, and the hosts that it is told of, in their order. Hosts that are not told of may be named."""

    hosts: list[Host]
    strangers: list[Host] = field(default_factory=list)
    store: MemoryStore = field(default_factory=lambda: MemoryStore(numbered))
    reporter: RememberingReporter = field(default_factory=RememberingReporter)
    error: BaseException | None = None
    took: float = 0.0

    def pick(self, uri: str) -> Host:
        """See `ports.Sources`."""
        return next(each for each in (*self.hosts, *self.strangers) if host_of(each.uri) == host_of(uri))

    def folders(self, uri: str) -> Folders:
        """See `ports.Sources`."""
        return self.pick(uri)

    def run(
        self,
        checkpoint: Checkpoint | None = None,
        after: float | None = None,
        then: Callable[[InlineWorker, asyncio.Task[None]], object] = lambda _worker, task: task.cancel(),
        seed: int = 1,
        **changes: object,
    ) -> Meeting:
        """Carry it to its end, whichever."""

        async def body() -> None:
            clock = VirtualClock()
            worker = InlineWorker(Tools(self, lambda _: self.store, clock, Random(seed), Limiter(clock)))
            spec = DownloadSpec(uris=tuple(each.uri for each in self.hosts), directory="/d", timeout=5.0, retries=2)
            running = asyncio.ensure_future(
                worker.carry(start_of(replace(spec, **changes), checkpoint), self.reporter)  # type: ignore[arg-type]
            )
            if after is not None:
                asyncio.get_running_loop().call_later(after, then, worker, running)
            await asyncio.wait([running], timeout=3600)
            assert running.done(), "it hangs"
            self.took = clock.monotonic()
            with contextlib.suppress(asyncio.CancelledError):
                self.error = running.exception()

        run_virtually(body())
        return self

    @property
    def content(self) -> bytes | None:
        """The finished file."""
        found = self.store.at("/d/file.bin")
        return None if found is None else bytes(found.content)

    @property
    def dropped(self) -> list[MirrorDropped]:
        """The mirrors that were named as used no more."""
        return [each for each in self.reporter.news if isinstance(each, MirrorDropped)]

    @property
    def liars(self) -> set[str]:
        """The addresses of those that gave something else."""
        return {each.uri for each in self.dropped if each.lied}


def host(name: str, content: bytes, mbit: float = 40, **changes: object) -> Host:
    """One with `content`, and a validator of its own."""
    file = MemoryFile(content, etag=f'"{name}"', chunk=16 * 1024)
    for key, value in changes.items():
        setattr(file, key, value)
    return Host(name, file, mbit * MBIT)


def dies(after: int, error: DlmError) -> Callable[[int, Span], Fault | None]:
    """The first reply brings so much, and no other anything."""
    return lambda number, _span: Fault(after if number == 0 else 0, error)
