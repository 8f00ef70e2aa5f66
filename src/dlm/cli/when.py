"""Moments as users read them: `in 4 min`. Pure: the clock is an argument."""

from __future__ import annotations

from datetime import datetime


def moment(seconds: float) -> str:
    """A time of this place: `2025-01-31 14:05`."""
    return _local(seconds).strftime("%Y-%m-%d %H:%M")


def exact_moment(seconds: float) -> str:
    """A time of this place, with its seconds."""
    return _local(seconds).strftime("%Y-%m-%d %H:%M:%S")


def until(due: float, now: float) -> str:
    """How long it takes, in few characters: `in 12 s`, `in 4 min`, `in 3 h`; beyond two days, the day."""
    left = due - now
    if left <= 0:
        return "now"
    if left < 90:
        return f"in {left:.0f} s"
    if left < 90 * 60:
        return f"in {left / 60:.0f} min"
    if left < 48 * 3600:
        return f"in {left / 3600:.0f} h"
    return f"on {_local(due):%Y-%m-%d}"


def _local(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds).astimezone()
