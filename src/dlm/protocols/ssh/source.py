"""SshSource: files on SSH servers by SFTP, and by the old protocol of scp where there is no SFTP, behind `ports.Source`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import cast

import asyncssh

from dlm.model.address import without_credentials
from dlm.model.download import DownloadSpec
from dlm.model.error import RangeIgnored, Refused, ResourceChanged
from dlm.model.listing import Entry, Kind
from dlm.model.resource import Mirror, Part, Resource, Validator
from dlm.model.span import Span
from dlm.policy.segments import UNBOUNDED
from dlm.ports import Clock, Delays, Outlet
from dlm.protocols.ssh.address import child, is_folder, path_of, route_of
from dlm.protocols.ssh.errors import told
from dlm.protocols.ssh.link import Link
from dlm.protocols.ssh.pool import Pool
from dlm.protocols.ssh.reading import Reading
from dlm.protocols.ssh.scp import ScpFile, open_scp

SETTLED = 60.0
"""Seconds that a file must not have changed for its time to tell versions apart: it counts whole seconds, by a clock
that is not ours (the rule of RFC 9110 section 8.8.2.2)."""
_KINDS = {
    asyncssh.FILEXFER_TYPE_REGULAR: Kind.FILE,
    asyncssh.FILEXFER_TYPE_DIRECTORY: Kind.FOLDER,
    asyncssh.FILEXFER_TYPE_SYMLINK: Kind.LINK,
}


class SshSource:
    """See `ports.Source` and `ports.Folders`. Bound to the event loop on which it is first used."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pool = Pool(clock)

    async def open(self, uri: str, spec: DownloadSpec) -> SftpOpening | ScpOpening:
        """See `ports.Source`. The first bytes are asked for together with size and time."""
        shown, path = without_credentials(uri), path_of(uri)
        link = await self._borrow(uri, spec)
        try:
            if not link.speaks_sftp and uri[:4].lower() == "scp:":
                return await self._open_scp(uri, path, spec, link)
            with told(shown):
                async with asyncio.timeout(2 * spec.timeout):
                    file = await link.open(path, shown)
                    reading = Reading(link, file, spec.range.start if spec.range else 0, shown, spec.limit_rate)
                    try:
                        attributes, filled = await reading.begin(spec.range.size if spec.range else UNBOUNDED)
                        resource = self._resource(uri, path, attributes, spec, sized=bool(attributes.size) or not filled)
                    except BaseException:
                        reading.close()
                        raise
        except BaseException:
            self._pool.give_back(link)
            raise
        return SftpOpening(self._pool, link, reading, resource, spec)

    async def fetch(self, resource: Resource, mirror: Mirror, span: Span, outlet: Outlet, spec: DownloadSpec) -> None:
        """See `ports.Source`."""
        shown = without_credentials(mirror.uri)
        first = 0 if spec.range is None else spec.range.start
        async with self._lent(mirror.uri, spec) as link:
            if not link.speaks_sftp or not resource.ranged:
                raise RangeIgnored(f"{shown} can be had as a whole only", uri=shown)
            with told(shown):
                async with asyncio.timeout(2 * spec.timeout):
                    file = await link.open(path_of(mirror.uri), shown)
                    reading = Reading(link, file, first + span.start, shown, spec.limit_rate)
                    try:
                        attributes, _ = await reading.begin(span.size)
                    except BaseException:
                        reading.close()
                        raise
            try:
                _compare(resource, attributes, spec, shown)
                last = attributes.size if spec.range is None else min(spec.range.stop, attributes.size or 0)
                stop = min(first + span.stop, last or 0)
                _compare(resource, await reading.pour(stop, outlet), spec, shown)
            finally:
                reading.close()

    def is_folder(self, uri: str) -> bool:
        """See `ports.Folders`."""
        return is_folder(uri)

    def child(self, folder: str, entry: Entry) -> str:
        """See `ports.Folders`."""
        return child(folder, entry)

    async def entries(self, uri: str, spec: DownloadSpec) -> AsyncGenerator[Entry]:
        """What the folder at `uri` holds, in no order. Links are told as links, not as what they lead to.

        Names that no file can have, and `.` and `..`, are left out; bytes that are not UTF-8 are as `os.fsdecode` gives
        them. Raises `TransferError`s.
        """
        shown = without_credentials(uri)
        async with self._lent(uri, spec) as link:
            with told(shown):
                listing = cast("AsyncGenerator[asyncssh.SFTPName]", link.sftp(shown).scandir(path_of(uri)))
                async with aclosing(listing) as found:
                    async for each in found:
                        entry = _entry(each)
                        if entry is not None:
                            yield entry

    async def close(self) -> None:
        """See `ports.Source`."""
        await self._pool.close()

    async def _borrow(self, uri: str, spec: DownloadSpec) -> Link:
        return await self._pool.borrow(route_of(uri, spec), without_credentials(uri), spec.timeout)

    @asynccontextmanager
    async def _lent(self, uri: str, spec: DownloadSpec) -> AsyncIterator[Link]:
        link = await self._borrow(uri, spec)
        try:
            yield link
        finally:
            self._pool.give_back(link)

    async def _open_scp(self, uri: str, path: bytes, spec: DownloadSpec, link: Link) -> ScpOpening:
        shown = without_credentials(uri)
        if spec.range is not None:
            raise Refused(f"{shown} can be had as a whole only: this server has no SFTP", uri=shown)
        with told(shown):
            async with asyncio.timeout(2 * spec.timeout):
                file = await open_scp(link, path, shown)
        validator = _validator(file.size, file.modified, self._clock.wall())
        part = Part(_name(path), file.size, modified=file.modified)
        return ScpOpening(self._pool, link, file, Resource((Mirror(uri),), (part,), validator))

    def _resource(self, uri: str, path: bytes, attributes: asyncssh.SFTPAttrs, spec: DownloadSpec, *, sized: bool) -> Resource:
        shown, size = without_credentials(uri), attributes.size if sized else None
        modified = None if attributes.mtime is None else float(attributes.mtime)
        validator = _validator(size, modified, self._clock.wall())
        if spec.range is not None:
            if size is None or spec.range.start >= size:
                raise Refused(f"{shown} has no bytes from {spec.range.start} on", uri=shown)
            size = min(spec.range.stop, size) - spec.range.start
        return Resource((Mirror(uri),), (Part(_name(path), size, modified=modified),), validator, ranged=size is not None)


