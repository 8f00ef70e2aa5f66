"""Asking a daemon: requests over its Unix socket or over HTTP, and its stream of events. Blocking, for threads.

Errors come back as what they were there: a problem document names the kind of ours that it stands for.
"""

from __future__ import annotations

import http.client
import os
import socket
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from dlm.api.problem import Problem
from dlm.api.writing import encoded
from dlm.model.error import Denied, DlmError, InvalidRequest, ProtocolViolation, Unreachable, Untrusted, error_named
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

    def check(self) -> Daemon:
        """Itself. Raises `InvalidRequest` for what is no address, and where the token would go in the clear to others."""
        if self.path is not None:
            if not self.path.startswith("/"):
                raise InvalidRequest("--remote: write the whole path of the socket, such as unix:/home/me/dlm.sock")
            return self
        try:
            parts = urlsplit(self.address)
            sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            sound = False
        if not sound or parts.query or parts.fragment:
            raise InvalidRequest("--remote: write http://HOST:PORT, https://HOST:PORT or unix:/PATH")
        if parts.username is not None:
            raise InvalidRequest("--remote: a secret does not belong in the address: give --token")
        if self.token is not None and not (self.token.isascii() and self.token.isprintable()):
            raise InvalidRequest("--token: that is no token: 'dlm token' on the other machine shows one")
        if parts.scheme == "http" and self.token is not None and not _is_near(parts.hostname or ""):
            raise InvalidRequest(f"--remote: the token would go in the clear to {parts.hostname}: write https://")
        return self


def _is_near(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


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
        self._daemon = daemon.check()
        self._root = ("" if daemon.path is not None else urlsplit(daemon.address).path.rstrip("/")) + ROOT

    def ask(
        self,
        method: str,
        path: str,
        kind: type[Answer],
        body: object = None,
        *,
        query: dict[str, str] | None = None,
        patience: float | None = TIMEOUT,
    ) -> Answer:
        """The answer, as its type. Raises the error that the daemon tells, or `Unreachable` where it does not answer."""
        target = self._root + path + _query(query)
        connection = self._connection(patience)
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
            raise ProtocolViolation(f"{self._called} is another version of dlm than this one: {error}") from error

    def stream(self, query: dict[str, str]) -> Stream:
        """The stream of events."""
        connection = self._connection(None)
        try:
            connection.request("GET", f"{self._root}/events/stream{_query(query)}", headers=self._headers(has_body=False))
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
        assert parts.hostname is not None
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

    @property
    def _called(self) -> str:
        return f"the daemon at {self._daemon.address}"

    def _unreachable(self, error: Exception) -> Unreachable | Untrusted:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error) or type(error).__name__
        if type(error).__name__ == "SSLCertVerificationError":
            return Untrusted(
                f"{self._called} shows a certificate that cannot be verified: name its authority in SSL_CERT_FILE ({error})"
            )
        if isinstance(error, TimeoutError):
            reason = "it is silent"
        hint = ": 'dlm serve' starts it" if isinstance(error, FileNotFoundError | ConnectionRefusedError) else ""
        return Unreachable(f"{self._called} does not answer: {reason}{hint}")

    def _error(self, status: int, told: bytes) -> DlmError:
        try:
            problem = msgspec.json.decode(told, type=Problem)
        except msgspec.DecodeError:
            return ProtocolViolation(f"what answers at {self._daemon.address} is no dlm (HTTP {status})")
        if problem.kind is not None:
            return error_named(problem.kind)(problem.detail)
        if status == 401 and self._daemon.token is None:
            return Denied(f"{self._called} wants a token: give --token or DLM_TOKEN; 'dlm token' over there shows one")
        if status in {401, 403, 421, 429}:
            return Denied(f"{self._called} refuses: {problem.detail}")
        if status in {404, 405}:
            return ProtocolViolation(f"{self._called} is another version of dlm than this one: {problem.detail}")
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
