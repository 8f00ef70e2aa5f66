"""The pool, with children that say what the test says, and a clock that the test turns."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from dlm.model.download import DownloadId, DownloadSpec
from dlm.model.error import Conflict, DiskFull, InvalidRequest, NotFound, ServerBusy, WorkerLost
from dlm.model.message import Commitment, ConnectionEnded, Observed, Progressed, Published, Start
from dlm.model.queue import Rates
from dlm.workers.member import LOOK, LOOKS
from dlm.workers.pool import IDLE, WorkerPool
from dlm.workers.process import Process
from dlm.workers.wire import Acknowledge, Commit, Ended, Failure, Load, Post, Reject
from tests.crew import HandClock, HandCrew, settle
from tests.fakes import RememberingReporter, start_of


class Bench:
    """A pool, its children, and its clock."""

    def __init__(self, most: int = 2) -> None:
        self.clock = HandClock()
        self.crew = HandCrew()
        self.pool = WorkerPool(most, self.clock, self.crew)
        self.tasks: list[asyncio.Task[None]] = []

    async def carry(
        self, start: Start | None = None, reporter: RememberingReporter | None = None
    ) -> tuple[DownloadId, asyncio.Task[None]]:
        """Begin to carry a download."""
        start = start or a_start()
        task = asyncio.ensure_future(self.pool.carry(start, reporter or RememberingReporter()))
        self.tasks.append(task)
        await settle()
        return start.download.id, task


def play(scenario: Callable[[Bench], Awaitable[None]], most: int = 2) -> None:
    """Run it, and close the pool after it: no task is left then."""

    async def whole() -> None:
        bench = Bench(most)
        await scenario(bench)
        for child in bench.crew.children:
            await child.leave()
        await bench.pool.close()
        await asyncio.gather(*bench.tasks, return_exceptions=True)
        await settle()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(whole())


def a_start(uri: str = "http://h/f") -> Start:
    """Of a download of its own."""
    return start_of(DownloadSpec(uris=(uri,), directory="/d"))


def a_sample(id: DownloadId, speed: float = 1.0, limited: str | None = None) -> Progressed:
    """News of a download."""
    return Progressed(id=id, total=9, downloaded=1, instantaneous_speed=speed, smoothed_speed=speed, eta=None, limited=limited)


class SlowReporter(RememberingReporter):
    """One whose commitments are durable when the test says so, or are refused."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.refusal: Exception | None = None

    async def commit(self, message: Commitment) -> None:
        self.commitments.append(message)
        await self.gate.wait()
        if self.refusal is not None:
            raise self.refusal


# --- carrying ---------------------------------------------------------------------------------------------------------


def test_a_download_goes_to_a_child_and_ends_when_it_says_so() -> None:
    """Nothing is started before it is needed; `Ended` ends the carry."""

    async def scenario(bench: Bench) -> None:
        assert bench.pool.carriers == 0
        id, task = await bench.carry()
        assert bench.pool.carriers == 1
        assert bench.crew.children[0].carried == [id]
        assert not task.done()
        await bench.crew.children[0].say(Ended(id))
        await task

    play(scenario)


def test_the_error_that_ended_it_is_raised() -> None:
    """As its class, with its attributes."""

    async def scenario(bench: Bench) -> None:
        id, task = await bench.carry()
        await bench.crew.children[0].say(Ended(id, Failure.of(ServerBusy("later", uri="http://h/f", retry_after=9.0))))
        with pytest.raises(ServerBusy, match="later") as raised:
            await task
        assert raised.value.retry_after == 9.0

    play(scenario)


def test_a_commitment_is_acknowledged_only_when_it_is_durable() -> None:
    """The child hears of it after the reporter's `commit` has returned, and not before."""

    async def scenario(bench: Bench) -> None:
        reporter = SlowReporter()
        id, _ = await bench.carry(reporter=reporter)
        child = bench.crew.children[0]
        await child.say(Commit(7, Published(id, "/d/f")))
        assert reporter.commitments == [Published(id, "/d/f")]
        assert Acknowledge(7) not in child.heard
        reporter.gate.set()
        await settle()
        assert Acknowledge(7) in child.heard

    play(scenario)


def test_a_slow_commitment_of_one_download_holds_up_no_other() -> None:
    """Commitments of several downloads are under way at once."""

    async def scenario(bench: Bench) -> None:
        slow = SlowReporter()
        first, _ = await bench.carry(reporter=slow)
        second, _ = await bench.carry()
        child = bench.crew.children[0]
        await child.say(Commit(1, Published(first, "/d/f")), Commit(2, Published(second, "/d/g")))
        assert child.heard[-1] == Acknowledge(2)
        slow.gate.set()
        await settle()
        assert child.heard[-1] == Acknowledge(1)

    play(scenario)


