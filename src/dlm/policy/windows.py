"""The week's timetable of the queue: when it works, how fast, and how many downloads at once.

    mon-fri 08:00-18:00 limit 2M; sat,sun stop; 23:00-07:00 limit 0; 12:00-13:00 jobs 1

    text   = [window] {";" [window]}
    window = [days] [times] action
    days   = day ["-" day] {"," day ["-" day]}      mon … sun, or in full; without days: every day
    times  = HH:MM "-" HH:MM                        up to 24:00; may pass midnight; without times: the whole day
    action = "stop" | "start" | "limit" RATE | "jobs" N

Rules
-----
* A window begins on its days; where it passes midnight, it ends on the next.
* Whether the queue works, how fast and how many at once are three aspects. In each, the last window of the text that covers
  a moment wins. `limit 0` is no limit.
* Where there is a `start` window, the queue stands still outside all of them.
* What the clock on the wall shows decides, in the zone given. So a time that the clocks skip begins when they have
  skipped it, and one that they show twice is covered twice.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, tzinfo
from enum import Enum
from math import floor

from dlm.model.error import InvalidRequest
from dlm.model.text import printable
from dlm.model.units import parse_rate
from dlm.model.value import dataclass

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MOST_JOBS = 1000
_DAY = 86400
_WEEK = 7 * _DAY
_MONDAY = 4 * _DAY
"""The first Monday, in seconds since the epoch, which was a Thursday."""
_HORIZON = 15 * _DAY
"""A change that is not met within two weeks never comes: at most one of them can be lost to the clocks' change."""


class Aspect(Enum):
    """What a window decides; `value` is a truth, bytes a second, or a number of downloads."""

    OPEN = "open"
    RATE = "rate"
    JOBS = "jobs"


@dataclass(frozen=True, slots=True)
class Window:
    """One window, on days from Monday as 0, in minutes of its day; `end` is beyond 1440 when it passes midnight."""

    days: frozenset[int]
    begin: int
    end: int
    aspect: Aspect
    value: int | None
    text: str

    def spans(self) -> Iterator[tuple[int, int]]:
        """The seconds of the week that it covers, as half-open intervals."""
        for day in self.days:
            begin, end = day * _DAY + self.begin * 60, day * _DAY + self.end * 60
            yield begin, min(end, _WEEK)
            if end > _WEEK:
                yield 0, end - _WEEK


@dataclass(frozen=True, slots=True)
class Regime:
    """What holds at a moment, until `until` (seconds since the epoch; `None`: for ever).

    `rate` (bytes a second) and `jobs` are limits on top of all others, `None` where no window sets one. `reason` quotes
    the windows that say so, `None` where none does.
    """

    open: bool = True
    rate: int | None = None
    jobs: int | None = None
    until: float | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Timetable:
    """Parsed windows. From each of `steps` (seconds of the week, the first is 0) on, the regime of the same place holds."""

    windows: tuple[Window, ...] = ()
    steps: tuple[int, ...] = (0,)
    regimes: tuple[Regime, ...] = (Regime(),)


# --- reading ----------------------------------------------------------------------------------------------------------


def parse(text: str) -> Timetable:
    """The timetable that `text` describes; empty text is one that says nothing.

    Raises `InvalidRequest` that names the window and the piece of it, and says what to write.
    """
    pieces = [piece for each in text.split(";") if (piece := " ".join(each.split()))]
    windows = tuple(map(_window, pieces))
    edges = sorted({0} | {edge % _WEEK for window in windows for span in window.spans() for edge in span})
    regimes = [_regime(windows, edge) for edge in edges]
    return Timetable(windows, tuple(edges), tuple(regimes))


def _window(piece: str) -> Window:
    words = re.sub(r"\s*([-,])\s*", r"\1", piece).lower().split()
    days: frozenset[int] | None = None
    times: tuple[int, int] | None = None
    while words and words[0] not in _ACTIONS:
        word = words.pop(0)
        if days is None and times is None and not word[0].isdigit():
            days = _days(word, piece)
        elif times is None and word[0].isdigit():
            times = _times(word, piece)
        else:
            raise _refused(piece, word, "write days, then times, then stop, start, limit RATE or jobs N, each once")
    if not words:
        raise _refused(piece, piece.rsplit(maxsplit=1)[-1], "write what shall hold then: stop, start, limit RATE or jobs N")
    aspect, value = _action(words, piece)
    begin, end = times or (0, 1440)
    return Window(days or frozenset(range(7)), begin, end, aspect, value, piece)


def _days(word: str, piece: str) -> frozenset[int]:
    days: set[int] = set()
    for part in word.split(","):
        ends = [_day(name) for name in part.split("-")]
        first, last = ends[0], ends[-1]
        if first is None or last is None or len(ends) > 2:
            raise _refused(piece, part, "write days as mon, sat,sun or mon-fri, and times as 08:00-18:00")
        days.update((first + n) % 7 for n in range((last - first) % 7 + 1))
    return frozenset(days)


