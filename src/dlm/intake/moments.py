"""Moments as users write them: `22:30`, `+2h`, `2026-12-01 08:00`. Pure: clock and zone are arguments."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, tzinfo

from dlm.model.error import InvalidRequest

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SPAN = r"\+((?:\d{1,6}[smhd])+)"
_CLOCK = r"(\d{1,2}):(\d{2})(?::(\d{2}))?"
_HINT = "write 22:30, 2026-12-01 08:00 or +2h"


def parse_when(text: str, now: float, zone: tzinfo | None = None) -> float:
    """The moment, in seconds since the epoch.

    A time of day is the next such one; `+1h30m` counts from now; a date may have a time, and a zone as ISO 8601 writes it.
    What names no zone is meant in `zone`, that of this machine when it is `None`. Raises `InvalidRequest`, also for the past.
    """
    words = text.strip()
    if span := re.fullmatch(_SPAN, words.lower().replace(" ", "")):
        return now + sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)([smhd])", span[1]))
    try:
        if clock := re.fullmatch(_CLOCK, words):
            return _next(int(clock[1]), int(clock[2]), int(clock[3] or 0), now, zone)
        moment = datetime.fromisoformat(words)
        seconds = (moment if moment.tzinfo is not None or zone is None else moment.replace(tzinfo=zone)).timestamp()
    except (ValueError, OverflowError, OSError) as error:
        raise InvalidRequest(f"'{text}' is not a time: {_HINT}") from error
    if seconds < now:
        raise InvalidRequest(f"'{text}' is over: {_HINT}")
    return seconds


def _next(hour: int, minute: int, second: int, now: float, zone: tzinfo | None) -> float:
    today = datetime.fromtimestamp(now, zone).replace(hour=hour, minute=minute, second=second, microsecond=0)
    # A day is added to the clock on the wall, not 24 hours to the moment: there are days of 23 and 25.
    moments = (today, today + timedelta(days=1))
    return next(seconds for each in moments if (seconds := each.timestamp()) > now)
