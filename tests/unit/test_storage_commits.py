"""Commands that come at once share a commit, and nobody is told before it."""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from dlm.model.error import Conflict, DiskFull, DownloadNotFound
from dlm.model.phase import Cause, Intent
from dlm.model.query import DownloadQuery
from dlm.model.queue import Change
from dlm.model.span import Span
from dlm.ports import HostPolicy
from dlm.storage.repository import SqliteState
from tests.contracts.disks import fill, small_disk
from tests.contracts.repository import a_checkpoint, a_download, causes
from tests.programs import find_program

ROOT = Path(__file__).parents[2]
MANY = 64


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[SqliteState]:
    """The state in the file, closed at the end."""
    state = await SqliteState.open(str(path))
    try:
        yield state
    finally:
        await state.close()


async def watch(state: SqliteState, look: Callable[[str], None]) -> None:
    """From now on `look` sees every statement that is run, before it is."""

    def set_up(statements: Any) -> None:
        statements._connection.set_trace_callback(look)

    await state._thread.read(set_up)


def test_commands_that_come_at_once_share_few_commits(tmp_path: Path) -> None:
    """The first has one of its own, the others come together while it is under way; each does what it does alone."""
    commits: list[str] = []

    async def scenario() -> None:
        async with opened(tmp_path / "dlm.db") as state:
            downloads = [a_download() for _ in range(MANY)]
            await state.repository.add(downloads)
            await watch(state, lambda text: commits.append(text) if text == "COMMIT" else None)
            await asyncio.gather(*(state.repository.checkpoint(each.id, a_checkpoint(Span(0, 9))) for each in downloads))
            await watch(state, lambda _: None)
            for each in await state.repository.find(DownloadQuery()):
                assert each.downloaded == 9

    asyncio.run(scenario())
    assert 1 <= len(commits) <= MANY / 4


def test_nobody_is_told_before_the_commit(tmp_path: Path) -> None:
    """At each commit only those who wrote are told that an earlier one covers; whoever reads finds what such a one has left."""
    writes: list[asyncio.Future[Any]] = []
    reads: list[asyncio.Future[Any]] = []
    begun = covered = 0
    early: list[int] = []

    def look(text: str) -> None:
        nonlocal begun, covered
        begun += text == "SAVEPOINT attempt"
        if text == "COMMIT":
            time.sleep(0.02)  # long enough for the event loop to tell whoever would be told
            done = sum(each.done() for each in writes)
            seen = [each.result().spec.retries for each in reads if each.done()]
            early.append(max([done, *seen]) - covered)
            covered = begun

    async def scenario() -> None:
        async with opened(tmp_path / "dlm.db") as state:
            download = a_download()
            await state.repository.add([download])
            await state.repository.amend(download.id, Change(fields={"retries": 0}), 0.0)
            await watch(state, look)
            for number in range(1, 11):
                change = Change(fields={"retries": number})
                writes.append(asyncio.ensure_future(state.repository.amend(download.id, change, 0.0)))
                reads.append(asyncio.ensure_future(state.repository.get(download.id)))
            await asyncio.gather(*writes, *reads)
            await watch(state, lambda _: None)

    asyncio.run(scenario())
    assert len(early) >= 2
    assert max(early) <= 0


def test_who_reads_does_not_wait_for_who_writes(tmp_path: Path) -> None:
    """While a commit waits for the disk, what was committed before is told; what was written is told to who has awaited it."""
    waiting, go_on, begun = threading.Event(), threading.Event(), threading.Event()

    def look(text: str) -> None:
        if text == "BEGIN IMMEDIATE":
            begun.set()
        if text == "COMMIT" and begun.is_set():
            waiting.set()
            assert go_on.wait(20)

    async def scenario() -> None:
        async with opened(tmp_path / "dlm.db") as state:
            download = a_download()
            await state.repository.add([download])
            await watch(state, look)
            writing = asyncio.ensure_future(state.repository.intend(download.id, Intent.PAUSE))
            assert await asyncio.to_thread(waiting.wait, 20)
            assert (await state.repository.get(download.id)).intent is Intent.RUN
            assert not writing.done()
            go_on.set()
            await writing
            assert (await state.repository.get(download.id)).intent is Intent.PAUSE

    asyncio.run(scenario())


def test_who_has_given_up_a_write_reads_what_became_of_it(tmp_path: Path) -> None:
    """It is under way and cannot be undone: the next read, by whomever, waits for it."""
    waiting, go_on, begun = threading.Event(), threading.Event(), threading.Event()

    def look(text: str) -> None:
        if text == "BEGIN IMMEDIATE":
            begun.set()
        if text == "COMMIT" and begun.is_set():
            waiting.set()
            assert go_on.wait(20)

    async def scenario() -> None:
        async with opened(tmp_path / "dlm.db") as state:
            download = a_download()
            await state.repository.add([download])
            await watch(state, look)
            given_up = asyncio.ensure_future(state.repository.intend(download.id, Intent.PAUSE))
            other = asyncio.ensure_future(state.repository.intend(download.id, Intent.PAUSE))
            assert await asyncio.to_thread(waiting.wait, 20)
            given_up.cancel()
            await asyncio.wait([given_up])
            reading = asyncio.ensure_future(state.repository.get(download.id))
            await asyncio.sleep(0.05)
            assert not reading.done()
            go_on.set()
            assert (await reading).intent is Intent.PAUSE
            await other

    asyncio.run(scenario())


