"""Events for a reader who wants all of it: what was recorded since a number, then what happens, in whatever process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from dlm.model.download import Download, DownloadId
from dlm.model.error import DownloadNotFound
from dlm.model.event import Event, PhaseChanged
from dlm.model.queue import Question
from dlm.service.bus import Subscription
from dlm.service.live import decode
from dlm.service.means import Means

PAGE = 500
"""Transitions read at once."""


class Follower:
    """Transitions come from the database alone, so that each is told once and in order; `wake` it when that has changed.

    With a negative `since`, those that are recorded already are left out; without `follow`, it ends after them.
    """

    def __init__(self, means: Means, since: int, *, follow: bool = True) -> None:
        self._means = means
        self._since = since
        self._follow = follow
        self._changed = asyncio.Event()
        self._out = Subscription()

    def wake(self) -> None:
        """The database has changed."""
        self._changed.set()

    async def events(self) -> AsyncIterator[Event]:
        """Until the bus of this process closes."""
        if self._since < 0:
            self._since = await self._newest()
        if not self._follow:
            while page := await self._page():
                for recorded in page:
                    yield recorded
            return
        own = self._means.bus.subscribe()
        following = [asyncio.ensure_future(each) for each in (self._tail(), self._here(own), self._elsewhere())]
        self._changed.set()
        try:
            async for event in self._out:
                yield event
        finally:
            own.close()
            for each in following:
                each.cancel()
            await asyncio.gather(*following, return_exceptions=True)

    async def _tail(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            while page := await self._page():
                for event in page:
                    self._out.deliver(event)

    async def _page(self) -> list[PhaseChanged]:
        """The next of what was recorded; nothing when that was all. What is removed by now has no story any more."""
        events: list[PhaseChanged] = []
        while not events and (page := await self._means.repository.events_since(self._since, PAGE)):
            ids = list(dict.fromkeys(transition.id for transition in page))
            downloads = dict(zip(ids, await asyncio.gather(*map(self._known, ids)), strict=True))
            events += (PhaseChanged(known, each) for each in page if (known := downloads[each.id]) is not None)
            self._since = page[-1].seq
        return events

    async def _known(self, id: DownloadId) -> Download | None:
        try:
            return await self._means.repository.get(id)
        except DownloadNotFound:
            return None

    async def _newest(self) -> int:
        """The number of the newest transition, found by halving."""
        low, high = 0, 1
        while await self._means.repository.events_since(high, 1):
            low, high = high, high * 2
        while low < high:
            middle = (low + high) // 2
            if await self._means.repository.events_since(middle, 1):
                low = middle + 1
            else:
                high = middle
        return low

    async def _here(self, own: Subscription) -> None:
        async for event in own:
            if isinstance(event, PhaseChanged):
                self.wake()
            else:
                self._out.deliver(event)
        self._out.close()

    async def _elsewhere(self) -> None:
        async for line in self._means.control.follow(Question("events")):
            event = decode(line)
            if event is not None:
                self._out.deliver(event)
