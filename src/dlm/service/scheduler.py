"""Scheduler: works the queue. It recomputes the world each time, and keeps no books of its own.

woken by a change here, a nudge from another process, the network, or the next moment at which something falls due:
    what dead processes held comes back                      [1]
    what has become due is pending again                     [2]
    `admit` decides what stops and what starts               [3]
    what it starts is claimed first: another process may be quicker
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

from dlm.model.error import DlmError
from dlm.model.phase import Cause, Phase
from dlm.model.rank import Lane
from dlm.policy.admission import Allowance, Running, admit
from dlm.policy.windows import Regime
from dlm.service.carrier import Carrier
from dlm.service.keeper import Keeper, sleep_or
from dlm.service.live import Slots
from dlm.service.means import LEASE, Means

EACH = 32
"""Candidates looked at of one host and group, at least: more are never started between two looks."""
MOST = 64
"""Hosts and groups looked at. Of those beyond, the one that has waited longest is seen."""
SETBACK = 5.0
"""Seconds to wait when the database would not answer."""


class Scheduler:
    """Runs downloads of the queue in this process, as many as the rules allow."""

    def __init__(self, means: Means, carrier: Carrier, keeper: Keeper, warn: Callable[[str, str], None]) -> None:
        self._means = means
        self._carrier = carrier
        self._keeper = keeper
        self._warn = warn
        self._starts = 0
        self._wake = asyncio.Event()
        self._jobs = means.rules.jobs

    def wake(self) -> None:
        """Look again, soon. Any number of times."""
        self._wake.set()

    @property
    def slots(self) -> Slots:
        """How many downloads it may carry, and does."""
        hosts = Counter(each.download.host for each in self._carrier.carried.values())
        return Slots(self._jobs, self._means.rules.per_host, hosts.total(), dict(hosts))

    async def run(self, *, stay: bool) -> None:
        """Work until nothing is left to be done here; with `stay` until cancelled."""
        while True:
            self._wake.clear()
            try:
                again = await self._look()
                left = stay or bool(self._carrier.carried) or await self._is_anything_left()
            except DlmError as error:
                # A disk that is full or a database that is locked for long is no reason to drop what runs.
                self._warn("database", f"the queue cannot be read: {error}")
                again, left = SETBACK, True
            if not left:
                return
            await sleep_or(self._wake, self._means, again)

    async def let_go(self) -> None:
        """Give back what was claimed and not started, because the run was stopped just then."""
        for download in await self._means.queue.held(self._means.owner):
            if download.phase is Phase.SCHEDULED and download.id not in self._carrier.carried:
                await self._means.advance(download, Cause.YIELDED)

    async def _look(self) -> float:
        """Decide once and act; the seconds until the next look is due."""
        means, now = self._means, self._means.clock.wall()
        await self._reclaim(now)
        roused = await means.queue.rouse(now, online=means.network.is_up())
        for move in roused.moves:
            means.publish_move(move)
        regime = means.rules.regime(now)
        self._keeper.cap(_least(means.rules.rate, regime.rate))
        await self._keeper.look()
        next_wake = await self._admit(regime, now)
        moments = [now + LEASE / 3, *(each for each in (roused.next_due, regime.until, next_wake) if each is not None)]
        return max(0.0, min(moments) - means.clock.wall())

    async def _reclaim(self, now: float) -> None:
        """Take back what processes held that are gone, or that have not renewed their leases."""
        means = self._means
        for owner in await means.queue.owners():
            if owner == means.owner:
                continue
            if not means.is_alive(owner):
                reason = "that carried it is gone"
            elif any(held.lease_until is not None and held.lease_until < now for held in await means.queue.held(owner)):
                reason = "let its lease run out"
            else:
                continue
            await means.take_back(owner, reason)

    async def _admit(self, regime: Regime, now: float) -> float | None:
        means, rules = self._means, self._means.rules
        self._jobs = rules.jobs if regime.jobs is None else min(rules.jobs, regime.jobs)
        allowance = Allowance(jobs=self._jobs, per_host=rules.per_host, open=regime.open)
        candidates = await means.queue.candidates(max(EACH, self._jobs), MOST)
        policies = await means.queue.host_policies(sorted({each.host for each in candidates}))
        busy = {host: known.busy_until for host, known in policies.items() if known.busy_until is not None}
        decision = admit(candidates, self._running(), allowance, busy, self._starts, now)
        for id in decision.stop:
            self._carrier.stop(id, Cause.PREEMPTED)
        if not decision.start:
            return decision.next_wake
        claimed = await means.repository.claim(decision.start, means.owner, now, LEASE)
        for download, transition in claimed:
            means.publish_move((download, transition))
            self._starts += download.lane is not Lane.NOW
            self._carrier.start(download, self.wake, expanded=lambda _outcomes: self.wake())
        self._keeper.wake()
        # What another process was quicker with is no candidate any more: look for others.
        return now if len(claimed) < len(decision.start) else decision.next_wake

    def _running(self) -> list[Running]:
        return [
            Running(
                id=each.download.id,
                host=each.download.host,
                group=each.download.group,
                lane=each.download.lane,
                priority=each.download.priority,
                started=each.started,
                eta=sample.eta if (sample := self._means.samples.of(each.download.id)) else None,
                stopping=each.stopping is not None,
            )
            for each in self._carrier.carried.values()
        ]

    async def _is_anything_left(self) -> bool:
        counts = await self._means.queue.counts()
        return bool(counts.get(Phase.WAITING) or await self._means.queue.candidates(1, 1))


def _least(*rates: int | None) -> int | None:
    return min((rate for rate in rates if rate is not None), default=None)
