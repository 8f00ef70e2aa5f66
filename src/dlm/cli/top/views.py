"""What of the downloads is looked at, and in which order. Pure.

Rules
-----
* A view is a row of *sections*, each of some phases; what moves stands first. Within a section the newest stands first, unless
  an order was chosen: then what it says nothing of (the speed of what does not move) stays as it was.
* The facade gives pages, newest first. So an order other than that needs all rows of a section read: names and sizes are
  compared in sections of `MOST_SORTED` rows at most, and the newest of larger ones.
"""

from __future__ import annotations

from enum import Enum

from dlm.model.download import Download
from dlm.model.message import Progressed
from dlm.model.phase import CLAIMED_PHASES, Phase
from dlm.model.value import dataclass

MOST_SORTED = 10_000

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
    if order in LIVE:
        return phases == CLAIMED_PHASES
    return order is not Order.STATE


def sort_key(order: Order, download: Download, sample: Progressed | None) -> tuple[float, str]:
    """What the rows of a section are sorted by; equals stay in their order."""
    size = sample.total if sample and sample.total is not None else download.size
    downloaded = sample.downloaded if sample else download.downloaded
    match order:
        case Order.SPEED:
            return (-(sample.smoothed_speed if sample else 0.0), "")
        case Order.LEFT:
            return (sample.eta if sample and sample.eta is not None else float("inf"), "")
        case Order.SHARE:
            return (-downloaded / size if size else 0.0, "")
        case Order.SIZE:
            return (-(size if size is not None else -1), "")
        case Order.NAME:
            return (0.0, download.label.casefold())
        case Order.STATE:
            return (0.0, "")
