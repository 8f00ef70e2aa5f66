"""What of the downloads is looked at, and in which order. Pure.

Rules
-----
* A view is a row of *sections*, each of some phases; what moves stands first. Within a section the newest stands first, unless
  an order was chosen: then what it says nothing of (the speed of what does not move) stays as it was.
* Names and sizes are sorted by whoever keeps them, page by page. What only samples tell sorts what moves, which is read as
  a whole.
"""

from __future__ import annotations

from enum import Enum

from dlm.model.download import Download
from dlm.model.message import Progressed
from dlm.model.phase import CLAIMED_PHASES, Phase
from dlm.model.sorting import NEWEST_FIRST, Sort, SortKey
from dlm.model.value import dataclass

MOST_MOVING = 10_000

_QUEUED = frozenset({Phase.PENDING, Phase.WAITING})
_PAUSED = frozenset({Phase.PAUSED})
_FAILED = frozenset({Phase.FAILED, Phase.CANCELLED})
_DONE = frozenset({Phase.COMPLETED})


class View(Enum):
    """Which downloads; as the page in the browser has it."""

    ALL = "all"
    ACTIVE = "active"
    QUEUED = "queued"
    PAUSED = "paused"
    FAILED = "failed"
    DONE = "done"


SECTIONS: dict[View, tuple[frozenset[Phase], ...]] = {
    View.ALL: (CLAIMED_PHASES, _QUEUED, _PAUSED, _FAILED, _DONE),
    View.ACTIVE: (CLAIMED_PHASES,),
    View.QUEUED: (_QUEUED,),
    View.PAUSED: (_PAUSED,),
    View.FAILED: (_FAILED,),
    View.DONE: (_DONE,),
}


class Order(Enum):
    """By what rows are sorted."""

    STATE = "state"
    SPEED = "speed"
    LEFT = "time left"
    SHARE = "share done"
    NAME = "name"
    SIZE = "size"


LIVE = frozenset({Order.SPEED, Order.LEFT, Order.SHARE})
"""Orders by what only samples tell: they sort what moves."""
_SORTS = {Order.NAME: Sort(SortKey.NAME, descending=False), Order.SIZE: Sort(SortKey.SIZE)}


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user wants to see. `text` is looked for in name and address."""

    view: View = View.ALL
    order: Order = Order.STATE
    text: str | None = None

    @property
    def phases(self) -> frozenset[Phase] | None:
        """All that it means, `None` for every phase."""
        return None if self.view is View.ALL else frozenset().union(*SECTIONS[self.view])


def next_order(order: Order) -> Order:
    """The one behind it, and after the last the first."""
    orders = list(Order)
    return orders[(orders.index(order) + 1) % len(orders)]


def is_sorted(phases: frozenset[Phase], order: Order) -> bool:
    """Whether the rows of this section have to be read and compared."""
    return order in LIVE and phases == CLAIMED_PHASES


def sort_of(order: Order) -> Sort:
    """How the pages of the other sections are sorted."""
    return _SORTS.get(order, NEWEST_FIRST)


def sort_key(order: Order, download: Download, sample: Progressed | None) -> float:
    """What the rows of a section are sorted by; equals stay in their order."""
    size = sample.total if sample and sample.total is not None else download.size
    downloaded = sample.downloaded if sample else download.downloaded
    match order:
        case Order.SPEED:
            return -(sample.smoothed_speed if sample else 0.0)
        case Order.LEFT:
            return sample.eta if sample and sample.eta is not None else float("inf")
        case Order.SHARE:
            return -downloaded / size if size else 0.0
    return 0.0
