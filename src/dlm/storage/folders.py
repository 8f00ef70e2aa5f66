"""Directories: opened without following a link, made durably, and removed again if they stayed empty."""

from __future__ import annotations

import errno
import os
from contextlib import suppress

_NOT_SYNCABLE = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP})


def open_folder(directory: str) -> int:
    """A descriptor of the directory, which must not be a link. Raises `OSError`."""
    return os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


def sync_folder(folder: int) -> None:
    """Return when the names in the directory would survive a power cut, as far as its file system can promise that."""
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in _NOT_SYNCABLE:
            raise


def make_folders(directory: str, mode: int = 0o777) -> list[str]:
    """Make the directory and what is missing of its parents, durably.

    Returns those that were made, outermost first. Raises `OSError`, and then none was made.
    """
    missing: list[str] = []
    path = directory
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    made: list[str] = []
    try:
        for path in reversed(missing):
            # Another download may make it at the same moment; whether it is a directory shows when it is opened.
            with suppress(FileExistsError):
                os.mkdir(path, mode)
                made.append(path)
            _sync_parent(path)
    except BaseException:
        remove_folders(made)
        raise
    return made


def remove_folders(made: list[str]) -> None:
    """Remove what `make_folders` returned, as far as it is empty: another download may keep its file there by now."""
    for path in reversed(made):
        with suppress(OSError):
            os.rmdir(path)


def _sync_parent(path: str) -> None:
    parent = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        sync_folder(parent)
    finally:
        os.close(parent)
