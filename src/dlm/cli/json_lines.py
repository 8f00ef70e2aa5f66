"""The face for programs: one JSON object a line, in ASCII.

| event | members beside `event` |
|---|---|
| `download_added` | `download_id`, `uri`, `name`, `size`, `downloaded`, `status` |
| `download_edited`, `download_removed` | as `download_added` |
| `download_progress` | `download_id`, `downloaded`, `total`, `instantaneous_speed`, `smoothed_speed`, `eta_secs`, |
| | `connections`, `limited`? |
| `download_status_changed` | `seq`, `at`, `download_id`, `from`, `to`, `cause`, `detail`?, `due`?, `error`? |
| `connection_closed` | `download_id`, `number`, `host`, `bytes`, `seconds`, `error`? |
| `runtime_warning` | `code`, `message`, `download_id`? |
| `lagged` | `missed` |
| `result` | `download_id`, `uri`, `status`, `path`, `size`, `verification`, `verified_by`, `already`, `error`?, `exit_code` |
| `queue_ended` | `queue`, `exit_code` |

Sizes are in bytes, speeds in bytes a second, times in seconds since the epoch; `null` is what is not known; members marked `?`
are left out when they have nothing to say. `seq` numbers what was recorded; `limited` names the limit of dlm's own that
holds a download back; `missed` counts events that came faster than they were read. `error` is an object with `kind` and
`message`. `result` comes once for each download, at the end, in the order in which they were asked for (under `run`: when it
ends); its `exit_code` is what the process would return for this download alone. `queue_ended` is the last line of `run`:
`queue` counts all downloads by status.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from dlm.cli.facts import error_facts, json_line, result_code
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
from dlm.model.message import Progressed
from dlm.model.phase import FINAL_PHASES, Phase, status
from dlm.model.units import tenths
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

    def summarise(self, _sentence: str) -> None:
        pass  # every outcome has its line

    def close(self) -> None:
        pass

    def _write(self, facts: dict[str, Any]) -> None:
        self._stream.write(json_line(facts))
        self._stream.flush()


class QueueJsonFace(JsonFace):
    """The same for a queue: what ends has its result at once, since nobody asked for it by name."""

    def show(self, event: Event, now: float) -> None:
        super().show(event, now)
        if isinstance(event, PhaseChanged) and event.newest and event.download.phase in FINAL_PHASES:
            self._write(outcome_facts(Outcome(event.download)))

    def ended(self, phases: Mapping[Phase, int], code: int, _sentence: str) -> None:
        counts = {phase.value: count for phase, count in phases.items() if count}
        self._write({"event": "queue_ended", "queue": counts, "exit_code": code})


def event_facts(event: Event) -> dict[str, Any]:
    """The event as its JSON object."""
    match event:
        case DownloadAdded(download):
            return {"event": "download_added", **_brief(download)}
        case DownloadEdited(download):
            return {"event": "download_edited", **_brief(download)}
        case DownloadRemoved(download):
            return {"event": "download_removed", **_brief(download)}
        case ProgressMade(progress):
            return progress_facts(progress)
        case PhaseChanged(download, step):
            return {
                "event": "download_status_changed",
                "seq": step.seq,
                "at": step.at,
                "download_id": download.id,
                "from": step.origin.value,
                "to": step.target.value,
                "cause": step.cause.value,
                **({"detail": step.detail} if step.detail else {}),
                **({"due": download.due} if step.target is Phase.WAITING and download.due is not None else {}),
                **error_facts(download),
            }
        case ConnectionClosed(over):
            return {
                "event": "connection_closed",
                "download_id": over.id,
                "number": over.number,
                "host": over.host,
                "bytes": over.bytes,
                "seconds": tenths(over.elapsed),
                **({"error": over.error} if over.error else {}),
            }
        case RuntimeWarned(code, message, id):
            return {"event": "runtime_warning", "code": code, "message": message, **({"download_id": id} if id else {})}
        case Lagged(missed):
            return {"event": "lagged", "missed": missed}


def progress_facts(progress: Progressed) -> dict[str, Any]:
    """The sample as its JSON object."""
    return {
        "event": "download_progress",
        "download_id": progress.id,
        "downloaded": progress.downloaded,
        "total": progress.total,
        "instantaneous_speed": tenths(progress.instantaneous_speed),
        "smoothed_speed": tenths(progress.smoothed_speed),
        "eta_secs": tenths(progress.eta),
        "connections": len(progress.connections),
        **({"limited": progress.limited} if progress.limited else {}),
    }


def _brief(download: Download) -> dict[str, Any]:
    return {
        "download_id": download.id,
        "uri": download.uri,
        "name": download.name,
        "size": download.size,
        "downloaded": download.downloaded,
        "status": status(download.phase, download.intent),
    }


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
