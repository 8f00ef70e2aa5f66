"""Partial files that were created and never written to: what a crash leaves between making one and recording it."""

from __future__ import annotations

import errno
import os
import stat

from dlm.storage.folders import sync_folder

_PEEK = 1024 * 1024


def remove_blank(folder: int, part: str, size: int | None) -> None:
    """Delete `part` in the directory if dlm may have made it just so and nothing was written. Raises `OSError`.

    It must be a regular file of this user with mode 0600 and a single name, of no byte or of `size` bytes, all blank.
    """
    file = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    try:
        status = os.fstat(file)
        ours = stat.S_ISREG(status.st_mode) and stat.S_IMODE(status.st_mode) == 0o600 and status.st_uid == os.geteuid()
        if ours and status.st_nlink == 1 and status.st_size in {0, size} and _is_blank(file, status.st_size):
            os.unlink(part, dir_fd=folder)
            sync_folder(folder)
    finally:
        os.close(file)


def _is_blank(file: int, size: int) -> bool:
    """Whether no byte was ever written: by the map of holes, and where there is none, by looking at both ends."""
    try:
        if os.lseek(file, 0, os.SEEK_DATA) >= size:
            return True
    except OSError as error:
        if error.errno == errno.ENXIO:
            return True
    ends = os.pread(file, _PEEK, 0), os.pread(file, _PEEK, max(0, size - _PEEK))
    return not any(end.strip(b"\0") for end in ends)
