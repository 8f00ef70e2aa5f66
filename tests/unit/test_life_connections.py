"""The driver does what the staffing decides: it steals, fetches twice, gives up, and asks for nothing while it has to wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from dlm.model.error import ServerBusy
from dlm.model.span import Span
from dlm.policy.naming import numbered
from dlm.ports import Flow, Folders, Outlet
from dlm.protocols.memory import Fault, MemoryFile, MemorySource
from dlm.storage.memory_files import MemoryStore
from tests.fakes import RememberingReporter, some_bytes
from tests.unit.test_life_reports import URI, Bench

CONTENT = some_bytes(12_000_000)
KB = 1000


class Uneven(MemorySource):
    """Gives each request a speed of its own, in virtual time, and notes when it came."""

    def __init__(self, files: dict[str, MemoryFile], speed: Callable[[int], float]) -> None:
        super().__init__(files)
        self.speed = speed
        self.came: list[float] = []
        self.sent = 0

    def pick(self, uri: str) -> Uneven:
        """See `ports.Sources`."""
        return self

    def folders(self, uri: str) -> Folders:
        """See `ports.Sources`."""
        return self

    async def pour(self, file: MemoryFile, span: Span, outlet: Outlet, fault: Fault | None) -> None:
        """See `MemorySource`."""
        number = len(self.came)
        self.came.append(asyncio.get_running_loop().time())
        speed, at = self.speed(number), span.start
        while at < span.stop:
            piece = memoryview(file.content)[at : min(span.stop, at + file.chunk)]
            await asyncio.sleep(len(piece) / speed if speed else 10**6)
            self.sent += len(piece)
            while (flow := outlet.write(piece)) is Flow.PAUSE:
                await outlet.wait_ready()
            if flow is Flow.STOP:
                return
            at += len(piece)


def bench_of(
    speed: Callable[[int], float], fault: Callable[[int, Span], Fault | None] = lambda _number, _span: None
) -> tuple[Bench, Uneven]:
    """A worker and its server."""
    bench = Bench()
    bench.file = MemoryFile(CONTENT, fault=fault, chunk=4096)
    source = Uneven({URI: bench.file}, speed)
    bench.source = source  # type: ignore[assignment]  # it gives other speeds, and is used in the same way
    bench.store = MemoryStore(numbered)
    bench.reporter = RememberingReporter()
    return bench, source


def whole(bench: Bench) -> bool:
    """Whether the file is there, and right."""
    found = bench.store.at("/d/file.bin")
    return found is not None and bytes(found.content) == CONTENT


def test_a_crawler_does_not_hold_up_the_end() -> None:
    """One of eight gives 2 KB/s: its share is taken by others, its last span is fetched twice, and little is for nothing."""
    bench, source = bench_of(lambda number: 2 * KB if number == 3 else 500 * KB)
    bench.run()
    assert bench.error is None
    assert whole(bench)
    assert bench.took < 5.0
    assert source.sent < 1.01 * len(CONTENT) + 8 * 4096
    assert all(each.error is None for each in bench.reporter.ended)


def test_a_silent_connection_is_replaced_long_before_the_time_out() -> None:
    """Its bytes stay, what it had left is fetched by another, and nobody calls it a failure."""
    silent_after: dict[int, int] = {}

    def speed(number: int) -> float:
        silent_after[number] = 0
        return 0.0 if number == 2 else 400 * KB

    bench, _ = bench_of(speed)
    bench.run(retries=0, timeout=30.0)
    assert bench.error is None
    assert whole(bench)
    assert bench.took < 10.0
    assert sum(each.bytes for each in bench.reporter.ended) >= len(CONTENT)


def test_the_last_one_that_falls_silent_is_given_up_as_a_trial() -> None:
    """Five seconds without a byte of the only connection: it is asked again, which uses up no retry."""
    bench, source = bench_of(lambda _: 500 * KB, lambda _n, _s: None)
    pour = source.pour

    async def once(file: MemoryFile, span: Span, outlet: Outlet, fault: Fault | None) -> None:
        if len(source.came) == 0:
            outlet.write(memoryview(file.content)[:4096])
            source.came.append(0.0)
            await asyncio.sleep(10**6)
        await pour(file, span, outlet, fault)

    source.pour = once  # type: ignore[method-assign]  # the first request alone is different
    bench.run(retries=0, timeout=60.0, connections=1)
    assert bench.error is None
    assert whole(bench)
    assert len(source.came) == 2
    assert 5.0 <= source.came[1] < 7.0


def test_nothing_is_asked_for_while_the_host_wants_peace() -> None:
    """Beyond four it answers 503 and asks for three seconds: the four go on, and no request comes before those are over."""
    asked: list[float] = []
    refused: list[float] = []

    def fault(number: int, _span: Span) -> Fault | None:
        now = asyncio.get_running_loop().time()
        asked.append(now)
        if number < 4:
            return None
        if now >= 3.0 + min(refused, default=now):
            return None
        refused.append(now)
        return Fault(0, ServerBusy("four", retry_after=3.0))

    bench, _ = bench_of(lambda _: 500 * KB, fault)
    bench.run()
    assert bench.error is None
    assert whole(bench)
    assert refused
    assert [at for at in asked if refused[-1] < at < refused[0] + 3.0] == []
    assert bench.observed[-1].connections == 4