def test_commitments_of_one_download_are_made_in_their_order() -> None:
    """A checkpoint is never overtaken by a later one, and then written over it."""

    async def scenario(bench: Bench) -> None:
        reporter = SlowReporter()
        id, _ = await bench.carry(reporter=reporter)
        await bench.crew.children[0].say(Commit(1, Published(id, "/d/1")), Commit(2, Published(id, "/d/2")))
        assert len(reporter.commitments) == 1
        reporter.gate.set()
        await settle()
        assert [each.path for each in reporter.commitments if isinstance(each, Published)] == ["/d/1", "/d/2"]

    play(scenario)


@pytest.mark.parametrize(
    ("refusal", "kind"), [(Conflict("not yours"), "Conflict"), (DiskFull("full"), "DiskFull"), (KeyError("x"), "Defect")]
)
def test_a_refused_commitment_travels_back(refusal: Exception, kind: str) -> None:
    """The child gets the error, whatever it is, and decides what to do about it."""

    async def scenario(bench: Bench) -> None:
        reporter = SlowReporter()
        reporter.refusal = refusal
        reporter.gate.set()
        id, _ = await bench.carry(reporter=reporter)
        child = bench.crew.children[0]
        await child.say(Commit(1, Published(id, "/d/f")))
        reply = child.heard[-1]
        assert isinstance(reply, Reject)
        assert reply.failure.error().kind == kind

    play(scenario)


def test_a_carry_is_over_only_when_its_commitments_are() -> None:
    """What a cancelled transfer had still sent is recorded before another may have the download."""

    async def scenario(bench: Bench) -> None:
        reporter = SlowReporter()
        id, task = await bench.carry(reporter=reporter)
        await bench.crew.children[0].say(Commit(1, Published(id, "/d/f")), Ended(id))
        assert not task.done()
        reporter.gate.set()
        await task

    play(scenario)


def test_a_commitment_for_nobody_is_refused() -> None:
    """A child that speaks of a download that it does not have is told so."""

    async def scenario(bench: Bench) -> None:
        await bench.carry()
        child = bench.crew.children[0]
        await child.say(Commit(1, Observed(DownloadId("other"), "h:80", 4, True)), Post((a_sample(DownloadId("other")),)))
        reply = child.heard[-1]
        assert isinstance(reply, Reject)
        assert isinstance(reply.failure.error(), Conflict)

    play(scenario)


def test_news_reaches_the_reporter_of_its_download() -> None:
    """Of several downloads in one frame, each reporter gets its own."""

    async def scenario(bench: Bench) -> None:
        reporters = [RememberingReporter(), RememberingReporter()]
        ids = [(await bench.carry(reporter=each))[0] for each in reporters]
        ending = ConnectionEnded(ids[0], 1, "h:80", 5, 0.5)
        await bench.crew.children[0].say(Post((ending, a_sample(ids[0]), a_sample(ids[1]))))
        assert reporters[0].news == [ending, a_sample(ids[0])]
        assert reporters[1].news == [a_sample(ids[1])]

    play(scenario)


def test_what_no_child_may_have_is_refused_here() -> None:
    """Standard output is this process's own; the same download is not carried twice."""

    async def scenario(bench: Bench) -> None:
        start = a_start()
        piped = replace(start.download, spec=replace(start.download.spec, output="-"))
        with pytest.raises(InvalidRequest, match="standard output"):
            await bench.pool.carry(replace(start, download=piped), RememberingReporter())
        assert bench.pool.carriers == 0
        await bench.carry(start)
        with pytest.raises(Conflict, match="already"):
            await bench.pool.carry(start, RememberingReporter())

    play(scenario)


# --- stopping ---------------------------------------------------------------------------------------------------------


def test_a_cancelled_carry_halts_and_waits_for_the_end() -> None:
    """Commitments still come through; the cancellation follows when the child has said that it is over."""

    async def scenario(bench: Bench) -> None:
        reporter = RememberingReporter()
        id, task = await bench.carry(reporter=reporter)
        child = bench.crew.children[0]
        task.cancel()
        await settle()
        assert child.halted == [id]
        assert not task.done()
        await child.say(Commit(1, Published(id, "/d/f")))
        assert len(reporter.commitments) == 1
        await child.say(Ended(id, Failure(WorkerLost, "the transfer was stopped")))
        assert task.cancelled()
        assert bench.pool.carriers == 1

    play(scenario)


