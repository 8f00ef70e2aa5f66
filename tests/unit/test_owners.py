"""Whether the process that holds a lease still lives."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from dlm.storage.owners import is_alive, this_process


def owner_of(pid: int) -> str:
    """The name that a process of this number would give itself."""
    ours = this_process().split(":")
    start = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19] if ours[1] else ""
    return ":".join([str(pid), start, ours[2], "0"])


def test_a_running_process_is_alive() -> None:
    """This one, and a child."""
    assert is_alive(this_process())
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        assert is_alive(owner_of(child.pid))
    finally:
        child.kill()
        child.wait()


def test_a_process_that_was_killed_is_dead_even_before_anybody_has_waited_for_it() -> None:
    """A zombie holds no lease: in a container nobody may ever wait for it."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    owner = owner_of(child.pid)
    child.kill()
    deadline = time.monotonic() + 60
    while is_alive(owner) and time.monotonic() < deadline:
        time.sleep(0.01)
    try:
        assert not is_alive(owner)
    finally:
        child.wait()
    assert not is_alive(owner)


def test_a_recycled_number_and_another_boot_are_not_taken_for_the_owner() -> None:
    """The same number with another start time is somebody else; after a reboot everybody is."""
    pid, start, boot, nonce = this_process().split(":")
    if start:
        assert not is_alive(f"{pid}:{int(start) + 1}:{boot}:{nonce}")
    assert not is_alive(f"{pid}:{start}:another:{nonce}")


def test_a_name_that_is_none_is_nobody() -> None:
    """What another version of dlm, or a test, wrote there blocks nothing for ever."""
    assert not is_alive("me")
    assert not is_alive("")
    assert str(os.getpid()) in this_process()
