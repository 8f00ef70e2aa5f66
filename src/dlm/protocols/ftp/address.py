"""What an address of FTP asks for (RFC 1738, section 3.2): the server, how to speak to it, who asks, and the path. Pure.

Rules
-----
* The path is relative to the folder that a login begins in; `%2F` or a second slash at its head makes it absolute.
* A question mark is a character of the path: FTP knows no queries.
* `;type=` is dropped: dlm always fetches the bytes as they are.
* No byte of the path may end a command.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from urllib.parse import unquote_to_bytes, urlsplit

from dlm.model.address import without_credentials
from dlm.model.error import InvalidRequest
from dlm.model.listing import Entry
from dlm.protocols.children import child_of
from dlm.protocols.http.address import split_credentials

_TYPE = re.compile(r";type=[a-z0-9]*\Z", re.IGNORECASE)
_ENDS_A_COMMAND = re.compile(rb"[\r\n\0]")


class Security(Enum):
    """When TLS begins (RFC 4217)."""

    NONE = "none"
    EXPLICIT = "explicit"  # asked for on the plain connection, before the login
    IMPLICIT = "implicit"  # from the first byte on


_SCHEMES = {
    "ftp": (Security.NONE, 21),
    "ftpes": (Security.EXPLICIT, 21),
    "ftps": (Security.IMPLICIT, 990),
}
SCHEMES = tuple(_SCHEMES)


@dataclass(frozen=True, slots=True)
class Target:
    """`path` is what the server gets to see; `credentials` is `NAME:PASSWORD` of the address, if it has any."""

    host: str
    port: int
    security: Security
    credentials: str | None
    path: bytes

    @property
    def name(self) -> str | None:
        """The last component as a suggestion for the file's name."""
        last = self.path.rpartition(b"/")[2]
        try:
            return last.decode() or None
        except UnicodeDecodeError:
            return last.decode("latin-1")

    @property
    def is_folder(self) -> bool:
        """Whether the address names a folder."""
        return not self.path or self.path.endswith(b"/")


def parse(uri: str, *, tls: bool) -> Target:
    """The parts of an address. `tls` makes `ftp://` begin TLS before the login.

    Raises `InvalidRequest` for what cannot be asked for: no host, or a byte in the path that would end the command.
    """
    address, credentials = split_credentials(uri)
    parts = urlsplit(address)
    security, port = _SCHEMES[parts.scheme.lower()]
    if tls and security is Security.NONE:
        security = Security.EXPLICIT
    if not parts.hostname:
        raise InvalidRequest(f"'{without_credentials(uri)}' is not a URL: it names no host")
    text = parts.path + (f"?{parts.query}" if parts.query else "")
    path = unquote_to_bytes(_TYPE.sub("", text).removeprefix("/"))
    if _ENDS_A_COMMAND.search(path):
        raise InvalidRequest(f"{without_credentials(uri)} cannot be asked for: its path holds a line break or a zero byte")
    return Target(parts.hostname, parts.port or port, security, credentials, path)


def child(folder: str, entry: Entry) -> str:
    """The address of `entry` in the folder at `folder`. Raises `InvalidRequest` for a name that cannot be asked for."""
    if _ENDS_A_COMMAND.search(entry.name.encode("utf-8", "surrogateescape")):
        raise InvalidRequest("its name holds a line break or a zero byte, which no command can")
    return child_of(_TYPE.sub("", folder.partition("#")[0]), entry)
