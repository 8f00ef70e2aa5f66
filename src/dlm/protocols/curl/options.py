"""From what the user asked for to libcurl's options: one list of rows for each request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

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

    `range` is the value behind `bytes=`; `condition` goes into `If-Range`; `decode` undoes a content coding.
    """

    uri: str
    home: bool
    range: str | None
    condition: str | None = None
    decode: bool = False
    version: int = pycurl.CURL_HTTP_VERSION_1_1


def rows(ask: Ask, spec: DownloadSpec) -> Iterator[tuple[int, Any]]:
    """The options of one request, in the order in which they are to be set; all text is UTF-8, as terminals give it."""
    for option, value in _rows(ask, spec):
        yield option, [line.encode() for line in value] if isinstance(value, list) else encoded(value)


def encoded(value: Any) -> Any:
    """Text as UTF-8 bytes, since pycurl takes text in ASCII only; what is no text as it is."""
    return value.encode() if isinstance(value, str) else value


def _rows(ask: Ask, spec: DownloadSpec) -> Iterator[tuple[int, Any]]:
    uri, credentials = split_credentials(ask.uri)
    yield pycurl.URL, uri
    yield pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS
    yield pycurl.FOLLOWLOCATION, 0
    yield pycurl.NOSIGNAL, 1
    yield pycurl.NOPROGRESS, 1
    yield pycurl.BUFFERSIZE, BUFFER
    yield pycurl.TCP_KEEPALIVE, 1
    yield pycurl.CONNECTTIMEOUT_MS, int(1000 * min(CONNECT_TIMEOUT, spec.timeout))
    yield pycurl.HTTP_VERSION, ask.version
    yield pycurl.PIPEWAIT, int(ask.version != pycurl.CURL_HTTP_VERSION_1_1)
    yield pycurl.HTTP09_ALLOWED, 0
    # Naming a coding is what makes libcurl undo one that the server uses unasked.
    yield pycurl.ACCEPT_ENCODING, "identity"
    yield pycurl.HTTP_CONTENT_DECODING, int(ask.decode)
    if ask.range is not None:
        yield pycurl.RANGE, ask.range
    # Each handle must turn its cookie engine on; the cookies themselves are in the download's jar.
    yield pycurl.COOKIEFILE, ""
    yield pycurl.HTTPHEADER, header_lines(ask, spec)
    yield pycurl.USERAGENT, spec.user_agent or USER_AGENT
    if spec.referer is not None and ask.home:
        yield pycurl.REFERER, spec.referer
    yield from _identity(ask, spec, credentials)
    yield from _trust(spec, home=ask.home)
    yield from _proxy(spec)


def header_lines(ask: Ask, spec: DownloadSpec) -> list[str]:
    """The header lines of our own and those of the user's that may go to this origin."""
    # An empty value must be written with a semicolon, or libcurl takes the line as a removal.
    lines = [f"{name}: {value}" if value.strip() else f"{name};" for name, value in carries(spec.headers, ask.home)]
    if ask.condition is not None:
        lines.append(f"If-Range: {ask.condition}")
    if spec.bearer is not None and ask.home:
        lines.append(f"Authorization: Bearer {spec.bearer}")
    return lines


def _identity(ask: Ask, spec: DownloadSpec, credentials: str | None) -> Iterator[tuple[int, Any]]:
    if not ask.home:
        return
    user = spec.user or credentials
    if user is not None:
        yield pycurl.USERPWD, user
        yield pycurl.HTTPAUTH, pycurl.HTTPAUTH_BASIC | pycurl.HTTPAUTH_DIGEST
    elif spec.netrc:
        yield pycurl.NETRC, pycurl.NETRC_OPTIONAL
        yield pycurl.HTTPAUTH, pycurl.HTTPAUTH_BASIC | pycurl.HTTPAUTH_DIGEST


def _trust(spec: DownloadSpec, *, home: bool) -> Iterator[tuple[int, Any]]:
    yield pycurl.CAINFO, spec.cacert or ca_bundle()
    if spec.insecure:
        yield pycurl.SSL_VERIFYPEER, 0
        yield pycurl.SSL_VERIFYHOST, 0
    if spec.cert is not None and home:
        yield pycurl.SSLCERT, spec.cert
    if spec.key is not None and home:
        yield pycurl.SSLKEY, spec.key


def _proxy(spec: DownloadSpec) -> Iterator[tuple[int, Any]]:
    yield _SUPPRESS_CONNECT_HEADERS, 1
    yield pycurl.PROXYAUTH, pycurl.HTTPAUTH_BASIC | pycurl.HTTPAUTH_DIGEST
    if spec.proxy is not None:
        yield pycurl.PROXY, spec.proxy
        # The user named a proxy for this: NO_PROXY of the environment is about the environment's proxies.
        yield pycurl.NOPROXY, ""
