"""The facts for `dlm doctor`, read from the machine, and the round in which all checks are run."""

from __future__ import annotations

import os
import resource
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from dlm.model.queue import Finding
from dlm.system import doctor
from dlm.system.mounts import file_system_of

Probe = Callable[[], Iterable[Finding]]
"""A check: it reads what it needs, and makes findings of it. Raises nothing but `OSError`."""

PATIENCE = 5.0
"""Seconds for one probe: a dead network disk answers nothing for minutes."""


def examine(probes: Mapping[str, Probe], patience: float = PATIENCE) -> list[Finding]:
    """What all probes find, in their order. One that fails, or is not ready in `patience` seconds, is a finding itself."""
    rounds = [(name, *_begun(probe)) for name, probe in probes.items()]
    deadline = time.monotonic() + patience
    findings: list[Finding] = []
    for name, thread, found in rounds:
        thread.join(max(0.0, deadline - time.monotonic()))
        if thread.is_alive():
            sentence = f"this check got no answer in {patience:g} s: look whether a disk of this machine hangs"
            findings.append(Finding(name, doctor.WARNING, sentence))
        else:
            findings += [each if each.name else Finding(name, each.state, each.sentence) for each in found]
    return findings


def _begun(probe: Probe) -> tuple[threading.Thread, list[Finding]]:
    found: list[Finding] = []

    def run() -> None:
        try:
            found.extend(probe())
        except OSError as error:
            found.append(Finding("", doctor.BAD, f"this check failed ({error}): the system log may tell more"))

    # A daemon: one that hangs must not keep the process from ending.
    thread = threading.Thread(target=run, daemon=True, name="dlm-doctor")
    thread.start()
    return thread, found


def machine_probes(
    state: str, directory: str, try_control: Callable[[], str | None], is_up: Callable[[], bool]
) -> dict[str, Probe]:
    """The checks of everything around dlm: for the database `state` and the directory in which files are saved."""
    return {
        "state disk": lambda: check_place("state disk", os.path.dirname(state), keeps_state=True),
        "control": lambda: [doctor.control(state + ".control", try_control())],
        "downloads disk": lambda: check_place("downloads disk", directory),
        "network": lambda: [doctor.network(is_up())],
        "proxy": lambda: doctor.proxies(os.environ),
        "clock": lambda: [doctor.clock(time.time())],
        "open files": lambda: [doctor.open_files(resource.getrlimit(resource.RLIMIT_NOFILE)[0])],
    }


def check_place(name: str, path: str, *, keeps_state: bool = False) -> Sequence[Finding]:
    """Whether files can be made in a directory, which need not exist yet, and whether there is room for them."""
    place = _nearest(path)
    if not os.path.isdir(place):
        return [doctor.unwritable(name, path, f"{place} is not a directory")]
    status = os.statvfs(place)
    if status.f_flag & os.ST_RDONLY:
        return [doctor.unwritable(name, path, "its file system is read-only")]
    if not os.access(place, os.W_OK | os.X_OK):
        return [doctor.unwritable(name, path, "permission denied")]
    room = doctor.space(name, path, status.f_bavail * status.f_frsize, status.f_favail if status.f_files else None)
    return [doctor.state_file_system(path, file_system_of(place)), room] if keeps_state else [room]


def _nearest(path: str) -> str:
    """`path`, or the first above it that exists."""
    while not os.path.lexists(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    return path
