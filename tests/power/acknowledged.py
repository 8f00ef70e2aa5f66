"""What dlm has said that it did, and what it was about to do when it was cut off.

For each aspect of the queue there is a set of values that may be found afterwards: one, once dlm has answered; the old
and the new one while it has not.
"""

from __future__ import annotations

from enum import Enum

Value = str | int | bool | None
Key = tuple["Aspect", str]
"""What it is about, and the address of the download; no address for the whole queue."""


class Aspect(Enum):
    """What a command changes."""

    EXISTS = "exists"
    INTENT = "intent"  # "run" or "pause"
    RATE = "rate"  # the limit of the download
    TOTAL = "total"  # the limit of all together
    PLACED = "placed"  # whether it was given an explicit place
    COMPLETED = "completed"


_AT_FIRST: dict[Aspect, Value] = {
    Aspect.EXISTS: False,
    Aspect.INTENT: "run",
    Aspect.RATE: None,
    Aspect.TOTAL: None,
    Aspect.PLACED: False,
    Aspect.COMPLETED: False,
}


class Acknowledged:
    """The admissible values of each aspect."""

    def __init__(self) -> None:
        self._admissible: dict[Key, set[Value]] = {}

    def begin(self, key: Key, value: Value) -> set[Value]:
        """A command was given that makes it `value`: from now on that may be found as well. Gives what was admissible."""
        before = self.admissible(key)
        self._admissible[key] = before | {value}
        return before

    def restore(self, key: Key, before: set[Value]) -> None:
        """dlm has refused: nothing has changed."""
        self._admissible[key] = before

    def acknowledge(self, key: Key, value: Value) -> None:
        """dlm said that it is `value`: nothing else may be found from now on."""
        self._admissible[key] = {value}

    def admissible(self, key: Key) -> set[Value]:
        """What may be found."""
        return self._admissible.get(key, {_AT_FIRST[key[0]]})

    def is_admissible(self, key: Key, value: Value) -> bool:
        """Whether `value` may be found."""
        return value in self.admissible(key)

    def forget(self, address: str) -> None:
        """The download is gone: a new one of the same address begins anew."""
        for key in [key for key in self._admissible if key[1] == address and key[0] is not Aspect.EXISTS]:
            del self._admissible[key]

    def addresses(self) -> set[str]:
        """Every download that was ever spoken of."""
        return {address for _, address in self._admissible if address}
