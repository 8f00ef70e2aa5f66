"""What came out: runs, their medians, and the ratios that count. Pure, but for reading and writing JSON."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Run:
    """One run of one tool. Seconds and bytes."""

    tool: str
    seed: int
    wrong: str | None
    """Why it counts as a failure; None if the files are right."""
    log: str
    wall: float
    cpu: float
    memory: int
    beyond: int | None
    """Payload that came over the wire beyond the files: headers, TLS, and bytes fetched twice. None on loopback."""
    late: bool
    """The machine was too busy for the wire, so the run proves little."""
    asked: list[dict[str, int]]
    wires: list[dict[str, Any]]

    @property
    def connections(self) -> int:
        """TCP connections that reached a server with a request, or that the wire saw open."""
        if self.wires:
            return sum(wire["connections"] for wire in self.wires)
        return sum(seen.get("connections", 0) for seen in self.asked)


@dataclass(frozen=True)
class Outcome:
    """All runs of one scenario."""

    name: str
    title: str
    size: int
    bound: float | None
    runs: list[Run]


@dataclass(frozen=True)
class Report:
    """All scenarios, and where and when they were run."""

    machine: dict[str, str]
    outcomes: list[Outcome] = field(default_factory=list)


@dataclass(frozen=True)
class Line:
    """One tool in one scenario: medians over the runs that were right."""

    tool: str
    right: int
    runs: int
    late: int
    wall: float | None
    least: float | None
    most: float | None
    to_bound: float | None
    to_best_peer: float | None
    """Wall time against the fastest other program that was right in every run."""
    cpu_per_gb: float | None
    memory: float | None
    beyond: float | None
    """As a share of the files."""
    connections: float | None
    why: str
    """The first failure's reason."""


def lines(outcome: Outcome) -> list[Line]:
    """One line for each tool, the fastest first; those that were never right last."""
    tools = dict.fromkeys(run.tool for run in outcome.runs)
    every = {tool: [run for run in outcome.runs if run.tool == tool] for tool in tools}
    walls = {
        tool: statistics.median(run.wall for run in runs) for tool, runs in every.items() if not any(run.wrong for run in runs)
    }
    made = [line(outcome, tool, runs, best_peer(walls, tool)) for tool, runs in every.items()]
    return sorted(made, key=lambda one: (one.wall is None, one.wall or 0.0))


def best_peer(walls: dict[str, float], tool: str) -> float | None:
    """The least median of another program."""
    program = tool.split(maxsplit=1)[0]
    return min((wall for other, wall in walls.items() if other.split(maxsplit=1)[0] != program), default=None)


def line(outcome: Outcome, tool: str, runs: Sequence[Run], peer: float | None) -> Line:
    """The medians of one tool."""
    right = [run for run in runs if run.wrong is None]
    wall = middle([run.wall for run in right])
    beyond = middle([run.beyond for run in right if run.beyond is not None])
    cpu = middle([run.cpu for run in right])
    return Line(
        tool=tool,
        right=len(right),
        runs=len(runs),
        late=sum(run.late for run in runs),
        wall=wall,
        least=min((run.wall for run in right), default=None),
        most=max((run.wall for run in right), default=None),
        to_bound=wall / outcome.bound if wall and outcome.bound else None,
        to_best_peer=wall / peer if wall and peer else None,
        cpu_per_gb=cpu / outcome.size * 1e9 if cpu is not None else None,
        memory=middle([run.memory for run in right]),
        beyond=beyond / outcome.size if beyond is not None else None,
        connections=middle([run.connections for run in right]),
        why=next((run.wrong for run in runs if run.wrong), ""),
    )


def middle(values: Sequence[float]) -> float | None:
    """The median; None of nothing."""
    return statistics.median(values) if values else None


def save(report: Report, path: Path) -> None:
    """As JSON."""
    path.write_text(json.dumps(asdict(report), indent=1))


def load(path: Path) -> Report:
    """The inverse of `save`."""
    read = json.loads(path.read_text())
    outcomes = [Outcome(**{**one, "runs": [Run(**run) for run in one["runs"]]}) for one in read["outcomes"]]
    return Report(read["machine"], outcomes)
