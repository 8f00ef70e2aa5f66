"""HttpSource: HTTP and HTTPS through libcurl, behind `ports.Source`.

Redirects are followed here, hop by hop under `policy.redirect`, because libcurl would take custom headers and the
Referer along to strangers.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import pycurl

from dlm.model.address import without_credentials
from dlm.model.download import DownloadSpec
from dlm.model.error import RangeIgnored, Refused, TransferError
from dlm.model.listing import Entry
from dlm.model.resource import Mirror, Resource
from dlm.model.span import Span
from dlm.policy.redirect import next_hop, origin
from dlm.policy.segments import UNBOUNDED
from dlm.ports import Clock, Outlet
from dlm.protocols.curl.belt import Belt
from dlm.protocols.curl.dialect import Dialect, Excerpt
from dlm.protocols.curl.exchange import Exchange
from dlm.protocols.curl.head import Reply
from dlm.protocols.curl.jars import CookieJars
from dlm.protocols.curl.multi import CurlLoop
from dlm.protocols.curl.options import Ask
from dlm.protocols.http.address import child, is_folder, site
from dlm.protocols.http.fields import Fields, content_length
from dlm.protocols.http.judgement import REDIRECTS, RangeRequest, is_encoded, judge_opening, judge_range, refusal
from dlm.protocols.http.mirrors import with_named_mirrors

if TYPE_CHECKING:
    from dlm.protocols.http.index import Index

MULTIPLEX_FROM = 4
"""Downloads of one https origin from which on they share HTTP/2 connections instead of each opening its own."""
_COMPRESSED = re.compile(r"[^/?#]*//[^/?#]*/[^?#]*\.(gz|tgz|bz2|xz|zst|br|svgz|lz4|z)(?:[?#]|\Z)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where a chain of redirects ended: the exchange whose head is there, and the address that gave it. `passed` are the
    heads of the redirects, with their addresses."""

    exchange: Exchange
    reply: Reply
    uri: str
    home: bool
    passed: tuple[tuple[str, Fields], ...] = ()


class HttpOpening:
    """See `ports.Opening`."""

    def __init__(self, resource: Resource, arrival: Arrival) -> None:
        self.resource = resource
        self.delays = arrival.exchange.delays()
        self.fields = arrival.reply.fields
        self._arrival = arrival

    async def pour(self, outlet: Outlet) -> None:
        """See `ports.Opening`."""
        exchange, reply = self._arrival.exchange, self._arrival.reply
        try:
            await exchange.body(outlet, content_length(reply.fields), decoded=self.resource.encoded)
        finally:
            exchange.close()

    async def close(self) -> None:
        """See `ports.Opening`."""
        self._arrival.exchange.close()


