"""RemoteDownloads: the verbs, carried out by a daemon. The same facade as in this process, with the same errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import suppress
from threading import Thread
from typing import Any, TypeVar

import msgspec

from dlm.api import answers, asks, cursors, overview, rebuilding
from dlm.api.calling import TIMEOUT, Caller, Daemon, Stream
from dlm.api.events import EventOut, SamplesOut
from dlm.api.saying import add_in, change_in, page_query, said, selected
from dlm.model.download import Download, DownloadId, DownloadSpec
from dlm.model.error import DlmError, InvalidRequest, Unreachable
from dlm.model.event import Event, Lagged, PhaseChanged
from dlm.model.message import Progressed
from dlm.model.phase import FINAL_PHASES, Order, Phase
from dlm.model.query import DownloadQuery
from dlm.model.queue import (
    Added,
    AddRequest,
    Change,
    Explanation,
    Finding,
    Ordered,
    Rates,
    Selection,
    Standing,
    Stats,
    Trial,
    check_place,
)
from dlm.model.rank import Lane
from dlm.model.reference import prefix_of
from dlm.model.resource import Pieces, Resource, Verified
from dlm.model.units import check_rate
from dlm.ports import Outcome, Story

Answer = TypeVar("Answer")
_END = object()
_ENDS = FINAL_PHASES | {Phase.PAUSED}
"""Where a fetch has nothing to wait for any more."""
LOOK = 5.0
"""Seconds after which it is asked how things stand, whatever has been heard."""


class RemoteDownloads:
    """See `ports.Downloads`. What a spec leaves at its default is left to the daemon's settings."""

    def __init__(self, daemon: Daemon) -> None:
        self._caller = Caller(daemon)
        self._streams: set[Stream] = set()
        self._opening: set[asyncio.Future[Stream]] = set()
        self._closed = False

    async def _ask(
        self,
        method: str,
        path: str,
        kind: type[Answer],
        body: object = None,
        *,
        query: dict[str, str] | None = None,
        patience: float | None = TIMEOUT,
    ) -> Answer:
        return await asyncio.to_thread(self._caller.ask, method, path, kind, body, query=query, patience=patience)

    # work --------------------------------------------------------------------------------------------------------------

    async def fetch(
        self,
        specs: Sequence[DownloadSpec],
        jobs: int | None,  # noqa: ARG002  # the daemon has its own
        *,
        pieces: Mapping[DownloadSpec, Pieces] | None = None,
    ) -> list[Outcome]:
        """See `ports.Downloads`. They are fetched there, into the daemon's directories; cancelling leaves them to it."""
        events = self._told(await self._open({}))
        if self._opening:  # who watches is to see all of it
            await asyncio.wait(self._opening)
        coming = asyncio.ensure_future(anext(events))
        try:
            added = await self.add([AddRequest(spec=spec, pieces=(pieces or {}).get(spec)) for spec in specs])
            ended = {each.download.id: each.download for each in added}
            left = set(ended)
            while left:
                for id in left:
                    ended[id] = (await self.show(id)).download
                left = {id for id in left if ended[id].phase not in _ENDS}
                while left and (await asyncio.wait({coming}, timeout=LOOK))[0]:
                    event, coming = coming.result(), asyncio.ensure_future(anext(events))
                    if isinstance(event, Lagged):
                        break
                    if isinstance(event, PhaseChanged) and event.download.id in left and event.download.phase in _ENDS:
                        ended[event.download.id] = event.download
                        left.discard(event.download.id)
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
            await events.aclose()
        already = {each.download.id for each in added if each.download.phase is Phase.COMPLETED}
        return [Outcome(ended[each.download.id], already=each.download.id in already) for each in added]

    async def run(self, *, stay: bool) -> None:  # noqa: ARG002
        """See `ports.Downloads`. A daemon does it already."""
        raise InvalidRequest("the daemon works its queue by itself: 'dlm events' and 'dlm list' show how")

    # commands ----------------------------------------------------------------------------------------------------------

    async def add(self, requests: Sequence[AddRequest]) -> list[Added]:
        """See `ports.Downloads`. Of the lanes only `NOW` can be asked for from afar."""
        body = asks.BulkIn(downloads=[add_in(each) for each in requests])
        told = await self._ask("POST", "/downloads/bulk", answers.BulkOut, body)
        return [Added(rebuilding.download_of(each.download), each.known) for each in told.added]

    async def order(self, order: Order, selection: Selection, *, lane: Lane | None = None) -> Sequence[Ordered]:
        """See `ports.Downloads`. Of the lanes only `NOW` can be asked for from afar."""
        body = asks.OrderIn(order=order.value, now=lane is Lane.NOW, **selected(selection))
        told = await self._ask("POST", "/orders", answers.OrdersOut, body)
        return [rebuilding.ordered_of(each) for each in told.ordered]

    async def remove(self, selection: Selection, *, delete_files: bool) -> Sequence[Ordered]:
        """See `ports.Downloads`."""
        body = asks.RemoveIn(delete_files=delete_files, **selected(selection))
        told = await self._ask("POST", "/removals", answers.OrdersOut, body)
        return [rebuilding.ordered_of(each) for each in told.ordered]

    async def move(self, reference: str, position: int) -> Standing:
        """See `ports.Downloads`."""
        check_place(position)
        body = asks.MoveIn(position=position)
        return rebuilding.standing_of(await self._ask("POST", _path(reference, "/move"), answers.StandingOut, body))

    async def standing(self, reference: str) -> Standing | None:
        """See `ports.Downloads`."""
        kind: Any = answers.StandingOut | None
        told: answers.StandingOut | None = await self._ask("GET", _path(reference, "/standing"), kind)
        return None if told is None else rebuilding.standing_of(told)

    async def edit(self, reference: str, change: Change) -> Download:
        """See `ports.Downloads`."""
        body = change_in(change)
        return rebuilding.download_of(await self._ask("PATCH", _path(reference), answers.DownloadOut, body))

    async def limit(self, rate: int | None, *, host: str | None = None) -> Rates:
        """See `ports.Downloads`."""
        if rate is not None:
            check_rate(rate)
        return rebuilding.rates_of(await self._ask("PUT", "/limits", overview.LimitsOut, asks.LimitIn(rate=rate, host=host)))

    # answers -----------------------------------------------------------------------------------------------------------

    async def list(self, query: DownloadQuery) -> list[Download]:
        """See `ports.Downloads`. Asked for page by page."""
        if query.phases is not None and not query.phases:
            return []
        found: list[Download] = []
        before = cursors.written(query.before, query.sort)
        while len(found) < query.limit:
            page = await self._ask(
                "GET", "/downloads", answers.PageOut, query=page_query(query, before, min(1000, query.limit - len(found)))
            )
            found += [rebuilding.download_of(each) for each in page.downloads]
            before = page.next
            if before is None:
                break
        return found

    async def show(self, reference: str) -> Story:
        """See `ports.Downloads`."""
        return rebuilding.story_of(await self._ask("GET", _path(reference), answers.StoryOut))

    async def limits(self) -> Rates:
        """See `ports.Downloads`."""
        return rebuilding.rates_of(await self._ask("GET", "/limits", overview.LimitsOut))

    async def explain(self, reference: str) -> Explanation:
        """See `ports.Downloads`."""
        return rebuilding.explanation_of(await self._ask("GET", _path(reference, "/explain"), answers.ExplanationOut))

    async def samples(self) -> Mapping[DownloadId, Progressed]:
        """See `ports.Downloads`."""
        told = await self._ask("GET", "/samples", SamplesOut)
        return {DownloadId(each.download_id): rebuilding.progress_of(each) for each in told.samples}

    async def stats(self) -> Stats:
        """See `ports.Downloads`."""
        return rebuilding.stats_of(await self._ask("GET", "/queue", overview.QueueOut))

    async def preview(self, spec: DownloadSpec) -> Resource:
        """See `ports.Downloads`."""
        body = asks.PreviewIn(uris=list(spec.uris), **said(spec))
        return rebuilding.resource_of(await self._ask("POST", "/preview", overview.PreviewOut, body))

    async def bench(self, spec: DownloadSpec, counts: Sequence[int], seconds: float) -> AsyncIterator[Trial]:
        """See `ports.Downloads`. The trials come all together, at the end."""
        body = asks.BenchIn(uris=list(spec.uris), counts=list(counts), seconds=seconds, **said(spec))
        for trial in rebuilding.trials_of(await self._ask("POST", "/bench", overview.TrialsOut, body, patience=None)):
            yield trial

    async def verify(self, reference: str) -> Verified:
        """See `ports.Downloads`."""
        return rebuilding.verified_of(await self._ask("POST", _path(reference, "/verify"), answers.VerifiedOut, patience=None))

    async def examine(self) -> Sequence[Finding]:
        """See `ports.Downloads`. Of the daemon's machine."""
        return rebuilding.findings_of(await self._ask("GET", "/doctor", overview.FindingsOut))

    async def events(self, since: int | None = None, *, follow: bool = True) -> AsyncGenerator[Event]:
        """See `ports.Downloads`. Without `follow`, what was recorded after `since` up to now."""
        query = {} if since is None or since < 0 else {"since": str(since)}
        if not follow:
            query["follow"] = "false"
        async for event in self._told(await self._open(query), until_told=not follow):
            yield event

    async def _open(self, query: dict[str, str]) -> Stream:
        opening = asyncio.ensure_future(asyncio.to_thread(self._caller.stream, query))
        self._opening.add(opening)
        try:
            stream = await opening
        finally:
            self._opening.discard(opening)
        self._streams.add(stream)
        if self._closed:
            stream.close()
        return stream

    async def _told(self, stream: Stream, *, until_told: bool = False) -> AsyncGenerator[Event]:
        """What the stream says, until it is closed; with `until_told` the daemon ends it."""
        lines: asyncio.Queue[object] = asyncio.Queue()
        # A thread of its own: those of the loop are few, and each question needs one.
        Thread(target=_read, args=(stream, asyncio.get_running_loop(), lines), name="events", daemon=True).start()
        try:
            while (line := await lines.get()) is not _END:
                if isinstance(line, DlmError):
                    if until_told and isinstance(line, Unreachable):
                        return
                    raise line
                event = rebuilding.event_of(msgspec.json.decode(line, type=EventOut)) if isinstance(line, bytes) else None
                if event is not None:
                    yield event
        finally:
            self._streams.discard(stream)
            stream.close()

    async def close(self) -> None:
        """See `ports.Downloads`."""
        self._closed = True
        for stream in list(self._streams):
            stream.close()


def _read(stream: Stream, loop: asyncio.AbstractEventLoop, lines: asyncio.Queue[object]) -> None:
    """Reads on a thread, until the stream ends or is closed."""
    last: object = _END
    with suppress(RuntimeError):  # the loop has ended before
        try:
            for line in stream:
                loop.call_soon_threadsafe(lines.put_nowait, line)
        except DlmError as error:
            last = error
        loop.call_soon_threadsafe(lines.put_nowait, last)


def _path(reference: str, rest: str = "") -> str:
    """Raises `DownloadNotFound` for what no id can begin with."""
    return f"/downloads/{prefix_of(reference)}{rest}"
