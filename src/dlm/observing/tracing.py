"""Traces for OpenTelemetry: a span for each run of a download, and below it one for each of its connections.

Rules
-----
* Nothing is imported unless the environment names a collector; then the extra `dlm[otel]` must be installed.
* Spans are sent by a thread, over OTLP by HTTP, from a queue that is bounded: what a slow or dead collector does not take
  is dropped. The end waits for it for two seconds at most.
* All else is the business of OpenTelemetry's own variables (`OTEL_SERVICE_NAME`, `OTEL_EXPORTER_OTLP_HEADERS`…).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from dlm.model.download import Download, DownloadId
from dlm.model.event import ConnectionClosed, Event, PhaseChanged
from dlm.model.message import ConnectionEnded
from dlm.model.phase import CLAIMED_PHASES, Cause, Phase
from dlm.observing.facts import Fact, harmless

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""Either names the collector."""
LAST_WAIT = 2.0
"""Seconds that `close` gives the last spans."""
REMEMBERED = 256
"""Runs that are over and may still hear of their last connections."""
_FAILURES = frozenset({Cause.ERRED, Cause.BACKED_OFF, Cause.DISCONNECTED})
_NANO = 1_000_000_000


def open_tracing(environ: Mapping[str, str], *, warn: Callable[[str], None]) -> Tracing | None:
    """Tracing as the environment asks for it; `None` when it does not, or when it cannot be had, which `warn` is told."""
    if not any(environ.get(name) for name in VARIABLES) or environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    try:
        return Tracing(_provider(environ))
    except ImportError:
        named = next(name for name in VARIABLES if environ.get(name))
        warn(f"{named} asks for traces, and OpenTelemetry is not installed: pip install 'dlm[otel]'")
        return None


class Tracing:
    """Makes spans of events. Belongs to the thread that writes."""

    def __init__(self, provider: TracerProvider, *, wall: Callable[[], float] = time.time) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("dlm")
        self._wall = wall
        self._runs: dict[DownloadId, Span] = {}
        self._ended: dict[DownloadId, Span] = {}

    def write(self, event: Event) -> None:
        """Begin or end the spans that the event is about. Never blocks on the network."""
        match event:
            case PhaseChanged(download, step):
                if step.origin not in CLAIMED_PHASES and step.target in CLAIMED_PHASES:
                    self._begin(download, step.at)
                elif run := self._runs.get(download.id):
                    run.add_event(step.cause.value, timestamp=_nano(step.at))
                    if step.target not in CLAIMED_PHASES:
                        self._end(download, step.cause, step.at)
            case ConnectionClosed(connection):
                self._connection(connection)
            case _:
                pass

    def close(self) -> None:
        """End what is open and send what waits, for two seconds at most. Idempotent."""
        for run in self._runs.values():
            run.end()
        self._runs.clear()
        # A collector that is gone would be tried again and again.
        ending = threading.Thread(target=self._provider.shutdown, name="dlm-traces", daemon=True)
        ending.start()
        ending.join(LAST_WAIT)

    def _begin(self, download: Download, at: float) -> None:
        facts: dict[str, str | int] = {
            "dlm.download_id": download.id,
            "dlm.host": download.host,
            "url.full": download.uri,
            "dlm.attempt": download.attempts,
        }
        self._runs[download.id] = self._tracer.start_span("download", start_time=_nano(at), attributes=facts)

    def _end(self, download: Download, cause: Cause, at: float) -> None:
        from opentelemetry.trace import Status, StatusCode

        run = self._ended[download.id] = self._runs.pop(download.id)
        if len(self._ended) > REMEMBERED:
            del self._ended[next(iter(self._ended))]
        run.set_attributes(
            _known(
                {
                    "dlm.name": download.name,
                    "dlm.phase": download.phase.value,
                    "dlm.cause": cause.value,
                    "dlm.bytes": download.downloaded,
                    "dlm.size": download.size,
                }
            )
        )
        if cause in _FAILURES or download.phase is Phase.FAILED:
            fault = download.fault
            run.set_attributes(_known({"error.type": fault.kind if fault else cause.value}))
            run.set_status(Status(StatusCode.ERROR, harmless(fault.message) if fault else None))
        run.end(_nano(at))

    def _connection(self, connection: ConnectionEnded) -> None:
        from opentelemetry.trace import Status, StatusCode, set_span_in_context

        run = self._runs.get(connection.id) or self._ended.get(connection.id)
        if run is None:
            return
        now = self._wall()
        facts: dict[str, str | int] = {
            "dlm.connection": connection.number,
            "dlm.host": connection.host,
            "dlm.bytes": connection.bytes,
        }
        span = self._tracer.start_span(
            "connection",
            context=set_span_in_context(run),
            start_time=_nano(now - connection.elapsed),
            attributes=facts,
        )
        if connection.error is not None:
            span.set_status(Status(StatusCode.ERROR, harmless(connection.error)))
        span.end(_nano(now))


def _provider(environ: Mapping[str, str]) -> TracerProvider:
    import logging

    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from dlm import __version__

    # That a collector is gone is no news for the terminal of whoever downloads.
    logging.getLogger("opentelemetry").addHandler(logging.NullHandler())
    named = {} if environ.get("OTEL_SERVICE_NAME") else {"service.name": "dlm"}
    resource = Resource.create({**named, "service.version": __version__})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def _known(facts: dict[str, Fact]) -> dict[str, str | int | float]:
    return {name: value for name, value in facts.items() if value is not None}


def _nano(seconds: float) -> int:
    return int(seconds * _NANO)
