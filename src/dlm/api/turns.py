"""Work on thousands of values that lets everything else have its turn in between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

Row = TypeVar("Row")
Made = TypeVar("Made")
AT_ONCE = 50
"""Downloads that are read or told in one go: a few milliseconds."""


async def bit_by_bit(rows: Sequence[Row], make: Callable[[Row], Made]) -> list[Made]:
    """What `make` makes of each, in order. Raises what it raises."""
    made: list[Made] = []
    for start in range(0, len(rows), AT_ONCE):
        made += map(make, rows[start : start + AT_ONCE])
        await asyncio.sleep(0)
    return made
