"""What sets the pace of a transfer that moves, from its latest sample.

First what is certain: silence, one of our own limits, the disk, a refusal. What remains is the server's doing or the link's.
That a server caps each connection is said only where more connections have been seen to bring proportionally more. Else the
two cannot be told apart from here, and the sentence says no more than what was measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dlm.model.message import Progressed
from dlm.model.queue import Constraint
from dlm.model.units import format_duration, format_rate
from dlm.policy.constraints import Kind, Limit, counted, ended

SILENCE = 5.0
"""Seconds without a sample after which a transfer counts as stalled; there are five a second."""
EVEN = 1.25
"""Where all connections are called equally fast, the fastest is at most so many times as fast as the slowest."""
LINEAR = 0.2
"""Where the speed is said to have grown in proportion, a connection's share has changed by this part of it at most."""

_NAMED = {"download": Kind.OWN_LIMIT, "host": Kind.HOST_LIMIT, "total": Kind.TOTAL_LIMIT}


def pace(
    sample: Progressed, silent: float, limits: Sequence[Limit], trials: Sequence[tuple[int, float]]
) -> Iterator[Constraint]:
    """What binds the transfer, then those of our `limits` that would bind next, in their order.

    The sample came `silent` seconds ago. `trials` are numbers of connections and the speed that they brought before.
    """
    held = _NAMED.get(sample.limited or "")
    if silent > SILENCE:
        sentence = f"Nothing has been heard of its transfer for {format_duration(silent)}."
        yield Constraint(Kind.STALLED, sentence, _figures(sample) | {"silent": silent})
    elif held is not None:
        yield _limited(sample, held, next((limit for limit in limits if limit.kind is held), None))
    elif sample.limited == "disk":
        sentence = f"Bytes come faster than the disk makes them durable: {format_rate(sample.smoothed_speed)} measured."
        yield Constraint(Kind.DISK, sentence, _figures(sample))
    elif sample.total is not None and sample.downloaded >= sample.total:
        yield Constraint(Kind.DISK, "All its bytes have come; they are verified and made durable.", _figures(sample))
    elif sample.smoothed_speed < 1:
        sentence = (
            f"No bytes come: {ended(sample.note)}"
            if sample.note
            else f"No bytes come: {_connections(sample)} {_brings(sample)}."
        )
        yield Constraint(Kind.STALLED, sentence, _figures(sample))
    elif sample.refused:
        sentence = f"The server refuses further connections; {_connections(sample)} {_brings(sample)}."
        yield Constraint(Kind.SERVER_CONNECTIONS, sentence, _figures(sample))
    else:
        yield _capped(sample, trials) or _unbound(sample)
    for limit in limits:
        if limit.kind is not held:
            sentence = f"{limit.words}, {format_rate(limit.rate)}, would bind next."
            yield Constraint(limit.kind, sentence, {"limit": limit.rate})


def _limited(sample: Progressed, held: Kind, limit: Limit | None) -> Constraint:
    words = f"{limit.words}, {format_rate(limit.rate)}," if limit else "A limit that has just changed"
    sentence = f"{words} holds it back: {format_rate(sample.smoothed_speed)} measured."
    return Constraint(held, sentence, _figures(sample) | {"limit": limit.rate if limit else None})


def _capped(sample: Progressed, trials: Sequence[tuple[int, float]]) -> Constraint | None:
    """The claim that the server gives each connection so much and no more, if the figures bear it out."""
    speeds = [connection.speed for connection in sample.connections]
    many = len(speeds)
    if not speeds or sample.ceiling is None or many < sample.ceiling or max(speeds) > EVEN * min(speeds):
        return None
    fewer = [(count, speed) for count, speed in trials if 0 < 2 * count <= many]
    if not fewer:
        return None
    count, speed = max(fewer)
    share, earlier = sample.smoothed_speed / many, speed / count
    if abs(share - earlier) > LINEAR * earlier:
        return None
    sentence = (
        f"The server seems to cap each connection: each of {many} brings {format_rate(share)}, "
        f"and with {count} it was {format_rate(earlier)}. As many are open as are allowed."
    )
    figures = _figures(sample) | {"earlier_connections": count, "earlier_speed": speed}
    return Constraint(Kind.SERVER_CAP_PER_CONNECTION, sentence, figures)


def _unbound(sample: Progressed) -> Constraint:
    sentence = f"Nothing of dlm's holds it back: {_connections(sample)} {_brings(sample)}, which the link or the server sets."
    return Constraint(Kind.LINK_OR_SERVER, sentence, _figures(sample))


def _connections(sample: Progressed) -> str:
    return counted(len(sample.connections), "connection") if sample.connections else "the transfer"


def _brings(sample: Progressed) -> str:
    verb = "brings" if len(sample.connections) <= 1 else "bring"
    return f"{verb} {format_rate(sample.smoothed_speed)}"


def _figures(sample: Progressed) -> dict[str, object]:
    return {
        "speed": sample.smoothed_speed,
        "connections": len(sample.connections),
        "speeds": [connection.speed for connection in sample.connections],
        "ceiling": sample.ceiling,
        "refused": sample.refused,
        "limited": sample.limited,
        "note": sample.note,
    }
