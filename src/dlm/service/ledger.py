"""What a running transfer reports, made durable: the only writer of a claimed download's progress."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from dlm.model.download import Download, DownloadId
from dlm.model.error import DlmError
from dlm.model.event import (
    MIRROR_DROPPED,
    MIRROR_LIED,
    PIECE_SPOILT,
    ConnectionClosed,
    PhaseChanged,
    ProgressMade,
    RuntimeWarned,
)
from dlm.model.message import (
    Checkpointed,
    Commitment,
    Completing,
    Expanded,
    Gathered,
    Listed,
    MirrorDropped,
    News,
    Observed,
    PieceSpoilt,
    Progressed,
    Published,
    Resolved,
)
from dlm.model.phase import Cause, Phase
from dlm.policy.host import busy_until
from dlm.ports import HostPolicy, Outcome, Step
from dlm.service.means import Means


class Ledger:
    """`ports.Reporter` over the database, in the name of this process. Publishes only what has been committed."""

    def __init__(
        self,
        means: Means,
        gathered: Callable[[DownloadId], None] = lambda _id: None,
        expanded: Callable[[DownloadId, Sequence[Outcome]], None] = lambda _id, _outcomes: None,
        *,
        claims: bool = False,
    ) -> None:
        """`gathered` is told of small files of which nothing is fetched any more, `expanded` of what expansions have found;
        with `claims`, that is claimed for this process."""
        self._means = means
        self._gathered = gathered
        self._expanded = expanded
        self._claims = claims
        self.began: dict[DownloadId, float] = {}
        """When those began (seconds since the epoch) that are recorded as begun no sooner than as complete."""
        self.ended: dict[DownloadId, Download] = {}
        """How those stand that have ended by themselves, until they are taken out."""

    async def commit(self, message: Commitment) -> None:
        """See `ports.Reporter`."""
        means = self._means
        match message:
            case Resolved():
                await means.repository.checkpoint(message.id, message.checkpoint, owner=means.owner)
            case Checkpointed():
                began = means.clock.monotonic()
                await means.repository.checkpoint(message.id, message.checkpoint, owner=means.owner)
                means.measures.checkpointed(message.took + means.clock.monotonic() - began)
            case Completing() | Published():
                (error,) = await self.commit_all([message])
                if error is not None:
                    raise error
            case Observed():
                await self._learn(message)
            case Expanded():
                from dlm.service.expanding import expand

                self._expanded(message.id, await expand(means, message, claims=self._claims))
            case Listed():
                from dlm.service.expanding import listed

                self._note(await listed(means, message))

    async def commit_all(self, messages: Sequence[Completing | Published]) -> list[DlmError | None]:
        """See `ports.Reporter`."""
        means = self._means
        answers = await means.repository.record([self._step(message) for message in messages], means.clock.wall())
        for answer in answers:
            if not isinstance(answer, DlmError):
                means.publish(*(PhaseChanged(*move) for move in answer))
                self._note(answer[-1][0])
        return [answer if isinstance(answer, DlmError) else None for answer in answers]

    def post(self, message: News) -> None:
        """See `ports.Reporter`."""
        if isinstance(message, Progressed):
            if message.id in self.ended:
                return  # a child gathers samples for a moment: this one was overtaken by the end, and nothing moves any more
            self._means.samples.note(message, self._means.clock.wall())
            self._means.bus.publish(ProgressMade(message))
        elif isinstance(message, Gathered):
            self._gathered(message.id)
        elif isinstance(message, MirrorDropped):
            self._means.bus.publish(RuntimeWarned(MIRROR_LIED if message.lied else MIRROR_DROPPED, str(message), message.id))
        elif isinstance(message, PieceSpoilt):
            self._means.bus.publish(RuntimeWarned(PIECE_SPOILT, message.sentence, message.id))
        else:
            self._means.bus.publish(ConnectionClosed(message))

    async def _learn(self, message: Observed) -> None:
        now = self._means.clock.wall()
        known = await self._means.queue.host_policy(message.host)
        learned = _merged(known, message, now)
        if known is None or replace(learned, learned=known.learned) != known or message.connections is not None:
            await self._means.queue.learn(learned)

    def _step(self, message: Completing | Published) -> Step:
        return Step(
            id=message.id,
            owner=self._means.owner,
            cause=Cause.TRANSFERRED if isinstance(message, Completing) else Cause.PUBLISHED,
            checkpoint=message.checkpoint,
            path=message.path,
            verified=message.verified if isinstance(message, Completing) else None,
            began=self.began.get(message.id),
        )

    def _note(self, download: Download) -> None:
        if download.phase is Phase.COMPLETED:
            self.ended[download.id] = download


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
