"""Programs that tests need: finding them, starting them on free ports, and stopping them for sure."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import pytest

_START_LIMIT = 60.0
_STOP_LIMIT = 10.0
_TRIES = 3
_PORTS = range(10_000, 32_000)
_IN_SBIN = ("/usr/sbin", "/usr/local/sbin")
_Peer = TypeVar("_Peer")


class PeerFailed(Exception):
    """A program did not start; the message has the end of its log."""


def find_program(name: str, hint: str) -> str:
    """Where the program is. Without it the test is skipped, or fails in continuous integration."""
    places = (str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath), *_IN_SBIN)
    found = shutil.which(name, path=os.pathsep.join(places))
    if found is not None:
        return found
    message = f"{name} is not installed: {hint}"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now, neither by TCP nor by UDP.

    They are below those that the kernel gives to whoever asks for any port: each connection takes one of these, and what is
    free now would be taken a moment later by some other test.
    """
    with contextlib.ExitStack() as stack:
        ports: list[int] = []
        while len(ports) < count:
            tcp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            port = _PORTS[secrets.randbelow(len(_PORTS))]
            with contextlib.suppress(OSError):
                tcp.bind(("127.0.0.1", port))
                udp.bind(("127.0.0.1", port))
                ports.append(port)
        return ports


def write_files(root: Path, files: Mapping[str, bytes]) -> Path:
    """Put the files under `root`, and return it."""
    root.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


@contextlib.contextmanager
def started(
    launch: Callable[[], tuple[_Peer, Sequence[str], Sequence[int]]], directory: Path, *, patience: float = _STOP_LIMIT
) -> Iterator[_Peer]:
    """Run what `launch` prepares until the block ends. Another program may take a free port first, so it tries again.

    At the end it is asked to stop, and killed `patience` seconds later.
    """
    for chance in range(_TRIES):
        peer, command, ports = launch()
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(_running(command, ports, directory, patience))
            except PeerFailed:
                if chance == _TRIES - 1:
                    raise
                continue
            yield peer
            return


@contextlib.contextmanager
def _running(command: Sequence[str], ports: Sequence[int], directory: Path, patience: float) -> Iterator[None]:
    output = directory / "output.log"
    environment = {**os.environ, "HOME": str(directory), "XDG_DATA_HOME": str(directory), "XDG_CONFIG_HOME": str(directory)}
    with output.open("ab") as sink:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, cwd=directory, env=environment, start_new_session=True
        )
    try:
        _wait_until_accepting(process, ports, directory)
        yield
    finally:
        _stop(process, patience)


def _wait_until_accepting(process: subprocess.Popen[bytes], ports: Sequence[int], directory: Path) -> None:
    deadline = time.monotonic() + _START_LIMIT
    for port in ports:
        while not _accepts(port):
            if process.poll() is not None:
                raise PeerFailed(f"{process.args!r} ended with {process.returncode}\n{_logs(directory)}")
            if time.monotonic() > deadline:
                raise PeerFailed(f"{process.args!r} does not listen on {port}\n{_logs(directory)}")
            time.sleep(0.02)
    if process.poll() is not None:  # somebody else answered
        raise PeerFailed(f"{process.args!r} ended with {process.returncode}\n{_logs(directory)}")


def _accepts(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1.0):
        return True
    return False


def _logs(directory: Path) -> str:
    return "\n".join(
        f"{path.name}:\n{path.read_text(errors='replace')[-2000:]}"
        for path in sorted(directory.glob("*.log"))
        if path.is_file()
    )


def _stop(process: subprocess.Popen[bytes], patience: float) -> None:
    """End the process, and the session that it leads: all its children with it."""
    if process.returncode is not None:
        return
    process.terminate()
    deadline = time.monotonic() + patience
    # It is not reaped before its children are dead: until then its number cannot become another group's.
    while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None and time.monotonic() < deadline:
        time.sleep(0.01)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
