"""One database, many processes, some of which die: who holds what, and what survives."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dlm.model.download import Download
from dlm.model.phase import Cause, Intent, Phase
from dlm.model.query import DownloadQuery
from dlm.model.span import Span
from dlm.storage.repository import SqliteRepository
from tests.contracts.repository import a_checkpoint, a_download, causes

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
RACES = 50


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "dlm.db")


def child(script: str, *arguments: str) -> subprocess.Popen[str]:
    """A process that runs the script; its standard output is a pipe."""
    command = [sys.executable, "-c", textwrap.dedent(script), *arguments]
    return subprocess.Popen(command, env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_of_two_repositories_exactly_one_wins_each_claim(path: str) -> None:
    """50 races of two threads on one file: one claim succeeds, the other gains nothing, and one event is recorded."""

    async def scenario() -> None:
        repositories = [await SqliteRepository.open(path) for _ in range(2)]
        downloads = [a_download() for _ in range(RACES)]
        await repositories[0].add(downloads)
        for download in downloads:
            attempts = [each.claim([download.id], f"owner{n}", 1.0, 30.0) for n, each in enumerate(repositories)]
            ((won, _),) = [move for gained in await asyncio.gather(*attempts) for move in gained]
            assert await repositories[1].get(download.id) == won
            assert await causes(repositories[0], download.id) == [Cause.CLAIMED]
        for repository in repositories:
            await repository.close()

    asyncio.run(scenario())


def test_work_on_different_downloads_is_never_refused(path: str) -> None:
    """Two writers on one file wait for each other; none is told of a conflict that there is not."""

    async def work(repository: SqliteRepository, downloads: list[Download], owner: str) -> None:
        for download in downloads:
            await repository.claim([download.id], owner, 1.0, 30.0)
            await repository.checkpoint(download.id, a_checkpoint(Span(0, 9)), owner=owner)

    async def scenario() -> None:
        repositories = [await SqliteRepository.open(path) for _ in range(2)]
        downloads = [a_download() for _ in range(2 * RACES)]
        await repositories[0].add(downloads)
        await asyncio.gather(
            work(repositories[0], downloads[:RACES], "owner0"),
            work(repositories[1], downloads[RACES:], "owner1"),
        )
        claimed = await repositories[0].find(DownloadQuery(phases=frozenset({Phase.SCHEDULED})))
        assert sorted(each.owner or "" for each in claimed) == ["owner0"] * RACES + ["owner1"] * RACES
        for repository in repositories:
            await repository.close()

    asyncio.run(scenario())


CLAIM_ALL = """
    import asyncio, sys
    from dlm.storage.repository import SqliteState

    async def main(path, owner):
        state = await SqliteState.open(path)
        print("ready", flush=True)
        sys.stdin.readline()
        while candidates := await state.queue.candidates(7, 7):
            for gained, _ in await state.repository.claim([each.id for each in candidates], owner, 1.0, 30.0):
                print(gained.id, flush=True)
        await state.close()

    asyncio.run(main(*sys.argv[1:]))
"""
PROCESSES = 4
DOWNLOADS = 500


def test_of_four_processes_exactly_one_wins_each_claim(path: str) -> None:
    """Four processes work the same queue of 500 at the same moment: together they claim each download exactly once."""
    downloads = [a_download(uri=f"https://h{n % 9}/f{n}") for n in range(DOWNLOADS)]

    async def prepare() -> None:
        repository = await SqliteRepository.open(path)
        await repository.add(downloads)
        await repository.close()

    asyncio.run(prepare())
    children = [child(CLAIM_ALL, path, f"owner{n}") for n in range(PROCESSES)]
    for each in children:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in children:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    claimed = [line for each in children for line in _output_of(each)]
    assert sorted(claimed) == sorted(download.id for download in downloads)

    async def check() -> None:
        repository = await SqliteRepository.open(path)
        for download in downloads:
            assert await causes(repository, download.id) == [Cause.CLAIMED]
        await repository.close()

    asyncio.run(check())


HAMMER = """
    import asyncio, sys, time
    from dlm.model.span import Span
    from dlm.storage.repository import SqliteState
    from tests.contracts.repository import a_checkpoint, a_download

    async def main(path, together):
        state = await SqliteState.open(path)
        downloads = [a_download() for _ in range(int(together))]
        await state.repository.add(downloads)
        print("ready", flush=True)
        sys.stdin.readline()
        end, longest = time.monotonic() + 3, 0.0

        async def work(download):
            nonlocal longest
            while (start := time.monotonic()) < end:
                await state.repository.checkpoint(download.id, a_checkpoint(Span(0, 9)))
                longest = max(longest, time.monotonic() - start)

        await asyncio.gather(*map(work, downloads))
        print(longest)
        await state.close()

    asyncio.run(main(*sys.argv[1:]))
