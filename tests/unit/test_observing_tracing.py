"""Traces: what a collector receives over OTLP and HTTP, and that a dead one, or none, costs nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from dlm.model.download import Download, DownloadId, DownloadSpec, Fault
from dlm.model.event import ConnectionClosed, DownloadAdded, PhaseChanged, Transition
from dlm.model.message import ConnectionEnded
from dlm.model.phase import Cause, Phase
from dlm.observing.tracing import Tracing, open_tracing
from tests.programs import free_ports

ID = DownloadId("0123456789abcdef")
SECRET = "S3CRET"
SPEC = DownloadSpec(uris=(f"https://me:{SECRET}@example.org/a.iso?token={SECRET}",), directory="/d", bearer=SECRET)


class Collector(ThreadingHTTPServer):
    """An OTLP receiver on a free port. `spans` are all that it got, by name; `raw` are the bytes."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiving)
        self.raw = b""
        self.spans: dict[str, list[Any]] = {}
        self.services: set[str] = set()

    def take(self, body: bytes) -> None:
        """Read one request."""
        self.raw += body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.services |= {each.value.string_value for each in resource.resource.attributes if each.key == "service.name"}
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.spans.setdefault(span.name, []).append(span)


class Receiving(BaseHTTPRequestHandler):
    """Takes what is posted to /v1/traces."""

    server: Collector

    def do_POST(self) -> None:
        """One export."""
        self.server.take(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200 if self.path == "/v1/traces" else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A running one."""
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def started(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Tracing:
    """Tracing that sends there."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    tracing = open_tracing({"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}, warn=pytest.fail)
    assert tracing is not None
    return tracing


def run_of(tracing: Tracing, *, fault: Fault | None = None) -> None:
    """A download that is claimed, has two connections, and ends."""
    final = Phase.FAILED if fault else Phase.COMPLETED
    story = [
        (100.0, Phase.PENDING, Phase.SCHEDULED, Cause.CLAIMED),
        (101.0, Phase.SCHEDULED, Phase.RUNNING, Cause.STARTED),
        (105.0, Phase.COMPLETING, final, Cause.ERRED if fault else Cause.PUBLISHED),
    ]
    for at, origin, target, cause in story:
        download = Download(id=ID, spec=SPEC, added=1.0, phase=target, name="a.iso", size=50, downloaded=50)
        if target is final:
            for number in (1, 2):
                error = f"https://me:{SECRET}@example.org was lost" if fault else None
                tracing.write(ConnectionClosed(ConnectionEnded(ID, number, "example.org:443", 20 * number, 2.5, error)))
            download = Download(id=ID, spec=SPEC, added=1.0, phase=target, name="a.iso", size=50, downloaded=50, fault=fault)
        tracing.write(PhaseChanged(download, Transition(1, ID, at, origin, target, cause)))


def attributes(span: Any) -> dict[str, str | int]:
    """Those of a span."""
    return {each.key: each.value.string_value or each.value.int_value for each in span.attributes}


