"""`dlm watch`: it shows what moves, wherever that is carried, and touches nothing."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SOURCES, RunDlm
from tests.daemons import RunningDaemon, stopped
from tests.hostile import HostileServer, content
from tests.running import RunningDlm, json_lines, until

LARGE = content(6_000_001, seed=8)


@pytest.fixture
def slow() -> Iterator[HostileServer]:
    """A server that is quick enough, and a file that is large enough, for a rate limit to count."""
    with HostileServer(LARGE) as server:
        yield server


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[RunningDaemon]:
    """One that answers."""
    with RunningDaemon(tmp_path) as running:
        yield running


def begun(dlm: RunDlm, daemon: RunningDaemon, uri: str) -> str:
    """The id of a download that moves by now."""
    (added,) = json_lines(dlm("add", "--json", "--limit-rate", "200K", "--remote", f"unix:{daemon.socket}", uri).stdout)
    until(lambda: facts(dlm, daemon)["downloaded"] > 0)
    return str(added["download_id"])


def let_go(dlm: RunDlm, daemon: RunningDaemon, id: str) -> None:
    """No limit holds it back any more."""
    assert dlm("edit", id, "--limit-rate", "0", "--remote", f"unix:{daemon.socket}").returncode == 0


def facts(dlm: RunDlm, daemon: RunningDaemon) -> dict[str, Any]:
    """How its only download stands."""
    (row,) = json_lines(dlm("list", "--json", "--remote", f"unix:{daemon.socket}").stdout)
    return row


@pytest.mark.parametrize("way", ["database", "socket", "http"])
def test_what_another_process_carries_is_told(dlm: RunDlm, daemon: RunningDaemon, slow: HostileServer, way: str) -> None:
    """To whoever comes in the middle of it, until it is complete; Ctrl-C then ends the looking with 0."""
    id = begun(dlm, daemon, slow.url("/a.bin"))
    flags = {
        "database": ["--state", str(daemon.state / "dlm.db")],
        "socket": ["--remote", f"unix:{daemon.socket}"],
        "http": ["--remote", daemon.url, "--token", daemon.token],
    }[way]
    with RunningDlm("watch", "--json", *flags, cwd=daemon.files) as watching:
        assert watching.process.stdout is not None
        lines = [watching.process.stdout.readline().decode()]
        let_go(dlm, daemon, id)
        while '"event": "result"' not in lines[-1]:
            assert lines[-1]
            lines.append(watching.process.stdout.readline().decode())
        watching.send(signal.SIGINT)
        code, _, err = watching.end()
    assert (code, err) == (0, "")
    events = json_lines("".join(lines))
    samples = [each["downloaded"] for each in events if each["event"] == "download_progress"]
    assert {each["download_id"] for each in events} == {id}
    assert samples == sorted(samples)
    assert samples
    assert events[-1]["event"] == "result"


def test_looking_touches_nothing(dlm: RunDlm, daemon: RunningDaemon, slow: HostileServer) -> None:
    """The download goes on when the looking has been stopped, or killed."""
    id = begun(dlm, daemon, slow.url("/a.bin"))
    for number in (signal.SIGINT, signal.SIGKILL):
        with RunningDlm("watch", "--state", str(daemon.state / "dlm.db"), cwd=daemon.files) as watching:
            until(lambda: b"watch" in Path(f"/proc/{watching.process.pid}/cmdline").read_bytes())
            watching.send(number)
    assert facts(dlm, daemon)["status"] == "running"
    let_go(dlm, daemon, id)
    until((daemon.files / "a.bin").exists)
    assert (daemon.files / "a.bin").read_bytes() == LARGE


def test_a_terminal_shows_a_bar(dlm: RunDlm, daemon: RunningDaemon, slow: HostileServer) -> None:
    """With the name of what moves and the queue in numbers; the end of the daemon is told, with 5."""
    begun(dlm, daemon, slow.url("/a.bin"))
    mine, theirs = pty.openpty()
    env = {**os.environ, "PYTHONPATH": str(SOURCES), "TERM": "xterm", "LC_ALL": "C.UTF-8"}
    argv = [sys.executable, "-m", "dlm", "watch", "--remote", f"unix:{daemon.socket}"]
    with subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stderr=theirs) as watching:
        os.close(theirs)
        shown = b""
        while b"1 running, at" not in shown or b" %" not in shown:
            shown += os.read(mine, 65_536)
        assert b"a.bin" in shown
        stopped(daemon)
        with suppress(OSError):  # it has ended, and nobody is at the other side
            while True:
                shown += os.read(mine, 65_536)
        assert watching.wait(60) == 5
    os.close(mine)
    assert b"dlm: the daemon has stopped" in shown
