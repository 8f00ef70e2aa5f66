"""The power fails: at random moments, at acknowledgements, and before each system call that makes something durable.

`DLM_CUTS` says how many cuts (50 unless told), `DLM_STEPS` at how many steps, `DLM_SEED` repeats a run. The last test breaks
dlm's promises one by one, and demands that the first test sees it.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.power.disk import PowerCut
from tests.power.scenarios import STEPS, broken_at_random, cut_at_random, demand_nothing, each_seed, killed_at_step, places
from tests.power.workload import MIB, Plan

CUTS = int(os.environ.get("DLM_CUTS", "50"))
WANTED_STEPS = int(os.environ.get("DLM_STEPS", str(len(STEPS))))
SEED = int(os.environ.get("DLM_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
PATIENCE = 12
"""Scenarios after which a broken promise must have been noticed."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def disks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PowerCut]:
    """Two disks for all tests here."""
    with PowerCut(tmp_path_factory.mktemp("disks"), megabytes=1024) as plugged:
        yield plugged


def test_no_power_cut_breaks_a_promise(disks: PowerCut, tmp_path: Path) -> None:
    """Whenever the power fails, everything acknowledged is there, no byte is wrong, and little is fetched again."""
    place, cuts, again, ready = places(disks, tmp_path), 0, 0, 0.0
    for seed, luck in each_seed(SEED, CUTS):
        workload, found = cut_at_random(disks, place(), luck, Plan(workers=luck.choice([0, 2])))
        demand_nothing(found, f"DLM_SEED={seed} DLM_CUTS=1")
        cuts += workload.interruptions
        again = max(again, *(each // workload.interruptions for each in workload.refetched))
        ready = max([ready, *workload.readiness])
        if cuts >= CUTS:
            break
    print(
        f"\n{cuts} power cuts, seeds from {SEED}: at most {again / MIB:.1f} MiB fetched again a cut, ready after {ready:.2f} s"
    )


def test_a_disk_that_fails_under_dlm_breaks_no_promise(disks: PowerCut, tmp_path: Path) -> None:
    """What could not be synced is not claimed, though the database still takes everything; then the power goes."""
    place = places(disks, tmp_path)
    for seed, luck in each_seed(SEED, max(1, CUTS // 5)):
        _, found = broken_at_random(disks, place(), luck, Plan(workers=luck.choice([0, 2])))
        demand_nothing(found, f"DLM_SEED={seed} DLM_CUTS=1")


def test_no_step_is_the_wrong_one_for_a_power_cut(disks: PowerCut, tmp_path: Path) -> None:
    """The power fails right before a sync, a rename, a deletion or a write: the next start finds its way."""
    place, missed = places(disks, tmp_path), []
    steps = STEPS[:: max(1, len(STEPS) // WANTED_STEPS)]
    for step in steps:
        there, found = killed_at_step(step, disks, place(), random.Random(SEED))
        demand_nothing(found, f"DLM_SEED={SEED}, step {step}")
        missed += [] if there else [str(step)]
    print(f"\n{len(steps)} steps, of which {len(missed)} do not come up: {', '.join(missed)}")
    assert len(missed) < len(steps) / 3, "many steps do not come up any more"


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(
    ("mutation", "seen_by", "small"),
    [
        ("data", "I3", 0.0),
        ("file", "I2", 0.0),
        ("folder", "I1", 0.0),
        ("commits", "I1", 0.0),
        ("file", "I2", 1.0),
        ("folder", "I1", 1.0),
    ],
)
def test_a_forgotten_sync_is_noticed(
    disks: PowerCut, tmp_path: Path, mutation: str, seen_by: str, small: float, workers: int
) -> None:
    """Without the sync of the data, of the whole file, of the directory, or of the commits, cuts break promises.

    So it is in one process, and where child processes write the files; and with small files, which have no partial ones.
    """
    place = places(disks, tmp_path)
    noticed: set[str] = set()
    for number, (_, luck) in enumerate(each_seed(SEED, PATIENCE), 1):
        _, found = cut_at_random(disks, place(), luck, Plan(mutation=mutation, small=small, workers=workers))
        noticed |= {sentence[:2] for sentence in found}
        if seen_by in noticed:
            print(f"\nwithout {mutation}, {workers} workers: noticed in scenario {number}: {found[0]}")
            return
    pytest.fail(f"nobody noticed that {mutation} is not synced, only {noticed}")
