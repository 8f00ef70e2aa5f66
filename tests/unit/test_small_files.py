"""The short way of small files: gathered in memory, published together; and how it gives way to the ordinary one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from random import Random

import pytest

from dlm.model.download import Checkpoint, DownloadSpec
from dlm.model.error import Conflict, DigestMismatch, DlmError, NotSmall, StorageError, Truncated, Unreachable
from dlm.model.message import Commitment, Completing, Gathered, Published, Resolved
from dlm.model.queue import Rates
from dlm.model.resource import Digest, Verification
from dlm.model.span import Span
from dlm.policy.crowd import SMALL
from dlm.policy.naming import numbered
from dlm.ports import Flow, Folders, Unnamed, Whole
from dlm.protocols.memory import Fault, MemoryFile, MemorySource
from dlm.protocols.registry import folders_of
from dlm.storage.memory_files import MemoryStore
from dlm.transfer.bundle import Bundler
from dlm.transfer.gathering import SOON, Gathering
from dlm.transfer.life import InlineWorker
from dlm.transfer.limits import Limiter
from dlm.transfer.work import Tools
from tests.fakes import RememberingReporter, piece_of, some_bytes, start_of
from tests.virtual_time import VirtualClock, run_virtually

URI = "mem://host/file.bin"
CONTENT = some_bytes(100_000)


class Bench:
    """A MemorySource, a MemoryStore, and a worker on them, in virtual time."""

    def __init__(self, file: MemoryFile) -> None:
        self.file = file
        self.store = MemoryStore(numbered)
        self.reporter = RememberingReporter()
        self.clock = VirtualClock()

    def carry(
        self,
        spec: DownloadSpec | None = None,
        *,
        light: bool = False,
        rate: int | None = None,
        checkpoint: Checkpoint | None = None,
        **facts: object,
    ) -> None:
        """Carry it through, at this rate in all, from where an earlier run has left it."""
        start = start_of(spec or DownloadSpec(uris=(URI,), directory="/d"), checkpoint)
        start = replace(start, light=light, download=replace(start.download, **facts))  # type: ignore[arg-type]

        async def run() -> None:
            source = MemorySource({URI: self.file})
            worker = InlineWorker(Tools(One(source), lambda _: self.store, self.clock, Random(1), Limiter(self.clock)))
            worker.limit(Rates(rate, {}), {})
            try:
                await worker.carry(start, self.reporter)
            finally:
                await worker.close()

        run_virtually(run())

    def content(self, name: str = "file.bin") -> bytes | None:
        """What stands under the name."""
        found = self.store.at(f"/d/{name}")
        return None if found is None else bytes(found.content)

    def kinds(self) -> list[type]:
        """What was committed."""
        return [type(each) for each in self.reporter.commitments]


class One:
    """A registry of one Source."""

    def __init__(self, source: MemorySource) -> None:
        self.source = source

    def pick(self, uri: str) -> MemorySource:
        """See `ports.Sources`."""
        return self.source

    def folders(self, uri: str) -> Folders:
        """See `ports.Sources`."""
        return folders_of(self.source, uri)


# --- which way --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, SMALL])
def test_a_small_file_needs_two_commits_and_no_partial_file(size: int) -> None:
    """It is recorded with its name, then as published: nothing else is, and one request is made."""
    bench = Bench(MemoryFile(some_bytes(size)))
    bench.carry()
    assert bench.content() == bench.file.content
    assert bench.kinds() == [Completing, Published]
    assert len(bench.file.requests) == 1
    completing = bench.reporter.commitments[0]
    published = bench.reporter.commitments[1]
    assert isinstance(completing, Completing)
    assert isinstance(published, Published)
    assert completing.checkpoint.downloaded == 0
    assert published.checkpoint is not None
    assert published.checkpoint.downloaded == size
    assert completing.verified.how is Verification.CONSISTENT
    assert any(isinstance(each, Gathered) for each in bench.reporter.news)


def test_a_crash_after_the_name_was_given_is_recognised() -> None:
    """The name stands, nobody recorded that: the next run finds its own file, and claims it as a whole."""
    bench = Bench(MemoryFile(CONTENT))
    bench.carry()
    completing = bench.reporter.commitments[0]
    assert isinstance(completing, Completing)
    bench.reporter.commitments.clear()
    bench.carry(checkpoint=completing.checkpoint, path=completing.path, verified=completing.verified)
    assert bench.kinds() == [Completing, Published]
    again = bench.reporter.commitments[0]
    assert isinstance(again, Completing)
    assert again.checkpoint.downloaded == len(CONTENT)
    assert len(bench.file.requests) == 1


def test_a_crash_before_the_name_was_given_leaves_nothing_to_go_on_from() -> None:
    """The file went with its process: the next run fetches it again."""
    bench = Bench(MemoryFile(CONTENT))
    bench.carry()
    completing = bench.reporter.commitments[0]
    assert isinstance(completing, Completing)
    bench.store.files.clear()
    bench.carry(checkpoint=completing.checkpoint, path=completing.path, verified=completing.verified)
    assert bench.content() == CONTENT
    assert len(bench.file.requests) == 2


@pytest.mark.parametrize(
    "file",
    [MemoryFile(some_bytes(SMALL + 1)), MemoryFile(CONTENT, states_size=False)],
    ids=["large", "unknown size"],
)
def test_others_go_the_ordinary_way_or_not_at_all(file: MemoryFile) -> None:
    """What is larger, or does not say how large it is, has a partial file; as a light start it is given back untouched."""
    ordinary, light = Bench(file), Bench(file)
    ordinary.carry()
    assert ordinary.content() == file.content
    assert Resolved in ordinary.kinds()
    with pytest.raises(NotSmall):
        light.carry(light=True)
    assert light.kinds() == []
    assert light.store.files == {}


def test_a_light_start_is_tried_once() -> None:
    """What fails for a moment is not waited for: the error says why."""
    bench = Bench(MemoryFile(CONTENT, fault=lambda n, _: Fault(0, Unreachable("gone")) if n == 0 else None))
    with pytest.raises(Unreachable):
        bench.carry(light=True)
    assert len(bench.file.requests) == 1
    bench.carry(light=True)
    assert bench.content() == CONTENT


def test_while_a_rate_is_to_be_kept_nothing_takes_the_short_way() -> None:
    """A light start makes no request then; an ordinary one keeps the rate."""
    bench = Bench(MemoryFile(CONTENT))
    with pytest.raises(NotSmall):
        bench.carry(light=True, rate=50_000)
    assert bench.file.requests == []
    bench.carry(rate=50_000)
    assert bench.content() == CONTENT
    assert Resolved in bench.kinds()


@pytest.mark.parametrize("after", [0, 40_000])
def test_what_does_not_come_soon_goes_on_by_the_ordinary_way(after: int) -> None:
    """A server that falls silent in the middle: what had come is kept, and only the rest is asked for again."""
    bench = Bench(MemoryFile(CONTENT, fault=lambda n, _: Fault(after) if n == 0 else None))
    bench.carry(DownloadSpec(uris=(URI,), directory="/d", timeout=5))
    assert bench.content() == CONTENT
    assert Resolved in bench.kinds()
    assert all(span.start >= after for span in bench.file.requests[1:])


def test_what_ends_early_goes_on_by_the_ordinary_way() -> None:
    """A reply that breaks off is a failure like any other, with what it brought kept."""
    bench = Bench(MemoryFile(CONTENT, fault=lambda n, _: Fault(40_000, Truncated("early")) if n == 0 else None))
    bench.carry()
    assert bench.content() == CONTENT
    assert [span.start for span in bench.file.requests] == [0, 40_000]


def test_a_wrong_digest_is_found_and_nothing_is_published() -> None:
    """The user's checksum is held against what is in memory."""
    bench = Bench(MemoryFile(CONTENT))
    with pytest.raises(DigestMismatch, match="is not the file that was asked for"):
        bench.carry(DownloadSpec(uris=(URI,), directory="/d", checksum=Digest("sha-256", bytes(32))))
    assert bench.store.files == {}


