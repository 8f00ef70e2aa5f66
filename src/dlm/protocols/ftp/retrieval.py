"""A file on its way: its bytes go to an Outlet, and its end is looked at.

FTP frames nothing. The end of the data connection is the end of the file, or of the server, or of the cable. So the size that
was told before is held against what comes, from both sides; where none was told, the server must confirm the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable

from dlm.model.error import ResourceChanged, Truncated
from dlm.ports import Flow, Outlet
from dlm.protocols.ftp.control import Control
from dlm.protocols.ftp.errors import translated
from dlm.protocols.ftp.transfer import Begun
from dlm.protocols.ftp.wire import BUFFER

NARROW = 64 * 1024
"""Bytes offered at a time to an Outlet that has held back, until it has taken `PIECES` of them without."""
PIECES = 64
GRACE = 0.5
"""Seconds for the end of a data connection that has brought all."""


class Retrieval:
    """The bytes from `start` on, up to `stop`; `total` is the size of the file. Both are `None` where the server tells none."""

    def __init__(
        self,
        control: Control,
        begun: Begun,
        *,
        start: int,
        stop: int | None,
        total: int | None,
        release: Callable[[Retrieval], None],
    ) -> None:
        """`release` is called once, when the data connection is closed: the control connection is free then."""
        self.control = control
        self._data = begun.data
        self._confirmed = not begun.reply.is_preliminary
        self._position = start
        self._stop = stop
        self._total = total
        self._release = release
        self._closed = False
        self._ready: asyncio.Future[None] | None = None

    @property
    def remaining(self) -> int | None:
        """Bytes still to come."""
        return None if self._stop is None else self._stop - self._position

    async def pour(self, outlet: Outlet) -> None:
        """Pour until `stop`, STOP, or the end; and see that the end is one. See `ports.Source.fetch`."""
        shown = self.control.shown
        try:
            with translated(shown):
                if await self._pump(outlet):
                    await self._judge_end()
                elif self._position == self._total:
                    await self._look_beyond()
        finally:
            self.close()

    def close(self) -> None:
        """End it now. Idempotent."""
        if not self._closed:
            self._closed = True
            self._data.close()
            self._release(self)

    # -----------------------------------------------------------------------------------------------------------------

    async def _pump(self, outlet: Outlet) -> bool:
        """Pour. Whether the data connection has ended; else there is nothing more to pour."""
        buffer = memoryview(bytearray(BUFFER))
        size, calm = BUFFER, 0
        data = self._data
        data.watch(self._wake)
        while self._stop is None or self._position < self._stop:
            room = size if self._stop is None else min(size, self._stop - self._position)
            try:
                count = data.receive_now(buffer[:room])
            except ssl.SSLEOFError:
                return True  # the end without a farewell: what it is worth is judged like any other end
            if count is None:
                await self._wait()
                continue
            if count == 0:
                return True
            flow = outlet.write(buffer[:count])
            if flow is Flow.PAUSE:
                data.unwatch()
                while flow is Flow.PAUSE:
                    await outlet.wait_ready()
                    flow = outlet.write(buffer[:count])
                data.watch(self._wake)
                size, calm = NARROW, 0
            self._position += count
            if flow is Flow.STOP:
                return False
            calm += 1
            if size == NARROW and calm >= PIECES:
                size = BUFFER
            await self._let_others_run()
        return False

    def _wake(self) -> None:
        if self._ready is not None and not self._ready.done():
            self._ready.set_result(None)

    async def _wait(self) -> None:
        self._ready = asyncio.get_running_loop().create_future()
        await self._ready

    async def _let_others_run(self) -> None:
        # What TLS has deciphered already would wake nobody.
        await (asyncio.sleep(0) if self._data.secured else self._wait())

    async def _judge_end(self) -> None:
        shown = self.control.shown
        if self._stop is not None:
            raise Truncated(f"{shown} ended early: {self._stop - self._position} bytes are missing", uri=shown)
        if self._confirmed:
            return
        try:
            reply = await self.control.reply()
        except (EOFError, OSError) as error:
            sentence = f"{shown} ended without the server's word that it was all, and its size is not known"
            raise Truncated(sentence, uri=shown) from error
        if not reply.is_good:
            raise self.control.refuse(Truncated(f"{shown} ended early ({reply})", uri=shown))

    async def _look_beyond(self) -> None:
        """All bytes are there: no more may come, or the file is longer than was told."""
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(GRACE):
                if await self._data.receive(1):
                    shown = self.control.shown
                    raise ResourceChanged(f"{shown} is longer now than the {self._total} bytes told before", uri=shown)
