"""An open database: named statements, and transactions that one or several commands share.

Rules
-----
* A writer waits for others by trying again every few milliseconds. SQLite's own wait grows to 100 ms a try, and so
  misses the short moments between the transactions of a busy process for seconds on end.
* A statement that fails undoes its own command only, unless SQLite has undone the whole transaction: then all failed.
"""

from __future__ import annotations

import random
import re
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

from dlm.model.error import StorageError
from dlm.storage.errors import database_error

T = TypeVar("T")

BUSY_SECONDS = 5.0
"""How long a command waits for other writers before it gives up."""
_RETRY_SECONDS = 0.0005, 0.004


class Statements:
    """The named queries, run on one connection within the transaction that is open."""

    def __init__(self, connection: sqlite3.Connection, texts: Mapping[str, str]) -> None:
        self._connection = connection
        self._texts = texts

    def run(self, name: str, /, **parameters: object) -> int:
        """Run it, and return the number of the row that it inserted last."""
        return self._execute(name, parameters).lastrowid or 0

    def run_each(self, name: str, rows: Iterable[Mapping[str, object]]) -> None:
        """Run it once for each of these parameters."""
        self._connection.executemany(self._texts[name], rows)

    def one(self, name: str, /, **parameters: object) -> sqlite3.Row | None:
        """Its first row, `None` when there is none."""
        row: sqlite3.Row | None = self._execute(name, parameters).fetchone()
        return row

    def all(self, name: str, /, **parameters: object) -> list[sqlite3.Row]:
        """All its rows."""
        return self._execute(name, parameters).fetchall()

    def each(self, name: str, /, **parameters: object) -> Iterator[sqlite3.Row]:
        """Its rows one by one, for who may stop before the last. To be used up within the transaction."""
        return self._execute(name, parameters)

    def _execute(self, name: str, parameters: dict[str, object]) -> sqlite3.Cursor:
        return self._connection.execute(self._texts[name], parameters)


class Database:
    """An open database file. Belongs to the thread that opened it."""

    def __init__(
        self, path: str, connection: sqlite3.Connection, texts: Mapping[str, str], *, busy_seconds: float = BUSY_SECONDS
    ) -> None:
        self._path = path
        self._connection = connection
        self._statements = Statements(connection, texts)
        self._busy_seconds = busy_seconds

    def write(self, work: Callable[[Statements], T]) -> T:
        """Do `work` in one transaction that no other writer interleaves with: all of it happens, or nothing."""
        with self.writing():
            return work(self._statements)

    def read(self, work: Callable[[Statements], T]) -> T:
        """Do `work` on one unchanging view."""
        with foreign_errors_mapped(self._path), transaction(self._connection, "BEGIN"):
            return work(self._statements)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction for several commands: what they wrote is durable when the block has ended without an error."""
        with foreign_errors_mapped(self._path), transaction(self._connection, self._begin_writing):
            yield

    def attempt(self, work: Callable[[Statements], T]) -> T:
        """Do `work` within `writing`. When it fails, what it wrote is undone, and what others wrote before it stays.

        Unless `intact` is false then: SQLite (on a disk that is full, say) has undone everything.
        """
        with foreign_errors_mapped(self._path):
            self._connection.execute("SAVEPOINT attempt")
            try:
                result = work(self._statements)
            except BaseException:
                if self.intact:
                    self._connection.execute("ROLLBACK TO attempt")
                    self._connection.execute("RELEASE attempt")
                raise
            self._connection.execute("RELEASE attempt")
            return result

    @property
    def intact(self) -> bool:
        """Whether the transaction that was begun is still open."""
        return self._connection.in_transaction

    def close(self) -> None:
        """Close the file. Idempotent."""
        with foreign_errors_mapped(self._path):
            self._connection.close()

    def _begin_writing(self, connection: sqlite3.Connection) -> None:
        deadline = time.monotonic() + self._busy_seconds
        connection.execute("PRAGMA busy_timeout = 0")
        try:
            while True:
                try:
                    connection.execute("BEGIN IMMEDIATE")
                except sqlite3.OperationalError as error:
                    if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                        raise
                    time.sleep(random.uniform(*_RETRY_SECONDS))
                else:
                    return
        finally:
            connection.execute(f"PRAGMA busy_timeout = {int(self._busy_seconds * 1000)}")


def named_queries(text: str) -> dict[str, str]:
    """The queries of a file in which each begins with a line `-- :name`."""
    pieces = re.split(r"^-- :(\w+)\n", text, flags=re.MULTILINE)
    return dict(zip(pieces[1::2], pieces[2::2], strict=True))


@contextmanager
def foreign_errors_mapped(path: str) -> Iterator[None]:
    """Raises what SQLite raises inside as an error of ours."""
    try:
        yield
    except sqlite3.Error as error:
        raise database_error(error, path) from error
    except OverflowError as error:
        raise StorageError(f"the database {path} cannot keep so large a number", path=path) from error


@contextmanager
def transaction(
    connection: sqlite3.Connection, begin: str | Callable[[sqlite3.Connection], None] = "BEGIN IMMEDIATE"
) -> Iterator[None]:
    """All that happens inside is committed, or on any error nothing. `begin` is the statement that begins it, or does so."""
    if isinstance(begin, str):
        connection.execute(begin)
    else:
        begin(connection)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # After some errors (a full disk) SQLite has rolled back by itself.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
