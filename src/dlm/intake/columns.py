"""The columns of a table of downloads: which names are known, and what each becomes.

* Upper and lower case, spaces, `_` and `-` make no difference.
* `url`, `uri`, `urls`, `uris`, `mirror`, `mirrors`, `link`: addresses; those of one row are mirrors of one file. A cell may
  hold several with white space between them.
* `name`, `output`, `filename`; `directory`, `folder`; `sha256` and the other algorithms; `headers`, several on lines of their
  own; `header:NAME`; `cookie`. Other columns are options by their own names, of aria2 or of dlm.
* An empty cell says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from dlm.intake.entry import Entry, Skipped, named, nearest
from dlm.intake.options import known_options
from dlm.model.error import InvalidRequest
from dlm.model.resource import ALGORITHMS, CRCS

_Cell = Callable[[str], Iterable[tuple[str, str]]]
"""From the text of a cell to options, `(name, value)`."""

_ADDRESSES = frozenset({"url", "uri", "urls", "uris", "mirror", "mirrors", "link"})
_ALIASES = {
    "name": "out",
    "output": "out",
    "filename": "out",
    "directory": "dir",
    "folder": "dir",
    "referrer": "referer",
    "digest": "checksum",
}
_UNKNOWN = "there is no column"


@dataclass(frozen=True, slots=True)
class Column:
    """What the cells of one column mean: an address, options, or (with neither) nothing."""

    address: bool = False
    options: _Cell | None = None


def column_of(name: str) -> Column | None:
    """The meaning of a column by its name, `None` when there is none."""
    head, colon, tail = name.strip().partition(":")
    squeezed = _squeezed(head)
    if colon:
        return Column(options=_header_named(tail.strip())) if squeezed == "header" and tail.strip() else None
    if squeezed in _ADDRESSES:
        return Column(address=True)
    if squeezed in {"header", "headers"}:
        return Column(options=_headers)
    if squeezed == "cookie":
        return Column(options=_header_named("Cookie"))
    if squeezed in _DIGESTS:
        return Column(options=_prefixed(_DIGESTS[squeezed]))
    option = _ALIASES.get(squeezed) or _OPTIONS.get(squeezed)
    return Column(options=_as(option)) if option is not None else None


def is_address(name: str) -> bool:
    """Whether a column of this name holds addresses."""
    return _squeezed(name) in _ADDRESSES


def entry_of(line: int, cells: Iterable[tuple[Column, str]]) -> Entry | Skipped:
    """The entry of one row. A row without an address is skipped."""
    uris: list[str] = []
    options: list[tuple[int, str, str]] = []
    for column, text in cells:
        if not text.strip():
            continue
        if column.address:
            uris += text.split()
        elif column.options is not None:
            options += [(line, name, value) for name, value in column.options(text)]
    return Entry(line, tuple(dict.fromkeys(uris)), tuple(options)) if uris else Skipped(line, "", "it has no URL")


def refuse_column(name: str, where: str) -> InvalidRequest:
    """The error for a column that is not known."""
    known = sorted(_ADDRESSES | set(_ALIASES) | set(_DIGESTS) | {"header"} | _KNOWN)
    hint = nearest(name, known) or ": take it out, or say --ignore-unknown"
    return InvalidRequest(f"{where}: {_UNKNOWN} {named(name.strip())} for a download{hint}")


def _squeezed(name: str) -> str:
    return re.sub(r"[\s_-]", "", name.lower())


def _as(option: str) -> _Cell:
    return lambda text: [(option, text.strip())]


def _prefixed(algorithm: str) -> _Cell:
    # A cell may name the algorithm itself, as the output of many tools does.
    return lambda text: [("checksum", text.strip() if re.search("[=:]", text) else f"{algorithm}={text.strip()}")]


def _header_named(name: str) -> _Cell:
    return lambda text: [("header", f"{name}: {text.strip()}")]


def _headers(text: str) -> Iterator[tuple[str, str]]:
    return (("header", line.strip()) for line in text.splitlines() if line.strip())


_KNOWN = known_options()
_OPTIONS = {_squeezed(name): name for name in _KNOWN}
_DIGESTS = {_squeezed(name): name for name in ALGORITHMS if name not in CRCS}
