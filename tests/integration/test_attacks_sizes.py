"""Row D15 of the attack table: what has no end. It is refused when what decides has arrived, and costs no memory and no time
of others. The strict figures are in tests/slow/test_attack_figures.py; here the bounds bear a busy machine."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import pytest
from starlette.types import Receive, Scope, Send

from dlm.api import connections, serving
from dlm.api.connections import is_owner, places
from tests.api_client import Idle
from tests.daemons import RunningDaemon
from tests.wire import asked, closed, connected, first_response, frame, head, opened_socket, send_all

MEGABYTE = b"x" * 1_000_000
ONE = b'{"uris":["http://h/a"]}'
ADD, BULK, ORDERS = "POST /api/v1/downloads", "POST /api/v1/downloads/bulk", "POST /api/v1/orders"


@dataclass(frozen=True)
class Flood:
    """A body for `line`. It is `stated` so long, or comes in chunks when that is `None`."""

    line: str
    parts: Callable[[], Iterable[bytes]]
    expected: int
    stated: int | None = 0


def whole(line: str, body: bytes, expected: int) -> Flood:
    """A body that is sent to its end."""
    return Flood(line, lambda: [body], expected, len(body))


def chunks(part: bytes, count: int) -> Iterator[bytes]:
    """A body in chunks (RFC 9112, 7.1)."""
    yield from repeat(b"%x\r\n%s\r\n" % (len(part), part), count)
    yield b"0\r\n\r\n"


FLOODS = {
    "100 MB that are stated": Flood(ADD, lambda: repeat(MEGABYTE, 100), 413, 100_000_000),
    "100 MB in chunks": Flood(ADD, lambda: chunks(MEGABYTE, 100), 413, None),
    "100 MB of additions in chunks": Flood(BULK, lambda: chunks(MEGABYTE, 100), 413, None),
    "a length of twenty digits": Flood(ADD, lambda: [b"{}"], 413, 10**19),
    "100,000 deep": whole(ADD, b'{"uris": ' + b"[" * 100_000, 400),
    "100,000 deep and closed": whole(BULK, b'{"downloads": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400),
    "100,000 objects deep": whole(BULK, b'{"downloads":' * 100_000, 413),
    "a million additions": whole(BULK, b'{"downloads":[' + b'{"uris":["a"]},' * 1_000_000 + b"{}]}", 413),
    "a million of nothing": whole(BULK, b'{"downloads":[' + b"{}," * 1_000_000 + b"{}]}", 413),
    "10,001 additions": whole(BULK, b'{"downloads":[' + b'{"uris":["http://h/a"]},' * 10_000 + ONE + b"]}", 400),
    "a million addresses": whole(BULK, b'{"downloads":[{"uris":[' + b'"a",' * 1_000_000 + b'"a"]}]}', 413),
    "a million headers": whole(BULK, b'{"downloads":[{"headers":{' + b'"a":"",' * 1_000_000 + b'"a":""}}]}', 413),
    "500,000 ids": whole(ORDERS, b'{"order":"pause","ids":[' + b'"a",' * 500_000 + b'"a"]}', 413),
    "1,001 ids": whole(ORDERS, b'{"order":"pause","ids":[' + b'"a",' * 1_000 + b'"a"]}', 400),
    "a million numbers": whole("POST /api/v1/bench", b'{"counts":[' + b"1," * 900_000 + b"1]}", 400),
    "a number of a million digits": whole(ADD, b'{"connections":' + b"9" * 1_000_000 + b"}", 400),
    "a list of 100,000": whole("POST /api/v1/imports", b'{"text": "' + b"http://h/a\\n" * 100_000 + b'"}', 400),
    "seven million empty lines": whole("POST /api/v1/imports", b'{"text": "' + b"\\n" * 7_000_000 + b'"}', 400),
    "a million types": whole("POST /api/v1/imports", b'{"text": "x", "types": [' + b'"a",' * 1_000_000 + b'"a"]}', 413),
    "spaces": whole(ADD, b" " * 2_000_000, 400),
}  # fmt: skip


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDaemon]:
    """One for all floods: whatever one leaves is there when the next one comes."""
    with RunningDaemon(tmp_path_factory.mktemp("flooded")) as running:
        yield running


def flooded(daemon: RunningDaemon, flood: Flood) -> tuple[int, float]:
    """The status, and the seconds from the last byte that was sent, or taken, to the answer."""
    length = "Transfer-Encoding: chunked" if flood.stated is None else f"Content-Length: {flood.stated}"
    with connected(daemon) as made:
        made.sendall(head(daemon, f"{flood.line} HTTP/1.1", "Content-Type: application/json", length))
        made.settimeout(0.0)
        sent = began = time.monotonic()
        for part in flood.parts():
            view = memoryview(part)
            while view:
                try:
                    view = view[made.send(view) :]
                    sent = time.monotonic()
                except BlockingIOError:
                    if _is_answered(made) or time.monotonic() - began > 30:
                        view = memoryview(b"")
            if _is_answered(made):
                break
        made.settimeout(30)
        found = first_response(made)[0]
        return found, time.monotonic() - sent


def _is_answered(made: socket.socket) -> bool:
    try:
        return bool(made.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS.keys())
def test_d15_floods(daemon: RunningDaemon, flood: Flood) -> None:
    """D15: refused at once, with nothing kept of it, and the next one is served."""
    before = daemon.resident()
    found, seconds = flooded(daemon, flood)
    assert found == flood.expected
    assert seconds < 2  # twenty times what it should be; a batch of a million took eight
    assert daemon.resident() - before < 48 << 20
    assert asked(daemon, "GET", "/health")[0] == 200


@pytest.mark.parametrize("length", [65_537, 100_000_000])
def test_d15_messages(daemon: RunningDaemon, length: int) -> None:
    """D15: a WebSocket message that is too long is refused with 1009 before it is there, in one frame or in many."""
    before = daemon.resident()
    for first in (
        frame(1, b"x" * 66_000, length=max(length, 66_000)),
        frame(1, b"x" * 33_000, final=False) + frame(0, b"x" * 33_000),
    ):
        with opened_socket(daemon) as made:
            send_all(made, [first])
            assert closed(made) == 1009
    assert daemon.resident() - before < 16 << 20


def test_d15_others_are_served_meanwhile(daemon: RunningDaemon) -> None:
    """D15: while one sends without end, and others begin and do not go on, the rest is answered."""
    with connected(daemon) as endless, connected(daemon) as silent, connected(daemon) as dripping:
        endless.sendall(head(daemon, f"{BULK} HTTP/1.1", "Content-Type: application/json", "Transfer-Encoding: chunked"))
        dripping.sendall(b"GET /health HTTP/1.1\r\nX")
        for part in chunks(b" " * 100_000, 100):
            endless.sendall(part)
            assert asked(daemon, "GET", "/health")[0] == 200
        dripping.sendall(b": y\r\n")
        assert silent.fileno() >= 0


# --- connections ------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def served(folder: Path, monkeypatch: pytest.MonkeyPatch, **bounds: float) -> AsyncIterator[tuple[str, int]]:
    """A server in this process with these bounds, that answers with the length of the body when all of it has come."""

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        size, more = 0, True
        while more:
            message = await receive()
            size, more = size + len(message.get("body", b"")), message.get("more_body", False)
        text = str(size).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(text)).encode())]})
        await send({"type": "http.response.body", "body": text})

    for name, value in bounds.items():
        monkeypatch.setattr(connections, name, value)
    folder.chmod(0o700)
    addresses: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
    listening = serving.Listening(str(folder / "dlm.sock"), ("127.0.0.1", 0))
    running = asyncio.create_task(
        serving.serve(Idle(), app, app, listening, ready=lambda told: addresses.set_result(list(told)), environment={})
    )
    try:
        url = (await addresses)[-1]
        yield "127.0.0.1", int(url.rstrip("/").rpartition(":")[2])
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def until_closed(address: tuple[str, int], *parts: bytes, pause: float = 0.0) -> bytes:
    """What comes back until the connection is closed from the other side."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        for part in parts:
            writer.write(part)
            await asyncio.sleep(pause)
        return await asyncio.wait_for(reader.read(), 20)
    except ConnectionError:
        return b""
    finally:
        writer.close()


