"""LocalDownloads: what a command finds, takes up, leaves and removes; on in-memory twins throughout."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import pytest

from dlm.model.download import Download, DownloadId
from dlm.model.error import (
    DigestMismatch,
    DownloadNotFound,
    IntegrityError,
    InvalidRequest,
    StorageError,
    Unreachable,
    UnsupportedUri,
)
from dlm.model.event import DownloadAdded, Event, Lagged, PhaseChanged, ProgressMade
from dlm.model.message import Progressed
from dlm.model.phase import Order, Phase
from dlm.model.queue import Selection
from dlm.model.resource import Digest, Verification
from dlm.model.span import Span
from dlm.ports import HostPolicy, Outcome
from dlm.protocols.memory import Fault
from dlm.service.bus import EventBus
from dlm.service.downloads import LocalDownloads
from tests.fakes import some_bytes
from tests.house import CONTENT, House, play, seconds, spec


async def fetch(process: LocalDownloads, **changes: Any) -> Outcome:
    """Fetch one."""
    (outcome,) = await process.fetch([spec(**changes)], 1)
    return outcome


def test_a_second_fetch_says_that_it_is_complete_and_asks_nobody() -> None:
    """The same command again: no request, the same download."""

    async def story(house: House) -> None:
        first = await fetch(house.process())
        asked = len(house.file.requests)
        second = await fetch(house.process())
        assert (first.already, second.already) == (False, True)
        assert second.download.id == first.download.id
        assert len(house.file.requests) == asked

    play(story)


def test_a_file_that_is_gone_or_cut_is_fetched_again() -> None:
    """What is not there any more is not called complete."""

    async def story(house: House) -> None:
        first = await fetch(house.process())
        del house.store.files["/d/file.bin"]
        second = await fetch(house.process())
        assert not second.already
        assert second.download.id == first.download.id
        house.store.files["/d/file.bin"].content = bytearray(b"cut")
        third = await fetch(house.process())
        assert third.download.path == "/d/file (1).bin"

    play(story)


def test_another_checksum_another_range_or_overwrite_is_another_wish() -> None:
    """What is asked for now counts, not what was asked for then."""

    async def story(house: House) -> None:
        await fetch(house.process())
        right = Digest("sha-256", hashlib.sha256(CONTENT).digest())
        checked = await fetch(house.process(), checksum=right, overwrite=True)
        assert checked.download.verified is not None
        assert checked.download.verified.how is Verification.VERIFIED
        part = await fetch(house.process(), range=Span(0, 100))
        assert part.download.id != checked.download.id
        assert house.store.files["/d/file (1).bin"].content == CONTENT[:100]

    play(story)


def test_a_failed_download_is_taken_up_again_with_the_new_wishes() -> None:
    """A wrong password yesterday, the right one today: the same download goes on."""

    async def story(house: House) -> None:
        house.file.fault = lambda n, _: {0: Fault(50_000, Unreachable("gone")), 1: Fault(0, Unreachable("gone"))}.get(n)
        failed = await fetch(house.process(), retries=0)
        assert failed.download.phase is Phase.FAILED
        assert failed.download.fault is not None
        assert failed.download.fault.code == 5
        done = await fetch(house.process(), user="name:password")
        assert done.download.phase is Phase.COMPLETED
        assert done.download.id == failed.download.id
        assert done.download.spec.user == "name:password"
        assert house.file.requests[2].start == 50_000

    play(story)


def test_what_a_killed_process_left_is_taken_over_at_once() -> None:
    """Its lease has not run out, but its process is gone: nobody waits."""

    async def story(house: House) -> None:
        house.file.fault = lambda n, _: Fault(50_000) if n == 0 else None
        victim = asyncio.ensure_future(fetch(house.process("victim")))
        while not house.file.requests:
            await asyncio.sleep(0)
        await seconds(0.5)
        house.alive.discard("victim")
        done = await fetch(house.process("heir"))
        assert done.download.phase is Phase.COMPLETED
        victim.cancel()
        with pytest.raises(asyncio.CancelledError):
            await victim
        (still,) = await house.all()
        assert still.phase is Phase.COMPLETED, "the victim's end changes nothing"

    play(story)


def test_what_a_living_process_fetches_is_left_to_it() -> None:
    """Two commands for the same file: the second says who is at it, and touches nothing."""

    async def story(house: House) -> None:
        house.file.fault = lambda n, _: Fault(50_000) if n == 0 else None
        first = asyncio.ensure_future(fetch(house.process("42:1:1:1")))
        while not house.file.requests:
            await asyncio.sleep(0)
        second = await fetch(house.process("other"))
        assert second.download.fault is not None
        assert "process 42" in second.download.fault.message
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first

    play(story)


def test_what_is_removed_while_it_ends_counts_as_cancelled() -> None:
    """Its user is quicker than the last look at it: nobody meets an error."""

    async def story(house: House) -> None:
        house.file.content = some_bytes(1_000_000)
        house.file.fault = lambda _n, _: Fault(50_000)
        known, looked = house.state.repository.get, house.state.repository

        async def gone(id: DownloadId) -> Download:
            raise DownloadNotFound(f"there is no download {id}")

        running = asyncio.ensure_future(fetch(house.process(), connections=1))
        await seconds(0.5)
        (download,) = await house.all()
        looked.get = gone  # type: ignore[method-assign]
        await house.process("other").order(Order.CANCEL, Selection())
        assert (await running).download.phase is Phase.CANCELLED
        looked.get = known  # type: ignore[method-assign]
        assert (await known(download.id)).id == download.id

    play(story)


def test_an_interrupted_fetch_is_left_paused() -> None:
    """Ctrl-C: nothing is claimed any more, and the next command goes on."""

    async def story(house: House) -> None:
        house.file.content = some_bytes(1_000_000)
        house.file.fault = lambda n, _: Fault(50_000) if n == 0 else None
        running = asyncio.ensure_future(fetch(house.process(), connections=1))
        await seconds(0.5)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        (left,) = await house.all()
        assert (left.phase, left.owner, left.downloaded) == (Phase.PAUSED, None, 50_000)
        done = await fetch(house.process())
        assert done.download.phase is Phase.COMPLETED

    play(story)


def test_what_cannot_be_served_leaves_no_trace() -> None:
    """One bad address among good ones: nothing is added at all."""

    async def story(house: House) -> None:
        with pytest.raises(UnsupportedUri):
            await house.process().fetch([spec(), spec(uris=("gopher://host/",))], 2)
        assert await house.all() == []

    play(story)


def test_removal_takes_the_partial_file_and_the_finished_one_only_when_asked() -> None:
    """A finished file is the user's."""

    async def story(house: House) -> None:
        process = house.process()
        done = await fetch(process)
        await process.remove(Selection(references=(done.download.id[:6],)), delete_files=False)
        assert "/d/file.bin" in house.store.files
        del house.store.files["/d/file.bin"]
        again = await fetch(process)
        await process.remove(Selection(references=(again.download.id,)), delete_files=True)
        assert house.store.files == {}
        house.file.fault = lambda n, _: Fault(50_000, Unreachable("gone")) if n % 2 == 0 else Fault(0, Unreachable("gone"))
        failed = await fetch(process, retries=0)
        assert list(house.store.files) == ["/d/file.bin.part"]
        await process.remove(Selection(references=(failed.download.id,)), delete_files=False)
        assert house.store.files == {}
        with pytest.raises(DownloadNotFound):
            await process.show(failed.download.id)

    play(story)


