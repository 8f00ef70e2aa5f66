"""A browser's recording (HAR 1.2): the files among its replies.

* Taken are GET requests over HTTP that were answered with success, each address once: with the headers of the request that has
  most of them, since what came from the browser's cache was recorded with few; of equals, with those of the last one.
* `headers.py` says which headers go along. Cookies that only the recording's own list has become a `Cookie` header.
* Lines mean nothing in a recording: an entry's `line` is its number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from dlm.intake.choice import Wanted
from dlm.intake.entry import Entry, Skipped, shown
from dlm.intake.headers import carried, is_name, is_of_one_exchange
from dlm.intake.json_stream import elements
from dlm.model.address import check_uri, refuse_control
from dlm.model.error import InvalidRequest

_HTTP = ("http://", "https://")
_UNCHANGED = 304
"""The browser had it already; the address is good."""


def read_har(chunks: Iterable[str], source: str, wanted: Wanted, chosen: Callable[[str], bool]) -> Iterator[Entry | Skipped]:
    """The files in the order of their first request, after what was skipped. Raises `InvalidRequest` that names `source`."""
    files: dict[str, Entry] = {}
    for number, exchange in enumerate(elements(chunks, ("log", "entries"), source), start=1):
        request, response = _object(exchange, "request"), _object(exchange, "response")
        uri = str(request.get("url") or "").partition("#")[0]
        reason = _reason(request, response, uri, wanted, chosen)
        entry = None if reason else _entry(number, uri, request, _size(response) or None)
        if entry is None:
            yield Skipped(number, _label(uri), reason or "it cannot be asked for as it was recorded")
            continue
        if uri in files:
            yield Skipped(number, shown(uri), "it is there already")
        if uri not in files or len(entry.options) >= len(files[uri].options):
            files[uri] = entry
    yield from files.values()


def _reason(
    request: dict[str, Any], response: dict[str, Any], uri: str, wanted: Wanted, chosen: Callable[[str], bool]
) -> str | None:
    """Why this is no file to fetch, or `None`."""
    if not uri.lower().startswith(_HTTP):
        return "it is not an HTTP address"
    if request.get("method") != "GET":
        return "it is not a GET request"
    status = response.get("status")
    if not wanted.any_status and not (isinstance(status, int) and (200 <= status < 300 or status == _UNCHANGED)):
        return "it was not answered with success"
    if not wanted.takes_type(_media_type(response)):
        return "it has another type than --type"
    if wanted.least and _size(response) < wanted.least:
        return "it is smaller than --min-size"
    return None if chosen(uri) else "--filter does not take it"


def _entry(number: int, uri: str, request: dict[str, Any], size: int | None) -> Entry | None:
    """`None` when the address or a header holds what cannot be sent."""
    headers = [(_text(each, "name"), _text(each, "value")) for each in _objects(request, "headers")]
    if not any(name.lower() == "cookie" for name, _ in headers):
        cookies = [f"{_text(each, 'name')}={_text(each, 'value')}" for each in _objects(request, "cookies")]
        headers += [("Cookie", "; ".join(cookies))] if cookies else []
    if not all(is_name(name) or is_of_one_exchange(name) for name, _ in headers):
        return None
    options = tuple((number, name, value) for name, value in carried(headers))
    try:
        check_uri(uri)
        for _, name, value in options:
            refuse_control(value, name)
    except InvalidRequest:
        return None
    return Entry(number, (uri,), options, size=size)


def _label(uri: str) -> str:
    """What a message may hold: of what is no HTTP address, such as `data:`, the scheme only."""
    scheme, colon, _ = uri.partition(":")
    return shown(uri) if uri.lower().startswith(_HTTP) else f"{scheme}:…" if colon and scheme.isalnum() else ""


def _media_type(response: dict[str, Any]) -> str:
    said = _text(_object(response, "content"), "mimeType")
    return said or _header(response, "content-type")


def _size(response: dict[str, Any]) -> int:
    """The size of the whole file, as far as the recording tells; a reply with a part of it names the whole."""
    whole = _header(response, "content-range").rpartition("/")[2]
    figures = [whole, _header(response, "content-length"), _object(response, "content").get("size"), response.get("bodySize")]
    return max((_number(figure) for figure in figures), default=0)


def _number(value: object) -> int:
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else 0
    return int(value) if isinstance(value, int | float) and 0 <= value < 1e18 else 0


def _header(response: dict[str, Any], name: str) -> str:
    return next((_text(each, "value") for each in _objects(response, "headers") if _text(each, "name").lower() == name), "")


def _object(value: object, key: str) -> dict[str, Any]:
    inner = value.get(key) if isinstance(value, dict) else None
    return inner if isinstance(inner, dict) else {}


def _objects(value: dict[str, Any], key: str) -> list[dict[str, Any]]:
    inner = value.get(key)
    return [each for each in inner if isinstance(each, dict)] if isinstance(inner, list) else []


def _text(value: dict[str, Any], key: str) -> str:
    inner = value.get(key)
    return inner if isinstance(inner, str) else ""
