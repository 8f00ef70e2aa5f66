"""What a life works with: the tools that it was lent, and what it has in hand."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from dlm.model.download import Checkpoint, DownloadSpec
from dlm.model.resource import Mirror, Resource
from dlm.model.value import dataclass
from dlm.policy.segments import SegmentMap
from dlm.ports import Clock, Sink, Sources, Store
from dlm.transfer.limits import Limiter
from dlm.transfer.supplier import Supplier


@dataclass(frozen=True, slots=True)
class Tools:
    """What every life needs from outside."""

    sources: Sources
    store_for: Callable[[DownloadSpec], Store]
    clock: Clock
    random: Random
    limiter: Limiter


@dataclass(slots=True)
class Work:
    """A Resource being fetched into a Sink."""

    resource: Resource
    """As the first mirror told it; its `mirrors` are those whose bytes are in the Sink."""
    supplier: Supplier | None
    """The first mirror, whose bytes need no proof; `None` when those in the Sink came from somewhere else."""
    sink: Sink
    segments: SegmentMap
    candidates: tuple[Mirror, ...] = ()
    """Who may help, once it is proved to give the same file."""

    def checkpoint(self) -> Checkpoint:
        """What has come so far, durable or not."""
        return Checkpoint(self.resource, self.sink.place, tuple(self.segments.done()))
