"""What a life works with: the tools that it was lent, and what it has in hand."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from dlm.model.download import Checkpoint, DownloadSpec
from dlm.model.resource import Mirror, Resource
from dlm.model.value import dataclass
from dlm.policy.segments import SegmentMap
from dlm.ports import Clock, Opening, Sink, Source, Sources, Store
from dlm.transfer.limits import Limiter


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
    source: Source
    mirror: Mirror
    sink: Sink
    segments: SegmentMap
    opening: Opening | None

    def checkpoint(self) -> Checkpoint:
        """What has come so far, durable or not."""
        return Checkpoint(self.resource, self.sink.place, tuple(self.segments.done()))
