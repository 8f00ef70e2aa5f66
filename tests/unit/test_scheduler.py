"""The scheduler and what it works with, on in-memory twins and in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from dlm.model.error import Conflict, DiskFull, ServerBusy, ServerFailed, Unreachable
from dlm.model.phase import Cause, Order, Phase
from dlm.model.queue import Change, Selection
from dlm.model.rank import Lane, Priority
from dlm.protocols.memory import Fault
from dlm.service.downloads import LocalDownloads
from tests.house import CONTENT, House, play, seconds, spec, wish
from tests.virtual_time import EPOCH

FOREVER = Fault(50_000)
"""The server falls silent after so many bytes."""


@asynccontextmanager
async def working(process: LocalDownloads) -> AsyncIterator[None]:
    """While entered, the process works the queue."""
    run = asyncio.ensure_future(process.run(stay=True))
    await seconds(0.01)
    try:
        yield
    finally:
        run.cancel()
        with suppress(asyncio.CancelledError):
            await run


def test_a_run_works_the_queue_and_ends() -> None:
    """Everything that was added is fetched, then the run is over."""

    async def story(house: House) -> None:
        process = house.process()
        for number in range(7):
            house.serve(f"mem://host/{number}.bin")
        await process.add([wish(f"mem://host/{number}.bin") for number in range(7)])
        assert await house.phases() == [Phase.PENDING] * 7
        await process.run(stay=False)
        assert await house.phases() == [Phase.COMPLETED] * 7
        assert all(bytes(each.content) == CONTENT for each in house.store.files.values())

    play(story)


def test_the_same_is_queued_once() -> None:
    """Adding again what is not finished gives the download that is there."""

    async def story(house: House) -> None:
        process = house.process()
        (first,) = await process.add([wish()])
        (second,) = await process.add([wish()])
        assert (first.known, second.known) == (False, True)
        assert first.download.id == second.download.id

    play(story)


def test_a_failure_that_may_pass_is_tried_again_and_again_and_then_given_up() -> None:
    """Five retries with growing pauses; each time the cause and the next attempt are told."""

    async def story(house: House) -> None:
        process = house.process()
        house.file.fault = lambda _n, _s: Fault(0, ServerFailed("the server failed"))
        await process.add([wish(changes={"retries": 5})])
        dues: list[float] = []
        async with working(process):
            for attempt in range(1, 6):
                while (await house.all())[0].phase is not Phase.WAITING:
                    await seconds(0.1)
                (download,) = await house.all()
                assert download.attempts == attempt
                assert download.due is not None
                assert download.fault is not None
                assert download.fault.kind == "ServerFailed"
                dues.append(download.due - house.clock.wall())
                await seconds(dues[-1] + 0.01)
            await seconds(60)
            (download,) = await house.all()
            assert download.phase is Phase.FAILED
        assert dues[0] < dues[2] < dues[4]

    play(story)


def test_a_waiting_download_holds_no_slot() -> None:
    """With one slot, the broken one does not keep the good one from it."""

    async def story(house: House) -> None:
        process = house.process(jobs=1)
        house.file.fault = lambda _n, _s: Fault(0, ServerFailed("the server failed"))
        house.serve("mem://host/good.bin")
        await process.add([wish(), wish("mem://host/good.bin")])
        async with working(process):
            await seconds(10)
            assert await house.phases() == [Phase.WAITING, Phase.COMPLETED]

    play(story)


def test_a_server_that_asks_for_peace_gets_it_from_all_downloads_of_the_host() -> None:
    """Retry-After is kept for the whole host; other hosts go on."""

    async def story(house: House) -> None:
        process = house.process(jobs=1)
        house.file.fault = lambda n, _s: Fault(0, ServerBusy("busy", retry_after=600)) if n == 0 else None
        house.serve("mem://host/second.bin")
        house.serve("mem://other/third.bin")
        await process.add([wish(), wish("mem://host/second.bin"), wish("mem://other/third.bin")])
        async with working(process):
            await seconds(60)
            assert await house.phases() == [Phase.WAITING, Phase.PENDING, Phase.COMPLETED]
            await seconds(620)
            assert await house.phases() == [Phase.COMPLETED] * 3

    play(story)


def test_a_dead_network_burns_no_attempts() -> None:
    """What cannot be reached while the machine is cut off waits for the network, and goes on when it is back."""

    async def story(house: House) -> None:
        process = house.process()
        house.file.fault = lambda _n, _s: Fault(0, Unreachable("no route")) if not house.network.is_up() else None
        house.network.set(False)
        await process.add([wish()])
        async with working(process):
            await seconds(3600)
            (download,) = await house.all()
            assert (download.phase, download.due, download.attempts) == (Phase.WAITING, None, 0)
            house.network.set(True)
            await seconds(1)
            assert await house.phases() == [Phase.COMPLETED]

    play(story)


def test_a_full_disk_is_waited_for() -> None:
    """However long it is full, the download does not fail; and others go on."""

    async def story(house: House) -> None:
        process = house.process()
        full = [True]
        house.file.fault = lambda _n, _s: Fault(0, DiskFull("no space is left on /d")) if full[0] else None
        await process.add([wish(changes={"retries": 1})])
        async with working(process):
            await seconds(4 * 3600)
            (download,) = await house.all()
            assert download.phase is Phase.WAITING
            assert download.due is not None
            assert download.fault is not None
            assert download.fault.kind == "DiskFull"
            full[0] = False
            await seconds(700)
            assert await house.phases() == [Phase.COMPLETED]

    play(story)


def test_orders_from_another_process_reach_the_one_that_runs() -> None:
    """Pause, resume and cancel are committed by one process and obeyed by the other at once."""

    async def story(house: House) -> None:
        runner, commander = house.process("runner"), house.process("commander")
        house.file.fault = lambda n, _s: FOREVER if n == 0 else None
        (added,) = await commander.add([wish()])
        one = Selection(references=(added.download.id,))
        async with working(runner):
            await seconds(1)
            assert await house.phases() == [Phase.RUNNING]
            await commander.order(Order.PAUSE, one)
            await seconds(0.5)
            (download,) = await house.all()
            assert (download.phase, download.downloaded) == (Phase.PAUSED, 50_000)
            await commander.order(Order.RESUME, one)
            await seconds(1)
            assert await house.phases() == [Phase.COMPLETED]
            assert house.file.requests[1].start == 50_000

    play(story)


def test_cancel_deletes_what_had_come() -> None:
    """Given up means gone; the entry stays, and a retry begins anew."""

    async def story(house: House) -> None:
        process = house.process()
        house.file.fault = lambda n, _s: FOREVER if n == 0 else None
        (added,) = await process.add([wish()])
        one = Selection(references=(added.download.id,))
        async with working(process):
            await seconds(1)
            await process.order(Order.CANCEL, one)
            await seconds(0.5)
            assert await house.phases() == [Phase.CANCELLED]
            assert house.store.files == {}
            await process.order(Order.RETRY, one)
            await seconds(1)
            assert await house.phases() == [Phase.COMPLETED]
            assert house.file.requests[1].start == 0

    play(story)


def test_now_pre_empts_and_gives_back() -> None:
    """One slot: what runs makes room, and comes back before what was queued behind it."""

    async def story(house: House) -> None:
        process = house.process(jobs=1)
        first = house.serve("mem://host/first.bin")
        first.fault = lambda n, _s: FOREVER if n == 0 else None
        for name in ("second", "urgent"):
            house.serve(f"mem://host/{name}.bin")
        await process.add([wish("mem://host/first.bin"), wish("mem://host/second.bin")])
        async with working(process):
            await seconds(1)
            await process.add([wish("mem://host/urgent.bin", lane=Lane.NOW)])
            await seconds(5)
            assert await house.phases() == [Phase.COMPLETED] * 3
        downloads = await house.all()
        assert await house.causes(downloads[0]) == [
            *("claimed", "started", "preempted", "claimed", "started", "transferred", "published"),
        ]
        ends = [download.finished or 0.0 for download in downloads]
        assert ends[2] <= ends[0] <= ends[1]

    play(story)


def test_priorities_and_positions_decide_the_order() -> None:
    """High before normal before low, and what was moved goes first among its equals."""

    async def story(house: House) -> None:
        process = house.process(jobs=1)
        wishes = []
        for name, priority in (("low", Priority.LOW), ("a", Priority.NORMAL), ("b", Priority.NORMAL), ("high", Priority.HIGH)):
            house.serve(f"mem://host/{name}.bin")
            wishes.append(wish(f"mem://host/{name}.bin", priority=priority))
        added = await process.add(wishes)
        standing = await process.move(added[2].download.id, 2)
        assert standing.position == 2
        await process.run(stay=False)
        names = {download.id: download.name for download in await house.all()}
        steps = await house.state.repository.events_since(0, 100)
        claimed = [names[step.id] for step in steps if step.cause is Cause.CLAIMED]
        assert claimed == ["high.bin", "b.bin", "a.bin", "low.bin"]

    play(story)


def test_a_start_time_is_kept() -> None:
    """Nothing moves before it; then it goes by itself."""

    async def story(house: House) -> None:
        process = house.process()
        await process.add([wish(start_at=EPOCH + 7200)])
        async with working(process):
            await seconds(7100)
            assert await house.phases() == [Phase.WAITING]
            await seconds(110)
            assert await house.phases() == [Phase.COMPLETED]

    play(story)


def test_a_closed_window_stops_what_runs_and_opens_again() -> None:
    """EPOCH is some moment of a week; the window is closed for all of that week's days but opens by the clock."""

    async def story(house: House) -> None:
        from datetime import UTC, datetime

        hour = datetime.fromtimestamp(EPOCH, UTC).hour
        closed = f"{(hour + 1) % 24:02d}:00-{(hour + 2) % 24:02d}:00 stop"
        process = house.process(windows=closed)
        house.file.fault = lambda n, _s: {0: FOREVER, 1: Fault(0)}.get(n)
        await process.add([wish(changes={"timeout": 100_000.0})])
        async with working(process):
            await seconds(1)
            assert await house.phases() == [Phase.RUNNING]
            await seconds(3600)
            assert await house.phases() == [Phase.PENDING]
            await seconds(3600)
            assert await house.phases() == [Phase.COMPLETED]

    play(story)


