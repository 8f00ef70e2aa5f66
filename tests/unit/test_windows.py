"""The week's timetable: what its text means, what holds at a moment, and that the clocks' changes are got right."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlm.model.error import InvalidRequest
from dlm.policy.windows import Aspect, Regime, Timetable, at, parse
from dlm.policy.zone import zone_of
from tests.conftest import SOURCES
from tests.examples import examples

UTC = ZoneInfo("UTC")
BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
MIB = 1024 * 1024
BOOK = SOURCES.parent / "docs" / "book" / "queue.md"


def moment(text: str, zone: tzinfo = UTC) -> float:
    """Seconds since the epoch of `2026-03-29 02:30`; with `+01:00` behind it in that offset, else in the zone."""
    local = datetime.fromisoformat(text)
    return (local if local.tzinfo else local.replace(tzinfo=zone)).timestamp()


def shown(seconds: float | None, zone: tzinfo) -> str | None:
    """The moment as the wall shows it, with the offset from UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, zone).strftime("%a %d %H:%M %z")


def said(regime: Regime) -> str:
    """The regime in short."""
    words = ["open" if regime.open else "shut"]
    words += [] if regime.rate is None else [f"{regime.rate / MIB:g}M"]
    words += [] if regime.jobs is None else [f"{regime.jobs} jobs"]
    return " ".join(words)


# --- what holds when --------------------------------------------------------------------------------------------------

OFFICE = "mon-fri 08:00-18:00 limit 2M; sat,sun stop; mon-sun 23:00-07:00 limit 0; 12:00-13:00 jobs 1"
"""2026-03-23 is a Monday."""


@pytest.mark.parametrize(
    ("text", "time", "regime", "until"),
    [
        ("", "2026-03-23 12:00", "open", None),
        (" ; ; ", "2026-03-23 12:00", "open", None),
        ("stop", "2026-03-23 12:00", "shut", None),
        ("start", "2026-03-23 12:00", "open", None),
        ("limit 0", "2026-03-23 12:00", "open", None),
        ("limit 2M", "2026-03-23 12:00", "open 2M", None),
        ("jobs 2", "2026-03-23 12:00", "open 2 jobs", None),
        ("mon stop; tue-sun stop", "2026-03-23 12:00", "shut", None),
        # a plain window: its beginning belongs to it, its end does not
        ("08:00-18:00 limit 2M", "2026-03-23 07:59:59.9", "open", "Mon 23 08:00 +0000"),
        ("08:00-18:00 limit 2M", "2026-03-23 08:00", "open 2M", "Mon 23 18:00 +0000"),
        ("08:00-18:00 limit 2M", "2026-03-23 17:59:59.9", "open 2M", "Mon 23 18:00 +0000"),
        ("08:00-18:00 limit 2M", "2026-03-23 18:00", "open", "Tue 24 08:00 +0000"),
        # days
        ("mon stop", "2026-03-23 00:00", "shut", "Tue 24 00:00 +0000"),
        ("sun stop", "2026-03-23 00:00", "open", "Sun 29 00:00 +0000"),
        ("sun stop", "2026-03-29 13:00", "shut", "Mon 30 00:00 +0000"),
        ("tue,thu stop", "2026-03-25 13:00", "open", "Thu 26 00:00 +0000"),
        ("fri-mon stop", "2026-03-24 13:00", "open", "Fri 27 00:00 +0000"),
        ("fri-mon stop", "2026-03-27 13:00", "shut", "Tue 31 00:00 +0000"),
        ("Monday - Wednesday , FRI 08:00 - 18:00 Stop", "2026-03-27 09:00", "shut", "Fri 27 18:00 +0000"),
        # past midnight: the day is the one on which it begins
        ("fri 22:00-06:00 stop", "2026-03-27 05:00", "open", "Fri 27 22:00 +0000"),
        ("fri 22:00-06:00 stop", "2026-03-28 05:00", "shut", "Sat 28 06:00 +0000"),
        ("sun 22:00-06:00 stop", "2026-03-30 05:00", "shut", "Mon 30 06:00 +0000"),
        ("sun 22:00-24:00 stop", "2026-03-29 23:00", "shut", "Mon 30 00:00 +0000"),
        ("23:00-07:00 stop", "2026-03-29 23:30", "shut", "Mon 30 07:00 +0000"),
        # only when told to
        ("sat,sun start", "2026-03-23 12:00", "shut", "Sat 28 00:00 +0000"),
        ("sat,sun start", "2026-03-28 12:00", "open", "Mon 30 00:00 +0000"),
        ("01:00-05:00 start; 20:00-22:00 start", "2026-03-23 12:00", "shut", "Mon 23 20:00 +0000"),
        ("start; mon stop", "2026-03-23 12:00", "shut", "Tue 24 00:00 +0000"),
        ("mon stop; 11:00-13:00 start", "2026-03-23 12:00", "open", "Mon 23 13:00 +0000"),
        # the last one wins, in each aspect for itself
        ("limit 5M; 11:00-13:00 limit 1M", "2026-03-23 12:00", "open 1M", "Mon 23 13:00 +0000"),
        ("11:00-13:00 limit 1M; limit 5M", "2026-03-23 12:00", "open 5M", None),
        ("limit 5M; 11:00-13:00 limit 0", "2026-03-23 12:00", "open", "Mon 23 13:00 +0000"),
        ("limit 5M; 11:00-13:00 jobs 1; 12:00-14:00 stop", "2026-03-23 12:00", "shut 5M 1 jobs", "Mon 23 13:00 +0000"),
        (OFFICE, "2026-03-23 09:00", "open 2M", "Mon 23 12:00 +0000"),
        (OFFICE, "2026-03-23 12:30", "open 2M 1 jobs", "Mon 23 13:00 +0000"),
        (OFFICE, "2026-03-27 20:00", "open", "Sat 28 00:00 +0000"),
        (OFFICE, "2026-03-28 14:00", "shut", "Sun 29 12:00 +0000"),
    ],
)
def test_the_timetable_decides(text: str, time: str, regime: str, until: str | None) -> None:
    """What holds at a time, and until when."""
    found = at(parse(text), UTC, moment(time))
    assert (said(found), shown(found.until, UTC)) == (regime, until)


