"""What PROPFIND answers (RFC 4918, sections 9.1 and 13): members of a folder, as the server names them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from dlm.model.listing import Entry, Kind
from dlm.protocols.http.dates import http_date
from dlm.protocols.http.xml import Node

PROPFIND = (
    b'<?xml version="1.0" encoding="utf-8"?>\n<propfind xmlns="DAV:"><prop>'
    b"<resourcetype/><getcontentlength/><getlastmodified/><getetag/></prop></propfind>"
)
RECORDS = ("response",)
_LENGTH = re.compile(r"[0-9]{1,18}")
_FOUND = re.compile(r"HTTP/\S+ +200\b")
_GONE = re.compile(r"HTTP/\S+ +[45]")


@dataclass(frozen=True, slots=True)
class Member:
    """One resource. `path` is decoded, without the slash at its end."""

    path: str
    kind: Kind
    size: int | None
    modified: float | None
    etag: str | None


def member_of(response: Node) -> Member | None:
    """What a `response` says; `None` when it names nothing, or something that is not there. Never raises."""
    href = response.get("href")
    if not href or _GONE.match(response.get("status") or ""):
        return None
    try:
        path = urlsplit(href).path if "://" in href.partition("?")[0] else href.partition("?")[0].partition("#")[0]
    except ValueError:
        return None
    said: dict[str, Node] = {}
    for propstat in response.all("propstat"):
        if _FOUND.match(propstat.get("status") or "HTTP/1.1 200 OK"):
            for properties in propstat.all("prop"):
                said |= {node.name: node for node in properties.children}
    kind = said.get("resourcetype", Node("")).get("collection")
    length = said.get("getcontentlength", Node("")).text.strip()
    return Member(
        path=unquote(path, errors="surrogateescape").removesuffix("/"),
        kind=Kind.FILE if kind is None else Kind.FOLDER,
        size=int(length) if kind is None and _LENGTH.fullmatch(length) else None,
        modified=http_date(said.get("getlastmodified", Node("")).text),
        etag=said.get("getetag", Node("")).text.strip() or None,
    )


class Folder:
    """The names that members have inside the folder that was asked for."""

    def __init__(self, address: str) -> None:
        self._base = unquote(urlsplit(address).path, errors="surrogateescape").removesuffix("/")
        self._last = self._base[self._base.rfind("/") :]
        self._first = True

    def holds(self, member: Member) -> bool:
        """Whether it is another than the folder itself.

        A proxy in front of the server may have put the folder at another path than the server knows: the folder comes
        first, so one of the same name there is it.
        """
        inside = member.path.startswith(self._base + "/")
        if self._first and not inside and member.kind is Kind.FOLDER and member.path.endswith(self._last):
            self._base = member.path
        self._first = False
        return member.path != self._base

    def entry(self, member: Member) -> Entry:
        """The entry. Its name is what the server says, whatever that is."""
        name = member.path.removeprefix(self._base + "/")
        return Entry(name, member.kind, member.size, member.modified, member.etag)
