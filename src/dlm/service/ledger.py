"""What a running transfer reports, made durable: the only writer of a claimed download's progress."""

from __future__ import annotations

from dataclasses import replace

from dlm.model.event import ConnectionClosed, PhaseChanged, ProgressMade
from dlm.model.message import Checkpointed, Commitment, Completing, News, Observed, Progressed, Published, Resolved
from dlm.model.phase import Cause
from dlm.policy.host import busy_until
from dlm.ports import HostPolicy
from dlm.service.means import Means


class Ledger:
    """`ports.Reporter` over the database, in the name of this process. Publishes only what has been committed."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def commit(self, message: Commitment) -> None:
        """See `ports.Reporter`."""
        means = self._means
        match message:
            case Resolved() | Checkpointed():
                await means.repository.checkpoint(message.id, message.checkpoint, owner=means.owner)
            case Completing():
                await means.repository.checkpoint(message.id, message.checkpoint, owner=means.owner)
                await self._advance(message, Cause.TRANSFERRED)
            case Published():
                await self._advance(message, Cause.PUBLISHED)
            case Observed():
                await self._learn(message)

    def post(self, message: News) -> None:
        """See `ports.Reporter`."""
        if isinstance(message, Progressed):
            self._means.samples.note(message, self._means.clock.wall())
            self._means.bus.publish(ProgressMade(message))
        else:
            self._means.bus.publish(ConnectionClosed(message))

    async def _learn(self, message: Observed) -> None:
        now = self._means.clock.wall()
        known = await self._means.queue.host_policy(message.host)
        learned = _merged(known, message, now)
        if known is None or replace(learned, learned=known.learned) != known or message.connections is not None:
            await self._means.queue.learn(learned)

    async def _advance(self, message: Completing | Published, cause: Cause) -> None:
        means = self._means
        move = await means.repository.advance(
            message.id,
            cause,
            means.clock.wall(),
            owner=means.owner,
            path=message.path,
            verified=message.verified if isinstance(message, Completing) else None,
        )
        means.publish(PhaseChanged(*move))


def _merged(known: HostPolicy | None, message: Observed, now: float) -> HostPolicy:
    """What is known of a host after an observation. One that met no limit says nothing of connections, one that found
    the host busy says nothing of ranges."""
    if known is None:
        known = HostPolicy(message.host, None, message.ranges, now)
    limited = message.connections is not None
    return HostPolicy(
        message.host,
        message.connections if limited else known.connections,
        known.ranges if message.retry_after is not None else message.ranges,
        now if limited else known.learned,
        message.version or known.version,
        busy_until(known.busy_until, message.retry_after, now),
    )
