"""The queue's half of the in-memory twin of `Downloads`: orders, edits, limits, and what is told of the queue."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dlm.model.download import Download, DownloadId, DownloadSpec
from dlm.model.error import Conflict, DownloadNotFound
from dlm.model.event import DownloadEdited, Event, PhaseChanged, Transition
from dlm.model.message import Progressed
from dlm.model.phase import ANSWERS, CLAIMED_PHASES, Cause, Intent, Order, Phase, advance
from dlm.model.queue import (
    Added,
    AddRequest,
    Change,
    Constraint,
    Explanation,
    Finding,
    Ordered,
    Rates,
    Selection,
    Standing,
    Stats,
    Trial,
)
from dlm.model.rank import Lane
from dlm.model.resource import Mirror, Part, Resource, Validator

NOW = 1_700_000_000.0


@dataclass(slots=True)
class QueueTwin:
    """See `ports.Downloads`. What another process would carry out is carried out by `on_held`, if that is given."""

    downloads: dict[DownloadId, Download] = field(default_factory=dict)
    stories: dict[DownloadId, list[Transition]] = field(default_factory=dict)
    removed: list[tuple[str, bool]] = field(default_factory=list)
    added: list[AddRequest] = field(default_factory=list)
    orders: list[tuple[Order, Selection, Lane | None]] = field(default_factory=list)
    moves: list[tuple[str, int]] = field(default_factory=list)
    changes: list[tuple[str, Change]] = field(default_factory=list)
    previewed: list[DownloadSpec] = field(default_factory=list)
    benched: list[tuple[DownloadSpec, tuple[int, ...], float]] = field(default_factory=list)
    stays: list[bool] = field(default_factory=list)
    moving: dict[DownloadId, Progressed] = field(default_factory=dict)
    constraints: tuple[Constraint, ...] = ()
    trials: tuple[Trial, ...] = ()
    rates: Rates = field(default_factory=Rates)
    history: list[Event] = field(default_factory=list)
    obedient: bool = True
    """Whether workers let go of what is to be paused or cancelled."""
    working: Callable[[], Any] | None = None
    """What `run` does; an awaitable of it is awaited."""
    _queue: asyncio.Queue[Event | None] = field(default_factory=asyncio.Queue)

    def move_phase(self, id: DownloadId, cause: Cause, **facts: Any) -> tuple[Download, Transition]:
        """Move it by the table, and publish that."""
        before = self.downloads[id]
        self.downloads[id] = after = replace(before, phase=advance(before.phase, cause), **facts)
        seq = sum(map(len, self.stories.values())) + 1
        step = Transition(seq, id, NOW, before.phase, after.phase, cause, facts["fault"].message if "fault" in facts else None)
        self.stories[id].append(step)
        self.publish(PhaseChanged(after, step))
        return after, step

    def publish(self, event: Event) -> None:
        """To whoever listens, and to the record."""
        self._queue.put_nowait(event)
        self.history.append(event)

    def identify(self, reference: str) -> DownloadId:
        """The one id that begins so."""
        matching = [id for id in self.downloads if id.startswith(reference)]
        if len(matching) != 1:
            raise DownloadNotFound(f"there is no download '{reference}'")
        return matching[0]

    def select(self, selection: Selection) -> list[DownloadId]:
        """The ids that a selection means."""
        if selection.references:
            return [self.identify(reference) for reference in selection.references]
        return [
            each.id
            for each in self.downloads.values()
            if (selection.phases is None or each.phase in selection.phases)
            and (selection.group is None or each.group == selection.group)
        ]

    async def add(self, requests: Sequence[AddRequest]) -> list[Added]:
        """One of the same first URI is known."""
        self.added += requests
        answers = []
        for request in requests:
            known = next((each for each in self.downloads.values() if each.spec.uris[0] == request.spec.uris[0]), None)
            answers.append(Added(known, known=True) if known else Added(self._new(request)))
        return answers

    def _new(self, request: AddRequest) -> Download:
        id = DownloadId(f"{len(self.downloads) + 1:016x}"[::-1])
        phase = Phase.PAUSED if request.paused else Phase.PENDING
        self.downloads[id] = Download(
            id=id, spec=request.spec, added=NOW, phase=phase, priority=request.priority, lane=request.lane
        )
        self.stories[id] = []
        return self.downloads[id]

    async def run(self, *, stay: bool) -> None:
        """Do what `working` does."""
        self.stays.append(stay)
        result = self.working() if self.working else None
        if result is not None:
            await result

    async def order(self, order: Order, selection: Selection, *, lane: Lane | None = None) -> list[Ordered]:
        """Answer by the table. What a worker holds follows as soon as somebody looks, where workers are obedient."""
        ids = self.select(selection)
        self.orders.append((order, selection, lane))
        return [self._obey(order, id) for id in ids]

    def _obey(self, order: Order, id: DownloadId) -> Ordered:
        download = self.downloads[id]
        if (order, download.phase) not in ANSWERS:
            return Ordered(download, refusal=f"it is {download.phase.value}, so it cannot {order.value}")
        answer = ANSWERS[order, download.phase]
        if isinstance(answer, Cause):
            return Ordered(*self.move_phase(id, answer))
        if isinstance(answer, Intent):
            self.downloads[id] = download = replace(download, intent=answer)
        return Ordered(download)

    def let_go(self) -> None:
        """Workers do what was ordered."""
        causes = {Intent.PAUSE: Cause.HALTED, Intent.CANCEL: Cause.CANCELLED}
        for each in list(self.downloads.values()):
            if self.obedient and each.phase in CLAIMED_PHASES and each.intent in causes:
                self.move_phase(each.id, causes[each.intent])

    async def remove(self, selection: Selection, *, delete_files: bool) -> list[Ordered]:
        """Forget them, and remember that it was asked; a group called `held` is not let go."""
        answers = []
        for id in self.select(selection):
            if self.downloads[id].group == "held":
                answers.append(Ordered(self.downloads[id], refusal="another dlm is fetching it right now"))
                continue
            answers.append(Ordered(self.downloads.pop(id)))
            self.removed.append((id, delete_files))
        return answers

    async def move(self, reference: str, position: int) -> Standing:
        """The place that was asked for, or the last."""
        id = self.identify(reference)
        pending = [each.id for each in self.downloads.values() if each.phase is Phase.PENDING]
        if id not in pending:
            raise Conflict("it is not queued")
        self.moves.append((id, position))
        place = min(position, len(pending))
        return Standing(place, len(pending), tuple(each for each in pending if each != id)[: place - 1])

    async def standing(self, reference: str) -> Standing | None:
        """By age."""
        pending = [each.id for each in self.downloads.values() if each.phase is Phase.PENDING]
        id = self.identify(reference)
        return Standing(pending.index(id) + 1, len(pending)) if id in pending else None

    async def edit(self, reference: str, change: Change) -> Download:
        """Refused for what runs, unless it is the rate."""
        id = self.identify(reference)
        if self.downloads[id].phase in CLAIMED_PHASES and set(change.fields) - {"limit_rate", "retries", "uris"}:
            raise Conflict("the directory cannot change while it runs: pause it first")
        self.changes.append((id, change))
        before = self.downloads[id].spec
        spec = replace(before, **change.fields)  # type: ignore[arg-type]  # fields of a spec
        spec = replace(spec, uris=(*spec.uris, *change.mirrors))
        self.downloads[id] = replace(self.downloads[id], spec=spec)
        if spec.uris != before.uris and self.downloads[id].phase is Phase.FAILED:
            self.move_phase(id, Cause.RETRIED)
        self.publish(DownloadEdited(self.downloads[id]))
        return self.downloads[id]

    async def preview(self, spec: DownloadSpec) -> Resource:
        """Always the same ISO image."""
        self.previewed.append(spec)
        mirror = Mirror(spec.uris[0], resolved="https://cdn.example.org/image.iso?sig=secret")
        return Resource((mirror,), (Part("image.iso", 2**30),), Validator('"v1"'), ranged=True, media_type="application/x-iso")

    async def limits(self) -> Rates:
        """As they were set."""
        return self.rates

    async def limit(self, rate: int | None, *, host: str | None = None) -> Rates:
        """Set or lift it."""
        if host is None:
            self.rates = replace(self.rates, total=rate)
        else:
            hosts = {name: each for name, each in self.rates.hosts.items() if name != host}
            self.rates = replace(self.rates, hosts=hosts | ({} if rate is None else {host: rate}))
        return self.rates

    async def explain(self, reference: str) -> Explanation:
        """The `constraints`."""
        return Explanation(self.downloads[self.identify(reference)], self.constraints)

    async def bench(self, spec: DownloadSpec, counts: Sequence[int], seconds: float) -> AsyncIterator[Trial]:
        """The `trials`."""
        self.benched.append((spec, tuple(counts), seconds))
        for trial in self.trials:
            yield trial

    async def samples(self) -> Mapping[DownloadId, Progressed]:
        """What is `moving`."""
        return self.moving

    async def stats(self) -> Stats:
        """Counted."""
        phases = Counter(each.phase for each in self.downloads.values())
        speed = sum(each.smoothed_speed for each in self.moving.values())
        return Stats(phases, speed=speed, active=len(self.moving))

    async def examine(self) -> Sequence[Finding]:
        """All is well."""
        return [Finding("twin", "good", "it is there")]
