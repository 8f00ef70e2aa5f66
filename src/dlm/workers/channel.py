"""A socket that carries frames both ways, on the event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from dlm.workers.wire import Decoder, Defect, Frame, encode


class Channel(asyncio.Protocol):
    """Frames can be sent at once, also before the loop has taken the socket up.

    `received` is called for each frame, in order; `lost` once, when the other end is gone, has sent what is no frame, or
    after `close`.
    """

    def __init__(self, sock: socket.socket, received: Callable[[Frame], None], lost: Callable[[], None]) -> None:
        self._received = received
        self._lost = lost
        self._decoder = Decoder()
        self._early: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._closed = False
        loop = asyncio.get_running_loop()
        self._opening = loop.create_task(loop.create_unix_connection(lambda: self, sock=sock))

    @property
    def unsent(self) -> int:
        """Bytes that the kernel has not taken yet."""
        return self._transport.get_write_buffer_size() if self._transport else sum(map(len, self._early))

    def send(self, frame: Frame) -> None:
        """Send it. Never blocks; what is sent to nobody is dropped. Raises `Defect` for a frame that is too large."""
        chunk = encode(frame)
        if self._closed:
            return
        if self._transport is None:
            self._early.append(chunk)
        else:
            self._transport.write(chunk)

    def close(self) -> None:
        """Close it when all has been sent. Idempotent."""
        self._closed = True
        if self._transport is not None:
            self._transport.close()

    # asyncio.Protocol --------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.writelines(self._early)
        self._early.clear()
        if self._closed:
            transport.close()

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        try:
            frames = self._decoder.feed(data)
        except Defect:
            assert self._transport is not None
            self._transport.abort()
            return
        for frame in frames:
            self._received(frame)

    def connection_lost(self, _exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._closed = True
        self._lost()
