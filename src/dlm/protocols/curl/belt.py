"""Belt: a reply's body as pieces that somebody walks through, no faster than he walks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from dlm.model.error import TimedOut
from dlm.ports import Flow

ROOM = 256 * 1024
"""Bytes that may lie on it."""


class Belt:
    """An Outlet whose bytes come out at `pieces`. See `ports.Outlet`."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0
        self._changed = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    def write(self, data: memoryview) -> Flow:
        """See `ports.Outlet`."""
        if self._size >= ROOM:
            return Flow.PAUSE
        self._pieces.append(bytes(data))
        self._size += len(data)
        self._empty.clear()
        self._changed.set()
        return Flow.MORE

    async def wait_ready(self) -> None:
        """See `ports.Outlet`."""
        await self._empty.wait()

    async def pieces(self, pouring: asyncio.Future[None], patience: float, shown: str) -> AsyncIterator[bytes]:
        """Everything that `pouring` writes, until it ends. Raises its error, and `TimedOut` after `patience` s of silence."""
        pouring.add_done_callback(lambda _: self._changed.set())
        while True:
            ended = pouring.done()
            taken, self._pieces, self._size = self._pieces, [], 0
            self._empty.set()
            for piece in taken:
                yield piece
            if ended:
                pouring.result()
                return
            self._changed.clear()
            if self._pieces or pouring.done():
                continue
            try:
                async with asyncio.timeout(patience):
                    await self._changed.wait()
            except TimeoutError as error:
                raise TimedOut(f"{shown} was silent for {patience:g} s in the middle of its answer", uri=shown) from error
