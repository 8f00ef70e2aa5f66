"""How a life is cut short: at a random moment, at an acknowledgement, or at the N-th call of the system."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.power.disk import PowerCut
from tests.power.workload import MIB, Plan, Workload
from tests.programs import find_program

LONGEST_RUN = 3.0


@dataclass(frozen=True)
class Place:
    """Where one scenario has its database, its files, and nothing."""

    state: Path
    files: Path
    elsewhere: Path


@dataclass(frozen=True)
class Step:
    """The system call before which dlm is killed: the `number`-th `call` of a thread of the command `verb`.

    `run small` is `run` with small files only.
    """

    verb: str
    call: str
    number: int

    def __str__(self) -> str:
        return f"{self.verb}-{self.call}-{self.number}".replace(" ", "-")

    def tracer(self) -> list[str]:
        """What is put before the command line."""
        program = find_program("strace", "install strace")
        killing = f"inject={self.call}:signal=SIGKILL:when={self.number}"
        return [program, "-f", "-qq", "-o", "/dev/null", "-e", f"trace={self.call}", "-e", killing]


_CALLS: dict[str, dict[str, int]] = {
    "run small": {"fdatasync": 8, "fsync": 3, "linkat": 1, "pwrite64": 8},
    "run": {"fdatasync": 12, "fsync": 3, "renameat2": 1, "pwrite64": 15, "unlinkat": 1, "unlink": 1},
    "add": {"fdatasync": 4, "fsync": 2, "renameat2": 1, "pwrite64": 8},
    "remove": {"fdatasync": 4, "unlinkat": 1, "pwrite64": 4, "fsync": 1},
    "pause": {"fdatasync": 2},
}
"""Which calls, and how many of each."""

STEPS = [Step(verb, call, n + 1) for verb, calls in _CALLS.items() for call, count in calls.items() for n in range(count)]
"""All of them: 80."""


def places(disks: PowerCut, folder: Path) -> Callable[[], Place]:
    """Gives a place of its own to each scenario, on the disks."""
    numbers = iter(range(10**6))

    def place() -> Place:
        number = next(numbers)
        return Place(disks.state / f"s{number}", disks.files / f"f{number}", folder / f"e{number}")

    return place


def opened(place: Place, luck: random.Random, plan: Plan) -> Workload:
    """The workload of a scenario."""
    return Workload(place.state, place.files, place.elsewhere, luck, plan)


def cut_at_random(disks: PowerCut, place: Place, luck: random.Random, plan: Plan) -> tuple[Workload, list[str]]:
    """Cut the power up to three times, each at a random moment or right after a promise, then let dlm come to its end.

    Gives the workload, for its figures, and what did not hold.
    """
    with opened(place, luck, plan) as workload:
        _fill(workload, luck)
        for _ in range(luck.randint(1, 3)):
            _live(workload, luck)
            workload.freeze()
            disks.cut()
            workload.kill()
            disks.restore()
            if found := workload.take_stock():
                return workload, found
        workload.finish()
        return workload, workload.take_stock(ended=True)


def broken_at_random(disks: PowerCut, place: Place, luck: random.Random, plan: Plan) -> tuple[Workload, list[str]]:
    """The disk of the files fails under a running dlm, which goes on for a while and records what it makes of it."""
    with opened(place, luck, plan) as workload:
        _fill(workload, luck)
        _live(workload, luck)
        workload.halted(disks.break_files)
        workload.pass_time(luck.uniform(0.2, 2.5))
        workload.freeze()
        disks.cut()
        workload.kill()
        disks.restore()
        if found := workload.take_stock():
            return workload, found
        workload.finish()
        return workload, workload.take_stock(ended=True)


def killed_at_random(place: Place, luck: random.Random, plan: Plan) -> tuple[Workload, list[str]]:
    """Kill `dlm run`, one of its children, the command that is being given, or everything; then let it end."""
    with opened(place, luck, plan) as workload:
        _fill(workload, luck)
        for _ in range(luck.randint(1, 3)):
            victim = luck.choice(["run", "command", "all", *(["child", "child"] if plan.workers else [])])
            _live(workload, luck)
            if victim == "child":
                workload.kill_child()
                workload.wait_for_promise(luck.uniform(0.1, 1.0))
            if victim == "command":
                workload.kill_command()
                workload.pass_time(luck.uniform(0.1, 1.0))
            if victim == "run":
                workload.kill_runner()
            else:
                workload.kill()
            if found := workload.take_stock():
                return workload, found
        workload.finish()
        return workload, workload.take_stock(ended=True)


def killed_at_step(step: Step, disks: PowerCut | None, place: Place, luck: random.Random) -> tuple[bool, list[str]]:
    """Kill dlm at the step, with `disks` cut the power there as well; then let it come to its end.

    Says whether the step was reached, and what did not hold.
    """
    plan = Plan(downloads=2, largest=2 * MIB, small=float(step.verb == "run small"), rates=(2 * MIB,))
    with opened(place, luck, plan) as workload:
        reached = _step(workload, step)
        if disks is not None:
            workload.freeze()
            disks.cut()
        workload.kill()
        if disks is not None:
            disks.restore()
        found = workload.take_stock()
        if not found:
            workload.finish()
            found = workload.take_stock(ended=True)
        return reached, found


def _step(workload: Workload, step: Step) -> bool:
    first, second = workload.truth
    if step.verb == "add":
        return workload.give("add", first, before=step.tracer()) is None
    workload.give("add", first)
    if step.verb.startswith("run"):
        runner = workload.start(*step.tracer())
        workload.await_end(runner)
        return runner.returncode != 0
    workload.give("add", second)
    workload.start()
    workload.wait_ready()
    workload.wait_for_promise(0.7)
    workload.kill()
    return workload.give(step.verb, second, before=step.tracer()) is None


def _fill(workload: Workload, luck: random.Random) -> None:
    for address in luck.sample(list(workload.truth), k=max(1, len(workload.truth) * 3 // 4)):
        workload.give("add", address)


def _live(workload: Workload, luck: random.Random) -> None:
    workload.start()
    workload.wait_ready()
    workload.command_along()
    if luck.random() < 0.4:
        workload.wait_for_promise(LONGEST_RUN)
    else:
        workload.pass_time(luck.uniform(0, LONGEST_RUN))


def each_seed(base: int, count: int) -> Iterator[tuple[int, random.Random]]:
    """Seeds, and the luck that follows from each: any scenario can be had again by its own."""
    for number in range(count):
        yield base + number, random.Random(base + number)


def demand_nothing(found: list[str], again: str) -> None:
    """Fail when something did not hold, and say how to have that scenario again."""
    if found:
        pytest.fail("\n".join([f"again: {again}", *found]))
