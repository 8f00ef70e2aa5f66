"""The command line as other users of the machine see it: `ps` shows every argument of every process."""

from __future__ import annotations

from collections.abc import Iterable

_ARG_START, _ARG_END = 48 - 3, 49 - 3
"""Where proc(5) has them in `stat`, counted from the field after the name."""


def conceal(arguments: Iterable[str]) -> None:
    """Overwrite these arguments with asterisks in what the system shows of this process.

    On Linux the system shows the process's own memory, so it can be done; elsewhere nothing happens. It cannot be done
    for the moment between the start of the process and this call.
    """
    wanted = [argument.encode(errors="surrogateescape") for argument in arguments if argument]
    if not wanted:
        return
    try:
        with open("/proc/self/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        start, end = int(fields[_ARG_START]), int(fields[_ARG_END])
    except (OSError, IndexError, ValueError):
        return
    if not 0 < start < end:
        return
    import ctypes

    shown = ctypes.string_at(start, end - start)
    for secret in wanted:
        at = shown.find(secret)
        while at >= 0:
            ctypes.memset(start + at, ord("*"), len(secret))
            at = shown.find(secret, at + len(secret))
