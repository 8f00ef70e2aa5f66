"""The SQLite file: made, opened and migrated.

Rules
-----
* WAL with synchronous=FULL: with NORMAL a power cut loses commits that were acknowledged.
* A database that is unreadable, empty, newer, or another program's is refused; dlm never begins an empty one in its place.
* A new database appears under its name complete. An older one is copied, then migrated in one transaction: whatever
  interrupts that, what stands there is the old schema or the new one.
* Opening an existing one runs no check of the whole file: it must cost milliseconds.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Sequence
from contextlib import closing, suppress
from urllib.parse import quote

from dlm.model.address import host_of
from dlm.model.download import label_of
from dlm.model.error import ReadOnly, StateUnusable
from dlm.model.sorting import name_mark
from dlm.storage.database import BUSY_SECONDS, Database, foreign_errors_mapped, named_queries, transaction
from dlm.storage.encoding import decode_text, encode_host
from dlm.storage.errors import state_error
from dlm.storage.folders import make_folders, sync_folder
from dlm.storage.rename import rename_without_replacing

APPLICATION_ID = 0x646C6D01
"""How the file is known as dlm's (at byte 68 of the file): "dlm" and a 1."""
SCHEMA_VERSION = 5
"""The number of scripts in `schema/`; stored in the file as `user_version`."""
CACHE_KIBIBYTES = 16 * 1024
"""Pages kept in memory at most: what a database of 100,000 downloads needs to be changed all over."""
LOG_BYTES = 16 * 1024 * 1024
"""What is left of the write-ahead log when a great change has made it greater, and all of it is in the database."""

_STATEMENTS = ("queries.sql", "listing.sql", "queue.sql")
_HERE = os.path.dirname(__file__)


def open_database(path: str, *, busy_seconds: float = BUSY_SECONDS) -> Database:
    """The database at `path`, made with its directory if there is none, migrated if it is older.

    Every statement waits `busy_seconds` for other writers before it gives up.

    Raises `StateUnusable`, `ReadOnly`, `DiskFull` or `Conflict` (another program has it locked).
    """
    path = os.path.abspath(path)
    try:
        if not os.path.lexists(path):
            _create(path)
        _demand_usable(path)
    except OSError as error:
        raise state_error(error, path) from error
    with foreign_errors_mapped(path):
        connection = _connect(path, busy_seconds)
        try:
            if _version_of(connection, path) < SCHEMA_VERSION:
                migrate(connection, path, schema_scripts())
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            # What a savepoint may have to undo is kept here, instead of in a file for each transaction.
            connection.execute("PRAGMA temp_store = MEMORY")
            connection.execute(f"PRAGMA cache_size = -{CACHE_KIBIBYTES}")
            connection.execute(f"PRAGMA journal_size_limit = {LOG_BYTES}")
            return Database(path, connection, _queries(), busy_seconds=busy_seconds)
        except BaseException:
            connection.close()
            raise


def open_for_reading(path: str, *, busy_seconds: float = BUSY_SECONDS) -> Database:
    """Another connection to a database that is open already, which cannot write. Raises `StorageError`."""
    path = os.path.abspath(path)
    with foreign_errors_mapped(path):
        connection = _connect(path, busy_seconds)
        connection.execute("PRAGMA query_only = ON")
        return Database(path, connection, _queries(), busy_seconds=busy_seconds)


def migrate(connection: sqlite3.Connection, path: str, scripts: Sequence[str]) -> None:
    """Bring the schema from its version to `len(scripts)`, in one transaction, with a copy of the file made first.

    The copy stands beside it as `NAME.v1` and so on.
    """
    with transaction(connection):
        # Read again: another process may have migrated while this one waited for the lock.
        version = _version_of(connection, path, newest=len(scripts))
        if version < len(scripts):
            _back_up(path, f"{path}.v{version}")
            _apply(connection, scripts[version:], len(scripts))


def schema_scripts() -> list[str]:
    """The scripts in `schema/`; the first makes version 1 of an empty database, each next one adds 1."""
    return [
        _read(os.path.join("schema", name))
        for name in sorted(os.listdir(os.path.join(_HERE, "schema")))
        if name.endswith(".sql")
    ]


