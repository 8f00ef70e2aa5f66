"""On which kind of file system a directory is, as Linux tells it."""

from __future__ import annotations

import os
import re

NETWORK_FILE_SYSTEMS = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "coda", "ncpfs", "davfs"),
        *("glusterfs", "lustre", "beegfs", "gpfs", "ocfs2", "gfs2"),
        *("fuse.sshfs", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.davfs", "fuse.curlftpfs"),
    }
)
"""Kinds whose files other machines may have open at the same time."""


def file_system_of(directory: int | str) -> str | None:
    """The kind of the file system, such as `ext4`; `None` where the system does not tell. Raises `OSError`.

    `directory` is a path, or a descriptor that is open.
    """
    if isinstance(directory, int):
        return _kind_of(directory)
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return _kind_of(folder)
    finally:
        os.close(folder)


def _kind_of(folder: int) -> str | None:
    try:
        with open(f"/proc/self/fdinfo/{folder}", encoding="ascii") as file:
            number = mount_number(file.read())
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
            return None if number is None else kinds(file.read()).get(number)
    except OSError:
        return None


def mount_number(text: str) -> int | None:
    """The number of the mount, from the text of `/proc/PID/fdinfo/N` (proc(5))."""
    match = re.search(r"^mnt_id:\s*(\d+)$", text, re.MULTILINE | re.ASCII)
    return int(match[1]) if match else None


def kinds(text: str) -> dict[int, str]:
    """The kind of file system of each mount, by its number, from the text of `/proc/PID/mountinfo` (proc(5)).

    Lines that are not of that form are passed over.
    """
    found = {}
    for line in text.splitlines():
        head, dash, tail = line.partition(" - ")
        number = head.split(" ", 1)[0]
        if dash and number.isascii() and number.isdigit():
            found[int(number)] = tail.split(" ", 1)[0]
    return found
