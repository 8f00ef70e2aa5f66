"""How soon a pause from another terminal stops the traffic, counted where the bytes leave. The machine should be quiet.

Run it with `pytest -m slow -s tests/slow/test_stopping.py`; it prints what it measured. `DLM_SLACK` is how many times longer
things may take.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.hostile import HostileServer, content
from tests.integration.test_queue_runs import MIB, last_byte_after, stands_still, urls
from tests.machine import Machine, seconds_until

SLACK = float(os.environ.get("DLM_SLACK", "1"))

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.mark.parametrize(("count", "most"), [(1, 1.0), (64, 2.0)])
def test_a_pause_stops_the_traffic(tmp_path: Path, count: int, most: float) -> None:
    """Within a second of the command for one download, within two for 64, the time of the command included."""
    machine = Machine(tmp_path)
    with HostileServer(content(4 * MIB, seed=3), connection_bytes_per_second=MIB // 8, headstart=200 * 1024) as server:
        machine.add(*urls(server, count), options=("-x", "1"))
        with machine.running("run", "-q", "--stay", "-j", str(count), "--per-host", str(count)):
            seconds_until(lambda: Counter(machine.statuses())["running"] == count)
            seconds_until(lambda: server.bytes_sent() > count * 200 * 1024)
            began = time.monotonic()
            with machine.running("pause", "--all") as pausing:
                took = last_byte_after(server, began)
                assert pausing.end()[0] == 0
            print(f"\nthe last byte of {count} left after {took:.2f} s", end="")
            assert took < most * SLACK
            seconds_until(lambda: machine.statuses() == ["paused"] * count)
            assert stands_still(server)
