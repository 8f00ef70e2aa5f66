"""The commands that change the queue: each is committed, published, and nudged to the processes that it concerns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from dlm.model.address import check_uri
from dlm.model.download import Download, DownloadId, new_id
from dlm.model.error import Conflict, InvalidRequest
from dlm.model.event import DownloadAdded, DownloadEdited, DownloadRemoved, PhaseChanged
from dlm.model.phase import CLAIMED_PHASES, FINAL_PHASES, Order, Phase
from dlm.model.queue import Added, AddRequest, Change, Ordered, Rates, Selection, Standing, check_place
from dlm.model.rank import Lane
from dlm.model.units import check_rate
from dlm.service.enlisting import check
from dlm.service.means import Means
from dlm.service.parts import discard, discard_part

TOGETHER = 200
"""Downloads removed at once, so that they share their commits, and added without a pause."""
RELEASE = 10.0
"""Seconds within which another process lets go of what is to be removed, or it is not removed."""


async def add(means: Means, requests: Sequence[AddRequest]) -> list[Added]:
    """See `ports.Downloads.add`."""
    for number, request in enumerate(requests, 1):
        if number % TOGETHER == 0:  # nothing else moves in this process meanwhile
            await asyncio.sleep(0)
        check(request.spec, means.sources, request.pieces)
        if request.spec.streams_out:
            raise InvalidRequest("the queue cannot stream to standard output: write dlm get, or choose a file name")
    now = means.clock.wall()
    new = [_download_of(request, now) for request in requests]
    pieces = {mine.id: each.pieces for mine, each in zip(new, requests, strict=True) if each.pieces is not None}
    there = await means.repository.add(new, unless_known=True, pieces=pieces)
    means.publish(*(DownloadAdded(each) for each, found in zip(new, there, strict=True) if each.id == found.id))
    return [Added(found, known=mine.id != found.id) for mine, found in zip(new, there, strict=True)]


def _download_of(request: AddRequest, now: float) -> Download:
    deferred = request.start_at is not None and request.start_at > now
    phase = Phase.PAUSED if request.paused else Phase.WAITING if deferred else Phase.PENDING
    return Download(
        id=new_id(),
        spec=request.spec,
        added=now,
        ready=now,
        phase=phase,
        lane=request.lane,
        priority=request.priority,
        due=request.start_at if phase is Phase.WAITING else None,
        group=request.group,
    )


async def order(means: Means, order: Order, selection: Selection, lane: Lane | None) -> list[Ordered]:
    """See `ports.Downloads.order`."""
    await means.release_dead()
    ids = await means.queue.select(selection)
    answers = await means.queue.order(ids, order, means.clock.wall(), lane=lane)
    for each in answers:
        if each.transition is not None:
            means.bus.publish(PhaseChanged(each.download, each.transition))
            if each.download.phase is Phase.CANCELLED:
                await discard_part(means, each.download.id)
    means.publish()
    return answers


async def remove(means: Means, selection: Selection, *, delete_files: bool, nudged: Callable[[], None]) -> list[Ordered]:
    """See `ports.Downloads.remove`. `nudged` reaches what this very process carries."""
    await means.release_dead()
    ids = await means.queue.select(selection)
    removed: list[Ordered] = []
    for start in range(0, len(ids), TOGETHER):
        some = ids[start : start + TOGETHER]
        downloads = {each.id: each for each in await asyncio.gather(*(means.repository.get(id) for id in some))}
        # So that nobody takes one up while its files are being deleted.
        unended = [each.id for each in downloads.values() if each.phase not in FINAL_PHASES]
        cancelled = await means.queue.order(unended, Order.CANCEL, means.clock.wall())
        downloads |= {each.download.id: each.download for each in cancelled}
        if any(each.phase in CLAIMED_PHASES for each in downloads.values()):
            means.publish()
            nudged()
        removed += await asyncio.gather(*(_removed(means, each, delete_files=delete_files) for each in downloads.values()))
    return removed


async def _removed(means: Means, download: Download, *, delete_files: bool) -> Ordered:
    if download.phase in CLAIMED_PHASES:
        download = await _released(means, download.id)
    if download.phase in CLAIMED_PHASES:
        return Ordered(download, refusal="the process that fetches it does not let go of it: try again")
    checkpoint = await means.repository.checkpoint_of(download.id)
    # The files first: a kill in between leaves a download without files, and the other order files that nobody knows.
    if checkpoint is not None:
        if download.phase is not Phase.COMPLETED:
            await asyncio.to_thread(discard, means.store, checkpoint)
        elif delete_files and download.path is not None:
            await asyncio.to_thread(means.store.erase, download.path, checkpoint.place)
    try:
        await means.repository.remove(download.id)
    except Conflict as error:
        return Ordered(download, refusal=str(error))
    means.publish(DownloadRemoved(download))
    return Ordered(download)


async def _released(means: Means, id: DownloadId) -> Download:
    """The download as it stands when nobody holds it any more, or when that takes too long."""
    last = means.clock.monotonic() + RELEASE
    pause = 0.01
    while True:
        download = await means.repository.get(id)
        if download.phase not in CLAIMED_PHASES or means.clock.monotonic() >= last:
            return download
        await means.clock.sleep(pause)
        pause = min(0.2, pause * 2)


async def move(means: Means, reference: str, position: int) -> Standing:
    """See `ports.Downloads.move`."""
    check_place(position)
    id = await means.repository.identify(reference)
    standing = await means.queue.move(id, position)
    means.publish(DownloadEdited(await means.repository.get(id)))
    return standing


async def edit(means: Means, reference: str, change: Change) -> Download:
    """See `ports.Downloads.edit`."""
    await means.release_dead()
    id = await means.repository.identify(reference)
    for uri in _named(change):
        check_uri(uri)
        means.sources.pick(uri)
    download = await means.repository.amend(id, change, means.clock.wall())
    means.publish(DownloadEdited(download))
    return download


def _named(change: Change) -> list[str]:
    """The addresses that an edit names; what else may stand there is refused where it is applied."""
    uris = change.fields.get("uris", ())
    return [uri for uri in (*(uris if isinstance(uris, tuple) else ()), *change.mirrors) if isinstance(uri, str)]


async def limit(means: Means, rate: int | None, host: str | None) -> Rates:
    """See `ports.Downloads.limit`."""
    if rate is not None:
        check_rate(rate)
    rates = await means.queue.set_rate(host, rate)
    means.publish()
    return rates
