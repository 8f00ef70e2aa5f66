"""How many bytes had come when: speeds between moments of the last seconds."""

from __future__ import annotations

from collections import deque

REACH = 3.0
"""Seconds that are remembered."""
SLACK = 0.01


class Past:
    """Pure: times are arguments, in monotonic seconds, and never go back."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def begin(self, now: float, count: int) -> None:
        """Forget what was."""
        self._samples.clear()
        self._samples.append((now, count))

    def add(self, now: float, count: int) -> None:
        """`count` bytes have come in all."""
        self._samples.append((now, count))
        while len(self._samples) > 2 and now - self._samples[1][0] >= REACH:
            self._samples.popleft()

    def speed(self, begin: float, end: float) -> float | None:
        """Bytes a second between the samples nearest before the two moments; `None` if they do not reach so far back."""
        before = next((each for each in reversed(self._samples) if each[0] <= begin + SLACK), None)
        after = next((each for each in reversed(self._samples) if each[0] <= end + SLACK), None)
        if before is None or after is None or after[0] <= before[0]:
            return None
        return (after[1] - before[1]) / (after[0] - before[0])
