"""The face for programs: one JSON object a line, in ASCII.

| event | members beside `event` |
|---|---|
| `download_added` | `download_id`, `uri`, `name`, `size`, `downloaded`, `status` |
| `download_progress` | `download_id`, `downloaded`, `total`, `instantaneous_speed`, `smoothed_speed`, `eta_secs` |
| `download_status_changed` | `download_id`, `from`, `to`, `cause`, `detail`?, `error`? |
| `runtime_warning` | `code`, `message`, `download_id`? |
| `result` | `download_id`, `uri`, `status`, `path`, `size`, `verification`, `verified_by`, `already`, `error`?, `exit_code` |

Sizes are in bytes, speeds in bytes a second; `null` is what is not known; members marked `?` are left out when they
have nothing to say. `error` is an object with `kind` and `message`. `result` comes once for each download, at the end, in
the order in which they were asked for; `exit_code` is what the process would return for this download alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any, TextIO

from dlm.cli.facts import error_facts, json_line, result_code
from dlm.model.download import Download
from dlm.model.event import DownloadAdded, Event, PhaseChanged, ProgressMade, RuntimeWarned
from dlm.ports import Outcome


class JsonFace:
    """Writes events as they come."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def show(self, event: Event, _now: float) -> None:
        self._write(event_facts(event))

    def draw(self, _now: float) -> None:
        pass

    def conclude(self, outcome: Outcome, _now: float) -> None:
        self._write(outcome_facts(outcome))

    def stopping(self) -> None:
        pass

    def interrupted(self, left: Sequence[Download], _sentence: str) -> None:
        for download in left:
            self._write(outcome_facts(Outcome(download)))

    def close(self) -> None:
        pass

    def _write(self, facts: dict[str, Any]) -> None:
        self._stream.write(json_line(facts))
        self._stream.flush()


def event_facts(event: Event) -> dict[str, Any]:
    """The event as its JSON object."""
    match event:
        case DownloadAdded(download):
            return {
                "event": "download_added",
                "download_id": download.id,
                "uri": download.uri,
                "name": download.name,
                "size": download.size,
                "downloaded": download.downloaded,
                "status": download.phase.value,
            }
        case ProgressMade(progress):
            return {
                "event": "download_progress",
                "download_id": progress.id,
                "downloaded": progress.downloaded,
                "total": progress.total,
                "instantaneous_speed": _tenths(progress.instantaneous_speed),
                "smoothed_speed": _tenths(progress.smoothed_speed),
                "eta_secs": _tenths(progress.eta),
            }
        case PhaseChanged(download, step):
            return {
                "event": "download_status_changed",
                "download_id": download.id,
                "from": step.origin.value,
                "to": step.target.value,
                "cause": step.cause.value,
                **({"detail": step.detail} if step.detail else {}),
                **error_facts(download),
            }
        case RuntimeWarned(code, message, id):
            return {"event": "runtime_warning", "code": code, "message": message, **({"download_id": id} if id else {})}


def outcome_facts(outcome: Outcome) -> dict[str, Any]:
    """The end of one download as its JSON object."""
    download = outcome.download
    return {
        "event": "result",
        "download_id": download.id,
        "uri": download.uri,
        "status": download.phase.value,
        "path": download.path,
        "size": download.size,
        "verification": download.verified.how.value if download.verified else None,
        "verified_by": download.verified.by if download.verified else None,
        "already": outcome.already,
        **error_facts(download),
        "exit_code": result_code(download),
    }


def _tenths(number: float | None) -> float | None:
    return round(number, 1) if number is not None and isfinite(number) else None
