"""The pool with real child processes: they carry, they die, and none of them is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from dlm.clock import SystemClock
from dlm.model.download import DownloadSpec
from dlm.model.error import WorkerLost
from dlm.model.message import News, Progressed
from dlm.model.queue import Rates
from dlm.model.span import total
from dlm.ports import Worker
from dlm.workers.pool import WorkerPool
from dlm.workers.process import FOR_EVERYBODY, ChildProcess, Process, describe, spawn_child
from tests.conftest import SOURCES
from tests.contracts.worker import MIB, WorkerContract, arrived, downloaded
from tests.fakes import RememberingReporter, start_of
from tests.hostile import HostileServer, content
from tests.running import children_of, exists, until

FILE = content(24 * MIB, seed=22)


class TestPoolOfProcesses(WorkerContract):
    def open(self) -> Worker:
        return WorkerPool(2, SystemClock())


class Pool(WorkerPool):
    """A pool that says which processes it has started."""

    def __init__(self, most: int = 1) -> None:
        self.pids: list[int] = []
        super().__init__(most, SystemClock(), self._start)

    def _start(self) -> tuple[Process, socket.socket]:
        process, ours = spawn_child()
        assert isinstance(process, ChildProcess)
        self.pids.append(process.pid)
        return process, ours


@pytest.fixture
def slow() -> Iterator[HostileServer]:
    """A server that begins quickly and goes on slowly, until it is told to hurry."""
    with HostileServer(FILE, bytes_per_second=200_000, headstart=8 * MIB) as server:
        yield server


def spec(server: HostileServer, folder: Path, name: str = "f.bin") -> DownloadSpec:
    """Of a download from there to the folder."""
    return DownloadSpec(uris=(server.url(f"/{name}"),), directory=str(folder), connections=4)


# --- death ------------------------------------------------------------------------------------------------------------


def test_a_child_that_is_killed_costs_no_more_than_what_was_not_checkpointed(slow: HostileServer, tmp_path: Path) -> None:
    """Its download raises WorkerLost with the reason; from its checkpoint it goes on in a new child, and the file is right."""

    async def scenario() -> None:
        pool, reporter = Pool(), RememberingReporter()
        start = start_of(spec(slow, tmp_path))
        carrying = asyncio.ensure_future(pool.carry(start, reporter))
        while reporter.durable is None or total(reporter.durable.done) < 4 * MIB:
            await asyncio.sleep(0.01)
        os.kill(pool.pids[0], signal.SIGKILL)
        with pytest.raises(WorkerLost, match=f"is gone: process {pool.pids[0]} was ended by SIGKILL"):
            await carrying
        assert pool.carriers == 0
        slow.hurry()
        done = reporter.durable
        sent = slow.bytes_sent()
        await pool.carry(start_of(start.download.spec, done), reporter)
        assert (tmp_path / "f.bin").read_bytes() == FILE
        assert slow.bytes_sent() - sent <= len(FILE) - total(done.done) + MIB
        assert len(pool.pids) == 2
        await pool.close()

    asyncio.run(scenario())


def test_another_child_does_not_notice(slow: HostileServer, tmp_path: Path) -> None:
    """Only what the dead one carried is lost."""

    async def scenario() -> None:
        pool = Pool(2)
        reporters = [RememberingReporter() for _ in range(3)]
        carrying = [
            asyncio.ensure_future(pool.carry(start_of(spec(slow, tmp_path, f"{number}.bin")), reporter))
            for number, reporter in enumerate(reporters)
        ]
        for reporter in reporters:
            await arrived(reporter, 1)
        os.kill(pool.pids[0], signal.SIGSEGV)
        slow.hurry()
        lost = await asyncio.gather(*carrying, return_exceptions=True)
        assert [type(each) for each in lost] == [WorkerLost, WorkerLost, type(None)]
        assert "SIGSEGV" in str(lost[0])
        assert (tmp_path / "2.bin").read_bytes() == FILE
        await pool.close()

    asyncio.run(scenario())


PARENT = """
import asyncio, sys
from dlm.clock import SystemClock
from dlm.model.download import DownloadSpec
from dlm.workers.pool import WorkerPool
from tests.fakes import RememberingReporter, start_of

