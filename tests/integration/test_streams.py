"""The streams of a real daemon: who may listen, what is told, and that nobody who listens badly costs anything."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from dlm.api.scope import Scope
from dlm.api.tokens import Tokens
from tests.conftest import RunDlm
from tests.daemons import RunningDaemon
from tests.hostile import HostileServer, content

EVENTS = "/api/v1/events"
LARGE = content(4_000_001, seed=3)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[RunningDaemon]:
    """One that answers."""
    with RunningDaemon(tmp_path) as running:
        yield running


@pytest.fixture
def slow() -> Iterator[HostileServer]:
    """A server that takes nearly three seconds for its file."""
    with HostileServer(LARGE, bytes_per_second=1_500_000) as server:
        yield server


def listen(daemon: RunningDaemon, query: str = "", **facts: Any) -> connect:
    """A WebSocket with the owner's token in the header, unless said otherwise."""
    facts.setdefault("additional_headers", {"Authorization": f"Bearer {daemon.token}"})
    return connect(f"ws{daemon.url.removeprefix('http')}{EVENTS}{query}", **facts)


def add(daemon: RunningDaemon, uri: str, **facts: object) -> str:
    """The id of a download that is added."""
    told = asked(daemon, "POST", "/api/v1/downloads", {"uris": [uri], **facts})
    return str(told["download"]["download_id"])


