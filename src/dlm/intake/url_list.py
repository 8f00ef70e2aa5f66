"""A list of URLs, one a line, with options behind them.

Format
------
* A line holds one URL. `#` at the beginning of a line, or of a piece of it, makes the rest of the line a comment.
* Pieces of a line stand apart by two or more spaces, or by a tab. The first is the URL, every other is `name=value`; a single
  space belongs to the value, so a value can hold neither two spaces in a row nor a tab, nor end with a space.
* The names are those of an input file: `options.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from dlm.intake.entry import Entry, named
from dlm.intake.text import lines
from dlm.model.error import InvalidRequest

_GAP = re.compile(r" {2,}|[ ]*\t[ \t]*")


def read_list(chunks: Iterable[str], source: str) -> Iterator[Entry]:
    """The entries in order. Raises `InvalidRequest` that names `source` and the line."""
    for number, line in enumerate(lines(chunks, source), start=1):
        uri, *pieces = _GAP.split(line.strip(" \t"))
        if not uri or uri.startswith("#"):
            continue
        options = []
        for piece in pieces:
            if piece.startswith("#"):
                break
            name, equals, value = piece.partition("=")
            if not equals:
                raise InvalidRequest(f"{source}:{number}: {named(name)} is not an option: write name=value behind the URL")
            options.append((number, name.strip(" "), value.strip(" ")))
        yield Entry(number, (uri,), tuple(options))
