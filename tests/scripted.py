"""A server of HTTP whose every answer a test writes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: its method, its target as it came, and its fields by their names in lower case."""

    method: str
    target: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply. A body in pieces has no length, and ends with the connection."""

    status: int = 200
    fields: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Iterable[bytes] = b""


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""


class Scripted:
    """Answers what `script` says, and remembers what it was asked. Use it as a context manager."""

    def __init__(self, script: Callable[[Asked], Answer]) -> None:
        self.requests: list[Asked] = []
        requests = self.requests

        class Conversation(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _converse(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                asked = Asked(self.command, self.path, {name.lower(): value for name, value in self.headers.items()})
                requests.append(asked)
                answer = script(asked)
                self.send_response(answer.status)
                for name, value in answer.fields.items():
                    self.send_header(name, value)
                if isinstance(answer.body, bytes):
                    self.send_header("Content-Length", str(len(answer.body)))
                else:
                    self.close_connection = True
                self.end_headers()
                for piece in (answer.body,) if isinstance(answer.body, bytes) else answer.body:
                    try:
                        self.wfile.write(piece)
                    except OSError:
                        self.close_connection = True
                        return

            do_GET = do_PROPFIND = _converse

            def log_message(self, format: str, *args: object) -> None:
                """Nobody reads it."""

        self._server = _Quiet(("127.0.0.1", 0), Conversation)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
