"""What is asked of a daemon, in its words: the way there from values of ours. `reading` is how it understands them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from dlm.api import asks
from dlm.api.reading import WITHHELD
from dlm.model.download import DownloadSpec
from dlm.model.error import InvalidRequest
from dlm.model.query import DownloadQuery
from dlm.model.queue import AddRequest, Change, Selection
from dlm.model.rank import Lane
from dlm.model.reference import prefix_of
from dlm.model.sorting import NEWEST_FIRST
from dlm.model.units import check_rate

_PRESETS = DownloadSpec(uris=("",), directory="")


def add_in(request: AddRequest) -> asks.AddIn:
    """A download to be queued. Of its lanes only `NOW` can be asked for from afar."""
    if request.pieces is not None:
        raise InvalidRequest(
            "digests of pieces cannot be sent to a daemon: give it the address of the Metalink, or fetch it here"
        )
    return asks.AddIn(
        uris=list(request.spec.uris),
        priority=request.priority.name.lower(),  # type: ignore[arg-type]  # the names are those of the literal
        start_at=request.start_at,
        group=request.group,
        paused=request.paused,
        now=request.lane is Lane.NOW,
        **said(request.spec),
    )


def change_in(change: Change) -> asks.ChangeIn:
    """An edit. What is `None` among its fields is taken away."""
    fields_ = {name: _plain(name, value) for name, value in change.fields.items()}
    _refuse_withheld(fields_)
    priority: Any = change.priority.name.lower() if change.priority is not None else None
    rank: dict[str, Any] = {"priority": priority, "start_at": change.start_at, "group": change.group}
    return asks.ChangeIn(mirrors=list(change.mirrors), **rank, **fields_)


def said(spec: DownloadSpec) -> dict[str, Any]:
    """What the spec says beyond the defaults, as the wire has it. Raises `InvalidRequest` for what may not be said."""
    said = {}
    for each in fields(DownloadSpec):
        value = getattr(spec, each.name)
        if each.name != "uris" and value != getattr(_PRESETS, each.name):
            said[each.name] = _plain(each.name, value)
    _refuse_withheld(said)
    return said


def _plain(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name == "limit_rate":
        check_rate(value)
    if name == "headers":
        return dict(value)
    if name == "checksum":
        return str(value)
    if name == "recursive":
        kept = {"include": list(value.include), "exclude": list(value.exclude), "newer": value.newer}
        return asks.RecursionIn(depth=value.depth, **kept)
    if name == "uris":
        return list(value)
    if name == "range":
        return f"{value.start}-{value.stop - 1}"
    return value


def _refuse_withheld(said: Mapping[str, Any]) -> None:
    for name in said:
        if name in WITHHELD:
            raise InvalidRequest(f"'{name.replace('_', ' ')}' cannot be chosen from afar: it {WITHHELD[name]}")


def selected(selection: Selection) -> dict[str, Any]:
    """Whom an order means. Raises `DownloadNotFound` for what no id can begin with."""
    phases = None if selection.phases is None else sorted(phase.value for phase in selection.phases)
    everybody = not selection.references and phases is None and selection.group is None
    return {
        "ids": [prefix_of(each) for each in selection.references],
        "phases": phases,
        "group": selection.group,
        "everybody": everybody,
    }


def page_query(query: DownloadQuery, before: str | None, limit: int) -> dict[str, str]:
    """The conditions of a page."""
    said = {"directory": query.directory, "group": query.group, "text": query.text, "before": before, "limit": str(limit)}
    if query.sort != NEWEST_FIRST:
        said["sort"] = str(query.sort)
    if query.phases is not None:
        said["phase"] = ",".join(sorted(phase.value for phase in query.phases))
    return {name: value for name, value in said.items() if value is not None}