def test_one_that_fails_takes_nobody_along(tmp_path: Path) -> None:
    """Its own half-done work is undone; those before and behind it in the same commit are done."""

    async def scenario() -> None:
        async with opened(tmp_path / "dlm.db") as state:
            good, new, late = a_download(), a_download(), a_download()
            await state.repository.add([good])
            answers = await asyncio.gather(
                state.repository.advance(good.id, Cause.HALTED, 1.0),
                state.repository.add([new, a_download(), good]),
                state.repository.advance(good.id, Cause.RESUMED, 2.0),
                state.repository.intend(new.id, new.intent),
                state.repository.add([late]),
                return_exceptions=True,
            )
            assert [isinstance(each, Exception) for each in answers] == [False, True, False, True, False]
            assert isinstance(answers[1], Conflict)
            assert isinstance(answers[3], DownloadNotFound)
            assert {each.id for each in await state.repository.find(DownloadQuery())} == {good.id, late.id}
            assert await causes(state.repository, good.id) == [Cause.HALTED, Cause.RESUMED]

    asyncio.run(scenario())


def test_when_the_commit_fails_all_that_share_it_fail(tmp_path: Path) -> None:
    """On a full disk each is told so and nothing of any is there; with space again, the same commands succeed."""

    async def scenario(disk: Path) -> None:
        async with opened(disk / "dlm.db") as state:
            await state.queue.learn(HostPolicy("first", 1, True, 1.0))
            ballast = fill(disk)
            policies = [HostPolicy(f"{n}" + "x" * 50_000, 1, True, 1.0) for n in range(20)]
            answers = await asyncio.gather(*map(state.queue.learn, policies), return_exceptions=True)
            assert all(isinstance(each, DiskFull) for each in answers[1:]), answers
            kept = [each is None for each in answers]
            found = await state.queue.host_policies([each.host for each in policies])
            assert [each.host in found for each in policies] == kept
            ballast.unlink()
            await asyncio.gather(*map(state.queue.learn, policies))
            assert len(await state.queue.host_policies([each.host for each in policies])) == len(policies)
            assert await state.queue.host_policy("first") is not None

    with small_disk(tmp_path / "disk", kibibytes=4096) as disk:
        asyncio.run(scenario(disk))


def test_what_was_given_up_before_it_began_is_not_done(tmp_path: Path) -> None:
    """Of commands that wait together for another program, those that are cancelled leave nothing, the others are done."""

    async def scenario() -> None:
        async with opened(tmp_path / "dlm.db") as state:
            downloads = [a_download() for _ in range(MANY)]
            with closing(sqlite3.connect(tmp_path / "dlm.db", isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                calls = [asyncio.ensure_future(state.repository.add([each])) for each in downloads]
                await asyncio.sleep(0)
                for call in calls[1::2]:
                    call.cancel()
                await asyncio.gather(*calls[1::2], return_exceptions=True)
                other.execute("ROLLBACK")
            await asyncio.gather(*calls, return_exceptions=True)
            assert await state.repository.find(DownloadQuery()) == downloads[0::2][::-1]

    asyncio.run(scenario())


BUSY = """
    import asyncio, sys
    from dlm.model.span import Span
    from dlm.storage.repository import SqliteState
    from tests.contracts.repository import a_checkpoint, a_download

    async def main(path, together, rounds):
        state = await SqliteState.open(path)
        downloads = [a_download() for _ in range(together)]
        await state.repository.add(downloads)
        for n in range(rounds):
            await asyncio.gather(*(state.repository.checkpoint(d.id, a_checkpoint(Span(0, n + 1))) for d in downloads))
        await state.close()

    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
"""


def syncs(tmp_path: Path, together: int, rounds: int) -> int:
    """How often a process that saves so many checkpoints at once, so many times, waits for the disk."""
    strace = find_program("strace", "install strace")
    log = tmp_path / f"{together}.strace"
    command = [strace, "-f", "-qq", "-e", "trace=fsync,fdatasync", "-o", str(log), sys.executable, "-c"]
    command += [textwrap.dedent(BUSY), str(tmp_path / f"{together}.db"), str(together), str(rounds)]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return len(re.findall(r"\bf(?:data)?sync\(", log.read_text()))


def test_the_disk_is_waited_for_once_a_commit(tmp_path: Path) -> None:
    """Alone, each checkpoint is synced. Of 64 at once, all are, with a few waits."""
    assert syncs(tmp_path, 1, 20) >= 20
    assert syncs(tmp_path, MANY, 20) <= 20 * 8
