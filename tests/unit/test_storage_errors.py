"""Foreign errors of storage become ours, with a sentence that says where and what to do."""

from __future__ import annotations

import errno
import os
import sqlite3

import pytest

from dlm.model.error import Conflict, DiskFull, DlmError, NameTaken, ReadOnly, StateUnusable, StorageError
from dlm.storage.errors import database_error, state_error, storage_error

SYSTEM = [
    (errno.ENOSPC, DiskFull),
    (errno.EDQUOT, DiskFull),
    (errno.EROFS, ReadOnly),
    (errno.EACCES, ReadOnly),
    (errno.EPERM, ReadOnly),
    (errno.EEXIST, NameTaken),
    (errno.EIO, StorageError),
    (errno.ESTALE, StorageError),
    (errno.EMFILE, StorageError),
    (errno.ENAMETOOLONG, StorageError),
]


@pytest.mark.parametrize(("code", "kind"), SYSTEM)
def test_each_system_error_has_its_kind(code: int, kind: type[StorageError]) -> None:
    """Exactly that kind, with the path in it and in the sentence."""
    mapped = storage_error(OSError(code, os.strerror(code)), "/d/f")
    assert type(mapped) is kind
    assert mapped.path == "/d/f"
    assert "/d/f" in str(mapped)
    assert type(state_error(OSError(code, os.strerror(code)), "/s")) is (
        kind if kind in {DiskFull, ReadOnly} else StateUnusable
    )


def test_an_error_without_a_number_is_told_as_it_is() -> None:
    """Python itself raises such errors."""
    assert str(storage_error(OSError("odd"), "/d/f")) == "/d/f cannot be used: odd"


SQLITE = [
    (sqlite3.SQLITE_FULL, DiskFull),
    (sqlite3.SQLITE_READONLY, ReadOnly),
    (sqlite3.SQLITE_CORRUPT, StateUnusable),
    (sqlite3.SQLITE_NOTADB, StateUnusable),
    (sqlite3.SQLITE_CANTOPEN, StateUnusable),
    (sqlite3.SQLITE_IOERR | 4 << 8, StateUnusable),  # SQLITE_IOERR_FSYNC
    (sqlite3.SQLITE_BUSY, Conflict),
    (sqlite3.SQLITE_MISUSE, StorageError),
    (None, StorageError),
]


@pytest.mark.parametrize(("code", "kind"), SQLITE)
def test_each_sqlite_error_has_its_kind(code: int | None, kind: type[DlmError]) -> None:
    """By the low byte of its code; what the module raises by itself has none."""
    error = sqlite3.OperationalError("the reason")
    if code is not None:
        error.sqlite_errorcode = code
    mapped = database_error(error, "/s/dlm.db")
    assert type(mapped) is kind
    assert "/s/dlm.db" in str(mapped)
