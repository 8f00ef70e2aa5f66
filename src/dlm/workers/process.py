"""A child process: how it is started, and how it ends.

Rules
-----
* It is started from the thread of the event loop: Linux ends the child when the *thread* that started it ends.
* It inherits its end of the socket, standard error as a pipe, and nothing else.
* The signals that a terminal or a service manager sends to everybody reach it blocked, so that none can end it before it
  has learned to ignore them.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from dlm.model.address import without_credentials
from dlm.model.error import WorkerLost
from dlm.model.text import printable

FOR_EVERYBODY = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What is meant for dlm as a whole. The parent decides what becomes of the children."""
LONGEST_WORDS = 4096
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
_AFTER_KILL = 5.0
"""Seconds after which a killed process is given up: one that waits for a dead disk dies only when that answers."""


class Process(Protocol):
    """What a pool needs to know of a child."""

    @property
    def pid(self) -> int:
        """Its number."""

    def kill(self) -> None:
        """End it at once. Harmless when it has ended."""

    async def ended(self, seconds: float) -> str:
        """How it ended, as a sentence that can go on. After `seconds` it is killed."""


Spawn = Callable[[], tuple[Process, socket.socket]]
"""Starts a child and gives our end of its socket. Raises `WorkerLost` when there can be none."""


class ChildProcess:
    """`python -m dlm.child`. Belongs to the running event loop."""

    def __init__(self, theirs: socket.socket) -> None:
        self._popen = _start(theirs.fileno())
        assert self._popen.stderr is not None
        self._stderr = self._popen.stderr
        self._words = b""
        os.set_blocking(self._stderr.fileno(), False)
        asyncio.get_running_loop().add_reader(self._stderr.fileno(), self._listen)

    @property
    def pid(self) -> int:
        """Its number, by which the system's log may say more of its end."""
        return self._popen.pid

    def kill(self) -> None:
        """See `Process`."""
        self._popen.kill()

    async def ended(self, seconds: float) -> str:
        """See `Process`."""
        await asyncio.to_thread(self._reap, seconds)
        self._listen()
        asyncio.get_running_loop().remove_reader(self._stderr)
        self._stderr.close()
        return f"process {self.pid} {describe(self._popen.returncode, self._words)}"

    def _reap(self, seconds: float) -> None:
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(seconds)
            return
        self._popen.kill()
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(_AFTER_KILL)

    def _listen(self) -> None:
        """Take what it says on standard error; the end of that is kept."""
        with suppress(BlockingIOError):
            while said := os.read(self._stderr.fileno(), 65536):
                self._words = (self._words + said)[-LONGEST_WORDS:]
            asyncio.get_running_loop().remove_reader(self._stderr)


def spawn_child() -> tuple[Process, socket.socket]:
    """A `Spawn`."""
    try:
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                return ChildProcess(theirs), ours
            except BaseException:
                ours.close()
                raise
    except OSError as error:
        raise WorkerLost(f"no process could be started to carry the download: {error.strerror}") from error


def _start(fd: int) -> subprocess.Popen[bytes]:
    # -P, because the current directory may be full of downloaded files, and one of them may be called json.py. The path is
    # handed on, so that the child finds this dlm and no other.
    command = [sys.executable, "-P", "-m", "dlm.child", str(fd)]
    path = os.pathsep.join(each for each in sys.path if os.path.isabs(each))
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, FOR_EVERYBODY)
    try:
        return subprocess.Popen(  # noqa: S603 - our own interpreter, our own module, a number
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            bufsize=0,
            pass_fds=(fd,),
            env={**os.environ, "PYTHONPATH": path},
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def describe(code: int | None, words: bytes) -> str:
    """How a process ended, from its return code (negative for a signal) and what it said last."""
    if code is None:
        return "does not end, though it was killed"
    how = f"was ended by {_signal_name(-code)}" if code < 0 else f"ended with exit code {code}"
    lines = words.decode(errors="replace").strip().splitlines()
    # Nobody knows what a foreign library writes there in its distress.
    last = _URL.sub(lambda found: without_credentials(found[0]), printable(lines[-1])[:200]) if lines else ""
    return f"{how} ({last})" if last else how


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