def asked(daemon: RunningDaemon, method: str, path: str, body: object = None) -> Any:
    """What the daemon answers."""
    parts = urlsplit(daemon.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    headers = {"Authorization": f"Bearer {daemon.token}", "Content-Type": "application/json"}
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    response = connection.getresponse()
    told = response.read()
    connection.close()
    assert response.status < 300, told
    return json.loads(told)


async def heard(socket: ClientConnection, last: str, id: str | None = None) -> list[dict[str, Any]]:
    """What is told until the first event of a kind, or to a phase, about the download if one is named."""
    events: list[dict[str, Any]] = []
    async with asyncio.timeout(60):
        while True:
            events.append(json.loads(await socket.recv()))
            if last in {events[-1]["event"], events[-1].get("to")} and id in {None, events[-1].get("download_id")}:
                return events


# --- who may listen ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["header", "subprotocol"])
def test_a_token_lets_in(daemon: RunningDaemon, way: str) -> None:
    """In the header, or, as browsers have it, among the subprotocols, of which only the other one is answered."""

    async def story() -> None:
        offered = [Subprotocol("dlm.v1"), Subprotocol(f"dlm.token.{daemon.token}")]
        facts: dict[str, Any] = {"additional_headers": {}, "subprotocols": offered} if way == "subprotocol" else {}
        async with listen(daemon, **facts) as socket:
            id = await asyncio.to_thread(add, daemon, "http://127.0.0.1:1/x", paused=True)
            (event,) = await heard(socket, "download_added")
            assert event["download"]["download_id"] == id
            assert socket.subprotocol == ("dlm.v1" if way == "subprotocol" else None)
            assert daemon.token not in str(socket.response)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("headers", "facts"),
    [
        ({}, {}),
        ({"Authorization": "Bearer dlm_wrong"}, {}),
        ({}, {"subprotocols": [Subprotocol("dlm.v1"), Subprotocol("dlm.token.wrong")]}),
        (None, {"origin": "https://evil.example"}),
        (None, {"origin": "null"}),
        (None, {"host_header": "evil.example"}),
        (None, {"query": "?token=abc"}),
        (None, {"query": "?since=-1"}),
        (None, {"query": "?nonsense=1"}),
    ],
)
def test_others_are_kept_out(daemon: RunningDaemon, headers: dict[str, str] | None, facts: dict[str, Any]) -> None:
    """Before the WebSocket is open, so that no event is ever sent."""

    async def story() -> None:
        address = urlsplit(daemon.url)
        host, query = facts.pop("host_header", address.netloc), facts.pop("query", "")
        own = {"Authorization": f"Bearer {daemon.token}"} if headers is None else headers
        there: dict[str, Any] = {"host": "127.0.0.1", "port": address.port}
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"ws://{host}{EVENTS}{query}", additional_headers=own, **there, **facts)
        assert refused.value.response.status_code == 403
        assert b"download" not in refused.value.response.body

    asyncio.run(story())


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Host": "evil.example"}, 421),
        ({"Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_others_get_no_server_sent_events(daemon: RunningDaemon, headers: dict[str, str], status: int) -> None:
    """But a problem document."""
    own = {} if status == 401 else {"Authorization": f"Bearer {daemon.token}"}
    address = urlsplit(daemon.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
    connection.request("GET", f"{EVENTS}/stream?since=0", headers={**own, **headers})
    response = connection.getresponse()
    assert (response.status, json.loads(response.read())["status"]) == (status, status)
    connection.close()


def test_a_revoked_token_hears_no_more(daemon: RunningDaemon) -> None:
    """What is open with it, a WebSocket and server-sent events, ends; another token's goes on."""

    async def story() -> None:
        tokens = Tokens(str(daemon.state))
        reading = {"Authorization": f"Bearer {tokens.make('tablet', Scope.READ, 1.0)}"}
        there = ("127.0.0.1", urlsplit(daemon.url).port or 0)
        async with listen(daemon, additional_headers=reading) as socket, listen(daemon) as owner:
            reader, writer = await asyncio.open_connection(*there)
            head = f"GET {EVENTS}/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {reading['Authorization']}\r\n\r\n"
            writer.write(head.encode())
            await reader.readuntil(b": dlm")
            tokens.revoke("tablet")
            async with asyncio.timeout(30):
                with pytest.raises(ConnectionClosed):
                    await socket.recv()
                await reader.readuntil(b"\r\n0\r\n")
            assert (socket.close_code, socket.close_reason) == (1008, "this token is not known any more")
            await asyncio.to_thread(add, daemon, "http://127.0.0.1:1/x", paused=True)
            await heard(owner, "download_added")
            writer.close()

    asyncio.run(story())


# --- what is told -----------------------------------------------------------------------------------------------------


def test_a_client_hears_of_what_it_shows(daemon: RunningDaemon) -> None:
    """Of ids and groups from the address on, and of others when it says so."""

    async def story() -> None:
        mine, other = [add(daemon, f"http://127.0.0.1:1/{n}", paused=True, group=n) for n in ("mine", "other")]
        async with listen(daemon, f"?ids={mine}") as by_id, listen(daemon, "?group=other") as by_group:
            for word, id in (("resume", other), ("resume", mine)):
                await asyncio.to_thread(asked, daemon, "POST", f"/api/v1/downloads/{id}/{word}")
            assert {e["download_id"] for e in await heard(by_id, "waiting") if "seq" in e} == {mine}
            assert {e["download_id"] for e in await heard(by_group, "waiting") if "seq" in e} == {other}
            await by_id.send(json.dumps({"ids": [other]}))
            await asyncio.sleep(0.3)
            for id in (mine, other):
                await asyncio.to_thread(asked, daemon, "POST", f"/api/v1/downloads/{id}/pause")
            assert {e["download_id"] for e in await heard(by_id, "paused", other) if e.get("to") == "paused"} == {other}
            await by_id.send("nonsense")
            with pytest.raises(Exception, match="1008"):
                await heard(by_id, "never")

    asyncio.run(story())


def test_server_sent_events_go_on_after_the_last_one(daemon: RunningDaemon, hostile: HostileServer, dlm: RunDlm) -> None:
    """With `Last-Event-ID`, as browsers send it: what was missed, once, then what happens."""
    dlm("get", "--remote", f"unix:{daemon.socket}", hostile.url("/a.bin"))
    recorded = sent_events(daemon, "?since=0&follow=false")
    seqs = [each["seq"] for each in recorded]
    assert seqs == list(range(1, len(seqs) + 1))
    rest = sent_events(daemon, "?follow=false", {"Last-Event-ID": "2"})
    assert rest == recorded[2:]


def sent_events(daemon: RunningDaemon, query: str, headers: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """What is recorded, read to the end."""
    address = urlsplit(daemon.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
    own = {"Authorization": f"Bearer {daemon.token}", **(headers or {})}
    connection.request("GET", f"{EVENTS}/stream{query}", headers=own)
    response = connection.getresponse()
    assert response.headers["Content-Type"].startswith("text/event-stream")
    told = response.read().decode()
    connection.close()
    return [json.loads(line[6:]) for line in told.splitlines() if line.startswith("data: ")]


# --- many, and bad ones -----------------------------------------------------------------------------------------------


def test_a_hundred_listen_and_one_never_reads(daemon: RunningDaemon, slow: HostileServer) -> None:
    """All hear the end; samples come 15 times a second at most and only grow; a second download takes no more memory."""

    async def story() -> None:
        deaf = silent(daemon)
        async with AsyncExitStack() as stack:
            sockets = [await stack.enter_async_context(listen(daemon)) for _ in range(100)]
            first = await asyncio.to_thread(add, daemon, slow.url("/first.bin"))
            await asyncio.gather(*(heard(each, "completed", first) for each in sockets))
            before = daemon.resident()
            began = time.monotonic()
            id = await asyncio.to_thread(add, daemon, slow.url("/a.bin"))
            told = await asyncio.gather(*(heard(each, "completed", id) for each in sockets))
            seconds = time.monotonic() - began
            assert daemon.resident() - before < 8 << 20
        deaf.close()
        for events in told:
            assert not [e for e in events if e["event"] == "download_progress" and e["download_id"] != id], "it had ended"
            samples = [each["downloaded"] for each in events if each["event"] == "download_progress"]
            assert samples == sorted(samples)
            assert 5 < len(samples) <= 15 * seconds + 1
            seqs = [each["seq"] for each in events if "seq" in each]
            assert seqs == sorted(set(seqs))
            assert [e["to"] for e in events if "seq" in e][-2:] == ["completing", "completed"]

    asyncio.run(story())


def silent(daemon: RunningDaemon) -> socket.socket:
    """Who asks for everything and never reads a byte of it."""
    address = urlsplit(daemon.url)
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.connect((address.hostname, address.port))
    head = f"GET {EVENTS}/stream HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {daemon.token}\r\n\r\n"
    made.sendall(head.encode())
    return made
