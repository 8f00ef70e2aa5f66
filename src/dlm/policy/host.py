"""What is remembered of a host, and for how long it counts."""

from __future__ import annotations

VALID = 7 * 86400.0
"""Seconds after which an observation counts for nothing."""
LONGEST_PEACE = 6 * 3600.0
"""Seconds: a host that asks for more is asked again by then."""


def remembered_ceiling(connections: int | None, learned: float, now: float) -> int | None:
    """How many connections to allow, by an observation made at `learned`; `None` when it is too old or found no limit.

    It decays: half-way through its life, one and a half times as many are tried again.
    """
    age = now - learned
    if connections is None or not 0 <= age < VALID:
        return None
    return max(1, round(connections * (1 + age / VALID)))


def connections_for(wanted: int, remembered: int | None, sharing: int) -> int:
    """How many connections a download may open, when `sharing` downloads of its host run at once, itself included.

    What the host tolerates (`remembered`, `None` when nothing is known) is shared evenly. Everybody gets 1 at least.
    """
    if remembered is None:
        return wanted
    return max(1, min(wanted, remembered // max(1, sharing)))


def busy_until(known: float | None, retry_after: float | None, now: float) -> float | None:
    """Until when to leave a host in peace: what is `known` already and what it asks for now, whichever is longer.

    `retry_after` is in seconds, the others are since the epoch. `None` when it may be asked again. Nothing lies further ahead
    than `LONGEST_PEACE`, not even what was recorded before the clock was set back.
    """
    asked = now + retry_after if retry_after is not None else now
    until = min(max(known or now, asked), now + LONGEST_PEACE)
    return until if until > now else None
