"""How the daemon itself is: its process, the processes that carry, its database, its disks, and who listens.

Figures of processes are read from /proc, so they are `null` where the system has none.
"""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from dlm import __version__
from dlm.api.answers import Outgoing
from dlm.api.durations import Durations
from dlm.api.overview import QueueOut, WorkerOut
from dlm.api.reading import House
from dlm.ports import Clock, Downloads


class ProcessOut(Outgoing, frozen=True, kw_only=True):
    """A process: bytes of memory that it has resident, seconds of CPU time and bytes written to disks since it began."""

    pid: int
    memory: int | None
    cpu: float | None
    written: int | None


class CarryingOut(ProcessOut, frozen=True, kw_only=True):
    """A child process that carries downloads: how many, and what part of a core it used lately."""

    downloads: int
    busy: float


class LatenessOut(Outgoing, frozen=True, kw_only=True):
    """How late the event loop was, in seconds, of so many looks: those of the last minute while something moves."""

    median: float
    p99: float
    worst: float
    looks: int


class DatabaseOut(Outgoing, frozen=True, kw_only=True):
    """Bytes of the database, and of its write-ahead log."""

    bytes: int
    log: int


class DiskOut(Outgoing, frozen=True, kw_only=True):
    """A directory that downloads may go to, and the bytes of its disk; `null` where that does not answer."""

    directory: str
    free: int | None
    total: int | None


class RuntimeOut(Outgoing, frozen=True, kw_only=True):
    """The daemon as it is at this moment. `queue` and `workers` tell what it has to do, `readers` who follows events."""

    version: str
    python: str
    started: float
    uptime: float
    listening: list[str]
    daemon: ProcessOut
    workers: list[CarryingOut]
    queue: QueueOut
    loop_lag: LatenessOut
    readers: int
    database: DatabaseOut
    disks: list[DiskOut]


class Runtime:
    """Looks when it is asked, and costs nothing until then. `readers` tells how many follow events."""

    def __init__(self, house: House, clock: Clock, durations: Durations, readers: Callable[[], int]) -> None:
        self._house = house
        self._clock = clock
        self._durations = durations
        self._readers = readers
        self._started = clock.wall()
        self._began = clock.monotonic()
        self.listening: Sequence[str] = ()
        """Where the daemon listens, once it does."""

    async def look(self, downloads: Downloads) -> RuntimeOut:
        """How it is now. Raises `DlmError` when the database cannot be asked."""
        queue = QueueOut.of(await downloads.stats())
        late = self._durations.lateness
        disks = await self.disks()  # a disk that does not answer is waited for by a thread
        return RuntimeOut(
            version=__version__,
            python=platform.python_version(),
            started=self._started,
            uptime=round(self._clock.monotonic() - self._began, 3),
            listening=list(self.listening),
            daemon=_process(os.getpid()),
            workers=[_carrying(each) for each in queue.workers],
            queue=queue,
            loop_lag=LatenessOut(median=late.median, p99=late.p99, worst=late.worst, looks=late.looks),
            readers=self._readers(),
            database=self.database(),
            disks=disks,
        )

    def database(self) -> DatabaseOut:
        """How large the database is."""
        path = self._house.settings.state
        return DatabaseOut(bytes=_size(path), log=_size(f"{path}-wal"))

    async def disks(self) -> list[DiskOut]:
        """The disks that downloads may go to."""
        return [await asyncio.to_thread(_disk, root) for root in self._house.roots]


def _process(pid: int) -> ProcessOut:
    memory, cpu, written = _figures(pid)
    return ProcessOut(pid=pid, memory=memory, cpu=cpu, written=written)


def _carrying(worker: WorkerOut) -> CarryingOut:
    memory, cpu, written = _figures(worker.pid)
    return CarryingOut(pid=worker.pid, memory=memory, cpu=cpu, written=written, downloads=worker.downloads, busy=worker.busy)


def _figures(pid: int) -> tuple[int | None, float | None, int | None]:
    """Memory, CPU time and bytes written of a process, as far as the system tells (proc(5))."""
    memory = cpu = written = None
    if sys.platform == "linux":
        with suppress(OSError, LookupError, ValueError):
            memory = int(_read(f"/proc/{pid}/statm").split()[1]) * os.sysconf("SC_PAGE_SIZE")
            fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
            cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            written = int(_read(f"/proc/{pid}/io").partition("\nwrite_bytes: ")[2].split()[0])
    return memory, cpu, written


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _disk(directory: str) -> DiskOut:
    """A directory that is not there yet will be on the disk of the nearest one above it that is."""
    there = os.path.abspath(directory)
    while not os.path.isdir(there) and there != os.path.dirname(there):
        there = os.path.dirname(there)
    try:
        usage = shutil.disk_usage(there)
    except OSError:
        return DiskOut(directory=directory, free=None, total=None)
    return DiskOut(directory=directory, free=usage.free, total=usage.total)
