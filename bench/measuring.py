"""One run of one tool: servers and wires start afresh, the tool runs, and what it has left is compared with the source."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import network, payload, servers, stores
from bench.bounds import bound
from bench.model import Scenario, Scheme
from bench.native import Native
from bench.results import Run
from bench.tools import BUCKET, Job, Tool, words

ROOT = Path(__file__).resolve().parent.parent
LEAST_SECONDS = 20.0
QUEUED = 10_000
LATE = 0.002
"""Seconds. A wire that was later than this with one packet in a hundred had too busy a machine."""


@dataclass(frozen=True)
class Stage:
    """A scenario that is ready to be run."""

    scenario: Scenario
    native: Native
    folder: Path
    ends: list[network.End]
    names: list[str]
    authority: Path

    @property
    def source(self) -> Path:
        """Where the files to fetch are."""
        return self.folder / "source"

    def scheme(self, number: int) -> Scheme:
        """What the server of that path speaks."""
        return self.scenario.paths[number].scheme or self.scenario.scheme

    @property
    def seconds(self) -> float:
        """After which a tool is stopped."""
        least = bound(self.scenario)
        return max(LEAST_SECONDS, self.scenario.seconds, self.scenario.patience * least if least else 0.0)


@dataclass(frozen=True)
class Seen:
    """What the runner, the wires and the servers tell of a run."""

    took: dict[str, Any]
    wires: list[dict[str, Any]]
    asked: list[dict[str, int]]


@contextmanager
def staged(scenario: Scenario, native: Native, scratch: Path) -> Iterator[Stage]:
    """Lay out the network and write the files; take both away afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=scenario.name + "-", dir=scratch))
    wired = scenario.paths[0].wire is not None
    ends = network.lay_out(len(scenario.paths), scenario.control) if wired else network.loopback()
    try:
        authority = payload.certificates(folder / "keys", [end.address for end in ends])
        stage = Stage(scenario, native, folder, ends, payload.write(scenario, folder / "source"), authority)
        # It takes half a minute to begin and to take the files, so it is not begun anew for each run.
        with ExitStack() as stack:
            for number, end in enumerate(ends):
                if stage.scheme(number) == "s3":
                    stack.enter_context(stores.seaweedfs(end, stage.source, folder / f"store{number}"))
            yield stage
    finally:
        network.clear()
        shutil.rmtree(folder)


def measured(stage: Stage, tool: Tool, seed: int) -> Run:
    """Run the tool once."""
    place = Path(tempfile.mkdtemp(prefix="run-", dir=stage.folder))
    try:
        fetched = place / "fetched"
        fetched.mkdir()
        job = described(stage, place, fetched)
        environment = surroundings(place)
        for number, end in enumerate(stage.ends):
            environment |= stores.environment(stage.scheme(number), end.address)
        for command in tool.before:
            run_in_client(words(command, job), environment, place)
        with ExitStack() as stack:
            wires = [
                stack.enter_context(network.joined(stage.native.wire, end, path.wire, seed))
                for end, path in zip(stage.ends, stage.scenario.paths, strict=True)
                if path.wire
            ]
            asked = [stack.enter_context(served(stage, number, seed, place)) for number in range(len(stage.ends))]
            if tool.beside:
                stack.enter_context(
                    running_beside([*network.inside(network.CLIENT), *words(tool.beside, job)], environment, place)
                )
            took = timed(stage, words(tool.command, job), environment, place)
        seen = Seen(took, [wire.statistics for wire in wires], [one.seen for one in asked])
        return judged(stage, tool, seed, place, seen)
    finally:
        shutil.rmtree(place)


