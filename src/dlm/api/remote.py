"""RemoteDownloads: the verbs, carried out by a daemon. The same facade as in this process, with the same errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from typing import Any, TypeVar

import msgspec

from dlm.api import answers, asks, overview, rebuilding
from dlm.api.calling import Caller, Daemon, Stream
from dlm.api.events import EventOut, SamplesOut
from dlm.api.reading import WITHHELD
from dlm.model.download import Download, DownloadId, DownloadSpec
from dlm.model.error import DlmError, InvalidRequest, Unreachable
from dlm.model.event import Event, PhaseChanged
from dlm.model.message import Progressed
from dlm.model.phase import FINAL_PHASES, Order
from dlm.model.queue import Added, AddRequest, Change, Explanation, Finding, Ordered, Rates, Selection, Standing, Stats, Trial
from dlm.model.rank import Lane
from dlm.model.resource import Resource, Verified
from dlm.ports import DownloadQuery, Outcome, Story

Answer = TypeVar("Answer")
_PRESETS = DownloadSpec(uris=("",), directory="")
_END = object()
LOOK = 5.0
"""Seconds after which it is asked how things stand, whatever has been heard."""


class RemoteDownloads:
    """See `ports.Downloads`. What a spec leaves at its default is left to the daemon's settings."""

    def __init__(self, daemon: Daemon) -> None:
        self._caller = Caller(daemon)
        self._streams: set[Stream] = set()

    async def _ask(
        self, method: str, path: str, kind: type[Answer], body: object = None, query: dict[str, str] | None = None
    ) -> Answer:
        return await asyncio.to_thread(self._caller.ask, method, path, kind, body, query)

    # work --------------------------------------------------------------------------------------------------------------

    async def fetch(self, specs: Sequence[DownloadSpec], jobs: int | None) -> list[Outcome]:  # noqa: ARG002  # the daemon has its own
        """See `ports.Downloads`. They are fetched there, into the daemon's directories; cancelling leaves them to it."""
        added = await self.add([AddRequest(spec=spec, lane=Lane.INTERACTIVE) for spec in specs])
        left = {each.download.id for each in added}
        ended: dict[DownloadId, Download] = {}
        events = self.events()
        coming = asyncio.ensure_future(anext(events))
        try:
            while left:
                for id in left:
                    ended[id] = (await self.show(id)).download
                left = {id for id in left if ended[id].phase not in FINAL_PHASES}
                while left and (await asyncio.wait({coming}, timeout=LOOK))[0]:
                    event, coming = coming.result(), asyncio.ensure_future(anext(events))
                    if isinstance(event, PhaseChanged) and event.download.id in left and event.download.phase in FINAL_PHASES:
                        break
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
            await events.aclose()
        return [Outcome(ended[each.download.id]) for each in added]

    async def run(self, *, stay: bool) -> None:  # noqa: ARG002
        """See `ports.Downloads`. A daemon does it already."""
        raise InvalidRequest("the daemon works its queue by itself: 'dlm events' and 'dlm list' show how")

    # commands ----------------------------------------------------------------------------------------------------------

    async def add(self, requests: Sequence[AddRequest]) -> list[Added]:
        """See `ports.Downloads`."""
        body = asks.BulkIn(downloads=[_add_in(each) for each in requests])
        told = await self._ask("POST", "/downloads/bulk", answers.BulkOut, body)
        return [Added(rebuilding.download_of(each.download), each.known) for each in told.added]

    async def order(self, order: Order, selection: Selection, *, lane: Lane | None = None) -> Sequence[Ordered]:
        """See `ports.Downloads`. Of the lanes only `NOW` can be asked for from afar."""
        body = asks.OrderIn(order=order.value, now=lane is Lane.NOW, **_selected(selection))
        told = await self._ask("POST", "/orders", answers.OrdersOut, body)
        return [rebuilding.ordered_of(each) for each in told.ordered]

    async def remove(self, selection: Selection, *, delete_files: bool) -> Sequence[Ordered]:
        """See `ports.Downloads`."""
        body = asks.RemoveIn(delete_files=delete_files, **_selected(selection))
        told = await self._ask("POST", "/removals", answers.OrdersOut, body)
        return [rebuilding.ordered_of(each) for each in told.ordered]

    async def move(self, reference: str, position: int) -> Standing:
        """See `ports.Downloads`."""
        body = asks.MoveIn(position=position)
        return rebuilding.standing_of(await self._ask("POST", f"/downloads/{reference}/move", answers.StandingOut, body))

    async def standing(self, reference: str) -> Standing | None:
        """See `ports.Downloads`."""
        kind: Any = answers.StandingOut | None
        told: answers.StandingOut | None = await self._ask("GET", f"/downloads/{reference}/standing", kind)
        return None if told is None else rebuilding.standing_of(told)

    async def edit(self, reference: str, change: Change) -> Download:
        """See `ports.Downloads`."""
        body = _change_in(change)
        return rebuilding.download_of(await self._ask("PATCH", f"/downloads/{reference}", answers.DownloadOut, body))

    async def limit(self, rate: int | None, *, host: str | None = None) -> Rates:
        """See `ports.Downloads`."""
        return rebuilding.rates_of(await self._ask("PUT", "/limits", overview.LimitsOut, asks.LimitIn(rate=rate, host=host)))

    # answers -----------------------------------------------------------------------------------------------------------

    async def list(self, query: DownloadQuery) -> list[Download]:
        """See `ports.Downloads`. Asked for page by page."""
        found: list[Download] = []
        before: str | None = query.before
        while len(found) < query.limit:
            page = await self._ask(
                "GET", "/downloads", answers.PageOut, None, _page_query(query, before, min(1000, query.limit - len(found)))
            )
            found += [rebuilding.download_of(each) for each in page.downloads]
            before = page.next
            if before is None:
                break
        return found

    async def show(self, reference: str) -> Story:
        """See `ports.Downloads`."""
        return rebuilding.story_of(await self._ask("GET", f"/downloads/{reference}", answers.StoryOut))

    async def limits(self) -> Rates:
        """See `ports.Downloads`."""
        return rebuilding.rates_of(await self._ask("GET", "/limits", overview.LimitsOut))

    async def explain(self, reference: str) -> Explanation:
        """See `ports.Downloads`."""
        return rebuilding.explanation_of(await self._ask("GET", f"/downloads/{reference}/explain", answers.ExplanationOut))

    async def samples(self) -> Mapping[DownloadId, Progressed]:
        """See `ports.Downloads`."""
        told = await self._ask("GET", "/samples", SamplesOut)
        return {DownloadId(each.download_id): rebuilding.progress_of(each) for each in told.samples}

    async def stats(self) -> Stats:
        """See `ports.Downloads`."""
        return rebuilding.stats_of(await self._ask("GET", "/queue", overview.QueueOut))

    async def preview(self, spec: DownloadSpec) -> Resource:
        """See `ports.Downloads`."""
        body = asks.PreviewIn(uris=list(spec.uris), **_said(spec))
        return rebuilding.resource_of(await self._ask("POST", "/preview", overview.PreviewOut, body))

    async def bench(self, spec: DownloadSpec, counts: Sequence[int], seconds: float) -> AsyncIterator[Trial]:
        """See `ports.Downloads`. The trials come all together, at the end."""
        body = asks.BenchIn(uris=list(spec.uris), counts=list(counts), seconds=seconds, **_said(spec))
        for trial in rebuilding.trials_of(await self._ask("POST", "/bench", overview.TrialsOut, body)):
            yield trial

    async def verify(self, reference: str) -> Verified:
        """See `ports.Downloads`."""
        return rebuilding.verified_of(await self._ask("POST", f"/downloads/{reference}/verify", answers.VerifiedOut))

    async def examine(self) -> Sequence[Finding]:
        """See `ports.Downloads`. Of the daemon's machine."""
        return rebuilding.findings_of(await self._ask("GET", "/doctor", overview.FindingsOut))

    async def events(self, since: int | None = None, *, follow: bool = True) -> AsyncGenerator[Event]:
        """See `ports.Downloads`. Without `follow`, what was recorded after `since` up to now."""
        query = {} if since is None or since < 0 else {"since": str(since)}
        if not follow:
            query["follow"] = "false"
        stream = await asyncio.to_thread(self._caller.stream, query)
        self._streams.add(stream)
        lines: asyncio.Queue[object] = asyncio.Queue()
        reading = asyncio.create_task(asyncio.to_thread(_read, stream, asyncio.get_running_loop(), lines))
        try:
            while (line := await lines.get()) is not _END:
                if isinstance(line, DlmError):
                    if not follow and isinstance(line, Unreachable):
                        return
                    raise line
                event = rebuilding.event_of(msgspec.json.decode(line, type=EventOut)) if isinstance(line, bytes) else None
                if event is not None:
                    yield event
        finally:
            self._streams.discard(stream)
            stream.close()
            reading.cancel()

    async def close(self) -> None:
        """See `ports.Downloads`."""
        for stream in list(self._streams):
            stream.close()


