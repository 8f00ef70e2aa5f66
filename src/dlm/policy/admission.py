"""Which downloads get a slot, and which have to leave theirs.

Rules
-----
* Order: lane, priority, explicit position (those with one go before those without), fewest running of the same host, fewest
  of the same group, age. Downloads without a group are one group.
* Nothing of a busy host starts. At most `jobs` run in all and `per_host` of one host; one that is stopping still counts.
* NOW takes a slot from the least valuable that runs, of its own host where that is full. It passes a closed window.
* One start in `TURN` is a *turn*: it goes to the class (lane and priority) whose first has been ready longest, if that is
  longer than `AGED`. So nobody starves, whatever arrives. NOW neither takes turns nor loses a start to one: what would
  start in its place would be the next to be stopped for it.
* Where fewer may run than do, the least valuable leave.

The result depends on what is given only, and not on the order in which it is given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import heapify, heappop, heapreplace
from math import inf

from dlm.model.download import DownloadId
from dlm.model.queue import Candidate
from dlm.model.rank import Lane, Priority
from dlm.model.value import dataclass

TURN = 8
"""One start of so many goes to who has waited long."""
AGED = 600.0
"""Seconds after which a download has waited long."""


@dataclass(frozen=True, slots=True)
class Running:
    """What holds a slot here. `started` is a time, `eta` in seconds; one that is `stopping` holds its slot until it ends."""

    id: DownloadId
    host: str
    group: str | None
    lane: Lane
    priority: Priority
    started: float
    eta: float | None = None
    stopping: bool = False


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much may run at present. While it is not `open`, only the lane NOW runs."""

    jobs: int
    per_host: int
    open: bool = True


@dataclass(frozen=True, slots=True)
class Decision:
    """What to start, in this order; what to stop; and when to decide again, if nothing happens before."""

    start: tuple[DownloadId, ...]
    stop: tuple[DownloadId, ...]
    next_wake: float | None


def order_of(candidates: Iterable[Candidate]) -> list[Candidate]:
    """The order without fairness, which is what can be said beforehand: for places in the queue and for explanations."""
    return sorted(candidates, key=_static)


def admit(  # noqa: PLR0917 (the whole state, in the order of the rules)
    candidates: Sequence[Candidate],
    running: Sequence[Running],
    allowance: Allowance,
    busy: Mapping[str, float],
    starts: int,
    now: float,
) -> Decision:
    """What to start and to stop at `now`.

    `busy` says until when a host wants to be left in peace. `starts` is how many others than NOW have been started here so
    far; it decides whose turn it is. Times are in seconds since the epoch.
    """
    held = {row.id for row in running}
    waiting = {row.id: row for row in candidates if row.id not in held and (allowance.open or row.lane is Lane.NOW)}
    parked = {row.host for row in waiting.values() if busy.get(row.host, now) > now}
    ready = [row for row in waiting.values() if row.host not in parked]
    started = _fill(ready, running, allowance, starts, now)
    leaving = _surplus(running, allowance)
    leaving += _preempted(ready, running, started, leaving, allowance)
    return Decision(
        start=tuple(row.id for row in started),
        stop=tuple(row.id for row in leaving),
        next_wake=min((busy[host] for host in parked), default=None),
    )


# --- who starts -------------------------------------------------------------------------------------------------------


def _static(row: Candidate) -> tuple[int, int, bool, float, int]:
    return row.lane, row.priority, row.position is None, row.position or 0.0, row.seq


_Key = tuple[bool, float, int, int, int, str]


class _Room:
    """The slots: how many are free, and how many of each host and group are taken."""

    def __init__(self, running: Sequence[Running], allowance: Allowance) -> None:
        self.free = allowance.jobs - len(running)
        self._hosts = Counter(row.host for row in running)
        self._groups = Counter(row.group for row in running)
        self._per_host = allowance.per_host

    def admits(self, row: Candidate) -> bool:
        """Whether its host has room."""
        return self._hosts[row.host] < self._per_host

    def take(self, row: Candidate) -> None:
        """Give it a slot."""
        self.free -= 1
        self._hosts[row.host] += 1
        self._groups[row.group] += 1

    def among_all(self, row: Candidate) -> _Key:
        """Its place in the order among those of its class; the smallest goes first."""
        return row.position is None, row.position or 0.0, self._hosts[row.host], self._groups[row.group], row.seq, row.id

    def among_hosts(self, row: Candidate) -> _Key:
        """The same among those of its group."""
        return row.position is None, row.position or 0.0, self._hosts[row.host], 0, row.seq, row.id

    def among_groups(self, row: Candidate) -> _Key:
        """The same among those of its host."""
        return row.position is None, row.position or 0.0, 0, self._groups[row.group], row.seq, row.id


class _Queue:
    """Candidates of one class, host and group, in order."""

    def __init__(self, rows: Sequence[Candidate], room: _Room) -> None:
        self._rows, self._room = rows, room
        self._at = 0

    def first(self) -> Candidate | None:
        """The first of those that are left, while its host has room."""
        if self._at == len(self._rows) or not self._room.admits(self._rows[self._at]):
            return None
        return self._rows[self._at]

    def drop_first(self) -> None:
        """Go on to the one behind the first."""
        self._at += 1


