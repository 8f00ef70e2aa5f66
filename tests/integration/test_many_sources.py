"""`dlm get --mirror` over real servers: all of them help, who gives another file is named, only the right one is published."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import SOURCES
from tests.hostile import HostileServer, content
from tests.running import json_lines

DATA = content(12_000_000, seed=8)
OTHER = content(12_000_000, seed=9)
RATE = 4_000_000


def get(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`dlm get --mirror`, in a world of its own."""
    command = [sys.executable, "-m", "dlm", "get", "--mirror", *arguments]
    world = {"PYTHONPATH": str(SOURCES), "XDG_STATE_HOME": str(folder / "state"), "XDG_CONFIG_HOME": str(folder / "config")}
    return subprocess.run(command, cwd=folder, env={**os.environ, **world}, capture_output=True, text=True, timeout=120)


def test_all_mirrors_help(tmp_path: Path) -> None:
    """Three servers of 4 MB/s each: every one of them brings a good part."""
    servers = [HostileServer(DATA, bytes_per_second=RATE) for _ in range(3)]
    with servers[0], servers[1], servers[2]:
        done = get(tmp_path, *(each.url("/file.bin") for each in servers))
        asked = [len(each.requests) for each in servers]
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "file.bin").read_bytes() == DATA
    assert min(asked) > 2


def test_a_mirror_with_another_file_is_named(tmp_path: Path) -> None:
    """As long, and other bytes: the file is right, and everybody who reads on can see who lied."""
    with HostileServer(DATA, bytes_per_second=RATE) as honest, HostileServer(OTHER) as liar:
        done = get(tmp_path, "--json", honest.url("/file.bin"), liar.url("/file.bin"))
        (tmp_path / "file.bin").rename(tmp_path / "first")
        shown = get(tmp_path, honest.url("/other.bin"), liar.url("/other.bin"))
        named = liar.url("/file.bin")
    assert (tmp_path / "first").read_bytes() == DATA
    warnings = [each for each in json_lines(done.stdout) if each.get("code") == "mirror_lied"]
    assert [named in each["message"] for each in warnings] == [True]
    assert liar.url("/other.bin") in shown.stderr + shown.stdout


@pytest.mark.parametrize(
    "personality",
    [
        *("status-404", "busy-forever", "changes-midway", "changes-midway-ignores-if-range", "closes-at-once", "decoy"),
        *("ignores-range-later", "never-answers", "no-range", "overlong-206-lying", "resets", "short-206", "stalls-after"),
        *("starts-early", "too-many-connections", "truncates", "wrong-content-range", "no-validators-changes"),
    ],
)
def test_a_hostile_mirror_never_spoils_the_file(personality: str, tmp_path: Path) -> None:
    """Whatever the second mirror does, the first one brings the file."""
    with HostileServer(DATA, bytes_per_second=RATE) as honest, HostileServer(DATA) as hostile:
        done = get(tmp_path, "--timeout", "2", "--retries", "1", honest.url("/file.bin"), hostile.url("/file.bin", personality))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "file.bin").read_bytes() == DATA
