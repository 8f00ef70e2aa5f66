"""A foreground fetch: exactly these downloads, carried here to their ends."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress

from dlm.model.download import Download, DownloadSpec
from dlm.model.error import DlmError
from dlm.model.event import PhaseChanged
from dlm.model.phase import Cause, Order, Phase
from dlm.model.resource import Pieces
from dlm.policy.described import is_called_so
from dlm.ports import Outcome, Step
from dlm.service.carrier import Carrier
from dlm.service.enlisting import check, enlist
from dlm.service.keeper import Keeper
from dlm.service.means import Means
from dlm.service.places import Places


async def fetch(
    means: Means,
    keepers: set[Keeper],
    specs: Sequence[DownloadSpec],
    jobs: int | None,
    pieces: Mapping[DownloadSpec, Pieces],
) -> list[Outcome]:
    """See `ports.Downloads.fetch`. The Keeper stands in `keepers` meanwhile, to be woken by whoever is nudged."""
    for spec in specs:
        check(spec, means.sources, pieces.get(spec))
    carrier = Carrier(means, means.worker, retries=False, leaving=Cause.HALTED)
    keeper = Keeper(means, carrier, means.worker)
    keepers.add(keeper)
    keeping: asyncio.Future[None] | None = None
    try:
        outcomes = await enlist(means, specs, pieces)
        await keeper.tell([outcome.download for outcome in outcomes])
        keeping = asyncio.ensure_future(keeper.keep())
        wanted = {each.download.id: each.download for each in outcomes if not each.already and each.download.fault is None}
        left = [each for parent in list(wanted.values()) for each in await _gone_on_with(means, parent)]
        places = Places(means, carrier, [*wanted.values(), *left], jobs)
        ended = await places.carry_all()
        return [
            Outcome(ended[each.download.id], already=each.already) if each.download.id in ended else each
            for each in (*outcomes, *map(Outcome, left), *places.found)
        ]
    finally:
        if keeping is not None:
            keeping.cancel()
        await carrier.drain()
        if keeping is not None:
            await asyncio.gather(keeping, return_exceptions=True)
        keepers.discard(keeper)
        await _let_go(means)


async def _gone_on_with(means: Means, parent: Download) -> list[Download]:
    if parent.spec.recursive is None and not is_called_so(parent.spec):
        return []
    from dlm.service.expanding import gone_on_with

    return await gone_on_with(means, parent)


async def _let_go(means: Means) -> None:
    """What was claimed and never had its turn is left as what Ctrl-C stopped: all of it at once, as a folder holds many."""
    ids = [each.id for each in await means.queue.held(means.owner) if each.phase is Phase.SCHEDULED]
    if not ids:
        return
    with suppress(DlmError):
        now = means.clock.wall()
        await means.queue.order(ids, Order.PAUSE, now)
        answers = await means.repository.record([Step(id=id, owner=means.owner, cause=Cause.HALTED) for id in ids], now)
        for answer in answers:
            if not isinstance(answer, DlmError):
                means.publish(*(PhaseChanged(*move) for move in answer))
