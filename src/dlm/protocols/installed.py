"""Protocols that other packages bring, by entry points of the group `dlm.protocols`.

The name of an entry point is a scheme, its object a class that is made with a `ports.Clock` and fulfils `ports.Source`.
Nothing of a package is imported before an address asks for it.
"""

from __future__ import annotations

import re
from importlib.metadata import entry_points

from dlm.protocols.registry import Entry

GROUP = "dlm.protocols"
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
"""RFC 3986, 3.1. Addresses are compared in lower case."""


def brought() -> tuple[Entry, ...]:
    """One entry for each scheme that a package brings, in the order of packages and schemes."""
    entries = []
    for point in entry_points(group=GROUP):
        package = f"{point.dist.name} {point.dist.version}" if point.dist is not None else "of an unknown name"
        # What stands in brackets are extras, which nobody uses any more (Entry points specification).
        entries.append(Entry((point.name,), point.value.partition("[")[0].strip(), package=package))
    return tuple(sorted(entries, key=lambda entry: (entry.package, entry.schemes)))


def is_scheme(name: str) -> bool:
    """Whether an entry point of this name can ever be asked for."""
    return _SCHEME.fullmatch(name) is not None
