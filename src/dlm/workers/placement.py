"""Which child takes the next download: the decision alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

NEW: Final = -1
"""None of them: start another."""
CROWD = 2
"""Downloads with which a child has enough, as long as another may be started."""
FULL = 0.6
"""Part of a core from which on a child has enough, however few its downloads are: more work would slow them down."""


@dataclass(frozen=True, slots=True)
class Burden:
    """What a child has to do: how many downloads, and what part of a core it used lately."""

    active: int
    busy: float = 0.0


def placement(burdens: Sequence[Burden], most: int) -> int:
    """The index of the child that takes the next download, or `NEW`.

    A process costs a fifth of a second and tens of MiB, so another is started only when it pays: when even the least
    burdened one has enough, and there are fewer than `most`.
    """
    if not burdens:
        return NEW
    least = min(range(len(burdens)), key=lambda index: _order(burdens[index]))
    enough = burdens[least].active >= CROWD or burdens[least].busy > FULL
    return NEW if enough and len(burdens) < most else least


def _order(burden: Burden) -> tuple[bool, int, float]:
    return burden.busy > FULL, burden.active, burden.busy
