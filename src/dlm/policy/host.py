"""What is remembered of a host, and for how long it counts."""

from __future__ import annotations

from urllib.parse import urlsplit

VALID = 7 * 86400.0
"""Seconds after which an observation counts for nothing."""
_PORTS = {"http": 80, "https": 443}


def host_of(uri: str) -> str:
    """`name:port`, the key under which observations are kept."""
    parts = urlsplit(uri)
    return f"{(parts.hostname or '').lower()}:{parts.port or _PORTS.get(parts.scheme.lower(), 0)}"


def remembered_ceiling(connections: int, learned: float, now: float) -> int | None:
    """How many connections to allow, by an observation made at `learned`; `None` when it is too old.

    It decays: half-way through its life, one and a half times as many are tried again.
    """
    age = now - learned
    if not 0 <= age < VALID:
        return None
    return max(1, round(connections * (1 + age / VALID)))
