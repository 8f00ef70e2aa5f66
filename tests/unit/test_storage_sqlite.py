"""The SQLite file: how it is made, guarded, refused and migrated."""

from __future__ import annotations

import os
import re
import sqlite3
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from dlm.model.error import Conflict, DiskFull, DlmError, ReadOnly, StateUnusable, StorageError
from dlm.model.phase import Intent, Phase
from dlm.ports import HostPolicy
from dlm.storage.database import Database, Statements, named_queries
from dlm.storage.rows import policy_columns
from dlm.storage.sqlite import APPLICATION_ID, SCHEMA_VERSION, open_database, schema_scripts
from tests.contracts.disks import fill, make_read_only, small_disk

STORAGE = Path(__file__).parents[2] / "src" / "dlm" / "storage"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "dlm.db"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk") as mount_point:
        yield mount_point


def note(database: Database, host: str) -> None:
    """Some small write."""
    known = policy_columns(HostPolicy(host, 1, True, 1.0))
    database.write(lambda statements: statements.run("save_host", **known))


def note_many(database: Database) -> None:
    """More than a small disk takes."""
    for n in range(1000):
        note(database, "x" * 1000 + str(n))


def noted(path: Path) -> list[str]:
    """The hosts that were written."""
    with closing(sqlite3.connect(path)) as connection:
        return [host for (host,) in connection.execute("SELECT host FROM hosts ORDER BY host")]


def pragma(path: Path, name: str) -> object:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"PRAGMA {name}").fetchone()[0]


def test_a_new_database_is_private_and_marked(path: Path) -> None:
    """Directory 0700, files 0600 under any umask; WAL, application and schema version are in the file; nothing else is left."""
    before = os.umask(0)
    try:
        database = open_database(str(path))
        note(database, "h")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in path.parent.iterdir()} == dict.fromkeys(
        ("dlm.db", "dlm.db-wal", "dlm.db-shm"), 0o600
    )
    database.close()
    assert [entry.name for entry in path.parent.iterdir()] == ["dlm.db"]
    assert pragma(path, "application_id") == APPLICATION_ID
    assert pragma(path, "user_version") == SCHEMA_VERSION == len(schema_scripts())
    assert pragma(path, "journal_mode") == "wal"