def test_d15_slow_heads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """D15: who does not say what he wants is shown the door, whether he is silent, stutters, or did so after a good request."""
    good = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"

    async def story() -> None:
        async with served(tmp_path, monkeypatch, PATIENCE=0.3) as address:
            assert await until_closed(address) == b""
            assert await until_closed(address, *(bytes([each]) for each in b"GET / HTTP/1.1\r\nX: " * 3), pause=0.02) == b""
            assert (await until_closed(address, good + b"GET / HT")).count(b"HTTP/1.1 200") == 1
            late = await until_closed(address, good, b"GET / HT", pause=0.1)
            assert late.count(b"HTTP/1.1 200") == 1

    asyncio.run(story())


def test_d15_patience_is_for_those_who_owe_something(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """D15: a body that comes slowly, and a connection that waits for its next request, are not those."""

    async def story() -> None:
        async with served(tmp_path, monkeypatch, PATIENCE=0.2) as address:
            reader, writer = await asyncio.open_connection(*address)
            writer.write(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 3\r\n\r\n")
            for _ in range(3):
                await asyncio.sleep(0.15)
                writer.write(b"x")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            assert await reader.readexactly(1) == b"3"
            await asyncio.sleep(0.5)
            writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            writer.close()

    asyncio.run(story())


def test_d15_many_connections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """D15: beyond so many a connection is closed unheard, until one has gone; the Unix socket has room of its own."""

    async def story() -> None:
        async with served(tmp_path, monkeypatch, MOST=3) as address:
            good = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
            idle = [await asyncio.open_connection(*address) for _ in range(3)]
            assert await until_closed(address, good) == b""
            near, writer = await asyncio.open_unix_connection(str(tmp_path / "dlm.sock"))
            writer.write(good)
            assert (await near.read()).startswith(b"HTTP/1.1 200")
            writer.close()
            idle[0][1].close()
            while not (await until_closed(address, good)).startswith(b"HTTP/1.1 200"):
                await asyncio.sleep(0.01)
            for _, each in idle[1:]:
                each.close()

    asyncio.run(story())


@pytest.mark.parametrize(("files", "most"), [(1024, 512), (20_000, 1_000), (-1, 1_000), (1, 1)])
def test_d15_downloads_have_files_left(files: int, most: int) -> None:
    """D15: connections take half of the files that the process may open, and no more."""
    assert places(files) == most


@pytest.mark.parametrize(("user", "welcome"), [(1000, True), (0, True), (1001, False), (65534, False)])
def test_d17_who_is_at_the_unix_socket(user: int, welcome: bool) -> None:
    """D17: its owner and root; nobody else, though the socket of a supervisor may have been made for all."""
    assert is_owner(user, 1000) is welcome


def test_d17_the_kernel_says_who(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """D17: the account at the other end is asked of the kernel, and closed unheard if it is another's."""

    async def story() -> None:
        async with served(tmp_path, monkeypatch):
            monkeypatch.setattr(connections, "is_owner", lambda user, own: user == own == os.geteuid())
            for welcome in (True, False):
                if not welcome:
                    monkeypatch.setattr(connections, "is_owner", lambda _user, _own: False)
                reader, writer = await asyncio.open_unix_connection(str(tmp_path / "dlm.sock"))
                writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                try:
                    told = await reader.read()
                except ConnectionError:
                    told = b""
                assert told.startswith(b"HTTP/1.1 200") is welcome
                writer.close()

    asyncio.run(story())
