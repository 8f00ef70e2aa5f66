"""Against curl, in the same run: wall time, CPU, memory, and the time that a small file takes.

`DLM_BENCH_MIB` is the size (1024 unless told), `DLM_BENCH_RUNS` how often (5), `DLM_BENCH_RATIO` what is allowed (1.15),
`DLM_BENCH_COLD` how long a small file may take (0.25 s).
The machine should be quiet. The figures are printed; run with `-s` to see them.
"""

from __future__ import annotations

import filecmp
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import peers
from tests.certificates import Certificates
from tests.hostile import content
from tests.programs import find_program

MIB = 1024 * 1024
SIZE = int(os.environ.get("DLM_BENCH_MIB", "1024")) * MIB
RUNS = int(os.environ.get("DLM_BENCH_RUNS", "5"))
RATIO = float(os.environ.get("DLM_BENCH_RATIO", "1.15"))
LARGEST_MEMORY = 70.0
"""MiB, whatever the file's size."""
COLD = float(os.environ.get("DLM_BENCH_COLD", "0.25"))
"""Seconds for a file of a kilobyte, from the start of the process to its end."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@dataclass(frozen=True)
class Run:
    """What one process took: seconds of wall time and of CPU, MiB of memory at most."""

    wall: float
    cpu: float
    memory: float


# In a small process of its own, because a child's peak memory begins with that of the process that forked it.
RUNNER = """
import os, subprocess, sys, time
begin = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
process.returncode = os.waitstatus_to_exitcode(status)
print(time.perf_counter() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
sys.exit(process.returncode)
"""


def measured(command: Sequence[str], folder: Path, environ: Mapping[str, str] | None = None) -> Run:
    """Run it, and demand that it ends well."""
    runner = [sys.executable, "-c", RUNNER, *command]
    told = subprocess.run(runner, cwd=folder, env=environ, check=True, capture_output=True, text=True)
    return Run(*map(float, told.stdout.split()))


def installed(folder: Path) -> dict[str, str]:
    """The environment of a program that was installed: Python need not compile it, once it has run."""
    environ = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder)}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    return environ


def write_large(path: Path) -> None:
    """`SIZE` bytes that do not repeat, without holding them all."""
    with path.open("wb") as file:
        for number in range(SIZE // (16 * MIB)):
            file.write(content(16 * MIB, seed=number))


def medians(runs: Sequence[Run]) -> Run:
    """The median of each figure."""
    return Run(*(statistics.median(getattr(run, name) for run in runs) for name in ("wall", "cpu", "memory")))


@pytest.mark.parametrize(("scheme", "slack"), [("https", 1.0), ("http", 1.3)])
def test_a_large_file_costs_what_curl_takes(
    scheme: str, slack: float, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, certificates: Certificates
) -> None:
    """From nginx on loopback, runs interleaved: byte-exact, at most 1.15 times curl's wall time and CPU, little memory.

    curl is told to use HTTP/1.1, which is faster for one stream than the HTTP/2 that it would choose.
    """
    curl = find_program("curl", "apt-get install curl")
    with peers.nginx({}, certificates, tmp_path_factory.mktemp("nginx")) as server:
        write_large(server.root / "large.bin")
        url = server.url("/large.bin", scheme)
        ca = str(certificates.ca)
        commands = {
            "curl": [curl, "-sS", "--http1.1", "--cacert", ca, "-o", "by-curl", url],
            "dlm": [sys.executable, "-m", "dlm", "get", "-q", "--cacert", ca, "-o", "by-dlm", url],
        }
        runs: dict[str, list[Run]] = {name: [] for name in commands}
        for _ in range(RUNS):
            for name, command in commands.items():
                (tmp_path / f"by-{name}").unlink(missing_ok=True)
                os.sync()
                runs[name].append(measured(command, tmp_path))
        assert filecmp.cmp(tmp_path / "by-dlm", server.root / "large.bin", shallow=False)
    ours, theirs = medians(runs["dlm"]), medians(runs["curl"])
    wall, cpu = ours.wall / theirs.wall, ours.cpu / theirs.cpu
    print(f"\n{scheme}, {SIZE // MIB} MiB, {RUNS} runs: wall {ours.wall:.2f} s = {wall:.2f} x curl, ", end="")
    print(f"CPU {ours.cpu:.2f} s = {cpu:.2f} x curl, memory {ours.memory:.0f} MiB")
    assert ours.memory < LARGEST_MEMORY
    assert cpu <= RATIO
    # dlm waits until the disk has the file, curl does not; over plain http that is longer than the transfer itself.
    assert wall <= RATIO * slack


def test_a_small_file_feels_instant(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, certificates: Certificates
) -> None:
    """A kilobyte, from a cold process, with everything made durable."""
    with peers.nginx({"small.bin": content(1000, seed=6)}, certificates, tmp_path_factory.mktemp("nginx")) as server:
        command = [sys.executable, "-m", "dlm", "get", "-q", "--overwrite", server.url("/small.bin")]
        environ = installed(tmp_path / "compiled")
        measured(command, tmp_path, environ)
        runs = [measured(command, tmp_path, environ) for _ in range(2 * RUNS + 1)]
    walls, cpus = [run.wall for run in runs], [run.cpu for run in runs]
    print(f"\ncold get of 1 KB: median {statistics.median(walls):.3f} s, best {min(walls):.3f} s; ", end="")
    print(f"CPU median {statistics.median(cpus):.3f} s, best {min(cpus):.3f} s")
    assert statistics.median(walls) < COLD


@pytest.mark.parametrize("count", [1, 1000])
def test_the_first_request_leaves_soon(count: int, tmp_path: Path) -> None:
    """From the start of the process until a server sees it, with one address or a list of a thousand, all recorded before."""
    took = []
    environ = installed(tmp_path / "compiled")
    for number in range(RUNS + 1):
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(30)
            urls = (f"http://127.0.0.1:{server.getsockname()[1]}/{number}/{each}\n" for each in range(count))
            (tmp_path / "list").write_text("".join(urls))
            command = [sys.executable, "-m", "dlm", "get", "-q", "-i", "list", "-d", f"into-{number}"]
            begin = time.perf_counter()
            with subprocess.Popen(command, cwd=tmp_path, env=environ) as process:
                server.accept()[0].close()
                took.append(time.perf_counter() - begin)
                process.kill()
    print(f"\nfirst request of {count}: median {statistics.median(took[1:]):.3f} s, best {min(took[1:]):.3f} s")
    assert statistics.median(took[1:]) < COLD
