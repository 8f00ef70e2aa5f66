"""What was measured of how long things take: histograms for Prometheus, and how late the event loop was in the last while."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Histogram

from dlm.model.value import dataclass
from dlm.ports import Clock

TICK = 1.0
BUSY_TICK = 0.05
"""Seconds between two looks at how late the event loop is, and while something moves: an idle daemon is to sleep."""
KEPT = 1200
"""Looks that are kept: those of the last minute, while something moves."""
_LATE = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0)
_TAKEN = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


@dataclass(frozen=True, slots=True)
class Lateness:
    """How late the event loop was, in seconds: half of the times, 99 of a hundred, at most; and how often it was looked at."""

    median: float
    p99: float
    worst: float
    looks: int


class Durations:
    """One registry of its own, so that two applications in one process do not mix. `commit` may be called in any thread."""

    def __init__(self) -> None:
        made = self.registry = CollectorRegistry()
        self._lag = Histogram("dlm_loop_lag_seconds", "How late the event loop is", buckets=_LATE, registry=made)
        self._taken = Histogram("dlm_request_seconds", "What requests take", ["command"], buckets=_TAKEN, registry=made)
        commits = Histogram("dlm_commit_seconds", "What a transaction takes until it is durable", buckets=_TAKEN, registry=made)
        checkpoints = Histogram(
            "dlm_checkpoint_seconds",
            "What a checkpoint takes: the bytes are synced, and then it is recorded",
            buckets=_TAKEN,
            registry=made,
        )
        self.commit: Callable[[float], None] = commits.observe
        self.checkpoint: Callable[[float], None] = checkpoints.observe
        self._late: deque[float] = deque(maxlen=KEPT)

    def request(self, command: str, seconds: float) -> None:
        """What a request took."""
        self._taken.labels(command).observe(seconds)

    async def watch(self, clock: Clock, is_busy: Callable[[], bool]) -> None:
        """Look how late the event loop is, until cancelled; more often while it is busy."""
        while True:
            tick = BUSY_TICK if is_busy() else TICK
            due = clock.monotonic() + tick
            await asyncio.sleep(tick)
            late = max(0.0, clock.monotonic() - due)
            self._lag.observe(late)
            self._late.append(late)

    @property
    def lateness(self) -> Lateness:
        """How late it was, of the latest looks."""
        found = sorted(self._late)
        if not found:
            return Lateness(0.0, 0.0, 0.0, 0)
        return Lateness(found[len(found) // 2], found[min(len(found) - 1, int(len(found) * 0.99))], found[-1], len(found))
