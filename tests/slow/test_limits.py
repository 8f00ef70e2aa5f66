"""Rate limits and stops at full length, with the figures that the book quotes. Run with `-s` to see them; the machine should
be quiet."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from time import perf_counter

import pytest

from dlm.model.message import Checkpointed
from tests.counting import Fleet, fleet
from tests.flood import Flood

MB = 1_000_000
ENDLESS = 200 * 1024**3

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def with_fleet(test: Callable[[Flood, Fleet], Awaitable[None]], disk: Path | None = None) -> None:
    """Run a test's body with a server and downloads to start."""

    async def body() -> None:
        with Flood() as server:
            async with fleet(disk) as lives:
                await test(server, lives)

    asyncio.run(body())


async def measured(server: Flood, lives: Fleet, seconds: float, label: str) -> tuple[float, float, list[float]]:
    """Bytes a second here, at the server, and of each download; printed."""
    before, began = server.count(), perf_counter()
    each = list((await lives.measure(seconds)).values())
    at_server = (server.count().left - before.left) / (perf_counter() - began)
    print(
        f"\n{label}: {sum(each) / MB:.3f} MB/s here, {at_server / MB:.3f} at the server, "
        f"shares {min(each) / MB:.3f} to {max(each) / MB:.3f}",
        end="",
    )
    return sum(each), at_server, each


@pytest.mark.parametrize(
    ("rate", "downloads", "seconds", "tolerance"),
    [
        (20_000, 4, 30.0, 0.1),
        (200_000, 4, 10.0, 0.05),
        (5 * MB, 1, 5.0, 0.03),
        (5 * MB, 4, 5.0, 0.03),
        (5 * MB, 64, 10.0, 0.05),
        (50 * MB, 4, 5.0, 0.03),
        (400 * MB, 4, 5.0, 0.03),
    ],
)
def test_a_total_is_kept(rate: int, downloads: int, seconds: float, tolerance: float) -> None:
    """Counted where the bytes arrive, and behind the server's kernel. Chunks have 16 KiB, and up to 128 KiB of each
    connection are gathered before they are counted, which is what the wider tolerances are for."""

    async def body(server: Flood, lives: Fleet) -> None:
        lives.limit(rate)
        for number in range(downloads):
            lives.start(f"{number}", server.url(ENDLESS), connections=16)
        await asyncio.sleep(3.0)
        here, at_server, each = await measured(server, lives, seconds, f"{downloads} at {rate / MB:g} MB/s")
        assert here == pytest.approx(rate, rel=tolerance)
        assert at_server == pytest.approx(rate, rel=2 * tolerance, abs=2 * MB)
        if rate >= MB:
            assert each == pytest.approx([rate / downloads] * downloads, rel=0.2)

    with_fleet(body)


def test_every_change_takes_effect_within_a_second() -> None:
    """Up, down, off and on again, by a factor of up to some thousands: the second second has the new rate."""

    async def body(server: Flood, lives: Fleet) -> None:
        for number in range(4):
            lives.start(f"{number}", server.url(ENDLESS), connections=16)
        await asyncio.sleep(1.0)
        for rate in (2, 8, 2, None, 8, 50, 2, None, 2):
            lives.limit(rate and rate * MB)
            label = f"→ {rate or 'no limit'}"
            first, *_ = await measured(server, lives, 1.0, f"{label}, first second")
            second, *_ = await measured(server, lives, 1.0, f"{label}, second second")
            if rate is None:
                assert second > 100 * MB
            else:
                assert first == pytest.approx(rate * MB, rel=0.15)
                assert second == pytest.approx(rate * MB, rel=0.05)

    with_fleet(body)


def test_many_lives_in_one_loop_leave_it_time() -> None:
    """Sixty-four downloads with two connections each at a total of 5 and of 50 MB/s: what else has to run waits
    milliseconds."""

    async def body(server: Flood, lives: Fleet) -> None:
        for number in range(64):
            lives.start(f"{number}", server.url(ENDLESS, each=MB), connections=2)
        async with asyncio.timeout(30):
            while server.count().busy < 128:
                await asyncio.sleep(0.1)
        for rate in (5 * MB, 50 * MB):
            lives.limit(rate)
            await asyncio.sleep(2.0)
            lags: list[float] = []
            watching = asyncio.ensure_future(watch(lags))
            here, *_ = await measured(server, lives, 5.0, f"128 connections at {rate / MB:g} MB/s")
            watching.cancel()
            lags.sort()
            print(f"; the loop is late by {median(lags) * 1e3:.1f} ms, at most {lags[-1] * 1e3:.1f} ms")
            assert here == pytest.approx(rate, rel=0.05)
            assert median(lags) < 0.01

    async def watch(lags: list[float]) -> None:
        while True:
            began = perf_counter()
            await asyncio.sleep(0.005)
            lags.append(perf_counter() - began - 0.005)

    with_fleet(body)


@pytest.mark.parametrize(
    ("downloads", "connections", "each", "limit"), [(1, 16, 26 * MB, 0.3), (64, 2, 2 * MB, 1.0)], ids=["one", "sixty-four"]
)
def test_a_stop_is_over_soon(downloads: int, connections: int, each: int, limit: float, tmp_path: Path) -> None:
    """On a real disk, with all that has come synced and reported: from the order to the end, and what the server still
    sends after the order."""

    async def body(server: Flood, lives: Fleet) -> None:
        size = 8 * 1024**3 // downloads
        for number in range(downloads):
            lives.start(f"{number}", server.url(size, each=each), connections=connections)
        async with asyncio.timeout(20):
            while server.count().busy < downloads * connections:
                await asyncio.sleep(0.1)
        await asyncio.sleep(1.0)
        before = {sample.id: sample for sample in lives.reporter.samples}
        speed = sum(sample.smoothed_speed for sample in before.values())
        counted, began = server.count(), perf_counter()
        await lives.stop()
        took = perf_counter() - began
        await asyncio.sleep(0.2)
        after = server.count()
        print(
            f"\n{downloads} with {connections}, {speed / MB:.0f} MB/s: stopped in {took * 1e3:.0f} ms, "
            f"{(after.sent - counted.sent) / MB:.1f} MB were sent after the order",
            end="",
        )
        last = {each.id: each.checkpoint.downloaded for each in lives.reporter.commitments if isinstance(each, Checkpointed)}
        assert last == {sample.id: sample.downloaded for sample in lives.reporter.samples}
        assert took < limit
        await asyncio.sleep(0.3)
        assert (server.count().sent, server.count().busy) == (after.sent, 0)

    with_fleet(body, tmp_path)
