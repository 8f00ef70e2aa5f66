"""The only file that knows `pycurl.AsyncCurlMulti`, which is young: libcurl's sockets and timers on the asyncio loop."""

from __future__ import annotations

import asyncio
import contextlib

import pycurl


class CurlLoop:
    """Runs libcurl transfers on the running event loop. Connections, DNS and TLS sessions are shared by all of them."""

    def __init__(self) -> None:
        self._multi = pycurl.AsyncCurlMulti()

    def start(self, curl: pycurl.Curl) -> asyncio.Future[pycurl.Curl]:
        """Begin a transfer. The future ends with it; a failure is a `pycurl.error`."""
        return self._multi.add_handle(curl)

    def stop(self, curl: pycurl.Curl) -> None:
        """End a transfer now: when this has returned, none of its callbacks will run. Harmless when it is over."""
        with contextlib.suppress(RuntimeError, pycurl.error):
            self._multi.remove_handle(curl)

    async def close(self) -> None:
        """End all transfers and close all connections."""
        await self._multi.aclose()
