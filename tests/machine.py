"""A machine for tests of the queue: its directory, its database, and the commands that run on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dlm.cli.facts import download_facts
from tests.conftest import SOURCES
from tests.running import RunningDlm, recorded


class Machine:
    """Runs `dlm` in a directory with a database of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.downloads = folder / "downloads"
        self.downloads.mkdir()
        self.state = folder / "state" / "dlm.db"

    def dlm(self, *args: str, expect: int | None = 0, timeout: float = 120.0) -> str:
        """What a short command writes to standard output. Fails when it ends otherwise than expected."""
        ended = subprocess.run(
            [sys.executable, "-m", "dlm", *args, "--state", str(self.state)],
            cwd=self.downloads,
            env={**os.environ, "PYTHONPATH": str(SOURCES)},
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
        )
        assert "Traceback" not in ended.stderr, ended.stderr
        assert expect is None or ended.returncode == expect, (ended.returncode, ended.stdout, ended.stderr)
        return ended.stdout

    def running(self, *args: str) -> RunningDlm:
        """A long command, as a context manager."""
        return RunningDlm(*args, "--state", str(self.state), cwd=self.downloads)

    def add(self, *urls: str, options: tuple[str, ...] = ()) -> list[str]:
        """Queue these, and give their ids in order."""
        lines = self.dlm("add", *urls, *options, "--json").splitlines()
        return [json.loads(line)["download_id"] for line in lines]

    def all(self) -> dict[str, dict[str, Any]]:
        """Every download by its id, as `dlm list --json` tells it; read from the database, since tests look often."""
        return {download.id: download_facts(download) for download in recorded(self.state)}

    def statuses(self) -> list[str]:
        """The statuses, in the order of addition."""
        return [each["status"] for each in reversed(self.all().values())]

    def story(self, id: str) -> list[dict[str, Any]]:
        """The transitions of a download, oldest first."""
        transitions: list[dict[str, Any]] = json.loads(self.dlm("show", id, "--json"))["transitions"]
        return transitions


def seconds_until(condition: Callable[[], object], patience: float = 60.0) -> float:
    """How long it took until the condition held. Fails when it takes longer than `patience`."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < patience, "it took too long"
        time.sleep(0.005)
    return time.monotonic() - began