"""


def test_processes_that_write_without_a_pause_let_each_other_in(path: str) -> None:
    """Neither of two that never stop writing is kept waiting for long, be it one writer or many; none is told of a lock."""
    children = [child(HAMMER, path, together) for together in ("1", "64", "1")]
    for each in children:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in children:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    longest = [float(line) for each in children for line in _output_of(each)]
    assert len(longest) == len(children)
    assert max(longest) < 30, longest


def _output_of(process: subprocess.Popen[str]) -> list[str]:
    output, _ = process.communicate()
    assert process.returncode == 0
    return output.split()


ADD_FOR_EVER = """
    import asyncio, sys
    from dlm.model.span import Span
    from dlm.storage.repository import SqliteRepository
    from tests.contracts.repository import a_checkpoint, a_download

    async def main(path):
        repository = await SqliteRepository.open(path)
        while True:
            download = a_download()
            await repository.add([download])
            await repository.checkpoint(download.id, a_checkpoint(Span(0, 9)))
            print(download.id, flush=True)

    asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.parametrize("acknowledged", [1, 7, 40])
def test_what_was_acknowledged_survives_a_kill(path: str, acknowledged: int) -> None:
    """`kill -9` in the midst of additions: every one that was answered is there, with its checkpoint."""
    process = child(ADD_FOR_EVER, path)
    assert process.stdout is not None
    ids = [process.stdout.readline().strip() for _ in range(acknowledged)]
    process.kill()
    # Not `communicate`, which passes over what the buffer holds already.
    ids += process.stdout.read().split()
    process.communicate()

    async def scenario() -> None:
        repository = await SqliteRepository.open(path)
        known = {download.id for download in await repository.find(DownloadQuery(limit=100_000))}
        for text in ids:
            id = await repository.identify(text)
            assert await repository.checkpoint_of(id) == a_checkpoint(Span(0, 9))
        assert len(known) - len(ids) in {0, 1}
        await repository.close()

    asyncio.run(scenario())


def test_a_cancelled_call_is_done_wholly_or_not_at_all(path: str) -> None:
    """Callers that give up at any moment leave no half transaction: phase, owner and story always tell the same."""

    async def scenario() -> None:
        repository = await SqliteRepository.open(path)
        seeded = random.Random(1)
        for _ in range(60):
            download = a_download()
            await repository.add([download])
            calls: list[asyncio.Future[Any]] = [
                asyncio.ensure_future(repository.claim([download.id], "me", 1.0, 30.0)),
                asyncio.ensure_future(repository.advance(download.id, Cause.STARTED, 2.0, owner="me")),
                asyncio.ensure_future(repository.checkpoint(download.id, a_checkpoint(Span(0, 9)), owner="me")),
            ]
            for _ in range(seeded.randrange(12)):
                await asyncio.sleep(0)
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            await _demand_consistent(repository, download)
        await repository.close()

    asyncio.run(scenario())


async def _demand_consistent(repository: SqliteRepository, added: Download) -> None:
    found, story = await repository.get(added.id), await repository.story(added.id)
    checkpoint = await repository.checkpoint_of(added.id)
    moves = {(): Phase.PENDING, (Cause.CLAIMED,): Phase.SCHEDULED, (Cause.CLAIMED, Cause.STARTED): Phase.RUNNING}
    assert moves[tuple(each.cause for each in story)] is found.phase
    assert (found.owner is not None) is bool(story)
    assert found.downloaded == (checkpoint.downloaded if checkpoint else 0)


def test_closing_lets_what_was_begun_end(path: str) -> None:
    """Calls that were made before `close` are carried out before the file is closed."""

    async def scenario() -> None:
        repository = await SqliteRepository.open(path)
        download = a_download()
        calls = [repository.add([download]), repository.intend(download.id, Intent.PAUSE), repository.close()]
        await asyncio.gather(*calls)
        again = await SqliteRepository.open(path)
        assert await again.get(download.id) == replace(download, intent=Intent.PAUSE)
        await again.close()

    asyncio.run(scenario())
