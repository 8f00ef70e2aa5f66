"""What a file may be called here: the last check before a name meets the disk."""

from __future__ import annotations

import os
from collections.abc import Callable

from dlm.model.error import StorageError

Numbered = Callable[[str, int], str]
"""Gives the n-th other name: `numbered("a.iso", 2)` is `a (2).iso`. The rule is the naming policy's."""

SUFFIX = ".part"
LONGEST = 255
"""Bytes in a name on every common file system."""


def part_name(name: str) -> str:
    """The name of the partial file for `name`. Raises `StorageError` when it would be too long."""
    part = component(name) + SUFFIX
    if len(os.fsencode(part)) > LONGEST:
        raise StorageError(
            f"'{name}' is too long a name, with the {SUFFIX} of its partial file: choose a shorter one with -o", path=name
        )
    return part


def component(name: str) -> str:
    """`name`, which is one component of a path. Raises `StorageError` for what could lead to another directory."""
    if name in {"", ".", ".."} or "/" in name or "\0" in name:
        raise StorageError(f"{name!r} is not the name of a file: choose another with -o", path=name)
    return name


def first_free(name: str, numbered: Numbered, taken: Callable[[str], bool]) -> str:
    """`name`, or the first of its numbered forms that is not taken."""
    candidate, n = name, 0
    while taken(candidate):
        n += 1
        candidate = numbered(name, n)
    return candidate
