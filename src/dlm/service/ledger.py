"""What a running transfer reports, made durable: the only writer of a claimed download's progress."""

from __future__ import annotations

from dlm.model.event import PhaseChanged, ProgressMade
from dlm.model.message import Checkpointed, Commitment, Completing, Observed, Progressed, Published, Resolved
from dlm.model.phase import Cause
from dlm.ports import Clock, HostPolicy, Repository
from dlm.service.bus import EventBus


class Ledger:
    """`ports.Reporter` over a Repository, in the name of one owner. Publishes only what has been committed."""

    def __init__(self, repository: Repository, bus: EventBus, clock: Clock, owner: str) -> None:
        self._repository = repository
        self._bus = bus
        self._clock = clock
        self._owner = owner

    async def commit(self, message: Commitment) -> None:
        """See `ports.Reporter`."""
        match message:
            case Resolved() | Checkpointed():
                await self._repository.checkpoint(message.id, message.checkpoint, owner=self._owner)
            case Completing():
                await self._repository.checkpoint(message.id, message.checkpoint, owner=self._owner)
                await self._advance(message, Cause.TRANSFERRED)
            case Published():
                await self._advance(message, Cause.PUBLISHED)
            case Observed():
                policy = HostPolicy(message.host, message.connections, message.ranges, self._clock.wall())
                await self._repository.learn(policy)

    def post(self, message: Progressed) -> None:
        """See `ports.Reporter`."""
        self._bus.publish(ProgressMade(message))

    async def _advance(self, message: Completing | Published, cause: Cause) -> None:
        download, transition = await self._repository.advance(
            message.id,
            cause,
            self._clock.wall(),
            owner=self._owner,
            path=message.path,
            verified=message.verified if isinstance(message, Completing) else None,
        )
        self._bus.publish(PhaseChanged(download, transition))
