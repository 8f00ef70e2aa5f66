"""From what the user asked for to libcurl's options: one list of rows for each request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

import pycurl

from dlm import __version__
from dlm.model.download import DownloadSpec
from dlm.policy.redirect import carries
from dlm.protocols.curl.trust import ca_bundle
from dlm.protocols.http.address import split_credentials

USER_AGENT = f"dlm/{__version__}"
BUFFER = 512 * 1024
"""Bytes read from a socket at a time: fewer system calls and wake-ups than libcurl's default of 16 KiB."""
CONNECT_TIMEOUT = 30.0
_SUPPRESS_CONNECT_HEADERS = 265  # pycurl has no name for it


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. `home` says that it goes to the origin that the user addressed, so the user's secrets may go along.

    `range` is the value behind `bytes=`; `condition` goes into `If-Range`; `decode` undoes a content coding. `literal` sends
    the path as it is written, dots and all. With a `payload` it is another `method` than GET.
    """

    uri: str
    home: bool
    range: str | None
    condition: str | None = None
    decode: bool = False
    version: int = pycurl.CURL_HTTP_VERSION_1_1
    literal: bool = False
    method: str = "GET"
    payload: bytes | None = None


class Traits(NamedTuple):
    """What many requests have in common: whatever of a spec becomes options and is no header line, and how it is asked."""

    timeout: float
    user_agent: str | None
    referer: str | None
    user: str | None
    netrc: bool
    proxy: str | None
    insecure: bool
    cacert: str | None
    cert: str | None
    key: str | None
    home: bool
    decode: bool
    version: int
    credentials: str | None


_OF_SPEC = attrgetter(*Traits._fields[:10])


def rows(ask: Ask, spec: DownloadSpec) -> Iterator[tuple[int, Any]]:
    """The options of one request, in the order in which they are to be set; all text is UTF-8, as terminals give it."""
    uri, credentials = split_credentials(ask.uri)
    yield pycurl.URL, uri.encode()
    if ask.literal:
        yield pycurl.PATH_AS_IS, 1
    if ask.payload is not None:
        yield pycurl.POSTFIELDS, ask.payload
        yield pycurl.CUSTOMREQUEST, ask.method
    if ask.range is not None:
        yield pycurl.RANGE, ask.range.encode()
    lines = header_lines(ask, spec)
    if lines:
        yield pycurl.HTTPHEADER, [line.encode() for line in lines]
    yield from _common(Traits._make((*_OF_SPEC(spec), ask.home, ask.decode, ask.version, credentials)))


def encoded(value: Any) -> Any:
    """Text as UTF-8 bytes, since pycurl takes text in ASCII only; what is no text as it is."""
    return value.encode() if isinstance(value, str) else value


@lru_cache(maxsize=64)
def _common(traits: Traits) -> tuple[tuple[int, Any], ...]:
    """Kept, since of many files most differ in nothing but their addresses."""
    return tuple((option, encoded(value)) for option, value in _rows(traits))


def _rows(traits: Traits) -> Iterator[tuple[int, Any]]:
    yield pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS
    yield pycurl.FOLLOWLOCATION, 0
    yield pycurl.NOSIGNAL, 1
    yield pycurl.NOPROGRESS, 1
    yield pycurl.BUFFERSIZE, BUFFER
    yield pycurl.TCP_KEEPALIVE, 1
    yield pycurl.CONNECTTIMEOUT_MS, int(1000 * min(CONNECT_TIMEOUT, traits.timeout))
    yield pycurl.HTTP_VERSION, traits.version
    yield pycurl.PIPEWAIT, int(traits.version != pycurl.CURL_HTTP_VERSION_1_1)
    yield pycurl.HTTP09_ALLOWED, 0
    # Naming a coding is what makes libcurl undo one that the server uses unasked.
    yield pycurl.ACCEPT_ENCODING, "identity"
    yield pycurl.HTTP_CONTENT_DECODING, int(traits.decode)
    # Each handle must turn its cookie engine on; the cookies themselves are in the download's jar.
    yield pycurl.COOKIEFILE, ""
    yield pycurl.USERAGENT, traits.user_agent or USER_AGENT
    if traits.referer is not None and traits.home:
        yield pycurl.REFERER, traits.referer
    yield from _identity(traits)
    yield from _trust(traits)
    yield from _proxy(traits)


def header_lines(ask: Ask, spec: DownloadSpec) -> list[str]:
    """The header lines of our own and those of the user's that may go to this origin."""
    # An empty value must be written with a semicolon, or libcurl takes the line as a removal.
    lines = [f"{name}: {value}" if value.strip() else f"{name};" for name, value in carries(spec.headers, ask.home)]
    if ask.condition is not None:
        lines.append(f"If-Range: {ask.condition}")
    if spec.bearer is not None and ask.home:
        lines.append(f"Authorization: Bearer {spec.bearer}")
    return lines


def _identity(traits: Traits) -> Iterator[tuple[int, Any]]:
    if not traits.home:
        return
    user = traits.user or traits.credentials
    if user is not None:
        yield pycurl.USERPWD, user
        yield pycurl.HTTPAUTH, pycurl.HTTPAUTH_BASIC | pycurl.HTTPAUTH_DIGEST
    elif traits.netrc:
        yield pycurl.NETRC, pycurl.NETRC_OPTIONAL
        yield pycurl.HTTPAUTH, pycurl.HTTPAUTH_BASIC | pycurl.HTTPAUTH_DIGEST


def _trust(traits: Traits) -> Iterator[tuple[int, Any]]:
    yield pycurl.CAINFO, traits.cacert or ca_bundle()
    if traits.insecure:
        yield pycurl.SSL_VERIFYPEER, 0
        yield pycurl.SSL_VERIFYHOST, 0
    if traits.cert is not None and traits.home:
        yield pycurl.SSLCERT, traits.cert
    if traits.key is not None and traits.home:
        yield pycurl.SSLKEY, traits.key


def _proxy(traits: Traits) -> Iterator[tuple[int, Any]]:
    yield _SUPPRESS_CONNECT_HEADERS, 1
    yield pycurl.PROXYAUTH, pycurl.HTTPAUTH_BASIC | pycurl.HTTPAUTH_DIGEST
    if traits.proxy is not None:
        yield pycurl.PROXY, traits.proxy
        # The user named a proxy for this: NO_PROXY of the environment is about the environment's proxies.
        yield pycurl.NOPROXY, ""
