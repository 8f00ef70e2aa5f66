"""The feed: whatever is published, read and narrowed, each event is told once, in order, or said to be lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.api.feed import Feed, Interest, Line, Reader
from dlm.api.streams import lines_of
from dlm.model.download import Download, DownloadId, DownloadSpec
from dlm.model.event import Event, PhaseChanged, ProgressMade, Transition
from dlm.model.message import Progressed
from dlm.model.phase import Cause, Phase
from dlm.model.query import DownloadQuery
from dlm.model.queue import Stats
from dlm.ports import Downloads

IDS = ("a", "b", "c")
GROUPS = {"a": "g", "b": "g", "c": None}


class Standstill:
    """A clock in which no time passes: numbers are never told."""

    def wall(self) -> float:
        """See `ports.Clock`."""
        return 0.0

    def monotonic(self) -> float:
        """See `ports.Clock`."""
        return 0.0

    async def sleep(self, seconds: float) -> None:
        """See `ports.Clock`."""
        await asyncio.Event().wait()


class Scripted:
    """Downloads whose events are what a test publishes; those that were recorded can be read again."""

    def __init__(self) -> None:
        self.recorded: list[PhaseChanged] = []
        self._live: asyncio.Queue[Event] = asyncio.Queue()

    def publish(self, event: Event) -> None:
        """It happens."""
        if isinstance(event, PhaseChanged):
            self.recorded.append(event)
        self._live.put_nowait(event)

    async def events(self, since: int | None = None, *, follow: bool = True) -> AsyncIterator[Event]:
        """See `ports.Downloads`. Others get their turn between any two."""
        at = 0
        while not follow and at < len(self.recorded):
            if since is not None and self.recorded[at].transition.seq > since:
                yield self.recorded[at]
                await asyncio.sleep(0)
            at += 1
        while follow:
            yield await self._live.get()

    async def list(self, query: DownloadQuery) -> Sequence[Download]:
        """See `ports.Downloads`."""
        return []

    async def stats(self) -> Stats:
        """See `ports.Downloads`."""
        return Stats({})

    async def samples(self) -> Mapping[DownloadId, Progressed]:
        """See `ports.Downloads`."""
        return {}


def moved(seq: int, id: str) -> PhaseChanged:
    """A recorded event."""
    download = Download(id=DownloadId(id), spec=DownloadSpec(uris=("http://h/x",), directory="/d"), added=0.0, group=GROUPS[id])
    step = Transition(seq, download.id, 0.0, Phase.PENDING, Phase.RUNNING, Cause.STARTED, None)
    return PhaseChanged(replace(download, phase=Phase.RUNNING), step)


def sampled(id: str, downloaded: int) -> ProgressMade:
    """A sample."""
    sample = Progressed(
        id=DownloadId(id), total=None, downloaded=downloaded, instantaneous_speed=1.0, smoothed_speed=1.0, eta=None
    )
    return ProgressMade(sample)


class Listener:
    """Reads one line at a time, when it is told to."""

    def __init__(self, feed: Feed, since: int | None, reader: Reader) -> None:
        self.got: list[dict[str, Any]] = []
        self._lines = lines_of(feed, since, reader)
        self._coming: asyncio.Task[Line] | None = None

    async def read(self) -> bool:
        """Take a line, if there is one."""
        if self._coming is None:
            self._coming = asyncio.create_task(_next(self._lines))
        for _ in range(6):
            await asyncio.sleep(0)
        if not self._coming.done():
            return False
        try:
            self.got.append(json.loads(self._coming.result().json))
        except StopAsyncIteration:
            return False
        self._coming = None
        return True


async def _next(lines: AsyncIterator[Line]) -> Line:
    return await anext(lines)


async def _settled() -> None:
    for _ in range(4):
        await asyncio.sleep(0)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("move"), st.sampled_from(IDS)),
        st.tuples(st.just("move"), st.sampled_from(IDS)),
        st.tuples(st.just("sample"), st.sampled_from(IDS)),
        st.tuples(st.just("read"), st.integers(1, 4)),
        st.tuples(st.just("join"), st.none()),
    ),
    max_size=60,
)


@given(steps=steps, since=st.one_of(st.none(), st.integers(0, 6)), capacity=st.integers(1, 5))
def test_each_event_comes_once_and_in_order(steps: list[tuple[str, Any]], since: int | None, capacity: int) -> None:
    """From the number on that was asked for, or from now on; what is left out is counted by `lagged`; samples only grow."""

    async def story() -> None:
        scripted = Scripted()
        feed = Feed(cast(Downloads, scripted), Standstill())
        running = asyncio.create_task(feed.run())
        listener: Listener | None = None
        expected: list[int] = []
        seq, come = 0, 0
        for word, what in [*steps, ("join", None)]:
            if word == "move":
                seq += 1
                scripted.publish(moved(seq, what))
                expected += [seq] if listener is not None else []
            elif word == "sample":
                come += 1
                scripted.publish(sampled(what, come))
            elif word == "read" and listener is not None:
                for _ in range(what):
                    await listener.read()
            elif word == "join" and listener is None:
                await _settled()  # what has happened before is no news
                start = None if since is None else min(since, seq)  # the number of one that it has read
                listener = Listener(feed, start, feed.read(Interest(), capacity))
                expected = [] if start is None else list(range(start + 1, seq + 1))
            if seq % 2:  # the feed follows now and then
                await _settled()
        await _settled()
        assert listener is not None
        while await listener.read():
            pass
        running.cancel()
        hold(listener.got, expected)

    asyncio.run(story())


def hold(got: list[dict[str, Any]], expected: list[int]) -> None:
    """What must be true of what was read."""
    seqs = [each["seq"] for each in got if "seq" in each]
    assert seqs == sorted(set(seqs))
    lost = set(expected) - set(seqs)
    assert set(seqs) <= set(expected)
    assert sum(each["missed"] for each in got if each["event"] == "lagged") >= len(lost)
    for id in IDS:
        samples = [each["downloaded"] for each in got if each["event"] == "download_progress" and each["download_id"] == id]
        assert samples == sorted(set(samples))


@pytest.mark.parametrize(
    ("interest", "told"),
    [
        (Interest(), "abc"),
        (Interest(ids=frozenset("ac")), "ac"),
        (Interest(group="g"), "ab"),
        (Interest(ids=frozenset("c"), group="g"), "abc"),
        (Interest(ids=frozenset()), ""),
    ],
)
def test_a_reader_hears_of_what_it_wants(interest: Interest, told: str) -> None:
    """Of the ids and of the group that it named, recorded or live, from when it has said so."""

    async def story() -> None:
        scripted = Scripted()
        feed = Feed(cast(Downloads, scripted), Standstill())
        running = asyncio.create_task(feed.run())
        for number, id in enumerate(IDS):
            scripted.publish(moved(number + 1, id))
        await _settled()
        replayed, narrowed = Listener(feed, 0, feed.read(interest)), feed.read(Interest(ids=frozenset("x")))
        live = Listener(feed, None, narrowed)
        narrowed.interest = interest
        for number, id in enumerate(IDS):
            scripted.publish(moved(number + 4, id))
            scripted.publish(sampled(id, 1))
        await _settled()
        for listener, times in ((replayed, 2), (live, 1)):
            while await listener.read():
                pass
            heard = [each["download_id"] for each in listener.got if "seq" in each]
            assert sorted(heard) == sorted(told * times)
            assert {e["download_id"] for e in listener.got if e["event"] == "download_progress"} == set(told)
        running.cancel()

    asyncio.run(story())


def test_who_never_reads_keeps_no_more_than_a_queue() -> None:
    """However much happens: the lines that were kept, then how many were not; then what is new again."""

    async def story() -> None:
        scripted = Scripted()
        feed = Feed(cast(Downloads, scripted), Standstill())
        running = asyncio.create_task(feed.run())
        await _settled()
        idle, busy = Listener(feed, None, feed.read(Interest(), 10)), Listener(feed, None, feed.read(Interest(), 10))
        for seq in range(1, 3_001):
            scripted.publish(moved(seq, "a"))
            scripted.publish(sampled("b", seq))
            await busy.read()
            await busy.read()
        while await idle.read():
            pass
        assert [each.get("seq") for each in idle.got[:2]] == [1, None]
        assert len(idle.got) == 11
        assert idle.got[-1]["event"] == "lagged"
        assert idle.got[1]["downloaded"] == 3_000  # the newest sample, not the first
        assert idle.got[-1]["missed"] + 9 == 3_000
        assert [each["seq"] for each in busy.got if "seq" in each] == list(range(1, 3_001))
        scripted.publish(moved(3_001, "a"))
        await _settled()
        await idle.read()
        assert idle.got[-1]["seq"] == 3_001
        running.cancel()

    asyncio.run(story())


def test_the_end_is_told_to_all() -> None:
    """Who reads, and who comes later, comes to an end; what was there is read before."""

    async def story() -> None:
        scripted = Scripted()
        feed = Feed(cast(Downloads, scripted), Standstill())
        running = asyncio.create_task(feed.run())
        await _settled()
        before = feed.read(Interest())
        scripted.publish(moved(1, "a"))
        await _settled()
        feed.close()
        assert [line.seq async for line in before] == [1]
        assert [line.seq async for line in feed.read(Interest())] == []
        running.cancel()

    asyncio.run(story())