def test_what_a_dead_process_held_comes_back() -> None:
    """Killed without a word: another process sees that it is gone, and goes on from what was durable."""

    async def story(house: House) -> None:
        victim, heir = house.process("victim"), house.process("heir")
        house.file.fault = lambda n, _s: FOREVER if n == 0 else None
        await victim.add([wish()])
        dying = asyncio.ensure_future(victim.run(stay=True))
        await seconds(3)
        assert await house.phases() == [Phase.RUNNING]
        house.alive.discard("victim")
        await heir.run(stay=False)
        assert await house.phases() == [Phase.COMPLETED]
        assert 50_000 in [span.start for span in house.file.requests]
        dying.cancel()
        with suppress(asyncio.CancelledError):
            await dying
        assert await house.phases() == [Phase.COMPLETED]

    play(story)


def test_a_stopped_run_gives_everything_back() -> None:
    """Ctrl-C: pending again, with what had come, and nobody's."""

    async def story(house: House) -> None:
        process = house.process()
        house.file.fault = lambda _n, _s: FOREVER
        await process.add([wish()])
        async with working(process):
            await seconds(1)
        (download,) = await house.all()
        assert (download.phase, download.owner, download.downloaded) == (Phase.PENDING, None, 50_000)
        assert download.lane is Lane.RETURNING

    play(story)


