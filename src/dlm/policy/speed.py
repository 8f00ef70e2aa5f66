"""Speed and time left, from samples of a byte count. Pure: the time is an argument, in monotonic seconds."""

from __future__ import annotations

WEIGHT = 0.3
"""Of the newest sample in the smoothed speed: at five samples a second, it follows a change within a second."""


class Speedometer:
    """Bytes a second: over the last sample, and smoothed."""

    def __init__(self, now: float, count: int = 0) -> None:
        self._at = now
        self._count = count
        self.instantaneous = 0.0
        self.smoothed = 0.0
        self._samples = 0

    def sample(self, now: float, count: int) -> None:
        """The byte count has reached `count`."""
        elapsed = now - self._at
        if elapsed <= 0:
            return
        self.instantaneous = max(0.0, (count - self._count) / elapsed)
        # The first samples are averaged plainly: a smoothed value that starts at 0 would lag behind for a second.
        self._samples += 1
        weight = max(WEIGHT, 1 / self._samples)
        self.smoothed += weight * (self.instantaneous - self.smoothed)
        self._at, self._count = now, count

    def eta(self, remaining: int | None) -> float | None:
        """Seconds until `remaining` bytes have come at this speed, `None` when that cannot be said."""
        if remaining is None or self.smoothed < 1:
            return None
        return remaining / self.smoothed