@dataclass(slots=True)
class SftpOpening:
    """See `ports.Opening`."""

    pool: Pool
    link: Link
    reading: Reading
    resource: Resource
    spec: DownloadSpec
    delays: Delays | None = None
    closed: bool = False

    async def pour(self, outlet: Outlet) -> None:
        """See `ports.Opening`."""
        size, first = self.resource.part.size, self.spec.range.start if self.spec.range else 0
        try:
            if size is None:
                await self.reading.pour_all(outlet)
            else:
                attributes = await self.reading.pour(first + size, outlet)
                _compare(self.resource, attributes, self.spec, without_credentials(self.resource.mirrors[0].uri))
        finally:
            await self.close()

    async def close(self) -> None:
        """See `ports.Opening`."""
        if not self.closed:
            self.closed = True
            self.reading.close()
            self.pool.give_back(self.link)


@dataclass(slots=True)
class ScpOpening:
    """See `ports.Opening`."""

    pool: Pool
    link: Link
    file: ScpFile
    resource: Resource
    delays: Delays | None = None
    closed: bool = False

    async def pour(self, outlet: Outlet) -> None:
        """See `ports.Opening`."""
        try:
            await self.file.pour(outlet)
        finally:
            await self.close()

    async def close(self) -> None:
        """See `ports.Opening`."""
        if not self.closed:
            self.closed = True
            self.file.close(self.link)
            self.pool.give_back(self.link)


def _compare(resource: Resource, attributes: asyncssh.SFTPAttrs | None, spec: DownloadSpec, shown: str) -> None:
    """Raises `ResourceChanged` when the open file is not the one that the Resource was made of."""
    if attributes is None:
        return
    now = _tag(attributes.size, attributes.mtime)
    before = (resource.validator.etag or "").removeprefix("W/")
    other_size = spec.range is None and resource.part.size is not None and resource.part.size != attributes.size
    if other_size or (before and now is not None and before != now):
        raise ResourceChanged(f"{shown} has changed on the server", uri=shown)


def _validator(size: int | None, modified: float | None, now: float) -> Validator:
    tag = _tag(size, modified)
    if tag is None or modified is None:
        return Validator()
    return Validator(tag if modified <= now - SETTLED else f"W/{tag}")


def _tag(size: int | None, modified: float | None) -> str | None:
    return None if size is None or modified is None else f'"{size:x}-{int(modified):x}"'


def _name(path: bytes) -> str:
    return path.rstrip(b"/").rpartition(b"/")[2].decode("utf-8", "replace")


def _entry(found: asyncssh.SFTPName) -> Entry | None:
    raw = found.filename if isinstance(found.filename, bytes) else found.filename.encode()
    if raw in {b"", b".", b".."} or b"/" in raw or b"\x00" in raw:
        return None
    attributes = found.attrs
    kind = _KINDS.get(attributes.type, Kind.OTHER)
    size = attributes.size if kind is Kind.FILE else None
    modified = None if attributes.mtime is None else float(attributes.mtime)
    return Entry(raw.decode("utf-8", "surrogateescape"), kind, size, modified, _tag(size, modified))