async def main(folder, *uris):
    pool = WorkerPool(2, SystemClock())
    starts = [start_of(DownloadSpec(uris=(uri,), directory=folder)) for uri in uris]
    await asyncio.gather(*(pool.carry(start, RememberingReporter()) for start in starts))

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("stopped", [False, True], ids=["working", "stopped"])
def test_no_child_survives_a_parent_that_is_killed(slow: HostileServer, tmp_path: Path, stopped: bool) -> None:
    """Soon after its death they are gone, also one that cannot notice anything itself."""
    uris = [slow.url(f"/{number}.bin") for number in range(3)]
    root = SOURCES.parent
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path), *uris],
        env={**os.environ, "PYTHONPATH": f"{SOURCES}{os.pathsep}{root}"},
    )
    try:
        until(lambda: slow.bytes_sent() > MIB and len(children_of(parent.pid)) == 2)
        pids = children_of(parent.pid)
        for pid in pids:
            assert b"dlm.child" in Path(f"/proc/{pid}/cmdline").read_bytes()
            if stopped:
                os.kill(pid, signal.SIGSTOP)
    finally:
        parent.kill()
        parent.wait()
    until(lambda: not any(map(exists, pids)))


def test_a_child_whose_parent_died_before_it_looked_ends_by_itself() -> None:
    """No signal comes for a death that was before; that another process has adopted it tells it, with the socket still open."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        orphan = subprocess.run(
            [
                sys.executable,
                "-c",
                "import subprocess, sys; print(subprocess.Popen([sys.executable, '-P', '-m', 'dlm.child', sys.argv[1]], "
                "pass_fds=[int(sys.argv[1])], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).pid)",
                str(theirs.fileno()),
            ],
            pass_fds=[theirs.fileno()],
            env={**os.environ, "PYTHONPATH": str(SOURCES)},
            capture_output=True,
            check=True,
        )
        until(lambda: not exists(int(orphan.stdout)))


def test_a_child_ends_when_its_socket_does() -> None:
    """That is what is left where the kernel cannot end it."""
    process, ours = play_spawn()
    ours.close()
    assert process.wait(60.0) == 0


def play_spawn() -> tuple[subprocess.Popen[bytes], socket.socket]:
    """A child that listens, without a pool."""
    ours, theirs = socket.socketpair()
    with theirs:
        command = [sys.executable, "-m", "dlm.child", str(theirs.fileno())]
        environment = {**os.environ, "PYTHONPATH": str(SOURCES)}
        return subprocess.Popen(command, pass_fds=[theirs.fileno()], env=environment), ours


def test_nobody_starts_a_child_by_hand() -> None:
    """It says what it is, and is not confused."""
    told = subprocess.run(
        [sys.executable, "-m", "dlm.child"], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(SOURCES)}
    )
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr == "dlm.child is a part of dlm, and is started by it\n"


# --- signals ----------------------------------------------------------------------------------------------------------


def test_signals_for_everybody_are_left_to_the_parent(slow: HostileServer, tmp_path: Path) -> None:
    """From the very first moment on: Ctrl-C at the terminal and a service manager's TERM end no child."""

    async def scenario() -> None:
        pool, reporter = Pool(), RememberingReporter()
        carrying = asyncio.ensure_future(pool.carry(start_of(spec(slow, tmp_path)), reporter))
        await asyncio.sleep(0)
        while downloaded([reporter]) < MIB:
            for each in FOR_EVERYBODY:
                os.kill(pool.pids[0], each)
            await asyncio.sleep(0.01)
        slow.hurry()
        await carrying
        assert (tmp_path / "f.bin").read_bytes() == FILE
        assert len(pool.pids) == 1
        await pool.close()

    asyncio.run(scenario())
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set(), "nothing is left blocked here"


def test_a_child_ignores_them_whoever_started_it() -> None:
    """Nothing is left blocked in it either, which a program of its own would inherit."""
    process, ours = play_spawn()
    with ours:
        wanted = sum(1 << (number - 1) for number in FOR_EVERYBODY)
        until(lambda: signal_mask(process.pid, "SigIgn") & wanted == wanted)
        assert signal_mask(process.pid, "SigBlk") == 0
    process.wait(60.0)


