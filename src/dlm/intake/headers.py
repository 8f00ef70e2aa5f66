"""Which of a browser's request headers go on with a download.

A recorded request says how the browser fetched: over this connection, this span, if it had changed. Those headers stay behind;
the rest, the identity above all, goes along, since a server may answer nobody else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from dlm.intake.entry import words

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""RFC 9110, 5.6.2."""
_OF_ONE_EXCHANGE = words(
    """
    host connection keep-alive proxy-connection proxy-authorization proxy-authenticate te trailer transfer-encoding upgrade
    http2-settings expect content-length content-encoding accept-encoding range
    """
)
"""RFC 9110, 7.6.1, and what the engine sets itself."""


def is_of_one_exchange(name: str) -> bool:
    """Whether the header `name` belongs to one request only, as `Range`, `If-None-Match` and `:authority` do."""
    lowered = name.strip().lower()
    return lowered in _OF_ONE_EXCHANGE or lowered.startswith(("if-", ":"))


def is_name(name: str) -> bool:
    """Whether a header can have this name."""
    return _TOKEN.fullmatch(name) is not None


def carried(headers: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """The options, `(name, value)`, that make a download send the lasting ones of `headers`. Cookies are put together."""
    rows = [(name.strip(), value.strip()) for name, value in headers]
    listed = {
        each.strip().lower() for name, value in rows if name.lower() == "connection" for each in value.split(",")
    }  # headers that a hop has declared its own
    cookies = []
    for name, value in rows:
        match name.lower():
            case lowered if lowered in listed or is_of_one_exchange(lowered) or not lowered:
                continue
            case "cookie":
                cookies.append(value)
            case "referer" | "user-agent" as option:
                yield option, value
            case _:
                yield "header", f"{name}: {value}"
    if cookies:
        yield "header", f"Cookie: {'; '.join(cookies)}"
