"""Events as flat records, without secrets: what every log line and every span says.

| event | its own members |
|---|---|
| `download_added`, `download_edited`, `download_removed` | `phase` |
| `download_status_changed` | `from`, `to`, `cause`, `detail`?, `error`?, `path`? |
| `connection_closed` | `connection`, `bytes`, `elapsed`, `error`? |
| `runtime_warning` | `code`, `message` |
| `events_missed` | `missed` |

Those about a download begin with `download_id`, `name`, `uri` and `host`; `bytes` is what there is of it, `size` what there
will be. Sizes are in bytes, `elapsed` is in seconds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from dlm.model.address import without_credentials
from dlm.model.download import Download
from dlm.model.event import (
    ConnectionClosed,
    DownloadAdded,
    DownloadEdited,
    DownloadRemoved,
    Event,
    Lagged,
    PhaseChanged,
    ProgressMade,
    RuntimeWarned,
)
from dlm.model.phase import Cause, Phase

Fact = str | int | float | None

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
_TROUBLE = frozenset({Cause.BACKED_OFF, Cause.DISCONNECTED, Cause.YIELDED})


@dataclass(frozen=True, slots=True)
class Record:
    """One fact to be told: its level (`info`, `warning` or `error`), the event's name, and its members that are known."""

    level: str
    event: str
    facts: dict[str, Fact]


def record_of(event: Event) -> Record | None:
    """The record of an event; samples of progress have none."""
    match event:
        case ProgressMade():
            return None
        case DownloadAdded(download):
            return _record("info", "download_added", **_about(download), phase=download.phase.value)
        case DownloadEdited(download):
            return _record("info", "download_edited", **_about(download), phase=download.phase.value)
        case DownloadRemoved(download):
            return _record("info", "download_removed", **_about(download), phase=download.phase.value)
        case PhaseChanged():
            return _change(event)
        case ConnectionClosed(connection):
            return _record(
                "warning" if connection.error else "info",
                "connection_closed",
                download_id=connection.id,
                host=connection.host,
                connection=connection.number,
                bytes=connection.bytes,
                elapsed=round(connection.elapsed, 3),
                error=harmless(connection.error),
            )
        case RuntimeWarned(code, message, id):
            return _record("warning", "runtime_warning", download_id=id, code=code, message=harmless(message))
        case Lagged(missed):
            return _record("warning", "events_missed", missed=missed)


def harmless(text: str | None) -> str | None:
    """A sentence with the addresses in it made fit to be shown."""
    return None if text is None else _ADDRESS.sub(lambda match: without_credentials(match[0]), text)


def _change(event: PhaseChanged) -> Record:
    download, step = event.download, event.transition
    level = "error" if step.target is Phase.FAILED else "warning" if step.cause in _TROUBLE else "info"
    told = {
        "from": step.origin.value,
        "to": step.target.value,
        "cause": step.cause.value,
        "detail": harmless(step.detail),
        "error": download.fault.kind if download.fault else None,
        "path": download.path,
    }
    return _record(level, "download_status_changed", **_about(download), **told)


def _about(download: Download) -> dict[str, Fact]:
    return {
        "download_id": download.id,
        "name": harmless(download.label),
        "uri": download.uri,
        "host": download.host,
        "bytes": download.downloaded,
        "size": download.size,
    }


def _record(level: str, event: str, **facts: Fact) -> Record:
    return Record(level, event, {name: value for name, value in facts.items() if value is not None})
