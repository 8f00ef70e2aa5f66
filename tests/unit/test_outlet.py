"""The outlet of a connection: what it has gathered is written when that shows, and what fails then is not lost."""

from __future__ import annotations

import asyncio

import pytest

from dlm.clock import SystemClock
from dlm.model.download import Place, new_id
from dlm.model.error import DiskFull
from dlm.model.queue import Rates
from dlm.policy.segments import Lease
from dlm.ports import Flow
from dlm.transfer.gate import Gate
from dlm.transfer.limits import Limiter
from dlm.transfer.outlet import CAPACITY, LeaseOutlet

CHUNK = memoryview(bytes(16 * 1024))


class Tape:
    """A Sink that notes what is written, until it is full."""

    place = Place("/", "tape", "tape.part", 1, 1)

    def __init__(self) -> None:
        self.written: list[tuple[int, int]] = []
        self.full = False

    def write(self, offset: int, data: memoryview) -> None:
        """See `ports.Sink`."""
        if self.full:
            raise DiskFull("no space is left")
        self.written.append((offset, len(data)))

    def read(self, offset: int, size: int) -> bytes:
        """See `ports.Sink`."""
        return bytes(size)

    def sync(self) -> None:
        """See `ports.Sink`."""

    def settle(self, size: int, modified: float | None) -> None:
        """See `ports.Sink`."""

    def publish(self, name: str, *, replace: bool) -> str:
        """See `ports.Sink`."""
        return name

    def discard(self) -> None:
        """See `ports.Sink`."""

    def close(self) -> None:
        """See `ports.Sink`."""


class Bench:
    """One outlet, and what it depends on."""

    def __init__(self, size: int = 10 * CAPACITY) -> None:
        clock = SystemClock()
        self.limiter = Limiter(clock)
        self.gate = Gate(clock, self.limiter.tap(new_id(), "a:80", None))
        self.tape = Tape()
        self.lease = Lease(0, size)
        self.outlet = LeaseOutlet(self.lease, self.tape, self.gate)


def test_bytes_are_gathered_before_they_are_written() -> None:
    """Eight pieces make one write; nobody who holds some is forgotten, and who holds none is not kept."""
    bench = Bench()
    for _ in range(CAPACITY // len(CHUNK)):
        assert bench.outlet.write(CHUNK) is Flow.MORE
    assert (bench.tape.written, bench.gate.holding) == ([], {bench.outlet})
    bench.outlet.write(CHUNK)
    assert bench.tape.written == [(0, CAPACITY)]
    bench.outlet.flush()
    assert bench.tape.written == [(0, CAPACITY), (CAPACITY, len(CHUNK))]
    assert bench.gate.holding == set()


def test_the_last_piece_is_written_with_what_was_gathered() -> None:
    """In order, and no byte past the end; a file of one piece never gathers any."""
    bench = Bench(len(CHUNK) + 5)
    assert [bench.outlet.write(CHUNK), bench.outlet.write(CHUNK)] == [Flow.MORE, Flow.STOP]
    assert (bench.tape.written, bench.gate.holding) == ([(0, len(CHUNK)), (len(CHUNK), 5)], set())


def test_other_rates_hold_from_the_first_byte_that_is_written_after_them() -> None:
    """What came by the old ones is written before the order has returned."""
    bench = Bench()
    bench.outlet.write(CHUNK)
    bench.limiter.limit(Rates(1), {})
    assert bench.tape.written == [(0, len(CHUNK))]
    assert bench.lease.position == len(CHUNK)


def test_who_is_held_back_writes_what_was_gathered() -> None:
    """By the limit as by the disk: its next bytes may take long."""

    async def body() -> None:
        bench = Bench()
        bench.limiter.limit(Rates(len(CHUNK)), {})
        assert bench.outlet.write(CHUNK) is Flow.MORE
        assert bench.tape.written == []
        assert bench.outlet.write(CHUNK) is Flow.PAUSE
        assert bench.tape.written == [(0, len(CHUNK))]
        bench.gate.close()

    asyncio.run(body())


def test_a_disk_that_is_full_when_rates_change_ends_the_transfer_and_not_the_order() -> None:
    """The order has nothing to do with it; whoever takes or writes next hears of it, and no byte gets a wrong place."""
    bench = Bench()
    bench.outlet.write(CHUNK)
    bench.tape.full = True
    bench.limiter.limit(Rates(1), {})
    bench.tape.full = False
    bench.limiter.limit(Rates(None), {})
    for act in (
        lambda: bench.outlet.write(CHUNK),
        bench.outlet.flush,
        lambda: bench.outlet.write(memoryview(bytes(CAPACITY * 2))),
    ):
        with pytest.raises(DiskFull):
            act()
    assert (bench.tape.written, bench.lease.position) == ([], 0)
