"""Small real file systems, for what happens at their end."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(mount_point: Path, *, kibibytes: int = 1024, kind: str = "tmpfs") -> Iterator[Path]:
    """A tmpfs of that size (a ramfs has none). Where it cannot be mounted the test is skipped; under CI it fails."""
    mount_point.mkdir()
    command = ["mount", "-t", kind, "-o", f"size={kibibytes}k,mode=0700", kind, str(mount_point)]
    mounted = subprocess.run(command, capture_output=True, text=True)
    if mounted.returncode != 0:
        reason = f"no small file system can be mounted here: {mounted.stderr.strip()}"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    try:
        yield mount_point
    finally:
        subprocess.run(["umount", "--lazy", str(mount_point)], check=True)


def make_read_only(mount_point: Path) -> None:
    """Remount it so that nothing can be written any more."""
    subprocess.run(["mount", "-o", "remount,ro", str(mount_point)], check=True)


def fill(mount_point: Path) -> Path:
    """Write a file until no byte is left; returns it."""
    ballast = mount_point / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return ballast
