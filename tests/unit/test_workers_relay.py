"""The child's side, with a parent that says what the test says."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

import pytest

from dlm.model.download import DownloadId, DownloadSpec
from dlm.model.error import Conflict, DlmError, NotFound, WorkerLost
from dlm.model.message import ConnectionEnded, News, Observed, Progressed, Start
from dlm.model.queue import CarrierView, Rates
from dlm.ports import Reporter
from dlm.workers.channel import Channel
from dlm.workers.relay import COALESCED, CONGESTED, MOST_ENDINGS, Relay
from dlm.workers.wire import Acknowledge, Carry, Commit, Ended, Failure, Frame, Halt, Limit, Load, Offer, Post, Reject
from tests.crew import settle
from tests.fakes import start_of

Life = Callable[[Start, Reporter], Awaitable[None]]


class LivesWorker:
    """A worker whose downloads do what the test says."""

    carriers = 1
    crew: tuple[CarrierView, ...] = ()

    def __init__(self, life: Life) -> None:
        self._life = life
        self.limits: list[tuple[Rates, Mapping[DownloadId, int | None]]] = []
        self.offers: list[tuple[DownloadId, tuple[str, ...]]] = []

    async def carry(self, start: Start, reporter: Reporter) -> None:
        await self._life(start, reporter)

    def limit(self, rates: Rates, downloads: Mapping[DownloadId, int | None]) -> None:
        self.limits.append((rates, downloads))

    def offer(self, id: DownloadId, uris: Sequence[str]) -> None:
        self.offers.append((id, tuple(uris)))

    async def close(self) -> None:
        pass


class Parent:
    """Our end: `heard` is what the child said."""

    def __init__(self, life: Life) -> None:
        ours, theirs = socket.socketpair()
        self.heard: list[Frame] = []
        self.worker = LivesWorker(life)
        self.raw = ours
        self.relay = Relay(theirs, self.worker, cpu=lambda: 0.5)
        self.channel = Channel(ours, self.heard.append, lambda: None)

    async def say(self, *frames: Frame) -> None:
        """Send these, and let what follows at once happen."""
        for frame in frames:
            self.channel.send(frame)
        await settle()

    async def begin(self) -> DownloadId:
        """Have a download carried."""
        start = start_of(DownloadSpec(uris=("http://h/f",), directory="/d"))
        await self.say(Carry(start))
        return start.download.id

    def of(self, kind: type) -> list[Frame]:
        """What the child said of this kind."""
        return [frame for frame in self.heard if isinstance(frame, kind)]

    @property
    def news(self) -> list[News]:
        """All news, in order."""
        return [news for frame in self.heard if isinstance(frame, Post) for news in frame.news]


def play(life: Life, scenario: Callable[[Parent], Awaitable[None]]) -> None:
    """Run it with a child whose downloads live like this; nothing is left of them in the end."""

    async def whole() -> None:
        parent = Parent(life)
        await settle()
        await scenario(parent)
        parent.channel.close()
        await parent.relay.wait_gone()
        await settle()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(whole())


def sample(id: DownloadId, downloaded: int) -> Progressed:
    """News of so many bytes."""
    return Progressed(id=id, total=None, downloaded=downloaded, instantaneous_speed=0.0, smoothed_speed=0.0, eta=None)


async def forever(_start: Start, _reporter: Reporter) -> None:
    """Until cancelled."""
    await asyncio.Event().wait()


def failing(error: Exception) -> Life:
    """One that fails with this."""

    async def life(_start: Start, _reporter: Reporter) -> None:
        raise error

    return life


# --- carrying ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "kind"), [(NotFound("gone"), NotFound), (Conflict("other"), Conflict), (IndexError("oops"), DlmError)]
)
def test_how_a_download_ended_is_told(error: Exception, kind: type[DlmError]) -> None:
    """By its error; the child lives on."""

    async def scenario(parent: Parent) -> None:
        for _ in range(2):
            id = await parent.begin()
            ended = parent.of(Ended)[-1]
            assert isinstance(ended, Ended)
            assert ended.id == id
            assert ended.failure is not None
            assert isinstance(ended.failure.error(), kind)

    play(failing(error), scenario)


def test_a_commitment_waits_for_its_answer() -> None:
    """Acknowledged it returns; rejected it raises the very error."""

    async def life(start: Start, reporter: Reporter) -> None:
        await reporter.commit(Observed(start.download.id, "h:80", 1, True))
        await reporter.commit(Observed(start.download.id, "h:80", 2, True))

    async def scenario(parent: Parent) -> None:
        id = await parent.begin()
        assert parent.of(Commit) == [Commit(1, Observed(id, "h:80", 1, True))]
        await parent.say(Acknowledge(1))
        assert len(parent.of(Commit)) == 2
        assert parent.of(Ended) == []
        await parent.say(Reject(2, Failure.of(Conflict("not yours"))))
        assert parent.of(Ended) == [Ended(id, Failure(Conflict, "not yours"))]

    play(life, scenario)


def test_a_halted_download_may_tidy_up_undisturbed() -> None:
    """What it commits while it ends is heard, and a second word does not break into that."""

    async def life(start: Start, reporter: Reporter) -> None:
        try:
            await reporter.commit(Observed(start.download.id, "h:80", 1, True))
        finally:
            await reporter.commit(Observed(start.download.id, "h:80", 2, True))

    async def scenario(parent: Parent) -> None:
        id = await parent.begin()
        await parent.say(Halt(id))
        await parent.say(Halt(id), Acknowledge(1))
        assert len(parent.of(Commit)) == 2
        assert parent.of(Ended) == []
        await parent.say(Acknowledge(2), Halt(id))
        assert parent.of(Ended) == [Ended(id, Failure(WorkerLost, "the transfer was stopped"))]

    play(life, scenario)


def test_nothing_waits_for_a_parent_that_is_gone() -> None:
    """Downloads are cancelled, and what they would still commit is refused."""
    ends: list[str] = []

    async def life(start: Start, reporter: Reporter) -> None:
        try:
            await reporter.commit(Observed(start.download.id, "h:80", 1, True))
        except (WorkerLost, asyncio.CancelledError) as error:
            ends.append(type(error).__name__)
            with pytest.raises(WorkerLost, match="is gone"):
                await reporter.commit(Observed(start.download.id, "h:80", 2, True))
            reporter.post(sample(start.download.id, 1))

    async def scenario(parent: Parent) -> None:
        await parent.begin()
        parent.channel.close()
        await settle()
        assert len(ends) == 1

    play(life, scenario)


def test_limits_are_handed_to_the_worker_in_their_order() -> None:
    """Before the download that they are for."""

    async def scenario(parent: Parent) -> None:
        await parent.say(Limit(Rates(5, {"h:80": 3}), {DownloadId("a"): None}), Limit(Rates(), {}))
        assert parent.worker.limits == [(Rates(5, {"h:80": 3}), {DownloadId("a"): None}), (Rates(), {})]

    play(forever, scenario)


def test_offers_are_handed_to_the_worker() -> None:
    """Further addresses of a file reach who carries it."""

    async def scenario(parent: Parent) -> None:
        await parent.say(Offer(DownloadId("a"), ("https://h/f", "ftp://i/f")))
        assert parent.worker.offers == [(DownloadId("a"), ("https://h/f", "ftp://i/f"))]

    play(forever, scenario)


# --- news and load ----------------------------------------------------------------------------------------------------


def test_only_the_newest_sample_of_each_download_travels() -> None:
    """Ten samples within a tenth of a second are one; every ended connection is told."""

    async def life(start: Start, reporter: Reporter) -> None:
        for number in range(10):
            reporter.post(sample(start.download.id, number))
            reporter.post(ConnectionEnded(start.download.id, number, "h:80", 1, 0.1))
        await forever(start, reporter)

    async def scenario(parent: Parent) -> None:
        first, second = await parent.begin(), await parent.begin()
        assert parent.news == []
        await asyncio.sleep(1.5 * COALESCED)
        assert [each for each in parent.news if isinstance(each, Progressed)] == [sample(first, 9), sample(second, 9)]
        assert [each.number for each in parent.news if isinstance(each, ConnectionEnded)] == [*range(10), *range(10)]

    play(life, scenario)


def test_the_last_sample_comes_before_the_end() -> None:
    """Whoever hears `Ended` has heard everything."""

    async def life(start: Start, reporter: Reporter) -> None:
        reporter.post(sample(start.download.id, 7))

    async def scenario(parent: Parent) -> None:
        id = await parent.begin()
        assert [type(each) for each in parent.heard if not isinstance(each, Load)] == [Post, Ended]
        assert parent.news == [sample(id, 7)]

    play(life, scenario)


def test_a_parent_that_does_not_listen_costs_little_memory() -> None:
    """News is gathered, not queued: what waits to be sent does not grow, and then the newest is sent."""
    posted = 0

    async def life(start: Start, reporter: Reporter) -> None:
        nonlocal posted
        while True:
            for _ in range(MOST_ENDINGS):
                posted += 1
                reporter.post(ConnectionEnded(start.download.id, posted, "h" * 500, 1, 0.1))
            await asyncio.sleep(COALESCED / 4)

    async def scenario(parent: Parent) -> None:
        await parent.begin()
        assert parent.channel._transport is not None
        parent.channel._transport.pause_reading()
        deadline = time.monotonic() + 60.0
        while parent.relay._channel.unsent <= CONGESTED:
            assert time.monotonic() < deadline
            await asyncio.sleep(COALESCED)
        waiting, before = parent.relay._channel.unsent, posted
        await asyncio.sleep(4 * COALESCED)
        assert posted > before
        assert parent.relay._channel.unsent - waiting < 1000, "the load is told all the same"
        parent.channel._transport.resume_reading()
        while not any(isinstance(each, ConnectionEnded) and each.number > before for each in parent.news):
            assert time.monotonic() < deadline + 60.0
            await asyncio.sleep(COALESCED)

    play(life, scenario)


def test_the_load_is_told_while_there_is_any() -> None:
    """At the start, every second, and a last time when nothing is carried any more."""
    ending = asyncio.Event()

    async def life(_start: Start, _reporter: Reporter) -> None:
        await ending.wait()

    async def scenario(parent: Parent) -> None:
        await settle()
        assert parent.heard == []
        await parent.begin()
        began = time.monotonic()
        await asyncio.sleep(1.2)
        told = parent.of(Load)
        assert set(told) == {Load(0.5, 1)}
        assert 2 <= len(told) <= 2 + (time.monotonic() - began - 1.0)
        ending.set()
        await settle()
        assert parent.of(Load)[-1] == Load(0.5, 0)
        count = len(parent.heard)
        await asyncio.sleep(1.2)
        assert len(parent.heard) == count

    play(life, scenario)
