"""A foreground fetch: exactly these downloads, carried here to their ends."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from dlm.model.download import Download, DownloadId, DownloadSpec
from dlm.model.phase import Cause, Intent, Phase
from dlm.ports import Outcome
from dlm.service.carrier import Carrier
from dlm.service.enlisting import check, enlist
from dlm.service.keeper import Keeper
from dlm.service.means import Means


async def fetch(means: Means, keepers: set[Keeper], specs: Sequence[DownloadSpec], jobs: int) -> list[Outcome]:
    """See `ports.Downloads.fetch`. The Keeper stands in `keepers` meanwhile, to be woken by whoever is nudged."""
    for spec in specs:
        check(spec, means.sources)
    carrier = Carrier(means, means.worker, retries=False, leaving=Cause.HALTED)
    keeper = Keeper(means, carrier, means.worker)
    keepers.add(keeper)
    keeping: asyncio.Future[None] | None = None
    carrying: dict[DownloadId, asyncio.Future[Outcome]] = {}
    try:
        outcomes = await enlist(means, specs)
        await keeper.look()
        keeping = asyncio.ensure_future(keeper.keep())
        slots = asyncio.Semaphore(jobs)
        for outcome in outcomes:
            if outcome.download.id not in carrying:  # the same may have been asked for twice
                carrying[outcome.download.id] = asyncio.ensure_future(_carried(means, carrier, slots, outcome))
        await asyncio.gather(*carrying.values())
        return [carrying[outcome.download.id].result() for outcome in outcomes]
    finally:
        aside = [each for each in (keeping, *carrying.values()) if each is not None]
        for each in aside:
            each.cancel()
        await carrier.drain()
        await asyncio.gather(*aside, return_exceptions=True)
        keepers.discard(keeper)
        await _let_go(means)


async def _carried(means: Means, carrier: Carrier, slots: asyncio.Semaphore, outcome: Outcome) -> Outcome:
    if outcome.already or outcome.download.fault is not None:
        return outcome
    async with slots:
        download = await means.repository.get(outcome.download.id)
        if download.phase is not Phase.SCHEDULED or download.owner != means.owner:
            return Outcome(download)  # paused or cancelled from elsewhere, while it waited for its turn
        return Outcome(await asyncio.shield(carrier.start(download)))


async def _let_go(means: Means) -> None:
    """What was claimed and never had its turn is left as what Ctrl-C stopped."""
    waiting = [each for each in await means.queue.held(means.owner) if each.phase is Phase.SCHEDULED]
    await asyncio.gather(*(_halt(means, each) for each in waiting), return_exceptions=True)


async def _halt(means: Means, download: Download) -> None:
    await means.repository.intend(download.id, Intent.PAUSE)
    await means.advance(download, Cause.HALTED)
