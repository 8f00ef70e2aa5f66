"""What the screen shows, as the facade tells it: the counts, the rows in sight, the latest samples of these.

Rules
-----
* Downloads and samples are held for the rows in sight alone, and for the one that is looked at closely. Of the others there
  are ids at most.
* Events say *that* something has changed; what has changed is read again, at most every 20 times as long as reading took.
* A facade that does not answer is asked again, later each time; what was last known stays on the screen, and it is said.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import aclosing, suppress
from time import monotonic
from typing import cast

from dlm.cli.top.shelf import Section, Shelf
from dlm.cli.top.views import MOST_MOVING, SECTIONS, Wish, is_sorted, sort_key, sort_of
from dlm.model.download import Download, DownloadId
from dlm.model.error import DlmError, DownloadNotFound
from dlm.model.event import (
    ConnectionClosed,
    DownloadAdded,
    DownloadEdited,
    DownloadRemoved,
    Event,
    Lagged,
    PhaseChanged,
    ProgressMade,
    RuntimeWarned,
)
from dlm.model.message import Progressed
from dlm.model.phase import CLAIMED_PHASES, Phase
from dlm.model.query import DownloadQuery
from dlm.model.queue import Rates
from dlm.model.text import printable
from dlm.ports import Downloads, Story

LOOK = 1.0
"""Seconds between two looks."""
_SOON = 0.2  # seconds after which a change is looked at
_REST = 20  # times as long as a look took none is taken
_MARGIN = 4  # rows above and below the screen that are held too
_HISTORY = 600  # speeds, one for each look
_MOST_NEWS = 100
_LATER = (0.5, 1.0, 2.0, 5.0)  # seconds before a facade that was lost is asked again
_ROUNDS = 12  # pages read in one look at most
_PATIENCE = 10.0  # seconds that the facade is given


class Feed:
    """See the module. `changed` is called when there is something to draw; `sight` are the rows on the screen."""

    def __init__(self, downloads: Downloads, changed: Callable[[], None]) -> None:
        self._downloads = downloads
        self._changed = changed
        self._woken = asyncio.Event()
        self._dirty = False
        self.wish = Wish()
        self.shelf = Shelf([])
        self.sight = (0, 50)
        self.close: DownloadId | None = None
        """The one that is looked at closely."""
        self.held: dict[DownloadId, Download] = {}
        self.samples: dict[DownloadId, Progressed] = {}
        self.news: deque[tuple[float, Event]] = deque(maxlen=_MOST_NEWS)
        """What happened to the one that is looked at closely and is recorded nowhere, with its monotonic time."""
        self.speeds: deque[float] = deque(maxlen=_HISTORY)
        self.phases: Mapping[Phase, int] = {}
        self.rates = Rates()
        self.reason: str | None = None
        self.lost: str | None = None
        self.look_for(self.wish)

    # what is wanted ----------------------------------------------------------------------------------------------------

    def look_for(self, wish: Wish) -> None:
        """Show something else from now on."""
        self.wish = wish
        self.shelf = Shelf([Section(phases, whole=is_sorted(phases, wish.order)) for phases in SECTIONS[wish.view]])
        if wish.text is None and self.phases:
            self.shelf.tally(self.phases)
        self.look()

    def see(self, first: int, last: int) -> None:
        """These rows are on the screen now, the last one not included."""
        if (first, last) != self.sight:
            self.sight = (first, last)
            self._woken.set()

    def look(self) -> None:
        """Read again, soon."""
        self._dirty = True
        self._woken.set()

    # going on ----------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until it is cancelled."""
        await asyncio.gather(self._looking(), self._following())

    async def _looking(self) -> None:
        failures = 0
        while True:
            began, self._dirty = monotonic(), False
            failures = 0 if await self._tried(self.refresh()) else failures + 1
            if failures:
                await asyncio.sleep(_LATER[min(failures, len(_LATER)) - 1])
                continue
            rest = _REST * (monotonic() - began)
            began = monotonic()
            while (left := began + (max(_SOON, min(rest, LOOK)) if self._dirty else max(LOOK, rest)) - monotonic()) > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(left):
                        await self._woken.wait()
                self._woken.clear()
                if self._is_missing():  # who scrolls does not wait
                    await self._tried(self._read(self.shelf, {}))

    async def _tried(self, reading: Coroutine[None, None, None]) -> bool:
        try:
            async with asyncio.timeout(_PATIENCE):
                await reading
            self.lost = None
        except DlmError as error:
            self.lost = str(error)
        except TimeoutError:
            self.lost = "the daemon does not answer"
        self._changed()
        return self.lost is None

    async def _following(self) -> None:
        failures = 0
        while True:
            # What keeps the events away keeps the looks away too, and they say so.
            with suppress(DlmError):
                async with aclosing(cast("AsyncGenerator[Event]", self._downloads.events(-1))) as events:
                    async for event in events:
                        failures = 0
                        self._hear(event)
            self.look()
            await asyncio.sleep(_LATER[min(failures, len(_LATER) - 1)])
            failures += 1

    def _hear(self, event: Event) -> None:
        match event:
            case ProgressMade(progress):
                if progress.id in self.held or progress.id == self.close:
                    self.samples[progress.id] = progress
                    self._changed()
            case PhaseChanged(download, _) | DownloadEdited(download):
                if download.id in self.held:
                    self.held[download.id] = download
                    if download.phase not in CLAIMED_PHASES:
                        self.samples.pop(download.id, None)
                    self._changed()
                self.look()
            case DownloadRemoved(download):
                self.shelf.drop(download.id)
                self.look()
            case DownloadAdded() | Lagged():
                self.look()
            case RuntimeWarned(_, _, id) if id is not None and id == self.close:
                self.news.append((monotonic(), event))
            case ConnectionClosed(connection) if connection.id == self.close:
                self.news.append((monotonic(), event))

    # reading -----------------------------------------------------------------------------------------------------------

    async def refresh(self) -> None:
        """Read how all stands, and what is on the screen. Raises `DlmError`."""
        ask = self._downloads
        stats, self.rates, samples = await asyncio.gather(ask.stats(), ask.limits(), ask.samples())
        if stats.active:
            self.reason = None
        else:
            self.reason = await self._why(stats.phases)
        self.phases = stats.phases
        self.speeds.append(stats.speed)
        shelf = self.shelf
        if self.wish.text is None:
            shelf.tally(stats.phases)
        for section in shelf.sections:
            section.stale = True
        await self._read(shelf, samples)

    def _is_missing(self) -> bool:
        first, last = self.sight
        ids = [self.shelf.at(row) for row in range(first, min(last, self.shelf.total))]
        return any(id is None or id not in self.held for id in ids)

    async def _read(self, shelf: Shelf, samples: Mapping[DownloadId, Progressed]) -> None:
        """The rows in sight, and a few around them."""
        read: dict[DownloadId, Download] = {}
        for section in shelf.sections:
            if section.whole and section.stale:
                read |= await self._read_whole(section, samples)
                section.stale = False
        for _ in range(_ROUNDS):
            if not await self._read_pages(shelf, read):
                break
        if shelf is self.shelf:
            await self._hold(read, samples)

    async def _read_whole(self, section: Section, samples: Mapping[DownloadId, Progressed]) -> dict[DownloadId, Download]:
        found = await self._downloads.list(DownloadQuery(phases=section.phases, text=self.wish.text, limit=MOST_MOVING))
        samples = samples or await self._downloads.samples()
        found.sort(key=lambda each: sort_key(self.wish.order, each, samples.get(each.id)))
        self.shelf.take_whole(section, [each.id for each in found])
        return {each.id: each for each in found}

    async def _read_pages(self, shelf: Shelf, read: dict[DownloadId, Download]) -> bool:
        """Read one round; whether rows in sight are still missing."""
        first, last = self.sight
        for reading in shelf.readings(max(0, first - _MARGIN), last + _MARGIN):
            query = DownloadQuery(
                phases=reading.section.phases,
                text=self.wish.text,
                before=reading.before,
                limit=reading.limit,
                sort=sort_of(self.wish.order),
            )
            try:
                found = await self._downloads.list(query)
            except DownloadNotFound:  # the anchor is gone
                reading.section.ids.clear()
                return True
            shelf.take(reading, [each.id for each in found])
            read |= {each.id: each for each in found}
        return any(shelf.at(row) is None for row in range(first, min(last, shelf.total)))

    async def _hold(self, read: Mapping[DownloadId, Download], samples: Mapping[DownloadId, Progressed]) -> None:
        """Keep what is in sight, and nothing else."""
        first, last = self.sight
        ids = [id for row in range(max(0, first - _MARGIN), last + _MARGIN) if (id := self.shelf.at(row)) is not None]
        held = {id: known for id in ids if (known := read.get(id) or self.held.get(id)) is not None}
        strange = [id for id in ids if id not in held]
        stories = await asyncio.gather(*map(self._downloads.show, strange), return_exceptions=True)
        held |= {story.download.id: story.download for story in stories if isinstance(story, Story)}
        self.held = held
        wanted = held.keys() | ({self.close} if self.close else set())
        self.samples = {id: sample for id in wanted if (sample := samples.get(id) or self.samples.get(id)) is not None}

    async def _why(self, phases: Mapping[Phase, int]) -> str | None:
        """What binds the queue while nothing moves: what binds one of its downloads."""
        phase = next((each for each in (Phase.PENDING, Phase.WAITING) if phases.get(each)), None)
        if phase is None:
            return None
        for download in await self._downloads.list(DownloadQuery(phases=frozenset({phase}), limit=1)):
            constraints = (await self._downloads.explain(download.id)).constraints
            return f"{printable(download.label)}: {constraints[0].sentence}" if constraints else None
        return None

    async def all_ids(self) -> list[DownloadId]:
        """Those of every row of the view. Raises `DlmError`."""
        query = DownloadQuery(phases=self.wish.phases, text=self.wish.text, limit=1_000_000)
        return [each.id for each in await self._downloads.list(query)]
