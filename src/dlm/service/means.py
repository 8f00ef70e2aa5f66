"""What the control plane works with: everything that it was lent, in one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from datetime import tzinfo
from random import Random
from typing import TYPE_CHECKING

from dlm.model.download import Download, Fault
from dlm.model.error import DlmError, exit_code
from dlm.model.event import Event, PhaseChanged, Transition
from dlm.model.phase import Cause
from dlm.model.value import dataclass
from dlm.ports import Clock, Control, Network, Queue, Repository, Sources, Store, Worker
from dlm.service.bus import EventBus
from dlm.service.samples import Samples

if TYPE_CHECKING:
    from dlm.policy.windows import Regime, Timetable

PLACES = 3
"""Downloads at once, unless the user has said how many."""
LEASE = 30.0
"""Seconds for which a claim holds; renewed three times in that span."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What was chosen for working the queue: downloads at once, of one host at once, bytes a second, windows of the week."""

    jobs: int = PLACES
    per_host: int = 4
    rate: int | None = None
    timetable: Timetable | None = None
    zone: tzinfo | None = None

    def regime(self, now: float) -> Regime:
        """What the windows say at `now` (seconds since the epoch); without any, that all is open."""
        from dlm.policy.windows import Regime, at

        return Regime() if self.timetable is None or self.zone is None else at(self.timetable, self.zone, now)


def _unheard(_seconds: float) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """Who is told what was measured, in seconds: what a transaction took until it was durable (told in another thread), and a
    checkpoint from the moment that it describes until it was recorded."""

    committed: Callable[[float], None] = _unheard
    checkpointed: Callable[[float], None] = _unheard


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """The adapters and the shared state. `is_alive` tells whether the process of an owner's name still runs."""

    repository: Repository
    queue: Queue
    sources: Sources
    worker: Worker
    """Carries what is fetched in the foreground."""
    store: Store
    clock: Clock
    control: Control
    network: Network
    random: Random
    owner: str
    is_alive: Callable[[str], bool]
    needs_network: Callable[[str], bool]
    rules: Rules
    bus: EventBus = field(default_factory=EventBus)
    measures: Measures = field(default_factory=Measures)
    samples: Samples = field(default_factory=Samples)
    """Of everything that this process carries."""

    def publish(self, *events: Event) -> None:
        """Tell everybody here what has been committed, and the other processes that something was."""
        for event in events:
            self.bus.publish(event)
        self.control.nudge()

    def publish_move(self, move: tuple[Download, Transition]) -> Download:
        """Publish a transition that has been committed, and give the download as it stands after it."""
        self.publish(PhaseChanged(*move))
        return move[0]

    async def take_back(self, owner: str, reason: str) -> None:
        """Yield all that another process holds, and publish that; `reason` ends the sentence that begins with the process."""
        detail = f"process {owner.partition(':')[0]} {reason}"
        for move in await self.queue.abandon(owner, self.clock.wall(), detail):
            self.publish_move(move)

    async def release_dead(self) -> None:
        """Take back what processes held that are gone, so that an order reaches it."""
        for owner in await self.queue.owners():
            if owner != self.owner and not self.is_alive(owner):
                await self.take_back(owner, "that carried it is gone")

    async def advance(
        self,
        download: Download,
        cause: Cause,
        *,
        fault: Fault | None = None,
        detail: str | None = None,
        due: float | None = None,
        attempts: int | None = None,
    ) -> Download:
        """Move the phase, in the name of whoever holds it here, and publish that."""
        moved = await self.repository.advance(
            download.id,
            cause,
            self.clock.wall(),
            owner=download.owner,
            detail=detail or (fault.message if fault else None),
            fault=fault,
            due=due,
            attempts=attempts,
        )
        return self.publish_move(moved)


def fault_of(error: DlmError) -> Fault:
    """The error as it is stored and shown."""
    return Fault(error.kind, str(error), exit_code(type(error)))
