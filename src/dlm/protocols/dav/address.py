"""Addresses of WebDAV: those of HTTP, under names that say what the server is."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from dlm.model.address import without_credentials
from dlm.model.error import InvalidRequest

_HTTP = {"dav": "http", "webdav": "http", "davs": "https", "webdavs": "https"}


def http_address(uri: str) -> str:
    """The address of HTTP that `uri` stands for. Raises `InvalidRequest` when it names no host."""
    parts = urlsplit(uri)
    if not parts.hostname:
        raise InvalidRequest(f"'{without_credentials(uri)}' is not a URL: it names no host")
    return urlunsplit((_HTTP[parts.scheme.lower()], parts.netloc, parts.path or "/", parts.query, ""))
