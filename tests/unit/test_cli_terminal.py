"""The command line at a real (pseudo) terminal."""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.unit.test_cli_frame import Screen

ROOT = Path(__file__).resolve().parent.parent.parent

LAUNCH = "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
SCRIPT = """
import asyncio
from dlm.cli.main import run
from dlm.model.phase import Cause, Phase
from tests.unit.test_cli_twin import DownloadsTwin, Plan

twin = DownloadsTwin(plans={"https://h/slow.bin": Plan(steps=60_000)})
twin.keep("https://h/" + "long" * 30 + ".iso", Phase.COMPLETED, size=2048)
twin.keep("https://h/\\x1b[31m\\u540d.iso", Phase.FAILED, size=4096, downloaded=1024)
async def work():
    id = twin.keep("https://h/queued.bin", name="queued.bin", size=1000).id
    twin.move_phase(id, Cause.CLAIMED)
    twin.move_phase(id, Cause.STARTED)
    for step in range(1, 5):
        await asyncio.sleep(0.2)
        await twin._step(id, Plan(), 200 * step)
    twin.move_phase(id, Cause.TRANSFERRED)
    twin.move_phase(id, Cause.PUBLISHED, path="/target/queued.bin")
twin.working = work
code = run(sys.argv[1:], twin.opener())
if "--user" in sys.argv:
    print([spec.user for spec in twin.fetched])
sys.exit(code)
"""


def at_terminal(*argv: str, typed: str = "", width: int = 80, environ: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Run at a terminal of that width; `typed` is typed after the first colon that is shown."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    paths = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "TERM": "xterm", "PYTHONIOENCODING": "utf-8"}
    process = subprocess.Popen(
        [sys.executable, "-c", LAUNCH + SCRIPT, *argv],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, **paths, **(environ or {})},
    )
    os.close(theirs)
    read = b""
    while select.select([ours], [], [], 30)[0]:
        try:
            chunk = os.read(ours, 10_000)
        except OSError:  # the other end is closed
            break
        if not chunk:
            break
        read += chunk
        if typed and b":" in read:
            os.write(ours, typed.encode())
            typed = ""
    os.close(ours)
    return process.wait(30), read.decode().replace("\r\n", "\n")


def test_a_password_is_asked_for_without_echo() -> None:
    """At a terminal --user NAME asks, and what is typed is not shown."""
    code, shown = at_terminal("get", "-q", "--user", "me", "https://h/a", typed="pw:1\n")
    assert code == 0
    assert "Password of me" in shown
    before, _, after = shown.partition("['me:pw:1']")
    assert after
    assert "pw:1" not in before


def test_a_list_is_a_table() -> None:
    """At a terminal the list has colours and fits the width; nothing that a server said commands the terminal."""
    code, shown = at_terminal("list", width=80)
    assert code == 0
    assert "\x1b[32mcompleted" in shown
    assert "\x1b[31m\u540d" not in shown
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert "\x1b" not in plain
    assert max(map(len, plain.splitlines())) <= 80
    assert all(word in plain for word in ("…", "completed", "2.0 KiB", "100 %", "2023-11-"))


@pytest.mark.parametrize("width", [40, 60])
def test_a_narrow_list_keeps_the_names(width: int) -> None:
    """On a narrow terminal the columns at the right give way before the names do."""
    code, shown = at_terminal("list", width=width, environ={"NO_COLOR": "1"})
    assert code == 0
    assert all(len(text) <= width for text in shown.splitlines())
    assert "NAME" in shown
    assert "WHEN" not in shown
    assert shown.count("iso") == 2


def test_a_list_honours_no_color() -> None:
    """NO_COLOR leaves no colour in the table."""
    _, shown = at_terminal("list", environ={"NO_COLOR": "1"})
    assert "\x1b[32m" not in shown
    assert "completed" in shown


@pytest.mark.parametrize("colour", [True, False])
def test_a_download_is_drawn(colour: bool) -> None:
    """At a terminal a bar is drawn over itself, and the finished line stays."""
    code, shown = at_terminal("get", "https://h/slow.bin", environ={} if colour else {"NO_COLOR": "1"})
    assert code == 0
    assert "━" in shown
    assert "\r\x1b[1A\x1b[J" in shown
    assert ("\x1b[32m" in shown) is colour
    finished, *rest = Screen(80).feed(shown)
    assert finished.startswith("✓ slow.bin  1000 B in ")
    assert not any(rest)


def test_a_queue_is_drawn_and_summed_up() -> None:
    """At a terminal what runs has a bar above the counts; only what came of it stays."""
    code, shown = at_terminal("run", environ={"NO_COLOR": "1"})
    assert code == 0
    assert "1 running" in shown
    assert "100.0 B/s" in shown.replace("100 B/s", "100.0 B/s")
    done, summary, *rest = Screen(80).feed(shown)
    assert done.startswith("✓ queued.bin  1000 B in ")
    assert summary == "1 done."
    assert not any(rest)


def test_what_works_the_queue_is_told_at_a_terminal_only() -> None:
    """A script that adds reads nothing that it did not ask for."""
    assert at_terminal("add", "https://h/new.iso")[1].endswith("dlm run works the queue.\n")
