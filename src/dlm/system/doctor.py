"""What `dlm doctor` says about the machine: facts in, findings out. Pure; `probes` gets the facts.

Each check is one function. What is not good says what to do.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from dlm.model.address import without_credentials
from dlm.model.queue import Finding
from dlm.model.units import format_size
from dlm.system.mounts import NETWORK_FILE_SYSTEMS

GOOD, WARNING, BAD = "good", "warning", "bad"

SCARCE = 64 * 1024 * 1024
"""Bytes of free space below which nothing sensible can be done."""
LITTLE = 1024 * 1024 * 1024
FEW_INODES = 1000
FEWEST_FILES, FEW_FILES = 64, 512
FIRST_YEAR, LAST_YEAR = 2024, 2100

_PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy")


def clock(now: float) -> Finding:
    """Whether the system's time (seconds since the epoch) can be true; certificates and Retry-After rely on it."""
    day = time.gmtime(now)
    shown = f"the clock says {time.strftime('%Y-%m-%d %H:%M', day)} UTC"
    if FIRST_YEAR <= day.tm_year < LAST_YEAR:
        return Finding("clock", GOOD, shown)
    return Finding("clock", BAD, f"{shown}, so no certificate can be verified: set the time of this machine")


def open_files(most: int) -> Finding:
    """Whether enough files and connections may be open at the same time."""
    shown = f"{most:,} files and connections may be open at the same time"
    if most >= FEW_FILES:
        return Finding("open files", GOOD, shown)
    advice = "raise the limit with 'ulimit -n 4096', or run fewer downloads at once"
    return Finding("open files", BAD if most < FEWEST_FILES else WARNING, f"only {shown}: {advice}")


def space(name: str, path: str, free: int, inodes: int | None) -> Finding:
    """Whether the file system of `path` has room: `free` bytes, and `inodes` new files (`None`: not counted)."""
    shown = f"{format_size(free)} are free for {path}"
    if inodes is not None and inodes < FEW_INODES:
        state = BAD if inodes == 0 else WARNING
        return Finding(name, state, f"only {inodes} more files can be made in {path}: delete some there")
    if free >= LITTLE:
        return Finding(name, GOOD, shown)
    advice = "free some, or choose another place"
    return Finding(name, BAD if free < SCARCE else WARNING, f"only {shown}: {advice}")


def unwritable(name: str, path: str, reason: str) -> Finding:
    """A directory that cannot be written to."""
    return Finding(name, BAD, f"{path} cannot be written to ({reason}): change its permissions, or choose another directory")


def state_file_system(path: str, kind: str | None) -> Finding:
    """Whether the database is where its promises hold. `kind` is the file system's, `None` when that is not known."""
    if kind in NETWORK_FILE_SYSTEMS:
        sentence = f"{path} is on a network file system ({kind}), where a database may be damaged: choose a local disk for it"
        return Finding("state disk", WARNING, f"{sentence} with --state")
    return Finding("state disk", GOOD, f"{path} is on a local file system{f' ({kind})' if kind else ''}")


def control(path: str, reason: str | None) -> Finding:
    """Whether the dlm processes on one database can reach each other; `reason` is why not."""
    if reason is None:
        return Finding("control", GOOD, f"the dlm processes on this database reach each other through {path}")
    return Finding("control", WARNING, f"commands reach running downloads late: {reason}")


def network(up: bool) -> Finding:
    """Whether this machine has one."""
    if up:
        return Finding("network", GOOD, "this machine has a network")
    return Finding("network", WARNING, "this machine has no network: connect it; until then downloads wait")


def proxies(environ: Mapping[str, str]) -> list[Finding]:
    """The proxies that the environment names, without their passwords, and those that are named in vain."""
    findings = []
    for name in _PROXIES:
        # HTTP_PROXY in capitals may come from a header of a request (CVE-2016-5385), so libcurl does not read it.
        upper = name.upper()
        chosen = name if environ.get(name) or name == "http_proxy" else upper
        if environ.get(chosen):
            shown = environ[chosen] if name == "no_proxy" else without_credentials(environ[chosen])
            findings.append(Finding("proxy", GOOD, f"{chosen} is {shown}"))
        if name == "http_proxy" and environ.get(upper) and not environ.get(name):
            sentence = f"{upper} is set and has no effect: write it as {name}"
            findings.append(Finding("proxy", WARNING, sentence))
    return findings or [Finding("proxy", GOOD, "the environment names no proxy")]