def test_the_windows_that_decide_are_quoted() -> None:
    """The reason is the words of those windows, in full when several do."""
    noon, weekend = moment("2026-03-23 12:30"), moment("2026-03-28 12:30")
    assert at(parse(OFFICE), UTC, noon).reason == "mon-fri 08:00-18:00 limit 2M; 12:00-13:00 jobs 1"
    assert at(parse(OFFICE), UTC, weekend).reason == "sat,sun stop"
    assert at(parse("sat start"), UTC, noon).reason == "outside of every start window"
    assert at(parse("mon-fri stop"), UTC, weekend).reason is None


# --- the clocks change ------------------------------------------------------------------------------------------------


class Fickle(tzinfo):
    """A zone that puts its clocks forward by three hours on Sunday, 15 March 2026, for that day only."""

    def utcoffset(self, moment: datetime | None) -> timedelta:
        """See `datetime.tzinfo`."""
        return timedelta(hours=3 if moment and moment.date() == date(2026, 3, 15) else 0)

    def fromutc(self, moment: datetime) -> datetime:
        """See `datetime.tzinfo`."""
        return moment.replace(tzinfo=UTC).astimezone(timezone(self.utcoffset(moment)))

    def tzname(self, moment: datetime | None) -> str:
        """See `datetime.tzinfo`."""
        return "FICKLE"

    def dst(self, moment: datetime | None) -> None:
        """See `datetime.tzinfo`."""


