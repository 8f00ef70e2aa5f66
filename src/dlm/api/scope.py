"""Scope: what a token may do."""

from __future__ import annotations

from enum import Enum


class Scope(Enum):
    """Each allows what those before it allow."""

    READ = "read"  # see everything but secrets
    ADD = "add"  # put downloads into the queue
    CONTROL = "control"  # stop, start, change and remove what is there
    ADMIN = "admin"  # settings and tokens

    def allows(self, wanted: Scope) -> bool:
        """Whether a token of this scope may do what needs `wanted`."""
        order = list(Scope)
        return order.index(self) >= order.index(wanted)
