"""The log and the traces of a real run, from the command line to the file and to the collector."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.conftest import RunDlm
from tests.hostile import HostileServer


def test_a_run_is_logged(dlm: RunDlm, hostile: HostileServer, tmp_path: Path) -> None:
    """What happened to the download is there, in order, and its token is not."""
    log = tmp_path / "log"
    assert dlm("add", "-d", str(tmp_path), hostile.url("/file.bin") + "?token=S3CRET").returncode == 0
    ended = dlm("run", "-q", "--log-file", str(log), "--log-format", "json")
    assert ended.returncode == 0, ended.stderr
    told = [json.loads(line) for line in log.read_text().splitlines()]
    steps = [each["cause"] for each in told if each["event"] == "download_status_changed"]
    assert steps == ["claimed", "started", "transferred", "published"]
    connections = [each for each in told if each["event"] == "connection_closed"]
    assert sum(each["bytes"] for each in connections) == len(hostile.content.data)
    assert "S3CRET" not in log.read_text()
    assert "token=***" in log.read_text()


def test_a_log_that_cannot_be_opened_stops_the_start(dlm: RunDlm, tmp_path: Path) -> None:
    """A mistake in the path is an error at once, with a sentence that says so."""
    ended = dlm("run", "--log-file", str(tmp_path / "no" / "log"))
    assert (ended.returncode, "log" in ended.stderr) == (6, True)


def test_a_run_is_traced(dlm: RunDlm, hostile: HostileServer, tmp_path: Path) -> None:
    """With a collector named in the environment, it receives the spans of the run before dlm has ended."""
    received: list[bytes] = []

    class Receiving(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiving) as collector:
        serving = threading.Thread(target=collector.serve_forever, args=(0.01,))
        serving.start()
        address = f"http://127.0.0.1:{collector.server_port}"
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": address}
        assert dlm("get", "-q", "-d", str(tmp_path), hostile.url("/file.bin"), env=env).returncode == 0
        collector.shutdown()
        serving.join()
    if not received:
        pytest.fail("nothing reached the collector")
    assert b"connection" in b"".join(received)
