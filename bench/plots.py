"""Results as figures: `python -m bench.plots RESULTS.json FOLDER`. Needs matplotlib, the extra `bench`.

Two kinds: one figure for all scenarios, how far each tool is from the bound or from the fastest; and one for each scenario
with a wire, what arrived when.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from bench.results import Outcome, Report, lines, load

COLOURS = {"dlm": "#00897b", "aria2c": "#e64a19", "curl": "#5e35b1", "axel": "#f9a825", "lftp": "#546e7a", "wget2": "#8d6e63"}
MOST = 10.0
"""Times the bound that the axis shows; what is beyond, or failed, lies at its end."""


def overview(report: Report, path: Path) -> None:
    """A row for each scenario, a dot for each tool, the bound at 1."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 1 + 0.4 * len(report.outcomes)), layout="constrained")
    axes: Any = figure.subplots()
    for height, outcome in enumerate(reversed(report.outcomes)):
        made = lines(outcome)
        unit = outcome.bound or min((one.wall for one in made if one.wall), default=1.0)
        for one in made:
            name = one.tool.split(maxsplit=1)[0]
            failed = one.right < one.runs or one.wall is None
            ratio = MOST if failed or not one.wall else min(MOST, one.wall / unit)
            axes.scatter(ratio, height, s=45, color=COLOURS.get(name, "black"), marker="x" if failed else "o", zorder=3)
    axes.set_yticks(range(len(report.outcomes)), [outcome.name for outcome in reversed(report.outcomes)])
    axes.set_xscale("log")
    axes.set_xlim(0.9, MOST * 1.1)
    axes.set_xticks([1, 1.5, 2, 3, 5, MOST], ["1", "1.5", "2", "3", "5", f"≥{MOST:.0f} or ×"])
    axes.minorticks_off()
    axes.grid(axis="x", alpha=0.4)
    axes.set_xlabel("time, as a multiple of the bound (of the fastest tool where there is no bound)")
    for name, colour in COLOURS.items():
        axes.scatter([], [], color=colour, label=name)
    figure.legend(loc="outside upper center", ncols=len(COLOURS), frameon=False)
    figure.savefig(path)


def course(outcome: Outcome, path: Path) -> None:
    """Megabits per second over the run, for the first run of each tool that was right."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.2), layout="constrained")
    axes: Any = figure.subplots()
    shown = {run.tool: run for run in reversed(outcome.runs) if run.wires and not run.wrong}
    for tool, run in shown.items():
        bins = [sum(parts) for parts in zip(*(wire["down"]["payload_bins"] for wire in run.wires), strict=False)]
        coarse = [sum(bins[place : place + 5]) for place in range(0, len(bins), 5)]
        times = [0.5 * place for place in range(len(coarse))]
        rates = [size * 8 / 0.5 / 1e6 for size in coarse]
        name = tool.split(maxsplit=1)[0]
        axes.step(times, rates, where="post", label=tool, color=COLOURS.get(name, "black"), lw=2 if name == "dlm" else 1)
    axes.set_xlabel("seconds")
    axes.set_ylabel("Mbit/s of payload")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.4)
    axes.legend(frameon=False)
    figure.savefig(path)


def main(results: Path, folder: Path) -> None:
    """Write the figures as SVG."""
    report = load(results)
    folder.mkdir(parents=True, exist_ok=True)
    overview(report, folder / "overview.svg")
    for outcome in report.outcomes:
        if any(run.wires and not run.wrong for run in outcome.runs):
            course(outcome, folder / f"{outcome.name}.svg")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