def signal_mask(pid: int, name: str) -> int:
    """A set of signals of a process, as the kernel shows it."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1], 16) for line in lines if line.startswith(name))


# --- starting and ending ----------------------------------------------------------------------------------------------


def test_close_leaves_no_process_and_no_descriptor(slow: HostileServer, tmp_path: Path) -> None:
    """In mid-transfer, too: what ran is stopped cleanly."""

    async def scenario() -> None:
        # The server is in this process too: it has to be up before anything is counted, and may close a little later.
        with socket.create_connection(("127.0.0.1", slow.port)) as client:
            client.sendall(b"GET /polite/f.bin HTTP/1.0\r\nConnection: close\r\n\r\n")
            await asyncio.to_thread(client.recv, 1)
        before = len(os.listdir("/proc/self/fd"))
        pool, reporter = Pool(2), RememberingReporter()
        carrying = [
            asyncio.ensure_future(pool.carry(start_of(spec(slow, tmp_path, f"{number}.bin")), reporter)) for number in range(3)
        ]
        await arrived(reporter, 1)
        await pool.close()
        assert not any(map(exists, pool.pids))
        assert len(pool.pids) == 2
        ends = await asyncio.gather(*carrying, return_exceptions=True)
        assert [type(each) for each in ends] == [WorkerLost] * 3
        assert reporter.durable is not None
        async with asyncio.timeout(60.0):
            while len(os.listdir("/proc/self/fd")) > before:
                await asyncio.sleep(0.01)

    asyncio.run(scenario())


def test_close_ends_a_child_that_is_stuck(slow: HostileServer, tmp_path: Path) -> None:
    """One that does nothing any more is killed, after its five seconds."""

    async def scenario() -> None:
        pool, reporter = Pool(), RememberingReporter()
        carrying = asyncio.ensure_future(pool.carry(start_of(spec(slow, tmp_path)), reporter))
        await arrived(reporter, 1)
        os.kill(pool.pids[0], signal.SIGSTOP)
        begun = time.monotonic()
        await pool.close()
        assert 4.5 < time.monotonic() - begun < 50.0
        assert not exists(pool.pids[0])
        with pytest.raises(WorkerLost, match="it did not stop a download when told, and process"):
            await carrying

    asyncio.run(scenario())


def test_what_lies_in_the_current_directory_is_not_run(
    slow: HostileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Downloads land there, under names such as json.py."""
    slow.hurry()
    for name in ("json", "asyncio", "signal", "dlm", "pycurl"):
        (tmp_path / f"{name}.py").write_text("import os; os._exit(66)\n")
    monkeypatch.chdir(tmp_path)

    async def scenario() -> None:
        pool = Pool()
        await pool.carry(start_of(spec(slow, tmp_path)), RememberingReporter())
        await pool.close()

    asyncio.run(scenario())
    assert (tmp_path / "f.bin").read_bytes() == FILE


def test_a_child_inherits_its_socket_and_nothing_else(tmp_path: Path) -> None:
    """Not the database, not a socket of a transfer, not the other children's sockets."""

    async def scenario() -> None:
        with (tmp_path / "open").open("wb") as file:
            os.set_inheritable(file.fileno(), True)
            pool = Pool(2)
            carrying = [
                asyncio.ensure_future(
                    pool.carry(start_of(DownloadSpec(uris=(uri,), directory="/", retries=0)), RememberingReporter())
                )
                for uri in ["http://127.0.0.1:9/f"] * 3
            ]
            await asyncio.sleep(0)
            held = [list(open_files(pid)) for pid in pool.pids]
            await asyncio.gather(*carrying, return_exceptions=True)
            await pool.close()
        assert len(held) == 2
        for links in held:
            assert not any(str(tmp_path) in link for link in links)
            assert sum(link.startswith("socket:") for link in links) <= 2, "its own, and libcurl's or the loop's"

    asyncio.run(scenario())