def test_a_file_that_stands_there_is_not_replaced() -> None:
    """The next free name is taken, as on the ordinary way; with --overwrite the ordinary way is gone."""
    bench = Bench(MemoryFile(CONTENT))
    bench.store.put("/d/file.bin", b"theirs")
    bench.carry()
    assert bench.content() == b"theirs"
    assert bench.content("file (1).bin") == CONTENT
    bench.carry(DownloadSpec(uris=(URI,), directory="/d", overwrite=True))
    assert bench.content() == CONTENT


# --- gathering --------------------------------------------------------------------------------------------------------


class Shut:
    """An outlet that takes bytes only after it was opened; `most` is where it stops."""

    def __init__(self, most: int = 1 << 30) -> None:
        self.taken = bytearray()
        self.opened = asyncio.Event()
        self.most = most

    def write(self, data: memoryview) -> Flow:
        """See `ports.Outlet`."""
        if not self.opened.is_set():
            return Flow.PAUSE
        self.taken += data[: self.most - len(self.taken)]
        return Flow.STOP if len(self.taken) >= self.most else Flow.MORE

    async def wait_ready(self) -> None:
        """See `ports.Outlet`."""
        await self.opened.wait()


@pytest.mark.parametrize("most", [30_000, 60_000, 1 << 30])
def test_what_was_gathered_is_handed_over_in_order_whatever_the_outlet_does(most: int) -> None:
    """An outlet that is shut at first gets every byte once it opens, and none beyond its end."""

    async def story() -> None:
        file = MemoryFile(CONTENT, fault=lambda n, _: Fault(50_000) if n == 0 else None)
        opening = await MemorySource({URI: file}).open(URI, DownloadSpec(uris=(URI,), directory="/d"))
        gathering, outlet = Gathering(opening), Shut(most)
        began = asyncio.get_running_loop().time()
        assert await gathering.whole() is None
        assert asyncio.get_running_loop().time() - began == pytest.approx(SOON)
        pouring = asyncio.ensure_future(gathering.pour(outlet))
        await asyncio.sleep(5)
        assert outlet.taken == b""
        outlet.opened.set()
        await asyncio.sleep(5)
        assert outlet.taken == CONTENT[: min(most, 50_000)]
        assert pouring.done() is (most <= 50_000)
        pouring.cancel()
        with suppress(asyncio.CancelledError):
            await pouring

    run_virtually(story())


