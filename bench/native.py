"""The small programs in C, compiled when the benchmark starts."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).with_name("native")


@dataclass(frozen=True)
class Native:
    """Where the compiled programs are."""

    wire: Path
    runner: Path
    probe: Path


def compiled(folder: Path) -> Native:
    """Compile them into a folder. CalledProcessError: gcc did not like them."""
    for name in ("wire", "runner", "probe"):
        subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", folder / name, SOURCES / f"{name}.c"], check=True)
    return Native(folder / "wire", folder / "runner", folder / "probe")