def test_a_run_leaves_a_foreground_fetch_alone() -> None:
    """`get` claims all of its downloads at once, also those that wait for their turn."""

    async def story(house: House) -> None:
        getter, runner = house.process("getter"), house.process("runner")
        house.file.fault = lambda n, _s: FOREVER if n == 0 else None
        house.serve("mem://host/later.bin")
        fetching = asyncio.ensure_future(getter.fetch([spec(timeout=100_000.0), spec("mem://host/later.bin")], 1))
        await seconds(1)
        await runner.run(stay=False)
        assert await house.phases() == [Phase.RUNNING, Phase.SCHEDULED]
        (first, _) = await house.all()
        await runner.order(Order.PAUSE, Selection(references=(first.id,)))
        outcomes = await fetching
        assert [outcome.download.phase for outcome in outcomes] == [Phase.PAUSED, Phase.COMPLETED]

    play(story)


def test_a_rate_may_change_while_it_runs_and_other_things_may_not() -> None:
    """A live edit of the limit reaches the transfer; another directory has to wait for a pause."""

    async def story(house: House) -> None:
        process = house.process()
        house.file.fault = lambda _n, _s: FOREVER
        (added,) = await process.add([wish()])
        async with working(process):
            await seconds(1)
            edited = await process.edit(added.download.id, Change(fields={"limit_rate": 1000}))
            assert edited.spec.limit_rate == 1000
            with pytest.raises(Conflict, match="pause it"):
                await process.edit(added.download.id, Change(fields={"directory": "/e"}))
            await seconds(0.1)
            assert (await process.explain(added.download.id)).constraints

    play(story)


def test_removal_of_a_running_download_stops_it_first() -> None:
    """Its traffic ends, its partial file goes, and nothing is left of it."""

    async def story(house: House) -> None:
        runner, commander = house.process("runner"), house.process("commander")
        house.file.fault = lambda _n, _s: FOREVER
        (added,) = await commander.add([wish()])
        async with working(runner):
            await seconds(1)
            (removed,) = await commander.remove(Selection(references=(added.download.id,)), delete_files=False)
            assert removed.refusal is None
            assert await house.all() == []
            assert house.store.files == {}

    play(story)
