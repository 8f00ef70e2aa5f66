"""DavSource: WebDAV behind `ports.Source`. The bytes go by HTTP; what a folder is, and what it holds, says PROPFIND."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import replace
from urllib.parse import urlsplit

from dlm.model.address import without_credentials
from dlm.model.download import DownloadSpec
from dlm.model.error import Denied, InvalidRequest, Refused, TransferError
from dlm.model.listing import Entry, Kind
from dlm.model.resource import Mirror, Resource
from dlm.model.span import Span
from dlm.ports import Clock, Outlet
from dlm.protocols.curl.dialect import Dialect
from dlm.protocols.curl.source import HttpOpening, HttpSource
from dlm.protocols.dav.address import http_address
from dlm.protocols.dav.multistatus import PROPFIND, RECORDS, Folder, Member, member_of
from dlm.protocols.http.address import child, is_folder
from dlm.protocols.http.fields import Fields
from dlm.protocols.http.judgement import refusal
from dlm.protocols.http.wording import addressed_as
from dlm.protocols.http.xml import Records

_PAGES = frozenset({"text/html", "httpd/unix-directory"})
"""What servers send, or say that they send, instead of a folder."""


class _AtSlash(Denied):
    """Refused where the address ends with a slash, which redirects from a folder's address without one lead to."""


class DavOpening:
    """See `ports.Opening`."""

    def __init__(self, inner: HttpOpening, resource: Resource, uri: str, address: str) -> None:
        self.resource = resource
        self.delays = inner.delays
        self._inner = inner
        self._uri, self._address = uri, address

    async def pour(self, outlet: Outlet) -> None:
        """See `ports.Opening`."""
        with addressed_as(self._uri, self._address):
            await self._inner.pour(outlet)

    async def close(self) -> None:
        """See `ports.Opening`."""
        await self._inner.close()


class DavSource:
    """See `ports.Source` and `ports.Folders`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._http = HttpSource(clock, Dialect(refusal=self._refusal))

    async def open(self, uri: str, spec: DownloadSpec) -> DavOpening:
        """See `ports.Source`. Costs a second request only where the first reply leaves open whether this is a file."""
        address = http_address(uri)
        if is_folder(address):
            raise _not_a_file(uri)
        with addressed_as(uri, address):
            inner = await self._opened(uri, address, spec)
            try:
                resource = await self._completed(inner.resource, uri, address, spec)
            except BaseException:
                await inner.close()
                raise
        return DavOpening(inner, replace(resource, mirrors=(replace(resource.mirrors[0], uri=uri),)), uri, address)

    async def fetch(self, resource: Resource, mirror: Mirror, span: Span, outlet: Outlet, spec: DownloadSpec) -> None:
        """See `ports.Source`."""
        address = http_address(mirror.uri)
        with addressed_as(mirror.uri, address):
            await self._http.fetch(resource, replace(mirror, uri=address), span, outlet, spec)

    def is_folder(self, uri: str) -> bool:
        """See `ports.Folders`."""
        return is_folder(uri)

    def child(self, folder: str, entry: Entry) -> str:
        """See `ports.Folders`."""
        return child(folder, entry)

    async def entries(self, uri: str, spec: DownloadSpec) -> AsyncGenerator[Entry]:
        """What the folder at `uri` holds, as the server tells it: no deeper, unordered, names unchecked.

        However long the list is, little of it is in memory. Raises `TransferError`s, and `InvalidRequest` for a file.
        """
        address = http_address(uri)
        folder = Folder(address)
        with addressed_as(uri, address):
            try:
                async with aclosing(self._members(address, spec, depth=1)) as members:
                    async for member in members:
                        if folder.holds(member):
                            yield folder.entry(member)
                        elif member.kind is Kind.FILE:
                            raise InvalidRequest(f"{without_credentials(uri)} is a file, not a folder")
            except _AtSlash as error:
                raise Denied(str(error), uri=error.uri) from error

    async def close(self) -> None:
        """See `ports.Source`."""
        await self._http.close()

    def _refusal(self, status: int, fields: Fields, _body: bytes, address: str) -> TransferError:
        error = refusal(status, fields, address, self._clock.wall())
        if status in {403, 405} and is_folder(address):
            return _AtSlash(str(error), uri=error.uri)
        return error

    async def _opened(self, uri: str, address: str, spec: DownloadSpec) -> HttpOpening:
        try:
            return await self._http.open(address, spec)
        except _AtSlash:
            raise _not_a_file(uri) from None
        except (Denied, Refused) as error:
            # So answer, too, servers that make no pages of folders. A password that may be wrong is not sent again.
            if isinstance(error, Denied) and _has_secrets(uri, spec):
                raise
            member = await self._member(address, spec)
            if member is not None and member.kind is Kind.FOLDER:
                raise _not_a_file(uri) from None
            raise

    async def _completed(self, resource: Resource, uri: str, address: str, spec: DownloadSpec) -> Resource:
        """The Resource with what the reply left out. Raises `InvalidRequest` for a folder."""
        if (resource.mirrors[0].resolved or "").partition("?")[0] == address.partition("?")[0] + "/":
            raise _not_a_file(uri)
        part = resource.part
        page = resource.media_type in _PAGES and resource.validator.etag is None
        if not page and (part.size is not None or resource.encoded):
            return resource
        member = await self._member(address, spec)
        if member is None:
            return resource
        if member.kind is Kind.FOLDER:
            raise _not_a_file(uri)
        if part.size is not None or resource.encoded:
            return resource
        return replace(resource, parts=(replace(part, size=member.size, modified=part.modified or member.modified),))

    async def _member(self, address: str, spec: DownloadSpec) -> Member | None:
        """What the server says of the address itself; `None` when it says nothing, as one does that is no WebDAV server."""
        with suppress(TransferError):
            async with aclosing(self._members(address, spec, depth=0)) as members:
                async for member in members:
                    return member
        return None

    async def _members(self, address: str, spec: DownloadSpec, *, depth: int) -> AsyncGenerator[Member]:
        headers = (("Depth", str(depth)), ("Content-Type", "application/xml; charset=utf-8"))
        records = Records(RECORDS, without_credentials(address))
        asking = replace(spec, headers=(*spec.headers, *headers))
        async with aclosing(self._http.document(address, asking, method="PROPFIND", payload=PROPFIND)) as pieces:
            async for piece in pieces:
                for response in records.feed(piece):
                    member = member_of(response)
                    if member is not None:
                        yield member
        records.end()


def _not_a_file(uri: str) -> InvalidRequest:
    return InvalidRequest(f"{without_credentials(uri)} is a folder: write -r to fetch what is in it")


def _has_secrets(uri: str, spec: DownloadSpec) -> bool:
    return spec.user is not None or spec.bearer is not None or spec.netrc or "@" in urlsplit(uri).netloc