def test_cancelling_again_does_not_let_go_of_a_download_that_may_still_be_written() -> None:
    """However impatient the caller is, and even before the child was told anything."""

    async def scenario(bench: Bench) -> None:
        start = a_start()
        task = asyncio.ensure_future(bench.pool.carry(start, RememberingReporter()))
        await asyncio.sleep(0)
        for _ in range(3):
            task.cancel()
            await settle()
        child = bench.crew.children[0]
        assert not task.done()
        assert [type(each).__name__ for each in child.heard] == ["Carry", "Halt"]
        await child.say(Ended(start.download.id))
        assert task.cancelled()

    play(scenario)


def test_a_child_that_says_nothing_is_killed_and_replaced() -> None:
    """After 5 s of silence; what else it carried is lost with it, and the next download gets another child."""

    async def scenario(bench: Bench) -> None:
        _, task = await bench.carry()
        _, other = await bench.carry()
        task.cancel()
        await bench.clock.turn(4.9)
        assert not bench.crew.children[0].was_killed()
        await bench.clock.turn(0.2)
        assert bench.crew.children[0].was_killed()
        assert task.cancelled()
        with pytest.raises(WorkerLost, match="it did not stop a download when told, and process 0 was ended by SIGKILL"):
            await other
        await bench.carry()
        assert len(bench.crew.children) == 2
        assert bench.pool.carriers == 1

    play(scenario)


def test_a_child_that_lives_gets_longer_but_not_for_ever() -> None:
    """While it says something it may be waiting for a slow disk; after 30 s it is killed all the same."""

    async def scenario(bench: Bench) -> None:
        _, task = await bench.carry()
        child = bench.crew.children[0]
        task.cancel()
        for second in range(29):
            await child.say(Load(second / 10, 1))
            await bench.clock.turn(1.0)
        assert not child.was_killed()
        await child.say(Load(3.0, 1))
        await bench.clock.turn(1.1)
        assert child.was_killed()
        assert task.cancelled()

    play(scenario)


# --- children come and go ---------------------------------------------------------------------------------------------


def test_a_child_that_dies_takes_only_its_own_downloads_with_it() -> None:
    """They raise WorkerLost with a sentence that says how; others go on, and the next carry starts another child."""

    async def scenario(bench: Bench) -> None:
        carried = [await bench.carry() for _ in range(4)]
        assert [child.carried for child in bench.crew.children] == [
            [carried[0][0], carried[1][0]],
            [carried[2][0], carried[3][0]],
        ]
        await bench.crew.children[0].leave()
        for _, task in carried[:2]:
            with pytest.raises(WorkerLost, match="the process that carried it is gone: process 0 ended with exit code 3"):
                await task
        assert not carried[2][1].done()
        assert bench.pool.carriers == 1
        await bench.carry()
        assert len(bench.crew.children) == 3

    play(scenario)


def test_a_busy_child_with_one_download_gets_company() -> None:
    """More than 60 % of a core: the second download starts a second child."""

    async def scenario(bench: Bench) -> None:
        await bench.carry()
        child = bench.crew.children[0]
        await child.say(Load(1.0, 1))
        await bench.clock.turn(1.0)
        await child.say(Load(1.7, 1))
        await bench.carry()
        assert len(bench.crew.children) == 2

    play(scenario)


def test_a_quiet_child_gets_the_second_download() -> None:
    """A little CPU is no reason for another process; a load that was heard of long ago is none either."""

    async def scenario(bench: Bench) -> None:
        id, task = await bench.carry()
        child = bench.crew.children[0]
        await child.say(Load(1.0, 1))
        await bench.clock.turn(1.0)
        await child.say(Load(1.9, 1), Ended(id), Load(1.9, 0))
        await task
        for _ in range(2):
            await bench.carry()
        assert len(bench.crew.children) == 1

    play(scenario)


def test_a_child_without_work_is_let_go_after_a_minute() -> None:
    """Not before, and not when it has got work meanwhile."""

    async def scenario(bench: Bench) -> None:
        first, task = await bench.carry()
        child = bench.crew.children[0]
        await child.say(Ended(first))
        await task
        await bench.clock.turn(IDLE - 1)
        second, task = await bench.carry()
        for _ in range(2):
            await bench.clock.turn(IDLE / 2)
            await child.say(Load(1.0, 1))
        assert not child.is_gone()
        await child.say(Ended(second))
        await task
        await bench.clock.turn(IDLE + 1)
        assert child.is_gone()
        assert bench.pool.carriers == 0
        await bench.carry()
        assert len(bench.crew.children) == 2

    play(scenario)