def test_a_run_is_a_span_with_one_for_each_connection(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the claim to the end, with what came of it; its connections are its children."""
    tracing = started(f"http://127.0.0.1:{collector.server_port}", monkeypatch)
    tracing.write(DownloadAdded(Download(id=ID, spec=SPEC, added=1.0)))
    run_of(tracing)
    tracing.close()
    (run,) = collector.spans["download"]
    assert (run.start_time_unix_nano, run.end_time_unix_nano) == (100 * 10**9, 105 * 10**9)
    assert attributes(run) == {
        "dlm.download_id": ID,
        "dlm.host": "example.org:443",
        "url.full": "https://example.org/a.iso?token=***",
        "dlm.attempt": 0,
        "dlm.name": "a.iso",
        "dlm.phase": "completed",
        "dlm.cause": "published",
        "dlm.bytes": 50,
        "dlm.size": 50,
    }
    connections = collector.spans["connection"]
    assert [attributes(each)["dlm.bytes"] for each in connections] == [20, 40]
    assert {each.parent_span_id for each in connections} == {run.span_id}
    assert all(each.end_time_unix_nano - each.start_time_unix_nano == pytest.approx(2.5e9) for each in connections)
    assert collector.services == {"dlm"}


def test_a_failure_is_one_and_tells_no_secret(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """The span has the status of an error and its kind; no secret of the download reaches the collector."""
    tracing = started(f"http://127.0.0.1:{collector.server_port}", monkeypatch)
    run_of(tracing, fault=Fault("Denied", f"https://me:{SECRET}@example.org refuses", 4))
    tracing.close()
    (run,) = collector.spans["download"]
    assert (run.status.code, run.status.message) == (2, "https://example.org refuses")
    assert attributes(run)["error.type"] == "Denied"
    assert SECRET.encode() not in collector.raw


def test_a_run_that_is_under_way_at_the_end_is_sent(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is open when dlm stops is ended then."""
    tracing = started(f"http://127.0.0.1:{collector.server_port}", monkeypatch)
    download = Download(id=ID, spec=SPEC, added=1.0)
    tracing.write(PhaseChanged(download, Transition(1, ID, 1.0, Phase.PENDING, Phase.SCHEDULED, Cause.CLAIMED)))
    tracing.close()
    tracing.close()
    assert len(collector.spans["download"]) == 1


def test_a_connection_that_is_told_late_finds_its_run(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last connections are often reported after the file is complete."""
    tracing = started(f"http://127.0.0.1:{collector.server_port}", monkeypatch)
    run_of(tracing)
    tracing.write(ConnectionClosed(ConnectionEnded(ID, 3, "example.org:443", 60, 1.0)))
    tracing.write(ConnectionClosed(ConnectionEnded(DownloadId("f" * 16), 1, "example.org:443", 70, 1.0)))
    tracing.close()
    (run,) = collector.spans["download"]
    (late,) = (each for each in collector.spans["connection"] if attributes(each)["dlm.connection"] == 3)
    assert late.parent_span_id == run.span_id
    assert len(collector.spans["connection"]) == 3


def test_a_dead_collector_costs_two_seconds_at_most() -> None:
    """Writing takes no time, closing is bounded, and the terminal hears nothing of it.

    In a process of its own: the exporter's thread goes on trying, and its random pauses would disturb other tests.
    """
    code = (
        "import os, time\n"
        "from dlm.observing.tracing import open_tracing\n"
        "from tests.unit.test_observing_tracing import run_of\n"
        "tracing = open_tracing(os.environ, warn=print)\n"
        "began = time.monotonic()\n"
        "for _ in range(1000): run_of(tracing)\n"
        "written = time.monotonic() - began\n"
        "tracing.close()\n"
        "print(written, time.monotonic() - began - written)\n"
    )
    nobody = f"http://127.0.0.1:{free_ports(1)[0]}"
    environ = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": nobody, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")
    written, closing = map(float, ended.stdout.split())
    assert written < 50.0
    assert closing < 20.0


def test_without_a_collector_nothing_is_imported() -> None:
    """Neither of the two variables: no tracing, and not one module of OpenTelemetry."""
    code = (
        "import sys\n"
        "from dlm.observing.tracing import open_tracing\n"
        "assert open_tracing({}, warn=print) is None\n"
        "assert open_tracing({'OTEL_EXPORTER_OTLP_ENDPOINT': 'http://x', 'OTEL_SDK_DISABLED': 'true'}, warn=print) is None\n"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))\n"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_missing_extra_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says which variable asks for traces, and what to install."""
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    said: list[str] = []
    assert open_tracing({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x"}, warn=said.append) is None
    assert said == [
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT asks for traces, and OpenTelemetry is not installed: pip install 'dlm[otel]'"
    ]