class HttpSource:
    """See `ports.Source` and `ports.Folders`. Bound to the event loop on which it is first used."""

    def __init__(self, clock: Clock, dialect: Dialect = Dialect()) -> None:  # noqa: B008 - it is frozen
        self._clock = clock
        self._dialect = dialect
        self._loops: dict[bool, CurlLoop] = {}
        self._jars = CookieJars()
        self._openings: Counter[object] = Counter()

    async def open(self, uri: str, spec: DownloadSpec) -> HttpOpening:
        """See `ports.Source`. Asks with a range from the start, which shows whether the server knows ranges."""
        self._openings[_origin(site(uri))] += 1
        asked = "0-" if spec.range is None else f"{spec.range.start}-{spec.range.stop - 1}"
        version = self._version(uri, spec, bulk=False)
        ask = Ask(uri, home=True, range=asked, decode=self._decodes(uri), version=version, literal=self._dialect.objects)
        if self._dialect.objects and spec.range is None:
            ask = replace(ask, range=None)
        try:
            return await self._opened(ask, spec)
        except RangeIgnored as error:
            if spec.range is not None:
                raise Refused(str(error), uri=error.uri) from error
        # An empty file has no first byte to ask for, and some servers make no sense of ranges.
        return await self._opened(replace(ask, range=None), spec)

    async def _opened(self, ask: Ask, spec: DownloadSpec) -> HttpOpening:
        arrival = await self._follow(spec, ask, lambda _: None)
        try:
            await self._refuse(arrival, spec)
            mirror = Mirror(ask.uri, arrival.uri if arrival.uri != ask.uri else None, home=arrival.home)
            status, fields = arrival.reply.status, arrival.reply.fields
            now, version = self._clock.wall(), arrival.reply.version
            resource = judge_opening(status, fields, mirror, spec.range, decoded=ask.decode, now=now, version=version)
            if spec.range is None and not self._dialect.objects:
                resource = with_named_mirrors(resource, (*arrival.passed, (arrival.uri, fields)))
        except BaseException:
            arrival.exchange.close()
            raise
        return HttpOpening(resource, arrival)

    async def fetch(self, resource: Resource, mirror: Mirror, span: Span, outlet: Outlet, spec: DownloadSpec) -> None:
        """See `ports.Source`. Bulk goes over HTTP/1.1: each connection then has its own window and its own share."""
        offset = 0 if spec.range is None else spec.range.start
        absolute = Span(span.start + offset, span.stop if span.stop == UNBOUNDED else span.stop + offset)
        uri = mirror.resolved or mirror.uri
        total = resource.part.size if spec.range is None else None
        last = "" if absolute.stop == UNBOUNDED else absolute.stop - 1
        ask = Ask(
            uri,
            home=mirror.resolved is None or mirror.home,
            range=f"{absolute.start}-{last}",
            condition=resource.validator.condition,
            version=self._version(uri, spec, bulk=True),
            literal=self._dialect.objects,
        )
        hops = [uri]

        def judge(reply: Reply) -> None:
            if not self._leads_on(reply) and not self._explains(reply):
                request = RangeRequest(
                    span=absolute,
                    total=total,
                    validator=resource.validator,
                    media_type=resource.media_type,
                    elsewhere=len(hops) > 1,
                    coded=not self._decodes(mirror.uri),
                )
                judge_range(reply.status, reply.fields, request, uri, self._clock.wall())

        arrival = await self._follow(spec, ask, judge, hops)
        try:
            await self._refuse(arrival, spec)
            await arrival.exchange.body(outlet, content_length(arrival.reply.fields))
        finally:
            arrival.exchange.close()

    def is_folder(self, uri: str) -> bool:
        """See `ports.Folders`."""
        return is_folder(uri)

    def child(self, folder: str, entry: Entry) -> str:
        """See `ports.Folders`."""
        return child(folder, entry)

    async def entries(self, uri: str, spec: DownloadSpec) -> AsyncGenerator[Entry]:
        """What the folder at `uri` holds, by the index page that the server makes of it. Raises `TransferError`s.

        Only what the page links to is known, and of sizes and times only what it tells exactly.
        """
        from dlm.protocols.http.index import index_of  # parsers of HTML take milliseconds to prepare

        index: Index | None = None

        def seen(arrival: Arrival) -> None:
            nonlocal index
            index = index_of(arrival.uri, arrival.reply.fields.get("content-type"))

        async with aclosing(self.document(uri, spec, seen=seen)) as pieces:
            async for piece in pieces:
                for entry in index.feed(piece) if index else ():
                    yield entry
        for entry in index.end() if index else ():
            yield entry

    async def document(
        self,
        uri: str,
        spec: DownloadSpec,
        *,
        method: str = "GET",
        payload: bytes | None = None,
        seen: Callable[[Arrival], None] = lambda _: None,
    ) -> AsyncGenerator[bytes]:
        """The pieces of an answer that is no download, as they come. Close it, or walk to its end. Raises `TransferError`s.

        `seen` gets to know where redirects have led before the first piece; what it raises ends it.
        """
        ask = Ask(uri, home=True, range=None, decode=True, literal=self._dialect.objects, method=method, payload=payload)
        arrival = await self._follow(spec, ask, lambda _: None)
        pouring: asyncio.Future[None] | None = None
        try:
            await self._refuse(arrival, spec)
            status, fields = arrival.reply.status, arrival.reply.fields
            if not 200 <= status < 300:
                raise refusal(status, fields, arrival.uri, self._clock.wall())
            seen(arrival)
            belt = Belt()
            length = content_length(fields)
            pouring = asyncio.ensure_future(arrival.exchange.body(belt, length, decoded=is_encoded(fields)))
            async for piece in belt.pieces(pouring, spec.timeout, without_credentials(arrival.uri)):
                yield piece
        finally:
            if pouring is not None:
                pouring.cancel()
                await asyncio.wait([pouring])
            arrival.exchange.close()

    async def close(self) -> None:
        """See `ports.Source`."""
        while self._loops:
            _, loop = self._loops.popitem()
            loop.close()

    async def _follow(
        self, spec: DownloadSpec, ask: Ask, judge: Callable[[Reply], None], hops: list[str] | None = None
    ) -> Arrival:
        """Ask, and go where redirects lead, until a reply is none. `hops` receives every address that was asked."""
        hops = [ask.uri] if hops is None else hops
        passed: tuple[tuple[str, Fields], ...] = ()
        while True:
            exchange = Exchange(self._loop_for(ask), ask, spec, self._jars.of(spec), judge)
            try:
                # The first byte may take longer than the next one.
                reply = await exchange.head(2 * spec.timeout)
                if not self._leads_on(reply):
                    return Arrival(exchange, reply, ask.uri, ask.home, passed)
                await exchange.discard()
            except BaseException:
                exchange.close()
                raise
            exchange.close()
            hop = next_hop(
                ask.uri,
                reply.fields.get("location") or "",
                hops,
                allow_downgrade=spec.insecure or spec.checksum is not None,
                revisit=reply.fields.get("set-cookie") is not None,
            )
            hops.append(hop.uri)
            passed = (*passed, (ask.uri, reply.fields))
            ask = replace(ask, uri=hop.uri, home=ask.home and hop.same_origin)

    def _leads_on(self, reply: Reply) -> bool:
        """Whether it is a redirect that says where to. One that does not is judged like any other reply that brings no file.

        A signed request is good for one host only, so those of objects are not followed.
        """
        return reply.status in REDIRECTS and reply.fields.get("location") is not None and not self._dialect.objects

    def _explains(self, reply: Reply) -> bool:
        """Whether the reply is a refusal whose body says why, in the words of the dialect."""
        return self._dialect.refusal is not None and (reply.status in REDIRECTS or reply.status >= 400) and reply.status != 416

    async def _refuse(self, arrival: Arrival, spec: DownloadSpec) -> None:
        """Raise what the dialect makes of a refusal, its body read as far as that is needed."""
        if self._dialect.refusal is None or not self._explains(arrival.reply):
            return
        excerpt = Excerpt()
        with suppress(TransferError, TimeoutError):
            async with asyncio.timeout(spec.timeout):
                await arrival.exchange.body(excerpt, content_length(arrival.reply.fields))
        raise self._dialect.refusal(arrival.reply.status, arrival.reply.fields, bytes(excerpt.taken), arrival.uri)

    def _loop_for(self, ask: Ask) -> CurlLoop:
        """Connections that can be shared are kept apart: libcurl waits for one of these only where it sees no others."""
        shared = ask.version != pycurl.CURL_HTTP_VERSION_1_1
        if shared not in self._loops:
            self._loops[shared] = CurlLoop()
        return self._loops[shared]

    def _version(self, uri: str, spec: DownloadSpec, *, bulk: bool) -> int:
        if spec.http3:
            return pycurl.CURL_HTTP_VERSION_3
        if bulk:
            return pycurl.CURL_HTTP_VERSION_1_1
        place = _origin(site(uri))
        if place.scheme != "https" or self._openings[place] < MULTIPLEX_FROM:
            return pycurl.CURL_HTTP_VERSION_1_1
        return pycurl.CURL_HTTP_VERSION_2TLS

    def _decodes(self, uri: str) -> bool:
        """Whether a content coding is to be undone. Of a file that is compressed by its own name it is the file's own."""
        return not self._dialect.objects and _COMPRESSED.match(uri) is None


_origin = lru_cache(maxsize=1024)(origin)
