"""Who holds a lease: a process, named so that another one on this machine can tell whether it still lives."""

from __future__ import annotations

import os


def this_process() -> str:
    """A name for this process: `PID:START:BOOT:NONCE`. START and BOOT are empty where the system does not tell them."""
    return f"{os.getpid()}:{_start(os.getpid())}:{_boot()}:{os.urandom(4).hex()}"


def is_alive(owner: str) -> bool:
    """Whether the process of that name may still run. A recycled process number is not taken for it, where /proc tells."""
    pid, _, rest = owner.partition(":")
    start, _, rest = rest.partition(":")
    if not pid.isdigit() or rest.partition(":")[0] != _boot():
        return False
    if start:
        return _start(int(pid)) == start
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _start(pid: int) -> str:
    """When the process started, in clock ticks since boot (proc(5), field 22 of stat); empty when that is not known.

    Of one that has ended, and that nobody has waited for yet (state Z or X, field 3), nothing is known either.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return "" if fields[0] in {b"Z", b"X"} else fields[19].decode()
    except (OSError, IndexError):
        return ""


def _boot() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", "rb") as file:
            return file.read().strip().decode().replace("-", "")[:12]
    except OSError:
        return ""