def test_each_connection_is_durable_and_strict(path: Path) -> None:
    """synchronous=FULL, foreign keys, and a wait of 5 s for other writers, on each connection."""
    database = open_database(str(path))
    pragmas = {name: "PRAGMA " + name for name in ("synchronous", "foreign_keys", "busy_timeout", "journal_mode")}
    with closing(database):
        connection = database._connection
        found = {name: connection.execute(text).fetchone()[0] for name, text in pragmas.items()}
    assert found == {"synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000, "journal_mode": "wal"}


def test_a_readable_database_is_made_private(path: Path) -> None:
    """A database that others could read, for it holds passwords, is closed to them when it is opened."""
    open_database(str(path)).close()
    path.chmod(0o644)
    open_database(str(path)).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def other_program(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE downloads (id)")


def newer_schema(path: Path) -> None:
    open_database(str(path)).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")


def torn_header(path: Path) -> None:
    open_database(str(path)).close()
    path.write_bytes(bytes(100) + path.read_bytes()[100:])


def garbage(path: Path) -> None:
    path.write_bytes(b"hello, world\n" * 400)


REFUSED: dict[str, tuple[Callable[[Path], None], str]] = {
    "no database": (garbage, "not a database of dlm"),
    "empty": (Path.touch, "is empty, so what it held is lost"),
    "a directory": (Path.mkdir, "is not a file"),
    "of another program": (other_program, "another program"),
    "newer": (newer_schema, f"newer dlm .*schema {SCHEMA_VERSION + 1}"),
    "torn": (torn_header, "not a database of dlm"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_trusted_is_refused_and_left_alone(path: Path, what: str) -> None:
    """Whatever stands there instead of a database is named in a sentence; it is not changed, and none begins in its place."""
    plant, sentence = REFUSED[what]
    path.parent.mkdir()
    plant(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StateUnusable, match=sentence) as refusal:
        open_database(str(path))
    assert str(path) in str(refusal.value)
    assert (path.read_bytes() if path.is_file() else None) == before


def test_a_damaged_page_is_an_error_not_an_empty_list(path: Path) -> None:
    """Damage inside the file surfaces as StateUnusable when it is read."""
    database = open_database(str(path))
    for n in range(500):
        note(database, f"host{n:04}" + "x" * 100)
    database.close()
    content = bytearray(path.read_bytes())
    content[-40_960:] = b"\xa5" * 40_960
    path.write_bytes(content)
    with closing(open_database(str(path))) as database, pytest.raises(StateUnusable, match="damaged"):
        database.read(lambda statements: [statements.one("get_host", host=f"host{n:04}" + "x" * 100) for n in range(500)])


def test_a_state_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    """The sentence names the database that cannot be."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StateUnusable, match="cannot be opened"):
        open_database(str(tmp_path / "file" / "dlm.db"))


def test_a_writer_that_stays_away_too_long_is_a_conflict(path: Path) -> None:
    """While another connection holds the lock, a write waits, then says so; reading goes on."""
    with closing(open_database(str(path))) as holder, closing(open_database(str(path), busy_seconds=0.05)) as waiter:

        def try_it(_: Statements) -> None:
            with pytest.raises(Conflict, match="locked"):
                note(waiter, "late")
            assert waiter.read(lambda statements: statements.one("get_host", host="late")) is None

        holder.write(try_it)
        note(waiter, "later")
    assert noted(path) == ["later"]


def test_an_error_within_undoes_the_whole_transaction(path: Path) -> None:
    """What was written before the error is gone, and the next transaction is not disturbed."""

    def fail(statements: Statements) -> None:
        statements.run("save_rate", host="half", rate=1)
        raise KeyError

    with closing(open_database(str(path))) as database:
        with pytest.raises(KeyError):
            database.write(fail)
        note(database, "whole")
        with pytest.raises(StorageError, match="so large a number"):
            database.write(lambda statements: statements.run("save_rate", host="x", rate=2**70))
        with pytest.raises(StorageError, match="CHECK constraint failed"):
            database.write(lambda statements: statements.run("save_rate", host="x", rate=0))
        assert database.read(lambda statements: statements.all("all_rates")) == []
    assert noted(path) == ["whole"]


def test_a_full_disk_loses_nothing_that_was_committed(disk: Path) -> None:
    """With no space left a write raises DiskFull and is undone; when there is space again, work goes on."""
    path = disk / "dlm.db"
    with closing(open_database(str(path))) as database:
        note(database, "before")
        ballast = fill(disk)
        with pytest.raises(DiskFull, match="free some"):
            note_many(database)
        ballast.unlink()
        note(database, "zz after")
        assert database.read(lambda statements: statements.one("get_host", host="before")) is not None
    assert pragma(path, "integrity_check") == "ok"
    assert noted(path)[-1] == "zz after"


def test_no_space_for_a_new_database_leaves_nothing(disk: Path) -> None:
    """A database appears complete or not at all."""
    fill(disk)
    with pytest.raises(DlmError) as refusal:
        open_database(str(disk / "dlm.db"))
    assert isinstance(refusal.value, DiskFull)
    assert [entry.name for entry in disk.iterdir()] == ["ballast"]


def test_a_read_only_file_system_is_said_to_be_so(disk: Path) -> None:
    """Neither an existing database nor a new one is opened where nothing can be written."""
    open_database(str(disk / "dlm.db")).close()
    make_read_only(disk)
    for name in ("dlm.db", "new.db", "sub/new.db"):
        with pytest.raises(ReadOnly, match="permissions"):
            open_database(str(disk / name))


def test_many_first_starts_make_one_database(path: Path) -> None:
    """Whoever opens the first database at the same moment, all write into the same one."""

    def start(n: int) -> None:
        with closing(open_database(str(path))) as database:
            note(database, f"h{n}")

    with ThreadPoolExecutor(max_workers=8) as threads:
        list(threads.map(start, range(16)))
    assert noted(path) == sorted(f"h{n}" for n in range(16))
    assert [entry.name for entry in path.parent.iterdir()] == ["dlm.db"]


def test_the_schema_knows_all_phases_and_intents_and_no_other(path: Path) -> None:
    """The CHECKs in the schema are those of the model, and an event cannot be changed."""
    open_database(str(path)).close()
    insert = (
        "INSERT INTO downloads (id, spec, uri, directory, added, downloaded, phase, intent) VALUES (?, '', '', '', 1, 0, ?, ?)"
    )
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        pairs = [(phase.value, intent.value) for phase in Phase for intent in Intent]
        connection.executemany(insert, [(f"{phase}{intent}", phase, intent) for phase, intent in pairs])
        for phase, intent in (("dreaming", "run"), ("pending", "wish")):
            with pytest.raises(sqlite3.IntegrityError):
                connection.execute(insert, ("x", phase, intent))
        connection.execute("INSERT INTO events (download, at, origin, target, cause) VALUES ('pendingrun', 1, '', '', '')")
        with pytest.raises(sqlite3.IntegrityError, match="never changed"):
            connection.execute("UPDATE events SET at = 2")


QUERIES = {"repository.py": "queries.sql", "listing.py": "listing.sql", "queue.py": "queue.sql"}


def test_every_query_has_a_sentence_and_a_use() -> None:
    """Each named query is explained and used, and no name stands for two."""
    source = "".join(
        (STORAGE / name).read_text() for name in (*QUERIES, "access.py", "adding.py", "frontiers.py", "recording.py")
    )
    texts = [named_queries((STORAGE / name).read_text()) for name in QUERIES.values()]
    named = {name: text for each in texts for name, text in each.items()}
    assert len(named) == sum(map(len, texts))
    for name, text in named.items():
        assert text.startswith("-- "), name
        assert f'"{name}"' in source, name


WALKS = {
    "find_downloads",
    "find_oldest",
    "by_name_up",
    "by_name_down",
    "without_size",
    "without_finish",
    "first_lots",
    "first_hosts",
    "longest_ready",
    "line_without",
    "count_line",
    "count_phases",
    "all_rates",
}
"""Queries that walk a table or an index from its end, as far as they need, or count all of an index."""


def test_queries_use_the_indexes(path: Path) -> None:
    """Nothing reads all downloads to find few: 100,000 may stand there. What walks along an index sorts nothing."""
    open_database(str(path)).close()
    queries = {name: text for file in QUERIES.values() for name, text in named_queries((STORAGE / file).read_text()).items()}
    with closing(sqlite3.connect(path)) as connection:
        for name, text in queries.items():
            unset = dict.fromkeys(re.findall(r":(\w+)", text), "0")
            plan = [row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + text, unset)]
            scans = [step for step in plan if re.match(r"SCAN (downloads|found|events|checkpoints|rates|hosts)", step)]
            assert bool(scans) is (name in WALKS), (name, plan)
            if name in WALKS or name.startswith("by_") or name in {"candidates", "some_lots", "events_since", "next_ahead"}:
                assert not [step for step in plan if "ORDER BY" in step], (name, plan)
