"""EventBus: facts to every reader, without waiting for any.

A newer sample of progress takes the place of one that a reader has not taken yet; everything else is kept in order. A
reader that falls too far behind loses what comes then, and is told how much: it costs nobody else anything.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from dlm.model.download import DownloadId
from dlm.model.event import Event, Lagged, ProgressMade

CAPACITY = 50_000
"""Events kept for one reader: more than a command on all of a large queue makes."""


class Subscription:
    """An asynchronous iterator over what is published after it was made. Ends when the bus closes, or it is closed."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._queue: deque[Event | DownloadId] = deque()
        self._capacity = capacity
        self._missed = 0
        self._latest: dict[DownloadId, ProgressMade] = {}
        self._arrived = asyncio.Event()
        self._closed = False

    def deliver(self, event: Event) -> None:
        """Take it in, or count it as missed. Never blocks."""
        if isinstance(event, ProgressMade) and event.progress.id in self._latest:
            self._latest[event.progress.id] = event
        elif self._missed or len(self._queue) >= self._capacity:
            self._missed += 1
        elif isinstance(event, ProgressMade):
            self._latest[event.progress.id] = event
            self._queue.append(event.progress.id)
        else:
            self._queue.append(event)
        self._arrived.set()

    def close(self) -> None:
        """End the iteration once everything delivered has been read. Idempotent."""
        self._closed = True
        self._arrived.set()

    @property
    def closed(self) -> bool:
        """Whether nothing more will be taken in."""
        return self._closed

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> Event:
        while not self._queue:
            if self._missed:
                missed, self._missed = self._missed, 0
                return Lagged(missed)
            if self._closed:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        entry = self._queue.popleft()
        return self._latest.pop(entry) if isinstance(entry, str) else entry


class EventBus:
    """Publishes to all subscriptions. Belongs to one event loop. `also` hears of every event as well, at once."""

    def __init__(self, also: Callable[[Event], None] = lambda _event: None) -> None:
        self._subscriptions: list[Subscription] = []
        self._also = also

    def publish(self, event: Event) -> None:
        """Deliver to everybody. Never blocks, never raises."""
        self._subscriptions = [each for each in self._subscriptions if not each.closed]
        for subscription in self._subscriptions:
            subscription.deliver(event)
        self._also(event)

    def subscribe(self, capacity: int = CAPACITY) -> Subscription:
        """Everything from now on."""
        subscription = Subscription(capacity)
        self._subscriptions.append(subscription)
        return subscription

    def close(self) -> None:
        """End every subscription."""
        for subscription in self._subscriptions:
            subscription.close()
        self._subscriptions.clear()
