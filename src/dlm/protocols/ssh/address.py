"""Addresses of files on SSH servers, and the way to log in there. Pure.

The path is curl's convention: `/path` is absolute, `/~/path` belongs to the user's home directory. SFTP knows no
queries, so a question mark is a part of the name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from dlm.model.address import without_credentials
from dlm.model.download import DownloadSpec
from dlm.model.error import InvalidRequest
from dlm.model.listing import Entry
from dlm.protocols.children import child_of

_PARTS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*([^#]*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Route:
    """Where to connect to and as whom. `None` leaves it to `~/.ssh/config`, else to the usual.

    `key` is a file; what is encrypted there has `password` as its passphrase, and then that is sent nowhere. `pin` is
    the fingerprint of the only host key to trust; `blind` trusts any.
    """

    host: str
    port: int | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    key: str | None = None
    pin: str | None = None
    blind: bool = False


def path_of(uri: str) -> bytes:
    """The path on the server; one that does not begin with a slash belongs to the home directory.

    Raises `InvalidRequest` for one that no server can have.
    """
    match = _PARTS.match(uri)
    raw = match[1] if match else ""
    if raw in {"/~", "/~/"}:
        return b"."
    path = unquote_to_bytes(raw[3:].lstrip("/") if raw.startswith("/~/") else raw)
    if b"\x00" in path:
        raise InvalidRequest(f"{without_credentials(uri)} has a zero byte in its path, which no name can have")
    return path if path.startswith(b"/") or raw.startswith("/~/") else b"/" + path


def is_folder(uri: str) -> bool:
    """Whether the address says by itself that it is a folder's."""
    path = path_of(uri)
    return path in {b"", b"."} or path.endswith(b"/")


def child(folder: str, entry: Entry) -> str:
    """The address of `entry` in the folder at `folder`. One that is called `~` is not mistaken for the home directory.

    Raises `InvalidRequest` for what no file can be called.
    """
    return child_of(folder.partition("#")[0], entry)


def route_of(uri: str, spec: DownloadSpec) -> Route:
    """How to get to the server of `uri`. What the spec says of the user beats what the address says.

    Raises `InvalidRequest` for what cannot be carried out.
    """
    if spec.proxy is not None:
        shown = without_credentials(uri)
        raise InvalidRequest(f"{shown} cannot go through --proxy: name a ProxyJump or ProxyCommand in ~/.ssh/config instead")
    parts = urlsplit(uri)
    host = unquote(parts.hostname or "")
    if not host or host.startswith("-") or re.search(r"[\s,'\"\\$;&<>|()`]", host):
        raise InvalidRequest(f"{without_credentials(uri)} names a host that no server can have")
    user = None if parts.username is None else unquote(parts.username)
    password = None if parts.password is None else unquote(parts.password)
    if spec.user is not None:
        user, _, password = spec.user.partition(":")
    elif spec.netrc and password is None:
        user, password = _from_netrc(host, user)
    return Route(host, parts.port, user or None, password or None, spec.key, spec.hostkey, spec.insecure)


def _from_netrc(host: str, user: str | None) -> tuple[str | None, str | None]:
    """User and password as `~/.netrc` has them; a file that cannot be used says nothing, as with HTTP."""
    from netrc import NetrcParseError, netrc

    try:
        found = netrc().authenticators(host)
    except (OSError, NetrcParseError):
        return user, None
    if found is None or (user is not None and found[0] != user):
        return user, None
    return found[0] or user, found[2]
