"""The gate: what shuts it, how long, who goes first when it opens, and what it says of that."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from dlm.model.download import DownloadId, new_id
from dlm.model.queue import Rates
from dlm.transfer.gate import LATE_TRIGGER, LEAST_TURN, TRIGGER, WINDOW, Gate
from dlm.transfer.limits import Limiter
from tests.fakes import VirtualClock, in_virtual_time

CHUNK = LEAST_TURN
MB = 1_000_000
MIB = 1024 * 1024


class Bench:
    """A limiter and gates on it, in virtual time."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.limiter = Limiter(self.clock)
        self.ids: list[DownloadId] = []

    def gate(self, rate: int | None = None, host: str = "a:80") -> Gate:
        """One more download."""
        self.ids.append(new_id())
        return Gate(self.clock, self.limiter.tap(self.ids[-1], host, rate))

    async def pour(self, gate: Gate, taken: list[int], *, chunk: int = CHUNK) -> None:
        """A connection that always has a chunk, for ever."""
        while True:
            while gate.shut:
                await gate.wait_open()
            taken.append(chunk)
            if gate.limited:
                gate.received(chunk)
            else:
                await asyncio.sleep(0.001)

    async def run(self, seconds: float, *pourers: Awaitable[None]) -> None:
        """Let them pour for so long."""
        running = [asyncio.ensure_future(each) for each in pourers]
        await asyncio.sleep(seconds)
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def virtual(test: Callable[[Bench], Awaitable[None]]) -> None:
    """Run a test's body."""

    async def body() -> None:
        await test(Bench())

    in_virtual_time(body())


def test_without_a_limit_nothing_is_told_and_nothing_waits() -> None:
    """One attribute says so."""

    async def body(bench: Bench) -> None:
        gate = bench.gate()
        assert (gate.limited, gate.shut) == (False, False)
        await gate.wait_open()

    virtual(body)


def test_a_debt_is_waited_for_to_the_millisecond() -> None:
    """A chunk opens it again after the time that it takes at the rate."""

    async def body(bench: Bench) -> None:
        gate = bench.gate(rate=CHUNK * 10)
        assert gate.limited
        gate.received(CHUNK)
        assert gate.shut
        await gate.wait_open()
        assert bench.clock.monotonic() == pytest.approx(0.1)

    virtual(body)


@pytest.mark.parametrize(
    ("rate", "opens"), [(CHUNK * 100, 0.055), (CHUNK, 0.55), (None, 0.05)], ids=["raised", "lowered", "lifted"]
)
def test_who_waits_waits_by_the_new_rate(rate: int | None, opens: float) -> None:
    """The change comes at half the debt; what is left is waited for by the new rate, or not at all."""

    async def body(bench: Bench) -> None:
        bench.limiter.limit(Rates(CHUNK * 10), {})
        gate = bench.gate()
        gate.received(CHUNK)
        waiting = asyncio.ensure_future(gate.wait_open())
        await asyncio.sleep(0.05)
        bench.limiter.limit(Rates(rate), {})
        assert gate.limited == (rate is not None)
        await waiting
        assert bench.clock.monotonic() == pytest.approx(opens)

    virtual(body)


def test_a_limit_that_comes_later_is_kept_from_then_on() -> None:
    """The gate learns of it at once, for its download, its host or all."""

    async def body(bench: Bench) -> None:
        gate = bench.gate()
        for rates, downloads in (
            (Rates(MB), {}),
            (Rates(None, {"a:80": MB}), {}),
            (Rates(), {bench.ids[0]: MB}),
        ):
            bench.limiter.limit(rates, {bench.ids[0]: None, **downloads})
            assert gate.limited
            bench.limiter.limit(Rates(), {bench.ids[0]: None})
            assert not gate.limited

    virtual(body)


def test_connections_of_a_download_take_turns() -> None:
    """Sixteen that always have a chunk: after ten seconds none has taken more than two more than another."""

    async def body(bench: Bench) -> None:
        gate = bench.gate(rate=MB)
        taken: list[list[int]] = [[] for _ in range(16)]
        await bench.run(10.0, *(bench.pour(gate, each) for each in taken))
        counts = [len(each) for each in taken]
        assert max(counts) - min(counts) <= 2
        assert sum(counts) * CHUNK == pytest.approx(10 * MB, abs=2 * CHUNK)

    virtual(body)


def test_downloads_share_alike_however_many_connections_they_have() -> None:
    """Three with one, one with sixteen, and one whose chunks are small: a fifth of the total each."""

    async def body(bench: Bench) -> None:
        bench.limiter.limit(Rates(5 * MB), {})
        gates = [bench.gate() for _ in range(5)]
        taken: list[list[int]] = [[] for _ in gates]
        pourers = [bench.pour(gate, each) for gate, each in zip(gates[:3], taken, strict=False)]
        pourers += [bench.pour(gates[3], taken[3]) for _ in range(16)]
        pourers += [bench.pour(gates[4], taken[4], chunk=1369)]
        await bench.run(10.0, *pourers)
        assert [sum(each) for each in taken] == pytest.approx([10 * MB] * 5, rel=0.01)

    virtual(body)


