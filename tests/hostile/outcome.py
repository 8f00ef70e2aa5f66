"""What a correct client makes of a personality, and what a personality is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.hostile.content import Whole

if TYPE_CHECKING:
    from tests.hostile.exchange import Exchange
    from tests.hostile.reply import Reply

DONE = 0
FAILED = 1
NOT_FOUND = 3
REFUSED = 4
NETWORK = 5
DISK = 6
WRONG_CONTENT = 7


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a correct `dlm get` may end: its exit codes, and for exit code 0 the whole files that it may leave."""

    exits: frozenset[int]
    wholes: tuple[Whole, ...] = ()

    def __str__(self) -> str:
        right = "right bytes" + ("" if self.wholes == (Whole.ORIGINAL,) else f" ({', '.join(w.value for w in self.wholes)})")
        errors = sorted(self.exits - {DONE})
        failure = f"exit {' or '.join(map(str, errors))}" if errors else ""
        return " or ".join(text for text in (right if DONE in self.exits else "", failure) if text)


RIGHT = Outcome(frozenset({DONE}), (Whole.ORIGINAL,))


def right(*wholes: Whole) -> Outcome:
    """Success only, and with one of these files."""
    return Outcome(frozenset({DONE}), wholes)


def fails(*exits: int) -> Outcome:
    """No file, and one of these exit codes."""
    return Outcome(frozenset(exits))


def right_or(*exits: int, wholes: tuple[Whole, ...] = (Whole.ORIGINAL,)) -> Outcome:
    """One of these files, or no file and one of these exit codes."""
    return Outcome(frozenset({DONE, *exits}), wholes)


Responder = Callable[["Exchange"], "Reply | None"]
"""Decides the reply to one request, or writes it itself and gives `None`."""


@dataclass(frozen=True, slots=True)
class Personality:
    """One way to misbehave.

    `row` names the row of the threat catalogue that it stands for: B1 to B26 lies of HTTP, A names, C redirects and
    credentials, D digests, P pace; `base` is good behaviour. `options` are the options of dlm with which a client
    gets the right bytes all the same. `tls` says that the lie can only be told over TLS.
    """

    name: str
    row: str
    sentence: str
    outcome: Outcome
    respond: Responder
    options: tuple[str, ...] = ()
    tls: bool = False
