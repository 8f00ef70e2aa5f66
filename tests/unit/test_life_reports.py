"""What a running transfer says: samples and their reasons, connections that ended, what was learned; how long it sleeps."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest

from dlm.model.download import DownloadId, DownloadSpec
from dlm.model.error import DiskFull, NotFound, ServerBusy, ServerFailed, TimedOut, TransferError, Truncated, Unreachable
from dlm.model.message import Observed, Start
from dlm.model.queue import Rates
from dlm.model.span import Span
from dlm.policy.naming import numbered
from dlm.ports import Flow, Folders, Outlet
from dlm.protocols.memory import Fault, MemoryFile, MemorySource
from dlm.storage.memory_files import MemorySink, MemoryStore
from dlm.transfer.life import InlineWorker
from dlm.transfer.limits import Limiter
from dlm.transfer.work import Tools
from tests.fakes import RememberingReporter, VirtualClock, in_virtual_time, some_bytes, start_of

URI = "mem://host:9/file.bin"
CONTENT = some_bytes(3_000_000)
MB = 1_000_000


class Timed(MemorySource):
    """Gives each connection `speed` bytes a second, of virtual time."""

    def __init__(self, files: dict[str, MemoryFile], speed: int = 10**9) -> None:
        super().__init__(files)
        self.speed = speed
        self.busy = 0
        """Connections that it serves."""

    def pick(self, uri: str) -> Timed:
        """See `ports.Sources`."""
        return self

    def folders(self, uri: str) -> Folders:
        """See `ports.Sources`."""
        return self

    async def pour(self, file: MemoryFile, span: Span, outlet: Outlet, fault: Fault | None) -> None:
        """See `MemorySource`; slower."""
        self.busy += 1
        try:
            await self._pour_slowly(file, span, outlet, fault)
        finally:
            self.busy -= 1

    async def _pour_slowly(self, file: MemoryFile, span: Span, outlet: Outlet, fault: Fault | None) -> None:
        end = span.stop if fault is None else min(span.stop, span.start + fault.after)
        for at in range(span.start, end, file.chunk):
            piece = memoryview(file.content)[at : min(end, at + file.chunk)]
            await asyncio.sleep(len(piece) / self.speed)
            while (flow := outlet.write(piece)) is Flow.PAUSE:
                await outlet.wait_ready()
            if flow is Flow.STOP:
                return
        await super().pour(file, Span(end, end), outlet, fault and replace(fault, after=0))


class Bench:
    """A worker on twins, in virtual time."""

    def __init__(self, fault: Callable[[int, Span], Fault | None] = lambda _number, _span: None, speed: int = 10**9) -> None:
        self.file = MemoryFile(CONTENT, fault=fault, chunk=4096)
        self.source = Timed({URI: self.file}, speed)
        self.store = MemoryStore(numbered)
        self.reporter = RememberingReporter()
        self.error: BaseException | None = None
        self.took = 0.0
        self.worker: InlineWorker
        self.id: DownloadId

    def run(
        self,
        *,
        patience: float = 120.0,
        after: float | None = None,
        then: Callable[[Bench, asyncio.Task[None]], object] = lambda _bench, task: task.cancel(),
        rates: Rates | None = None,
        **changes: object,
    ) -> Bench:
        """Carry it to its end, whichever. `then` is called `after` so many seconds."""

        async def body() -> None:
            clock = VirtualClock()
            self.worker = InlineWorker(Tools(self.source, lambda _: self.store, clock, Random(1), Limiter(clock)))
            self.worker.limit(rates or Rates(), {})
            spec = replace(DownloadSpec(uris=(URI,), directory="/d"), **changes)  # type: ignore[arg-type]  # by name
            start: Start = replace(start_of(spec), patience=patience)
            self.id = start.download.id
            running = asyncio.ensure_future(self.worker.carry(start, self.reporter))
            if after is not None:
                asyncio.get_running_loop().call_later(after, then, self, running)
            await asyncio.wait([running])
            self.took = clock.monotonic()
            with contextlib.suppress(asyncio.CancelledError):
                self.error = running.exception()

        in_virtual_time(body())
        return self

    @property
    def observed(self) -> list[Observed]:
        """What was learned."""
        return [each for each in self.reporter.commitments if isinstance(each, Observed)]


def breaks(after: int, error: TransferError) -> Callable[[int, Span], Fault | None]:
    """The first connection brings so much, and no other anything."""
    return lambda number, _span: Fault(0 if number else after, error)


def no_third() -> Bench:
    """A server of 100 KB/s a connection that serves two."""
    bench = Bench(lambda _number, _span: Fault(0, ServerBusy("no more")) if bench.source.busy >= 2 else None, speed=100_000)
    return bench


def gives(after: int, error: TransferError | None) -> Callable[[int, Span], Fault | None]:
    """Every connection ends so."""
    return lambda _number, _span: Fault(after, error)


# --- samples ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rates", "own", "limited"),
    [
        (Rates(MB), None, "total"),
        (Rates(None, {"host:9": MB}), None, "host"),
        (Rates(), MB, "download"),
        (Rates(100 * MB), None, None),
        (Rates(None, {"other:9": MB}), None, None),
    ],
)
def test_a_sample_names_the_limit_that_held_it_back(rates: Rates, own: int | None, limited: str | None) -> None:
    """Total, host or download; nothing where a limit is there but the server is slower."""
    bench = Bench(speed=2 * MB).run(rates=rates, limit_rate=own)
    assert {sample.limited for sample in bench.reporter.samples[1:-1]} == {limited}
    assert bench.took == pytest.approx(3.0 if limited else 1.5, rel=0.1)


def test_a_limit_changed_live_holds_at_once() -> None:
    """Half a second at 1 MB/s, the rest at 10: as long as that takes, through the worker's own `limit`."""
    bench = Bench()
    bench.run(after=0.5, then=lambda bench, _: bench.worker.limit(Rates(10 * MB), {bench.id: None}), limit_rate=MB)
    assert bench.took == pytest.approx(0.5 + 2.5 / 10, rel=0.05)


