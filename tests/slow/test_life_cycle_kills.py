"""kill -9 over the whole life of downloads: of `dlm run`, of a child process, of a command, at random or at a system call.

`DLM_KILLS` says how many kills (100 unless told), `DLM_STEPS` at how many system calls, `DLM_SEED` repeats a run.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.power.scenarios import STEPS, Place, demand_nothing, each_seed, killed_at_random, killed_at_step
from tests.power.workload import MIB, Plan

KILLS = int(os.environ.get("DLM_KILLS", "100"))
WANTED_STEPS = int(os.environ.get("DLM_STEPS", str(len(STEPS))))
SEED = int(os.environ.get("DLM_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def test_no_kill_breaks_a_promise(tmp_path: Path) -> None:
    """Killed while it adds, pauses, moves, removes and fetches, dlm forgets nothing and fetches little again."""
    kills, again, ready = 0, 0, 0.0
    for seed, luck in each_seed(SEED, KILLS):
        folder = tmp_path / str(seed)
        place = Place(folder / "state", folder / "files", folder / "elsewhere")
        workload, found = killed_at_random(place, luck, Plan(workers=luck.choice([0, 2])))
        demand_nothing(found, f"DLM_SEED={seed} DLM_KILLS=1")
        kills += workload.interruptions
        again = max(again, *(each // workload.interruptions for each in workload.refetched))
        ready = max([ready, *workload.readiness])
        if kills >= KILLS:
            break
    print(f"\n{kills} kills, seeds from {SEED}: at most {again / MIB:.1f} MiB fetched again a kill, ready after {ready:.2f} s")


def test_no_step_is_the_wrong_one_for_a_kill(tmp_path: Path) -> None:
    """Killed right before a sync, a rename, a deletion or a write: the next start finds its way."""
    missed = []
    steps = STEPS[:: max(1, len(STEPS) // WANTED_STEPS)]
    for step in steps:
        folder = tmp_path / str(step)
        place = Place(folder / "state", folder / "files", folder / "elsewhere")
        there, found = killed_at_step(step, None, place, random.Random(SEED))
        demand_nothing(found, f"DLM_SEED={SEED}, step {step}")
        missed += [] if there else [str(step)]
    print(f"\n{len(steps)} steps, of which {len(missed)} do not come up: {', '.join(missed)}")
    assert len(missed) < len(steps) / 3, "many steps do not come up any more"
