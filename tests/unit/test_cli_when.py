"""Moments as users write and read them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.cli.when import until
from dlm.intake.moments import parse_when
from dlm.model.error import InvalidRequest

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 21, 20, 0, tzinfo=BERLIN).timestamp()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("22:30", "2026-11-21T22:30:00+01:00"),
        ("08:00", "2026-11-22T08:00:00+01:00"),
        ("20:00", "2026-11-22T20:00:00+01:00"),
        ("8:05:30", "2026-11-22T08:05:30+01:00"),
        ("2026-12-01 08:00", "2026-12-01T08:00:00+01:00"),
        ("2026-12-01", "2026-12-01T00:00:00+01:00"),
        ("2026-12-01T08:00:00Z", "2026-12-01T08:00:00+00:00"),
        ("2026-12-01T08:00-05:00", "2026-12-01T08:00:00-05:00"),
        ("2027-07-01 08:00", "2027-07-01T08:00:00+02:00"),
        ("+2h", "2026-11-21T22:00:00+01:00"),
        ("+1h30m", "2026-11-21T21:30:00+01:00"),
        ("+ 1d", "2026-11-22T20:00:00+01:00"),
        ("+90S", "2026-11-21T20:01:30+01:00"),
    ],
)
def test_a_moment_is_understood(text: str, expected: str) -> None:
    """Times of day are the next such ones, spans count from now, what names no zone is meant in that of the place."""
    assert parse_when(text, NOW, BERLIN) == datetime.fromisoformat(expected).timestamp()


@pytest.mark.parametrize("text", ["", "soon", "25:00", "12:60", "+2", "+h", "2026-13-01", "2h", "99999-01-01", "+1w"])
def test_nonsense_is_refused_with_a_hint(text: str) -> None:
    """The sentence says what to write."""
    with pytest.raises(InvalidRequest, match=r"is not a time: write 22:30, 2026-12-01 08:00 or \+2h"):
        parse_when(text, NOW, BERLIN)


def test_the_past_is_refused() -> None:
    """A day that is over cannot be waited for."""
    with pytest.raises(InvalidRequest, match="is over"):
        parse_when("2026-11-21 19:59", NOW, BERLIN)


@pytest.mark.parametrize(("day", "hours"), [((2026, 3, 28), 23), ((2026, 10, 24), 25), ((2026, 11, 20), 24)])
def test_the_same_time_tomorrow_keeps_the_clock_on_the_wall(day: tuple[int, int, int], hours: int) -> None:
    """Also where the night between has an hour less or more."""
    noon = datetime(*day, 12, 0, tzinfo=BERLIN).timestamp()
    assert parse_when("12:00", noon, BERLIN) - noon == hours * 3600


@given(st.integers(0, 2**31), st.integers(0, 23), st.integers(0, 59))
def test_a_time_of_day_is_always_ahead(now: int, hour: int, minute: int) -> None:
    """It is later than now, by a day and an hour at most, and shows that time."""
    found = parse_when(f"{hour}:{minute:02}", now, UTC)
    assert now < found <= now + 25 * 3600
    assert (datetime.fromtimestamp(found, UTC).hour, datetime.fromtimestamp(found, UTC).minute) == (hour, minute)


@pytest.mark.parametrize(
    ("left", "words"),
    [(-5, "now"), (0, "now"), (12.4, "in 12 s"), (89, "in 89 s"), (240, "in 4 min"), (5399, "in 90 min"), (3 * 3600, "in 3 h")],
)
def test_how_long_it_takes_is_short(left: float, words: str) -> None:
    """In the unit that fits."""
    assert until(NOW + left, NOW) == words


def test_far_away_is_a_day() -> None:
    """Beyond two days, the date."""
    assert until(NOW + 10 * 86400, NOW) == "on 2026-12-01"
