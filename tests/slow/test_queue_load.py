"""A large queue as its users meet it: bulk add, start, list and memory, with 10,000 downloads and with 100,000.

Run it with `pytest -m slow -s tests/slow/test_queue_load.py`; it prints what it measured. `DLM_SLACK` is how many times
longer than promised it may take, for machines that are busy with something else.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.hostile import HostileServer, content
from tests.machine import Machine, seconds_until

SLACK = float(os.environ.get("DLM_SLACK", "1"))

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def resident(pid: int) -> float:
    """MiB that a process has resident."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) / 1024


def timed(action: object) -> float:
    """Seconds that it takes."""
    began = time.monotonic()
    action()  # type: ignore[operator]
    return time.monotonic() - began


@pytest.mark.parametrize(
    ("count", "add", "start", "page", "memory"), [(10_000, 5.0, 2.0, 0.3, 120), (100_000, 60.0, 8.0, 0.6, 250)]
)
def test_a_large_queue(tmp_path: Path, count: int, add: float, start: float, page: float, memory: float) -> None:
    """What is queued costs neither time nor memory."""
    machine = Machine(tmp_path)
    with HostileServer(content(10_000), connection_bytes_per_second=5_000) as server:
        lines = (server.url(f"/{number}.bin", host=f"127.0.0.{1 + number % 50}") + "\n" for number in range(count))
        (tmp_path / "urls.txt").write_text("".join(lines))
        adding = timed(lambda: machine.dlm("add", "-i", str(tmp_path / "urls.txt"), "-x", "1", timeout=300))
        paging = min(timed(lambda: machine.dlm("list")) for _ in range(3))
        began = time.monotonic()
        with machine.running("run", "-q", "-j", "8") as run:
            seconds_until(lambda: server.requests, 60.0)
            starting = time.monotonic() - began
            time.sleep(5)
            resident_now = resident(run.process.pid)
            busy_page = min(timed(lambda: machine.dlm("list")) for _ in range(3))
    print(
        f"\n{count} queued: added in {adding:.1f} s, first request after {starting:.2f} s,"
        f" a page of the list in {paging:.2f} s ({busy_page:.2f} s while it works), {resident_now:.0f} MiB"
    )
    assert adding <= add * SLACK
    assert starting <= start * SLACK
    assert paging <= page * SLACK
    assert resident_now <= memory