def test_verify_reads_the_file_again() -> None:
    """Damage, a missing file and an unfinished download are told apart."""

    async def story(house: House) -> None:
        process = house.process()
        right = Digest("sha-256", hashlib.sha256(CONTENT).digest())
        done = await fetch(process, checksum=right)
        assert (await process.verify(done.download.id)).how is Verification.VERIFIED
        house.store.files["/d/file.bin"].content[77] ^= 1
        with pytest.raises(DigestMismatch, match="damaged"):
            await process.verify(done.download.id)
        house.store.files["/d/file.bin"].content = bytearray(b"short")
        with pytest.raises(IntegrityError):
            await process.verify(done.download.id)
        del house.store.files["/d/file.bin"]
        with pytest.raises(StorageError, match="gone"):
            await process.verify(done.download.id)
        house.file.fault = lambda _n, _s: Fault(0, Unreachable("gone"))
        failed = await fetch(process, retries=0, output="other.bin")
        with pytest.raises(InvalidRequest, match="not complete"):
            await process.verify(failed.download.id)

    play(story)


def test_events_tell_the_whole_story_in_order() -> None:
    """Added, every phase, and progress in between."""

    async def story(house: House) -> None:
        house.file.content = some_bytes(1_000_000)
        process = house.process()
        events = process.events()
        await fetch(process)
        await process.close()
        seen: list[Event] = [event async for event in events]
        assert isinstance(seen[0], DownloadAdded)
        phases = [event.transition.target.value for event in seen if isinstance(event, PhaseChanged)]
        assert phases == ["scheduled", "running", "completing", "completed"]
        assert any(isinstance(event, ProgressMade) for event in seen)

    play(story)


def test_a_host_that_tolerates_little_is_remembered() -> None:
    """What was learned bounds the next download's connections."""

    async def story(house: House) -> None:
        await house.state.queue.learn(HostPolicy("host:mem", 1, True, house.clock.wall()))
        house.file.content = some_bytes(30_000_000)
        house.file.chunk = 65536
        done = await fetch(house.process(), connections=16)
        assert done.download.phase is Phase.COMPLETED
        assert len(house.file.requests) == 1

    play(story)


def progress(id: str, downloaded: int) -> ProgressMade:
    """A sample."""
    return ProgressMade(
        Progressed(
            id=id,  # type: ignore[arg-type]
            total=10,
            downloaded=downloaded,
            instantaneous_speed=0.0,
            smoothed_speed=0.0,
            eta=None,
        )
    )


def test_a_slow_reader_gets_the_newest_sample_of_each_download() -> None:
    """Samples that nobody has taken are replaced; their place in the order is kept."""

    async def story() -> None:
        bus = EventBus()
        events = bus.subscribe()
        for step in range(100):
            bus.publish(progress("a", step))
            bus.publish(progress("b", step))
        bus.close()
        seen = [event.progress.downloaded async for event in events if isinstance(event, ProgressMade)]
        assert seen == [99, 99]

    asyncio.run(story())


def test_a_reader_that_falls_behind_is_told_how_much_it_missed() -> None:
    """It costs nobody anything: what has no room is counted, and said once everything before it has been read."""

    async def story() -> None:
        bus = EventBus()
        slow, quick = bus.subscribe(capacity=3), bus.subscribe()
        for step in range(10):
            bus.publish(ProgressMade(progress(str(step), step).progress))
        bus.close()
        assert [type(event) async for event in quick] == [ProgressMade] * 10
        assert [type(event) async for event in slow] == [ProgressMade] * 3 + [Lagged]

    asyncio.run(story())


def test_the_same_asked_for_twice_in_one_command_is_carried_once() -> None:
    """Two wordings of one wish: one download, one transfer, two equal answers."""

    async def story(house: House) -> None:
        outcomes = await house.process().fetch([spec(), spec(retries=3)], 2)
        assert outcomes[0].download == outcomes[1].download
        assert outcomes[0].download.phase is Phase.COMPLETED
        assert len(house.store.files) == len(house.file.requests) == 1

    play(story)
