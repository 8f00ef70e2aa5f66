"""Dates in replies (RFC 9110, section 5.6.7), and what is made of them. `email.utils` would cost 10 ms to import."""

from __future__ import annotations

import re
from functools import lru_cache

LONGEST_WAIT = 3600.0
"""Seconds that a server may ask to wait. It may be asked again after them."""

_DAY_FIRST = re.compile(
    r"[a-z]{3,9}, ?(?P<day>\d{1,2})[ -](?P<month>[a-z]{3})[ -](?P<year>\d{4}|\d{2}) (?P<clock>\d{2}:\d{2}:\d{2}) (?:gmt|utc)",
    re.IGNORECASE | re.ASCII,
)
_ASCTIME = re.compile(
    r"[a-z]{3} (?P<month>[a-z]{3}) {1,2}(?P<day>\d{1,2}) (?P<clock>\d{2}:\d{2}:\d{2}) (?P<year>\d{4})",
    re.IGNORECASE | re.ASCII,
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@lru_cache(maxsize=256)
def http_date(value: str | None) -> float | None:
    """Seconds since the epoch, from any of the three forms of HTTP; `None` for none and for no date. Never raises.

    The day of the week is not compared. Years of two digits are those from 1970 to 2069.
    """
    text = (value or "").strip()
    match = _DAY_FIRST.fullmatch(text) or _ASCTIME.fullmatch(text)
    if match is None or match["month"].lower() not in _MONTHS:
        return None
    from datetime import UTC, datetime

    year = int(match["year"])
    if len(match["year"]) == 2:
        year += 1900 if year >= 70 else 2000
    hour, minute, second = map(int, match["clock"].split(":"))
    leap = second == 60
    try:
        moment = datetime(
            year, _MONTHS.index(match["month"].lower()) + 1, int(match["day"]), hour, minute, second - leap, tzinfo=UTC
        )
    except ValueError:
        return None
    return moment.timestamp() + leap


def retry_after(value: str | None, now: float) -> float | None:
    """Seconds to wait as `Retry-After` asks (RFC 9110, section 10.2.3), from 0 to `LONGEST_WAIT`; `None` when it does not.

    `now` is in seconds since the epoch. Never raises.
    """
    text = (value or "").strip()
    if re.fullmatch(r"[+-]?[0-9]+(?:\.[0-9]*)?", text):
        wait = float(text)
    else:
        date = http_date(text)
        if date is None:
            return None
        wait = date - now
    return min(max(wait, 0.0), LONGEST_WAIT)


def strong_date(last_modified: str | None, date: str | None) -> bool:
    """Whether `Last-Modified` can stand for one version: it is at least 60 s older than the reply's `Date`.

    Within the minute the file may have changed twice, or two clocks may differ (RFC 9110, section 8.8.2.2).
    """
    modified, sent = http_date(last_modified), http_date(date)
    return modified is not None and sent is not None and sent - modified >= 60
