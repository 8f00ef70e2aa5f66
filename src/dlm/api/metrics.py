"""Numbers for Prometheus, at /metrics: what the queue holds is asked for at each scrape, what happens is counted as it happens.

Labels are words of ours (phases, causes, kinds of errors, schemes, names of commands), never what servers or users say: an
address in a label would be a secret told, and a series for each host would have no bound.
"""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import Awaitable, Callable
from time import perf_counter

from prometheus_client import Counter, Gauge, ProcessCollector, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dlm.api.durations import Durations
from dlm.api.events import ConnectionEvent, EventOut, ProgressEvent, RemovedEvent, StatusEvent, WarningEvent
from dlm.api.feed import Feed
from dlm.api.networks import NETWORKS, network_of
from dlm.api.problem import problem_of
from dlm.api.refused import Refused
from dlm.api.rest import problem_response, require
from dlm.api.scope import Scope
from dlm.model.address import host_of
from dlm.model.error import DlmError
from dlm.model.phase import FINAL_PHASES, Phase
from dlm.ports import Clock, Downloads

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_ENDS = frozenset(phase.value for phase in FINAL_PHASES)


class Metrics:
    """Counts in the registry of `durations`."""

    def __init__(self, downloads: Downloads, clock: Clock, durations: Durations) -> None:
        self._downloads = downloads
        self._clock = clock
        self._durations = durations
        made = self._registry = durations.registry
        ProcessCollector(registry=made)
        self._bytes = Counter("dlm_downloaded_bytes", "Bytes that have come into files", registry=made)
        self._steps = Counter("dlm_transitions", "Changes of phase", ["to", "cause"], registry=made)
        self._errors = Counter("dlm_failures", "Downloads that failed for good", ["kind"], registry=made)
        self._retries = Counter("dlm_retries", "Downloads that wait to be tried again", ["kind"], registry=made)
        self._connections = Counter("dlm_connections_closed", "Connections that are over", ["ended", "network"], registry=made)
        self._warnings = Counter("dlm_warnings", "Warnings", ["code"], registry=made)
        self._phases = Gauge("dlm_downloads", "Downloads by phase", ["phase"], registry=made)
        self._speed = Gauge("dlm_speed_bytes_per_second", "What comes at this moment", registry=made)
        self._open = Gauge("dlm_connections", "Connections at work", ["network"], registry=made)
        self._active = Gauge("dlm_active_downloads", "Downloads that move", registry=made)
        self._carriers = Gauge("dlm_carriers", "Processes that carry downloads", registry=made)
        self._readers = Gauge("dlm_event_readers", "Clients that follow events", registry=made)
        self._seen: dict[str, int] = {}
        self._running: dict[str, str] = {}
        """The kind of network that what runs is fetched from, by the address that it was asked for with."""

    def observe(self, event: EventOut) -> None:
        """Count what happens. Called for every event, once."""
        match event:
            case ProgressEvent():
                before = self._seen.get(event.download_id)
                self._seen[event.download_id] = event.downloaded
                # What was there before this process looked is not counted, nor what is thrown away to begin anew.
                self._bytes.inc(max(0, event.downloaded - before) if before is not None else 0)
            case StatusEvent():
                self._steps.labels(event.target, event.cause).inc()
                if event.target == Phase.RUNNING.value:
                    self._running[event.download_id] = network_of(host_of(event.download.uri))
                else:
                    self._running.pop(event.download_id, None)
                if event.target == Phase.FAILED.value:
                    self._errors.labels(event.error.kind if event.error else "unknown").inc()
                if event.target == Phase.WAITING.value:
                    self._retries.labels(event.error.kind if event.error else event.cause).inc()
                if event.target in _ENDS:
                    self._end(event)
            case ConnectionEvent():
                self._connections.labels("failed" if event.error else "done", network_of(event.host)).inc()
            case WarningEvent():
                self._warnings.labels(event.code).inc()
            case RemovedEvent():
                self._seen.pop(event.download_id, None)
                self._running.pop(event.download_id, None)

    def _end(self, event: StatusEvent) -> None:
        before = self._seen.pop(event.download_id, 0)
        if event.target == Phase.COMPLETED.value and event.download.size is not None:
            self._bytes.inc(max(0, event.download.size - before))

    def timed(self, command: str, run: Callable[[], Awaitable[Response]]) -> Awaitable[Response]:
        """The same answer; what it took is noted."""

        async def answer() -> Response:
            began = perf_counter()
            try:
                return await run()
            finally:
                self._durations.request(command, perf_counter() - began)

        return answer()

    async def run(self) -> None:
        """Look how late the event loop is, until cancelled."""
        await self._durations.watch(self._clock, lambda: bool(self._running))

    async def text(self, feed: Feed) -> bytes:
        """What Prometheus reads. Raises `DlmError` when the database cannot be asked."""
        stats = await self._downloads.stats()
        samples = await self._downloads.samples()
        counts = Count({phase.value: count for phase, count in stats.phases.items()})
        for phase in Phase:
            self._phases.labels(phase.value).set(counts[phase.value])
        self._speed.set(sum(each.smoothed_speed for each in samples.values()))
        open_ = Count[str]()
        for id, sample in samples.items():
            open_[self._running.get(id, "unknown")] += len(sample.connections)
        for network in (*NETWORKS, "unknown"):
            self._open.labels(network).set(open_[network])
        self._active.set(stats.active)
        self._carriers.set(stats.carriers)
        self._readers.set(feed.readers)
        return generate_latest(self._registry)


def route(metrics: Metrics, feed: Feed) -> Route:
    """/metrics, for readers."""

    async def scraped(request: Request) -> Response:
        try:
            require(request, Scope.READ)
            return Response(await metrics.text(feed), media_type=MEDIA_TYPE)
        except Refused as refused:
            return problem_response(refused.problem)
        except DlmError as error:
            return problem_response(problem_of(error))

    return Route("/metrics", scraped, methods=["GET"])
