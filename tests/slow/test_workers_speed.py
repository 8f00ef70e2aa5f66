"""What child processes cost and bring: start, memory, throughput against inline, one against two, and a busy parent.

`DLM_BENCH_MIB` is the size of the file (256 unless told), `DLM_BENCH_RUNS` how often each is run (5). The machine should be
quiet. The figures are printed; run with `-s` to see them.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dlm.clock import SystemClock
from dlm.model.download import DownloadSpec
from dlm.ports import Worker
from dlm.workers.pool import WorkerPool
from tests import peers
from tests.certificates import Certificates
from tests.fakes import RememberingReporter, start_of
from tests.hostile import content
from tests.integration.test_workers import Pool
from tests.unit.test_workers_contract import ClosingWorker

MIB = 1024 * 1024
SIZE = int(os.environ.get("DLM_BENCH_MIB", "256")) * MIB
RUNS = int(os.environ.get("DLM_BENCH_RUNS", "5"))

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def server(certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[peers.Nginx]:
    """nginx with a large and a small file."""
    with peers.nginx({"small.bin": content(1000, seed=6)}, certificates, tmp_path_factory.mktemp("nginx")) as server:
        with (server.root / "large.bin").open("wb") as file:
            for number in range(SIZE // (16 * MIB)):
                file.write(content(16 * MIB, seed=number))
        yield server


class Ground:
    """Where one measurement takes place."""

    def __init__(self, server: peers.Nginx, certificates: Certificates, folder: Path) -> None:
        self._server = server
        self._ca = str(certificates.ca)
        self._folder = folder

    async def fetch(self, worker: Worker, count: int = 1, path: str = "/large.bin", connections: int = 4) -> float:
        """Carry it so many times at once, and return the seconds that took."""
        specs = [
            DownloadSpec(
                uris=(self._server.url(path, "https"),),
                directory=str(self._folder),
                output=f"{number}.bin",
                overwrite=True,
                cacert=self._ca,
                connections=connections,
            )
            for number in range(count)
        ]
        os.sync()
        begun = time.perf_counter()
        await asyncio.gather(*(worker.carry(start_of(spec), RememberingReporter()) for spec in specs))
        return time.perf_counter() - begun


@pytest.fixture
def ground(server: peers.Nginx, certificates: Certificates, tmp_path: Path) -> Ground:
    """The fixtures together."""
    return Ground(server, certificates, tmp_path)


Way = Callable[[], Awaitable[float]]


async def interleaved(ways: dict[str, Way]) -> dict[str, float]:
    """The median seconds of each, run in turn."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(RUNS):
        for name, way in ways.items():
            times[name].append(await way())
    for name, each in times.items():
        print(f"\n{name}: {', '.join(f'{seconds:.2f}' for seconds in each)}", end="")
    return {name: statistics.median(each) for name, each in times.items()}


def shown(title: str, medians: dict[str, float], size: int) -> None:
    """Print seconds and speeds."""
    figures = ", ".join(f"{name} {seconds:.2f} s ({size / MIB / seconds:.0f} MiB/s)" for name, seconds in medians.items())
    print(f"\n{title}: {figures}")


def memory(pid: int) -> tuple[int, int]:
    """KiB of a process: all that is resident, and its fair share of what is shared."""
    fields = [line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]]
    by_name = {each[0]: int(each[1]) for each in fields}
    return by_name["Rss:"], by_name["Pss:"]


def test_a_child_starts_at_once_and_stays_small(ground: Ground) -> None:
    """A quarter of a second for the first small file, little more than nothing for the next; 60 MiB at most."""

    async def scenario() -> tuple[list[float], list[float], tuple[int, int], tuple[int, int]]:
        cold, warm = [], []
        for _ in range(2 * RUNS + 1):
            pool = Pool()
            cold.append(await ground.fetch(pool, path="/small.bin"))
            warm.append(await ground.fetch(pool, path="/small.bin"))
            idle = memory(pool.pids[0])
            await pool.close()
        pool = Pool()
        await ground.fetch(pool, 4)
        worked = memory(pool.pids[0])
        await pool.close()
        return cold, warm, idle, worked

    cold, warm, idle, worked = asyncio.run(scenario())
    new, there = statistics.median(cold), statistics.median(warm)
    print(f"\na small file: {new:.3f} s with a new child, {there:.3f} s with one that is there; the best {min(cold):.3f} s")
    resident, fair = ([kib[n] / 1024 for kib in (idle, worked)] for n in (0, 1))
    print(f"memory in MiB, idle and after 4 large files: {resident[0]:.0f}, {resident[1]:.0f}; ", end="")
    print(f"with shared pages shared fairly {fair[0]:.0f}, {fair[1]:.0f}")
    assert min(cold) - min(warm) < 0.25
    assert worked[0] < 60 * 1024


def test_a_child_is_as_fast_as_inline(ground: Ground) -> None:
    """Over https, 4 connections; the commitments that travel cost next to nothing."""

    async def scenario() -> None:
        pool, inline = Pool(), ClosingWorker()
        await ground.fetch(pool, path="/small.bin")
        await ground.fetch(inline, path="/small.bin")
        medians = await interleaved({"inline": lambda: ground.fetch(inline), "child": lambda: ground.fetch(pool)})
        await pool.close()
        await inline.close()
        shown("one download", medians, SIZE)
        print(f"child / inline = {medians['child'] / medians['inline']:.2f}")
        assert medians["child"] / medians["inline"] < 1.25

    asyncio.run(scenario())


def test_what_a_second_child_brings(ground: Ground) -> None:
    """Two downloads, with one child and with one each."""

    async def scenario() -> None:
        one, two = WorkerPool(1, SystemClock()), WorkerPool(2, SystemClock())
        # The fourth small file makes sure that the second child is there; then each takes one of two.
        await ground.fetch(two, 4, path="/small.bin")
        await ground.fetch(one, path="/small.bin")
        assert two.carriers == 2
        medians = await interleaved({"one": lambda: ground.fetch(one, 2), "two": lambda: ground.fetch(two, 2)})
        await one.close()
        await two.close()
        shown("two downloads by how many children", medians, 2 * SIZE)
        print(f"two / one = {medians['two'] / medians['one']:.2f}")

    asyncio.run(scenario())


@contextmanager
def busy() -> Iterator[None]:
    """Another thread of this process computes all the time, as an API under load does."""
    ending = threading.Event()

    def compute() -> None:
        while not ending.is_set():
            pass

    thread = threading.Thread(target=compute)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


def test_a_busy_parent_does_not_slow_a_child_down(ground: Ground) -> None:
    """What inline pays for a thread that computes in the same process, and a child does not."""

    async def scenario() -> None:
        pool, inline = Pool(), ClosingWorker()
        await ground.fetch(pool, path="/small.bin")
        with busy():
            medians = await interleaved({"inline": lambda: ground.fetch(inline), "child": lambda: ground.fetch(pool)})
        await pool.close()
        await inline.close()
        shown("one download beside a busy thread", medians, SIZE)
        assert medians["child"] < medians["inline"]

    asyncio.run(scenario())
