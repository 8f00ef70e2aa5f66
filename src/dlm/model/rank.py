"""How downloads are ranked against each other for a slot."""

from __future__ import annotations

from enum import IntEnum


class Lane(IntEnum):
    """How a download came to wait for a slot; the smallest goes first. Stored as its number."""

    NOW = 0  # the user wants it now: it takes the slot of the least valuable one, and passes a closed window
    RETURNING = 1  # it had a slot and had to leave it
    INTERACTIVE = 2  # the user has just pressed start or resume
    AUTOMATIC = 3  # it was added to the queue
    RETRY = 4  # it failed before and is tried again


class Priority(IntEnum):
    """What the user thinks of it; the smallest goes first. Stored as its number."""

    HIGH = 0
    NORMAL = 1
    LOW = 2
