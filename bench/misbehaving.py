"""An HTTP/1.1 server that misbehaves as it is told: `python -m bench.misbehaving ROOT PORT SEED FAULTS-AS-JSON JOURNAL`.

Which connections crawl, fall silent or break follows from the seed and the order in which they come, so every tool meets the
same server. When it ends, on SIGTERM, it writes to JOURNAL what it has seen.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import mmap
import random
import re
import signal
import socket
import struct
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.model import Fault, Faults, faults_from

CHUNK = 64 * 1024
SLICE = 0.05
"""Seconds of sending at most at a limited rate, so that it is even."""
RANGE = re.compile(rb"^range: *bytes=(\d*)-(\d*)\s*$", re.IGNORECASE | re.MULTILINE)
CLOSES = re.compile(rb"^connection: *close\s*$", re.IGNORECASE | re.MULTILINE)
RESET = struct.pack("ii", 1, 0)


class Broken(Exception):
    """The connection ends here, because it shall."""


class Pace:
    """Lets bytes pass at a rate that may change in steps; many may share one. Times are those of the event loop."""

    def __init__(self, steps: tuple[tuple[float, float], ...]) -> None:
        self._steps = steps
        self._free = 0.0
        self._begin: float | None = None

    def rate(self, now: float) -> float:
        """Bytes per second now; 0 is no limit."""
        if self._begin is None:
            self._begin = now
        rate = 0.0
        for at, then in self._steps:
            if now - self._begin >= at:
                rate = then
        return rate

    async def take(self, size: int) -> None:
        """Return when so many bytes may be sent."""
        now = asyncio.get_running_loop().time()
        rate = self.rate(now)
        if not rate:
            return
        self._free = max(now, self._free) + size / rate
        await asyncio.sleep(self._free - now)


@dataclass
class Seen:
    """What the tools did, for the results."""

    connections: int = 0
    requests: int = 0
    refused: int = 0
    most_at_once: int = 0
    body_bytes: int = 0
    resets: int = 0
    truncations: int = 0
    silences: int = 0
    crawls: int = 0


class Server:
    """Serves the files of a folder, with faults."""

    def __init__(self, root: Path, faults: Faults, seed: int) -> None:
        self.root = root
        self.faults = faults
        self.seed = seed
        self.seen = Seen()
        self.total = Pace(faults.total)
        self.active = 0
        self.sockets: set[socket.socket] = set()
        self.dead = asyncio.Event()
        self.mapped: dict[Path, memoryview] = {}

    def content(self, path: Path) -> memoryview:
        """A file's bytes, mapped until the server ends."""
        if path not in self.mapped:
            with path.open("rb") as file:
                self.mapped[path] = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        return self.mapped[path]

    def strikes(self, name: str, fault: Fault | None, number: int) -> int | None:
        """After how many bytes of body the fault befalls this connection; None: never."""
        if fault is None:
            return None
        group, place = divmod(number, fault.among)
        if random.Random(f"{self.seed} {name} {group}").randrange(fault.among) != place:
            return None
        return random.Random(f"{self.seed} {name} {number}").randint(*fault.after)

    async def serve(self, connection: socket.socket) -> None:
        """All requests of one connection."""
        number = self.seen.connections
        self.seen.connections += 1
        if self.seen.connections == 1 and self.faults.dies_after:
            asyncio.get_running_loop().call_later(self.faults.dies_after, self.die)
        self.sockets.add(connection)
        try:
            await Conversation(self, connection, number).hold()
        except (ConnectionError, Broken):
            pass
        finally:
            self.sockets.discard(connection)
            connection.close()

    def die(self) -> None:
        """Reset every connection, take no more."""
        self.dead.set()
        for connection in self.sockets:
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                connection.shutdown(socket.SHUT_RDWR)


