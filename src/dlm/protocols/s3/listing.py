"""Pages of ListObjectsV2: what begins with a prefix, up to the next slash. Pure, but for the walk through the reply."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from urllib.parse import unquote_plus

from dlm.model.error import Untrusted
from dlm.model.listing import Entry, Kind
from dlm.protocols.http.xml import Node, Records

LARGEST_PAGE = 16 * 1024 * 1024
"""Bytes. A thousand keys of a thousand characters, all escaped, are a quarter of it."""
_RECORDS = ("Contents", "CommonPrefixes", "EncodingType", "IsTruncated", "NextContinuationToken")
_SIZE = re.compile(r"[0-9]{1,18}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)")


def query_for(prefix: str, token: str | None) -> dict[str, str]:
    """The query for the next page. Keys are asked for in URL encoding: XML cannot hold every character."""
    query = {"list-type": "2", "delimiter": "/", "encoding-type": "url", "prefix": prefix}
    return query if token is None else query | {"continuation-token": token}


@dataclass(frozen=True, slots=True)
class Page:
    """One page, and the token that asks for the next one, `None` at the last."""

    nodes: tuple[Node, ...]
    token: str | None
    escaped: bool

    def entries(self, prefix: str) -> Iterator[Entry]:
        """What the page holds, by names below `prefix`. The marker of the folder itself is none."""
        for node in self.nodes:
            folder = node.name == "CommonPrefixes"
            raw = node.get("Prefix" if folder else "Key") or ""
            key = unquote_plus(raw, errors="surrogateescape") if self.escaped else raw
            if not raw or key == prefix:
                continue
            size = node.get("Size") or ""
            yield Entry(
                name=key.removeprefix(prefix).removesuffix("/") if folder else key.removeprefix(prefix),
                kind=Kind.FOLDER if folder else Kind.FILE,
                size=int(size) if _SIZE.fullmatch(size) else None,
                modified=_moment(node.get("LastModified")),
                validator=node.get("ETag") or None,
            )


async def page_of(pieces: AsyncGenerator[bytes], shown: str) -> Page:
    """The page that the pieces make. Raises `Untrusted` for one beyond all bounds."""
    records, nodes, said, size = Records(_RECORDS, shown), list[Node](), dict[str, str](), 0
    async with aclosing(pieces):
        async for piece in pieces:
            size += len(piece)
            if size > LARGEST_PAGE:
                raise Untrusted(f"{shown} sends more than {LARGEST_PAGE // 2**20} MiB as one page of a list", uri=shown)
            for node in records.feed(piece):
                if node.children:
                    nodes.append(node)
                else:
                    said[node.name] = node.text.strip()
    records.end()
    more = said.get("IsTruncated", "").lower() == "true"
    token = said.get("NextContinuationToken") or None
    return Page(tuple(nodes), token if more else None, said.get("EncodingType") == "url")


def _moment(text: str | None) -> float | None:
    if text is None or not _MOMENT.fullmatch(text):
        return None
    from datetime import datetime

    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None
