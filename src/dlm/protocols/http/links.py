"""Links in the head of a reply (RFC 8288), and what a Metalink server says by them (RFC 6249): mirrors.

Whatever cannot be read ends its field; what was read before it counts. Every step takes something, so no field takes long.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urldefrag, urljoin

from dlm.policy.hearsay import may_name
from dlm.protocols.http.fields import Fields

MOST_LINKS = 256

_TARGET = re.compile(r"[\s,]*<([^<>]*)>")
_PARAMETER = re.compile(r"\s*;\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s\",;]*)))?")
_EMPTY = re.compile(r"\s*;(?=\s*(?:[;,]|\Z))")
_END = re.compile(r"\s*(?:,|\Z)")
_LAST = 1_000_000
"""The `pri` of who has none: behind the largest that there is (RFC 6249, section 3.1)."""


@dataclass(frozen=True, slots=True)
class Link:
    """One link: its target as it was written, its relations in lower case, its other parameters, of each the first."""

    target: str
    relations: frozenset[str]
    parameters: Mapping[str, str]


def links(values: Iterable[str]) -> Iterator[Link]:
    """The links of these fields, `MOST_LINKS` at most. Those about another resource (`anchor`) are left out. Never raises."""
    count = 0
    for value in values:
        position = 0
        while target := _TARGET.match(value, position):
            parameters: dict[str, str] = {}
            position = target.end()
            while match := _PARAMETER.match(value, position) or _EMPTY.match(value, position):
                position = match.end()
                if match.re is _PARAMETER:
                    said = match[3] or "" if match[2] is None else re.sub(r"\\(.)", r"\1", match[2])
                    parameters.setdefault(match[1].lower(), said)
            end = _END.match(value, position)
            count += 1
            if end is None or count > MOST_LINKS:
                break
            position = end.end()
            if "anchor" not in parameters:
                relations = frozenset(parameters.pop("rel", "").lower().split())
                yield Link(target[1].strip(), relations, parameters)


def mirrors(base: str, fields: Fields, *, proved: bool) -> list[str]:
    """The addresses of the same file that a reply from `base` names, best first: those it calls preferred, then by `pri`.

    `proved` says that a digest will judge the file. An address that a server may not name is left out.
    """
    found: list[tuple[bool, int, str]] = []
    for link in links(fields.all("link")):
        if "duplicate" in link.relations:
            target = _absolute(base, link.target)
            if target is not None and may_name(base, target, proved=proved):
                found.append(("pref" not in link.parameters, _priority(link.parameters.get("pri", "")), target))
    return list(dict.fromkeys(uri for _, _, uri in sorted(found, key=lambda each: each[:2])))


def _absolute(base: str, target: str) -> str | None:
    try:
        return urldefrag(urljoin(base, target)).url
    except ValueError:
        return None


def _priority(text: str) -> int:
    return int(text) if re.fullmatch(r"\d{1,6}", text, re.ASCII) else _LAST