def _day(name: str) -> int | None:
    return next((n for n, day in enumerate(DAYS) if name in {day, day[:3]}), None)


def _times(word: str, piece: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,2}):([0-5]\d)-(\d{1,2}):([0-5]\d)", word, re.ASCII)
    if match is None:
        raise _refused(piece, word, "write times as 08:00-18:00")
    begin, end = 60 * int(match[1]) + int(match[2]), 60 * int(match[3]) + int(match[4])
    if begin >= 1440 or end > 1440:
        raise _refused(piece, word, "a day ends at 24:00; write 23:00-07:00 for what passes midnight")
    if begin == end:
        raise _refused(piece, word, "it ends as it begins; leave the times out for the whole day")
    return begin, end if end > begin else end + 1440


def _action(words: list[str], piece: str) -> tuple[Aspect, int | None]:
    verb, *rest = words
    wanted = 1 if verb in {"limit", "jobs"} else 0
    if len(rest) > wanted:
        raise _refused(piece, rest[wanted], f"end the window after '{' '.join(words[: wanted + 1])}' with a semicolon")
    if not wanted:
        return Aspect.OPEN, int(verb == "start")
    if not rest:
        raise _refused(piece, verb, f"write {_ACTIONS[verb]}")
    if verb == "limit":
        try:
            return Aspect.RATE, parse_rate(rest[0])
        except InvalidRequest as error:
            raise _refused(piece, rest[0], f"write {_ACTIONS[verb]}") from error
    count = int(rest[0]) if re.fullmatch(r"\d{1,9}", rest[0], re.ASCII) else 0
    if not 1 <= count <= MOST_JOBS:
        raise _refused(piece, rest[0], f"write {_ACTIONS[verb]}")
    return Aspect.JOBS, count


_ACTIONS = {
    "stop": "stop",
    "start": "start",
    "limit": "limit and a rate, such as limit 2M, or limit 0 for none",
    "jobs": f"jobs and a number from 1 to {MOST_JOBS}; to let none run, write stop",
}


def _refused(piece: str, word: str, advice: str) -> InvalidRequest:
    return InvalidRequest(f"the window '{printable(piece)}' cannot be read at '{printable(word)}': {advice}")


def _regime(windows: tuple[Window, ...], second: int) -> Regime:
    """What holds at a second of the week."""
    last = {window.aspect: window for window in windows if any(begin <= second < end for begin, end in window.spans())}
    gated = any(window.aspect is Aspect.OPEN and window.value for window in windows)
    gate, rate, jobs = last.get(Aspect.OPEN), last.get(Aspect.RATE), last.get(Aspect.JOBS)
    works = bool(gate.value) if gate else not gated
    telling = [window.text for window in ((gate, rate, jobs) if works else (gate,)) if window]
    return Regime(
        open=works,
        rate=rate.value if rate else None,
        jobs=jobs.value if jobs else None,
        reason="; ".join(telling) or (None if works else "outside of every start window"),
    )


# --- asking -----------------------------------------------------------------------------------------------------------


def at(timetable: Timetable, zone: tzinfo, now: float) -> Regime:
    """What holds at `now` (seconds since the epoch), and until when."""
    moment = floor(now)
    regime = following = _regime_at(timetable, zone, moment)
    if len(timetable.steps) > 1:
        end = moment + _HORIZON
        while moment < end and _same(following, regime):
            moment = _next_edge(timetable, zone, moment)
            following = _regime_at(timetable, zone, moment)
    return regime if _same(following, regime) else replace(regime, until=float(moment))


def _same(one: Regime, other: Regime) -> bool:
    return (one.open, one.rate, one.jobs) == (other.open, other.rate, other.jobs)


def _regime_at(timetable: Timetable, zone: tzinfo, moment: int) -> Regime:
    second = (moment + _offset(zone, moment) - _MONDAY) % _WEEK
    return timetable.regimes[bisect_right(timetable.steps, second) - 1]


def _next_edge(timetable: Timetable, zone: tzinfo, moment: int) -> int:
    """The next moment at which another regime may hold: a step, or a change of the clocks. At most a day ahead."""
    offset = _offset(zone, moment)
    second = (moment + offset - _MONDAY) % _WEEK
    step = bisect_right(timetable.steps, second)
    edge = timetable.steps[step] if step < len(timetable.steps) else _WEEK
    early, late = moment, moment + min(edge - second, _DAY)
    if _offset(zone, late) == offset:
        return late
    while late - early > 1:
        middle = (early + late) // 2
        if _offset(zone, middle) == offset:
            early = middle
        else:
            late = middle
    return late


def _offset(zone: tzinfo, moment: int) -> int:
    """Seconds by which the zone's clocks are ahead of UTC at `moment`."""
    offset = datetime.fromtimestamp(moment, zone).utcoffset()
    return int(offset.total_seconds()) if offset else 0
