"""The contract of `dlm.ports.Worker`.

Downloads come from a server on loopback and go to a real disk. Every scenario is also held to its end: when the Worker
is closed, no task is left.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dlm.model.download import DownloadId, DownloadSpec
from dlm.model.error import Conflict, InvalidRequest, NameTaken, NotFound, ServerBusy
from dlm.model.message import Checkpointed, Commitment, Completing, Observed, Progressed, Published, Resolved, Start
from dlm.model.queue import Rates
from dlm.model.span import total
from dlm.ports import Worker
from tests.fakes import RememberingReporter, start_of
from tests.hostile import HostileServer, content

MIB = 1024 * 1024
FILE = content(6 * MIB + 5, seed=21)
SLOW = 3 * MIB
"""Bytes a second of a server that leaves time to act."""
PATIENCE = 60.0


class Stage:
    """A worker, a server, and a folder."""

    def __init__(self, worker: Worker, server: HostileServer, folder: Path) -> None:
        self.worker = worker
        self.server = server
        self.folder = folder

    def start(self, personality: str = "polite", name: str = "f.bin", **changes: object) -> Start:
        """Of a fresh download."""
        url = self.server.url(f"/{name}", personality)
        spec = replace(DownloadSpec(uris=(url,), directory=str(self.folder), connections=4, retries=1), **changes)  # type: ignore[arg-type]
        return start_of(spec)

    def read(self, name: str = "f.bin") -> bytes | None:
        """A finished file."""
        path = self.folder / name
        return path.read_bytes() if path.exists() else None


Scenario = Callable[[Stage], Awaitable[None]]
Play = Callable[[Scenario], None]


class HeldReporter(RememberingReporter):
    """One that holds the first commitment of a kind until the test lets it go, or refuses it."""

    def __init__(self, kind: type, refusal: Conflict | None = None) -> None:
        super().__init__()
        self.reached = asyncio.Event()
        self.released = asyncio.Event()
        self._kind = kind
        self._refusal = refusal

    async def commit(self, message: Commitment) -> None:
        await super().commit(message)
        if isinstance(message, self._kind):
            if self._refusal is not None:
                raise self._refusal
            self.reached.set()
            await self.released.wait()


class WorkerContract:
    """A subclass says in `open` how the Worker is made, inside the running event loop."""

    def open(self) -> Worker:
        raise NotImplementedError

    @pytest.fixture
    def server(self) -> Iterator[HostileServer]:
        with HostileServer(FILE) as server:
            yield server

    @pytest.fixture
    def slow_server(self) -> Iterator[HostileServer]:
        with HostileServer(FILE, bytes_per_second=SLOW) as server:
            yield server

    @pytest.fixture
    def play(self, server: HostileServer, tmp_path: Path) -> Play:
        return self._playing(server, tmp_path)

    @pytest.fixture
    def play_slowly(self, slow_server: HostileServer, tmp_path: Path) -> Play:
        return self._playing(slow_server, tmp_path)

    def _playing(self, server: HostileServer, folder: Path) -> Play:
        async def whole(scenario: Scenario) -> None:
            worker = self.open()
            try:
                async with asyncio.timeout(PATIENCE):
                    await scenario(Stage(worker, server, folder))
            finally:
                await worker.close()
            await worker.close()
            await asyncio.sleep(0)
            assert asyncio.all_tasks() == {asyncio.current_task()}

        return lambda scenario: asyncio.run(whole(scenario))

    # the way through ---------------------------------------------------------------------------------------------------

    def test_a_download_is_carried_from_the_address_to_the_file(self, play: Play) -> None:
        """The file is there, whole, and every step was committed in the order on which recovery relies."""

        async def scenario(stage: Stage) -> None:
            reporter, start = RememberingReporter(), stage.start()
            await stage.worker.carry(start, reporter)
            assert stage.read() == FILE
            steps = [each for each in reporter.commitments if not isinstance(each, Checkpointed | Observed)]
            assert [type(each) for each in steps] == [Resolved, Resolved, Completing, Published]
            assert {each.id for each in reporter.commitments} == {start.download.id}
            assert isinstance(steps[-1], Published)
            assert steps[-1].path == str(stage.folder / "f.bin")

        play(scenario)

    def test_many_are_carried_at_once(self, play: Play) -> None:
        """Each arrives under its own name, and each reporter hears of its own download only."""

        async def scenario(stage: Stage) -> None:
            starts = [stage.start(name=f"{number}.bin") for number in range(6)]
            reporters = [RememberingReporter() for _ in starts]
            await asyncio.gather(*map(stage.worker.carry, starts, reporters))
            for number, (start, reporter) in enumerate(zip(starts, reporters, strict=True)):
                assert stage.read(f"{number}.bin") == FILE
                assert {each.id for each in (*reporter.commitments, *reporter.news)} == {start.download.id}

        play(scenario)

    def test_news_comes_while_it_runs(self, play_slowly: Play) -> None:
        """Samples that grow, about five a second, and the end of each connection."""

        async def scenario(stage: Stage) -> None:
            reporter = RememberingReporter()
            await stage.worker.carry(stage.start(), reporter)
            counts = [each.downloaded for each in reporter.news if isinstance(each, Progressed)]
            assert len(counts) >= 4
            assert counts == sorted(counts)
            assert reporter.ended

        play_slowly(scenario)

    # commitments -------------------------------------------------------------------------------------------------------

    def test_nothing_goes_on_before_a_commitment_is_durable(self, play: Play) -> None:
        """The file has no name before it is recorded that it is about to get it."""

        async def scenario(stage: Stage) -> None:
            reporter = HeldReporter(Completing)
            carrying = asyncio.ensure_future(stage.worker.carry(stage.start(), reporter))
            await reporter.reached.wait()
            await asyncio.sleep(0.2)
            assert stage.read() is None
            reporter.released.set()
            await carrying
            assert stage.read() == FILE

        play(scenario)

    def test_who_has_lost_the_download_stops(self, play: Play) -> None:
        """A Conflict from the reporter ends the carry with that Conflict, and nothing is published."""

        async def scenario(stage: Stage) -> None:
            with pytest.raises(Conflict, match="somebody else has it"):
                await stage.worker.carry(stage.start(), HeldReporter(Completing, Conflict("somebody else has it")))
            assert stage.read() is None

        play(scenario)

    # errors ------------------------------------------------------------------------------------------------------------

    def test_the_error_that_ended_it_is_raised_as_what_it_is(self, play: Play) -> None:
        """Its class, its address and what the server asked for."""

        async def scenario(stage: Stage) -> None:
            with pytest.raises(NotFound) as missing:
                await stage.worker.carry(stage.start("status-404"), RememberingReporter())
            assert missing.value.uri == stage.server.url("/f.bin", "status-404")
            with pytest.raises(ServerBusy) as busy:
                await stage.worker.carry(stage.start("busy-forever"), RememberingReporter())
            assert busy.value.retry_after is not None
            assert busy.value.retry_after >= 3600

        play(scenario)

    def test_a_failure_of_the_disk_is_raised_with_its_path(self, play: Play) -> None:
        """And the worker goes on with the next download."""

        async def scenario(stage: Stage) -> None:
            (stage.folder / "taken").write_bytes(b"mine")
            with pytest.raises(NameTaken) as taken:
                await stage.worker.carry(stage.start(output="taken"), RememberingReporter())
            assert taken.value.path == str(stage.folder / "taken")
            await stage.worker.carry(stage.start(), RememberingReporter())
            assert stage.read() == FILE

        play(scenario)

    # stopping ----------------------------------------------------------------------------------------------------------

    def test_cancelling_stops_cleanly_and_the_rest_is_fetched_later(self, play_slowly: Play) -> None:
        """What had come is checkpointed, nothing is written afterwards, and it is not fetched again."""

        async def scenario(stage: Stage) -> None:
            reporter, start = RememberingReporter(), stage.start()
            carrying = asyncio.ensure_future(stage.worker.carry(start, reporter))
            await arrived(reporter, MIB)
            carrying.cancel()
            with pytest.raises(asyncio.CancelledError):
                await carrying
            checkpoint = reporter.durable
            assert checkpoint is not None
            assert total(checkpoint.done) >= MIB
            (part,) = stage.folder.iterdir()
            before, commitments, sent = part.read_bytes(), len(reporter.commitments), stage.server.bytes_sent()
            await asyncio.sleep(0.5)
            assert part.read_bytes() == before
            assert len(reporter.commitments) == commitments
            assert stage.server.bytes_sent() - sent <= MIB, "the traffic stops"
            for span in checkpoint.done:
                assert before[span.start : span.stop] == FILE[span.start : span.stop]
            await stage.worker.carry(replace(start, checkpoint=checkpoint), reporter)
            assert stage.read() == FILE

        play_slowly(scenario)

    def test_cancelling_in_the_middle_of_publishing_leaves_no_half(self, play: Play) -> None:
        """What has begun to get its name gets it, and that is recorded."""

        async def scenario(stage: Stage) -> None:
            reporter = HeldReporter(Completing)
            carrying = asyncio.ensure_future(stage.worker.carry(stage.start(), reporter))
            await reporter.reached.wait()
            carrying.cancel()
            await asyncio.sleep(0.1)
            reporter.released.set()
            with pytest.raises(asyncio.CancelledError):
                await carrying
            assert isinstance(reporter.commitments[-1], Published)
            assert stage.read() == FILE

        play(scenario)

    def test_all_stop_soon(self, play_slowly: Play) -> None:
        """Sixteen at once, each with its checkpoint. Two seconds are promised; the machine may be busy."""

        async def scenario(stage: Stage) -> None:
            reporters = [RememberingReporter() for _ in range(16)]
            carrying = [
                asyncio.ensure_future(stage.worker.carry(stage.start(name=f"{number}.bin", connections=1), reporter))
                for number, reporter in enumerate(reporters)
            ]
            for reporter in reporters:
                await arrived(reporter, 1)
            begun = time.monotonic()
            for each in carrying:
                each.cancel()
            await asyncio.gather(*carrying, return_exceptions=True)
            assert time.monotonic() - begun < 20.0
            assert all(each.cancelled() for each in carrying)
            assert all(reporter.durable is not None and reporter.durable.done for reporter in reporters)

        play_slowly(scenario)

    # limits ------------------------------------------------------------------------------------------------------------

    def test_limits_hold_for_all_together_and_change_while_it_runs(self, play: Play) -> None:
        """Four downloads under one rate; lifted, they are done at once."""

        async def scenario(stage: Stage) -> None:
            stage.worker.limit(Rates(2 * MIB), {})
            reporters = [RememberingReporter() for _ in range(4)]
            carrying = [
                asyncio.ensure_future(stage.worker.carry(stage.start(name=f"{number}.bin"), reporter))
                for number, reporter in enumerate(reporters)
            ]
            for reporter in reporters:
                await arrived(reporter, 1)
            for _ in range(3):  # a machine that stands still makes one measurement wrong
                before, begun = downloaded(reporters), time.monotonic()
                await asyncio.sleep(2.0)
                speed = (downloaded(reporters) - before) / (time.monotonic() - begun)
                if 1.7 * MIB < speed < 2.3 * MIB:
                    break
            assert 1.7 * MIB < speed < 2.3 * MIB
            stage.worker.limit(Rates(50_000), {})
            stage.worker.limit(Rates(), {})
            async with asyncio.timeout(30.0):  # the lower limit would make it minutes
                await asyncio.gather(*carrying)

        play(scenario)

    def test_a_download_and_a_host_have_limits_of_their_own(self, play: Play) -> None:
        """A rate by name binds that download and no other; a host's rate binds what comes from there."""

        async def scenario(stage: Stage) -> None:
            bound, free = stage.start(name="bound.bin"), stage.start(name="free.bin")
            stage.worker.limit(Rates(), {bound.download.id: 50_000, DownloadId("0" * 16): 1})
            reporter = RememberingReporter()
            carrying = asyncio.ensure_future(stage.worker.carry(bound, reporter))
            await stage.worker.carry(free, RememberingReporter())
            await arrived(reporter, 1)
            assert not carrying.done()
            stage.worker.limit(Rates(None, {bound.download.host: 64 * MIB}), {bound.download.id: None})
            async with asyncio.timeout(30.0):  # its limit would make it two minutes
                await carrying

        play(scenario)

    # the rest ----------------------------------------------------------------------------------------------------------

    def test_carriers_are_counted(self, play: Play) -> None:
        """At least one process is at work after a download was carried."""

        async def scenario(stage: Stage) -> None:
            await stage.worker.carry(stage.start(), RememberingReporter())
            assert stage.worker.carriers >= 1

        play(scenario)

    def test_a_spec_that_no_protocol_takes_is_refused(self, play: Play) -> None:
        """With the words of the registry."""

        async def scenario(stage: Stage) -> None:
            with pytest.raises(InvalidRequest, match="gopher"):
                await stage.worker.carry(stage.start(uris=("gopher://h/f",)), RememberingReporter())

        play(scenario)


async def arrived(reporter: RememberingReporter, least: int) -> None:
    """Return when samples say that so many bytes have come."""
    while downloaded([reporter]) < least:
        await asyncio.sleep(0.01)


def downloaded(reporters: list[RememberingReporter]) -> int:
    """Bytes by the newest samples."""
    return sum(max((each.downloaded for each in reporter.samples), default=0) for reporter in reporters)