def test_a_limited_download_opens_no_more_connections() -> None:
    """While our own limit holds it back, one is enough; where each gives too little, more are opened, until it binds."""
    bench = Bench().run(rates=Rates(MB))
    assert len(bench.file.requests) == 1
    assert {sample.ceiling for sample in bench.reporter.samples} == {1}
    bench = Bench(speed=50_000).run(rates=Rates(150_000))
    assert max(len(sample.connections) for sample in bench.reporter.samples) == 4
    assert bench.reporter.samples[-1].ceiling == 4


def test_connections_that_a_limit_makes_needless_are_not_replaced() -> None:
    """One that breaks is not opened again while the limit binds; when it is lifted, as many as before are."""
    counts: list[int] = []
    active: list[int] = []

    def note(bench: Bench) -> None:
        counts.append(len(bench.file.requests))
        active.append(len(bench.reporter.samples[-1].connections))

    def hold(bench: Bench, _task: object) -> None:
        note(bench)
        bench.worker.limit(Rates(20_000), {})
        asyncio.get_running_loop().call_later(50.0, lift, bench)

    def lift(bench: Bench) -> None:
        note(bench)
        bench.worker.limit(Rates(), {})

    def fault(number: int, _span: Span) -> Fault | None:
        return Fault(150_000, Truncated("cut")) if number == 5 else None

    bench = Bench(fault, speed=50_000).run(after=5.0, then=hold, connections=4)
    assert bench.error is None
    assert (active[0], counts[0]) == (4, counts[1])
    assert active[1] < 4
    assert len(bench.file.requests) > counts[1]


@pytest.mark.parametrize(
    ("fault", "after"), [(breaks(700_000, Unreachable("gone")), None), (gives(700_000, None), 1.0)], ids=["failed", "stopped"]
)
def test_the_last_sample_is_always_posted(fault: Callable[[int, Span], Fault | None], after: float | None) -> None:
    """However it ends, the last word is what has come, and that no connection is left."""
    bench = Bench(fault, speed=10 * MB).run(retries=0, after=after, connections=1)
    assert bench.reporter.durable is not None
    last = bench.reporter.samples[-1]
    assert (last.downloaded, last.connections) == (bench.reporter.durable.downloaded, ())
    assert last.downloaded == 700_000
    last = Bench().run().reporter.samples[-1]
    assert (last.downloaded, last.connections) == (len(CONTENT), ())


def test_a_sample_tells_of_a_refusal() -> None:
    """Two are served and no third: the samples say so, and how many are allowed from then on."""
    bench = no_third().run()
    assert bench.error is None
    assert not bench.reporter.samples[0].refused
    assert bench.reporter.samples[-1].refused
    assert bench.reporter.samples[-1].ceiling == 2


# --- connections ------------------------------------------------------------------------------------------------------


def test_every_connection_that_ends_is_told_of() -> None:
    """Broken, silent to its first byte, well: bytes, seconds and the error's sentence; together they brought the file."""
    broken = {0: Fault(1_000_000, Truncated("cut short")), 1: Fault(0, Unreachable("gone"))}
    bench = Bench(lambda number, _: broken.get(number), speed=MB).run(connections=1)
    ended = bench.reporter.ended
    assert [(each.bytes, each.error) for each in ended] == [(1_000_000, "cut short"), (0, "gone"), (2_000_000, None)]
    assert [each.elapsed for each in ended] == pytest.approx([1.0, 0.0, 2.0], abs=0.01)
    assert {(each.host, each.number) for each in ended} == {("host:9", 0)}


def test_connections_that_are_stopped_have_no_error() -> None:
    """All of them, each once."""
    bench = Bench(speed=100_000).run(after=5.0)
    most = max(len(sample.connections) for sample in bench.reporter.samples)
    assert most > 1
    assert [each.error for each in bench.reporter.ended] == [None] * len(bench.file.requests)


