"""`bench`: what so many connections to a host bring. The bytes are counted and thrown away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from itertools import pairwise

from dlm.model.address import host_of
from dlm.model.download import DownloadSpec
from dlm.model.error import InvalidRequest, TransferError
from dlm.model.queue import Trial, best
from dlm.model.resource import Resource
from dlm.model.span import Span
from dlm.ports import Flow, HostPolicy, Source
from dlm.service.enlisting import check
from dlm.service.means import Means

WARM_UP = 0.25
"""The share of a trial that is not counted: connections are being made then, and windows are opening."""
LEAST_SIZE = 4 * 1024 * 1024
"""Bytes below which a file tells nothing about connections."""


class _Count:
    """An Outlet that counts."""

    def __init__(self) -> None:
        self.bytes = 0

    def write(self, data: memoryview) -> Flow:
        self.bytes += len(data)
        return Flow.MORE

    async def wait_ready(self) -> None:
        return


async def bench(means: Means, spec: DownloadSpec, counts: Sequence[int], seconds: float) -> AsyncIterator[Trial]:
    """See `ports.Downloads.bench`."""
    check(spec, means.sources)
    source = means.sources.pick(spec.uris[0])
    opening = await source.open(spec.uris[0], spec)
    resource = opening.resource
    await opening.close()
    size = resource.part.size
    if not resource.ranged or size is None or size < LEAST_SIZE:
        raise InvalidRequest(
            "only a file of 4 MiB or more whose server gives ranges can tell how many connections pay: choose another URL"
        )
    trials: list[Trial] = []
    for count in counts:
        cuts = [size * number // count for number in range(count + 1)]
        fetches = [(source, resource, Span(*cut), spec) for cut in pairwise(cuts)]
        trial = await _trial(means, fetches, seconds)
        trials.append(trial)
        yield trial
        if trial.served < count:
            break
    await _remember(means, spec, resource, trials)


_Fetch = tuple[Source, Resource, Span, DownloadSpec]


async def _trial(means: Means, fetches: Sequence[_Fetch], seconds: float) -> Trial:
    counters = [_Count() for _ in fetches]
    fetching = [
        asyncio.ensure_future(_again_and_again(counter, *fetch)) for counter, fetch in zip(counters, fetches, strict=True)
    ]
    try:
        await means.clock.sleep(seconds * WARM_UP)
        began, before = means.clock.monotonic(), sum(each.bytes for each in counters)
        await means.clock.sleep(seconds * (1 - WARM_UP))
        elapsed = max(1e-6, means.clock.monotonic() - began)
        speed = (sum(each.bytes for each in counters) - before) / elapsed
    finally:
        for each in fetching:
            each.cancel()
        await asyncio.gather(*fetching, return_exceptions=True)
    return Trial(len(fetches), speed, elapsed, sum(each.bytes > 0 for each in counters))


async def _again_and_again(counter: _Count, source: Source, resource: Resource, span: Span, spec: DownloadSpec) -> None:
    """Fetch the span until cancelled, so that a fast path does not run out of bytes. A refusal ends it."""
    with suppress(TransferError):
        while True:
            before = counter.bytes
            await source.fetch(resource, resource.mirrors[0], span, counter, spec)
            if counter.bytes == before:
                return


async def _remember(means: Means, spec: DownloadSpec, resource: Resource, trials: Sequence[Trial]) -> None:
    host = host_of(spec.uris[0])
    known = await means.queue.host_policy(host)
    policy = HostPolicy(
        host,
        best(trials).connections,
        resource.ranged,
        means.clock.wall(),
        known.version if known else None,
        known.busy_until if known else None,
    )
    await means.queue.learn(policy)
