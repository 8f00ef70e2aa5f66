"""A TCP connection, in clear or within TLS: what the control connection and the data connections both are.

Sockets are read by hand on the event loop, without streams: what an Outlet does not take is simply not read, one system call
brings hundreds of kilobytes, and a TLS session can be resumed, which `asyncio` has no way to ask for.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import ssl
from collections.abc import Callable
from typing import Any

STAGGER = 0.25
"""Seconds that one address of a host has to itself before the next is tried beside it (RFC 8305, section 5)."""
BUFFER = 256 * 1024


class Wire:
    """One connection. Whatever is awaited here may be cancelled at any time; then the connection is to be closed."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._tls: ssl.SSLSocket | None = None

    @property
    def peer(self) -> tuple[Any, ...]:
        """The address at the other end, as `socket` has it."""
        address: tuple[Any, ...] = self._socket.getpeername()
        return address

    @property
    def local(self) -> tuple[Any, ...]:
        """The address at this end."""
        address: tuple[Any, ...] = self._socket.getsockname()
        return address

    @property
    def family(self) -> int:
        """`AF_INET` or `AF_INET6`."""
        return self._socket.family

    @property
    def session(self) -> ssl.SSLSession | None:
        """The TLS session, so that another connection can resume it."""
        return None if self._tls is None else self._tls.session

    @property
    def secured(self) -> bool:
        """Whether it is within TLS."""
        return self._tls is not None

    async def secure(self, context: ssl.SSLContext, host: str, session: ssl.SSLSession | None = None) -> None:
        """Begin TLS; `session` is one to resume. Raises `ssl.SSLError` and `OSError`."""
        self._tls = context.wrap_socket(
            self._socket,
            server_hostname=host,
            do_handshake_on_connect=False,
            suppress_ragged_eofs=False,
            session=session,
        )
        self._socket = self._tls
        await self._retried(self._tls.do_handshake)

    async def send(self, text: bytes) -> None:
        """Send all of it."""
        rest = memoryview(text)
        while rest:
            sent: int = await self._retried(self._socket.send, rest, writing=True)
            rest = rest[sent:]

    async def receive(self, size: int) -> bytes:
        """What has come, `size` bytes at most; nothing at the end of the connection. Raises `OSError`.

        Within TLS an end without a farewell is `ssl.SSLEOFError`, here and in `receive_now`.
        """
        received: bytes = await self._retried(self._socket.recv, size)
        return received

    def receive_now(self, buffer: memoryview) -> int | None:
        """Fill as much of `buffer` as can be filled at once. 0 at the end of the connection, `None` when nothing has come."""
        filled = 0
        while filled < len(buffer):
            try:
                count = self._socket.recv_into(buffer[filled:])
            except (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return filled or None
            except OSError as error:
                if filled:
                    return filled  # it comes again with the next call
                if _is_rude_end(error):
                    raise ssl.SSLEOFError(*error.args) from error
                raise
            filled += count
            if not count or self._tls is None:
                return filled
        return filled

    def watch(self, ready: Callable[[], None]) -> None:
        """Call `ready` whenever something has come, until `unwatch`."""
        asyncio.get_running_loop().add_reader(self._socket, ready)

    def unwatch(self) -> None:
        """No more calls. Idempotent."""
        if self._socket.fileno() >= 0:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._socket)
            loop.remove_writer(self._socket)

    def is_silent(self) -> bool:
        """Whether the connection stands and nothing has come: what an idle one must be like to be used again."""
        try:
            return self.receive_now(memoryview(bytearray(1))) is None
        except OSError:
            return False

    def say_goodbye(self, text: bytes) -> None:
        """Send it if that can be done at once, and close."""
        with contextlib.suppress(OSError):
            self._socket.send(text)
        self.close()

    def close(self) -> None:
        """Give the connection up. Idempotent."""
        self.unwatch()
        self._socket.close()

    async def _retried(self, call: Callable[..., Any], *args: Any, writing: bool = False) -> Any:
        """The call, made again whenever the socket has become ready for it."""
        while True:
            try:
                return call(*args)
            except (BlockingIOError, InterruptedError):
                await _ready(self._socket, writing=writing)
            except ssl.SSLWantReadError:
                await _ready(self._socket, writing=False)
            except ssl.SSLWantWriteError:
                await _ready(self._socket, writing=True)
            except ssl.SSLError as error:
                if _is_rude_end(error):
                    raise ssl.SSLEOFError(*error.args) from error
                raise


