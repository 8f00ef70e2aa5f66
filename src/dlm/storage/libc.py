"""Two calls of the C library that Python does not have. Import it where it is needed: ctypes costs 5 ms."""

from __future__ import annotations

import ctypes
import errno
import os


def call(name: str, *arguments: object) -> None:
    """Call `name`. Raises `OSError` with what it left in errno, and ENOSYS where the C library lacks it."""
    function = getattr(ctypes.CDLL(None, use_errno=True), name, None)
    if function is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    while function(*arguments) != 0:
        code = ctypes.get_errno()
        if code != errno.EINTR:
            raise OSError(code, os.strerror(code))


def fallocate(file: int, size: int) -> None:
    """Reserve real blocks for the first `size` bytes, or raise `OSError`.

    It never writes zeros instead, as glibc's `posix_fallocate` does where the file system cannot reserve.
    """
    # musl has only `fallocate`, whose offsets have 64 bits everywhere; glibc's have them under this name.
    name = "fallocate64" if hasattr(ctypes.CDLL(None), "fallocate64") else "fallocate"
    call(name, file, 0, ctypes.c_int64(0), ctypes.c_int64(size))
