"""What a server, or a document of one, may name as an address to fetch from. It is hearsay: the user never wrote it.

Rules
-----
* No other scheme than those that fetch files from afar.
* A place on this machine or in its own network is named only by what is there itself: else any server could have dlm ask
  what only this machine can reach. Only written addresses are seen here, not what a name resolves to.
* What came by https is not sent on to an unprotected way, unless a digest proves the file in the end.
"""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlsplit

from dlm.model.address import check_uri
from dlm.model.error import InvalidRequest

SCHEMES = frozenset({"http", "https", "ftp", "ftpes", "ftps"})
_SEALED = frozenset({"https", "ftpes", "ftps", "sftp"})
"""Schemes on whose way nobody changes bytes unseen."""
_LOCAL_ENDINGS = (".localhost", ".local", ".internal", ".lan", ".home.arpa")


def may_name(source: str, target: str, *, proved: bool) -> bool:
    """Whether what was got from `source` may have dlm fetch from `target`. `proved` says that a digest will judge the file."""
    try:
        check_uri(target)
    except InvalidRequest:
        return False
    scheme = urlsplit(target).scheme
    if scheme not in SCHEMES:
        return False
    if urlsplit(source).scheme in _SEALED and scheme not in _SEALED and not proved:
        return False
    return not _is_local(_host(target)) or _is_local(_host(source))


def _host(uri: str) -> str:
    return (urlsplit(uri).hostname or "").rstrip(".").lower()


@lru_cache(maxsize=256)
def _is_local(host: str) -> bool:
    """Whether the host, as it is written, is this machine or one that only its own network has."""
    from ipaddress import ip_address

    if host == "localhost" or host.endswith(_LOCAL_ENDINGS):
        return True
    try:
        address = ip_address(_number(host))
    except ValueError:
        return "." not in host
    return not address.is_global


def _number(host: str) -> str | int:
    """A host of numbers alone as resolvers read it: `127.1`, `0x7f.1` and `2130706433` are all 127.0.0.1."""
    parts = host.split(".")
    if ":" in host or len(parts) > 4:
        return host
    try:
        values = [int(part, 16 if part[:2] == "0x" else 8 if part[:1] == "0" and len(part) > 1 else 10) for part in parts]
    except ValueError:
        return host
    if any(value > 255 for value in values[:-1]) or values[-1] >= 256 ** (5 - len(values)):
        return host
    return sum(value << 8 * (3 - at) for at, value in enumerate(values[:-1])) + values[-1]
