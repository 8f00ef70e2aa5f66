"""libcurl's sockets and timers on the asyncio loop.

`pycurl.AsyncCurlMulti` would do this, and spends a quarter of what a small file costs on it: a future and its callback
for each transfer, a handle of the event loop for each time a socket is watched, a timer for each time-out that is moved.
Here the sockets are in one epoll of their own, where there is one, which the event loop watches as a single file; all
that are ready are served in one go. Elsewhere the event loop watches each.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
from collections.abc import Callable
from typing import Protocol

import pycurl

READY = 64
"""Sockets that are served before the event loop has its turn."""

Ended = Callable[[pycurl.error | None], None]


class Sockets(Protocol):
    """What watches libcurl's sockets, and calls `ready(socket, conditions)` where there is something to do."""

    def watch(self, socket: int, conditions: int) -> None:
        """For these conditions (`POLL_IN`, `POLL_OUT` or both) from now on."""

    def forget(self, socket: int) -> None:
        """No more. It may be closed already, and its number taken by another."""

    def close(self) -> None:
        """Watch nothing any more."""


class CurlLoop:
    """Runs libcurl transfers on the running event loop. Connections, DNS and TLS sessions are shared by all of them."""

    def __init__(self, sockets: Callable[[Callable[[int, int], None]], Sockets] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._sockets = (sockets or best_sockets())(self._act)
        self._running: dict[pycurl.Curl, Ended] = {}
        self._due: float | None = None
        self._timer: asyncio.Handle | None = None
        self._timer_at = 0.0
        self._closed = False
        self._multi = multi = pycurl.CurlMulti()
        multi.setopt(pycurl.M_SOCKETFUNCTION, self._on_socket)
        multi.setopt(pycurl.M_TIMERFUNCTION, self._on_timer)

    def start(self, curl: pycurl.Curl, ended: Ended) -> None:
        """Begin a transfer. `ended` is called once, when it is over, with the error that ended it; never from within."""
        self._multi.add_handle(curl)
        self._running[curl] = ended

    def stop(self, curl: pycurl.Curl) -> None:
        """End a transfer now: when this has returned, none of its callbacks will run. Harmless when it is over."""
        if self._running.pop(curl, None) is not None:
            with contextlib.suppress(pycurl.error):
                self._multi.remove_handle(curl)

    def close(self) -> None:
        """End all transfers and close all connections. Idempotent."""
        if self._closed:
            return
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        while self._running:
            curl, ended = self._running.popitem()
            with contextlib.suppress(pycurl.error):
                self._multi.remove_handle(curl)
            ended(pycurl.error(pycurl.E_ABORTED_BY_CALLBACK, "the connection was given up"))
        self._multi.close()
        self._sockets.close()

    def _act(self, socket: int, conditions: int) -> None:
        """Let libcurl do what there is to do, and tell whose transfers are over."""
        if self._closed:
            return
        try:
            _, running = self._multi.socket_action(socket, conditions)
        except pycurl.error as error:
            for curl in tuple(self._running):
                self._end(curl, error)
            return
        if running < len(self._running):
            _, ended, failed = self._multi.info_read()
            for curl in ended:
                self._end(curl, None)
            for curl, code, sentence in failed:
                self._end(curl, pycurl.error(code, sentence))

    def _end(self, curl: pycurl.Curl, error: pycurl.error | None) -> None:
        ended = self._running.pop(curl, None)
        if ended is not None:
            with contextlib.suppress(pycurl.error):
                self._multi.remove_handle(curl)
            ended(error)

    # libcurl calls these --------------------------------------------------------------------------------------------

    def _on_socket(self, conditions: int, socket: int, _multi: pycurl.CurlMulti, _assigned: object) -> None:
        if conditions in {pycurl.POLL_REMOVE, pycurl.POLL_NONE}:
            self._sockets.forget(socket)
        else:
            self._sockets.watch(socket, conditions)

    def _on_timer(self, milliseconds: int) -> None:
        """Note when libcurl wants to be called. The event loop's own timer is moved only when it would come too late."""
        if milliseconds < 0 or self._closed:
            self._due = None
            return
        now = self._loop.time()
        self._due = now + milliseconds / 1000
        if self._timer is None or self._due < self._timer_at:
            self._set_timer(self._due, now)

    # -----------------------------------------------------------------------------------------------------------------

    def _set_timer(self, due: float, now: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = due
        # Not from within: libcurl may not be called while it calls.
        self._timer = self._loop.call_soon(self._time_out) if due <= now else self._loop.call_at(due, self._time_out)

    def _time_out(self) -> None:
        self._timer = None
        if self._due is None:
            return
        now = self._loop.time()
        if self._due > now:
            self._set_timer(self._due, now)
        else:
            self._due = None
            self._act(pycurl.SOCKET_TIMEOUT, 0)


class LoopSockets:
    """`Sockets` that the event loop watches each by itself."""

    def __init__(self, ready: Callable[[int, int], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._ready = ready
        self._watched: dict[int, int] = {}

    def watch(self, socket: int, conditions: int) -> None:
        """See `Sockets`."""
        before = self._watched.get(socket, 0)
        self._watched[socket] = conditions
        if conditions & ~before & pycurl.POLL_IN:
            self._loop.add_reader(socket, self._ready, socket, pycurl.CSELECT_IN)
        if conditions & ~before & pycurl.POLL_OUT:
            self._loop.add_writer(socket, self._ready, socket, pycurl.CSELECT_OUT)
        self._drop(socket, before & ~conditions)

    def forget(self, socket: int) -> None:
        """See `Sockets`."""
        self._drop(socket, self._watched.pop(socket, 0))

    def close(self) -> None:
        """See `Sockets`."""
        for socket in tuple(self._watched):
            self.forget(socket)

    def _drop(self, socket: int, conditions: int) -> None:
        if conditions & pycurl.POLL_IN:
            self._loop.remove_reader(socket)
        if conditions & pycurl.POLL_OUT:
            self._loop.remove_writer(socket)


class EpollSockets:
    """`Sockets` in an epoll of their own, which the event loop watches."""

    def __init__(self, ready: Callable[[int, int], None]) -> None:
        self._ready = ready
        self._epoll = select.epoll()
        self._watched: set[int] = set()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._epoll.fileno(), self._serve)

    def watch(self, socket: int, conditions: int) -> None:
        """See `Sockets`."""
        mask = (select.EPOLLIN if conditions & pycurl.POLL_IN else 0) | (select.EPOLLOUT if conditions & pycurl.POLL_OUT else 0)
        if socket in self._watched:
            # One that was closed is gone from the epoll, and another may have its number.
            with contextlib.suppress(FileNotFoundError):
                self._epoll.modify(socket, mask)
                return
        self._epoll.register(socket, mask)
        self._watched.add(socket)

    def forget(self, socket: int) -> None:
        """See `Sockets`."""
        if socket in self._watched:
            self._watched.discard(socket)
            with contextlib.suppress(OSError):
                self._epoll.unregister(socket)

    def close(self) -> None:
        """See `Sockets`."""
        if not self._epoll.closed:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()

    def _serve(self) -> None:
        for socket, mask in self._epoll.poll(0, READY):
            # What was served before it may have ended it.
            if socket in self._watched:
                # A broken connection is ready for both.
                readable = pycurl.CSELECT_IN if mask & ~select.EPOLLOUT else 0
                self._ready(socket, readable | (pycurl.CSELECT_OUT if mask & ~select.EPOLLIN else 0))


def best_sockets() -> type[EpollSockets | LoopSockets]:
    """What this system can do best."""
    return EpollSockets if hasattr(select, "epoll") else LoopSockets