def _connect(path: str, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    uri = f"file:{quote(os.fsencode(path))}?mode=rw"
    connection = sqlite3.connect(uri, uri=True, timeout=busy_seconds, isolation_level=None)
    connection.row_factory = sqlite3.Row
    return connection


def _demand_usable(path: str) -> None:
    """What SQLite would take for an empty database, or open without being able to write, is refused here."""
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise StateUnusable(f"{path} is not a file: move it away, or choose another place for the database", path=path)
    if status.st_size == 0:
        advice = "put a backup in its place, or move it away to begin with an empty list"
        raise StateUnusable(f"the database {path} is empty, so what it held is lost: {advice}", path=path)
    if not os.access(path, os.R_OK | os.W_OK) or not os.access(os.path.dirname(path), os.W_OK):
        raise ReadOnly(
            f"the database {path} and its directory must be readable and writable: change their permissions", path=path
        )
    if status.st_mode & 0o077:
        os.chmod(path, 0o600)


def _version_of(connection: sqlite3.Connection, path: str, newest: int = SCHEMA_VERSION) -> int:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION_ID:
        raise StateUnusable(f"{path} is the database of another program: choose another place for that of dlm", path=path)
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > newest:
        raise StateUnusable(
            f"the database {path} was written by a newer dlm (schema {version}, this one knows {newest}): use that dlm again",
            path=path,
        )
    return version


def _create(path: str) -> None:
    """A new database under `path`, unless another process makes one first. Raises `OSError`."""
    import fcntl

    directory, name = os.path.split(path)
    make_folders(directory, 0o700)
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # One at a time. A network file system may refuse to lock a directory: there SQLite is not safe either.
        with suppress(OSError):
            fcntl.flock(folder, fcntl.LOCK_EX)
        if not os.path.lexists(path):
            _draft(path, f"{name}.new", folder)
    finally:
        os.close(folder)


def _draft(path: str, draft: str, folder: int) -> None:
    """Make the database as `draft`, then give it its name. What a process that was killed has left of one goes first."""
    _delete_draft(draft, folder)
    try:
        _make_empty_file(draft, folder)
        with foreign_errors_mapped(path), closing(_connect(os.path.join(os.path.dirname(path), draft))) as connection:
            connection.execute("PRAGMA journal_mode = MEMORY")
            connection.execute("PRAGMA synchronous = OFF")
            with transaction(connection):
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                _apply(connection, schema_scripts(), SCHEMA_VERSION)
            connection.execute("PRAGMA journal_mode = WAL")
        _sync(draft, folder)
        with suppress(FileExistsError):
            rename_without_replacing(folder, draft, os.path.basename(path))
        sync_folder(folder)
    finally:
        _delete_draft(draft, folder)


def _delete_draft(draft: str, folder: int) -> None:
    """With what SQLite keeps beside it: a log of another draft must not be taken for one of the next."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        with suppress(FileNotFoundError):
            os.unlink(draft + suffix, dir_fd=folder)


def _back_up(path: str, copy: str) -> None:
    directory, name = os.path.split(copy)
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    draft = f"{name}.new"
    try:
        _delete_draft(draft, folder)
        _make_empty_file(draft, folder)
        # Through a connection of its own: SQLite copies from none that has begun to write, and would wait for ever.
        with closing(_connect(path)) as source, closing(_connect(os.path.join(directory, draft))) as target:
            source.backup(target)
        _sync(draft, folder)
        os.replace(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
        sync_folder(folder)
    except OSError as error:
        raise state_error(error, path) from error
    finally:
        os.close(folder)


def _apply(connection: sqlite3.Connection, scripts: Sequence[str], version: int) -> None:
    connection.create_function("host_of", 1, _host_of, deterministic=True)
    connection.create_function("name_mark", 3, _name_mark, deterministic=True)
    # Not `executescript`: it would commit the transaction that is open.
    for script in scripts:
        statement = ""
        for line in script.splitlines(keepends=True):
            statement += line
            if sqlite3.complete_statement(statement):
                connection.execute(statement)
                statement = ""
    connection.execute(f"PRAGMA user_version = {version}")
    connection.create_function("host_of", 1, None)
    connection.create_function("name_mark", 3, None)


def _host_of(uri: str | bytes) -> str:
    return encode_host(host_of(decode_text(uri) or ""))


def _name_mark(name: str | bytes | None, output: str | bytes | None, uri: str | bytes) -> str:
    return name_mark(label_of(decode_text(name), decode_text(output), decode_text(uri) or ""))


def _make_empty_file(name: str, folder: int) -> None:
    os.close(os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder))


def _sync(name: str, folder: int) -> None:
    file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _read(name: str) -> str:
    with open(os.path.join(_HERE, name), encoding="utf-8") as file:
        return file.read()


def _queries() -> dict[str, str]:
    return {name: text for file in _STATEMENTS for name, text in named_queries(_read(file)).items()}