def open_files(pid: int) -> Iterator[str]:
    """What a process has open; it may close some of that meanwhile."""
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            yield os.readlink(each)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo nothing >&2; echo 'bad http://u:secret@h/f?token=secret' >&2; exit 7", "exit code 7 (bad http://h/f?token=***)"),
        ("head -c 1000000 /dev/zero | tr '\\0' x >&2; exit 9", "exit code 9 (xxxxxx"),
        ("exit 0", "exit code 0"),
        ("kill -KILL $$", "ended by SIGKILL"),
    ],
    ids=["says why", "is noisy", "just ends", "is killed"],
)
def test_a_child_that_cannot_work_says_why(script: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last line is in the error, without secrets; however much it says, it is not held up."""
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))

    async def scenario() -> None:
        pool = Pool()
        with pytest.raises(WorkerLost) as lost:
            await pool.carry(start_of(DownloadSpec(uris=("http://h/f",), directory="/")), RememberingReporter())
        assert said in str(lost.value)
        assert "secret" not in str(lost.value)
        assert len(str(lost.value)) < 400
        await pool.close()

    asyncio.run(scenario())


def test_an_interpreter_that_is_gone_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after an upgrade under a running dlm."""
    monkeypatch.setattr(sys, "executable", "/nowhere/python")

    async def scenario() -> None:
        pool = Pool()
        with pytest.raises(WorkerLost, match="no process could be started to carry the download: No such file"):
            await pool.carry(start_of(DownloadSpec(uris=("http://h/f",), directory="/")), RememberingReporter())
        assert pool.carriers == 0
        await pool.close()

    asyncio.run(scenario())


def test_ends_are_told_in_words() -> None:
    """By exit code or by signal, also by one that has no name."""
    assert describe(3, b"") == "ended with exit code 3"
    assert describe(-9, b"one\ntwo\x1b[31m\n") == "was ended by SIGKILL (two\N{REPLACEMENT CHARACTER}[31m)"
    assert describe(-63, b"") == "was ended by signal 63"
    assert describe(None, b"") == "does not end, though it was killed"


# --- limits -----------------------------------------------------------------------------------------------------------


class TimedReporter(RememberingReporter):
    """One that knows when each sample came."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[tuple[float, int]] = []

    def post(self, message: News) -> None:
        super().post(message)
        if isinstance(message, Progressed):
            self.times.append((time.monotonic(), message.downloaded))

    def speed(self, since: float, until: float) -> float:
        """Bytes a second in that span of time: the slope of its samples."""
        points = [(at, count) for at, count in self.times if since <= at <= until]
        if len(points) < 2:
            return 0.0
        middle = sum(at for at, _ in points) / len(points)
        mean = sum(count for _, count in points) / len(points)
        return sum((at - middle) * (count - mean) for at, count in points) / sum((at - middle) ** 2 for at, _ in points)


async def speed(reporters: list[TimedReporter], seconds: float, expected: float, tolerance: float) -> float:
    """Bytes a second of all together. A machine that stands still makes one measurement wrong, so there may be three."""
    for _ in range(3):
        begun = time.monotonic()
        await asyncio.sleep(seconds)
        ended = time.monotonic()
        measured = sum(reporter.speed(begun, ended) for reporter in reporters)
        if abs(measured - expected) <= tolerance * expected:
            break
    return measured


def test_a_limit_over_two_children_is_kept_to_three_per_cent(tmp_path: Path) -> None:
    """Four downloads at 5 MB/s together, over 5 s; a change acts within a second."""
    with HostileServer(content(40 * MIB, seed=23)) as server:

        async def scenario() -> None:
            pool = Pool(2)
            pool.limit(Rates(5_000_000), {})
            reporters = [TimedReporter() for _ in range(4)]
            carrying = [
                asyncio.ensure_future(pool.carry(start_of(spec(server, tmp_path, f"{number}.bin")), reporter))
                for number, reporter in enumerate(reporters)
            ]
            for reporter in reporters:
                await arrived(reporter, 1)
            await asyncio.sleep(0.7)
            before = await speed(reporters, 5.0, 5_000_000, 0.03)
            pool.limit(Rates(10_000_000), {})
            await asyncio.sleep(1.0)
            after = await speed(reporters, 2.0, 10_000_000, 0.05)
            for each in carrying:
                each.cancel()
            await asyncio.gather(*carrying, return_exceptions=True)
            assert len(pool.pids) == 2
            await pool.close()
            print(f"\n5 MB/s over two children: {before / 1e6:.3f} MB/s; after the change to 10: {after / 1e6:.3f}")
            assert 4_850_000 <= before <= 5_150_000
            assert 9_500_000 <= after <= 10_500_000

        asyncio.run(scenario())
