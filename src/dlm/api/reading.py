"""From what a client says to what the facade is asked for. Raises `InvalidRequest` with the member that makes no sense."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, replace
from typing import Any

from msgspec import UNSET

from dlm.api import cursors
from dlm.api.asks import AddIn, ChangeIn, OrderIn, RecursionIn, RemoveIn, SpecIn
from dlm.model.address import refuse_control
from dlm.model.download import DownloadSpec
from dlm.model.error import InvalidRequest
from dlm.model.phase import Phase
from dlm.model.query import DownloadQuery
from dlm.model.queue import AddRequest, Change, Selection
from dlm.model.rank import Lane, Priority
from dlm.model.recursion import Recursion
from dlm.model.resource import Digest
from dlm.model.settings import SCHEMA, Scope, Settings
from dlm.model.sorting import NEWEST_FIRST, Sort
from dlm.model.units import parse_range
from dlm.model.value import dataclass

WITHHELD = {
    "cookies": "names a file of this machine",
    "cacert": "names a file of this machine",
    "cert": "names a file of this machine",
    "key": "names a file of this machine",
    "netrc": "sends the owner's passwords",
    "profile": "sends the owner's credentials",
    "proxy": "is the owner's to choose",
    "insecure": "is the owner's to choose",
}
"""Fields of a spec that no client may set, and why. A field that is neither here nor in `SpecIn` fails a test."""
PAGE = 100
MOST = 1000
"""Downloads on a page: unless said otherwise, and at most."""
_NEEDED = frozenset(each.name for each in fields(DownloadSpec) if each.default not in {None, MISSING})
"""What every spec has: none of these can be taken away."""
_NO_NAMES = frozenset({"", ".", "..", "-"})
"""What stands for no file, or for standard output."""
_CHOSEN = frozenset(each.name for each in fields(DownloadSpec)) - WITHHELD.keys()


@dataclass(frozen=True, slots=True)
class House:
    """What holds for everything that comes through the API: the configured defaults, and where files may go."""

    settings: Settings
    roots: tuple[str, ...]
    known: dict[str | None, str] | None = None
    """Directories that were found to be within a root, where that need not be looked at again."""

    def for_one_request(self) -> House:
        """The same, but each directory is looked at once: links do not change within a request that names it often."""
        return replace(self, known={})

    def directory(self, wanted: str | None) -> str:
        """The absolute directory. Raises `InvalidRequest` unless it is within a root, links and dots resolved."""
        if self.known is None:
            return self._within(wanted)
        if wanted not in self.known:
            self.known[wanted] = self._within(wanted)
        return self.known[wanted]

    def _within(self, wanted: str | None) -> str:
        refuse_control(wanted or "", "the directory")
        path = os.path.normpath(os.path.join(self.settings.directory, wanted or ""))
        real = os.path.realpath(path)
        for root in self.roots:
            if os.path.commonpath([real, os.path.realpath(root)]) == os.path.realpath(root):
                return path
        raise InvalidRequest(f"'{wanted}' is not within a directory that downloads may go to: {', '.join(self.roots)}")


def add_request(said: AddIn, house: House) -> AddRequest:
    """A download to be queued, as the house has it."""
    refuse_control(said.group or "", "the group")
    return AddRequest(
        spec=spec_of(said.uris, said, house),
        priority=Priority[said.priority.upper()],
        start_at=said.start_at,
        group=said.group,
        paused=said.paused,
        lane=Lane.NOW if said.now else Lane.AUTOMATIC,
    )


def spec_of(uris: Sequence[str], said: SpecIn, house: House) -> DownloadSpec:
    """A checked spec: the configured values, and those of `said` above them."""
    common: dict[str, Any] = {n: getattr(house.settings, n) for n, row in SCHEMA.items() if row.scope is not Scope.GLOBAL}
    own = {name: value for name, value in _chosen(said).items() if value is not None}
    directory = house.directory(said.directory or None)
    if "output" in own:
        folder, name = os.path.split(_name_of_a_file(own["output"]))
        own["output"], directory = name, house.directory(os.path.join(directory, folder))
    return DownloadSpec(**{**common, **own, "uris": tuple(uris), "directory": directory}).check()


def change_of(said: ChangeIn, house: House) -> Change:
    """An edit; what was left out is left as it is."""
    changed = _chosen(said)
    for name in changed.keys() & _NEEDED:
        if changed[name] is None:
            raise InvalidRequest(f"{name}: there has to be one, so null makes no sense")
    if said.directory:
        changed["directory"] = house.directory(said.directory)
    if changed.get("output") is not None and os.path.split(_name_of_a_file(changed["output"]))[0]:
        raise InvalidRequest("output: give a name without directories, and the directory by itself")
    refuse_control(said.group or "", "the group")
    if said.uris is not UNSET:
        changed["uris"] = tuple(said.uris)
    priority = None if said.priority is None else Priority[said.priority.upper()]
    return Change(fields=changed, mirrors=tuple(said.mirrors), priority=priority, start_at=said.start_at, group=said.group)


def selection_of(said: OrderIn | RemoveIn) -> Selection:
    """Whom an order means. Raises `InvalidRequest` when it names nobody: everybody has to be said."""
    if not said.everybody and not said.ids and said.phases is None and said.group is None:
        raise InvalidRequest("name the downloads: ids, phases, a group, or everybody")
    phases = None if said.phases is None else frozenset(Phase(each) for each in said.phases)
    return Selection(references=tuple(said.ids), phases=phases, group=said.group)


def lane_of(said: OrderIn) -> Lane | None:
    """The lane that an order puts a download in, `None` for the usual one."""
    return Lane.NOW if said.now else None


def query_of(query: Mapping[str, str]) -> DownloadQuery:
    """The conditions of a page. Raises `InvalidRequest` for those that make no sense."""
    phases = None
    if "phase" in query:
        known = {phase.value: phase for phase in Phase}
        words = query["phase"].split(",")
        if unknown := [word for word in words if word not in known]:
            raise InvalidRequest(f"phase: '{unknown[0]}' is none of {', '.join(known)}")
        phases = frozenset(known[word] for word in words)
    text = query.get("limit", str(PAGE))
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= MOST):
        raise InvalidRequest(f"limit: write a number from 1 to {MOST}")
    sort = Sort.parse(query["sort"]) if "sort" in query else NEWEST_FIRST
    before = cursors.read(query["before"], sort) if "before" in query else None
    return DownloadQuery(
        phases=phases,
        directory=query.get("directory"),
        group=query.get("group"),
        text=query.get("text"),
        before=before,
        limit=int(text),
        sort=sort,
    )


def _name_of_a_file(output: str) -> str:
    """The same. A dash would be the daemon's own standard output."""
    refuse_control(output, "the output")
    if os.path.basename(output) in _NO_NAMES or any("\x80" <= each <= "\x9f" for each in output):
        raise InvalidRequest("output: give the name of a file")
    return output


def _chosen(said: SpecIn) -> dict[str, Any]:
    """What was said, but for the addresses and the directory; `None` where it was null."""
    chosen = {name: getattr(said, name) for name in said.__struct_fields__ if name in _CHOSEN - {"uris", "directory"}}
    chosen = {name: value for name, value in chosen.items() if value is not UNSET}
    if "headers" in chosen:
        chosen["headers"] = tuple((chosen["headers"] or {}).items())
    for name, parse in (("checksum", Digest.parse), ("range", parse_range)):
        if chosen.get(name) is not None:
            chosen[name] = parse(chosen[name])
    recursion: RecursionIn | None = chosen.get("recursive")
    if recursion is not None:
        include, exclude = tuple(recursion.include), tuple(recursion.exclude)
        chosen["recursive"] = Recursion(recursion.depth, include, exclude, recursion.newer)
    if chosen.get("limit_rate") == 0:
        chosen["limit_rate"] = None
    if chosen.get("user") and chosen.get("bearer"):
        raise InvalidRequest("user and bearer cannot both be sent: choose one")
    return chosen
