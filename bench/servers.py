"""The servers: nginx as Debian has it, and the one that misbehaves. Both write down what they were asked."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from bench.model import Faults
from bench.network import NAMES, End, inside

NGINX = """
daemon off; user root; worker_processes 2; pid {run}/nginx.pid; error_log {run}/error.log error;
events {{ worker_connections 4096; }}
http {{
  types {{}} default_type application/octet-stream;
  sendfile on; tcp_nopush on; keepalive_requests 1000000; keepalive_timeout 60s;
  log_format one '$connection $status $bytes_sent';
  access_log {run}/access.log one buffer=64k;
  client_body_temp_path {run}; proxy_temp_path {run}; fastcgi_temp_path {run}; uwsgi_temp_path {run}; scgi_temp_path {run};
  ssl_certificate {keys}/server.pem; ssl_certificate_key {keys}/server.key;
  ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:s:8m;
  root {root}; autoindex on;
  server {{ listen 80 backlog=4096; }}
  server {{ listen 443 ssl backlog=4096; }}
  server {{ listen 8443 ssl http2 backlog=4096; }}
}}
"""
PORTS = {"http": 80, "https": 443, "h2": 8443, "ftp": 21, "sftp": 22, "s3": 8333}


@dataclass
class Asked:
    """What a server saw; filled in when it has ended."""

    seen: dict[str, int] = field(default_factory=dict)


@contextmanager
def nginx(end: End, root: Path, keys: Path, run: Path) -> Iterator[Asked]:
    """nginx with http, https, and https with HTTP/2."""
    run.mkdir(parents=True)
    (run / "nginx.conf").write_text(NGINX.format(run=run, root=root, keys=keys))
    asked = Asked()
    with served(
        [*inside(end.space), "nginx", "-c", str(run / "nginx.conf"), "-e", str(run / "error.log")], end, signal.SIGQUIT
    ):
        yield asked
    lines = [line.split() for line in (run / "access.log").read_text().splitlines()]
    asked.seen = {
        "connections": len({line[0] for line in lines}),
        "requests": len(lines),
        "refused": sum(line[1] in {"503", "429"} for line in lines),
        "body_bytes": sum(int(line[2]) for line in lines),
    }


@contextmanager
def misbehaving(end: End, root: Path, faults: Faults, seed: int, run: Path) -> Iterator[Asked]:
    """The server with faults, on port 80."""
    run.mkdir(parents=True)
    journal = run / "seen.json"
    words = [str(root), "80", str(seed), json.dumps(asdict(faults)), str(journal)]
    asked = Asked()
    with served([*inside(end.space), sys.executable, "-m", "bench.misbehaving", *words], end, signal.SIGTERM):
        yield asked
    asked.seen = json.loads(journal.read_text())


@contextmanager
def served(
    command: list[str], end: End, ending: signal.Signals, port: int = 80, log: IO[bytes] | None = None
) -> Iterator[None]:
    """The program from the moment on at which it listens."""
    with subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            wait_for_port(end.space, process, port)
            yield
        finally:
            process.send_signal(ending)
            try:
                process.wait(3)
            except subprocess.TimeoutExpired:
                # Connections that a killed client has left hold it up; it is asked less kindly.
                process.terminate()


def wait_for_port(space: str, process: subprocess.Popen[bytes], port: int = 80) -> None:
    """Return when something listens there. RuntimeError: nothing does after thirty seconds."""
    for _ in range(3000):
        listening = subprocess.run([*inside(space), "ss", "-Hltn", f"sport = :{port}"], capture_output=True, check=True)
        if listening.stdout:
            return
        if process.poll() is not None:
            break
        time.sleep(0.01)
    raise RuntimeError(f"no server listens in {NAMES / space}")