def described(stage: Stage, place: Path, fetched: Path) -> Job:
    """Addresses and folders; the lists of addresses are written."""
    bases = [base(stage, number) for number in range(len(stage.ends))]
    urls = [base + name for base in bases for name in stage.names]
    listing, curl_listing = place / "urls", place / "curl-urls"
    # A queue is of addresses that nobody fetches.
    queued = [f"{bases[0]}queued/{number}" for number in range(QUEUED)] if stage.scenario.kind == "queue" else urls
    listing.write_text("".join(f"{url}\n" for url in queued))
    curl_listing.write_text("".join(f'url="{url}"\noutput="{fetched}/{url.rsplit("/", 1)[1]}"\n' for url in urls))
    return Job(
        tuple(urls),
        bases[0],
        str(fetched),
        stage.names[0],
        str(stage.authority),
        str(listing),
        str(curl_listing),
        stage.ends[0].address,
        str(stage.source),
        str(place / "server0" / "ssh_config"),
    )


def base(stage: Stage, number: int) -> str:
    """The address of the folder with the files at the end of that path; ends with a slash."""
    scheme, end = stage.scheme(number), stage.ends[number]
    if scheme == "s3":
        return f"s3://{BUCKET}/"
    place = f"{end.address}:{servers.PORTS[scheme]}"
    if scheme == "sftp":
        return f"sftp://root:@{place}{stage.source}/"
    return f"{'https' if scheme == 'h2' else scheme}://{place}/"


def surroundings(place: Path) -> dict[str, str]:
    """A new home each time: no settings, no memory of earlier runs."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    source = f"{ROOT / 'src'}:{ROOT}"
    home = place / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "config").symlink_to(place / "server0" / "ssh_config")
    return kept | {"HOME": str(home), "PYTHONPATH": source, "TMPDIR": str(place)}


def served(stage: Stage, number: int, seed: int, place: Path) -> Any:
    """The server of one path."""
    end, faults = stage.ends[number], stage.scenario.paths[number].faults
    run = place / f"server{number}"
    match stage.scheme(number):
        case "ftp":
            return stores.vsftpd(end, stage.source, run)
        case "sftp":
            return stores.sshd(end, run)
        case "s3":
            return nullcontext(servers.Asked())
    if faults:
        return servers.misbehaving(end, stage.source, faults, seed, run)
    return servers.nginx(end, stage.source, stage.authority.parent, run)


def run_in_client(command: list[str], environment: dict[str, str], place: Path) -> None:
    """A command that prepares a run. CalledProcessError: it failed."""
    full = [*network.inside(network.CLIENT), *command]
    with (place / "log").open("ab") as log:
        subprocess.run(full, check=True, env=environment, cwd=place, stdout=log, stderr=log)


@contextmanager
def running_beside(command: list[str], environment: dict[str, str], place: Path) -> Iterator[None]:
    """A command that runs meanwhile."""
    with (
        (place / "beside").open("ab") as log,
        subprocess.Popen(command, env=environment, cwd=place, stdout=log, stderr=log) as process,
    ):
        try:
            yield
        finally:
            process.terminate()


def timed(stage: Stage, command: list[str], environment: dict[str, str], place: Path) -> dict[str, Any]:
    """What the runner has measured."""
    full = [str(stage.native.runner), network.CLIENT, f"{stage.seconds:.1f}", str(place / "log"), *command]
    told = subprocess.run(full, check=True, env=environment, cwd=place, capture_output=True, text=True)
    took: dict[str, Any] = json.loads(told.stdout)
    return took


def judged(stage: Stage, tool: Tool, seed: int, place: Path, seen: Seen) -> Run:
    """The run's figures, and whether it was right."""
    took = seen.took
    wrong = payload.difference(stage.source, stage.names, place / "fetched")
    if not took["in_time"]:
        wrong = f"not done after {took['wall']:.0f} s"
    elif took["code"]:
        wrong = f"ended with {took['code']}"
    log = (place / "log").read_text(errors="replace")[-2000:]
    size = stage.scenario.files * stage.scenario.size
    return Run(
        tool=tool.label,
        seed=seed,
        wrong=wrong,
        log=log if wrong else "",
        wall=took["wall"],
        cpu=took["user"] + took["system"],
        memory=took["memory"],
        beyond=sum(wire["down"]["payload"] for wire in seen.wires) - size if seen.wires else None,
        late=any(wire["down"]["late_p99"] > LATE or wire["up"]["late_p99"] > LATE for wire in seen.wires),
        asked=seen.asked,
        wires=seen.wires,
    )
