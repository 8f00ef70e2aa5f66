"""Redirects: where the next hop may lead, and what of the user's may go along.

Rules
-----
* dlm follows redirects itself, one hop a transfer, and each hop passes `next_hop`.
* Only http and https are followed; https never becomes http unless the user allowed it.
* Credentials and headers of the user's own stay with the origin that the user addressed. A chain that has left it
  never counts as the same origin again: a stranger may not choose what is asked in the user's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

from dlm.model.address import without_credentials
from dlm.model.error import Untrusted
from dlm.model.text import printable

FREE_HEADERS = frozenset({"accept", "accept-language", "user-agent", "range", "if-range"})
"""User headers that tell a stranger nothing; all others stay with the first origin."""

_DEFAULT_PORTS = {"http": 80, "https": 443}
_CONTROL = r"[\x00-\x1f\x7f]"
_TO_ESCAPE = rb'[\x20"<>\\`\x80-\xff]'
_HOST = r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]"


class Origin(NamedTuple):
    """What credentials belong to (RFC 6454): scheme, host in lower case, and port, the scheme's own where none is written."""

    scheme: str
    host: str
    port: int | None


class Hop(NamedTuple):
    """The next address to ask, without user name and fragment.

    `same_origin` says that the chain, this hop included, never left the origin of its first address.
    """

    uri: str
    same_origin: bool


def origin(uri: str) -> Origin:
    """The origin of `uri`. Raises `Untrusted` when its authority cannot be read."""
    try:
        parts = urlsplit(uri)
        return Origin(parts.scheme, parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme))
    except ValueError as error:
        raise Untrusted(f"the host or port of {_shown(uri)} cannot be read", uri=without_credentials(uri)) from error


def next_hop(
    current: str, location: str, hops: Sequence[str], *, allow_downgrade: bool, revisit: bool = False, limit: int = 10
) -> Hop:
    """Where a redirect from `current` with this `Location` (decoded as Latin-1) leads (RFC 9110 sections 10.2.2, 15.4).

    `hops` are the addresses asked so far, the user's own first; whether `current` stands there as the last does not
    matter. `revisit` lets an address be asked again: the reply set a cookie, which may change the answer. Raises
    `Untrusted` for another scheme than http and https, for a way back to plain http without `allow_downgrade`, for more
    than `limit` redirects, for an address asked before, and for what is no address.
    """
    chain = list(hops) if hops and hops[-1] == current else [*hops, current]
    if len(chain) > limit:
        raise _refusal(current, f"redirects on after {limit} redirects already, so dlm stopped following")
    target = _resolved(current, location)
    if not revisit and target in {_bare(urlsplit(uri)) for uri in chain}:
        raise _refusal(current, f"redirects in a circle: {_shown(target)} was asked before")
    if origin(current).scheme == "https" and origin(target).scheme == "http" and not allow_downgrade:
        raise _refusal(current, f"redirects from https to plain http ({_shown(target)}), which anybody on the way could change")
    return Hop(target, same_origin=len({origin(uri) for uri in (*chain, target)}) == 1)


def carries(headers: Iterable[tuple[str, str]], same_origin: bool) -> tuple[tuple[str, str], ...]:
    """Those of the user's headers that may be sent to a hop: all to the same origin, else only `FREE_HEADERS`."""
    return tuple(header for header in headers if same_origin or header[0].strip().lower() in FREE_HEADERS)


def _resolved(current: str, location: str) -> str:
    """The absolute address that `location` means, fit to be asked."""
    written = location.strip(" \t")
    if not written:
        raise _refusal(current, "redirects without saying where to")
    if re.search(_CONTROL, written):
        raise _refusal(current, "redirects to an address with a control character in it")
    base = urlsplit(current)
    try:
        target = urlsplit(urljoin(current, _escaped(written)))
        port = target.port
    except ValueError as error:
        raise _refusal(current, "redirects to something that is not an address") from error
    if target.scheme not in _DEFAULT_PORTS:
        raise _refusal(current, f"redirects to a {target.scheme}: address; only http and https are followed")
    host = target.netloc.rpartition("@")[2]
    named = re.fullmatch(_HOST, re.sub(r":\d*\Z", "", host))
    if port == 0 or (not named and host != base.netloc.rpartition("@")[2]):
        raise _refusal(current, "redirects to an address whose host or port cannot be asked")
    return _bare(target)


def _escaped(location: str) -> str:
    """`location` with spaces, quotes, backslashes and every byte outside ASCII percent-encoded, as browsers send them."""
    try:
        raw = location.encode("latin-1")
    except UnicodeEncodeError:
        raw = location.encode("utf-8", "surrogateescape")
    return re.sub(_TO_ESCAPE, lambda match: b"%%%02X" % match[0][0], raw).decode("ascii")


def _bare(parts: SplitResult) -> str:
    """One spelling for one address: no user name, no fragment, host in lower case, no default port, a path."""
    netloc = parts.netloc.rpartition("@")[2].lower()
    netloc = netloc.removesuffix(f":{_DEFAULT_PORTS.get(parts.scheme, '')}").removesuffix(":")
    return urlunsplit((parts.scheme, netloc, parts.path or "/", parts.query, ""))


def _shown(uri: str) -> str:
    return printable(without_credentials(uri))


def _refusal(current: str, sentence: str) -> Untrusted:
    return Untrusted(f"{_shown(current)} {sentence}", uri=without_credentials(current))
