"""What a download can be bound by: the words, and how the sentences are put."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from dlm.model.text import printable
from dlm.model.units import format_duration


class Kind(StrEnum):
    """The words for what binds. They are stable: scripts read them."""

    QUEUE = "queue"
    HOST_CAP = "host_cap"
    HOST_BUSY = "host_busy"
    WINDOW = "window"
    START_AT = "start_at"
    RETRY_AT = "retry_at"
    NETWORK = "network"
    PAUSED = "paused"
    FAILED = "failed"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    STARTING = "starting"
    STALLED = "stalled"
    OWN_LIMIT = "own_limit"
    HOST_LIMIT = "host_limit"
    TOTAL_LIMIT = "total_limit"
    DISK = "disk"
    SERVER_CONNECTIONS = "server_connections"
    SERVER_CAP_PER_CONNECTION = "server_cap_per_connection"
    LINK_OR_SERVER = "link_or_server"
    OTHER_PROCESS = "other_process"


class Limit(NamedTuple):
    """A limit of ours in bytes a second, and the words for it."""

    kind: Kind
    words: str
    rate: int


def counted(number: int, noun: str) -> str:
    """`1 slot`, `3 slots`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def ended(message: str) -> str:
    """A message from elsewhere as a sentence's end."""
    return f"{printable(message).rstrip('. ')}."


def within(moment: float, now: float) -> str:
    """`in 0:42`, `at once`."""
    return f"in {format_duration(moment - now)}" if moment > now else "at once"
