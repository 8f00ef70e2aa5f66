"""Keeper: looks after what this process holds, whoever carries it.

woken by a nudge, by a change of its own, or three times in a lease:
    renew the leases                                         [1]
    what the user wants otherwise is stopped                 [2]
    addresses that are new are offered to what runs          [3]
    limits that have changed hold from now on                [4]
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from dlm.model.download import Download, DownloadId
from dlm.model.error import DlmError
from dlm.model.phase import Cause, Intent
from dlm.model.queue import Rates
from dlm.ports import Worker
from dlm.service.carrier import Carrier
from dlm.service.means import LEASE, Means
from dlm.service.parts import discard_part

BEAT = LEASE / 3
_WANTED = {Intent.PAUSE: Cause.HALTED, Intent.CANCEL: Cause.CANCELLED}


class Keeper:
    """Belongs to one event loop. `worker` is told the limits; `ceiling` is a limit on top of those that users set."""

    def __init__(self, means: Means, carrier: Carrier, worker: Worker) -> None:
        self._means = means
        self._carrier = carrier
        self._worker = worker
        self._ceiling = means.rules.rate
        self._told: tuple[Rates, dict[DownloadId, int | None]] | None = None
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Look again, soon. Any number of times."""
        self._wake.set()

    def cap(self, rate: int | None) -> None:
        """Keep to this rate in all (bytes a second), beside what users have limited."""
        self._ceiling = rate

    async def keep(self) -> None:
        """Look after what is held until cancelled; whoever has just claimed it knows how it stands."""
        renewed = self._means.clock.monotonic()
        while True:
            await sleep_or(self._wake, self._means, renewed + BEAT - self._means.clock.monotonic())
            self._wake.clear()
            if self._means.clock.monotonic() - renewed >= BEAT:
                renewed = self._means.clock.monotonic()
                # A renewal that fails is made up for by the next; until then the lease still holds.
                with suppress(DlmError):
                    await self._means.repository.renew(self._means.owner, self._means.clock.wall() + LEASE)
            with suppress(DlmError):
                await self.look()

    async def look(self) -> None:
        """Compare what is held with what is wanted of it, once."""
        held = await self._means.queue.held(self._means.owner)
        for download in held:
            cause = _WANTED.get(download.intent)
            if cause is not None:
                await self._stop(download, cause)
            else:
                self._carrier.offer(download)
        await self.tell(held)

    async def tell(self, held: list[Download]) -> None:
        """Let the worker keep to the limits that hold now, those of the downloads included."""
        rates = await self._means.queue.rates()
        total = min((rate for rate in (rates.total, self._ceiling) if rate is not None), default=None)
        now = Rates(total, rates.hosts), {download.id: download.spec.limit_rate for download in held}
        if now != self._told:
            self._told = now
            self._worker.limit(*now)

    async def _stop(self, download: Download, cause: Cause) -> None:
        """Stop it, whether it moves already or waits here for its turn."""
        if download.id in self._carrier.carried:
            self._carrier.stop(download.id, cause)
            return
        self._carrier.withdrawn.add(download.id)
        with suppress(DlmError):
            await self._means.advance(download, cause)
            if cause is Cause.CANCELLED:
                await discard_part(self._means, download.id)


async def sleep_or(wake: asyncio.Event, means: Means, seconds: float) -> None:
    """Return after `seconds`, or as soon as `wake` is set."""
    waking = asyncio.ensure_future(wake.wait())
    sleeping = asyncio.ensure_future(means.clock.sleep(max(0.0, seconds)))
    try:
        await asyncio.wait({waking, sleeping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in (waking, sleeping):
            each.cancel()
