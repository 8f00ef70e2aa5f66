"""Asking a daemon: requests over its Unix socket or over HTTP, and its stream of events. Blocking, for threads.

Errors come back as what they were there: a problem document names the kind of ours that it stands for.
"""

from __future__ import annotations

import http.client
import os
import socket
from collections.abc import Iterator
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from dlm.api.problem import Problem
from dlm.api.writing import encoded
from dlm.model.error import Denied, DlmError, InvalidRequest, ProtocolViolation, Unreachable, error_named
from dlm.model.value import dataclass

ROOT = "/api/v1"
TIMEOUT = 60.0
"""Seconds that a daemon is given to answer."""
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Daemon:
    """Where a daemon is: `unix:/PATH`, or `http(s)://HOST:PORT`; and the token for it."""

    address: str
    token: str | None = None
    cacert: str | None = None

    @property
    def path(self) -> str | None:
        """The Unix socket, where it is one."""
        return self.address.removeprefix("unix:") if self.address.startswith("unix:") else None


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect to the path."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Caller:
    """Asks one daemon. One connection a request: on one machine, and for what people do, that is quick enough."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def ask(
        self, method: str, path: str, kind: type[Answer], body: object = None, query: dict[str, str] | None = None
    ) -> Answer:
        """The answer, as its type. Raises the error that the daemon tells, or `Unreachable` where it does not answer."""
        target = ROOT + path + _query(query)
        connection = self._connection(TIMEOUT)
        try:
            content = None if body is None else encoded(body)
            connection.request(method, target, content, self._headers(has_body=body is not None))
            response = connection.getresponse()
            told = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error
        finally:
            connection.close()
        if response.status >= 400:
            raise self._error(response.status, told)
        try:
            return msgspec.json.decode(told, type=kind)
        except msgspec.DecodeError as error:
            raise ProtocolViolation(f"what answers at {self._daemon.address} is not this version of dlm: {error}") from error

    def stream(self, query: dict[str, str]) -> Stream:
        """The stream of events."""
        connection = self._connection(None)
        try:
            connection.request("GET", f"{ROOT}/events/stream{_query(query)}", headers=self._headers(has_body=False))
            response = connection.getresponse()
            if response.status >= 400:
                told = response.read()
                connection.close()
                raise self._error(response.status, told)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise self._unreachable(error) from error
        return Stream(connection, response)

    def _connection(self, timeout: float | None) -> http.client.HTTPConnection:
        path = self._daemon.path
        if path is not None:
            return _UnixConnection(path, timeout)
        parts = urlsplit(self._daemon.address)
        if parts.hostname is None or parts.scheme not in {"http", "https"}:
            raise InvalidRequest("--remote: write http://HOST:PORT, https://HOST:PORT or unix:/PATH")
        if parts.scheme == "http":
            return http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=timeout)
        import ssl

        context = ssl.create_default_context(cafile=self._daemon.cacert)
        return http.client.HTTPSConnection(parts.hostname, parts.port or 443, timeout=timeout, context=context)

    def _headers(self, *, has_body: bool) -> dict[str, str]:
        headers = {"Accept": "application/json"}
        if has_body:
            headers["Content-Type"] = "application/json"
        if self._daemon.token is not None:
            headers["Authorization"] = f"Bearer {self._daemon.token}"
        return headers

    def _unreachable(self, error: Exception) -> Unreachable:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error) or type(error).__name__
        return Unreachable(f"the daemon at {self._daemon.address} does not answer: {reason}")

    def _error(self, status: int, told: bytes) -> DlmError:
        try:
            problem = msgspec.json.decode(told, type=Problem)
        except msgspec.DecodeError:
            return ProtocolViolation(f"what answers at {self._daemon.address} is no dlm (HTTP {status})")
        if problem.kind is not None:
            return error_named(problem.kind)(problem.detail)
        if status in {401, 403, 421, 429}:
            return Denied(problem.detail)
        return InvalidRequest(problem.detail) if status < 500 else DlmError(problem.detail)


def _query(query: dict[str, str] | None) -> str:
    if not query:
        return ""
    return "?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())


class Stream:
    """Server-sent events, one JSON text each. `close` may be called from another thread, and ends the reading."""

    def __init__(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> None:
        self._connection = connection
        self._response = response
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        """Every `data` line. Raises `Unreachable` when it breaks off without having been closed."""
        try:
            while not self._closed:
                line = self._response.readline()
                if not line:
                    break
                if line.startswith(b"data: "):
                    yield line[6:].rstrip(b"\r\n")
        except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
            if not self._closed:
                raise Unreachable(f"the stream of events broke off: {error}") from error
        if not self._closed:
            raise Unreachable("the daemon has stopped")

    def close(self) -> None:
        """End it. Idempotent."""
        self._closed = True
        raw: Any = self._response.fp
        try:
            connected = raw.raw._sock if raw is not None else None
            if connected is not None:
                connected.shutdown(socket.SHUT_RDWR)
        except (OSError, AttributeError):
            pass
        self._connection.close()
