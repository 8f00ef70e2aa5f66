"""The results for people: one table for each scenario, and one that puts dlm beside the best peer."""

from __future__ import annotations

from collections.abc import Sequence

from bench.results import Line, Outcome, lines

HEADINGS = ("", "right", "seconds", "spread", "x bound", "x best peer", "CPU s/GB", "MiB", "beyond", "conns", "")


def written(outcome: Outcome) -> str:
    """The scenario's table."""
    rows = [HEADINGS, *(row(one) for one in lines(outcome))]
    least = f"bound {outcome.bound:.2f} s" if outcome.bound else "no bound but the machine"
    return f"{outcome.name}: {outcome.title}; {least}\n{aligned(rows)}\n"


def row(one: Line) -> tuple[str, ...]:
    """One tool."""
    spread = f"{one.least:.2f}-{one.most:.2f}" if one.least is not None and one.most is not None else ""
    late = f"late wire in {one.late}" if one.late else ""
    return (
        one.tool,
        f"{one.right}/{one.runs}",
        number(one.wall, "{:.2f}"),
        spread,
        number(one.to_bound, "{:.2f}"),
        number(one.to_best_peer, "{:.2f}"),
        number(one.cpu_per_gb, "{:.2f}"),
        number(one.memory and one.memory / 2**20, "{:.0f}"),
        number(one.beyond, "{:.1%}"),
        number(one.connections, "{:.0f}"),
        "; ".join(filter(None, (one.why, late))),
    )


def summary(outcomes: Sequence[Outcome]) -> str:
    """dlm, and the best peer, in each scenario."""
    rows: list[tuple[str, ...]] = [("", "bound", "dlm", "x bound", "best peer", "", "dlm x best", "right")]
    for outcome in outcomes:
        made = lines(outcome)
        ours = next((one for one in made if one.tool.split()[0] == "dlm"), None)
        peer = next((one for one in made if one.tool.split()[0] != "dlm" and one.right == one.runs), None)
        if ours is None:
            continue
        rows.append(
            (
                outcome.name,
                number(outcome.bound, "{:.2f}"),
                number(ours.wall, "{:.2f}"),
                number(ours.to_bound, "{:.2f}"),
                number(peer.wall if peer else None, "{:.2f}"),
                peer.tool if peer else "none was right",
                number(ours.to_best_peer, "{:.2f}"),
                f"{ours.right}/{ours.runs}",
            )
        )
    return aligned(rows)


def number(value: float | None, form: str) -> str:
    """The value, or a dash."""
    return "-" if value is None else form.format(value)


def aligned(rows: Sequence[tuple[str, ...]]) -> str:
    """Columns as wide as they must be: words to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    last = len(widths) - 1
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place in {0, last} else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ).rstrip()
        for cells in rows
    )
