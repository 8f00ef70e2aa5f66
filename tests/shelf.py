"""A shelf server, for the protocol that the book brings: files by name, and a version for each."""

from __future__ import annotations

import socketserver
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote


@dataclass(slots=True)
class Shelf:
    """Files by name: content and version. `asked` are the spans that were asked for, `cut` the bytes after which one breaks."""

    files: dict[str, tuple[bytes, str]]
    asked: list[tuple[int, int]] = field(default_factory=list)
    cut: int | None = None


class ShelfServer(socketserver.ThreadingTCPServer):
    """Serves a Shelf on a free port of the loopback interface, as a context manager."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, shelf: Shelf) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.shelf = shelf

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self.server_address[1]
        return port

    def url(self, name: str) -> str:
        """The address of a file."""
        return f"shelf://127.0.0.1:{self.port}/{name}"

    def __enter__(self) -> ShelfServer:
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Request(socketserver.StreamRequestHandler):
    server: Any

    def handle(self) -> None:
        with suppress(OSError):
            self._answer(self.server.shelf)

    def _answer(self, shelf: Shelf) -> None:
        _give, start, stop, name = self.rfile.readline().decode().split()
        shelf.asked.append((int(start), int(stop)))
        if unquote(name) not in shelf.files:
            self.wfile.write(b"none\n")
            return
        content, version = shelf.files[unquote(name)]
        self.wfile.write(f"ok {len(content)} {version}\n".encode())
        span = content[int(start) : int(stop)]
        cut, shelf.cut = shelf.cut, None
        self.wfile.write(span if cut is None else span[:cut])