class Conversation:
    """One connection, and what fate has for it."""

    def __init__(self, server: Server, connection: socket.socket, number: int) -> None:
        faults = server.faults
        self.server = server
        self.connection = connection
        self.loop = asyncio.get_running_loop()
        self.sent = 0
        crawls = server.strikes("crawl", faults.crawl, number) is not None
        server.seen.crawls += crawls
        rate = faults.crawl_rate if crawls else faults.connection_rate
        self.pace = Pace(((0.0, rate),))
        self.slice = min(CHUNK, max(512, int(rate * SLICE))) if rate else CHUNK
        if faults.total:
            self.slice = min(self.slice, max(512, int(min(rate for _, rate in faults.total) * SLICE)))
        ends: dict[str, int | None] = {
            "silence": server.strikes("silence", faults.silence, number),
            "reset": server.strikes("reset", faults.reset, number),
            "truncation": server.strikes("truncation", faults.truncation, number),
        }
        self.ends_at: int | None
        self.ends_at, self.fate = min(((at, name) for name, at in ends.items() if at is not None), default=(None, ""))

    async def hold(self) -> None:
        """Answer until the client goes, or fate comes."""
        pending = b""
        while True:
            while b"\r\n\r\n" not in pending:
                more = await self.loop.sock_recv(self.connection, 16 * 1024)
                if not more:
                    return
                pending += more
            head, _, pending = pending.partition(b"\r\n\r\n")
            await self.answer(head)
            if CLOSES.search(head):
                return

    async def answer(self, head: bytes) -> None:
        """One request."""
        server = self.server
        server.seen.requests += 1
        if server.faults.connection_limit and server.active >= server.faults.connection_limit:
            server.seen.refused += 1
            await self.send(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
            return
        server.active += 1
        server.seen.most_at_once = max(server.seen.most_at_once, server.active)
        try:
            await asyncio.sleep(server.faults.first_byte)
            await self.deliver(head)
        finally:
            server.active -= 1

    async def deliver(self, head: bytes) -> None:
        """The file, or the range of it that was asked for."""
        method, target, _ = head.split(b" ", 2)
        path = self.server.root / target.decode().lstrip("/")
        if not path.is_file():
            await self.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            return
        size = path.stat().st_size
        asked = RANGE.search(head)
        start, stop = span(asked, size) if asked else (0, size)
        if start >= stop:
            await self.send(
                f"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */{size}\r\nContent-Length: 0\r\n\r\n".encode()
            )
            return
        lines = [
            "HTTP/1.1 206 Partial Content" if asked else "HTTP/1.1 200 OK",
            "Content-Type: application/octet-stream",
            "Accept-Ranges: bytes",
            f'ETag: "{size:x}"',
            "Last-Modified: Mon, 06 Jan 2025 10:00:00 GMT",
            f"Content-Length: {stop - start}",
        ]
        if asked:
            lines.append(f"Content-Range: bytes {start}-{stop - 1}/{size}")
        await self.send("\r\n".join([*lines, "", ""]).encode())
        if method == b"GET":
            await self.pour(self.server.content(path), start, stop)

    async def pour(self, content: memoryview, start: int, stop: int) -> None:
        """The bytes, as fast as they may go, as far as fate lets them."""
        while start < stop:
            size = min(self.slice, stop - start)
            if self.ends_at is not None:
                if self.sent >= self.ends_at:
                    await self.meet_fate()
                size = min(size, self.ends_at - self.sent)
            await self.pace.take(size)
            await self.server.total.take(size)
            await self.send(content[start : start + size])
            self.sent += size
            self.server.seen.body_bytes += size
            start += size

    async def meet_fate(self) -> None:
        """What was foreseen for this connection."""
        seen = self.server.seen
        if self.fate == "silence":
            seen.silences += 1
            # The client may close; nothing else is of interest any more.
            while await self.loop.sock_recv(self.connection, 4096):
                pass
        elif self.fate == "reset":
            seen.resets += 1
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        else:
            seen.truncations += 1
        raise Broken

    async def send(self, content: bytes | memoryview) -> None:
        """All of it."""
        await self.loop.sock_sendall(self.connection, content)


def span(asked: re.Match[bytes], size: int) -> tuple[int, int]:
    """The half-open range that a Range header means."""
    first, last = asked.groups()
    if not first:
        return max(0, size - int(last or 0)), size
    return int(first), min(size, int(last) + 1) if last else size


async def main(root: Path, port: int, seed: int, faults: Faults, journal: Path) -> None:
    """Serve until SIGTERM."""
    server, ended = Server(root, faults, seed), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    listening = asyncio.create_task(listen(server, port))
    await ended.wait()
    listening.cancel()
    journal.write_text(json.dumps(asdict(server.seen)))


async def listen(server: Server, port: int) -> None:
    """Take connections until the server dies; then new ones are refused."""
    loop = asyncio.get_running_loop()
    conversations: set[asyncio.Task[None]] = set()
    with socket.create_server(("", port), backlog=1024) as listener:
        listener.setblocking(False)
        dying = asyncio.create_task(server.dead.wait())
        while not server.dead.is_set():
            accepting = asyncio.create_task(loop.sock_accept(listener))
            await asyncio.wait((accepting, dying), return_when=asyncio.FIRST_COMPLETED)
            if not accepting.done():
                accepting.cancel()
                break
            connection, _ = accepting.result()
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            conversation = asyncio.create_task(server.serve(connection))
            conversations.add(conversation)
            conversation.add_done_callback(conversations.discard)
    # Those that are open stay so until they end by themselves.
    await asyncio.gather(*conversations)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), faults_from(sys.argv[4]), Path(sys.argv[5])))
