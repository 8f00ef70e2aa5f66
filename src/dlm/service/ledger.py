"""What a running transfer reports, made durable: the only writer of a claimed download's progress."""

from __future__ import annotations

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
        busy = busy_until(known.busy_until if known else None, message.retry_after, now)
        connections, learned = message.connections, now
        version = message.version or (known.version if known else None)
        if connections is None and known is not None:
            # Nothing was refused, but nothing was tried beyond what is remembered either.
            connections, learned = known.connections, known.learned
        await self._means.queue.learn(HostPolicy(message.host, connections, message.ranges, learned, version, busy))

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
