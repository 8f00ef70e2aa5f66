"""URLs that stand for many: `[001-100]`, `[a-f]`, `{a,b}`.

* `[1-9]`, `[001-100]`, `[0-100:10]`: numbers, with a step; leading zeros of the first number give the width.
* `[a-z]`, `[A-Z]`: letters. `{one,two}`: words, which may be empty. Nothing is nested.
* Several patterns multiply; the last one changes fastest. `#1` in `out` is what stands for the first pattern, and so on.
* What is none of these, such as the address `[::1]`, stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import product
from math import prod

from dlm.intake.entry import Entry, shown
from dlm.model.error import InvalidRequest

MOST_EXPANDED = 100_000
"""URLs from one line."""
_PATTERN = re.compile(
    r"\[(?P<first>\d{1,12})-(?P<last>\d{1,12})(?::(?P<step>\d{1,12}))?\]"
    r"|\[(?P<from>[a-z])-(?P<to>[a-z])\]|\[(?P<From>[A-Z])-(?P<To>[A-Z])\]"
    r"|\{(?P<words>[^{},]*(?:,[^{},]*)+)\}"
)
_REFERENCE = re.compile(r"#([1-9])")


def has_pattern(uri: str) -> bool:
    """Whether `uri` stands for several."""
    return _PATTERN.search(uri) is not None


def expanded(entry: Entry, source: str) -> Iterator[Entry]:
    """What `entry` stands for: itself, or one entry for each URL. Raises `InvalidRequest` that names `source` and the line."""
    where = f"{source}:{entry.line}"
    if not any(map(has_pattern, entry.uris)):
        yield entry
        return
    if len(entry.uris) > 1:
        raise InvalidRequest(f"{where}: a URL with mirrors cannot stand for several: write a line for each file")
    (uri,) = entry.uris
    choices = [_choices(match, f"{where}: '{shown(uri)}'") for match in _PATTERN.finditer(uri)]
    if (count := prod(map(len, choices))) > MOST_EXPANDED:
        raise InvalidRequest(f"{where}: '{shown(uri)}' stands for {count} URLs: {MOST_EXPANDED} are the most from one line")
    between = _between(uri)
    for chosen in product(*choices):
        text = "".join(part for pair in zip(between, (*chosen, ""), strict=True) for part in pair)
        yield Entry(
            entry.line, (text,), tuple((line, name, _named(name, value, chosen)) for line, name, value in entry.options)
        )


def _between(uri: str) -> list[str]:
    edges = [0, *(edge for match in _PATTERN.finditer(uri) for edge in match.span()), len(uri)]
    return [uri[start:stop] for start, stop in zip(edges[::2], edges[1::2], strict=True)]


def _choices(match: re.Match[str], where: str) -> Sequence[str]:
    if match["words"] is not None:
        return match["words"].split(",")
    if match["first"] is None:
        low, high = (match["from"], match["to"]) if match["from"] else (match["From"], match["To"])
        letters = [chr(code) for code in range(ord(low), ord(high) + 1)]
        return letters or _refuse(where)
    first, last, step = int(match["first"]), int(match["last"]), int(match["step"] or 1)
    if step == 0 or first > last:
        return _refuse(where)
    width = len(match["first"]) if match["first"].startswith("0") else 1
    if (last - first) // step >= MOST_EXPANDED:
        raise InvalidRequest(f"{where} stands for too many URLs: {MOST_EXPANDED} are the most from one line")
    return [f"{number:0{width}}" for number in range(first, last + 1, step)]


def _refuse(where: str) -> Sequence[str]:
    raise InvalidRequest(f"{where} stands for no URL: write the smaller end first, and a step of 1 or more")


def _named(name: str, value: str, chosen: Sequence[str]) -> str:
    if name != "out":
        return value
    return _REFERENCE.sub(lambda match: chosen[int(match[1]) - 1] if int(match[1]) <= len(chosen) else match[0], value)
