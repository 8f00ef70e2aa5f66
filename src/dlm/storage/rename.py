"""Names in a directory, taken without replacing what stands there.

Rules
-----
* The names are single components, looked up in an open directory: no path can lead elsewhere meanwhile.
* First `renameat2` with RENAME_NOREPLACE; where kernel or file system lack it, `link` and `unlink`; where there are no
  hard links (FAT), an empty file holds the name and is renamed over.
"""

from __future__ import annotations

import errno
import os
import sys

_NOREPLACE = 1
_UNSUPPORTED = frozenset({errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EPERM, errno.EMLINK, errno.ENOTTY})


def rename_without_replacing(folder: int, old: str, new: str) -> None:
    """Rename atomically. Raises `FileExistsError` when `new` stands there, and then nothing has changed."""
    for way in (_by_renameat2, _by_link, _by_placeholder):
        try:
            way(folder, old, new)
        except OSError as error:
            if error.errno not in _UNSUPPORTED or way is _by_placeholder:
                raise
        else:
            return


def _by_renameat2(folder: int, old: str, new: str) -> None:
    if not sys.platform.startswith("linux"):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    from dlm.storage.libc import call

    call("renameat2", folder, os.fsencode(old), folder, os.fsencode(new), _NOREPLACE)


def _by_link(folder: int, old: str, new: str) -> None:
    os.link(old, new, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    os.unlink(old, dir_fd=folder)


def _by_placeholder(folder: int, old: str, new: str) -> None:
    os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder))
    try:
        os.rename(old, new, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        os.unlink(new, dir_fd=folder)
        raise
