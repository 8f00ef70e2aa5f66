"""S3Source: objects behind `ports.Source`. The bytes go by HTTP; each request is signed anew, when it is made."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from dlm.model.address import without_credentials
from dlm.model.download import DownloadSpec
from dlm.model.error import Denied, InvalidRequest, Refused, Untrusted
from dlm.model.listing import Entry
from dlm.model.resource import Mirror, Resource
from dlm.model.span import Span
from dlm.ports import Clock, Outlet
from dlm.protocols.curl.dialect import Dialect
from dlm.protocols.curl.source import HttpOpening, HttpSource
from dlm.protocols.http.address import child
from dlm.protocols.http.wording import addressed_as
from dlm.protocols.s3.address import Address, Service, parse
from dlm.protocols.s3.digests import object_digests
from dlm.protocols.s3.identity import Identities, Identity, signature
from dlm.protocols.s3.listing import Page, page_of, query_for
from dlm.protocols.s3.refusals import WrongRegion, refused

_Answer = TypeVar("_Answer")
MOST_BUCKETS = 1024
"""Buckets whose region is remembered."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, ready to be sent: the address of HTTP, and the spec with its signature."""

    url: str
    spec: DownloadSpec


class S3Opening:
    """See `ports.Opening`."""

    def __init__(self, inner: HttpOpening, resource: Resource, uri: str, url: str) -> None:
        self.resource = resource
        self.delays = inner.delays
        self._inner = inner
        self._uri, self._url = uri, url

    async def pour(self, outlet: Outlet) -> None:
        """See `ports.Opening`."""
        with addressed_as(self._uri, self._url):
            await self._inner.pour(outlet)

    async def close(self) -> None:
        """See `ports.Opening`."""
        await self._inner.close()


class S3Source:
    """See `ports.Source` and `ports.Folders`."""

    def __init__(self, clock: Clock) -> None:
        self._http = HttpSource(clock, Dialect(objects=True, refusal=refused(clock.wall)))
        self._identities = Identities()
        self._clock = clock
        self._regions: dict[tuple[str | None, str], str] = {}

    async def open(self, uri: str, spec: DownloadSpec) -> S3Opening:
        """See `ports.Source`. The first reply tells all: size, version, checksums."""
        address = parse(uri)
        if address.is_folder:
            raise InvalidRequest(f"{without_credentials(uri)} is a folder: write -r to fetch what is in it")

        async def opened(request: Request) -> S3Opening:
            inner = await self._http.open(request.url, request.spec)
            return S3Opening(inner, _described(inner, uri, address, spec), uri, request.url)

        return await self._asked(uri, address, spec, opened, whole=spec.range is None)

    async def fetch(self, resource: Resource, mirror: Mirror, span: Span, outlet: Outlet, spec: DownloadSpec) -> None:
        """See `ports.Source`."""

        async def fetched(request: Request) -> None:
            await self._http.fetch(resource, Mirror(request.url), span, outlet, request.spec)

        await self._asked(mirror.uri, parse(mirror.uri), spec, fetched)

    def is_folder(self, uri: str) -> bool:
        """See `ports.Folders`."""
        return parse(uri).is_folder

    def child(self, folder: str, entry: Entry) -> str:
        """See `ports.Folders`. What lies behind an empty component of a key, or one of dots, has no address."""
        return child(folder, entry)

    async def entries(self, uri: str, spec: DownloadSpec) -> AsyncGenerator[Entry]:
        """What the folder at `uri` holds, in the order of the keys: no deeper, names unchecked. Raises `TransferError`s.

        A page of a thousand is in memory at a time.
        """
        address = parse(uri)
        prefix = address.key if address.is_folder else address.key + "/"
        place, token = Address(address.bucket, ""), None
        while True:
            query = query_for(prefix, token)

            async def walked(request: Request) -> Page:
                shown = without_credentials(uri)
                return await page_of(self._http.document(request.url, request.spec), shown)

            page = await self._asked(uri, place, spec, walked, query=query)
            for entry in page.entries(prefix):
                yield entry
            if page.token is None:
                return
            if page.token == token:
                shown = without_credentials(uri)
                raise Untrusted(f"{shown} is listed in a circle: a page leads on to itself", uri=shown)
            token = page.token

    async def close(self) -> None:
        """See `ports.Source`."""
        await self._http.close()

    async def _asked(
        self,
        uri: str,
        address: Address,
        spec: DownloadSpec,
        ask: Callable[[Request], Awaitable[_Answer]],
        *,
        query: dict[str, str] | None = None,
        whole: bool = False,
    ) -> _Answer:
        """What `ask` returns for the signed request; asked once more when the service says in which region the bucket is."""
        identity = await self._identities.of(spec)
        known = (identity.service.endpoint, address.bucket)
        region, moved = self._regions.get(known, identity.service.region), False
        while True:
            service = replace(identity.service, region=region)
            request = await self._signed(identity, service, address, spec, query, whole=whole)
            with addressed_as(uri, request.url):
                try:
                    return await ask(request)
                except WrongRegion as error:
                    if moved or error.region is None or error.region == region:
                        raise Refused(str(error), uri=error.uri) from error
                    region, moved = error.region, True
                except Denied as error:
                    raise _without_a_name(error, identity, spec) from error
            if len(self._regions) >= MOST_BUCKETS:
                self._regions.clear()
            self._regions[known] = region

    async def _signed(
        self,
        identity: Identity,
        service: Service,
        address: Address,
        spec: DownloadSpec,
        query: dict[str, str] | None,
        *,
        whole: bool,
    ) -> Request:
        url = service.url(address, query)
        ours = [(name, value) for name, value in spec.headers if name.lower().startswith("x-amz-")]
        plain = [header for header in spec.headers if header not in ours]
        if whole:
            ours.append(("x-amz-checksum-mode", "ENABLED"))
        if spec.requester_pays:
            ours.append(("x-amz-request-payer", "requester"))
        signed = await signature(identity, service.region, url, ours, self._clock.wall())
        return Request(url, replace(spec, headers=(*plain, *signed), user=None, netrc=False))


def _described(inner: HttpOpening, uri: str, address: Address, spec: DownloadSpec) -> Resource:
    """The Resource under the user's own address. Every object has ranges."""
    resource = inner.resource
    digests = () if spec.range is not None else object_digests(inner.fields, address.bucket)
    part = replace(resource.part, digests=digests or resource.part.digests)
    return replace(resource, mirrors=(Mirror(uri),), parts=(part,), ranged=True)


def _without_a_name(error: Denied, identity: Identity, spec: DownloadSpec) -> Denied:
    """The same, with the reason that nobody was named where that may be it."""
    if identity.credentials is not None or spec.bearer is not None:
        return error
    said = "it was asked for anonymously" if spec.anonymous else "no credentials were found, so it was asked for anonymously"
    return Denied(f"{error}; {said}", uri=error.uri)
