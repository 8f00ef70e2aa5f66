"""A database of the first dlm, which knew no queue, becomes one of this."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from contextlib import closing
from pathlib import Path

import pytest

from dlm.model.download import Download, DownloadId, DownloadSpec
from dlm.model.phase import Intent, Phase
from dlm.model.rank import Lane, Priority
from dlm.ports import HostPolicy
from dlm.storage.encoding import encode_spec, encode_text
from dlm.storage.repository import SqliteState
from dlm.storage.sqlite import APPLICATION_ID, SCHEMA_VERSION, schema_scripts
from tests.unit.test_storage_sqlite import STORAGE, pragma

MANY = 10_000
URIS = ("https://h.example/f{n}", "http://User:pw@H.example:81/f{n}", "ftp://h/f{n}", "https://[::1]:8443/f{n}", "nonsense:{n}")
GROUPS = (None, "g", "\udcff")


def old_download(n: int) -> Download:
    """The download that is number `n` of an old database."""
    return Download(
        id=DownloadId(f"{n:016x}"),
        spec=DownloadSpec(uris=(URIS[n % len(URIS)].format(n=n),), directory="/d", output="-" if n % 7 == 0 else None),
        added=1000.0 + n,
        phase=list(Phase)[n % len(Phase)],
        intent=Intent.RUN,
        group=GROUPS[n % len(GROUPS)],
    )


def make_old(path: Path, count: int) -> None:
    """A database as the first schema had it, with so many downloads, an event of each, and a host."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(schema_scripts()[0])
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 1")
        connection.execute("BEGIN")
        for download in map(old_download, range(count)):
            spec = download.spec
            connection.execute(
                "INSERT INTO downloads (id, spec, uri, directory, output, added, phase, intent, downloaded, group_id)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?)",
                (
                    download.id,
                    encode_spec(spec),
                    spec.uris[0],
                    spec.directory,
                    spec.output,
                    download.added,
                    download.phase.value,
                    download.intent.value,
                    encode_text(download.group),
                ),
            )
            connection.execute(
                "INSERT INTO events (download, at, origin, target, cause) VALUES (?, 1, 'pending', 'paused', 'halted')",
                (download.id,),
            )
        connection.execute("INSERT INTO hosts VALUES ('h.example:443', 4, 1, 5.5)")
        connection.execute("COMMIT")


def test_old_downloads_get_what_the_queue_needs(tmp_path: Path) -> None:
    """Host and group are known by which they are found, they are ready since they were added, and nothing else has changed."""
    path = tmp_path / "dlm.db"
    make_old(path, 90)

    async def scenario() -> None:
        state = await SqliteState.open(str(path))
        seen = {each.id: each for each in await state.queue.candidates(100, 100)}
        for old in map(old_download, range(90)):
            found = await state.repository.get(old.id)
            assert (found.lane, found.priority, found.position) == (Lane.AUTOMATIC, Priority.NORMAL, None)
            assert (found.ready, found.due, found.attempts) == (old.added, None, 0)
            assert (found.spec, found.phase, found.intent, found.group) == (old.spec, old.phase, old.intent, old.group)
            assert len(await state.repository.story(old.id)) == 1
            assert (old.id in seen) is (old.phase is Phase.PENDING and not old.spec.streams_out)
            if old.id in seen:
                assert (seen[old.id].host, seen[old.id].group) == (old.host, old.group)
        assert await state.queue.host_policy("h.example:443") == HostPolicy("h.example:443", 4, True, 5.5)
        await state.close()

    asyncio.run(scenario())
    assert pragma(path, "user_version") == SCHEMA_VERSION
    assert pragma(path, "integrity_check") == "ok"


def test_what_is_migrated_is_what_is_added_anew(tmp_path: Path) -> None:
    """The columns that repeat parts of a download are the same, whether the migration or an addition has written them."""
    make_old(tmp_path / "old.db", 45)

    async def scenario() -> None:
        old, new = [await SqliteState.open(str(tmp_path / name)) for name in ("old.db", "new.db")]
        await new.repository.add([await old.repository.get(old_download(n).id) for n in range(45)])
        await old.close()
        await new.close()

    asyncio.run(scenario())
    columns = "id, host, lot, label, lane, priority, position, ready, due, attempts"
    written = []
    for name in ("old.db", "new.db"):
        with closing(sqlite3.connect(tmp_path / name)) as connection:
            written.append(connection.execute(f"SELECT {columns} FROM downloads ORDER BY seq").fetchall())
    assert written[0] == written[1]


OPEN = """
    import sys
    from dlm.storage.sqlite import open_database
    print("begin", flush=True)
    open_database(sys.argv[1]).close()
    print("end", flush=True)
"""


def opening(path: Path) -> subprocess.Popen[str]:
    """A process that opens the database, and tells when it begins and ends."""
    command = [sys.executable, "-c", textwrap.dedent(OPEN), str(path)]
    environment = {**os.environ, "PYTHONPATH": str(STORAGE.parents[1])}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def test_ten_thousand_are_migrated_within_seconds(tmp_path: Path) -> None:
    """The first command after an upgrade keeps nobody waiting."""
    path = tmp_path / "dlm.db"
    make_old(path, MANY)
    process = opening(path)
    assert process.stdout is not None
    assert process.stdout.readline() == "begin\n"
    start = time.monotonic()
    assert process.stdout.readline() == "end\n"
    assert time.monotonic() - start < 50
    process.communicate()


@pytest.mark.parametrize("moment", range(8))
def test_killed_at_any_moment_it_is_the_old_schema_or_the_new(tmp_path: Path, moment: int) -> None:
    """`kill -9` after so many eighths of the time that it takes: nothing is lost, and the next start carries it through."""
    path = tmp_path / "dlm.db"
    make_old(path, 2000)
    process = opening(path)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(moment * 0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert pragma(path, "user_version") in {1, SCHEMA_VERSION}
    again = opening(path)
    assert again.communicate()[0] == "begin\nend\n"
    assert pragma(path, "user_version") == SCHEMA_VERSION
    assert pragma(path, "integrity_check") == "ok"
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM downloads WHERE lot <> '' AND ready = added").fetchone() == (2000,)
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (2000,)
