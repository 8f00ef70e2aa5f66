"""Twins that several tests share: a clock that turns by itself, a reporter that remembers, content to fetch."""

from __future__ import annotations

import asyncio
import random

from dlm.model.download import Checkpoint, Download, DownloadSpec, new_id
from dlm.model.message import Checkpointed, Commitment, Completing, Progressed, Resolved, Start


class TurningClock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.slept: list[float] = []

    def wall(self) -> float:
        """See `ports.Clock`."""
        return self.now

    def monotonic(self) -> float:
        """See `ports.Clock`."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """See `ports.Clock`. Returns at once, later."""
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


class LoopClock(TurningClock):
    """Time that passes as the event loop's does; sleeping still returns at once."""

    def monotonic(self) -> float:
        """See `ports.Clock`."""
        return asyncio.get_running_loop().time()


class RememberingReporter:
    """`ports.Reporter` that keeps what it was told; `durable` is what a crash would leave."""

    def __init__(self) -> None:
        self.commitments: list[Commitment] = []
        self.news: list[Progressed] = []
        self.durable: Checkpoint | None = None

    async def commit(self, message: Commitment) -> None:
        """See `ports.Reporter`."""
        await asyncio.sleep(0)
        self.commitments.append(message)
        if isinstance(message, Resolved | Checkpointed | Completing):
            self.durable = message.checkpoint

    def post(self, message: Progressed) -> None:
        """See `ports.Reporter`."""
        self.news.append(message)


def some_bytes(size: int, seed: int = 1) -> bytes:
    """`size` bytes that do not repeat."""
    return random.Random(seed).randbytes(size)


def start_of(spec: DownloadSpec, checkpoint: Checkpoint | None = None) -> Start:
    """A Start for a fresh download of `spec`."""
    return Start(Download(id=new_id(), spec=spec, added=0.0), checkpoint)
