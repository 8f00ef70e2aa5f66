"""The gate that every byte of a download passes: it keeps the rate limits and the bound on uncommitted bytes.

The second keeps the durability contract: after a crash at most `WINDOW` bytes are fetched again, so no more than that
may lie between the last commit and now. When the disk cannot follow, the gate shuts and the server is slowed down.

Connections that find it shut queue up, and when it opens they are let through one by one, in that order: the first
chunk may shut it again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from dlm.ports import Clock
from dlm.transfer.limits import Tap

WINDOW = 12 * 1024 * 1024
"""Together with what sixty-four connections have gathered and not written, this makes the 16 MiB that dlm promises."""
TRIGGER = 4 * 1024 * 1024
"""Uncommitted bytes at which a checkpoint begins, at the least, so that it is over before the window is full."""
LATE_TRIGGER = 9 * 1024 * 1024
"""The same at the most: where the disk is quick, fewer checkpoints do, and each costs a millisecond of the processor."""
HEADROOM = 1.5
"""Times the bytes that came during the last checkpoint, to leave for the next one."""
LEAST_TURN = 16 * 1024
"""Bytes that may be taken before a debt shuts the gate, so that who gets small chunks has the same share as others."""
LONGEST_TURN = 64 * 1024
"""Bytes after which the others have their turn even where nothing is owed: a busy machine comes late to what was
allowed meanwhile, and the first to come would take all of it."""
HELD_SHARE = 0.1
"""Of the time between two samples that the gate must have been shut for the transfer to count as held back by us."""


class Holder(Protocol):
    """Has taken bytes that it has not written yet."""

    def settle(self) -> None:
        """Write them now. Does not raise."""


class Gate:
    """Shut or open, for all connections of one download. Belongs to one event loop."""

    def __init__(self, clock: Clock, tap: Tap) -> None:
        self.shut = False
        """Read for each chunk: while it is true, nothing may be taken."""
        self.limited = tap.bound
        """Read for each chunk: whether what was taken has to be told to `received`."""
        self.holding: set[Holder] = set()
        """Who has gathered bytes."""
        self._clock = clock
        self._tap = tap
        self._uncommitted = 0
        self._trigger = TRIGGER
        self._owing: str | None = None
        self._turn = 0
        self._halted = False
        self._timer: asyncio.TimerHandle | None = None
        self._queue: deque[asyncio.Future[None]] = deque()
        self._due = asyncio.Event()
        self._reason: str | None = None
        self._since = self._sampled = clock.monotonic()
        self._shut_for: dict[str, float] = {}
        tap.changed = self._rates_changed

    @property
    def uncommitted(self) -> int:
        """Bytes that were written and are not yet recorded as durable."""
        return self._uncommitted

    def received(self, size: int) -> None:
        """`size` bytes were taken from the network. To be told only where there is a rate to keep (`limited`)."""
        seconds, level = self._tap.take(size)
        self._turn += size
        if self._owing is None and (self._turn >= LONGEST_TURN or (level is not None and self._turn >= LEAST_TURN)):
            self._owe(seconds, level or self._tap.level)

    def written(self, size: int) -> None:
        """`size` bytes were written to the file."""
        self._uncommitted += size
        if self._uncommitted >= self._trigger:
            self._due.set()
            self._judge()

    def committed(self, size: int) -> None:
        """`size` bytes of those written are recorded as durable now."""
        self._uncommitted -= size
        self._trigger = min(LATE_TRIGGER, max(TRIGGER, int(WINDOW - HEADROOM * self._uncommitted)))
        if self._uncommitted < self._trigger:
            self._due.clear()
        self._judge()

    def now(self) -> float:
        """Monotonic seconds."""
        return self._clock.monotonic()

    async def wait_open(self) -> None:
        """Return when the gate is open and all that came before have been let through."""
        while self.shut:
            turn = asyncio.get_running_loop().create_future()
            self._queue.append(turn)
            await turn

    async def wait_due(self, seconds: float) -> None:
        """Return when a checkpoint is due: enough bytes have come, or `seconds` have gone by."""
        try:
            async with asyncio.timeout(seconds):
                await self._due.wait()
        except TimeoutError:
            pass

    def sample(self) -> str | None:
        """What held the transfer back since the last sample, most of all: a level of the limits, or `disk`.

        `None` when it was hardly held back at all, so that its speed says something about the server.
        """
        self._account()
        elapsed, self._sampled = self._since - self._sampled, self._since
        shut_for, self._shut_for = self._shut_for, {}
        if elapsed <= 0 or sum(shut_for.values()) < HELD_SHARE * elapsed:
            return None
        return max(shut_for, key=lambda reason: shut_for[reason])

    def halt(self) -> None:
        """Let nothing through any more. Who waits is left waiting, to be cancelled."""
        self._halted = self.shut = True

    def close(self) -> None:
        """Drop the timer, and hear of rates no more."""
        self._tap.changed = _nothing
        if self._timer is not None:
            self._timer.cancel()

    def _owe(self, seconds: float, level: str) -> None:
        self._owing = level
        self._timer = asyncio.get_running_loop().call_later(seconds, self._paid)
        self._judge()

    def _paid(self) -> None:
        self._owing = self._timer = None
        self._turn %= LEAST_TURN
        self._judge()

    def _rates_changed(self) -> None:
        """Whoever waits waits by the new rates, whether that is shorter, longer or no longer at all.

        What was gathered is written first: it came by the old rates, and whoever counts would find too much after them.
        """
        for holder in tuple(self.holding):
            holder.settle()
        self.limited = self._tap.bound
        if self._timer is None:
            return
        self._timer.cancel()
        seconds, level = self._tap.wait()
        if level is None:
            self._paid()
        else:
            self._owe(seconds, level)

    def _judge(self) -> None:
        reason = self._owing or ("disk" if self._uncommitted >= WINDOW else None)
        if reason != self._reason:
            self._account()
            self._reason = reason
        self.shut = self._halted or reason is not None
        if not self.shut:
            self._admit()

    def _account(self) -> None:
        now = self._clock.monotonic()
        if self._reason is not None:
            self._shut_for[self._reason] = self._shut_for.get(self._reason, 0.0) + now - self._since
        self._since = now

    def _admit(self) -> None:
        """Let the first of the queue through; the next follows when that one has had its turn, if the gate is open still."""
        while self._queue and not self.shut:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                asyncio.get_running_loop().call_soon(self._admit)
                return


def _nothing() -> None:
    """Nobody waits."""