# --- bundles ----------------------------------------------------------------------------------------------------------


class Refusing(RememberingReporter):
    """One that refuses the commitments of some downloads."""

    refused: frozenset[str] = frozenset()

    async def commit(self, message: Commitment) -> None:
        """See `ports.Reporter`."""
        if message.id in self.refused and isinstance(message, Completing):
            raise Conflict("somebody else has it")
        await super().commit(message)


class Failing(MemoryStore):
    """A disk that fails for some names, and is slow to tell that a name is taken."""

    broken: frozenset[str] = frozenset()

    def lay(self, wholes: Sequence[Whole]) -> list[Unnamed | StorageError | None]:
        """See `ports.Store`."""
        laid = super().lay(wholes)
        return [StorageError("broken") if whole.name in self.broken else each for whole, each in zip(wholes, laid, strict=True)]


def publish(store: MemoryStore, reporter: RememberingReporter, names: list[str]) -> list[object]:
    """Publish small files of these names at once; what became of each."""

    async def story() -> list[object]:
        with ThreadPoolExecutor(1) as disk:
            bundler = Bundler(store, disk)
            pieces = [piece_of(f"id{at}", name, str(at).encode(), reporter) for at, name in enumerate(names)]
            return list(await asyncio.gather(*map(bundler.publish, pieces), return_exceptions=True))

    return asyncio.run(story())


def test_many_with_one_name_get_a_name_each() -> None:
    """Fifty files of the same name, and one that stands there already: all are kept, none is replaced."""
    store = MemoryStore(numbered)
    store.put("/d/index.html", b"theirs")
    assert publish(store, RememberingReporter(), ["index.html"] * 50) == [True] * 50
    assert sorted(bytes(file.content) for file in store.files.values()) == sorted(
        [b"theirs", *(str(at).encode() for at in range(50))]
    )


def test_a_name_that_is_taken_at_the_last_moment_is_promised_anew() -> None:
    """The name was free when it was recorded: another is recorded before it is given."""

    class Late(MemoryStore):
        quick = True

        def give_names(self, named: Sequence[tuple[Unnamed, str]]) -> list[str | StorageError]:
            if self.quick:
                self.quick = False
                self.put("/d/a", b"theirs")
            return super().give_names(named)

    store, reporter = Late(numbered), RememberingReporter()
    assert publish(store, reporter, ["a", "b"]) == [True, True]
    promised = [(each.id, each.path) for each in reporter.commitments if isinstance(each, Completing)]
    assert promised == [("id0", "/d/a"), ("id1", "/d/b"), ("id0", "/d/a (1)")]
    assert [each.path for each in reporter.commitments if isinstance(each, Published)] == ["/d/b", "/d/a (1)"]


def test_what_becomes_of_one_changes_nothing_for_the_others() -> None:
    """One disk error and one refused commitment in a bundle of five: three are published, two have their errors."""
    store, reporter = Failing(numbered), Refusing()
    store.broken, reporter.refused = frozenset({"b"}), frozenset({"id3"})
    ends = publish(store, reporter, ["a", "b", "c", "d", "e"])
    assert [each is True for each in ends] == [True, False, True, False, True]
    assert isinstance(ends[1], StorageError)
    assert isinstance(ends[3], Conflict)
    assert sorted(store.files) == ["/d/a", "/d/c", "/d/e"]


def test_a_file_system_without_such_files_is_told_of() -> None:
    """Nothing is committed, and the caller makes a partial file instead."""

    class Plain(MemoryStore):
        def lay(self, wholes: Sequence[Whole]) -> list[Unnamed | StorageError | None]:
            return [None for _ in wholes]

    reporter = RememberingReporter()
    assert publish(Plain(numbered), reporter, ["a", "b"]) == [False, False]
    assert reporter.commitments == []
    bench = Bench(MemoryFile(CONTENT))
    bench.store = Plain(numbered)
    bench.carry()
    assert bench.content() == CONTENT
    assert len(bench.file.requests) == 1
    completing = bench.reporter.commitments[-2]
    assert isinstance(completing, Completing)
    assert completing.checkpoint.done == (Span(0, len(CONTENT)),)


def test_a_database_that_fails_fails_the_bundle() -> None:
    """An error that is of no single file is everybody's."""

    class Broken(RememberingReporter):
        async def commit_all(self, messages: object) -> list[DlmError | None]:
            raise StorageError("the database is gone")

    ends = publish(MemoryStore(numbered), Broken(), ["a", "b"])
    assert [type(each) for each in ends] == [StorageError, StorageError]
