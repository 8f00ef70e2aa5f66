"""Addresses: what one must look like, the host that it names, and how it is shown without its secrets."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from dlm.model.error import InvalidRequest

_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
"""Controls, and halves of characters: Python's sign for bytes on the command line that are not UTF-8."""
_TELLING = (
    r"(?i)signature|(?<![a-z])sig|token|secret|passw|pwd|credential|(?:api|access)[-_]?key|auth|key-pair-id"
    r"|\A(?:key|pass|jwt)\Z"
)
"""Names of query parameters whose values are not shown. Rather too many than too few. Compiled when one is seen."""
_PLAIN = re.compile(r"[A-Za-z]+://[A-Za-z0-9.-]+(?::(?:\d{1,4}|[1-5]\d{4}))?(?:/[^?#@]*)?", re.ASCII)
"""Addresses in which no secret can be, as nearly all are."""
_ORDINARY = re.compile(r"[A-Za-z][A-Za-z0-9+-]*://[A-Za-z0-9][A-Za-z0-9.-]*(?::[1-9]\d{0,3})?(?:/[!-~]*)?", re.ASCII)
"""Addresses in which nothing can be wrong, as nearly all are."""
_KEPT = 4096
"""Addresses that are remembered as checked: a list of them is checked where it is read, and where it is carried out."""
_PORTS = {
    **{"http": 80, "dav": 80, "webdav": 80, "https": 443, "davs": 443, "webdavs": 443, "s3": 443},
    **{"ftp": 21, "ftpes": 21, "ftps": 990, "sftp": 22, "scp": 22},
}


@lru_cache(maxsize=1024)
def host_of(uri: str) -> str:
    """`name:port`, the key by which a host is capped, limited and remembered. Never raises.

    Of a scheme whose usual port is not known here, since another package serves it, the scheme stands for the port.
    """
    try:
        parts = urlsplit(uri)
        port = parts.port or _PORTS.get(parts.scheme) or parts.scheme or 0
        return f"{(parts.hostname or '').lower()}:{port}"
    except ValueError:
        return ""


@lru_cache(_KEPT)
def check_uri(uri: str) -> None:
    """Raises `InvalidRequest` for what is not an absolute address; which schemes are served is the registry's business."""
    if _ORDINARY.fullmatch(uri):
        return
    refuse_control(uri, "the URL")
    fault = _fault_of(uri)
    if fault is not None:
        raise InvalidRequest(fault.format(shown=without_credentials(uri)))


def _fault_of(uri: str) -> str | None:
    """What is wrong with an address, with `{shown}` in its place; `None` when nothing is."""
    if re.search(r"\s", uri):
        return "'{shown}' has a space in it: write %20 there, or quote the URL"
    # `name:password@host` looks like a scheme and is none.
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:(?![^/?#]*@)", uri):
        return "'{shown}' is not a URL: it has no scheme; did you mean https://{shown}?"
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return "'{shown}' is not a URL: its host or port cannot be read"
    if parts.scheme.lower() in _PORTS and not parts.hostname:
        return "'{shown}' is not a URL: it names no host"
    if port == 0:
        return "'{shown}' names port 0, which no server has"
    return None


def refuse_control(text: str, where: str) -> None:
    """Raises `InvalidRequest` when `text` holds what no header or address may (RFC 9110, 5.5); `where` begins the sentence."""
    if _CONTROL.search(text):
        raise InvalidRequest(f"{where} holds a control character (such as a line break) or bytes that are not UTF-8")


def visible(text: str) -> str:
    """`text` with its controls made visible."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def without_credentials(uri: str) -> str:
    """`uri` as it may be shown: no user, password or fragment, and `***` for signatures, tokens and the like in the query.

    Takes a proxy's `name:password@host:port` as well. Never raises. Where host and port cannot be read, all before the
    last `@` goes, since the password may hold the very character that made them unreadable.
    """
    if _PLAIN.fullmatch(uri):
        return uri
    user = r"[^/?#]*@"
    try:
        urlsplit(uri).port  # noqa: B018 (it raises)
    except ValueError:
        user = r".*@"
    shown = re.sub(rf"\A([^/?#@]*:/+|//)?{user}", r"\1", uri, count=1, flags=re.DOTALL).partition("#")[0]
    # What stands where a port should and is no number may be a password whose host was forgotten.
    shown = re.sub(r"\A([^/?#]*//[^/?#:\[]*):(?!\d*(?:[/?]|\Z))[^/?]*", r"\1", shown)
    address, mark, query = shown.partition("?")
    return address + mark + "".join(map(_shown_parameter, re.split(r"([&;])", query)))


def _shown_parameter(text: str) -> str:
    name, equals, value = text.partition("=")
    return f"{name}=***" if equals and value and re.search(_TELLING, unquote(name)) else text
