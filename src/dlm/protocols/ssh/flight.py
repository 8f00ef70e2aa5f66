"""How many bytes may be under way at once on one connection, so that it is bound by the link and not by the round trip.

The window grows while the answers come nearly as fast as the fastest one did, and shrinks when they queue up: by
Little's law an answer takes `window / rate`, so when it takes longer than the shortest time the link is full. Pure.
"""

from __future__ import annotations

from math import inf

BLOCK = 255 * 1024
"""Bytes that OpenSSH gives for one request, at most."""
LEAST = 2 * BLOCK
MOST = 32 * 1024 * 1024
SLACK = 0.01
"""Seconds that an answer may take for reasons of this machine's own."""
PROMPT = 1.25
"""Times the shortest time that an answer may take for the window to widen. At twice that time as much waits in the queue as
is on the line, and many a queue holds no more: then packets are lost."""
TOO_LONG = 1.5
NARROWED = 0.75
HELD_LEAST = 64 * 1024
HELD_SLACK = 0.2
"""Seconds' worth that may be under way while dlm itself holds a transfer back."""


class Flight:
    """The window of one connection, shared by all files that are read over it. Times are in seconds."""

    def __init__(self) -> None:
        self.window = LEAST
        self.shortest = inf
        self.readers = 0
        """Files that are read now."""
        self.answered_at = -inf
        self._narrowed_at = -inf

    @property
    def share(self) -> int:
        """Bytes that each reader may have under way."""
        return max(BLOCK, self.window // max(1, self.readers))

    def answered(self, size: int, waited: float, now: float) -> None:
        """A request for `size` bytes was answered after `waited` seconds."""
        self.answered_at = now
        self.shortest = min(self.shortest, waited)
        patience = 2 * self.shortest + SLACK
        if waited <= PROMPT * self.shortest + SLACK:
            self.window = min(MOST, self.window + size)
        elif waited > TOO_LONG * patience and now - waited >= self._narrowed_at:
            # Only what was asked for since says anything about the narrower window.
            self.window = max(LEAST, int(NARROWED * self.window))
            self._narrowed_at = now

    def needed(self, rate: float) -> int:
        """Bytes that must be under way to keep `rate` (bytes a second)."""
        longest = 0.0 if self.shortest == inf else 2 * self.shortest
        return max(HELD_LEAST, int(rate * (longest + HELD_SLACK)))
