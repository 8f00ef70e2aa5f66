"""`dlm top` on a real terminal, at a real daemon."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path

from tests.conftest import SOURCES, RunDlm
from tests.daemons import RunningDaemon
from tests.running import json_lines, until


def test_a_terminal_is_used_and_left_as_it_was(dlm: RunDlm, tmp_path: Path) -> None:
    """Rows come from the daemon, a key reaches it, q gives the terminal back and ends with 0. Names pass no escape codes."""
    with RunningDaemon(tmp_path) as daemon:
        remote = f"unix:{daemon.socket}"
        dlm("add", "--paused", "--remote", remote, "http://127.0.0.1:9/one%1b]0;evil%07.bin")
        mine, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        before = termios.tcgetattr(theirs)
        env = {**os.environ, "PYTHONPATH": str(SOURCES), "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        argv = [sys.executable, "-m", "dlm", "top", "--remote", remote]
        with subprocess.Popen(argv, env=env, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True) as top:
            shown = b""
            while b"4 paused 1" not in shown or b"0;evil" not in shown:
                shown += os.read(mine, 65_536)
            os.write(mine, b"c")
            while b"delete what has come" not in shown:
                shown += os.read(mine, 65_536)
            os.write(mine, b"y")
            while b"5 failed 1" not in shown:
                shown += os.read(mine, 65_536)
            (row,) = json_lines(dlm("list", "--json", "--remote", remote).stdout)
            assert row["status"] == "cancelled"
            os.write(mine, b"q")
            while b"\x1b[?1049l" not in shown:
                shown += os.read(mine, 65_536)
            until(lambda: top.poll() is not None)
            assert top.returncode == 0
        assert b"\x1b]0;evil" not in shown
        assert termios.tcgetattr(theirs) == before
        for end in (mine, theirs):
            with suppress(OSError):
                os.close(end)
