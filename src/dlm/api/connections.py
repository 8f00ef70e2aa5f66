"""What a connection may cost, whoever is at its other end: a place among so many, and so much patience.

uvicorn waits for the head of a request for ever, takes any number of connections, and lets any account of the machine speak
through a Unix socket that was made too wide. Here each has its bound (the slow and the many: CWE-400).
"""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import struct

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.wsproto_impl import WSProtocol
from wsproto import events

PATIENCE = 10.0
"""Seconds for the head of a request, and for the rest of a body that is not wanted any more."""
MOST = 1_000
"""Connections of all that listen together; fewer where a process may open few files, since downloads need some as well."""


class Connection(H11Protocol):
    """One over HTTP, closed when it has no place here or takes too long."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        if len(self.connections) > places(resource.getrlimit(resource.RLIMIT_NOFILE)[0]) or not _is_welcome(transport):
            transport.abort()
            return
        self._hurry()

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        super().data_received(data)
        self._hurry()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._relax()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """See `H11Protocol`. From here on another protocol has the connection."""
        self._relax()
        super().handle_websocket_upgrade(event)

    def on_response_complete(self) -> None:
        """See `H11Protocol`."""
        super().on_response_complete()
        self._hurry()

    def _hurry(self) -> None:
        """Give it its time, counted from the first moment on, as long as it owes something; else let it be."""
        unwanted = self.conn.our_state is h11.DONE and self.conn.their_state is h11.SEND_BODY
        begun = self.conn.their_state is h11.IDLE and (self.conn.trailing_data[0] or self.timeout_keep_alive_task is None)
        if self.transport.is_closing() or not (unwanted or begun) or self.transport.get_protocol() is not self:
            self._relax()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(PATIENCE, self.transport.abort)

    def _relax(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class Socket(WSProtocol):
    """A WebSocket. Who asks for signs of life and does not read them gets no more of them: they would be kept for him."""

    def handle_ping(self, event: events.Ping) -> None:
        """See `WSProtocol`."""
        if self.writable.is_set():
            super().handle_ping(event)


def places(files: int) -> int:
    """How many connections there may be where a process may open so many `files` (-1: any number)."""
    return MOST if files < 0 else max(1, min(MOST, files // 2))


def _is_welcome(transport: asyncio.Transport) -> bool:
    """Through a Unix socket only its owner is, and root: its mode says so as well, if it was not made by somebody else."""
    there: socket.socket | None = transport.get_extra_info("socket")
    if there is None or there.family != socket.AF_UNIX or not hasattr(socket, "SO_PEERCRED"):
        return True
    _, user, _ = struct.unpack("3i", there.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return is_owner(user, os.geteuid())


def is_owner(user: int, own: int) -> bool:
    """Whether the account `user` may speak without a token to the daemon of the account `own`."""
    return user in {own, 0}
