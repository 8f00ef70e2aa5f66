"""A queue of 10,000 is nothing special, and one of 100,000 still works: how long each step takes, and what it costs in memory.

The times are the least of several tries, since others use the machine too, and bounds are wide: they catch what grows with the
size of the queue and should not.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from dlm.model.download import Download, DownloadId, DownloadSpec, new_id
from dlm.model.phase import Order, Phase
from dlm.model.query import DownloadQuery
from dlm.model.queue import Selection
from dlm.model.sorting import Sort, SortKey
from dlm.storage.repository import SqliteState
from dlm.storage.sqlite import CACHE_KIBIBYTES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SOURCES = Path(__file__).parents[2] / "src"
MEMORY_EACH = 64
"""Bytes a queued download may cost the process beside the pages of the database, of which it keeps so many at most."""


def download(n: int, hosts: int) -> Download:
    """One of many, of that many hosts."""
    spec = DownloadSpec(
        uris=(f"https://host{n % hosts}.example/a/longer/path/to/file{n}.iso",), directory="/home/user/Downloads"
    )
    return Download(id=new_id(), spec=spec, added=float(n), ready=float(n))


@asynccontextmanager
async def queue_of(path: Path, count: int, hosts: int) -> AsyncIterator[tuple[SqliteState, list[DownloadId]]]:
    """A state with so many pending downloads, and their ids."""
    state = await SqliteState.open(str(path / "dlm.db"))
    try:
        await state.repository.add([download(n, hosts) for n in range(count)])
        yield state, await state.queue.select(Selection())
    finally:
        await state.close()


async def least(tries: int, act: Callable[[], Awaitable[object]]) -> float:
    """The least time that it took, in seconds."""
    times = []
    for _ in range(tries):
        start = time.perf_counter()
        await act()
        times.append(time.perf_counter() - start)
    return min(times)


def sorted_pages() -> list[tuple[Sort, DownloadQuery]]:
    """The first page in every order."""
    sorts = [Sort(key, descending) for key in SortKey for descending in (False, True)]
    return [(sort, DownloadQuery(limit=100, sort=sort)) for sort in sorts]


@pytest.mark.parametrize(("count", "most"), [(10_000, 2.0), (100_000, 30.0)])
def test_many_are_added_in_one_call(tmp_path: Path, count: int, most: float) -> None:
    """With a look for repetitions; and when all are known already, none is added."""

    async def scenario() -> None:
        state = await SqliteState.open(str(tmp_path / "dlm.db"))
        new = [download(n, 50) for n in range(count)]
        took = await least(1, lambda: state.repository.add(new, unless_known=True))
        again = await least(1, lambda: state.repository.add(new, unless_known=True))
        print(f"added {count}: {took:.2f} s, known already: {again:.2f} s")
        assert await state.queue.counts() == {Phase.PENDING: count}
        assert took < most
        assert again < most
        await state.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(("count", "hosts"), [(10_000, 1), (10_000, 1000), (100_000, 1), (100_000, 1000), (100_000, 100_000)])
def test_the_scheduler_looks_at_a_long_queue_quickly(tmp_path: Path, count: int, hosts: int) -> None:
    """What it asks at each look is asked of indexes, however the downloads are spread over hosts."""

    async def scenario() -> None:
        async with queue_of(tmp_path, count, hosts) as (state, ids):
            queue = state.queue
            looked = await least(5, lambda: queue.candidates(32, 64))
            times = {
                "candidates": looked,
                "rouse": await least(5, lambda: queue.rouse(1.0, online=True)),
                "owners": await least(5, queue.owners),
                "counts": await least(5, queue.counts),
                "standing": await least(5, lambda: queue.standing(ids[-1])),
                "claim": await least(1, lambda: state.repository.claim(ids[:64], "me", 1.0, 30.0)),
                "held": await least(5, lambda: queue.held("me")),
                "find": await least(5, lambda: state.repository.find(DownloadQuery(limit=100))),
                "find pending": await least(
                    5, lambda: state.repository.find(DownloadQuery(phases=frozenset({Phase.PENDING}), limit=100))
                ),
                **{f"find {sort}": await least(5, partial(state.repository.find, page)) for sort, page in sorted_pages()},
                "events": await least(5, lambda: state.repository.events_since(0, 100)),
            }
            print(f"{count} on {hosts}:", ", ".join(f"{name} {took * 1000:.1f} ms" for name, took in times.items()))
            assert looked < (0.1 if hosts > 64 else 0.02)
            assert max(times.values()) < 0.3

    asyncio.run(scenario())


@pytest.mark.parametrize("hosts", [1, 1000])
def test_ten_thousand_are_ordered_and_moved(tmp_path: Path, hosts: int) -> None:
    """Pause, resume, and the way from the first place to any other."""

    async def scenario() -> None:
        async with queue_of(tmp_path, 10_000, hosts) as (state, ids):
            times = {}
            for order in (Order.PAUSE, Order.RESUME, Order.CANCEL, Order.RETRY):
                start = time.perf_counter()
                answers = await state.queue.order(ids, order, 1.0)
                times[order.value] = time.perf_counter() - start
                assert all(each.transition is not None for each in answers)
                del answers
            assert await state.queue.counts() == {Phase.PENDING: 10_000}
            moves = {}
            for place in (2, 100, 5000, 10_000, 1):
                start = time.perf_counter()
                standing = await state.queue.move(ids[0], place)
                moves[place] = time.perf_counter() - start
                assert standing.position == place
            print(f"{hosts} hosts:", {name: f"{took:.2f} s" for name, took in times.items()})
            print("moved to", {place: f"{took * 1000:.0f} ms" for place, took in moves.items()})
            assert max(times.values()) < 5
            assert max(moves.values()) < 1.5

    asyncio.run(scenario())


WORK = """
    import asyncio, sys
    from pathlib import Path
    from dlm.ports import DownloadQuery
    from dlm.storage.repository import SqliteState

    async def main(path):
        state = await SqliteState.open(path)
        for _ in range(20):
            candidates = await state.queue.candidates(32, 64)
            await state.repository.claim([each.id for each in candidates[:8]], "me", 1.0, 30.0)
            await state.queue.abandon("me", 1.0, "on to the next")
            await state.queue.counts()
            await state.repository.find(DownloadQuery(limit=100))
        await state.close()
        status = Path("/proc/self/status").read_text()
        print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))

    asyncio.run(main(sys.argv[1]))
"""


def test_the_queue_costs_next_to_no_memory(tmp_path: Path) -> None:
    """A process that works a queue of 100,000 has hardly more memory than one that works a queue of 1,000."""

    async def fill(path: Path, count: int) -> None:
        async with queue_of(path, count, 50):
            pass

    peaks = []
    for count in (1000, 100_000):
        path = tmp_path / str(count)
        path.mkdir()
        asyncio.run(fill(path, count))
        environment = {**os.environ, "PYTHONPATH": str(SOURCES)}
        command = [sys.executable, "-c", textwrap.dedent(WORK), str(path / "dlm.db")]
        peaks.append(1024 * int(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout))
    each = (peaks[1] - peaks[0]) / 99_000
    print(f"{peaks[0] / 2**20:.1f} MiB with 1,000, {peaks[1] / 2**20:.1f} MiB with 100,000: {each:.0f} bytes each")
    assert peaks[1] - peaks[0] < CACHE_KIBIBYTES * 1024 + MEMORY_EACH * 100_000
