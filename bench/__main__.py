"""Runs scenarios: `bench/run [SCENARIO…] [--runs N] [--json FILE] [--quick]`."""

from __future__ import annotations

import argparse
import os
import platform
import random
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

from bench import measuring, native, network, results, scenarios, table, wire_check
from bench.bounds import bound
from bench.model import Scenario, quickened
from bench.tools import suited

OWN = "DLM_BENCH_OWN_NAMESPACES"
"""Set by `bench/run`, which makes the namespaces that clean up after us whatever happens."""


def read_arguments() -> argparse.Namespace:
    """What the user wants."""
    parser = argparse.ArgumentParser(prog="bench/run", description="Measure dlm against other download tools.")
    parser.add_argument("scenario", nargs="*", help="a name or a group of --list; all of them unless told")
    parser.add_argument("--runs", type=int, default=5, help="runs of each tool (default: 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results here too")
    parser.add_argument("--quick", action="store_true", help="with a quarter of the bytes: to see that it works")
    parser.add_argument("--tool", action="append", default=[], help="only this tool, by name or as in the tables; repeatable")
    parser.add_argument("--seed", type=int, default=1, help="of the order of runs, of loss and of faults (default: 1)")
    parser.add_argument("--list", action="store_true", help="show the scenarios and their bounds")
    parser.add_argument("--check-wire", action="store_true", help="only measure the wire itself")
    return parser.parse_args()


def main() -> int:
    """Everything."""
    arguments = read_arguments()
    try:
        wanted = scenarios.named(arguments.scenario)
    except KeyError as error:
        print(f"there is no scenario {error}; --list shows them", file=sys.stderr)
        return 2
    if arguments.list:
        for one in wanted:
            least = bound(one)
            print(f"{one.name:16} {f'{least:7.2f} s' if least else '      -  '}  {one.title}")
        return 0
    if OWN not in os.environ:
        print("start it as bench/run, which keeps it away from the rest of the machine", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, leave)
    scratch = prepare()
    built = native.compiled(scratch)
    if arguments.check_wire:
        return wire_check.main(built)
    report = results.Report(machine())
    for one in wanted:
        outcome = run(quickened(one) if arguments.quick else one, built, scratch, arguments)
        report.outcomes.append(outcome)
        print(f"\n{table.written(outcome)}", flush=True)
        if arguments.json:
            results.save(report, arguments.json)
    print(table.summary(report.outcomes))
    return 0


def leave(number: int, _frame: FrameType | None) -> None:
    """SIGTERM: end, and let the kernel clear up."""
    raise SystemExit(128 + number)


def prepare() -> Path:
    """A place in memory for all files and for the names of network namespaces; nobody else sees it, and it goes with us."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6g,mode=755", "tmpfs", "/run"], check=True)
    network.NAMES.mkdir()
    scratch = Path("/run/dlm-bench")
    scratch.mkdir()
    return scratch


def run(scenario: Scenario, built: native.Native, scratch: Path, arguments: argparse.Namespace) -> results.Outcome:
    """All runs of a scenario: in each round every tool once, in an order that chance makes."""
    order = random.Random(f"{arguments.seed} {scenario.name}")
    tools = suited(scenario, arguments.tool)
    runs = []
    with measuring.staged(scenario, built, scratch) as stage:
        for number in range(arguments.runs):
            for tool in order.sample(tools, len(tools)):
                one = measuring.measured(stage, tool, arguments.seed + number)
                runs.append(one)
                print(
                    f"{scenario.name} {number + 1}: {tool.label} {one.wall:.2f} s {one.wrong or ''}",
                    file=sys.stderr,
                    flush=True,
                )
    return results.Outcome(scenario.name, scenario.title, scenario.files * scenario.size, bound(scenario), runs)


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    versions = {tool: first_line(tool, "--version") for tool in ("curl", "wget2", "aria2c", "axel", "lftp")}
    return {"kernel": platform.release(), "python": platform.python_version(), "cores": str(os.cpu_count())} | versions


def first_line(*command: str) -> str:
    """The first line that a command writes."""
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    return next(iter((told.stdout or told.stderr).splitlines()), "")


if __name__ == "__main__":
    sys.exit(main())
