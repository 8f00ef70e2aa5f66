"""The sockets that a daemon listens on, and how it speaks to the service supervisor, where there is one."""

from __future__ import annotations

import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from dlm.model.error import Conflict, InvalidRequest, StateUnusable

BACKLOG = 512
FIRST_PASSED = 3
"""The first file descriptor that a service supervisor passes (sd_listen_fds)."""


@contextmanager
def alone(path: str) -> Iterator[None]:
    """Hold the lock of the daemon whose socket is `path`. Raises `Conflict` when another holds it."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    handle = os.open(path + ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict("a daemon works on this state directory already: 'dlm list' shows what it does") from error
        yield
    finally:
        os.close(handle)


@contextmanager
def unix_socket(path: str) -> Iterator[socket.socket]:
    """A socket that its owner alone can reach. The lock must be held: what stands there is a dead one's."""
    directory = os.path.dirname(path)
    found = os.stat(directory)
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise StateUnusable(
            f"others can reach '{directory}': make it yours alone (chmod 700), or choose another --state", path=path
        )
    with suppress(FileNotFoundError):
        os.unlink(path)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        made.bind(path)
    except OSError as error:
        made.close()
        raise StateUnusable(f"the socket '{path}' cannot be made: {error.strerror or error}", path=path) from error
    finally:
        os.umask(before)
    try:
        yield made
    finally:
        made.close()
        with suppress(FileNotFoundError):
            os.unlink(path)


@contextmanager
def tcp_socket(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens there; what is written to its connections leaves at once. Raises `InvalidRequest`."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        made = socket.create_server(address[:2], family=family, backlog=BACKLOG)
        # Connections inherit it. asyncio sets it on none whose `proto` is 0: a body then waits 40 ms for the head's ACK.
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        raise InvalidRequest(f"--listen: {host}:{port} cannot be had: {error.strerror or error}") from error
    try:
        yield made
    finally:
        made.close()


def written(listening: socket.socket, *, secure: bool) -> str:
    name = listening.getsockname()
    if isinstance(name, str | bytes):
        return f"unix:{os.fsdecode(name)}"
    host = f"[{name[0]}]" if ":" in name[0] else name[0]
    return f"{'https' if secure else 'http'}://{host}:{name[1]}/"


# --- the service supervisor -------------------------------------------------------------------------------------------


def passed(environment: dict[str, str]) -> list[socket.socket]:
    """The sockets that a supervisor passes to this very process (sd_listen_fds(3))."""
    if environment.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = int(environment.get("LISTEN_FDS", "0"))
    return [socket.socket(fileno=number) for number in range(FIRST_PASSED, FIRST_PASSED + count)]


def notify(environment: dict[str, str], state: str) -> None:
    """Tell the supervisor, where there is one (sd_notify(3))."""
    path = environment.get("NOTIFY_SOCKET")
    if not path:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as telling:
        telling.sendto(state.encode(), "\0" + path[1:] if path.startswith("@") else path)
