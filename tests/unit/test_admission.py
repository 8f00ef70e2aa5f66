"""Who gets a slot and who has to leave: tables of what stands and what is decided."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from dlm.model.download import DownloadId
from dlm.model.queue import Candidate
from dlm.model.rank import Lane, Priority
from dlm.policy.admission import AGED, Allowance, Decision, Running, admit, order_of

NOW = 1_000_000.0
LANES = {lane.name.lower(): lane for lane in Lane}
PRIORITIES = {priority.name.lower(): priority for priority in Priority}


def waiting(text: str) -> Candidate:
    """A candidate as `NUMBER [lane] [priority] [host=…] [group=…] [position=…] [since=SECONDS]`; its id is `d` + number."""
    number, *words = text.split()
    row = Candidate(DownloadId(f"d{number}"), int(number), "a:80", Lane.AUTOMATIC, Priority.NORMAL, NOW)
    for word in words:
        name, _, value = word.partition("=")
        if name in LANES:
            row = replace(row, lane=LANES[name])
        elif name in PRIORITIES:
            row = replace(row, priority=PRIORITIES[name])
        elif name == "host":
            row = replace(row, host=value)
        elif name == "group":
            row = replace(row, group=value)
        elif name == "position":
            row = replace(row, position=float(value))
        else:
            assert name == "since"
            row = replace(row, ready=NOW - float(value))
    return row


def holding(text: str) -> Running:
    """What runs, as `NAME [lane] [priority] [host=…] [group=…] [eta=…] [for=SECONDS] [stopping]`."""
    name, *words = text.split()
    row = Running(DownloadId(name), "a:80", None, Lane.AUTOMATIC, Priority.NORMAL, NOW - 60)
    for word in words:
        key, _, value = word.partition("=")
        if key in LANES:
            row = replace(row, lane=LANES[key])
        elif key in PRIORITIES:
            row = replace(row, priority=PRIORITIES[key])
        elif key == "host":
            row = replace(row, host=value)
        elif key == "group":
            row = replace(row, group=value)
        elif key == "eta":
            row = replace(row, eta=float(value))
        elif key == "for":
            row = replace(row, started=NOW - float(value))
        else:
            assert key == "stopping"
            row = replace(row, stopping=True)
    return row


@dataclass(frozen=True, kw_only=True)
class Case:
    """What stands, and what is decided: the ids that start and stop, and in how many seconds to decide again."""

    name: str
    queue: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    jobs: int = 3
    per_host: int = 9
    open: bool = True
    busy: dict[str, float] = field(default_factory=dict)
    starts: int = 0
    start: str = ""
    stop: str = ""
    wake: float | None = None


ORDER = [
    Case(name="nothing waits, nothing happens"),
    Case(name="as many start as there are slots", queue=("1", "2", "3", "4"), start="d1 d2 d3"),
    Case(name="slots that are taken are taken", queue=("1", "2"), runs=("x", "y"), start="d1"),
    Case(name="a slot that is being freed is still taken", queue=("1",), runs=("x stopping", "y", "z")),
    Case(
        name="the lane goes first",
        queue=("1 retry", "2 automatic", "3 interactive", "4 returning", "5 now"),
        jobs=5,
        start="d5 d4 d3 d2 d1",
    ),
    Case(name="then the priority", queue=("1 low", "2 normal", "3 high"), start="d3 d2 d1"),
    Case(name="a lane beats a priority", queue=("1 automatic high", "2 interactive low"), jobs=1, start="d2"),
    Case(
        name="then the explicit place, and those with one before those without",
        queue=("1", "2 position=7", "3 position=-1.5"),
        start="d3 d2 d1",
    ),
    Case(name="a priority beats a place", queue=("1 low position=1", "2 normal"), jobs=1, start="d2"),
    Case(name="then age", queue=("3", "1", "2"), start="d1 d2 d3"),
    Case(name="what runs is not started again", queue=("1", "2"), runs=("d1",), start="d2"),
    Case(name="what is named twice is started once", queue=("1", "1"), start="d1"),
]

FAIRNESS = [
    Case(
        name="hosts take turns, however many each has waiting",
        queue=("1 host=a", "2 host=a", "3 host=a", "4 host=b"),
        jobs=2,
        start="d1 d4",
    ),
    Case(name="what runs of a host counts", queue=("1 host=a", "2 host=b"), runs=("x host=a", "y host=c"), start="d2"),
    Case(
        name="so does what is stopping, until it has ended",
        queue=("1 host=a", "2 host=b"),
        runs=("x host=a stopping",),
        jobs=2,
        start="d2",
    ),
    Case(
        name="within a host, groups take turns",
        queue=("1 group=g", "2 group=g", "3 group=h"),
        jobs=2,
        start="d1 d3",
    ),
    Case(
        name="downloads without a group are one group",
        queue=("1", "2", "3 group=h"),
        jobs=2,
        start="d1 d3",
    ),
    Case(
        name="the host counts before the group",
        queue=("1 host=a group=g", "2 host=b group=h"),
        runs=("x host=a group=h", "y host=c group=h"),
        start="d2",
    ),
    Case(
        name="an explicit place counts before fairness",
        queue=("1 host=a position=1", "2 host=a position=2", "3 host=b"),
        jobs=2,
        start="d1 d2",
    ),
    Case(
        name="fairness lasts over priorities: each class counts what the others have started",
        queue=("1 host=a high", "2 host=a", "3 host=b"),
        jobs=2,
        start="d1 d3",
    ),
]

HOSTS = [
    Case(
        name="no more of a host than may run of it, and others pass",
        queue=("1 host=a", "2 host=a", "3 host=a", "4 host=b low"),
        per_host=2,
        start="d1 d2 d4",
    ),
    Case(name="what runs of it counts", queue=("1 host=a",), runs=("x host=a", "y host=a"), per_host=2),
    Case(
        name="nothing of a busy host starts, and when its time is over it is looked at again",
        queue=("1 host=a", "2 host=b", "3 host=c"),
        busy={"a": NOW + 30, "b": NOW + 20, "d": NOW + 5},
        start="d3",
        wake=20,
    ),
    Case(name="when its time is over it starts", queue=("1 host=a",), busy={"a": NOW}, start="d1"),
    Case(name="not even what is wanted now", queue=("1 host=a now",), busy={"a": NOW + 30}, wake=30),
    Case(name="and nothing has to leave for it", queue=("1 host=a now",), runs=("x",), jobs=1, busy={"a": NOW + 30}, wake=30),
]

PRE_EMPTION = [
    Case(name="NOW takes a free slot if there is one", queue=("1 now",), runs=("x", "y"), start="d1"),
    Case(name="else the least valuable leaves: by priority", queue=("1 now",), runs=("x", "y low", "z"), stop="y"),
    Case(name="then by lane", queue=("1 now",), runs=("x", "y returning", "z retry"), stop="z"),
    Case(name="then by the time that is left", queue=("1 now",), runs=("x eta=5", "y eta=60", "z eta=9"), stop="y"),
    Case(name="where it is unknown, it is the longest", queue=("1 now",), runs=("x", "y eta=9", "z eta=99999"), stop="x"),
    Case(name="then the one that loses least time", queue=("1 now",), runs=("x for=9", "y for=5", "z for=70"), stop="y"),
    Case(name="priority counts before lane", queue=("1 now",), runs=("x low returning", "y retry", "z"), stop="x"),
    Case(name="one for each that is wanted now", queue=("1 now", "2 now"), runs=("x for=1", "y for=2", "z for=3"), stop="x y"),
    Case(name="as many as there are, no more", queue=("1 now", "2 now", "3 now"), runs=("x", "y now"), jobs=2, stop="x"),
    Case(name="no NOW leaves for another", queue=("1 now",), runs=("x now", "y now", "z now")),
    Case(name="a slot that is being freed is enough", queue=("1 now",), runs=("x stopping", "y", "z")),
    Case(name="for one of them", queue=("1 now", "2 now"), runs=("x stopping", "y for=9", "z for=1"), stop="z"),
    Case(name="no other lane does that", queue=("1 returning high",), runs=("x low retry", "y", "z")),
    Case(
        name="where the host is full, one of that host leaves, and the free slot goes to another",
        queue=("1 host=a now", "2 host=b low"),
        runs=("x host=a high", "y host=c low"),
        per_host=1,
        start="d2",
        stop="x",
    ),
    Case(
        name="where the host is full of NOW, nobody leaves",
        queue=("1 host=a now",),
        runs=("x host=a now", "y host=c low", "z host=d low"),
        per_host=1,
    ),
    Case(
        name="a slot that is being freed elsewhere does not help where the host is full",
        queue=("1 host=a now",),
        runs=("x host=a", "y host=b stopping", "z host=c"),
        per_host=1,
        stop="x",
    ),
    Case(
        name="what leaves for the host's sake frees a slot for one only",
        queue=("1 host=a now", "2 host=b now"),
        runs=("x host=a for=99", "y host=c for=9", "z host=c for=1"),
        per_host=1,
        jobs=3,
        stop="z x",
    ),
]

LIMITS = [
    Case(name="a closed window stops all but NOW", runs=("x", "y now", "z returning high"), open=False, stop="x z"),
    Case(name="and starts only NOW", queue=("1 high", "2 now"), open=False, start="d2"),
    Case(name="which waits for what leaves anyway", queue=("1 now",), runs=("x", "y", "z"), open=False, stop="x y z"),
    Case(name="what stops already is not told twice", runs=("x stopping",), open=False),
    Case(name="its hosts' times wake nobody", queue=("1 host=a",), open=False, busy={"a": NOW + 9}),
    Case(name="fewer slots: the least valuable leave", runs=("x", "y low", "z retry"), jobs=1, stop="y z"),
    Case(name="NOW leaves last of all", runs=("x now low", "y high"), jobs=1, stop="y"),
    Case(name="but it leaves", runs=("x now low", "y now"), jobs=1, stop="x"),
    Case(name="those that stop already count", runs=("x stopping", "y low", "z"), jobs=2),
    Case(name="fewer slots and NOW: one more leaves", queue=("1 now",), runs=("x low", "y", "z retry"), jobs=2, stop="x z"),
    Case(name="fewer of a host: its least valuable leave", runs=("x host=a", "y host=a low", "z"), per_host=1, stop="y"),
]

TURNS = [
    Case(
        name="seven starts go by the order",
        queue=("1 retry since=9999", "2 interactive"),
        jobs=1,
        starts=6,
        start="d2",
    ),
    Case(
        name="the eighth goes to the class whose first has waited longest",
        queue=("1 retry since=9999", "2 interactive"),
        jobs=1,
        starts=7,
        start="d1",
    ),
    Case(name="and so on", queue=("1 retry since=9999", "2 interactive"), jobs=1, starts=15, start="d1"),
    Case(
        name="if that is more than ten minutes",
        queue=(f"1 retry since={AGED:.0f}", "2 interactive"),
        jobs=1,
        starts=7,
        start="d2",
    ),
    Case(
        name="several starts at once are counted one by one",
        queue=("1 interactive", "2 interactive", "3 interactive", "4 low since=700"),
        jobs=3,
        starts=6,
        start="d1 d4 d2",
    ),
    Case(
        name="the class decides, and its own order holds within it: what the user put in front starts first",
        queue=("1 low since=900", "2 low position=1 since=800", "3 high"),
        jobs=1,
        starts=7,
        start="d2",
    ),
    Case(
        name="a class is judged by its first",
        queue=("1 low since=900", "2 low position=1", "3 retry since=700", "4 high"),
        jobs=1,
        starts=7,
        start="d3",
    ),
    Case(
        name="a turn passes no cap and no busy host",
        queue=("1 host=a low since=900", "2 host=b retry since=800", "3 host=c retry since=700", "4 host=d"),
        runs=("x host=a",),
        jobs=2,
        per_host=1,
        busy={"b": NOW + 60},
        starts=7,
        start="d3",
        wake=60,
    ),
    Case(name="NOW loses no start to a turn", queue=("1 retry since=9999", "2 now"), jobs=1, starts=7, start="d2"),
    Case(
        name="and takes none: the turn comes with the next start",
        queue=("1 retry since=9999", "2 now", "3"),
        jobs=2,
        starts=7,
        start="d2 d1",
    ),
]

TABLE = [*ORDER, *FAIRNESS, *HOSTS, *PRE_EMPTION, *LIMITS, *TURNS]


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case.name)
def test_what_stands_decides(case: Case) -> None:
    """Each row of the tables above holds, whatever the order in which the rows of the database come."""
    for turn in (1, -1):
        decision = admit(
            [waiting(text) for text in case.queue][::turn],
            [holding(text) for text in case.runs][::turn],
            Allowance(case.jobs, case.per_host, case.open),
            case.busy,
            case.starts,
            NOW,
        )
        ids = [tuple(map(DownloadId, text.split())) for text in (case.start, case.stop)]
        wake = None if case.wake is None else NOW + case.wake
        assert (decision.start, sorted(decision.stop)) == (ids[0], sorted(ids[1]))
        assert decision.next_wake == wake


def test_the_least_valuable_is_stopped_first() -> None:
    """Stops come in the order of value, the least first."""
    rows = [holding(text) for text in ("x", "y low", "z retry", "w returning")]
    assert admit([], rows, Allowance(0, 9), {}, 0, NOW) == Decision((), tuple(map(DownloadId, ("y", "z", "x", "w"))), None)


def test_the_order_that_can_be_foretold() -> None:
    """Places in the queue are by lane, priority, explicit place and age; fairness is decided when a slot is free."""
    rows = [waiting(text) for text in ("1 host=a", "2 host=a", "3 host=b", "4 position=2", "5 position=1", "6 high", "7 now")]
    assert [row.seq for row in order_of(rows)] == [7, 6, 5, 4, 1, 2, 3]
