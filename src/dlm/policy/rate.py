"""A token bucket: so many bytes a second, in small even portions.

The bucket may go into debt by one chunk, so that a chunk is never split; the debt is waited for. The burst is 50 ms
worth of bytes, so that the rate is exact over any second.
"""

from __future__ import annotations

BURST_SECONDS = 0.05
LEAST_BURST = 16 * 1024


class Bucket:
    """Tokens are bytes. Pure: the time is an argument, in monotonic seconds."""

    def __init__(self, rate: int, now: float) -> None:
        self._rate = rate
        self._burst = max(LEAST_BURST, rate * BURST_SECONDS)
        self._tokens = self._burst
        self._refilled = now

    def take(self, size: int, now: float) -> float:
        """Take `size` tokens and return the seconds to wait before the next take; 0 when there is no debt."""
        self._tokens = min(self._burst, self._tokens + (now - self._refilled) * self._rate)
        self._refilled = now
        self._tokens -= size
        return max(0.0, -self._tokens / self._rate)
