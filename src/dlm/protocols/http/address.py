"""Addresses as HTTP takes them: characters beyond ASCII escaped, host names in their ASCII form, no secrets inside."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from dlm.model.address import without_credentials
from dlm.model.error import InvalidRequest
from dlm.model.listing import Entry
from dlm.protocols.children import child_of

_AMBIGUOUS = re.compile("[\u00df\u03c2\u200c\u200d]", re.IGNORECASE)
"""Sharp s, final sigma and joiners: the two standards of international names lead to different hosts (UTS 46, section 6)."""
_PLAIN = re.compile(r"https?://[a-zA-Z0-9.:-]+/[!\"$->@-~]*(?:\?[!\"$-~]+)?")
"""An address that goes on the wire as it is written, as nearly all do."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ASCII = "".join(map(chr, range(0x21, 0x7F)))


def split_credentials(uri: str) -> tuple[str, str | None]:
    """The address to ask for (RFC 3987, section 3.1), and `name:password` decoded, `None` when there is none.

    The address has no user information and no fragment. Raises `InvalidRequest` for a host name that has no
    ASCII form, and for control characters hidden in the user information.
    """
    if _PLAIN.fullmatch(uri):
        return uri, None
    parts = urlsplit(uri)
    user, at, host = parts.netloc.rpartition("@")
    credentials = None
    if at:
        name, _, password = user.partition(":")
        credentials = f"{unquote(name)}:{unquote(password)}"
        if _CONTROL.search(credentials):
            raise InvalidRequest(
                f"{without_credentials(uri)} cannot be asked for: its user information holds a control character"
            )
    path, query = quote(parts.path or "/", safe=_ASCII), quote(parts.query, safe=_ASCII)
    return urlunsplit((parts.scheme, _ascii_host(host, uri), path, query, "")), credentials


def is_folder(uri: str) -> bool:
    """Whether the address says by itself that it is a folder's: the path ends with a slash."""
    return urlsplit(uri).path[-1:] in {"", "/"}


def child(folder: str, entry: Entry) -> str:
    """The address of `entry` in the folder at `folder`. What is behind a question mark was meant for the folder only.

    Raises `InvalidRequest` for what is no single component.
    """
    return child_of(folder.partition("#")[0].partition("?")[0], entry)


def _ascii_host(host: str, uri: str) -> str:
    """`host`, with its port if there is one, in letters that the name system takes (RFC 3490)."""
    if host.isascii():
        return host
    name, colon, port = host.partition(":")
    if _AMBIGUOUS.search(name):
        raise _not_a_host(uri, "its host name means different hosts to different programs: write it in its xn-- form")
    try:
        return name.encode("idna").decode("ascii") + colon + port
    except UnicodeError as error:
        raise _not_a_host(uri, "its host name has no form that the name system knows") from error


def _not_a_host(uri: str, why: str) -> InvalidRequest:
    return InvalidRequest(f"{without_credentials(uri)} cannot be asked for: {why}")


def site(uri: str) -> str:
    """The address up to its path, for what all files of a site have in common."""
    end = uri.find("/", len("https://"))
    return uri if end < 0 else uri[:end]
