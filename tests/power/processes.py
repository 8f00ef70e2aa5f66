"""The processes of one dlm, however they were started: found by a mark in their environment, stopped and killed as one."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_MARK = "DURABILITY_RUN"
_PATIENCE = 60.0


class Processes:
    """Starts processes, and knows them and their children again."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._mark = os.urandom(8).hex()
        self._environment = {**environment, _MARK: self._mark}
        self._started: list[subprocess.Popen[str]] = []

    def start(self, command: Sequence[str]) -> subprocess.Popen[str]:
        """Start it in a session of its own."""
        process = subprocess.Popen(
            command,
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._started.append(process)
        return process

    def alive(self) -> list[int]:
        """Their numbers, children's included; not of those that have ended and were not waited for."""
        mark = f"{_MARK}={self._mark}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
        return sorted(found)

    def children_of(self, parent: int) -> list[int]:
        """Those that this one has started."""
        found = []
        for number in self.alive():
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == parent:
                    found.append(number)
        return found

    def send(self, number: signal.Signals, to: Sequence[int] | None = None) -> None:
        """Send it to these, or to all."""
        for each in self.alive() if to is None else to:
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, number)

    def freeze(self) -> None:
        """Stop all of them where they are, as a power cut does, and return when no call of the system is under way.

        ext4 answers a sync that a shutdown overtakes with success, though the bytes are lost: nobody may see such an answer.
        """
        deadline = time.monotonic() + _PATIENCE
        while moving := [each for each in self.alive() if not _is_stopped(each)]:
            self.send(signal.SIGSTOP, moving)
            assert time.monotonic() < deadline, f"{moving} cannot be stopped"
            time.sleep(0.002)

    def thaw(self) -> None:
        """Let all of them go on."""
        self.send(signal.SIGCONT)

    def kill(self) -> None:
        """Kill all of them, and return when none is left."""
        deadline = time.monotonic() + _PATIENCE
        while living := self.alive():
            self.send(signal.SIGKILL, living)
            assert time.monotonic() < deadline, f"{living} cannot be killed"
            time.sleep(0.01)

    def all_end(self, seconds: float = _PATIENCE) -> list[int]:
        """Those that still run after so many seconds; returns at once when there is none."""
        deadline = time.monotonic() + seconds
        while (living := self.alive()) and time.monotonic() < deadline:
            time.sleep(0.02)
        return living

    def close(self) -> None:
        """Kill what is left and take in everything that was said."""
        self.kill()
        for process in self._started:
            process.wait()
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()


def _is_stopped(number: int) -> bool:
    """Whether all its threads are stopped, or have ended (proc(5), field 3 of stat)."""
    try:
        states = [
            (thread / "stat").read_text().rpartition(")")[2].split()[0] for thread in Path(f"/proc/{number}/task").iterdir()
        ]
    except OSError:  # one of them has ended meanwhile: look again
        return False
    return all(state in "TtZX" for state in states)