def _is_rude_end(error: OSError) -> bool:
    """Whether it is an end without a farewell that its class does not tell: so it is in early versions of Python 3.11."""
    reason = getattr(error, "reason", None)
    return reason == "UNEXPECTED_EOF_WHILE_READING" and not isinstance(error, ssl.SSLEOFError)


async def connect(host: str, port: int) -> Wire:
    """To the first of the host's addresses that answers. Raises `OSError`: of the last address, when none does."""
    waiting = await addresses(host, port)
    running: set[asyncio.Future[Wire]] = set()
    error: OSError | None = None
    try:
        while waiting or running:
            if waiting:
                family, _, _, _, address = waiting.pop(0)
                running.add(asyncio.ensure_future(connect_to(family, address)))
            done, running = await asyncio.wait(
                running, timeout=STAGGER if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for each in done:
                failure = each.exception()
                if failure is None:
                    return each.result()
                if not isinstance(failure, OSError):
                    raise failure
                error = failure
        raise error or OSError(errno.EADDRNOTAVAIL, "the host has no address")
    finally:
        await _abandon(running)


async def addresses(host: str, port: int) -> list[Any]:
    """As `getaddrinfo` has them; without a thread where the host is an address already. Raises `OSError`."""
    with contextlib.suppress(socket.gaierror):
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    try:
        return await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # a label that is too long
        raise socket.gaierror(socket.EAI_NONAME, str(error)) from error


async def connect_to(family: int, address: tuple[Any, ...]) -> Wire:
    """To this very address."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        # A command is a few bytes that must not wait for others.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        await _connected(sock, address)
    except BaseException:
        sock.close()
        raise
    return Wire(sock)


def listen_beside(control: Wire) -> socket.socket:
    """A socket that waits for a connection to the address at which `control` is reached from."""
    listener = socket.socket(control.family, socket.SOCK_STREAM)
    try:
        listener.setblocking(False)
        host, _, *rest = control.local
        listener.bind((host, 0, *rest))
        listener.listen(4)
    except OSError:
        listener.close()
        raise
    return listener


async def accept_from(listener: socket.socket, host: str) -> Wire:
    """The first connection that comes from `host`; others are turned away, as anybody could be listening to the port."""
    while True:
        try:
            sock, address = listener.accept()
        except (BlockingIOError, InterruptedError):
            await _ready(listener, writing=False)
            continue
        if address[0] == host:
            sock.setblocking(False)
            return Wire(sock)
        sock.close()


async def _connected(sock: socket.socket, address: tuple[Any, ...]) -> None:
    # Not `loop.sock_connect`: it would look the address up again, in a thread.
    code = sock.connect_ex(address)
    if code in {errno.EINPROGRESS, errno.EINTR, errno.EWOULDBLOCK}:
        await _ready(sock, writing=True)
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))


async def _ready(sock: socket.socket, *, writing: bool) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    add, remove = (loop.add_writer, loop.remove_writer) if writing else (loop.add_reader, loop.remove_reader)
    add(sock, _wake, ready)
    try:
        await ready
    finally:
        remove(sock)


def _wake(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


async def _abandon(running: set[asyncio.Future[Wire]]) -> None:
    for each in running:
        each.cancel()
    for outcome in await asyncio.gather(*running, return_exceptions=True):
        if isinstance(outcome, Wire):
            outcome.close()
