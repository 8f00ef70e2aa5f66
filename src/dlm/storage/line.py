"""The line: what may be admitted, one behind the other. Pure.

Order: by lane, then by priority, then those with a position, by it, then by the order of addition. Fairness between
hosts and groups is not in it: that depends on what runs at the moment of admission.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from dlm.model.download import Download
from dlm.model.phase import Intent, Phase
from dlm.model.rank import Lane, Priority
from dlm.model.value import dataclass

NEXT_AHEAD = 5
"""How many of those ahead are named to who asks where a download stands."""


@dataclass(frozen=True, slots=True)
class Standpoint:
    """What decides a place in the line. `seq` is the number of its addition."""

    seq: int
    lane: Lane
    priority: Priority
    position: float | None

    @property
    def rank(self) -> tuple[int, int, float, int]:
        """The smallest goes first."""
        return self.lane, self.priority, inf if self.position is None else self.position, self.seq

    @property
    def peers(self) -> tuple[Lane, Priority]:
        """The class within which positions are compared."""
        return self.lane, self.priority


def is_in_line(download: Download) -> bool:
    """Whether it may be admitted: pending, wanted, and not for standard output, which only its own process can fill."""
    return download.phase is Phase.PENDING and download.intent is Intent.RUN and not download.spec.streams_out


def standpoint(download: Download, seq: int) -> Standpoint:
    """Where the download stands."""
    return Standpoint(seq, download.lane, download.priority, download.position)


@dataclass(frozen=True, slots=True)
class Rearrangement:
    """How one gets to its new place: its own standpoint, and new positions (by `seq`) for those ahead that need one."""

    moved: Standpoint
    others: Sequence[tuple[int, float]] = ()


def rearranged(mover: Standpoint, ahead: Sequence[Standpoint], behind: Standpoint | None) -> Rearrangement:
    """How `mover` gets behind all that are `ahead` (in order, without itself) and before the one `behind`, if there is one.

    It joins those behind it where the two sides differ in lane or priority: at the head of a class no other has to move.
    One that stands there already stays as it is.
    """
    if _fits(mover, ahead, behind):
        return Rearrangement(mover)
    heads = not ahead or (behind is not None and ahead[-1].peers != behind.peers)
    peer = behind if behind is not None and heads else ahead[-1]
    natural = _placed(mover, peer, None)
    if _fits(natural, ahead, behind):
        return Rearrangement(natural)
    if heads:
        return Rearrangement(_placed(mover, peer, 0.0 if peer.position is None else peer.position - 1))
    peers = [each for each in ahead if each.peers == peer.peers]
    if behind is None or behind.position is None or peer.position is None:
        return _appended(mover, peers)
    between = _between(peer.position, behind.position)
    if between is not None:
        return Rearrangement(_placed(mover, peer, between))
    # No number is left between the two: those ahead are counted anew, downwards from the one behind.
    first = behind.position - len(peers) - 1
    return Rearrangement(
        _placed(mover, peer, behind.position - 1), [(each.seq, first + number) for number, each in enumerate(peers)]
    )


def _fits(point: Standpoint, ahead: Sequence[Standpoint], behind: Standpoint | None) -> bool:
    return (not ahead or ahead[-1].rank < point.rank) and (behind is None or point.rank < behind.rank)


def _appended(mover: Standpoint, peers: Sequence[Standpoint]) -> Rearrangement:
    """Behind these, before all that have no position."""
    positions = [each.position for each in peers if each.position is not None]
    free = (positions[-1] if positions else 0.0) + 1
    others = [(each.seq, free + number) for number, each in enumerate(peers[len(positions) :])]
    return Rearrangement(_placed(mover, peers[-1], free + len(others)), others)


def _between(low: float, high: float) -> float | None:
    """A number between the two, if there is one."""
    middle = low + (high - low) / 2
    return middle if low < middle < high else None


def _placed(mover: Standpoint, peer: Standpoint, position: float | None) -> Standpoint:
    return Standpoint(mover.seq, peer.lane, peer.priority, position)


def not_in_line(download: Download) -> str:
    """Why there is no place to give or to change, and what to do."""
    if download.spec.streams_out:
        return f"download {download.id} goes to standard output, so it has no place in the queue"
    if download.phase is Phase.PENDING:
        return f"download {download.id} is to be {download.intent.value}d, so it has no place in the queue: resume it first"
    return f"download {download.id} is {download.phase.value}: only what is pending has a place in the queue"
