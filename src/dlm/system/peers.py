"""Who is at the other end of a Unix socket."""

from __future__ import annotations

import os
import socket
import struct
import sys

_PLATFORM: str = sys.platform
_LOCAL_LEVEL = 0  # SOL_LOCAL, which Python does not name (macOS, FreeBSD: unix(4))
_LOCAL_PEERCRED = 1
_XUCRED = struct.Struct("=IIhxx16I")  # version, user, number of groups, groups


def is_ours(connection: socket.socket) -> bool:
    """Whether the process at the other end belongs to this user. Where the system does not tell, the directory guards."""
    user = _user_of(connection)
    return user is None or user == os.geteuid()


def _user_of(connection: socket.socket) -> int | None:
    """The user as whom the other end connected or listened; -1 when it cannot be had."""
    try:
        if _PLATFORM == "linux":
            size = struct.calcsize("3i")
            user: int = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))[1]
            return user
        if _PLATFORM == "darwin" or _PLATFORM.startswith("freebsd"):
            told = connection.getsockopt(_LOCAL_LEVEL, _LOCAL_PEERCRED, _XUCRED.size)
            user = struct.unpack_from("=II", told)[1]
            return user
    except (OSError, struct.error):
        return -1
    return None
