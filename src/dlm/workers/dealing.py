"""How rates that hold for all children together are dealt out among them: the decision alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dlm.model.queue import Rates
from dlm.policy.shares import Demand, deal

NOTICEABLE = 0.01
"""Part by which a portion must change before its child hears of it."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A download that the child numbered `member` carries, as its latest sample shows it.

    `hosts` are those that its bytes may come from. `limited` is which of our limits held it back, as in `Progressed`;
    `None` without a sample says that nothing is known yet.
    """

    member: int
    hosts: frozenset[str]
    speed: float = 0.0
    limited: str | None = None
    known: bool = False


def portions(rates: Rates, streams: Sequence[Stream]) -> dict[int, Rates]:
    """The rates of each child that carries something; together they are no more than `rates`.

    A child that is alone gets everything, so that nothing is lost by dealing. A host's rate is dealt among the children
    that may fetch from it. Each child shares its portion out among its downloads by itself, chunk by chunk.
    """
    members = {stream.member for stream in streams}
    if len(members) == 1:
        return dict.fromkeys(members, rates)
    totals = _dealt(rates.total, "total", streams) if rates.total is not None else {}
    hosts: dict[int, dict[str, int]] = {member: {} for member in members}
    for host, rate in rates.hosts.items():
        for member, portion in _dealt(rate, "host", [each for each in streams if host in each.hosts]).items():
            hosts[member][host] = portion
    return {member: Rates(totals.get(member), hosts[member]) for member in members}


def _dealt(rate: int, limit: str, streams: Sequence[Stream]) -> dict[int, int]:
    by_member: dict[int, list[Stream]] = {}
    for stream in streams:
        by_member.setdefault(stream.member, []).append(stream)
    demands = [
        Demand(len(own), sum(each.speed for each in own), any(not each.known or each.limited == limit for each in own))
        for own in by_member.values()
    ]
    return dict(zip(by_member, deal(rate, demands), strict=True))


def is_noticeable(old: Rates, new: Rates) -> bool:
    """Whether a child has to hear of its new portion."""
    before, after = _flat(old), _flat(new)
    return before.keys() != after.keys() or any(abs(after[key] - before[key]) > NOTICEABLE * before[key] for key in before)


def _flat(rates: Rates) -> Mapping[str, int]:
    return {**rates.hosts, **({} if rates.total is None else {"": rates.total})}
