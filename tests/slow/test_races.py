"""Two `dlm run` on one database, raced again and again, with and without a kill: nothing runs twice, nothing is lost.

`DLM_RACES` says how often (50 unless told).
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from tests.hostile import HostileServer, content
from tests.machine import Machine, seconds_until

RACES = int(os.environ.get("DLM_RACES", "50"))
SEED = int(os.environ.get("DLM_SEED", "0"))
FILE = content(200_001, seed=5)
COUNT = 10

pytestmark = pytest.mark.slow


def are_done(machine: Machine) -> bool:
    """Whether every download is complete."""
    return machine.statuses() == ["completed"] * COUNT


@pytest.mark.timeout(3600)
def test_two_runs_started_together_carry_each_download_once(tmp_path: Path) -> None:
    """Both begin at the same moment on the same queue; every download is claimed once, and every file fetched once."""
    for race in range(RACES):
        folder = tmp_path / str(race)
        folder.mkdir()
        machine = Machine(folder)
        with HostileServer(FILE) as server:
            machine.add(*(server.url(f"/{number}.bin") for number in range(COUNT)), options=("-x", "1"))
            with machine.running("run", "-q", "-j", "3") as one, machine.running("run", "-q", "-j", "3") as other:
                assert (one.end()[0], other.end()[0]) == (0, 0), race
            assert machine.statuses() == ["completed"] * COUNT, race
            assert Counter(record.path for record in server.requests).most_common(1)[0][1] == 1, race
            stories = [machine.story(id) for id in machine.all()]
            assert all([step["cause"] for step in story].count("claimed") == 1 for story in stories), race


@pytest.mark.timeout(3600)
def test_what_a_killed_run_held_is_finished_by_the_other(tmp_path: Path) -> None:
    """One of two is killed at some moment; the other takes over all that it had, and every file is right."""
    chance = random.Random(SEED)
    slowest = 0.0
    for race in range(max(1, RACES // 5)):
        folder = tmp_path / str(race)
        folder.mkdir()
        machine = Machine(folder)
        with HostileServer(FILE, connection_bytes_per_second=200_000) as server:
            machine.add(*(server.url(f"/{number}.bin") for number in range(COUNT)), options=("-x", "1"))
            with machine.running("run", "-q", "-j", "3") as one, machine.running("run", "-q", "-j", "3", "--stay") as other:
                time.sleep(0.3 + chance.random() * 2)
                one.send(signal.SIGKILL)
                took = seconds_until(partial(are_done, machine), 60.0)
                slowest = max(slowest, took)
                other.send(signal.SIGTERM)
                other.end()
            for each in machine.all().values():
                assert Path(each["path"]).read_bytes() == FILE, race
    print(f"\nthe slowest of the killed races took {slowest:.1f} s")
