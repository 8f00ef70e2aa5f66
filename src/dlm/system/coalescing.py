"""Many calls in a row become few, and the last one always counts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Coalesced:
    """Calls `act` soon after each `ask`, but at most once in `interval` seconds. `act` must not raise."""

    def __init__(self, act: Callable[[], None], interval: float) -> None:
        self._act = act
        self._interval = interval
        self._last = float("-inf")
        self._timer: asyncio.TimerHandle | None = None

    def ask(self) -> None:
        """Call `act` in the next turn of the loop, or when the interval is over. At once where no loop runs."""
        if self._timer is not None:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._act()
            return
        self._timer = loop.call_at(max(loop.time(), self._last + self._interval), self._fire)

    def flush(self) -> None:
        """Call `act` now, if that is still owed."""
        if self._timer is not None:
            self._timer.cancel()
            self._fire()

    def _fire(self) -> None:
        self._timer = None
        self._last = asyncio.get_running_loop().time()
        self._act()
