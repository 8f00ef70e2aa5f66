"""Clients of a daemon under load, in a process of their own that imports next to nothing: it is to measure, not to compete.

    python -m tests.load_client ask URL TOKEN SECONDS PAUSE          commands one after the other, ids on standard input
    python -m tests.load_client listen URL TOKEN CLIENTS DEAF        WebSockets, of which DEAF never read, until stdin ends

Each prints "ready" once it has begun, and one JSON object at the end.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import random
import selectors
import socket
import sys
import time
from collections import deque
from urllib.parse import urlsplit

WINDOW = 1.0
"""Seconds within which samples of a download are counted."""


# --- commands ---------------------------------------------------------------------------------------------------------


class Asker:
    """Asks over one connection that is kept, and notes what each answer took and when what was sent."""

    def __init__(self, url: str, token: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self.seconds: dict[str, list[float]] = {}
        self.sent: list[tuple[str, str, float]] = []

    def ask(self, kind: str, method: str, path: str, body: object = None, *, id: str = "") -> object:
        """The answer, decoded after the clock has stopped. Raises `ValueError` for a refusal."""
        content = None if body is None else json.dumps(body).encode()
        moment, began = time.time(), time.perf_counter()
        self._connection.request(method, f"/api/v1{path}", content, self._headers)
        response = self._connection.getresponse()
        told = response.read()
        self.seconds.setdefault(kind, []).append(time.perf_counter() - began)
        if response.status >= 400:
            raise ValueError(f"{method} {path}: {response.status} {told.decode()}")
        answer = json.loads(told)
        self.sent.append((kind, id or (answer["download"]["download_id"] if kind == "add" else ""), moment))
        return answer


def ask(url: str, token: str, seconds: float, pause: float) -> dict[str, object]:
    """The mix: a page, one download, an edit, an addition, the overview, a pause and a resumption, over and over."""
    ids = json.loads(sys.stdin.readline())
    asker, choose, began = Asker(url, token), random.Random(1), time.monotonic()
    asker.ask("overview", "GET", "/queue")
    asker.seconds.clear()
    print("ready", flush=True)
    number = 0
    while time.monotonic() < began + seconds:
        number += 1
        id = choose.choice(ids)
        uri = f"http://127.0.1.1:9/{os.getpid()}/{number}.bin"
        for kind, method, path, body in (
            ("list", "GET", "/downloads", None),
            ("show", "GET", f"/downloads/{id}", None),
            ("edit", "PATCH", f"/downloads/{id}", {"connections": 1 + number % 16}),
            ("add", "POST", "/downloads", {"uris": [uri], "paused": True}),
            ("overview", "GET", "/queue", None),
            ("pause", "POST", f"/downloads/{id}/pause", None),
            ("resume", "POST", f"/downloads/{id}/resume", None),
        ):
            asker.ask(kind, method, path, body, id="" if kind == "add" else id)
            time.sleep(pause)
    return {"seconds": asker.seconds, "sent": asker.sent}


# --- events -----------------------------------------------------------------------------------------------------------


class Listener:
    """One WebSocket that reads, and what it was told."""

    def __init__(self, url: str, token: str) -> None:
        self.sock = opened(url, token)
        self._left = b""
        self._bytes: dict[str, int] = {}
        self._recent: dict[str, deque[float]] = {}
        self.events = 0
        self.lagged = 0
        self.backwards = 0
        self.samples = 0
        self.most = 0
        """Samples of one download within a second, at most."""
        self.late: list[float] = []
        """Seconds from a transition's own time to its arrival."""
        self.heard: list[tuple[str, str, float]] = []

    def read(self) -> bool:
        """Take in what has come; whether the other side is still there."""
        try:
            coming = self.sock.recv(1 << 18)
        except BlockingIOError:
            return True
        now = time.time()
        self._left += coming
        for opcode, text in self._frames():
            if opcode == 1:
                self._hear(json.loads(text), now)
            elif opcode == 9:  # a ping: who does not answer is taken for dead. A mask of zeros leaves the text as it is.
                self.sock.send(bytes([0x8A, 0x80 | len(text), 0, 0, 0, 0]) + text)
        return bool(coming)

    def _frames(self) -> list[tuple[int, bytes]]:
        """Whole frames as a server sends them: unmasked, none in pieces (RFC 6455, 5.2)."""
        found, position, left = [], 0, self._left
        while len(left) - position >= 2:
            size, head = left[position + 1] & 0x7F, 2
            if size == 126:
                size, head = int.from_bytes(left[position + 2 : position + 4]), 4
            elif size == 127:
                size, head = int.from_bytes(left[position + 2 : position + 10]), 10
            if len(left) - position < head + size:
                break
            found.append((left[position] & 0x0F, left[position + head : position + head + size]))
            position += head + size
        self._left = left[position:]
        return found

    def _hear(self, event: dict[str, object], now: float) -> None:
        self.events += 1
        kind, id = event["event"], str(event.get("download_id"))
        if kind == "download_progress":
            self._progress(id, event["downloaded"], now)
        elif kind == "download_status_changed":
            self.late.append(now - float(str(event["at"])))
            self.heard.append(("resume" if event["to"] == "pending" else "pause" if event["to"] == "paused" else "", id, now))
        elif kind in {"download_added", "download_edited"}:
            self.heard.append(("add" if kind == "download_added" else "edit", id, now))
        elif kind == "lagged":
            self.lagged += 1

    def _progress(self, id: str, downloaded: object, now: float) -> None:
        assert isinstance(downloaded, int)
        self.samples += 1
        self.backwards += downloaded < self._bytes.get(id, 0)
        self._bytes[id] = downloaded
        recent = self._recent.setdefault(id, deque())
        recent.append(now)
        while recent[0] <= now - WINDOW:
            recent.popleft()
        self.most = max(self.most, len(recent))


