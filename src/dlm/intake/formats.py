"""Which formats there are, how one is known, and how a list in it is read."""

from __future__ import annotations

import os.path
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum

from dlm.intake.choice import Wanted
from dlm.intake.columns import is_address
from dlm.intake.entry import Entry, Skipped, shown
from dlm.intake.expansion import expanded
from dlm.model.error import InvalidRequest

MOST_ENTRIES = 1_000_000
"""Downloads from one list. All of them are held in memory, since they are added together or not at all."""


class Format(Enum):
    """How a list is written. The value is the word for `--format`."""

    ARIA2 = "aria2"
    SESSION = "session"
    LIST = "list"
    CSV = "csv"
    TSV = "tsv"
    JSONL = "jsonl"
    HAR = "har"
    CURL = "curl"
    METALINK = "metalink"


@dataclass(frozen=True, slots=True)
class Reading:
    """How a list is to be read. `chosen` says whether a URL is wanted; `wanted` is for a browser's recording only."""

    chosen: Callable[[str], bool] = lambda _uri: True
    wanted: Wanted = field(default_factory=Wanted)
    expand: bool = False
    ignore_unknown: bool = False


_ENDINGS = {
    ".har": Format.HAR,
    ".csv": Format.CSV,
    ".tsv": Format.TSV,
    ".tab": Format.TSV,
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".session": Format.SESSION,
    ".curl": Format.CURL,
    ".meta4": Format.METALINK,
    ".metalink": Format.METALINK,
}
_CURL = re.compile(r"(?:#[^\n]*\n|\s)*(?:\$ )?(?:/\S*/)?curl(?:\.exe)?\s", re.ASCII)
_METALINK = re.compile(r"<(?:[A-Za-z][\w.-]*:)?metalink[\s>/]")
_OPTION_LINE = re.compile(r"^[ \t]+[a-z0-9-]+=", re.MULTILINE)
_MIRRORS = re.compile(r"^[^#\s][^\n]*\t[ \t]*[A-Za-z][A-Za-z0-9+.-]*://", re.MULTILINE)
_GID = re.compile(r"^ gid=[0-9a-f]{16}\s*$", re.MULTILINE)
_SAVED = re.compile(r"^\S[^\n]*\t\r?\n gid=", re.MULTILINE)


def sniff(name: str, head: str) -> Format:
    """The format of a file by the end of its `name`, and by the `head` of its text where that tells nothing.

    Raises `InvalidRequest` when it looks like nothing that can be read.
    """
    if name.lower().endswith(".torrent"):
        raise InvalidRequest(f"{name} is a torrent, and dlm does not speak BitTorrent yet: fetch the file from a web address")
    by_name = _ENDINGS.get(os.path.splitext(name.lower())[1])
    if by_name is not None:
        return by_name
    start = head.lstrip()
    if start.startswith("{"):
        return Format.HAR if re.match(r'\{\s*"log"\s*:', start) else Format.JSONL
    if start.startswith("<") and _METALINK.search(start):
        return Format.METALINK
    if start.startswith(("<", "[")):
        kind = "XML or HTML" if start.startswith("<") else "a JSON array"
        raise InvalidRequest(f"{name} is {kind}, which is not read: write a list, or name its format with --format")
    if _CURL.match(head):
        return Format.CURL
    first = start.partition("\n")[0]
    if any(map(is_address, re.split(r"[,;\t]", first.replace('"', "")))):
        return Format.TSV if "\t" in first else Format.CSV
    if _GID.search(head) or _SAVED.search(head):
        return Format.SESSION
    return Format.ARIA2 if _OPTION_LINE.search(head) or _MIRRORS.search(head) else Format.LIST


def read(
    format: Format, chunks: Iterable[str], source: str, reading: Reading, most: int = MOST_ENTRIES
) -> Iterator[Entry | Skipped]:
    """The downloads of a list, and what was skipped, in order, `most` of both together.

    Raises `InvalidRequest` that names `source` and the line.
    """
    count = 0
    # A recording and a Metalink are literal; curl has rules of its own.
    expand = reading.expand and format not in {Format.HAR, Format.CURL, Format.METALINK}
    for found in _found(format, chunks, source, reading):
        for each in expanded(found, source) if expand and isinstance(found, Entry) else (found,):
            count += 1
            if count > most:
                raise InvalidRequest(f"{source} holds more than {most} downloads: import it in parts")
            if isinstance(each, Entry) and not reading.chosen(each.uris[0]):
                yield Skipped(each.line, shown(each.uris[0]), "--filter does not take it")
            else:
                yield each


def _found(format: Format, chunks: Iterable[str], source: str, reading: Reading) -> Iterator[Entry | Skipped]:
    """The reader of a format is imported when it is needed."""
    match format:
        case Format.ARIA2:
            from dlm.intake.aria2 import read_aria2

            return read_aria2(chunks, source)
        case Format.SESSION:
            from dlm.intake.aria2 import read_session

            return read_session(chunks, source)
        case Format.LIST:
            from dlm.intake.url_list import read_list

            return read_list(chunks, source)
        case Format.CSV | Format.TSV:
            from dlm.intake.tables import read_csv, read_tsv

            read_table = read_csv if format is Format.CSV else read_tsv
            return read_table(chunks, source, ignore_unknown=reading.ignore_unknown)
        case Format.JSONL:
            from dlm.intake.tables import read_jsonl

            return read_jsonl(chunks, source, ignore_unknown=reading.ignore_unknown)
        case Format.HAR:
            from dlm.intake.har import read_har

            return read_har(chunks, source, reading.wanted, reading.chosen)
        case Format.METALINK:
            from dlm.intake.metalink import read_metalink

            return read_metalink(chunks, source)
        case Format.CURL:
            from dlm.intake.curl import read_curl

            return read_curl(chunks, source, expand=reading.expand)
