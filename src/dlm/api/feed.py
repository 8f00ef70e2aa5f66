"""One reading of what happens, for any number of readers.

The daemon follows its database and its own events once; each event is written as JSON once; each reader has a short queue of
lines that are shared between all. A newer sample of progress takes the place of one that the reader has not taken yet. Who
falls behind further than that loses what comes, and is told `lagged` when it reads again: it costs nobody anything.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import field
from urllib.parse import urlsplit

from dlm.api.answers import DownloadOut
from dlm.api.events import EventOut, LaggedEvent, MetricsEvent, ProgressEvent, RemovedEvent, StatusEvent, told
from dlm.api.writing import encoded
from dlm.model.error import DlmError
from dlm.model.phase import FINAL_PHASES, Phase
from dlm.model.query import DownloadQuery
from dlm.model.value import dataclass
from dlm.ports import Clock, Downloads

CAPACITY = 1_000
"""Lines kept for a reader."""
TOGETHER = 50
"""Events that are told in one go."""
METRICS = 1.0
"""Seconds between two of `download_metrics`, and between two looks at whether each reader may still read."""
_ENDS = frozenset(phase.value for phase in FINAL_PHASES)


@dataclass(frozen=True, slots=True)
class Interest:
    """What a reader wants: of these downloads, or of this group; of all, when neither is said. What is of none in particular
    goes to everybody."""

    ids: frozenset[str] | None = None
    group: str | None = None

    def covers(self, id: str | None, group: str | None) -> bool:
        """Whether an event about the download `id`, which is in `group`, is wanted."""
        if id is None or (self.ids is None and self.group is None):
            return True
        return (self.ids is not None and id in self.ids) or (self.group is not None and group == self.group)


@dataclass(frozen=True, slots=True)
class Line:
    """An event as it goes out. `seq` where it is one that was recorded; `progress` names the download that it samples."""

    json: bytes
    id: str | None = None
    seq: int | None = None
    progress: str | None = None
    event: EventOut | None = field(default=None, compare=False)
    """What the line says, for those who write it otherwise."""


class Reader:
    """An asynchronous iterator over lines. `interest` may be changed while it is read; `still` says whether it may read."""

    def __init__(self, interest: Interest, capacity: int = CAPACITY, still: Callable[[], bool] = lambda: True) -> None:
        self.interest = interest
        self.still = still
        self.after = -1
        """Recorded events up to this one have been read already, by a replay."""
        self._capacity = capacity
        self._lines: deque[Line | str] = deque()
        self._latest: dict[str, Line] = {}
        self._missed = 0
        self._arrived = asyncio.Event()
        self._closed = False

    def deliver(self, line: Line, group: str | None) -> None:
        """Take it in, or count it as missed. Never blocks."""
        if self._closed or not self.interest.covers(line.id, group) or self._is_read(line):
            return
        if line.progress is not None and line.progress in self._latest:
            self._latest[line.progress] = line
            return
        if self._missed or len(self._lines) >= self._capacity:
            self._missed += 1
        elif line.progress is not None:
            self._latest[line.progress] = line
            self._lines.append(line.progress)
        else:
            self._lines.append(line)
        self._arrived.set()

    def close(self) -> None:
        """End the iteration. Idempotent."""
        self._closed = True
        self._arrived.set()

    def __aiter__(self) -> Reader:
        return self

    async def __anext__(self) -> Line:
        while True:
            while not self._lines:
                if self._missed:
                    missed, self._missed = self._missed, 0
                    return line_of(LaggedEvent(missed=missed))
                if self._closed:
                    raise StopAsyncIteration
                self._arrived.clear()
                await self._arrived.wait()
            entry = self._lines.popleft()
            line = self._latest.pop(entry) if isinstance(entry, str) else entry
            if not self._is_read(line):  # by a replay, since it was delivered
                return line

    def _is_read(self, line: Line) -> bool:
        return line.seq is not None and line.seq <= self.after


class Feed:
    """Follows `downloads` while it runs, and tells every reader; `observe` hears of every event, once."""

    def __init__(self, downloads: Downloads, clock: Clock, observe: Callable[[EventOut], None] = lambda _event: None) -> None:
        self._downloads = downloads
        self._observe = observe
        self._clock = clock
        self._readers: list[Reader] = []
        self._closed = False
        self._groups: dict[str, str] = {}
        self._schemes: dict[str, str] = {}

    async def run(self) -> None:
        """Follow until cancelled."""
        for each in await self._downloads.list(DownloadQuery(phases=frozenset({Phase.RUNNING}))):
            self._note(each.id, each.group, each.uri)
        metrics = asyncio.create_task(self._measure())
        try:
            together = 0
            async for event in self._downloads.events(-1):
                out = told(event)
                self._observe(out)
                self._publish(out)
                # Thousands may wait here, after one command: everything else has its turn in between.
                together = (together + 1) % TOGETHER
                if not together:
                    await asyncio.sleep(0)
        finally:
            metrics.cancel()
            self.close()

    def close(self) -> None:
        """Whoever reads comes to an end. Idempotent."""
        self._closed = True
        for reader in self._readers:
            reader.close()

    def read(self, interest: Interest, capacity: int = CAPACITY, still: Callable[[], bool] = lambda: True) -> Reader:
        """Everything from now on. `leave` it when it is not read any more; it ends when `still` says no."""
        reader = Reader(interest, capacity, still)
        self._readers.append(reader)
        if self._closed:
            reader.close()
        return reader

    def leave(self, reader: Reader) -> None:
        """It is not read any more. Idempotent."""
        reader.close()
        with suppress(ValueError):
            self._readers.remove(reader)

    async def replay(self, since: int, reader: Reader) -> AsyncIterator[Line]:
        """What was recorded after `since` and is of interest; `reader`, made before, leaves out what was told here."""
        async for event in self._downloads.events(since, follow=False):
            out = told(event)
            if isinstance(out, StatusEvent):
                reader.after = max(reader.after, out.seq)
                if reader.interest.covers(out.download_id, out.download.group):
                    yield line_of(out)

    @property
    def readers(self) -> int:
        """How many read now."""
        return len(self._readers)

    def _publish(self, out: EventOut) -> None:
        shown: DownloadOut | None = getattr(out, "download", None)
        if shown is not None:
            self._note(shown.download_id, shown.group, shown.uri)
        if self._readers:
            line = line_of(out)
            group = self._groups.get(line.id) if line.id is not None else None
            for reader in self._readers:
                reader.deliver(line, group)
        if shown is not None and (isinstance(out, RemovedEvent) or shown.phase in _ENDS):
            self._groups.pop(shown.download_id, None)
            self._schemes.pop(shown.download_id, None)

    def _note(self, id: str, group: str | None, uri: str) -> None:
        if group is not None:
            self._groups[id] = group
        self._schemes[id] = urlsplit(uri).scheme.lower() or "other"

    def _send_away(self) -> None:
        """End what is read with a token that has been revoked since."""
        for reader in self._readers:
            if not reader.still():
                reader.close()

    async def _measure(self) -> None:
        """Tell the numbers once a second while something moves, and once when nothing does any more."""
        moved = True
        while True:
            await self._clock.sleep(METRICS)
            self._send_away()
            with suppress(DlmError):
                stats = await self._downloads.stats() if self._readers else None
                if stats is None or not (stats.active or moved):
                    continue
                moved = stats.active > 0
                samples = await self._downloads.samples()
                speeds: dict[str, float] = {}
                for id, sample in samples.items():
                    scheme = self._schemes.get(id, "other")
                    speeds[scheme] = round(speeds.get(scheme, 0.0) + sample.smoothed_speed, 1)
                self._publish(_metrics(stats.active, stats.phases, speeds))


def _metrics(active: int, phases: Mapping[Phase, int], speeds: dict[str, float]) -> MetricsEvent:
    queued = sum(phases.get(phase, 0) for phase in (Phase.PENDING, Phase.SCHEDULED, Phase.WAITING))
    return MetricsEvent(active=active, queued=queued, avg_speed=round(sum(speeds.values()), 1), per_protocol=speeds)


def line_of(out: EventOut) -> Line:
    """The event as a line."""
    id = getattr(out, "download_id", None)
    return Line(encoded(out), id, getattr(out, "seq", None), id if isinstance(out, ProgressEvent) else None, out)
