"""One connection as its driver sees it: when its first byte came, and whether it is left open for another request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from dlm.model.download import new_id
from dlm.model.error import Truncated
from dlm.policy.naming import numbered
from dlm.policy.segments import SegmentMap
from dlm.ports import Flow
from dlm.storage.memory_files import MemoryStore
from dlm.transfer.connection import Connection
from dlm.transfer.gate import Gate
from dlm.transfer.limits import Limiter
from dlm.transfer.outlet import LeaseOutlet
from tests.fakes import VirtualClock, in_virtual_time, some_bytes

SIZE = 200_000
CONTENT = some_bytes(SIZE)


class Bench:
    """A connection on the whole of a file."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.segments = SegmentMap(SIZE)
        lease = self.segments.claim()
        assert lease is not None
        self.lease = lease
        sink = MemoryStore(numbered).create("/d", "file", SIZE)
        gate = Gate(self.clock, Limiter(self.clock).tap(new_id(), "a:80", None))
        self.outlet = LeaseOutlet(lease, sink, gate)
        self.connection = Connection(0, lease, self.outlet, self.clock.monotonic())

    async def pour(self, seconds: float = 1.0) -> None:
        """All of it, evenly, after half a second."""
        await asyncio.sleep(0.5)
        for at in range(0, SIZE, SIZE // 10):
            self.outlet.write(memoryview(CONTENT)[at : at + SIZE // 10])
            await asyncio.sleep(seconds / 10)


def in_time(test: Callable[[Bench], Awaitable[None]]) -> None:
    """Run a test's body in virtual time."""

    async def body() -> None:
        await test(Bench())

    in_virtual_time(body())


def test_a_first_byte_is_stamped_when_it_comes() -> None:
    """However late somebody looks."""

    async def body(bench: Bench) -> None:
        began = bench.clock.monotonic()
        await bench.pour()
        assert bench.outlet.answered == pytest.approx(began + 0.5)
        assert bench.connection.measure(bench.clock.monotonic(), held=False) == pytest.approx(0.5)

    in_time(body)


def test_what_came_to_its_end_is_left_open() -> None:
    """Its speed is told, for whoever decides what it does next."""

    async def body(bench: Bench) -> None:
        await bench.pour()
        (speed,) = bench.connection.left_open(bench.clock.monotonic(), None)
        assert speed == pytest.approx(SIZE, rel=0.2)

    in_time(body)


def test_what_was_cut_short_or_failed_is_not_left_open() -> None:
    """Its reply goes on behind the cut, or it is gone."""

    async def body(bench: Bench) -> None:
        bench.segments.steal(bench.lease, SIZE // 2)
        await bench.pour()
        assert bench.outlet.write(memoryview(b"x")) is Flow.STOP
        assert bench.connection.left_open(bench.clock.monotonic(), None) == []
        whole = Bench()
        await whole.pour()
        assert whole.connection.left_open(whole.clock.monotonic(), Truncated("cut")) == []

    in_time(body)
