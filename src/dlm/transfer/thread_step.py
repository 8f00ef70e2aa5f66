"""Blocking calls of a coroutine in a thread, one at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import ParamSpec

P = ParamSpec("P")


class ThreadStep:
    """Runs one call at a time. A thread cannot be cancelled, so a call outlives the coroutine that is; `drain` waits for it."""

    def __init__(self, executor: Executor | None = None) -> None:
        """On the threads of `executor`, or on those of the event loop."""
        self._executor = executor
        self._running: asyncio.Future[None] | None = None

    async def run(self, call: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        """Run `call` when the one before has ended, and return when it has. Raises what it raises."""
        await self.drain()
        loop = asyncio.get_running_loop()
        self._running = loop.run_in_executor(self._executor, partial(call, *args, **kwargs))
        await asyncio.shield(self._running)

    async def drain(self) -> None:
        """Return when no call is running. What an abandoned call raised is dropped."""
        if self._running is not None:
            await asyncio.wait([self._running])
            self._running.cancelled() or self._running.exception()
            self._running = None