def opened(url: str, token: str) -> socket.socket:
    """A WebSocket that follows all events, just opened."""
    place = urlsplit(url)
    sock = socket.create_connection((place.hostname, place.port))
    key = base64.b64encode(os.urandom(16)).decode()
    sock.sendall(
        (
            f"GET /api/v1/events HTTP/1.1\r\nHost: {place.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nAuthorization: Bearer {token}\r\n\r\n"
        ).encode()
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = sock.recv(1)
        assert byte, head
        head += byte
    assert b" 101 " in head, head
    sock.setblocking(False)
    return sock


def listen(url: str, token: str, clients: int, deaf: int) -> dict[str, object]:
    """All read at once, as fast as they can, until standard input ends."""
    silent = [opened(url, token) for _ in range(deaf)]
    listeners = [Listener(url, token) for _ in range(clients - deaf)]
    print("ready", flush=True)
    with selectors.DefaultSelector() as selector:
        selector.register(sys.stdin, selectors.EVENT_READ)
        for each in listeners:
            selector.register(each.sock, selectors.EVENT_READ, each)
        going = True
        while going:
            for key, _ in selector.select():
                if key.data is None:
                    going = False
                elif not key.data.read():
                    raise AssertionError("the daemon has closed a stream")
    for sock in silent:
        sock.close()
    return {
        "events": [each.events for each in listeners],
        "samples": [each.samples for each in listeners],
        "lagged": sum(each.lagged for each in listeners),
        "backwards": sum(each.backwards for each in listeners),
        "most": max(each.most for each in listeners),
        "late": [late for each in listeners for late in each.late],
        "heard": listeners[0].heard,
    }


def main(kind: str, *rest: str) -> None:
    """See above."""
    if kind == "ask":
        told = ask(rest[0], rest[1], float(rest[2]), float(rest[3]))
    else:
        told = listen(rest[0], rest[1], int(rest[2]), int(rest[3]))
    told["cpu"] = time.process_time()
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
