"""Which kind of network a host is in, as far as its name tells: a label for metrics that says nothing of whom it names."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address

LOOPBACK, PRIVATE, PUBLIC = NETWORKS = ("loopback", "private", "public")
_HOME = (".local", ".lan", ".internal", ".home.arpa")
"""Names that are given within a network (RFC 6762, RFC 8375)."""


@lru_cache(maxsize=256)
def network_of(host: str) -> str:
    """Of `name:port`. A name without a dot is one of the local network; nobody is asked for its address."""
    name = host.rpartition(":")[0].rstrip(".")
    try:
        address = ip_address(name.partition("%")[0])
    except ValueError:
        if name == "localhost" or name.endswith(".localhost"):
            return LOOPBACK
        return PRIVATE if "." not in name or name.endswith(_HOME) else PUBLIC
    if address.is_loopback:
        return LOOPBACK
    return PUBLIC if address.is_global else PRIVATE
