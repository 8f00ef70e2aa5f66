"""The command in a process of its own, for tests that watch it, stop it, or run two of them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dlm.cli.places import state_file
from dlm.model.download import Download
from dlm.model.query import DownloadQuery
from dlm.storage.repository import SqliteState
from tests.conftest import SOURCES

_PATIENCE = 60.0


class RunningDlm:
    """A `dlm` that runs until it ends or is ended. Use it as a context manager: whatever is left is killed."""

    def __init__(
        self, *args: str, cwd: Path, env: Mapping[str, str] | None = None, umask: int = 0o022, stdout: int = subprocess.PIPE
    ) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dlm", *args],
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": str(SOURCES), **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            umask=umask,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def end(self) -> tuple[int, str, str]:
        """Exit code, standard output and error, when it has ended."""
        out, err = self.process.communicate(timeout=_PATIENCE)
        shown = err.decode()
        assert "Traceback" not in shown, shown
        return self.process.returncode, (out or b"").decode(), shown


def until(condition: Callable[[], object]) -> None:
    """Return when the condition holds. Fails when that takes too long."""
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.01)


def exists(pid: int) -> bool:
    """Whether the process still runs; a dead one that waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children_of(pid: int) -> list[int]:
    """The children of a process, all of its threads'."""
    return [int(each) for file in Path(f"/proc/{pid}/task").glob("*/children") for each in file.read_text().split()]


def json_lines(text: str) -> list[dict[str, Any]]:
    """The objects of a `--json` output, one a line."""
    assert text == "" or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def killed_on_the_way(args: Sequence[str], folder: Path) -> int:
    """Run a `dlm get` of one file, slowly, and kill it when some bytes are durable. Gives how many."""
    with RunningDlm(*args, "--limit-rate", "3M", cwd=folder) as running:
        until(lambda: running.process.poll() is not None or durable() > 0)
        assert running.process.poll() is None, running.end()
        running.process.kill()
        running.process.wait()
    return durable()


def durable() -> int:
    """Bytes of the only download so far that outlive a crash."""
    downloads = recorded()
    assert len(downloads) <= 1
    return sum(download.downloaded for download in downloads)


def recorded(database: Path | None = None) -> list[Download]:
    """Every download of this database, by default the user's own, newest first: what `list` tells, without its process."""
    path = database or Path(state_file(os.environ, os.environ["HOME"], sys.platform))

    async def found() -> list[Download]:
        state = await SqliteState.open(str(path))
        try:
            return await state.repository.find(DownloadQuery(limit=200_000))
        finally:
            await state.close()

    return asyncio.run(found()) if path.exists() else []
