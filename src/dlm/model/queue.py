"""The queue's words: how downloads are ranked, what users order, and what they are told.

Order of admission: by lane, then by priority, then those that were given an explicit position, by it, then by fairness
between hosts and groups, then by age. `policy/admission.py` decides; here stand the values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field

from dlm.model.download import Download, DownloadId, DownloadSpec
from dlm.model.error import InvalidRequest
from dlm.model.event import Transition
from dlm.model.phase import Phase
from dlm.model.rank import Lane, Priority
from dlm.model.resource import Pieces
from dlm.model.value import dataclass

# --- what is asked ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AddRequest:
    """A download to be queued. It does not start before `start_at` (seconds since the epoch), and not at all while `paused`."""

    spec: DownloadSpec
    lane: Lane = Lane.AUTOMATIC
    priority: Priority = Priority.NORMAL
    start_at: float | None = None
    group: str | None = None
    paused: bool = False
    pieces: Pieces | None = None


@dataclass(frozen=True, slots=True)
class Added:
    """What became of an AddRequest. `known` says that an unfinished download of the same was there already."""

    download: Download
    known: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which downloads an order is for: those that the references name, or all that stand in `phases` and in `group`.

    A reference is any unique prefix of an id. Without references, `None` is no condition.
    """

    references: tuple[str, ...] = ()
    phases: frozenset[Phase] | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An edit. `fields` are new values by the names of DownloadSpec's fields; `None` elsewhere changes nothing.

    `mirrors` are further addresses of the file, behind those that it has, or that `fields` gives it.
    """

    fields: Mapping[str, object] = field(default_factory=dict)
    mirrors: tuple[str, ...] = ()
    priority: Priority | None = None
    start_at: float | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What one dlm process asks of another: a live `sample` of some downloads (of all, without ids), or live `events`."""

    kind: str
    ids: tuple[DownloadId, ...] = ()


# --- what is answered -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ordered:
    """What an order did to one download: it moved, only its intent changed, or it was refused, and why."""

    download: Download
    transition: Transition | None = None
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """A pending download's place in the queue, from 1, of how many, and the next few ahead of it, nearest first."""

    position: int
    of: int
    ahead: tuple[DownloadId, ...] = ()


def check_place(position: int) -> None:
    """Raises `InvalidRequest` for what is no place in the queue."""
    if position < 1:
        raise InvalidRequest("the places of the queue are counted from 1")


@dataclass(frozen=True, slots=True)
class Constraint:
    """One thing that a download waits for or is bound by. `kind` is a stable word, `sentence` is for people.

    `facts` are the measured figures that say so.
    """

    kind: str
    sentence: str
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a download stands where it stands. The first constraint binds now; the others would bind next."""

    download: Download
    constraints: tuple[Constraint, ...]


@dataclass(frozen=True, slots=True)
class Rates:
    """Limits in bytes a second: for all together, and for each host (`name:port`). `None` and absence are no limit."""

    total: int | None = None
    hosts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CarrierView:
    """A process that carries downloads: its number, how many it carries, what part of a core it used lately."""

    pid: int
    downloads: int
    busy: float


@dataclass(frozen=True, slots=True)
class Stats:
    """The queue in numbers. `speed` (bytes a second) and `carriers` (processes at work) are of this moment; `crew` are those of
    them that are child processes."""

    phases: Mapping[Phase, int]
    speed: float = 0.0
    active: int = 0
    carriers: int = 0
    crew: tuple[CarrierView, ...] = ()


@dataclass(frozen=True, slots=True)
class Trial:
    """What `bench` measured with so many connections: bytes a second over `seconds`, and how many the server served."""

    connections: int
    speed: float
    seconds: float
    served: int


WORTH = 1.10
"""How much more a larger number of connections must bring to be preferred."""


def best(trials: Sequence[Trial]) -> Trial:
    """The fewest connections beyond which no more brings a tenth more."""
    chosen = trials[0]
    for trial in trials[1:]:
        if trial.speed >= chosen.speed * WORTH:
            chosen = trial
    return chosen


@dataclass(frozen=True, slots=True)
class Finding:
    """One check of `doctor`: `state` is good, warning or bad; the sentence says what to do."""

    name: str
    state: str
    sentence: str


# --- what the database tells the scheduler ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pending download, as light as the scheduler can do with. `ready` is since when it waits for a slot."""

    id: DownloadId
    seq: int
    host: str
    lane: Lane
    priority: Priority
    ready: float
    position: float | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Roused:
    """Downloads whose time had come, now pending, and when the next one's will (seconds since the epoch)."""

    moves: tuple[tuple[Download, Transition], ...]
    next_due: float | None