@pytest.mark.parametrize(
    ("zone", "text", "since", "changes"),
    [
        # Berlin, 29 March 2026: 02:00 becomes 03:00
        (BERLIN, "01:00-05:00 stop", "2026-03-29 00:00+01:00", ["01:00 +0100 shut", "05:00 +0200 open"]),
        (BERLIN, "02:30-04:00 stop", "2026-03-29 00:00+01:00", ["03:00 +0200 shut", "04:00 +0200 open"]),
        (BERLIN, "01:00-02:30 stop", "2026-03-29 00:00+01:00", ["01:00 +0100 shut", "03:00 +0200 open"]),
        (BERLIN, "sun 02:10-02:50 stop", "2026-03-29 00:00+01:00", ["02:10 +0200 shut", "02:50 +0200 open"]),
        (
            BERLIN,
            "02:00-03:00 limit 1M; 03:00-04:00 limit 2M",
            "2026-03-29 01:00+01:00",
            ["03:00 +0200 open 2M", "04:00 +0200 open"],
        ),
        # Berlin, 25 October 2026: 03:00 becomes 02:00
        (BERLIN, "01:00-05:00 stop", "2026-10-25 00:00+02:00", ["01:00 +0200 shut", "05:00 +0100 open"]),
        (
            BERLIN,
            "02:00-02:30 stop",
            "2026-10-25 00:00+02:00",
            ["02:00 +0200 shut", "02:30 +0200 open", "02:00 +0100 shut", "02:30 +0100 open"],
        ),
        (
            BERLIN,
            "02:30-04:00 stop",
            "2026-10-25 00:00+02:00",
            ["02:30 +0200 shut", "02:00 +0100 open", "02:30 +0100 shut", "04:00 +0100 open"],
        ),
        (BERLIN, "02:00-03:00 stop", "2026-10-25 00:00+02:00", ["02:00 +0200 shut", "03:00 +0100 open"]),
        # New York, 8 March 2026: 02:00 becomes 03:00
        (NEW_YORK, "02:30-04:00 stop", "2026-03-08 00:00-05:00", ["03:00 -0400 shut", "04:00 -0400 open"]),
        (NEW_YORK, "23:00-07:00 limit 1M", "2026-03-07 20:00-05:00", ["23:00 -0500 open 1M", "07:00 -0400 open"]),
        # New York, 1 November 2026: 02:00 becomes 01:00
        (
            NEW_YORK,
            "01:30-02:00 stop",
            "2026-11-01 00:00-04:00",
            ["01:30 -0400 shut", "01:00 -0500 open", "01:30 -0500 shut", "02:00 -0500 open"],
        ),
        (NEW_YORK, "23:00-07:00 limit 1M", "2026-10-31 20:00-04:00", ["23:00 -0400 open 1M", "07:00 -0500 open"]),
        # two changes between two edges of the week
        (
            Fickle(),
            "mon 01:00-03:00 stop",
            "2026-03-12 00:00+00:00",
            ["01:00 +0300 shut", "00:00 +0000 open", "01:00 +0000 shut", "03:00 +0000 open"],
        ),
    ],
)
def test_the_clock_on_the_wall_decides(zone: tzinfo, text: str, since: str, changes: list[str]) -> None:
    """What the clocks skip begins after it, and what they show twice is covered twice."""
    timetable = parse(text)
    found: list[str] = []
    until = at(timetable, zone, moment(since)).until
    while until is not None and len(found) < len(changes):
        regime = at(timetable, zone, until)
        found.append(f"{datetime.fromtimestamp(until, zone):%H:%M %z} {said(regime)}")
        until = regime.until
    assert found == changes


DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Timetables whose edges lie about the hours in which clocks change."""
    pieces = []
    for _ in range(draw(st.integers(1, 4))):
        days = draw(st.sampled_from(["", "sun", "sat-sun", "mon-fri", "sun,wed", "fri-mon"]))
        edges = st.builds("{:02}:{:02}".format, st.sampled_from([0, 1, 2, 3, 4, 23]), st.sampled_from([0, 1, 30, 59]))
        begin, end = draw(edges), draw(edges)
        times = "" if begin == end else f"{begin}-{end}"
        pieces.append(f"{days} {times} {draw(st.sampled_from(['stop', 'start', 'limit 1M', 'limit 0', 'jobs 1']))}")
    return "; ".join(pieces)


CHANGES: list[tuple[tzinfo, str]] = [
    (Fickle(), "2026-03-15 00:00"),
    (BERLIN, "2026-03-29 01:00"),
    (BERLIN, "2026-10-25 01:00"),
    (NEW_YORK, "2026-03-08 07:00"),
    (NEW_YORK, "2026-11-01 06:00"),
    (ZoneInfo("Australia/Lord_Howe"), "2026-04-04 15:00"),
    (ZoneInfo("America/Sao_Paulo"), "2018-11-04 03:00"),
]
"""Zones and when their clocks change, in UTC. Lord Howe's change by half an hour, São Paulo's did at midnight."""


@settings(max_examples=examples(40), deadline=None)
@given(text=texts(), change=st.sampled_from(CHANGES))
def test_stepping_from_change_to_change_misses_nothing(text: str, change: tuple[tzinfo, str]) -> None:
    """About a change of the clocks, each minute of a fortnight has the regime that stepping by `until` gives it."""
    zone, timetable = change[0], parse(text)
    begin = moment(change[1]) - 7 * 86400
    step = at(timetable, zone, begin)
    for minute in range(14 * 24 * 60):
        now = begin + minute * 60
        if step.until is not None and now >= step.until:
            changed = at(timetable, zone, step.until)
            assert said(changed) != said(step), "a change that changes nothing"
            step = changed
        assert said(step) == plain(timetable, zone, now)


def plain(timetable: Timetable, zone: tzinfo, now: float) -> str:
    """What holds at a moment, by reading the clock on the wall and going through the windows."""
    local = datetime.fromtimestamp(now, zone)
    gated = any(window.aspect is Aspect.OPEN and window.value for window in timetable.windows)
    values: dict[Aspect, int | None] = {Aspect.OPEN: not gated}
    for window in timetable.windows:
        minute = local.hour * 60 + local.minute
        today, yesterday = local.weekday() in window.days, (local.weekday() - 1) % 7 in window.days
        if (today and window.begin <= minute < window.end) or (yesterday and minute < window.end - 1440):
            values[window.aspect] = window.value
    return said(Regime(bool(values[Aspect.OPEN]), values.get(Aspect.RATE), values.get(Aspect.JOBS)))


# --- text -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "piece", "advice"),
    [
        ("mon-fri 8-18 stop", "'8-18'", "write times as 08:00-18:00"),
        ("08:00 stop", "'08:00'", "write times as 08:00-18:00"),
        ("08:60-09:00 stop", "'08:60-09:00'", "write times as 08:00-18:00"),
        ("08:00-25:00 stop", "'08:00-25:00'", "a day ends at 24:00"),
        ("24:00-07:00 stop", "'24:00-07:00'", "write 23:00-07:00 for what passes midnight"),
        ("08:00-08:00 stop", "'08:00-08:00'", "leave the times out for the whole day"),
        ("never stop", "'never'", "write days as mon, sat,sun or mon-fri"),
        ("mon,,tue stop", "''", "write days as"),
        ("mon-tue-wed stop", "'mon-tue-wed'", "write days as"),
        ("mon tue stop", "'tue'", "write days, then times, then"),
        ("08:00-09:00 mon stop", "'mon'", "write days, then times, then"),
        ("mon 08:00-18:00", "'08:00-18:00'", "write what shall hold then: stop, start, limit RATE or jobs N"),
        ("mon limit", "'limit'", "write limit and a rate, such as limit 2M, or limit 0 for none"),
        ("limit fast", "'fast'", "write limit and a rate"),
        ("jobs 0", "'0'", "to let none run, write stop"),
        ("jobs 1001", "'1001'", "a number from 1 to 1000"),
        ("jobs ²", "'²'", "a number from 1 to 1000"),
        ("stop now", "'now'", "end the window after 'stop' with a semicolon"),
        ("limit 2M jobs 1", "'jobs'", "end the window after 'limit 2m' with a semicolon"),
        ("stop; mon stopp; start", "'stopp'", "write days, then times, then"),
        ("\x1b[31m stop", "'\N{REPLACEMENT CHARACTER}[31m'", "write days as"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, piece: str, advice: str) -> None:
    """The message quotes the window and the piece, and says what to write."""
    with pytest.raises(InvalidRequest) as caught:
        parse(text)
    assert f"at {piece}:" in str(caught.value)
    assert advice in str(caught.value)
    assert str(caught.value).isprintable()


@given(
    st.text(max_size=60) | st.lists(st.sampled_from(["mon", "-", ",", "08:00", "stop", "limit", "2M", ";", " "])).map("".join)
)
def test_no_text_does_harm(text: str) -> None:
    """Whatever is written, it is a timetable or an `InvalidRequest`, and a timetable answers."""
    try:
        timetable = parse(text)
    except InvalidRequest:
        return
    at(timetable, UTC, 0.0)


@pytest.fixture
def berlin_machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose own zone is Berlin's."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("berlin_machine")
def test_the_zone_of_the_machine_knows_the_changes_of_its_clocks() -> None:
    """Without a name it is the machine's own zone, in which offsets change as they do by its name."""
    here, timetable = zone_of(None), parse(OFFICE)
    assert os.environ["TZ"] == "Europe/Berlin"
    for day in range(0, 365, 3):
        now = moment("2026-01-01 10:30") + day * 86400
        assert at(timetable, here, now) == at(timetable, BERLIN, now)
        assert datetime(2026, 1, 1, tzinfo=here) + timedelta(days=day) == datetime(2026, 1, 1, tzinfo=BERLIN) + timedelta(
            days=day
        )


@pytest.mark.parametrize("name", ["Nowhere/Atall", "../../etc/passwd", "/etc/passwd", "", "Europe", "\0", "x" * 9999])
def test_a_zone_that_is_not_known_is_refused(name: str) -> None:
    """It is told what to write, and no file outside of the zones is read."""
    with pytest.raises(InvalidRequest, match="write one such as Europe/Berlin"):
        zone_of(name)


def test_the_book_shows_timetables_that_can_be_read() -> None:
    """Each line of a block of windows in the chapter about the queue parses."""
    lines = [
        line for block in re.findall(r"^```windows\n(.*?)^```", BOOK.read_text(), re.M | re.S) for line in block.splitlines()
    ]
    assert len(lines) >= 5
    for line in lines:
        assert parse(line).windows