class _Union:
    """Several of these as one, in the order of `key`.

    Room only shrinks and keys only grow while slots are given out. So a line without a first is gone for good, and one
    whose key has grown is put back when it comes up, and no sooner.
    """

    def __init__(self, lines: Iterable[_Queue | _Union], key: Callable[[Candidate], _Key]) -> None:
        self._key = key
        self._heap = [(key(head), line) for line in lines if (head := line.first()) is not None]
        heapify(self._heap)

    def first(self) -> Candidate | None:
        """The first of all that are left."""
        while self._heap:
            key, line = self._heap[0]
            head = line.first()
            if head is None:
                heappop(self._heap)
            elif (fresh := self._key(head)) != key:
                heapreplace(self._heap, (fresh, line))
            else:
                return head
        return None

    def drop_first(self) -> None:
        """Go on to the one behind the first, which has just been asked for."""
        self._heap[0][1].drop_first()


def _class(rows: Iterable[Candidate], room: _Room) -> _Union:
    """The candidates of one lane and priority.

    They are joined first by whichever there are more of, hosts or groups. With 500 hosts, or 500 groups, and 64 slots, a
    single heap took thirty times as long: each start changed the key of every queue.
    """
    queues: dict[tuple[str, str | None], list[Candidate]] = {}
    for row in rows:
        queues.setdefault((row.host, row.group), []).append(row)
    by_group = len({group for _, group in queues}) <= len({host for host, _ in queues})
    lines: dict[str | None, list[_Queue]] = {}
    for (host, group), queue in queues.items():
        lines.setdefault(group if by_group else host, []).append(_Queue(queue, room))
    key = room.among_hosts if by_group else room.among_groups
    return _Union([_Union(line, key) for line in lines.values()], room.among_all)


def _fill(
    ready: Iterable[Candidate], running: Sequence[Running], allowance: Allowance, starts: int, now: float
) -> list[Candidate]:
    """Who gets the free slots, one after the other."""
    room = _Room(running, allowance)
    if room.free <= 0:
        return []
    rows: dict[tuple[Lane, Priority], list[Candidate]] = {}
    for row in order_of(ready):
        rows.setdefault((row.lane, row.priority), []).append(row)
    classes = [_class(members, room) for members in rows.values()]
    started: list[Candidate] = []
    while room.free > 0:
        firsts = ((head, one) for one in classes if (head := one.first()) is not None)
        chosen = next(firsts, None)
        if chosen is None:
            break
        if chosen[0].lane is not Lane.NOW:
            if starts % TURN == TURN - 1:
                aged = min((chosen, *firsts), key=lambda pair: pair[0].ready)
                chosen = aged if now - aged[0].ready > AGED else chosen
            starts += 1
        head, its_class = chosen
        its_class.drop_first()
        room.take(head)
        started.append(head)
    return started


# --- who leaves -------------------------------------------------------------------------------------------------------


def _worth(row: Running) -> tuple[bool, int, int, float, float, str]:
    """The greatest is worth least: by priority, lane, time left, time lost. NOW leaves last of all."""
    return row.lane is not Lane.NOW, row.priority, row.lane, inf if row.eta is None else row.eta, row.started, row.id


def _surplus(running: Sequence[Running], allowance: Allowance) -> list[Running]:
    """Those that may run no longer: the window has closed, or fewer are allowed than before."""
    leaving: list[Running] = []
    left, hosts = 0, Counter[str]()
    for row in sorted((row for row in running if not row.stopping), key=_worth):
        shut = not allowance.open and row.lane is not Lane.NOW
        if shut or left >= allowance.jobs or hosts[row.host] >= allowance.per_host:
            leaving.append(row)
        else:
            left += 1
            hosts[row.host] += 1
    return leaving[::-1]


def _preempted(
    ready: Iterable[Candidate],
    running: Sequence[Running],
    started: Sequence[Candidate],
    leaving: Sequence[Running],
    allowance: Allowance,
) -> list[Running]:
    """Those that make room for NOW: one for each that no slot which is being freed already will serve."""
    served = {row.id for row in started}
    urgent = [row for row in ready if row.lane is Lane.NOW and row.id not in served]
    if not urgent:
        return []
    staying = sorted((row for row in running if not row.stopping and row not in leaving), key=_worth)
    taken = len(staying) + len(started)
    hosts = Counter([row.host for row in staying] + [row.host for row in started])
    victims: list[Running] = []
    for row in order_of(urgent):
        crowded = hosts[row.host] >= allowance.per_host
        if crowded or taken >= allowance.jobs:
            eligible = [other for other in staying if other.lane is not Lane.NOW and (not crowded or other.host == row.host)]
            if not eligible:
                continue
            victim = eligible[-1]
            staying.remove(victim)
            victims.append(victim)
            taken -= 1
            hosts[victim.host] -= 1
        taken += 1
        hosts[row.host] += 1
    return victims
