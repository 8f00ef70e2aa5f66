"""A sample of the suites that cut the power and kill dlm over the whole life of downloads; `tests/slow` has all of them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.power.disk import PowerCut
from tests.power.scenarios import Place, Step, cut_at_random, demand_nothing, killed_at_random, killed_at_step
from tests.power.workload import MIB, Plan

SEED = 1
SMALL = Plan(downloads=3, largest=3 * MIB, rates=(4 * MIB,), workers=1)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Folders on the usual disk."""
    return Place(tmp_path / "state", tmp_path / "files", tmp_path / "elsewhere")


@pytest.fixture
def disks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PowerCut]:
    """Disks whose power can be cut."""
    with PowerCut(tmp_path_factory.mktemp("disks")) as plugged:
        yield plugged


def on(disks: PowerCut, tmp_path: Path) -> Place:
    """Folders on those disks."""
    return Place(disks.state / "s", disks.files / "f", tmp_path / "elsewhere")


def test_kills_break_no_promise(place: Place) -> None:
    """Killed at random while commands go on, dlm loses nothing that it has acknowledged."""
    _, found = killed_at_random(place, random.Random(SEED), SMALL)
    demand_nothing(found, f"seed {SEED}")


def test_power_cuts_break_no_promise(disks: PowerCut, tmp_path: Path) -> None:
    """Nor when the power fails."""
    _, found = cut_at_random(disks, on(disks, tmp_path), random.Random(SEED), SMALL)
    demand_nothing(found, f"seed {SEED}")


@pytest.mark.parametrize("step", [Step("run", "renameat2", 1), Step("add", "fdatasync", 1)], ids=str)
def test_a_step_that_is_cut_off_is_taken_up_again(disks: PowerCut, tmp_path: Path, step: Step) -> None:
    """The power fails right before the file gets its name, and right before an addition is durable."""
    reached, found = killed_at_step(step, disks, on(disks, tmp_path), random.Random(SEED))
    demand_nothing(found, f"seed {SEED}, step {step}")
    assert reached
