"""The files to fetch: random bytes, made once from a seed; and the comparison of what was fetched."""

from __future__ import annotations

import filecmp
import random
from pathlib import Path

from bench.model import MIB, Scenario


def write(scenario: Scenario, folder: Path) -> list[str]:
    """The scenario's files; their names."""
    folder.mkdir(parents=True)
    names = [f"{number:05}.bin" for number in range(scenario.files)]
    for number, name in enumerate(names):
        source = random.Random(f"{scenario.name} {number}")
        with (folder / name).open("wb") as file:
            left = scenario.size
            while left:
                piece = min(left, 16 * MIB)
                file.write(source.randbytes(piece))
                left -= piece
    return names


def difference(source: Path, names: list[str], fetched: Path) -> str | None:
    """What is wrong with the fetched files; None if they are the same, byte for byte, and nothing else lies there."""
    filecmp.clear_cache()
    for name in names:
        if not (fetched / name).is_file():
            return f"{name} is missing"
        if not filecmp.cmp(source / name, fetched / name, shallow=False):
            return f"{name} differs"
    more = {path.name for path in fetched.iterdir()} - set(names)
    return f"left behind: {', '.join(sorted(more)[:3])}" if more else None


def certificates(folder: Path, addresses: list[str]) -> Path:
    """An authority and a server's certificate for these addresses; the authority's file."""
    from subprocess import run

    folder.mkdir(parents=True)
    names = ",".join(f"IP:{address}" for address in addresses)
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"]
    run(
        [*new, "-subj", "/CN=bench authority", "-keyout", "ca.key", "-out", "ca.pem"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    signed = [
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-addext",
        f"subjectAltName={names}",
        "-addext",
        "basicConstraints=critical,CA:FALSE",
    ]
    run(
        [*new, "-subj", "/CN=bench", *signed, "-keyout", "server.key", "-out", "server.pem"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return folder / "ca.pem"
