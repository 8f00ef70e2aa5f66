"""The server itself: a thread that accepts, a thread for each connection, and a close that leaves nothing behind."""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import threading
import time
from types import MappingProxyType, TracebackType
from typing import Self

from tests.hostile.content import Content
from tests.hostile.exchange import Addresses, Exchange, Habits, Stage
from tests.hostile.journal import Journal, RequestRecord
from tests.hostile.outcome import DONE, Personality
from tests.hostile.reply import Request
from tests.hostile.table import PERSONALITIES
from tests.hostile.wire import Hangup, Pacer, Wire

HEAD_LIMIT = 256 * 1024
_JOIN_STEP = 0.05
_JOIN_LIMIT = 30.0


class HostileServer:
    """An HTTP/1.1 server on the loopback interface that misbehaves by name.

    The first segment of a path chooses the personality; a path without one gets the `personality` given here. Whatever
    a personality remembers (the first request, half of the bytes) it remembers for each path of its own, so tests that
    use different paths, or different servers, do not meet.

    `tls` makes `port` and `other_port` speak TLS, and adds `plain_port`, which does not. `bytes_per_second` limits the
    whole server, `connection_bytes_per_second` each connection; the first `headstart` bytes of either are free. `port` 0 is
    any free port. Use it as a context manager.
    """

    def __init__(
        self,
        content: bytes | Content,
        personality: str = "polite",
        *,
        tls: ssl.SSLContext | None = None,
        bytes_per_second: int | None = None,
        connection_bytes_per_second: int | None = None,
        headstart: int = 0,
        habits: Habits | None = None,
        port: int = 0,
    ) -> None:
        self.content = content if isinstance(content, Content) else Content(content)
        self.habits = habits or Habits()
        self.personality = PERSONALITIES[personality].name
        self._tls = tls
        self._total = Pacer(bytes_per_second, headstart) if bytes_per_second else None
        self._each = connection_bytes_per_second
        self._headstart = headstart
        self._wanted_port = port
        self._journal = Journal()
        self._lock = threading.Lock()
        self._connections: dict[threading.Thread, Wire] = {}
        self._accepted = 0
        self._closing = False

    # --- life ---------------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        count = 2 if self._tls is None else 3
        with contextlib.ExitStack() as opened:
            self._listeners = [
                opened.enter_context(_listen(self._wanted_port if number == 0 else 0)) for number in range(count)
            ]
            self._wake_sender, self._wake_receiver = (opened.enter_context(end) for end in socket.socketpair())
            ports = [listener.getsockname()[1] for listener in self._listeners]
            self.addresses = Addresses(ports[0], ports[1], ports[2] if self._tls is not None else None)
            self._opened = opened.pop_all()
        self._acceptor = threading.Thread(target=self._accept, name=f"hostile-{self.port}", daemon=True)
        self._acceptor.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening, end every connection and return when all threads have ended. Idempotent."""
        if self._closing:
            return
        self._closing = True
        self._wake_sender.send(b"x")
        self._acceptor.join()
        self._opened.close()
        deadline = time.monotonic() + _JOIN_LIMIT
        while living := self._living():
            # Repeated, because a connection in the middle of its handshake may miss the first call.
            for wire in living.values():
                wire.wake()
            next(iter(living)).join(_JOIN_STEP)
            if time.monotonic() > deadline:
                raise RuntimeError(f"{len(living)} connections of the hostile server do not end")

    def _living(self) -> dict[threading.Thread, Wire]:
        with self._lock:
            return dict(self._connections)

    def hurry(self) -> None:
        """All connections are as fast as can be from now on, those that are under way too."""
        self._total = self._each = None
        for wire in self._living().values():
            wire.hurry()

    # --- what tests ask -----------------------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        """The port of `url`."""
        return self.addresses.main

    @property
    def other_port(self) -> int:
        """A second port with the same personalities: another origin."""
        return self.addresses.other

    @property
    def plain_port(self) -> int | None:
        """The port without TLS, when the others have it."""
        return self.addresses.plain

    def url(self, path: str = "/file.bin", personality: str | None = None, *, host: str = "127.0.0.1") -> str:
        """The URL of `path` under `personality`, or the one that the server was made with."""
        name = PERSONALITIES[personality or self.personality].name
        return self.addresses.url(self.port, f"/{name}{path}", host)

    @property
    def requests(self) -> list[RequestRecord]:
        """Every request so far, also those under way, in the order in which they came."""
        return self._journal.records()

    def bytes_sent(self, personality: str | None = None) -> int:
        """Bytes of bodies that were sent, in all or under one personality."""
        return sum(record.bytes_sent for record in self.requests if personality in {None, record.personality})

    def peak(self, personality: str | None = None) -> int:
        """The most requests that were ever answered at once at one path of the personality."""
        return self._journal.peak(personality or self.personality)

    def complaint(self, personality: str, exit_code: int, produced: bytes | None) -> str | None:
        """What is wrong with how a client ended, `None` when nothing is. `produced` is the final file, if there is one."""
        outcome = PERSONALITIES[personality].outcome
        if exit_code not in outcome.exits:
            return f"{personality}: exit code {exit_code}, expected {outcome}"
        if exit_code != DONE:
            return None if produced is None else f"{personality}: exit code {exit_code}, but there is a file"
        if produced is None:
            return f"{personality}: exit code 0, but there is no file"
        if not any(produced == self.content.version(whole, bomb_size=self.habits.bomb_size) for whole in outcome.wholes):
            return f"{personality}: a wrong file of {len(produced)} bytes"
        return None

    # --- work ---------------------------------------------------------------------------------------------------------

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector:
            for listener in (*self._listeners, self._wake_receiver):
                selector.register(listener, selectors.EVENT_READ)
            while not self._closing:
                for key, _ in selector.select():
                    if key.fileobj is not self._wake_receiver and isinstance(key.fileobj, socket.socket):
                        self._take(key.fileobj)

    def _take(self, listener: socket.socket) -> None:
        try:
            sock, _ = listener.accept()
        except OSError:  # the client went before it was accepted
            return
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pacers = [pacer for pacer in (self._total, Pacer(self._each, self._headstart) if self._each else None) if pacer]
        self._accepted += 1
        wire = Wire(sock, self._accepted, listener.getsockname()[1], pacers)
        thread = threading.Thread(target=self._serve, args=(wire,), name=f"hostile-{self.port}-{wire.number}", daemon=True)
        with self._lock:
            self._connections[thread] = wire
        thread.start()

    def _serve(self, wire: Wire) -> None:
        try:
            if self._tls is not None and wire.port != self.plain_port:
                wire.start_tls(self._tls)
            while not self._closing and (request := _read_request(wire)) is not None and self._respond(wire, request):
                pass
        except Hangup:
            pass
        finally:
            wire.close()
            with self._lock:
                del self._connections[threading.current_thread()]

    def _respond(self, wire: Wire, request: Request) -> bool:
        personality = self._personality_of(request)
        number = self._journal.begin(
            RequestRecord(
                personality=personality.name,
                path=request.path,
                method=request.method,
                headers=request.headers,
                range=request.headers.get("range"),
                connection=wire.number,
                time=time.monotonic(),
                port=wire.port,
            )
        )
        stage = Stage(self.content, self.habits, self.addresses, self._journal)
        with contextlib.closing(Exchange(request, wire, stage, number)) as exchange:
            reply = personality.respond(exchange)
            return reply is not None and exchange.answer(reply)

    def _personality_of(self, request: Request) -> Personality:
        segment = request.path.lstrip("/").partition("/")[0]
        return PERSONALITIES.get(segment) or PERSONALITIES[self.personality]


def _listen(port: int) -> socket.socket:
    return socket.create_server(("127.0.0.1", port), backlog=128)


def _read_request(wire: Wire) -> Request | None:
    head = wire.read_until(b"\r\n\r\n", HEAD_LIMIT)
    if head is None:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, _, rest = first.partition(" ")
    target, _, version = rest.rpartition(" ")
    headers: dict[str, str] = {}
    for line in lines:
        name, separator, value = line.partition(":")
        if separator:
            key = name.strip().lower()
            headers[key] = f"{headers[key]}, {value.strip()}" if key in headers else value.strip()
    length = headers.get("content-length", "0")
    wire.skip(int(length) if length.isdigit() else 0)
    return Request(method, target, version, MappingProxyType(headers))
