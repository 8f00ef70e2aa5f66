"""The directory beside a database in which the processes that work on it have their sockets.

Rules
-----
* It belongs to this user, and nobody else may enter it. It is opened anew for each use, never through a symbolic link.
* A socket has its owner's whole name. It appears under that name only when it listens already, so one that refuses
  connections belongs to a process that has ended.
* Only sockets with such a name are ever deleted, and only when their process has ended.
"""

from __future__ import annotations

import os
import re
import socket
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress

from dlm.system.mounts import NETWORK_FILE_SYSTEMS, file_system_of
from dlm.system.peers import is_ours

LONGEST_PATH = 100
"""Bytes of a socket's path that every system takes (unix(7): 108 on Linux, 104 elsewhere)."""
MOST_PEERS = 256
"""Sockets that are considered; more processes than that do not work on one database."""

_BACKLOG = 128
_OWNER = re.compile(r"\d{1,10}:\d{0,20}:[0-9a-f]{0,32}:[0-9a-f]{1,32}", re.ASCII)
_NAME = re.compile(r"(\d{1,10}-\d{0,20}-[0-9a-f]{0,32}-[0-9a-f]{1,32})\.(sock|new)", re.ASCII)


class PlaceUnusable(Exception):
    """No socket can be had there. The sentence says why, and what to do."""


def name_of(owner: str) -> str | None:
    """The name of the owner's socket; `None` when that is not the name of a process."""
    return owner.replace(":", "-") + ".sock" if _OWNER.fullmatch(owner) else None


def owner_of(name: str) -> str:
    """The owner of the socket of that name."""
    return name.removesuffix(".sock").replace("-", ":")


class MeetingPlace:
    """The directory `path`. `is_alive` tells of an owner's name whether that process may still run.

    `descriptors` is where the system shows open files as paths, which makes the path of any socket short.
    """

    def __init__(self, path: str, is_alive: Callable[[str], bool], descriptors: str = "/proc/self/fd") -> None:
        self.path = path
        self._is_alive = is_alive
        self._descriptors = descriptors if os.path.isdir(descriptors) else None

    def listen(self, owner: str) -> socket.socket:
        """A socket that listens under the owner's name. What dead processes left is swept. Raises `PlaceUnusable`."""
        name = name_of(owner)
        if name is None:
            raise PlaceUnusable(f"'{owner}' is not the name of a process: this is a defect of dlm")
        with suppress(FileExistsError), self._reasons_given():
            os.mkdir(self.path, 0o700)
        with self._reasons_given(), self._opened() as folder:
            kind = file_system_of(folder)
            if kind in NETWORK_FILE_SYSTEMS:
                raise PlaceUnusable(f"{self.path} is on a network file system ({kind}): {_DISK_ADVICE}")
            self._sweep(folder)
            return self._bound(folder, name)

    def names(self) -> list[str]:
        """The sockets in it; none when it is not there, or not to be trusted."""
        try:
            with self._opened() as folder:
                return _sockets(folder)
        except (OSError, PlaceUnusable):
            return []

    def living(self) -> list[str]:
        """As `names`, without the sockets of processes that have ended, which are swept."""
        try:
            with self._opened() as folder:
                self._sweep(folder)
                return _sockets(folder)
        except (OSError, PlaceUnusable):
            return []

    def connect(self, name: str) -> socket.socket:
        """A connection to that socket, non-blocking. Raises `OSError`, `BlockingIOError` when its process is far behind."""
        try:
            with self._opened() as folder:
                return self._connected(folder, name)
        except PlaceUnusable as error:
            raise ConnectionRefusedError(str(error)) from error

    def tell(self, names: Iterable[str], line: bytes) -> set[str]:
        """Send the line to each. Returns those that are too far behind to take it now; those that are gone are swept.

        The system keeps what was sent when this process ends right afterwards.
        """
        behind = set()
        with suppress(OSError, PlaceUnusable), self._opened() as folder:
            for name in names:
                try:
                    with closing(self._connected(folder, name)) as connection:
                        connection.send(line)
                except BlockingIOError:
                    behind.add(name)
                except ConnectionRefusedError:
                    self._remove_if_dead(folder, name)
                except OSError:
                    continue
        return behind

    def leave(self, owner: str) -> None:
        """Delete the owner's socket."""
        name = name_of(owner)
        if name is not None:
            with suppress(OSError, PlaceUnusable), self._opened() as folder:
                os.unlink(name, dir_fd=folder)

    @contextmanager
    def _reasons_given(self) -> Iterator[None]:
        try:
            yield
        except FileExistsError:
            raise
        except OSError as error:
            raise PlaceUnusable(f"{self.path} cannot be used ({error.strerror or error}): {_DISK_ADVICE}") from error

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """Its descriptor. Raises `OSError`, and `PlaceUnusable` when somebody else could have put something into it."""
        folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            status = os.fstat(folder)
            if status.st_uid != os.geteuid():
                raise PlaceUnusable(f"{self.path} belongs to another user: move it away")
            if status.st_mode & 0o077:
                os.fchmod(folder, 0o700)
            yield folder
        finally:
            os.close(folder)

    def _address(self, folder: int, name: str) -> str:
        path = f"{self._descriptors}/{folder}/{name}" if self._descriptors else os.path.join(self.path, name)
        if len(os.fsencode(path)) > LONGEST_PATH:
            raise PlaceUnusable(f"the path {self.path} is too long for a socket: choose a shorter one for the database")
        return path

    def _bound(self, folder: int, name: str) -> socket.socket:
        draft = name.removesuffix(".sock") + ".new"
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.setblocking(False)
            listener.bind(self._address(folder, draft))
            os.chmod(draft, 0o600, dir_fd=folder)
            listener.listen(_BACKLOG)
            os.rename(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            listener.close()
            with suppress(OSError):
                os.unlink(draft, dir_fd=folder)
            raise
        return listener

    def _connected(self, folder: int, name: str) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.setblocking(False)
            connection.connect(self._address(folder, name))
            if not is_ours(connection):
                raise PermissionError(f"{name} is another user's")
        except BaseException:
            connection.close()
            raise
        return connection

    def _sweep(self, folder: int) -> None:
        for name in os.listdir(folder):
            if _NAME.fullmatch(name):
                self._remove_if_dead(folder, name)

    def _remove_if_dead(self, folder: int, name: str) -> None:
        """Delete it when its process has ended. One in another container may seem dead, so nobody may listen either."""
        match = _NAME.fullmatch(name)
        if match is None or self._is_alive(match[1].replace("-", ":")):
            return
        with suppress(OSError):
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if not stat.S_ISSOCK(status.st_mode) or status.st_uid != os.geteuid():
                return
            try:
                self._connected(folder, name).close()
            except ConnectionRefusedError:
                os.unlink(name, dir_fd=folder)


_DISK_ADVICE = "keep the database in a directory of yours on a local disk, or let commands take effect a little later"


def _sockets(folder: int) -> list[str]:
    return [name for name in os.listdir(folder) if _NAME.fullmatch(name) and name.endswith(".sock")][:MOST_PEERS]