def _read(stream: Stream, loop: asyncio.AbstractEventLoop, lines: asyncio.Queue[object]) -> None:
    """Reads on a thread, until the stream ends or is closed."""
    last: object = _END
    try:
        for line in stream:
            loop.call_soon_threadsafe(lines.put_nowait, line)
    except DlmError as error:
        last = error
    with suppress(RuntimeError):  # the loop has ended before
        loop.call_soon_threadsafe(lines.put_nowait, last)


def _add_in(request: AddRequest) -> asks.AddIn:
    return asks.AddIn(
        uris=list(request.spec.uris),
        priority=request.priority.name.lower(),  # type: ignore[arg-type]  # the names are those of the literal
        start_at=request.start_at,
        group=request.group,
        paused=request.paused,
        **_said(request.spec),
    )


def _change_in(change: Change) -> asks.ChangeIn:
    fields_ = {name: _plain(name, value) for name, value in change.fields.items()}
    _refuse_withheld(fields_)
    priority: Any = change.priority.name.lower() if change.priority is not None else None
    return asks.ChangeIn(priority=priority, start_at=change.start_at, group=change.group, **fields_)


def _said(spec: DownloadSpec) -> dict[str, Any]:
    """What the spec says beyond the defaults, as the wire has it. Raises `InvalidRequest` for what may not be said."""
    said = {}
    for each in fields(DownloadSpec):
        value = getattr(spec, each.name)
        if each.name != "uris" and value != getattr(_PRESETS, each.name):
            said[each.name] = _plain(each.name, value)
    _refuse_withheld(said)
    return said


def _plain(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name == "headers":
        return dict(value)
    if name == "checksum":
        return str(value)
    if name == "range":
        return f"{value.start}-{value.stop - 1}"
    return value


def _refuse_withheld(said: Mapping[str, Any]) -> None:
    for name in said:
        if name in WITHHELD:
            raise InvalidRequest(f"'{name.replace('_', ' ')}' cannot be chosen from afar: it {WITHHELD[name]}")


def _selected(selection: Selection) -> dict[str, Any]:
    phases = None if selection.phases is None else sorted(phase.value for phase in selection.phases)
    everybody = not selection.references and phases is None and selection.group is None
    return {"ids": list(selection.references), "phases": phases, "group": selection.group, "everybody": everybody}


def _page_query(query: DownloadQuery, before: str | None, limit: int) -> dict[str, str]:
    said = {"directory": query.directory, "group": query.group, "text": query.text, "before": before, "limit": str(limit)}
    if query.phases is not None:
        said["phase"] = ",".join(sorted(phase.value for phase in query.phases))
    return {name: value for name, value in said.items() if value is not None}
