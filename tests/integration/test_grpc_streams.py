"""Streams over loopback: what comes, how often, what a slow reader costs, and what is left of one that is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import grpc
import pytest

from dlm.api.events import LaggedEvent, WarningEvent
from dlm.api.feed import CAPACITY, Line, line_of
from dlm.api.grpc.generated import downloads_pb2 as pb
from dlm.api.grpc.generated import downloads_pb2_grpc as stubs
from dlm.api.streams import MOST_READERS
from dlm.model.phase import Phase
from tests.grpc_client import Called, call, event, first, new, refused

HERTZ = 15


async def until(holds: Callable[[], bool]) -> None:
    """Wait until it is so; the story has a time limit."""
    while not holds():
        await asyncio.sleep(0.01)


def test_progress_only_grows_and_never_comes_too_often(tmp_path: Path) -> None:
    """Samples of what moves, each download's by itself, 15 a second at most."""

    async def story(called: Called) -> None:
        working = asyncio.create_task(called.downloads.run(stay=True))
        stub, metadata = await called.stub(), called.pass_for()
        stream = stub.StreamProgress(pb.ProgressRequest(), metadata=metadata)
        await stream.initial_metadata()
        uris = ["mem://host/a", "mem://host/b"]
        for uri in uris:
            called.house.serve(uri)
        wanted = [pb.NewDownload(uris=[uri], limit_rate=100_000) for uri in uris]
        added = (await stub.Add(pb.AddRequest(downloads=wanted), metadata=metadata)).added
        seen: dict[str, list[tuple[float, int]]] = {each.download_id: [] for each in added}

        async def read() -> None:
            async for sample in stream:
                seen[sample.download_id].append((monotonic(), sample.downloaded))

        reading = asyncio.create_task(read())
        while await called.house.phases() != [Phase.COMPLETED] * 2:
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.2)
        stream.cancel()
        (end,) = await asyncio.gather(reading, return_exceptions=True)
        assert isinstance(end, asyncio.CancelledError)
        for samples in seen.values():
            assert len(samples) > 1
            assert [count for _, count in samples] == sorted(count for _, count in samples)
            assert len(samples) <= HERTZ * (samples[-1][0] - samples[0][0]) + 2
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)

    call(tmp_path, story)


def test_progress_can_be_narrowed_to_ids_and_to_a_group(tmp_path: Path) -> None:
    """Nothing of the others comes."""

    async def story(called: Called) -> None:
        working = asyncio.create_task(called.downloads.run(stay=True))
        stub, metadata = await called.stub(), called.pass_for()
        called.house.serve("mem://host/a")
        grouped = stub.StreamProgress(pb.ProgressRequest(group="g"), metadata=metadata)
        await grouped.initial_metadata()
        wanted = [pb.NewDownload(uris=["mem://host/a"], limit_rate=20_000), new(limit_rate=20_000, group="g").downloads[0]]
        other, mine = (await stub.Add(pb.AddRequest(downloads=wanted), metadata=metadata)).added
        named = stub.StreamProgress(pb.ProgressRequest(ids=[other.download_id]), metadata=metadata)
        assert {(await grouped.read()).download_id for _ in range(3)} == {mine.download_id}
        assert {(await named.read()).download_id for _ in range(3)} == {other.download_id}
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)

    call(tmp_path, story)


def test_events_are_replayed_and_then_live(tmp_path: Path) -> None:
    """Everything that was recorded after `since`, once and in order, and then what happens."""

    async def story(called: Called) -> None:
        stub, metadata = await called.stub(), called.pass_for()
        named = pb.OrderRequest(ids=[(await stub.Add(new(), metadata=metadata)).added[0].download_id])
        await stub.Pause(named, metadata=metadata)
        stream = stub.StreamEvents(pb.EventsRequest(since=0), metadata=metadata)
        steps = [await _step(stream)]
        await stub.Resume(named, metadata=metadata)
        await stub.Pause(named, metadata=metadata)
        steps += [await _step(stream), await _step(stream)]
        assert [step.to_phase for step in steps] == [pb.PHASE_PAUSED, pb.PHASE_PENDING, pb.PHASE_PAUSED]
        assert [step.seq for step in steps] == sorted({step.seq for step in steps})
        assert steps[-1].download.phase == pb.PHASE_PAUSED
        again = stub.StreamEvents(pb.EventsRequest(since=steps[-2].seq), metadata=metadata)
        assert (await _step(again)).seq == steps[-1].seq

    call(tmp_path, story)


