"""The daemon: one process on a state directory, its sockets, its beginning and its end.

It works the queue (`Downloads.run`) and answers through uvicorn until it is told to stop. Then nothing new is accepted, every
download is checkpointed and given back to the queue, and the process ends within seconds.
"""

from __future__ import annotations

import asyncio
import fcntl
import ipaddress
import os
import signal
import socket
import stat
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager, suppress
from typing import Protocol

import uvicorn
from starlette.types import ASGIApp

from dlm.api.connections import Connection, Socket
from dlm.model.error import Conflict, InvalidRequest, StateUnusable
from dlm.model.settings import Settings
from dlm.model.value import dataclass

FIRST_PASSED = 3
"""The first file descriptor that a service supervisor passes (sd_listen_fds)."""
CLOSING = 2
"""Seconds that open connections are given when it stops."""
BACKLOG = 512


@dataclass(frozen=True, slots=True)
class Listening:
    """Where it listens: a Unix socket at `path`, and with `address` (host, port) TCP as well, within TLS where there is a
    certificate with its key."""

    path: str
    address: tuple[str, int] | None = None
    certificate: str | None = None
    key: str | None = None


class Working(Protocol):
    """What works the queue, of `ports.Downloads`."""

    async def run(self, *, stay: bool) -> None:
        """See there."""


def parse_address(text: str, flag: str = "--listen") -> tuple[str, int]:
    """`HOST:PORT`, `[ADDRESS]:PORT` or `:PORT`, which is on loopback. Raises `InvalidRequest`, naming the `flag`."""
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit() and 0 <= int(port[:6]) <= 65_535):
        raise InvalidRequest(f"{flag}: '{text}' is no address: write HOST:PORT, such as 127.0.0.1:8840")
    return host.removeprefix("[").removesuffix("]") or "127.0.0.1", int(port)


def within(address: tuple[str, int], settings: Settings, flag: str = "--listen") -> tuple[str, int]:
    """The same address. Raises `InvalidRequest` when others can reach it and there is no TLS: tokens would go in the clear."""
    host = address[0]
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise InvalidRequest("--tls-cert and --tls-key go together: give both")
    if settings.tls_cert is None and not _is_loopback(host):
        raise InvalidRequest(
            f"{flag}: {host} can be reached by others: give --tls-cert and --tls-key, or listen on 127.0.0.1 behind a proxy"
        )
    return address


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


@asynccontextmanager
async def _nothing() -> AsyncIterator[Sequence[str]]:
    yield ()


