"""Databases of an older dlm become those of this one, or stay what they were."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import pytest

from dlm.model.error import DiskFull
from dlm.storage.database import foreign_errors_mapped
from dlm.storage.sqlite import SCHEMA_VERSION, migrate, open_database, schema_scripts
from tests.contracts.disks import fill, small_disk
from tests.unit.test_storage_sqlite import STORAGE, note, noted, pragma


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "dlm.db"


NEXT = "CREATE TABLE next (n);\nINSERT INTO next SELECT connections FROM hosts;\n"
NEWER = SCHEMA_VERSION + 1


def test_an_older_database_is_copied_and_migrated(path: Path) -> None:
    """The new schema has the old rows, the copy beside it is the old database, and a second migration does nothing."""
    with closing(open_database(str(path))) as database:
        note(database, "h")
        for _ in range(2):
            migrate(database._connection, str(path), [*schema_scripts(), NEXT])
    assert pragma(path, "user_version") == NEWER
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT n FROM next").fetchall() == [(1,)]
    copy = Path(f"{path}.v{SCHEMA_VERSION}")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert (pragma(copy, "user_version"), noted(copy)) == (SCHEMA_VERSION, ["h"])
    assert {entry.name for entry in path.parent.iterdir()} == {"dlm.db", f"dlm.db.v{SCHEMA_VERSION}"}


def test_a_migration_that_fails_leaves_the_old_schema(path: Path) -> None:
    """A statement that fails half-way undoes the tables made before it and the version."""
    with closing(open_database(str(path))) as database:
        note(database, "h")
        with pytest.raises(sqlite3.Error):
            migrate(database._connection, str(path), [*schema_scripts(), NEXT + "INSERT INTO missing VALUES (1);\n"])
        assert noted(path) == ["h"]
    assert pragma(path, "user_version") == SCHEMA_VERSION
    with closing(open_database(str(path))) as database:
        note(database, "i")


def test_a_migration_killed_half_way_leaves_the_old_schema(path: Path) -> None:
    """`kill -9` between two statements: the next start finds the old schema whole."""
    with closing(open_database(str(path))) as database:
        note(database, "h")
    script = """
        import os, signal, sys
        from dlm.storage.sqlite import migrate, open_database, schema_scripts
        database = open_database(sys.argv[1])
        database._connection.create_function("die", 0, lambda: os.kill(os.getpid(), signal.SIGKILL))
        migrate(database._connection, sys.argv[1], [*schema_scripts(), sys.argv[2] + "SELECT die();\\n"])
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(path), NEXT]
    died = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(STORAGE.parents[1])}, capture_output=True)
    assert died.returncode == -9, died.stderr
    assert (pragma(path, "user_version"), noted(path)) == (SCHEMA_VERSION, ["h"])
    assert pragma(path, "integrity_check") == "ok"
    with closing(sqlite3.connect(path)) as connection, pytest.raises(sqlite3.OperationalError):
        connection.execute("SELECT n FROM next")


def test_processes_that_migrate_at_once_do_it_once(path: Path) -> None:
    """Whoever gets the lock later sees that the work is done."""
    open_database(str(path)).close()
    together = Barrier(4)

    def start(_: int) -> None:
        with closing(open_database(str(path))) as database:
            together.wait()
            migrate(database._connection, str(path), [*schema_scripts(), NEXT])

    with ThreadPoolExecutor(max_workers=4) as threads:
        list(threads.map(start, range(4)))
    assert pragma(path, "user_version") == NEWER
    assert pragma(path, "integrity_check") == "ok"


def test_no_space_for_the_copy_stops_the_migration(tmp_path: Path) -> None:
    """Without a copy nothing is migrated; the database stays usable as it was."""
    with small_disk(tmp_path / "disk") as disk:
        path = disk / "dlm.db"
        with closing(open_database(str(path))) as database:
            note(database, "h")
            ballast = fill(disk)
            with pytest.raises(DiskFull), foreign_errors_mapped(str(path)):
                migrate(database._connection, str(path), [*schema_scripts(), NEXT])
            ballast.unlink()
            note(database, "i")
        assert (pragma(path, "user_version"), noted(path)) == (SCHEMA_VERSION, ["h", "i"])
        assert not Path(f"{path}.v{SCHEMA_VERSION}").exists()
