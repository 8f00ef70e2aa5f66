"""The system's clock, behind `ports.Clock`."""

from __future__ import annotations

import asyncio
import time


class SystemClock:
    """Real time."""

    def wall(self) -> float:
        """See `ports.Clock`."""
        return time.time()

    def monotonic(self) -> float:
        """See `ports.Clock`."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """See `ports.Clock`."""
        await asyncio.sleep(seconds)
