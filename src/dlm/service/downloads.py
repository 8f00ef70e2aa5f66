"""LocalDownloads: the verbs, in this process. Each verb's work has a module, loaded when it is asked for the first time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from dlm.model.download import Download, DownloadId, DownloadSpec
from dlm.model.event import Event, RuntimeWarned
from dlm.model.message import Progressed
from dlm.model.phase import Cause, Order
from dlm.model.query import DownloadQuery
from dlm.model.queue import Added, AddRequest, Change, Explanation, Finding, Ordered, Rates, Selection, Standing, Stats, Trial
from dlm.model.rank import Lane
from dlm.model.resource import Pieces, Resource, Verified
from dlm.ports import Outcome, Story, Worker
from dlm.service import answers, live
from dlm.service.means import Means

if TYPE_CHECKING:
    from dlm.service.following import Follower
    from dlm.service.keeper import Keeper
    from dlm.service.scheduler import Scheduler


class LocalDownloads:
    """See `ports.Downloads`. `make_pool` makes what carries the queue, `examine` the findings of the doctor."""

    def __init__(self, means: Means, make_pool: Callable[[], Worker], examine: Callable[[], Sequence[Finding]]) -> None:
        self._means = means
        self._make_pool = make_pool
        self._examine = examine
        self._pool: Worker | None = None
        self._keepers: set[Keeper] = set()
        self._followers: set[Follower] = set()
        self._scheduler: Scheduler | None = None

    # work --------------------------------------------------------------------------------------------------------------

    async def fetch(
        self, specs: Sequence[DownloadSpec], jobs: int | None, *, pieces: Mapping[DownloadSpec, Pieces] | None = None
    ) -> list[Outcome]:
        """See `ports.Downloads`."""
        from dlm.service import foreground

        await self._listen()
        return await foreground.fetch(self._means, self._keepers, specs, jobs, pieces or {})

    async def run(self, *, stay: bool) -> None:
        """See `ports.Downloads`."""
        from dlm.service.carrier import Carrier
        from dlm.service.keeper import Keeper
        from dlm.service.scheduler import Scheduler

        means = self._means
        await self._listen()
        pool = self._pool = self._make_pool()
        carrier = Carrier(means, pool, retries=True, leaving=Cause.YIELDED)
        keeper = Keeper(means, carrier, pool)
        scheduler = Scheduler(means, carrier, keeper, self._warn)
        self._keepers.add(keeper)
        self._scheduler = scheduler
        aside = [asyncio.ensure_future(keeper.keep()), asyncio.ensure_future(self._watch_network(scheduler))]
        try:
            await scheduler.run(stay=stay)
        finally:
            for each in aside:
                each.cancel()
            await carrier.drain()
            await asyncio.gather(*aside, return_exceptions=True)
            await scheduler.let_go()
            self._keepers.discard(keeper)
            self._scheduler = self._pool = None
            await pool.close()

    async def _listen(self) -> None:
        await self._means.control.open(lambda question: live.answer(self._means, question, self._slots), self._nudged)

    @property
    def _slots(self) -> live.Slots | None:
        return self._scheduler.slots if self._scheduler is not None else None

    def _nudged(self) -> None:
        """Something has changed in the database, by this process or by another."""
        for keeper in self._keepers:
            keeper.wake()
        for follower in self._followers:
            follower.wake()
        if self._scheduler is not None:
            self._scheduler.wake()

    async def _watch_network(self, scheduler: Scheduler) -> None:
        while True:
            await self._means.network.wait_change()
            scheduler.wake()

    def _warn(self, code: str, message: str) -> None:
        self._means.bus.publish(RuntimeWarned(code, message))

    # commands ----------------------------------------------------------------------------------------------------------

    async def add(self, requests: Sequence[AddRequest]) -> list[Added]:
        """See `ports.Downloads`."""
        from dlm.service import commands

        added = await commands.add(self._means, requests)
        self._nudged()
        return added

    async def order(self, order: Order, selection: Selection, *, lane: Lane | None = None) -> Sequence[Ordered]:
        """See `ports.Downloads`."""
        from dlm.service import commands

        ordered = await commands.order(self._means, order, selection, lane)
        self._nudged()
        return ordered

    async def remove(self, selection: Selection, *, delete_files: bool) -> Sequence[Ordered]:
        """See `ports.Downloads`."""
        from dlm.service import commands

        return await commands.remove(self._means, selection, delete_files=delete_files, nudged=self._nudged)

    async def move(self, reference: str, position: int) -> Standing:
        """See `ports.Downloads`."""
        from dlm.service import commands

        standing = await commands.move(self._means, reference, position)
        self._nudged()
        return standing

    async def standing(self, reference: str) -> Standing | None:
        """See `ports.Downloads`."""
        return await self._means.queue.standing(await self._means.repository.identify(reference))

    async def edit(self, reference: str, change: Change) -> Download:
        """See `ports.Downloads`."""
        from dlm.service import commands

        edited = await commands.edit(self._means, reference, change)
        self._nudged()
        return edited

    async def limit(self, rate: int | None, *, host: str | None = None) -> Rates:
        """See `ports.Downloads`."""
        from dlm.service import commands

        rates = await commands.limit(self._means, rate, host)
        self._nudged()
        return rates

    # answers -----------------------------------------------------------------------------------------------------------

    async def list(self, query: DownloadQuery) -> list[Download]:
        """See `ports.Downloads`."""
        return await self._means.repository.find(query)

    async def show(self, reference: str) -> Story:
        """See `ports.Downloads`."""
        return await answers.show(self._means, reference)

    async def limits(self) -> Rates:
        """See `ports.Downloads`."""
        return await self._means.queue.rates()

    async def explain(self, reference: str) -> Explanation:
        """See `ports.Downloads`."""
        from dlm.service import explaining

        return await explaining.explain(self._means, reference, self._slots)

    async def samples(self) -> Mapping[DownloadId, Progressed]:
        """See `ports.Downloads`."""
        return {id: each.progress for id, each in (await live.samples(self._means)).items()}

    async def stats(self) -> Stats:
        """See `ports.Downloads`."""
        return await answers.stats(self._means, self._pool)

    async def preview(self, spec: DownloadSpec) -> Resource:
        """See `ports.Downloads`."""
        return await answers.preview(self._means, spec)

    def bench(self, spec: DownloadSpec, counts: Sequence[int], seconds: float) -> AsyncIterator[Trial]:
        """See `ports.Downloads`."""
        from dlm.service import trial

        return trial.bench(self._means, spec, counts, seconds)

    async def verify(self, reference: str) -> Verified:
        """See `ports.Downloads`."""
        return await answers.verify(self._means, reference)

    async def examine(self) -> Sequence[Finding]:
        """See `ports.Downloads`."""
        return await asyncio.to_thread(self._examine)

    def events(self, since: int | None = None, *, follow: bool = True) -> AsyncIterator[Event]:
        """See `ports.Downloads`."""
        return self._means.bus.subscribe() if since is None else self._followed(since, follow=follow)

    async def _followed(self, since: int, *, follow: bool) -> AsyncIterator[Event]:
        if follow:
            await self._listen()
        from dlm.service.following import Follower

        follower = Follower(self._means, since, follow=follow)
        self._followers.add(follower)
        try:
            async for event in follower.events():
                yield event
        finally:
            self._followers.discard(follower)

    async def close(self) -> None:
        """See `ports.Downloads`."""
        self._means.bus.close()
        await self._means.worker.close()
        await self._means.control.close()
        await self._means.repository.close()
