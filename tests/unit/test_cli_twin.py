"""The in-memory twin of `Downloads` that the tests of the command line run against, and what it holds itself to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from dlm.model.download import Download, DownloadId, DownloadSpec, Fault
from dlm.model.error import DownloadNotFound
from dlm.model.event import DownloadAdded, Event, PhaseChanged, ProgressMade, RuntimeWarned
from dlm.model.message import ConnectionView, Progressed
from dlm.model.phase import Cause, Phase
from dlm.model.query import DownloadQuery
from dlm.model.resource import Pieces, Verification, Verified
from dlm.model.settings import Settings
from dlm.model.sorting import SortKey
from dlm.model.span import Span
from dlm.ports import Downloads, Outcome, Story
from tests.queue_twin import QueueTwin


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the twin does with an address: how large it is, in how many steps it comes, and how it ends."""

    size: int = 1000
    steps: int = 2
    fault: Fault | None = None
    already: bool = False
    held_at: int | None = None
    """Stop there until cancelled."""
    warning: str | None = None
    on_cancel: Callable[[], None] = lambda: None


@dataclass(slots=True)
class DownloadsTwin(QueueTwin):
    """`Downloads` without network, disk and database."""

    plans: dict[str, Plan] = field(default_factory=dict)
    verified: list[str] = field(default_factory=list)
    settings: list[Settings] = field(default_factory=list)
    fetched: list[DownloadSpec] = field(default_factory=list)
    jobs: list[int | None] = field(default_factory=list)
    pieces: dict[DownloadSpec, Pieces] = field(default_factory=dict)
    on_held: Callable[[], None] = lambda: None
    closed: int = 0
    happening: list[Event | None] = field(default_factory=list)
    """What happens as soon as it is opened; `None` ends the events."""

    def opener(self) -> Callable[[Settings], AbstractAsyncContextManager[Downloads]]:
        """What `run` takes: lends this twin, and remembers the settings."""

        @asynccontextmanager
        async def opened(settings: Settings) -> AsyncIterator[Downloads]:
            self.settings.append(settings)
            self._queue = asyncio.Queue()
            for event in self.happening:
                self._queue.put_nowait(event)
            try:
                yield self
            finally:
                await self.close()

        return opened

    def keep(self, uri: str, phase: Phase = Phase.PENDING, **facts: Any) -> Download:
        """Record a download, as an earlier run would have left it."""
        spec = facts.pop("spec", None) or DownloadSpec(uris=(uri,), directory="/target")
        id = DownloadId(f"{len(self.downloads) + 1:016x}"[::-1])
        download = Download(id=id, spec=spec, added=1_700_000_000.0, phase=phase, **facts)
        self.downloads[id] = download
        self.stories[id] = []
        return download

    async def fetch(
        self, specs: Sequence[DownloadSpec], jobs: int | None, *, pieces: Mapping[DownloadSpec, Pieces] | None = None
    ) -> list[Outcome]:
        """Follow the plans, one download after the other."""
        self.fetched += specs
        self.pieces |= pieces or {}
        self.jobs.append(jobs)
        downloads = [self.keep(spec.uris[0], spec=spec) for spec in specs]
        for download in downloads:
            self._queue.put_nowait(DownloadAdded(download))
        return [await self._carry(download.id, self.plans.get(download.spec.uris[0], Plan())) for download in downloads]

    async def _carry(self, id: DownloadId, plan: Plan) -> Outcome:
        if plan.already:
            path, sure = "/target/there.bin", Verified(Verification.CONSISTENT)
            self.downloads[id] = replace(
                self.downloads[id], phase=Phase.COMPLETED, name="there.bin", size=plan.size, path=path, verified=sure
            )
            return Outcome(self.downloads[id], already=True)
        self.move_phase(id, Cause.CLAIMED)
        self.move_phase(id, Cause.STARTED)
        self.downloads[id] = replace(self.downloads[id], name=self.downloads[id].label, size=plan.size)
        if plan.warning:
            self._queue.put_nowait(RuntimeWarned("redirected", plan.warning, id))
        try:
            for step in range(1, plan.steps + 1):
                await self._step(id, plan, plan.size * step // plan.steps)
        except asyncio.CancelledError:
            plan.on_cancel()
            self.move_phase(id, Cause.HALTED)
            raise
        if plan.fault is not None:
            self.move_phase(id, Cause.ERRED, fault=plan.fault)
        else:
            directory, name = self.downloads[id].spec.directory, self.downloads[id].name
            sure = Verified(Verification.VERIFIED, "sha-256")
            self.move_phase(id, Cause.TRANSFERRED, path=f"{directory}/{name}", verified=sure)
            self.move_phase(id, Cause.PUBLISHED, finished=1_700_000_012.0)
        return Outcome(self.downloads[id])

    async def _step(self, id: DownloadId, plan: Plan, downloaded: int) -> None:
        if plan.held_at is not None and downloaded > plan.held_at:
            self.on_held()
            await asyncio.Event().wait()
        self.downloads[id] = replace(self.downloads[id], downloaded=downloaded)
        connection = ConnectionView(0, Span(0, plan.size), downloaded, 100.0)
        self._queue.put_nowait(
            ProgressMade(
                Progressed(
                    id=id,
                    total=plan.size,
                    downloaded=downloaded,
                    instantaneous_speed=100.0,
                    smoothed_speed=100.0,
                    eta=1.0,
                    connections=(connection,),
                    done=(Span(0, downloaded),),
                )
            )
        )
        await asyncio.sleep(0)

    async def list(self, query: DownloadQuery) -> list[Download]:
        """Newest first, by the conditions."""
        self.let_go()
        rows = list(self.downloads.values())[::-1]
        if query.sort.key is not SortKey.ADDED:
            rows.sort(key=lambda each: str(query.sort.mark(each)), reverse=query.sort.descending)
        if query.before is not None:
            ids = [each.id for each in rows]
            if query.before not in ids:  # the cursors of these tests are ids
                raise DownloadNotFound(f"there is no download '{query.before}'")
            rows = rows[ids.index(query.before) + 1 :]
        found = [
            each
            for each in rows
            if (query.phases is None or each.phase in query.phases)
            and (query.group is None or each.group == query.group)
            and (query.text is None or query.text in each.label + each.uri)
        ]
        return found[: query.limit]

    async def show(self, reference: str) -> Story:
        """The one download whose id begins so."""
        id = self.identify(reference)
        return Story(self.downloads[id], None, tuple(self.stories[id]))

    async def verify(self, reference: str) -> Verified:
        """Always right; remembers that it was asked."""
        self.verified.append((await self.show(reference)).download.id)
        return Verified(Verification.VERIFIED, "sha-256")

    async def events(self, since: int | None = None, *, follow: bool = True) -> AsyncIterator[Event]:
        """What was recorded after `since`, then everything that comes, until it is closed."""
        if since is not None and since >= 0:
            for event in self.history:
                if isinstance(event, PhaseChanged) and event.transition.seq > since:
                    yield event
        while follow and (event := await self._queue.get()) is not None:  # type: ignore[assignment]  # the mark of the end
            yield event

    async def close(self) -> None:
        """End the events."""
        self.closed += 1
        self._queue.put_nowait(None)


def test_the_twin_tells_a_whole_story() -> None:
    """The twin keeps to the seam: it announces, moves only by the table, and ends the events when it is closed."""

    async def story() -> list[Event]:
        twin = DownloadsTwin()
        async with twin.opener()(Settings(directory="/target", state="/nowhere")) as downloads:
            await downloads.fetch([DownloadSpec(uris=("https://h/a",), directory="/target")], 1)
            await downloads.close()
            return [event async for event in downloads.events()]

    phases = [event.download.phase for event in asyncio.run(story()) if isinstance(event, PhaseChanged)]
    assert phases == [Phase.SCHEDULED, Phase.RUNNING, Phase.COMPLETING, Phase.COMPLETED]
