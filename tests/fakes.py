"""Twins that several tests share: a clock that turns by itself, a reporter that remembers, content to fetch."""

from __future__ import annotations

import asyncio
import hashlib
import random
import selectors
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from dlm.model.download import Checkpoint, Download, DownloadId, DownloadSpec, new_id
from dlm.model.error import DlmError
from dlm.model.message import (
    Checkpointed,
    Commitment,
    Completing,
    ConnectionEnded,
    News,
    Progressed,
    Published,
    Resolved,
    Start,
)
from dlm.model.resource import ALGORITHMS, Mirror, Part, Pieces, Resource, Verification, Verified
from dlm.ports import Reporter, Whole
from dlm.transfer.bundle import Piece

T = TypeVar("T")


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
        self.news: list[News] = []
        self.durable: Checkpoint | None = None

    async def commit(self, message: Commitment) -> None:
        """See `ports.Reporter`."""
        await asyncio.sleep(0)
        self.commitments.append(message)
        if isinstance(message, Resolved | Checkpointed | Completing):
            self.durable = message.checkpoint

    async def commit_all(self, messages: Sequence[Completing | Published]) -> list[DlmError | None]:
        """See `ports.Reporter`."""
        answers: list[DlmError | None] = []
        for message in messages:
            try:
                await self.commit(message)
            except DlmError as error:
                answers.append(error)
            else:
                answers.append(None)
        return answers

    def post(self, message: News) -> None:
        """See `ports.Reporter`."""
        self.news.append(message)

    @property
    def samples(self) -> list[Progressed]:
        """The samples, in order."""
        return [each for each in self.news if isinstance(each, Progressed)]

    @property
    def ended(self) -> list[ConnectionEnded]:
        """The connections that are over, in order."""
        return [each for each in self.news if isinstance(each, ConnectionEnded)]


def some_bytes(size: int, seed: int = 1) -> bytes:
    """`size` bytes that do not repeat."""
    return random.Random(seed).randbytes(size)


def start_of(spec: DownloadSpec, checkpoint: Checkpoint | None = None, pieces: Pieces | None = None) -> Start:
    """A Start for a fresh download of `spec`."""
    return Start(Download(id=new_id(), spec=spec, added=0.0), checkpoint, pieces=pieces)


def pieces_of(content: bytes, length: int, algorithm: str = "sha-256") -> Pieces:
    """What a Metalink would state of it."""
    starts = range(0, len(content), length)
    name = ALGORITHMS[algorithm][0]
    return Pieces(algorithm, length, tuple(hashlib.new(name, content[at : at + length]).digest() for at in starts))


class VirtualClock:
    """The time of a virtual event loop (`in_virtual_time`)."""

    def wall(self) -> float:
        """See `ports.Clock`."""
        return asyncio.get_running_loop().time()

    def monotonic(self) -> float:
        """See `ports.Clock`."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """See `ports.Clock`."""
        await asyncio.sleep(seconds)


class _Impatient(selectors.SelectSelector):
    """Does not wait: what would have been waited for has passed."""

    passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            self.passed += timeout or 0.0
        return ready


def in_virtual_time(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` on an event loop on which hours pass in no time, and nothing takes any."""
    selector = _Impatient()

    class Loop(asyncio.SelectorEventLoop):
        def time(self) -> float:
            return selector.passed

    with asyncio.Runner(loop_factory=lambda: Loop(selector)) as runner:
        return runner.run(work)


def piece_of(id: str, name: str, data: bytes, reporter: Reporter) -> Piece:
    """A small file of a download that goes to /d."""
    resource = Resource((Mirror(f"mem://host/{name}"),), (Part(name, len(data)),))
    return Piece(DownloadId(id), resource, Verified(Verification.CONSISTENT), Whole("/d", name, data), reporter)
