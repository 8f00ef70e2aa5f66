"""EventBus: facts to every reader, without waiting for any.

A newer sample of progress takes the place of one that a reader has not taken yet; everything else is kept in order.
"""

from __future__ import annotations

import asyncio
from collections import deque

from dlm.model.download import DownloadId
from dlm.model.event import Event, ProgressMade


class Subscription:
    """An asynchronous iterator over what is published after it was made. Ends when the bus closes."""

    def __init__(self) -> None:
        self._queue: deque[Event | DownloadId] = deque()
        self._latest: dict[DownloadId, ProgressMade] = {}
        self._arrived = asyncio.Event()
        self._closed = False

    def deliver(self, event: Event) -> None:
        """Take it in. Never blocks."""
        if isinstance(event, ProgressMade):
            if event.progress.id not in self._latest:
                self._queue.append(event.progress.id)
            self._latest[event.progress.id] = event
        else:
            self._queue.append(event)
        self._arrived.set()

    def close(self) -> None:
        """End the iteration once everything delivered has been read."""
        self._closed = True
        self._arrived.set()

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> Event:
        while not self._queue:
            if self._closed:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        entry = self._queue.popleft()
        return self._latest.pop(entry) if isinstance(entry, str) else entry


class EventBus:
    """Publishes to all subscriptions. Belongs to one event loop."""

    def __init__(self) -> None:
        self._subscriptions: list[Subscription] = []

    def publish(self, event: Event) -> None:
        """Deliver to everybody. Never blocks, never raises."""
        for subscription in self._subscriptions:
            subscription.deliver(event)

    def subscribe(self) -> Subscription:
        """Everything from now on."""
        subscription = Subscription()
        self._subscriptions.append(subscription)
        return subscription

    def close(self) -> None:
        """End every subscription."""
        for subscription in self._subscriptions:
            subscription.close()
        self._subscriptions.clear()
