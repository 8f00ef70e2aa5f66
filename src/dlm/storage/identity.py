"""How a file is known again, also after the machine was started anew.

The number of a device (`st_dev`) holds for as long as the file system is mounted: a restart, or a disk that is plugged in
again, may give another (stat(2)). The number that the file system has itself (`f_fsid`, statvfs(2)) stays where it is made of
the UUID, as by ext4 and btrfs; XFS makes it of the device's, and some have none. So that one is recorded where there is one.
What an earlier dlm recorded is the device, which is known as well.
"""

from __future__ import annotations

import os
import stat

from dlm.model.download import Place


def file_system_of(handle: int) -> int:
    """The number of the file system of an open file or directory. Raises `OSError`."""
    return os.fstatvfs(handle).f_fsid or os.fstat(handle).st_dev


def is_of(place: Place, status: os.stat_result, handle: int) -> bool:
    """Whether `status` is of the regular file that `place` remembers; `handle` is it, or its directory. Raises `OSError`."""
    if not stat.S_ISREG(status.st_mode) or status.st_ino != place.inode:
        return False
    return place.device == status.st_dev or place.device == file_system_of(handle)
