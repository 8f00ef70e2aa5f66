"""Dates in replies, waiting times, and dates that are strong validators."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlm.protocols.http.dates import LONGEST_WAIT, http_date, retry_after, strong_date
from tests.examples import examples

relaxed = settings(deadline=None, max_examples=examples(300))

SUNDAY = 784111777.0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", SUNDAY),
        ("Sunday, 06-Nov-94 08:49:37 GMT", SUNDAY),
        ("Sun Nov  6 08:49:37 1994", SUNDAY),
        ("sun, 06 nov 1994 08:49:37 gmt", SUNDAY),
        (" Sun, 6 Nov 1994 08:49:37 UTC ", SUNDAY),
        ("Mon, 06-Nov-1994 08:49:37 GMT", SUNDAY),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Wed, 31 Dec 1969 23:59:59 GMT", -1.0),
        ("Thursday, 01-Jan-70 00:00:00 GMT", 0.0),
        ("Tuesday, 01-Jan-69 00:00:00 GMT", 3124224000.0),
        ("Sat, 31 Dec 2016 23:59:60 GMT", 1483228800.0),
        ("Thu, 29 Feb 2024 12:00:00 GMT", 1709208000.0),
        (None, None),
        ("", None),
        ("0", None),
        ("-1", None),
        ("Wed, 29 Feb 2023 12:00:00 GMT", None),
        ("Sun, 06 Nov 1994 24:00:00 GMT", None),
        ("Sun, 06 Nov 1994 08:60:00 GMT", None),
        ("Sun, 06 Nov 1994 08:49:61 GMT", None),
        ("Sun, 06 Nov 0000 08:49:37 GMT", None),
        ("Sun, 00 Nov 1994 08:49:37 GMT", None),
        ("Sun, 06 Foo 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 1994 08:49:37 +0200", None),
        ("Sun, 06 Nov 1994 08:49:37", None),
        ("Sun, ٠٦ Nov 1994 08:49:37 GMT", None),
        ("1994-11-06T08:49:37Z", None),
    ],
)
def test_dates(value: str | None, expected: float | None) -> None:
    """Each of the three forms is read, and what is no date is none."""
    assert http_date(value) == expected


@relaxed
@given(st.datetimes(datetime(1970, 1, 1), datetime(2069, 12, 31)).map(lambda moment: moment.replace(microsecond=0, tzinfo=UTC)))
def test_every_moment_is_read_in_every_form(moment: datetime) -> None:
    """A moment written in any of the three forms is the same moment."""
    assert http_date(format_datetime(moment, usegmt=True)) == moment.timestamp()
    assert http_date(moment.strftime("%A, %d-%b-%y %H:%M:%S GMT")) == moment.timestamp()
    assert http_date(moment.ctime()) == moment.timestamp()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("-5", 0.0),
        ("3600", 3600.0),
        ("99999", 3600.0),
        ("9" * 400, 3600.0),
        ("Sun, 06 Nov 1994 08:51:37 GMT", 120.0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0.0),
        ("Sun, 06 Nov 1994 08:00:00 GMT", 0.0),
        ("Sun, 06 Nov 2044 08:00:00 GMT", 3600.0),
        (None, None),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("1e9", None),
        ("5 minutes", None),
    ],
)
def test_waiting_times(value: str | None, expected: float | None) -> None:
    """Seconds and dates become a wait from nothing to an hour; anything else is not one."""
    assert retry_after(value, SUNDAY) == expected


@pytest.mark.parametrize(
    ("modified", "date", "strong"),
    [
        ("Sun, 06 Nov 1994 08:48:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT", True),
        ("Sun, 06 Nov 1994 08:48:38 GMT", "Sun, 06 Nov 1994 08:49:37 GMT", False),
        ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT", False),
        ("Sun, 06 Nov 1994 09:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT", False),
        ("Sun, 06 Nov 1994 08:48:37 GMT", None, False),
        (None, "Sun, 06 Nov 1994 08:49:37 GMT", False),
        ("junk", "Sun, 06 Nov 1994 08:49:37 GMT", False),
    ],
)
def test_strong_dates(modified: str | None, date: str | None, strong: bool) -> None:
    """A date is strong only a minute or more before the reply's own."""
    assert strong_date(modified, date) is strong


@relaxed
@given(
    st.one_of(
        st.text(),
        st.from_regex(r"[A-Z][a-z]{2}, [0-9]{2} (Jan|Feb|Dec) [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT", fullmatch=True),
    ),
    st.floats(0, 1e11),
)
def test_any_text_is_read_or_not(value: str, now: float) -> None:
    """No text raises, and every wait is within its bounds."""
    wait = retry_after(value, now)
    assert wait is None or 0 <= wait <= LONGEST_WAIT
    assert strong_date(value, value) is False


def test_reading_dates_imports_no_mail() -> None:
    """Importing and using the module loads neither `email` nor `calendar`: a cold start has no time for them."""
    code = "from dlm.protocols.http.dates import http_date; http_date('Sun, 06 Nov 1994 08:49:37 GMT')"
    code = f"import sys; sys.path[:] = {sys.path}; {code}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"email", "calendar"} & set(loaded)
