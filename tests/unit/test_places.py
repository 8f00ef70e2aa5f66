"""Who of a foreground run is carried when: a few in places, small files beside them, hosts in peace. In virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from dlm.model.download import Download, DownloadSpec
from dlm.model.error import ServerBusy, StateUnusable
from dlm.model.phase import Order, Phase
from dlm.model.queue import Selection
from dlm.policy.crowd import FREE, MOST
from dlm.ports import HostPolicy, Outcome
from dlm.protocols.memory import Fault, MemoryFile, MemoryOpening, MemorySource
from tests.fakes import some_bytes
from tests.house import House, play, seconds, spec

ROUND_TRIP = 0.1


class Distant(MemorySource):
    """A server a round trip away, which counts what it is asked at once, and may bear no more than so many."""

    def __init__(self, files: dict[str, MemoryFile]) -> None:
        super().__init__(files)
        self.open_now = 0
        self.most = 0
        self.bears = 1000
        self.retry_after: float | None = None
        self.refusals: list[float] = []
        self.asked: list[float] = []

    async def open(self, uri: str, spec: DownloadSpec) -> MemoryOpening:
        """See `ports.Source`."""
        now = asyncio.get_running_loop().time()
        self.asked.append(now)
        if self.open_now >= self.bears:
            self.refusals.append(now)
            raise ServerBusy("too many", uri=uri, retry_after=self.retry_after)
        self.open_now += 1
        self.most = max(self.most, self.open_now)
        try:
            await asyncio.sleep(ROUND_TRIP)
            return await super().open(uri, spec)
        finally:
            self.open_now -= 1


class Town(House):
    """A house whose server is distant; `server` is there once a process is."""

    server: Distant

    def __init__(self) -> None:
        super().__init__()

        def serve(files: dict[str, MemoryFile]) -> Distant:
            self.server = Distant(files)
            return self.server

        self.source = serve

    def offer(self, count: int, size: int = 1000, name: str = "f") -> list[DownloadSpec]:
        """So many files to fetch."""
        uris = [f"mem://host/{name}{at:04}" for at in range(count)]
        for at, uri in enumerate(uris):
            self.serve(uri, some_bytes(size, at))
        return [spec(uri) for uri in uris]


def live(story: Callable[[Town], Awaitable[None]]) -> None:
    """Run a story in a fresh town."""

    async def lived(_: House) -> None:
        await story(Town())

    play(lived)


def done(outcomes: list[Outcome]) -> bool:
    """Whether all of them are."""
    return all(outcome.download.phase is Phase.COMPLETED for outcome in outcomes)


def test_many_small_files_are_under_way_at_once() -> None:
    """Five hundred files, each a round trip: in a tenth of the time that three at a time would need, each asked for once."""

    async def story(town: Town) -> None:
        specs = town.offer(500)
        process = town.process()
        began = asyncio.get_running_loop().time()
        assert done(await process.fetch(specs, None))
        assert asyncio.get_running_loop().time() - began < 500 / 3 * ROUND_TRIP / 10
        assert len(town.server.asked) == 500
        assert FREE < town.server.most <= MOST
        assert len(town.store.files) == 500

    live(story)


@pytest.mark.parametrize("jobs", [1, 3, 7])
def test_a_number_that_was_said_is_kept(jobs: int) -> None:
    """With a number of jobs there are never more, however small the files are."""

    async def story(town: Town) -> None:
        specs = town.offer(40)
        process = town.process()
        assert done(await process.fetch(specs, jobs))
        assert town.server.most == jobs

    live(story)


def test_large_files_among_small_ones_wait_for_places_and_cost_few_requests() -> None:
    """Every tenth is large: all are right, and wrong guesses become rare."""

    async def story(town: Town) -> None:
        small, large = town.offer(270), town.offer(30, 600_000, "large")
        specs = [each for at in range(30) for each in (*small[9 * at : 9 * at + 9], large[at])]
        process = town.process()
        outcomes = await process.fetch(specs, None)
        assert done(outcomes)
        assert [outcome.download.spec for outcome in outcomes] == specs
        requests = sum(len(file.requests) for file in town.files.values())
        assert requests < 300 + 30 * 4 + 60
        for each in specs:
            assert bytes(town.store.files["/d/" + each.uris[0].rpartition("/")[2]].content) == town.files[each.uris[0]].content

    live(story)


@pytest.mark.parametrize("retry_after", [None, 7.0])
def test_a_host_that_refuses_has_peace_and_is_not_crowded_again(retry_after: float | None) -> None:
    """It bears ten: the first refusal is heeded for as long as it asks for, and after it fewer than ten are under way."""

    async def story(town: Town) -> None:
        specs = town.offer(200)
        process = town.process()
        town.server.bears, town.server.retry_after = 10, retry_after
        assert done(await process.fetch(specs, None))
        first, last = town.server.refusals[0], town.server.refusals[-1]
        assert last - first < 0.5  # one that has a place may have tried again
        assert len(town.server.refusals) <= FREE - 10 + 3
        # Those that have places already make their requests; nobody else does.
        assert sum(first < moment < first + (retry_after or 1.0) for moment in town.server.asked) <= 3

    live(story)


def test_a_ceiling_that_is_remembered_is_never_passed() -> None:
    """What an earlier run has learned of the host holds for small files too."""

    async def story(town: Town) -> None:
        await town.state.queue.learn(HostPolicy("host:mem", 5, True, town.clock.wall()))
        specs = town.offer(100)
        process = town.process()
        assert done(await process.fetch(specs, None))
        assert town.server.most <= 5

    live(story)


def test_files_that_are_not_there_fail_each_once() -> None:
    """Half of the files are missing: each is asked for once, fails with its sentence, and holds nobody up."""

    async def story(town: Town) -> None:
        specs = [
            each
            for pair in zip(town.offer(60), [spec(f"mem://host/none{at}") for at in range(60)], strict=True)
            for each in pair
        ]
        process = town.process()
        outcomes = await process.fetch(specs, None)
        assert [outcome.download.phase for outcome in outcomes] == [Phase.COMPLETED, Phase.FAILED] * 60
        assert all(outcome.download.fault is not None for outcome in outcomes[1::2])
        assert len(town.server.asked) == 120
        assert (await town.causes(outcomes[-2].download))[-4:] == ["claimed", "started", "transferred", "published"]

    live(story)


def test_what_breaks_for_a_moment_is_tried_again_in_a_place() -> None:
    """A connection that is lost costs that file a second try, and nobody else anything."""

    async def story(town: Town) -> None:
        specs = town.offer(100)
        for each in specs[20:100:20]:
            town.files[each.uris[0]].fault = lambda n, _: Fault(500) if n == 0 else None
        process = town.process()
        assert done(await process.fetch(specs, None))

    live(story)


def test_a_pause_from_elsewhere_reaches_those_under_way_and_those_that_wait() -> None:
    """All are paused in the middle: nothing is asked for any more, and the next fetch completes them."""

    async def story(town: Town) -> None:
        specs = town.offer(400)
        process, other = town.process(), town.process("other")
        server = town.server
        process = town.process()
        server = town.server
        running = asyncio.ensure_future(process.fetch(specs, None))
        await seconds(0.45)
        await other.order(Order.PAUSE, Selection())
        outcomes = await running
        asked = len(server.asked)
        assert asked < 400
        assert {outcome.download.phase for outcome in outcomes} == {Phase.PAUSED, Phase.COMPLETED}
        await seconds(5)
        assert len(server.asked) == asked
        assert done(await town.process().fetch(specs, None))

    live(story)


def test_ctrl_c_leaves_nothing_claimed_and_no_stray_file() -> None:
    """Cancelled in the middle: what is complete is complete, the rest is paused, and nothing else lies there."""

    async def story(town: Town) -> None:
        specs = town.offer(300)
        running = asyncio.ensure_future(town.process().fetch(specs, None))
        await seconds(0.5)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        left = await town.all()
        assert {each.phase for each in left} == {Phase.PAUSED, Phase.COMPLETED}
        assert all(each.owner is None for each in left)
        assert sorted(town.store.files) == sorted(each.path for each in left if each.phase is Phase.COMPLETED and each.path)
        assert done(await town.process().fetch(specs, None))

    live(story)


def test_a_database_that_fails_ends_the_run() -> None:
    """What is no error of a download is raised, and nothing is tried for ever."""

    async def story(town: Town) -> None:
        specs = town.offer(20)
        process = town.process()

        async def gone(_id: object) -> Download:
            raise StateUnusable("the database is gone")

        town.state.repository.get = gone  # type: ignore[method-assign,assignment]
        with pytest.raises(StateUnusable):
            await asyncio.wait_for(process.fetch(specs, 2), 60)

    live(story)
