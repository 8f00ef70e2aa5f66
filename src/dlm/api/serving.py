"""The daemon: one process on a state directory, its sockets, its beginning and its end.

It works the queue (`Downloads.run`) and answers through uvicorn until it is told to stop. Then nothing new is accepted, every
download is checkpointed and given back to the queue, and the process ends within seconds.
"""

from __future__ import annotations

import asyncio
import ipaddress
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager, suppress
from typing import Protocol

import uvicorn
from starlette.types import ASGIApp

from dlm.api.connections import Connection, Socket
from dlm.api.sockets import BACKLOG, alone, notify, passed, tcp_socket, unix_socket, written
from dlm.model.error import InvalidRequest
from dlm.model.settings import Settings
from dlm.model.value import dataclass

CLOSING = 2
"""Seconds that open connections are given when it stops."""


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
        sockets = passed(environment) or [stack.enter_context(unix_socket(listening.path))]
        if listening.address:
            sockets.append(stack.enter_context(tcp_socket(*listening.address)))
        near = [each for each in sockets if each.family == socket.AF_UNIX]
        far = [each for each in sockets if each.family != socket.AF_UNIX]
        servers = [_Server(_config(local), near), _Server(_config(remote, listening), far)]
        servers = [each for each in servers if each.addresses()]

        def stopping() -> None:
            ending()
            notify(environment, "STOPPING=1")

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
    notify(environment, "READY=1")


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
        return [written(each, secure=self.config.is_ssl) for each in self._own]


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