def test_what_was_allowed_while_nobody_came_is_shared_too() -> None:
    """A machine that comes 20 ms late each time: neither of two downloads takes all of what was allowed meanwhile."""

    async def body(bench: Bench) -> None:
        bench.limiter.limit(Rates(100 * MB), {})
        gates = [bench.gate(), bench.gate()]
        taken: list[list[int]] = [[], []]
        running = [asyncio.ensure_future(bench.pour(*each)) for each in zip(gates, taken, strict=True)]
        loop = asyncio.get_running_loop()
        for _ in range(200):
            await asyncio.sleep(0.001)
            loop._selector.passed += 0.02  # type: ignore[attr-defined]  # the loop is busy for so long
            shares = [sum(each) for each in taken]
            assert shares[0] == pytest.approx(shares[1], abs=256 * 1024)
        for each in running:
            each.cancel()
        assert sum(shares) == pytest.approx(100 * MB * bench.clock.monotonic(), rel=0.02)

    virtual(body)


def test_a_waiter_that_is_cancelled_holds_nobody_up() -> None:
    """The next one in the queue goes on, also when the first is cancelled in the very moment of its turn."""

    async def body(bench: Bench) -> None:
        gate = bench.gate(rate=CHUNK)
        gate.received(CHUNK)
        waiting = [asyncio.ensure_future(gate.wait_open()) for _ in range(3)]
        await asyncio.sleep(0.5)
        waiting[0].cancel()
        asyncio.get_running_loop().call_later(0.5, waiting[1].cancel)
        async with asyncio.timeout(1):
            await waiting[2]

    virtual(body)


# --- the disk ---------------------------------------------------------------------------------------------------------


def test_too_much_that_is_not_durable_shuts_it_until_a_commit() -> None:
    """A checkpoint is due before that, and what it covered opens the gate."""

    async def body(bench: Bench) -> None:
        gate = bench.gate()
        gate.written(TRIGGER)
        await gate.wait_due(60.0)
        assert bench.clock.monotonic() == 0.0
        gate.written(WINDOW - TRIGGER)
        waiting = asyncio.ensure_future(gate.wait_open())
        await asyncio.sleep(1.0)
        assert not waiting.done()
        gate.committed(TRIGGER)
        await waiting
        assert gate.sample() == "disk"

    virtual(body)


def test_the_next_checkpoint_comes_as_late_as_the_disk_allows() -> None:
    """Later the less came during the last one, between two bounds, and always so that as much may come again, and half of
    that beside."""

    async def due(gate: Gate) -> bool:
        try:
            async with asyncio.timeout(0):
                await gate.wait_due(60.0)
        except TimeoutError:
            return False
        return True

    async def body(bench: Bench) -> None:
        gate = bench.gate()
        for came in (0, 1 * MIB, 3 * MIB, 5 * MIB, 7 * MIB, 0, 11 * MIB):
            covered = gate.uncommitted
            gate.written(came)
            gate.committed(covered)
            assert gate.uncommitted == came
            trigger = min(LATE_TRIGGER, max(TRIGGER, WINDOW - came * 3 // 2))
            if came < trigger:
                gate.written(trigger - came - 1)
                assert not await due(gate)
                gate.written(1)
            assert await due(gate)

    virtual(body)


def test_an_open_window_does_not_forgive_a_debt_nor_the_other_way_round() -> None:
    """It opens when both reasons are gone."""

    async def body(bench: Bench) -> None:
        gate = bench.gate(rate=CHUNK)
        gate.received(CHUNK)
        gate.written(WINDOW)
        gate.committed(WINDOW)
        assert gate.shut
        gate.written(WINDOW)
        await asyncio.sleep(2.0)
        assert gate.shut
        gate.committed(WINDOW)
        assert not gate.shut

    virtual(body)


# --- what it says -----------------------------------------------------------------------------------------------------


def test_it_names_what_held_it_back() -> None:
    """Level by level; a limit that hardly binds is not named, because the server's speed is what shows then."""

    async def body(bench: Bench) -> None:
        gate = bench.gate(rate=2 * MB)
        for total, hosts, expected in (
            (MB, {"a:80": 4 * MB}, "total"),
            (4 * MB, {"a:80": MB}, "host"),
            (4 * MB, {"a:80": 4 * MB}, "download"),
        ):
            bench.limiter.limit(Rates(total, hosts), {})
            gate.sample()
            await bench.run(1.0, bench.pour(gate, []))
            assert gate.sample() == expected
        await asyncio.sleep(1.0)
        assert gate.sample() is None
        gate.received(CHUNK * 2)
        await asyncio.sleep(1.0)
        assert gate.sample() is None

    virtual(body)


def test_a_halted_gate_stays_shut() -> None:
    """Neither a debt that is paid nor a commit opens it, and nobody is let through."""

    async def body(bench: Bench) -> None:
        gate = bench.gate(rate=CHUNK)
        gate.received(CHUNK)
        waiting = asyncio.ensure_future(gate.wait_open())
        gate.halt()
        gate.written(WINDOW)
        gate.committed(WINDOW)
        await asyncio.sleep(10.0)
        assert gate.shut
        assert not waiting.done()
        waiting.cancel()

    virtual(body)


def test_a_closed_gate_hears_nothing() -> None:
    """No timer is left, and a change of rates does not touch it."""

    async def body(bench: Bench) -> None:
        gate = bench.gate(rate=CHUNK)
        gate.received(CHUNK)
        gate.close()
        bench.limiter.limit(Rates(), {bench.ids[0]: None})
        assert gate.limited
        await asyncio.sleep(10.0)
        assert gate.shut

    virtual(body)