def test_a_connection_that_never_came_to_be_is_told_of() -> None:
    """Tries to open count, too."""
    bench = Bench(lambda number, _: Fault(0, Unreachable("no route")) if number < 2 else None).run()
    assert [each.error for each in bench.reporter.ended] == ["no route", "no route", None]


def test_of_a_foreign_error_only_its_kind_is_told() -> None:
    """Nobody knows what is in its text."""

    def defect(number: int, _span: Span) -> Fault | None:
        if number == 1:
            raise ValueError("token=secret")
        return Fault(500_000, Truncated("cut"))

    bench = Bench(defect).run()
    assert isinstance(bench.error, ValueError)
    assert [each.error for each in bench.reporter.ended] == ["cut", "ValueError"]


# --- what was learned -------------------------------------------------------------------------------------------------


def test_what_was_learned_is_told_once() -> None:
    """Ranges are served; how many connections are tolerated was not found out."""
    bench = Bench().run()
    assert bench.observed == [Observed(bench.id, "host:9", None, ranges=True)]


def test_a_limit_of_connections_is_learned() -> None:
    """The server refused the third: it tolerates two."""
    bench = no_third().run()
    assert [each.connections for each in bench.observed] == [2]


def test_a_bad_end_teaches_too() -> None:
    """The host failed in the middle, and is told of."""
    bench = Bench(breaks(500_000, ServerFailed("oops")), speed=MB).run(retries=0, connections=1)
    assert isinstance(bench.error, ServerFailed)
    assert bench.observed == [Observed(bench.id, "host:9", None, ranges=True)]


@pytest.mark.parametrize("after", [0, 500_000])
def test_a_host_that_wants_peace_is_told_of(after: int) -> None:
    """`Retry-After` beyond our patience ends it, whether at the first request or in the middle, and is passed on."""

    def fault(number: int, _span: Span) -> Fault | None:
        return Fault(after, Truncated("cut")) if after and number == 0 else Fault(0, ServerBusy("later", retry_after=50.0))

    bench = Bench(fault).run(patience=2.0)
    assert isinstance(bench.error, ServerBusy)
    assert [each.retry_after for each in bench.observed] == pytest.approx([50.0])
    assert bench.took < 1.0


def test_peace_that_is_over_is_not_asked_for_again() -> None:
    """It came back after the time that the host had asked for, and was served."""
    bench = Bench(lambda number, _: Fault(500_000, ServerBusy("soon", retry_after=1.0)) if number == 0 else None).run()
    assert bench.error is None
    assert [each.retry_after for each in bench.observed] == [None]


def test_this_machines_own_errors_teach_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk says nothing about the host; nor does a stop, nor an address that has nothing."""

    def full(_sink: object, offset: int, _data: memoryview) -> None:
        raise DiskFull(f"no space at {offset}")

    bench = Bench()
    with monkeypatch.context() as patch:
        patch.setattr(MemorySink, "write", full)
        bench.run()
    assert isinstance(bench.error, DiskFull)
    assert bench.observed == []
    assert Bench(speed=MB).run(after=1.0).observed == []
    bench = Bench(gives(0, NotFound("nothing"))).run()
    assert isinstance(bench.error, NotFound)
    assert bench.observed == []


# --- patience ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        gives(0, Unreachable("the name of the host is not known")),
        lambda number, _: Fault(500_000 if number == 0 else 0, Unreachable("no route")),
        gives(0, ServerBusy("in a minute", retry_after=60.0)),
        lambda number, _: Fault(500_000, None) if number == 0 else Fault(0, ServerBusy("in a minute", retry_after=60.0)),
    ],
    ids=["unknown host", "no route", "busy", "silent, then busy"],
)
def test_a_slot_is_not_slept_in(fault: Callable[[int, Span], Fault | None]) -> None:
    """With little patience it ends with the error instead of sleeping; what is left of the time is the time-outs."""
    bench = Bench(fault).run(patience=2.0, retries=20, timeout=1.0)
    assert isinstance(bench.error, TransferError)
    assert bench.took < 6.0


@pytest.mark.parametrize(("patience", "took"), [(2.0, 30.0), (120.0, 180.0)])
def test_silence_is_borne_once_in_a_slot(patience: float, took: float) -> None:
    """A time-out in vain is wait enough for one that can wait outside; a foreground tries as often as it was told."""
    bench = Bench(gives(0, None)).run(patience=patience, retries=5, connections=1)
    assert isinstance(bench.error, TimedOut)
    assert took <= bench.took <= took * 1.2


def test_a_server_without_ranges_is_not_slept_for_either() -> None:
    """It begins at byte 0 again and again, within the same bound."""
    bench = Bench(gives(500_000, ServerBusy("in a minute", retry_after=60.0)))
    bench.file.ranged = False
    bench.run(patience=2.0)
    assert isinstance(bench.error, ServerBusy)
    assert bench.took < 1.0