def test_a_child_that_hangs_is_killed_and_its_downloads_are_lost_to_it() -> None:
    """One that carries something and says nothing for a minute; one that says how busy it is lives as long as it likes."""

    async def scenario(bench: Bench) -> None:
        _, task = await bench.carry()
        child = bench.crew.children[0]
        for _ in range(3):
            await bench.clock.turn(LOOK * (LOOKS - 1))
            await child.say(Load(1.0, 1))
        assert not child.was_killed()
        await bench.clock.turn(LOOK * (LOOKS + 1))
        assert child.was_killed()
        with pytest.raises(WorkerLost, match="it said nothing for a long time"):
            await task

    play(scenario)


def test_a_child_without_work_may_be_silent() -> None:
    """It has nothing to say."""

    async def scenario(bench: Bench) -> None:
        first, task = await bench.carry()
        child = bench.crew.children[0]
        await child.say(Ended(first))
        await task
        await bench.clock.turn(IDLE - 1)
        assert not child.was_killed()

    play(scenario)


def test_what_is_no_frame_ends_the_child() -> None:
    """A channel that cannot be understood is as good as none."""

    async def scenario(bench: Bench) -> None:
        ends: list[socket.socket] = []
        spawn = bench.crew.__call__

        def spying() -> tuple[Process, socket.socket]:
            child, ours = spawn()
            ends.append(ours)
            return child, ours

        bench.pool = WorkerPool(1, bench.clock, spying)
        _, task = await bench.carry()
        child = bench.crew.children[0]
        assert child._channel._transport is not None
        child._channel._transport.write(b"\x00\x00\x00\x03" + bytes(4) + b"abc")
        await settle()
        with pytest.raises(WorkerLost):
            await task

    play(scenario)


def test_a_child_that_cannot_be_started_fails_the_download_and_nothing_else() -> None:
    """The next carry tries again."""

    async def scenario(bench: Bench) -> None:
        chances = [WorkerLost("no process could be started"), None]

        def spawn() -> tuple[Process, socket.socket]:
            error = chances.pop(0)
            if error is not None:
                raise error
            return bench.crew()

        bench.pool = WorkerPool(1, bench.clock, spawn)
        with pytest.raises(WorkerLost, match="no process could be started"):
            await bench.pool.carry(a_start(), RememberingReporter())
        assert bench.pool.carriers == 0
        await bench.carry()
        assert bench.pool.carriers == 1

    play(scenario)


def test_close_halts_what_runs_and_ends_every_child() -> None:
    """Cleanly, if they let it; then nothing can be carried any more. A second close does nothing."""

    async def scenario(bench: Bench) -> None:
        id, task = await bench.carry()
        child = bench.crew.children[0]
        closing = asyncio.ensure_future(bench.pool.close())
        await settle()
        assert child.halted == [id]
        await child.say(Ended(id, Failure(WorkerLost, "the transfer was stopped")))
        await closing
        with pytest.raises(WorkerLost, match="stopped"):
            await task
        await settle()
        assert child.is_gone()
        assert bench.pool.carriers == 0
        await bench.pool.close()
        with pytest.raises(WorkerLost, match="have been ended"):
            await bench.pool.carry(a_start(), RememberingReporter())

    play(scenario)


def test_close_kills_what_does_not_listen() -> None:
    """A stuck child does not survive it."""

    async def scenario(bench: Bench) -> None:
        _, task = await bench.carry()
        closing = asyncio.ensure_future(bench.pool.close())
        await bench.clock.turn(5.1)
        await closing
        assert bench.crew.children[0].was_killed()
        with pytest.raises(WorkerLost):
            await task

    play(scenario)


# --- limits -----------------------------------------------------------------------------------------------------------


def told(bench: Bench) -> list[int | None]:
    """The total that each child keeps to."""
    return [child.limits[-1].rates.total if child.limits else None for child in bench.crew.children]


async def two_and_two(bench: Bench) -> list[DownloadId]:
    """Four downloads with two children."""
    ids = [(await bench.carry(a_start(f"http://h{n}/f")))[0] for n in range(4)]
    assert [len(child.carried) for child in bench.crew.children] == [2, 2]
    return ids


