"""Pages that web servers make of folders: what they hold, by the links of the page. Pure.

Rules
-----
* A link counts when it leads to a direct child of the page itself: the same origin, the same path and one component
  more. Parents, other sites, queries (`?C=N;O=D` sorts the page) and fragments are no entries.
* The page is a hostile document: it is read as it comes, within bounds, and no script of it is run.
* Sizes and times are hints for people, so only exact ones are taken: whole bytes, and times with their zone.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Protocol
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

from dlm.model.address import without_credentials
from dlm.model.error import ProtocolViolation, Refused, Untrusted
from dlm.model.listing import Entry, Kind
from dlm.policy.redirect import origin
from dlm.protocols.http.dates import http_date

LARGEST_PAGE = 16 * 1024 * 1024
MOST_ENTRIES = 200_000
LONGEST_TAG = 64 * 1024
"""Characters of something that has begun and not ended, such as a tag. It is looked at again with each piece that comes."""
_PIECE = 16 * 1024
_TAIL = 256
"""Characters behind a link in which its size may stand."""
_SIZED = re.compile(r"\s+\d[\w-]+ \d\d:\d\d(?::\d\d)?\s+(\d{1,18})\s*")
"""What nginx and Apache write behind a link: a date, a time, and a size that is exact where it has no unit."""
_EXACT = re.compile(r"\d{1,18}", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_PAGES = frozenset({"text/html", "application/xhtml+xml"})
_LISTS = frozenset({"application/json", "text/json"})
_KINDS = {"file": Kind.FILE, "directory": Kind.FOLDER}


class Index(Protocol):
    """Reads a page piece by piece."""

    def feed(self, piece: bytes) -> Iterator[Entry]:
        """The entries that are complete with this piece. Raises `Untrusted` for a page beyond all bounds."""

    def end(self) -> Iterator[Entry]:
        """The rest."""


def index_of(page: str, media_type: str | None) -> Index:
    """What reads the page at the address `page`, to which redirects have led. Raises `Refused` for what is no index page."""
    shown, kind = without_credentials(page), (media_type or "").partition(";")[0].strip().lower()
    if not urlsplit(page).path.endswith("/"):
        raise Refused(f"{shown} is no index page: the address of a folder ends with a slash", uri=shown)
    if kind in _PAGES:
        return Page(page)
    if kind in _LISTS:
        return List(shown)
    what = f"it is {kind}" if kind else "the server does not say what it is"
    raise Refused(f"{shown} is no index page: {what}, and only pages of HTML list what a folder holds", uri=shown)


class Bounds:
    """Counts what has come of a page, and ends it when that is too much. `shown` names it in errors."""

    def __init__(self, shown: str) -> None:
        self.shown = shown
        self._size = 0
        self._entries = 0

    def received(self, size: int) -> None:
        """So many bytes more."""
        self._size += size
        if self._size > LARGEST_PAGE:
            raise self.hostile(f"more than {LARGEST_PAGE // 2**20} MiB")

    def counted(self) -> None:
        """One entry more."""
        self._entries += 1
        if self._entries > MOST_ENTRIES:
            raise self.hostile(f"more than {MOST_ENTRIES} entries")

    def hostile(self, what: str) -> Untrusted:
        """The error for a page with `what`."""
        return Untrusted(f"{self.shown} sends an index page with {what}: dlm reads no such page", uri=self.shown)


class Page(HTMLParser):
    """A page of HTML. See `Index`."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self._bounds = Bounds(without_credentials(page))
        self._links = Links(page)
        # Bytes that are not UTF-8 stay what they are: some servers write names as they stand on the disk.
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._seen: set[tuple[str, bool]] = set()
        self._ready: list[Entry] = []
        self._open: tuple[str, bool] | None = None
        self._tail = ""
        self._size: int | None = None
        self._modified: float | None = None

    def feed(self, piece: bytes) -> Iterator[Entry]:  # type: ignore[override] # it takes bytes, and gives entries
        """See `Index`."""
        self._bounds.received(len(piece))
        for start in range(0, len(piece), _PIECE):
            super().feed(self._decoder.decode(piece[start : start + _PIECE]))
            if len(self.rawdata) > LONGEST_TAG:
                raise self._bounds.hostile(f"a tag of more than {LONGEST_TAG // 1024} KiB")
            yield from self._taken()

    def end(self) -> Iterator[Entry]:
        """See `Index`. A tag that was not ended is none."""
        self._conclude()
        yield from self._taken()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A link begins an entry; what follows it up to the next one may tell more of it."""
        said = dict(reversed(attrs))
        self._read_tail()
        if tag == "base" and said.get("href"):
            self._links.begin_at(said["href"] or "")
        elif tag == "a" and (found := self._links.child(said.get("href"))) != self._open:
            self._conclude()
            if found is not None and found not in self._seen:
                self._open = found
        elif self._open is not None:
            exact = said.get("data-size") or ""
            if _EXACT.fullmatch(exact):
                self._size = int(exact)
            if tag == "time":
                self._modified = _moment(said.get("datetime") or "")

    def handle_data(self, data: str) -> None:
        """Text: behind a link it may be its size."""
        if self._open is not None and len(self._tail) < _TAIL:
            self._tail += data

    def handle_endtag(self, tag: str) -> None:
        """The name of a link has ended; what its line says of it comes next."""
        if tag == "a":
            self._tail = ""

    def _conclude(self) -> None:
        """The entry that was begun is complete."""
        if self._open is None:
            return
        name, is_folder = self._open
        self._read_tail()
        self._bounds.counted()
        self._seen.add(self._open)
        if is_folder:
            self._ready.append(Entry(name, Kind.FOLDER, None, self._modified))
        else:
            self._ready.append(Entry(name, Kind.FILE, self._size, self._modified))
        self._open, self._size, self._modified = None, None, None

    def _read_tail(self) -> None:
        match = _SIZED.fullmatch(self._tail.partition("\n")[0])
        if match is not None:
            self._size = int(match[1])
        self._tail = ""

    def _taken(self) -> list[Entry]:
        taken, self._ready = self._ready, []
        return taken


class Links:
    """What links on the page at `page` lead to."""

    def __init__(self, page: str) -> None:
        self._base = page
        self._origin = origin(page)
        self._folder = [unquote_to_bytes(part) for part in _components(page)[:-1]]

    def begin_at(self, base: str) -> None:
        """Relative links are relative to this (`<base href>`)."""
        try:
            self._base = urljoin(self._base, base)
        except ValueError:
            return

    def child(self, href: str | None) -> tuple[str, bool] | None:
        """The name of the direct child that is meant, and whether it is a folder; `None` for all other links. Never raises."""
        if not href or "?" in href or "#" in href:
            return None
        try:
            target = urljoin(self._base, href.strip())
            if urlsplit(target).scheme not in {"http", "https"} or origin(target) != self._origin:
                return None
        except (ValueError, Untrusted):
            return None
        *above, last = _components(target)
        is_folder = not last
        if is_folder and above:
            last = above.pop()
        if [unquote_to_bytes(part.encode("utf-8", "surrogateescape")) for part in above] != self._folder:
            return None
        name = unquote_to_bytes(last.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")
        return None if name in {"", ".", ".."} or "/" in name or "\0" in name else (name, is_folder)


class List:
    """The list in JSON that nginx makes with `autoindex_format json`. See `Index`."""

    def __init__(self, shown: str) -> None:
        self._bounds = Bounds(shown)
        self._pieces: list[bytes] = []

    def feed(self, piece: bytes) -> Iterator[Entry]:
        """See `Index`. Nothing is known before the end."""
        self._bounds.received(len(piece))
        self._pieces.append(piece)
        return iter(())

    def end(self) -> Iterator[Entry]:
        """See `Index`."""
        shown = self._bounds.shown
        try:
            said = json.loads(b"".join(self._pieces).decode("utf-8", "surrogateescape"))
        except (ValueError, RecursionError) as error:
            raise ProtocolViolation(f"{shown} sends JSON that cannot be read", uri=shown) from error
        if not isinstance(said, list) or not all(isinstance(each, dict) and "name" in each and "type" in each for each in said):
            raise Refused(f"{shown} is no index page: it is JSON, but no list as nginx makes one of a folder", uri=shown)
        for each in said:
            self._bounds.counted()
            name, kind, size = each["name"], each["type"], each.get("size")
            if isinstance(name, str) and isinstance(kind, str):
                exact = size if type(size) is int and 0 <= size < 10**18 and kind == "file" else None
                mtime = each.get("mtime")
                yield Entry(name, _KINDS.get(kind, Kind.OTHER), exact, http_date(mtime if isinstance(mtime, str) else None))


def _components(uri: str) -> list[str]:
    return (urlsplit(uri).path or "/").split("/")


def _moment(text: str) -> float | None:
    if not _MOMENT.fullmatch(text):
        return None
    from datetime import datetime

    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None
