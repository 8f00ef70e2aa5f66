"""Blocking calls of a coroutine in a thread, one at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec

P = ParamSpec("P")


class ThreadStep:
    """Runs one call at a time. A thread cannot be cancelled, so a call outlives the coroutine that is; `drain` waits for it."""

    def __init__(self) -> None:
        self._running: asyncio.Future[None] | None = None

    async def run(self, call: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        """Run `call` when the one before has ended, and return when it has. Raises what it raises."""
        await self.drain()
        self._running = asyncio.ensure_future(asyncio.to_thread(call, *args, **kwargs))
        await asyncio.shield(self._running)

    async def drain(self) -> None:
        """Return when no call is running. What an abandoned call raised is dropped."""
        if self._running is not None:
            await asyncio.wait([self._running])
            self._running.cancelled() or self._running.exception()
            self._running = None
