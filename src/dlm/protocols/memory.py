"""MemorySource: files that exist only in this process, behind `ports.Source`. A public twin, for tests and for trials."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from dlm.model.download import DownloadSpec
from dlm.model.error import DlmError, NotFound, RangeIgnored, Refused, ResourceChanged
from dlm.model.listing import Entry, Kind
from dlm.model.resource import Digest, Mirror, Part, Resource, Validator
from dlm.model.span import Span
from dlm.policy.segments import UNBOUNDED
from dlm.ports import Delays, Flow, Outlet
from dlm.protocols.children import child_of


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one request: it pours `after` bytes, then raises `error`, or is silent where there is none."""

    after: int = 0
    error: DlmError | None = None


@dataclass(slots=True)
class MemoryFile:
    """A file to fetch. `fault` is asked at each request, with its number from 0 on and its span."""

    content: bytes
    etag: str | None = '"1"'
    ranged: bool = True
    states_size: bool = True
    name: str | None = None
    digests: tuple[Digest, ...] = ()
    chunk: int = 16 * 1024
    modified: float | None = None
    fault: Callable[[int, Span], Fault | None] = lambda _number, _span: None
    requests: list[Span] = field(default_factory=list)


class MemorySource:
    """See `ports.Source` and `ports.Folders`. Knows the files that it was given, by their URIs.

    A folder holds the files whose URIs begin with its own, unless `folders` says what it holds: whatever a server might say.
    """

    def __init__(self, files: dict[str, MemoryFile], folders: Mapping[str, Iterable[Entry]] | None = None) -> None:
        self.files = files
        self.listings = dict(folders or {})
        self.listed: list[str] = []
        """The folders that were asked for, in order."""
        self.trouble: Callable[[str, int], DlmError | None] = lambda _folder, _number: None
        """Asked before each entry of a folder, with its number from 0 on: the error that comes instead, if one does."""

    async def open(self, uri: str, spec: DownloadSpec) -> MemoryOpening:
        """See `ports.Source`."""
        await asyncio.sleep(0)
        file = self._file(uri)
        span = spec.range or Span(0, UNBOUNDED)
        fault = self._begin(file, span)
        if fault is not None and fault.error is not None and fault.after == 0:
            raise fault.error
        if spec.range is not None and not file.ranged:
            raise Refused(f"{uri} knows no ranges", uri=uri)
        if spec.range is not None and span.start >= len(file.content):
            raise Refused(f"{uri} has no bytes from {span.start} on", uri=uri)
        stop = min(span.stop, len(file.content))
        size = stop - span.start if file.states_size else None
        part = Part(file.name, size, file.digests, file.modified)
        resource = Resource((Mirror(uri),), (part,), Validator(file.etag), file.ranged)
        return MemoryOpening(self, file, resource, Span(span.start, stop), fault)

    async def fetch(self, resource: Resource, mirror: Mirror, span: Span, outlet: Outlet, spec: DownloadSpec) -> None:
        """See `ports.Source`."""
        await asyncio.sleep(0)
        file = self._file(mirror.uri)
        offset = 0 if spec.range is None else spec.range.start
        wanted = Span(span.start + offset, min(span.stop + offset, len(file.content)))
        fault = self._begin(file, wanted)
        if fault is not None and fault.error is not None and fault.after == 0:
            raise fault.error
        if resource.validator.contradicts(Validator(file.etag)):
            raise ResourceChanged(f"{mirror.uri} has changed", uri=mirror.uri)
        if not file.ranged:
            raise RangeIgnored(f"{mirror.uri} knows no ranges", uri=mirror.uri)
        await self.pour(file, wanted, outlet, fault)

    def is_folder(self, uri: str) -> bool:
        """See `ports.Folders`."""
        return urlsplit(uri).path[-1:] in {"", "/"}

    def child(self, folder: str, entry: Entry) -> str:
        """See `ports.Folders`."""
        return child_of(folder, entry)

    async def entries(self, uri: str, spec: DownloadSpec) -> AsyncGenerator[Entry]:  # noqa: ARG002 - the seam has it
        """See `ports.Folders`."""
        await asyncio.sleep(0)
        folder = uri.rstrip("/") + "/"
        self.listed.append(folder)
        held = self.listings.get(folder)
        if held is None:
            held = self._held(folder)
            if not held:
                raise NotFound(f"{uri} is not there", uri=uri)
        for number, entry in enumerate(held):
            error = self.trouble(folder, number)
            if error is not None:
                raise error
            yield entry

    async def close(self) -> None:
        """See `ports.Source`."""

    def _held(self, folder: str) -> list[Entry]:
        found: dict[str, Entry] = {}
        for uri, file in self.files.items():
            first, deeper, _ = uri.removeprefix(folder).partition("/")
            if not uri.startswith(folder) or (not first and not deeper):
                continue
            name = unquote(first, errors="surrogateescape")
            if deeper:
                found[first + "/"] = Entry(name, Kind.FOLDER, None, None)
            else:
                size = len(file.content) if file.states_size else None
                found[first] = Entry(name, Kind.FILE, size, file.modified, file.etag)
        return list(found.values())

    async def pour(self, file: MemoryFile, span: Span, outlet: Outlet, fault: Fault | None) -> None:
        """Pour `span` of the file, chunk by chunk, until it ends, the outlet stops it, or the fault comes."""
        end = span.stop if fault is None else min(span.stop, span.start + fault.after)
        position = span.start
        while position < end:
            data = memoryview(file.content)[position : min(end, position + file.chunk)]
            flow = outlet.write(data)
            if flow is Flow.STOP:
                return
            if flow is Flow.PAUSE:
                await outlet.wait_ready()
            else:
                position += len(data)
            await asyncio.sleep(0)
        if fault is not None and fault.error is not None:
            raise fault.error
        if fault is not None:
            await asyncio.get_running_loop().create_future()

    def _file(self, uri: str) -> MemoryFile:
        if uri not in self.files:
            raise NotFound(f"{uri} is not there", uri=uri)
        return self.files[uri]

    @staticmethod
    def _begin(file: MemoryFile, span: Span) -> Fault | None:
        file.requests.append(span)
        return file.fault(len(file.requests) - 1, span)


class MemoryOpening:
    """See `ports.Opening`."""

    def __init__(self, source: MemorySource, file: MemoryFile, resource: Resource, span: Span, fault: Fault | None) -> None:
        self.resource = resource
        self.delays: Delays | None = None
        self._source = source
        self._file = file
        self._span = span
        self._fault = fault

    async def pour(self, outlet: Outlet) -> None:
        """See `ports.Opening`."""
        await self._source.pour(self._file, self._span, outlet, self._fault)

    async def close(self) -> None:
        """See `ports.Opening`."""
