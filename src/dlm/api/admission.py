"""Who is let in: decided from the head of a request alone, before anything of it is used. Pure.

Hosts: a name that is not ours may be one that leads here by a trick (DNS rebinding, CVE-2018-5702). Only addresses,
`localhost` and the names that were configured are served. Origins: a browser says which page asks. Only our own page may
(CVE-2023-39141's kin; RFC 6454, 7). A token goes in the header, never in the address, where logs and histories keep it.
A request that states its length in two ways is how one is smuggled past a proxy (RFC 9112, 6.1), and a long head costs memory.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Sequence
from enum import Enum
from urllib.parse import unquote_plus

from dlm.model.value import dataclass

LONGEST = 32 * 1024
"""Bytes of names and values of headers."""


class Refusal(Enum):
    """Why a request is not let in, with its HTTP status."""

    WRONG_HOST = 421
    FOREIGN_ORIGIN = 403
    TOKEN_IN_ADDRESS = 400
    TWO_LENGTHS = 411
    TOO_LONG = 431


@dataclass(frozen=True, slots=True)
class Head:
    """What is looked at. Header values as sent; several `Host` or `Origin` headers are several entries."""

    hosts: Sequence[str]
    origins: Sequence[str]
    site: str | None
    """`Sec-Fetch-Site`."""
    query: str
    secure: bool
    local: bool
    """Whether it came through the Unix socket, which no browser reaches."""
    lengths: int = 0
    """How often it says how long its body is: `Content-Length` and `Transfer-Encoding` headers."""
    length: int = 0
    """Bytes of names and values of headers."""


def refusal(head: Head, names: Collection[str]) -> Refusal | None:
    """Why it is refused, `None` when it is not. `names` are host names, beside addresses, that lead here."""
    if head.length > LONGEST:
        return Refusal.TOO_LONG
    if head.lengths > 1:
        return Refusal.TWO_LENGTHS
    if not head.local and not (len(head.hosts) == 1 and _is_ours(head.hosts[0], names)):
        return Refusal.WRONG_HOST
    if head.origins and not (len(head.origins) == 1 and _is_own_page(head.origins[0], head)):
        return Refusal.FOREIGN_ORIGIN
    if head.site not in {None, "same-origin", "none"}:
        return Refusal.FOREIGN_ORIGIN
    if any(unquote_plus(part.partition("=")[0]).lower() in {"token", "access_token"} for part in head.query.split("&")):
        return Refusal.TOKEN_IN_ADDRESS
    return None


def bearer(values: Sequence[str]) -> str | None:
    """The token of the `Authorization` headers (RFC 6750, 2.1); `None` unless there is exactly one that is sound."""
    if len(values) != 1:
        return None
    kind, _, text = values[0].partition(" ")
    return text.strip() if kind.lower() == "bearer" and text.strip() else None


def _is_ours(host: str, names: Collection[str]) -> bool:
    name = host_name(host)
    if name is None:
        return False
    if name == "localhost" or name in {each.lower() for each in names}:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def host_name(host: str) -> str | None:
    """The name or address of a `Host` header, without its port and brackets; `None` when it is none."""
    if host.startswith("["):
        name, closed, port = host[1:].partition("]")
        port = port.removeprefix(":") if port.startswith(":") or not port else "x"
        return name.lower() if closed and (not port or (port.isascii() and port.isdigit())) else None
    name, _, port = host.partition(":")
    if port and not (port.isascii() and port.isdigit()):
        return None
    return name.lower().rstrip(".") or None


def _is_own_page(origin: str, head: Head) -> bool:
    scheme = "https" if head.secure else "http"
    return len(head.hosts) == 1 and origin.lower() == f"{scheme}://{head.hosts[0].lower()}"
