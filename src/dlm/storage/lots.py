"""Lots: those in the line that share host and group. Pure.

The scheduler is fair between lots, so it has to see the first of each. Where there are more than it can look at, each host
comes before any second group of another: a host that is full or busy must not hide the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def lot_of(host: str, group: str | None) -> str:
    """The lot of this host and group: the host, and the digits of the group, which keep any group apart from any host."""
    return f"{host} {(group or '').encode('utf-8', 'surrogatepass').hex().upper()}"


def host_of_lot(lot: str) -> str:
    """The host of a lot."""
    return lot.rpartition(" ")[0]


def chosen_lots(first: Iterable[str], of_other_hosts: Sequence[str], most: int) -> list[str]:
    """At most `most`: of the `first` in line one of each host, one of each other host, then the others of the first."""
    heads: dict[str, str] = {}
    others: list[str] = []
    for lot in first:
        if heads.setdefault(host_of_lot(lot), lot) != lot:
            others.append(lot)
    return [*heads.values(), *of_other_hosts, *others][:most]