def test_without_limits_nothing_is_said_of_them() -> None:
    """No limit costs nothing: no frame, no timer."""

    async def scenario(bench: Bench) -> None:
        await two_and_two(bench)
        bench.pool.limit(Rates(), {})
        await bench.clock.turn(5.0)
        assert [child.limits for child in bench.crew.children] == [[], []]
        assert bench.pool._dealing is None

    play(scenario)


def test_a_limit_holds_over_all_children_together() -> None:
    """Set while they work, it reaches each at once, as its portion; lifted, too."""

    async def scenario(bench: Bench) -> None:
        await two_and_two(bench)
        bench.pool.limit(Rates(5_000_000), {})
        await settle()
        assert told(bench) == [2_500_000, 2_500_000]
        bench.pool.limit(Rates(), {})
        await settle()
        assert told(bench) == [None, None]

    play(scenario)


def test_a_limit_that_was_set_before_is_known_to_a_child_before_its_first_download() -> None:
    """Not a byte escapes it."""

    async def scenario(bench: Bench) -> None:
        bench.pool.limit(Rates(5_000_000), {})
        await bench.carry()
        assert [type(each).__name__ for each in bench.crew.children[0].heard] == ["Limit", "Carry"]
        assert told(bench) == [5_000_000]

    play(scenario)


def test_portions_follow_what_starts_and_what_ends() -> None:
    """The third download brings a second child and takes a third away; when the first two end, it has everything."""

    async def scenario(bench: Bench) -> None:
        bench.pool.limit(Rates(6_000_000), {})
        carried = [await bench.carry() for _ in range(3)]
        assert told(bench) == [4_000_000, 2_000_000]
        await bench.crew.children[0].say(*(Ended(id) for id, _ in carried[:2]))
        assert told(bench)[1] == 6_000_000

    play(scenario)


def test_portions_follow_the_samples_five_times_a_second() -> None:
    """What one child cannot use goes to the other within a fifth of a second; steady samples are not worth a word."""

    async def scenario(bench: Bench) -> None:
        ids = await two_and_two(bench)
        bench.pool.limit(Rates(4_000_000), {})
        slow, fast = bench.crew.children
        await slow.say(Post(tuple(a_sample(id, 50_000.0) for id in ids[:2])))
        await fast.say(Post(tuple(a_sample(id, 1_000_000.0, "total") for id in ids[2:])))
        await bench.clock.turn(0.21)
        first, second = told(bench)
        assert first is not None
        assert second is not None
        assert second > 3_800_000
        assert first + second == 4_000_000
        words = len(fast.limits)
        for _ in range(10):
            await slow.say(Post((a_sample(ids[0], 50_300.0),)))
            await bench.clock.turn(0.2)
        assert len(fast.limits) == words

    play(scenario)


def test_the_rate_of_a_host_is_dealt_among_the_children_that_use_it() -> None:
    """Others do not hear of it."""

    async def scenario(bench: Bench) -> None:
        bench.pool.limit(Rates(None, {"h0:80": 600, "h3:80": 200_000}), {})
        await two_and_two(bench)
        hosts = [child.limits[-1].rates.hosts for child in bench.crew.children]
        assert hosts == [{"h0:80": 600}, {"h3:80": 200_000}]

    play(scenario)


def test_the_rate_of_a_download_goes_to_the_child_that_has_it() -> None:
    """Also when it was named before it started; a later word without it takes it back."""

    async def scenario(bench: Bench) -> None:
        starts = [a_start() for _ in range(3)]
        ids = [start.download.id for start in starts]
        bench.pool.limit(Rates(), {ids[0]: 1000, ids[2]: None})
        for start in starts:
            await bench.carry(start)
        assert [child.limits[-1].downloads for child in bench.crew.children] == [{ids[0]: 1000}, {ids[2]: None}]
        bench.pool.limit(Rates(), {ids[0]: 2000})
        await settle()
        assert [child.limits[-1].downloads for child in bench.crew.children] == [{ids[0]: 2000}, {}]

    play(scenario)


def test_errors_of_a_carry_leave_nothing_behind() -> None:
    """A failed download can be carried again by the same pool, under its limits."""

    async def scenario(bench: Bench) -> None:
        bench.pool.limit(Rates(1000), {})
        start = a_start()
        for _ in range(2):
            id, task = await bench.carry(start)
            await bench.crew.children[0].say(Ended(id, Failure.of(NotFound("gone", uri="http://h/f"))))
            with pytest.raises(NotFound):
                await task
        assert len(bench.crew.children) == 1

    play(scenario)