async def _step(stream: Any) -> pb.StatusChanged:
    while (told := await stream.read()).WhichOneof("event") != "download_status_changed":
        pass
    step: pb.StatusChanged = told.download_status_changed
    return step


@pytest.mark.parametrize(
    "request_", [pb.EventsRequest(since=-1), pb.EventsRequest(ids=["../x"]), pb.EventsRequest(ids=["0"] * 2001)]
)
def test_a_stream_that_makes_no_sense_is_refused(tmp_path: Path, request_: pb.EventsRequest) -> None:
    """By the rules of the other streams."""

    async def story(called: Called) -> None:
        code, _ = await refused(first((await called.stub()).StreamEvents(request_, metadata=called.pass_for())))
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert called.feed.readers == 0

    call(tmp_path, story)


def test_who_never_reads_costs_a_short_queue(tmp_path: Path) -> None:
    """What it does not take is counted, not kept; others hear everything; when it reads at last, it is told."""

    async def story(called: Called) -> None:
        metadata = called.pass_for()
        slow = (await called.stub(http2_lookahead_bytes=1024)).StreamEvents(pb.EventsRequest(), metadata=metadata)
        await slow.initial_metadata()
        stub = await called.stub()
        quick = stub.StreamEvents(pb.EventsRequest(), metadata=metadata)
        await quick.initial_metadata()
        (reader, _) = called.feed._readers
        for round_ in range(40):
            wanted = [pb.NewDownload(uris=[f"mem://host/{round_}/{n}/" + "x" * 400], paused=True) for n in range(200)]
            await stub.Add(pb.AddRequest(downloads=wanted), metadata=metadata)
            for _ in wanted:
                await event(quick, "download_added")
            if reader._missed:
                break
        assert reader._missed
        assert len(reader._lines) == CAPACITY
        while (await slow.read()).WhichOneof("event") != "lagged":
            pass

    call(tmp_path, story)


def test_a_stream_that_is_cancelled_frees_its_reader(tmp_path: Path) -> None:
    """Also where its client has vanished, and where it was stuck in a write."""

    async def story(called: Called) -> None:
        metadata = called.pass_for()
        stub, channel = await called.stub(), await called.channel()
        lost = stubs.DownloadsStub(channel)
        talk = stub.Control(metadata=metadata)
        await talk.write(pb.Command(number=1, watch=pb.ProgressRequest()))
        streams = [
            stub.StreamProgress(pb.ProgressRequest(), metadata=metadata),
            stub.StreamEvents(pb.EventsRequest(), metadata=metadata),
            lost.StreamEvents(pb.EventsRequest(), metadata=metadata),
        ]
        await until(lambda: called.feed.readers == 4)
        stuck = list(called.feed._readers)
        for _ in range(CAPACITY * 4):
            for reader in stuck:
                reader.deliver(_line("x" * 500), None)
        await asyncio.sleep(0.2)
        talk.cancel()
        for stream in streams[:2]:
            stream.cancel()
        await channel.close()
        await until(lambda: called.feed.readers == 0)
        assert called.servicer._readers == set()

    call(tmp_path, story)


def _line(text: str) -> Line:
    return line_of(WarningEvent(code="x", message=text, download_id=None))


def test_there_is_a_bound_on_readers(tmp_path: Path) -> None:
    """One more is told to come back; many are served."""

    async def story(called: Called) -> None:
        stub, metadata = await called.stub(), called.pass_for()
        streams = [stub.StreamEvents(pb.EventsRequest(), metadata=metadata) for _ in range(MOST_READERS)]
        await until(lambda: called.feed.readers == MOST_READERS)
        code, said = await refused(first(stub.StreamEvents(pb.EventsRequest(), metadata=metadata)))
        assert (code, str(MOST_READERS) in said) == (grpc.StatusCode.UNAVAILABLE, True)
        talk = stub.Control(metadata=metadata)
        await talk.write(pb.Command(number=1, watch=pb.ProgressRequest()))
        assert (await talk.read()).failure.code == grpc.StatusCode.UNAVAILABLE.value[0]
        talk.cancel()
        await stub.Add(new(paused=True), metadata=metadata)
        for stream in streams:
            await event(stream, "download_added")
            stream.cancel()
        await until(lambda: called.feed.readers == 0)

    call(tmp_path, story)


def test_an_event_is_written_as_it_is_told_elsewhere(tmp_path: Path) -> None:
    """`lagged` too."""

    async def story(called: Called) -> None:
        assert called.servicer.event_of(line_of(LaggedEvent(missed=3))) == pb.Event(lagged=pb.Lagged(missed=3))

    call(tmp_path, story)
