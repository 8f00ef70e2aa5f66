"""Speed and time left, from samples of a byte count. Pure: the time is an argument, in monotonic seconds."""

from __future__ import annotations

from collections.abc import Iterable

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


def median(values: Iterable[float]) -> float:
    """The middle one of these, of which there must be one; of an even number the mean of the two in the middle.

    That of the standard library's `statistics` is the same, and takes 2 ms to load.
    """
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
