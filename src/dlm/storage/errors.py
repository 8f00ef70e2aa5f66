"""Foreign errors of storage in our words: one table for the operating system, one for SQLite.

Each sentence says what happened to which file, and what to do.
"""

from __future__ import annotations

import errno
import os
import sqlite3

from dlm.model.error import Conflict, DiskFull, DlmError, NameTaken, ReadOnly, StateUnusable, StorageError

_FULL = "no space is left for {path}: free some, then run the same command again to go on"
_FORBIDDEN = "{path} may not be written ({reason}): change its permissions, or choose another directory with -d"
_BROKEN = "the disk reports an error at {path} ({reason}): check the disk and its cable before you try again"
_TOO_MANY = "too many files are open to open {path}: raise the limit (ulimit -n), or run fewer downloads at once"

_SYSTEM: dict[int, tuple[type[StorageError], str]] = {
    errno.ENOSPC: (DiskFull, _FULL),
    errno.EDQUOT: (DiskFull, "your quota leaves no space for {path}: free some, then run the same command again to go on"),
    errno.EROFS: (
        ReadOnly,
        "{path} is on a file system that is read-only: mount it writable, or choose another directory with -d",
    ),
    errno.EACCES: (ReadOnly, _FORBIDDEN),
    errno.EPERM: (ReadOnly, _FORBIDDEN),
    errno.EEXIST: (NameTaken, "{path} exists already: choose another name with -o, or move it away"),
    errno.ENOTDIR: (
        StorageError,
        "{path} cannot be: a part of it is a file, not a directory; choose another directory with -d",
    ),
    errno.EISDIR: (NameTaken, "{path} is a directory: choose another name with -o"),
    errno.ENOENT: (StorageError, "{path} is gone: make its directory again, or choose another with -d"),
    errno.ELOOP: (StorageError, "{path} is a symbolic link, which dlm does not follow here: remove it, or choose another name"),
    errno.ENAMETOOLONG: (StorageError, "{path} has too long a name for its file system: choose a shorter one with -o"),
    errno.EILSEQ: (StorageError, "{path} has characters that its file system does not take: choose another name with -o"),
    errno.EFBIG: (
        StorageError,
        "{path} would be larger than its file system or your limits (ulimit -f) allow: choose another directory with -d",
    ),
    errno.EIO: (StorageError, _BROKEN),
    errno.EBADF: (StorageError, "{path} was used after it was closed: this is a defect of dlm"),
    errno.EMFILE: (StorageError, _TOO_MANY),
    errno.ENFILE: (StorageError, _TOO_MANY),
}

_NO_ROOM_FOR_DATABASE = "no space is left for the database {path}: free some, then run the same command again"
_READ_ONLY_DATABASE = "the database {path} may not be written ({reason}): change the permissions of it and of its directory"
_UNOPENABLE_DATABASE = "the database {path} cannot be opened ({reason}): check its directory and permissions"
_LOCKED_DATABASE = "another program has kept the database {path} locked for 5 s: try again when it has ended"
_AS_IT_IS = "it is left as it is. Put a backup in its place, or move it away to begin with an empty list"

_SQLITE: dict[int, tuple[type[DlmError], str]] = {
    sqlite3.SQLITE_FULL: (DiskFull, _NO_ROOM_FOR_DATABASE),
    sqlite3.SQLITE_READONLY: (ReadOnly, _READ_ONLY_DATABASE),
    sqlite3.SQLITE_PERM: (ReadOnly, _READ_ONLY_DATABASE),
    sqlite3.SQLITE_CORRUPT: (StateUnusable, "the database {path} is damaged ({reason}); " + _AS_IT_IS),
    sqlite3.SQLITE_NOTADB: (StateUnusable, "{path} is not a database of dlm; " + _AS_IT_IS),
    sqlite3.SQLITE_FORMAT: (StateUnusable, "{path} is not a database of dlm; " + _AS_IT_IS),
    sqlite3.SQLITE_CANTOPEN: (StateUnusable, _UNOPENABLE_DATABASE),
    sqlite3.SQLITE_IOERR: (StateUnusable, "the disk reports an error at the database {path} ({reason}): check the disk"),
    sqlite3.SQLITE_BUSY: (Conflict, _LOCKED_DATABASE),
    sqlite3.SQLITE_LOCKED: (Conflict, _LOCKED_DATABASE),
}


def storage_error(error: OSError, path: str) -> StorageError:
    """The operating system's error, in our words."""
    kind, sentence = _SYSTEM.get(error.errno or 0, (StorageError, "{path} cannot be used: {reason}"))
    reason = os.strerror(error.errno) if error.errno else str(error)
    return kind(sentence.format(path=path, reason=reason), path=path)


def state_error(error: OSError, path: str) -> StorageError:
    """The operating system's error about the database or its directory, in our words."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    kind, _ = _SYSTEM.get(error.errno or 0, (StorageError, ""))
    if kind is DiskFull:
        return DiskFull(_NO_ROOM_FOR_DATABASE.format(path=path), path=path)
    if kind is ReadOnly:
        return ReadOnly(_READ_ONLY_DATABASE.format(path=path, reason=reason), path=path)
    return StateUnusable(_UNOPENABLE_DATABASE.format(path=path, reason=reason), path=path)


def database_error(error: sqlite3.Error, path: str) -> DlmError:
    """SQLite's error, in our words; the low byte of its code says what kind it is."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    kind, sentence = _SQLITE.get(code, (StorageError, "the database {path} refused: {reason}"))
    message = sentence.format(path=path, reason=error)
    return kind(message, path=path) if issubclass(kind, StorageError) else kind(message)