async def serve(
    downloads: Working,
    local: ASGIApp,
    remote: ASGIApp,
    listening: Listening,
    *,
    ready: Callable[[Sequence[str]], None],
    environment: dict[str, str],
    ending: Callable[[], None] = lambda: None,
    beside: Callable[[], AbstractAsyncContextManager[Sequence[str]]] = _nothing,
) -> None:
    """Serve until SIGTERM or SIGINT: `local` through Unix sockets, `remote` through all others. `ready` is told where it
    listens, once it answers; what is served `beside` says where it does. `ending` is called when it begins to stop.

    Raises `Conflict` when another daemon has this state directory, and `StorageError`s and `InvalidRequest`s for sockets
    that cannot be had.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    with ExitStack() as stack:
        stack.enter_context(alone(listening.path))
        sockets = _passed(environment) or [stack.enter_context(unix_socket(listening.path))]
        if listening.address:
            sockets.append(stack.enter_context(tcp_socket(*listening.address)))
        near = [each for each in sockets if each.family == socket.AF_UNIX]
        far = [each for each in sockets if each.family != socket.AF_UNIX]
        servers = [_Server(_config(local), near), _Server(_config(remote, listening), far)]
        servers = [each for each in servers if each.addresses()]

        def stopping() -> None:
            ending()
            _notify(environment, "STOPPING=1")

        async with beside() as further:
            await _run(downloads, servers, stop, lambda: _begun(servers, further, ready, environment), stopping)


async def _run(
    downloads: Working,
    servers: Sequence[_Server],
    stop: asyncio.Event,
    begun: Callable[[], None],
    ending: Callable[[], None],
) -> None:
    working = asyncio.create_task(downloads.run(stay=True))
    stopping = asyncio.create_task(stop.wait())
    serving = [asyncio.create_task(server.serve_sockets()) for server in servers]
    starting = asyncio.create_task(_all_begun(servers, begun))
    try:
        ended, _ = await asyncio.wait({working, stopping, *serving}, return_when=asyncio.FIRST_COMPLETED)
        for each in ended:
            each.result()
    finally:
        starting.cancel()
        stopping.cancel()
        ending()
        for server in servers:
            server.stop()
        working.cancel()
        await asyncio.gather(working, *serving, starting, stopping, return_exceptions=True)


async def _all_begun(servers: Sequence[_Server], begun: Callable[[], None]) -> None:
    for server in servers:
        await server.listening.wait()
    begun()


def _begun(
    servers: Sequence[_Server], further: Sequence[str], ready: Callable[[Sequence[str]], None], environment: dict[str, str]
) -> None:
    ready([*(address for server in servers for address in server.addresses()), *further])
    _notify(environment, "READY=1")


class _Server(uvicorn.Server):
    """uvicorn, but with sockets that were made here, and without signal handlers of its own."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()
        self._own = sockets
        self._ending = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None: whoever serves decides what a signal means."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does; then it is known to listen."""
        await super().startup(sockets)
        self.listening.set()

    async def main_loop(self) -> None:
        """Until `stop`. uvicorn's own looks ten times a second; an idle daemon only renews the date that answers bear."""
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), 1.0)

    def stop(self) -> None:
        """Accept nothing any more, and end."""
        self.should_exit = True
        self._ending.set()

    async def serve_sockets(self) -> None:
        """Serve until `stop`."""
        await self.serve(self._own)

    def addresses(self) -> list[str]:
        """Where it listens, as users write it."""
        return [_written(each, secure=self.config.is_ssl) for each in self._own]


def _config(app: ASGIApp, listening: Listening | None = None) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="none",
        http=Connection,
        ws=Socket,
        lifespan="off",
        log_config=None,
        # What strangers send is no event of ours: a line for each would let them fill the log.
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=CLOSING,
        timeout_keep_alive=30,
        h11_max_incomplete_event_size=64 * 1024,
        ws_max_size=64 * 1024,
        # Compressed, a message of that size could become one a thousand times larger, before it is counted.
        ws_per_message_deflate=False,
        backlog=BACKLOG,
        ssl_certfile=listening.certificate if listening else None,
        ssl_keyfile=listening.key if listening else None,
    )


# --- sockets ----------------------------------------------------------------------------------------------------------


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


def _written(listening: socket.socket, *, secure: bool) -> str:
    name = listening.getsockname()
    if isinstance(name, str | bytes):
        return f"unix:{os.fsdecode(name)}"
    host = f"[{name[0]}]" if ":" in name[0] else name[0]
    return f"{'https' if secure else 'http'}://{host}:{name[1]}/"


# --- the service supervisor -------------------------------------------------------------------------------------------


def _passed(environment: dict[str, str]) -> list[socket.socket]:
    """The sockets that a supervisor passes to this very process (sd_listen_fds(3))."""
    if environment.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = int(environment.get("LISTEN_FDS", "0"))
    return [socket.socket(fileno=number) for number in range(FIRST_PASSED, FIRST_PASSED + count)]


def _notify(environment: dict[str, str], state: str) -> None:
    """Tell the supervisor, where there is one (sd_notify(3))."""
    path = environment.get("NOTIFY_SOCKET")
    if not path:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as telling:
        telling.sendto(state.encode(), "\0" + path[1:] if path.startswith("@") else path)
