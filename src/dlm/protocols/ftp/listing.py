"""Listings: what servers write about a folder, as `Entry`s. Pure.

    MLSD  facts; name                         made for programs (RFC 3659, section 7): exact
    LIST  made for people, in two styles      Unix's `ls -l`, and DOS's `dir`: sizes are right, times are rough

Rules
-----
* A name is one component, or it is left out: no slash or backslash, no control character, not `.` or `..`.
* Bytes that are not UTF-8 are kept as `surrogateescape` does, so that the name can be asked for again.
* What cannot be understood is left out and counted, never guessed.
"""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Callable, Iterator
from enum import Enum

from dlm.model.listing import Entry, Kind
from dlm.protocols.ftp.replies import Garbled, seconds

LINE_LIMIT = 16 * 1024
_UNNAMEABLE = re.compile(r"[/\\\x00-\x1f\x7f]")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_UNIX = re.compile(
    r"""(?P<kind>[-bcdlpsD])[-rwxsStTlL]{9}[.+@]?[ ]*
        \d+[ ]+ (?:\S+[ ]+){1,2}? (?:(?P<size>\d+)|\d+,[ ]*\d+)[ ]+
        (?P<month>[A-Za-z]{3})[ ]+(?P<day>\d{1,2})[ ]+(?:(?P<year>\d{4})|(?P<hour>\d{1,2}):(?P<minute>\d\d))[ ]
        (?P<name>.+)""",
    re.VERBOSE,
)
_DOS = re.compile(
    r"""(?P<month>\d\d)[-/](?P<day>\d\d)[-/](?P<year>\d{2}|\d{4})[ ]+(?P<hour>\d\d):(?P<minute>\d\d)[ ]?(?P<half>[AP]M)?[ ]+
        (?:(?P<folder><DIR>)|(?P<link><JUNCTION>|<SYMLINKD?>)|(?P<size>[\d,.]+))[ ]+
        (?P<name>.+)""",
    re.VERBOSE | re.IGNORECASE,
)
_UNIX_KINDS = {"-": Kind.FILE, "d": Kind.FOLDER, "l": Kind.LINK}


class Style(Enum):
    """How the lines are written."""

    FACTS = "MLSD"
    PEOPLE = "LIST"


class Listing:
    """Cuts a listing into lines as it comes, and reads them. `now` is in seconds since the epoch: `ls` leaves the year out."""

    def __init__(self, style: Style, now: float) -> None:
        self._read: Callable[[str], Entry | None] = read_facts if style is Style.FACTS else lambda line: read_people(line, now)
        self._pending = bytearray()
        self.skipped = 0
        """Lines that were left out, because they make no sense or name what is no single component."""

    def feed(self, received: bytes) -> Iterator[Entry]:
        """The entries that are complete with these bytes. Raises `Garbled` for a line without an end."""
        self._pending += received
        *lines, rest = self._pending.split(b"\n")
        self._pending = rest
        if len(rest) > LINE_LIMIT:
            raise Garbled("a listing with a line without an end")
        for line in lines:
            yield from self._entries(line)

    def end(self) -> Iterator[Entry]:
        """The last one, when its line was not ended."""
        rest, self._pending = self._pending, bytearray()
        yield from self._entries(rest)

    def _entries(self, line: bytearray) -> Iterator[Entry]:
        text = bytes(line).removesuffix(b"\r").decode("utf-8", "surrogateescape")
        entry = self._read(text)
        if entry is not None and is_component(entry.name):
            yield entry
        elif text and not _is_expected(text):
            self.skipped += 1


def is_component(name: str) -> bool:
    """Whether this can be the name of one file in a folder."""
    return name not in {"", ".", ".."} and _UNNAMEABLE.search(name) is None


def read_facts(line: str) -> Entry | None:
    """A line of MLSD: `type=file;size=12;modify=20260101000000; name`. The folder itself and its parent are no entries."""
    text, space, name = line.partition(" ")
    if not space:
        return None
    facts = {key.lower(): value for key, _, value in (fact.partition("=") for fact in text.split(";"))}
    kind = _fact_kind(facts.get("type", ""))
    if kind is None:
        return None
    size_text, modify = facts.get("size", ""), facts.get("modify", "")
    size = int(size_text) if kind is Kind.FILE and re.fullmatch(r"[0-9]{1,18}", size_text) else None
    modified = seconds(modify)
    validator = f'"{modify}-{size}"' if kind is Kind.FILE and size is not None and modified is not None else None
    return Entry(name, kind, size, modified, validator)


def _fact_kind(text: str) -> Kind | None:
    word = text.lower()
    if word in {"file", "dir"}:
        return Kind.FILE if word == "file" else Kind.FOLDER
    if word in {"cdir", "pdir", ""}:
        return None
    return Kind.LINK if word.startswith(("os.unix=slink", "os.unix=symlink")) else Kind.OTHER


def read_people(line: str, now: float) -> Entry | None:
    """A line of LIST, in the style of Unix or of DOS. Times are taken as UTC, for want of better."""
    if match := _UNIX.fullmatch(line):
        return _unix_entry(match, now)
    if match := _DOS.fullmatch(line):
        return _dos_entry(match)
    return None


def _unix_entry(match: re.Match[str], now: float) -> Entry | None:
    kind = _UNIX_KINDS.get(match["kind"], Kind.OTHER)
    if (name := match["month"].lower()) not in _MONTHS:
        return None
    month = _MONTHS.index(name) + 1
    year = int(match["year"] or 0) or time.gmtime(now).tm_year
    modified = _moment(year, month, int(match["day"]), int(match["hour"] or 0), int(match["minute"] or 0))
    if modified is not None and match["year"] is None and modified > now + 86400:
        modified = _moment(year - 1, month, int(match["day"]), int(match["hour"]), int(match["minute"]))
    name = match["name"]
    if kind is Kind.LINK:
        name = name.partition(" -> ")[0]
    return Entry(name, kind, _size(match["size"]) if kind is Kind.FILE else None, modified)


def _dos_entry(match: re.Match[str]) -> Entry:
    hour = int(match["hour"])
    if match["half"] is not None:
        hour = hour % 12 + (12 if match["half"].upper() == "PM" else 0)
    year = int(match["year"])
    if year < 100:
        year += 1900 if year >= 70 else 2000
    modified = _moment(year, int(match["month"]), int(match["day"]), hour, int(match["minute"]))
    if match["folder"] or match["link"]:
        return Entry(match["name"], Kind.FOLDER if match["folder"] else Kind.LINK, None, modified)
    return Entry(match["name"], Kind.FILE, _size(re.sub("[,.]", "", match["size"])), modified)


def _size(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"[0-9]{1,18}", text) else None


def _moment(year: int, month: int, day: int, hour: int, minute: int) -> float | None:
    if not (1 <= month <= 12 and 1 <= year <= 9999 and hour < 24 and minute < 60):
        return None
    if not 1 <= day <= calendar.monthrange(year, month)[1]:
        return None
    return float(calendar.timegm((year, month, day, hour, minute, 0)))


def _is_expected(text: str) -> bool:
    """Whether a line that names nothing belongs to every listing."""
    if text.startswith("total "):
        return True
    facts, _, name = text.partition(" ")
    return re.search(r"(?i)\btype=[cp]dir;", facts) is not None or name.endswith((" .", " .."))
