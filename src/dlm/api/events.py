"""Events on the wire, as `--json` prints them; those about a download's life carry the download as well.

| event | members beside `event` |
|---|---|
| `download_added`, `download_edited`, `download_removed` | `download_id`, `download` |
| `download_status_changed` | `seq`, `at`, `download_id`, `from`, `to`, `cause`, `detail`, `error`, `download` |
| `download_progress` | `download_id`, `downloaded`, `total`, `instantaneous_speed`, `smoothed_speed`, `eta_secs`, |
| | `connections`, `done`, `limited`, `note` |
| `connection_closed` | `download_id`, `number`, `host`, `bytes`, `seconds`, `error` |
| `download_metrics` | `active`, `queued`, `avg_speed`, `per_protocol` |
| `runtime_warning` | `code`, `message`, `download_id` |
| `lagged` | `missed`: what the reader shows has to be read again |
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from dlm.api.answers import DownloadOut, FaultOut, Outgoing
from dlm.api.asks import PhaseName
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
from dlm.model.units import tenths


class Told(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """An event as it is sent."""


class AddedEvent(Told, frozen=True, kw_only=True, tag="download_added"):
    """A download is in the queue."""

    download_id: str
    download: DownloadOut


class EditedEvent(Told, frozen=True, kw_only=True, tag="download_edited"):
    """What was asked for, its priority or its place has changed."""

    download_id: str
    download: DownloadOut


class RemovedEvent(Told, frozen=True, kw_only=True, tag="download_removed"):
    """A download is no longer known."""

    download_id: str
    download: DownloadOut


class StatusEvent(Told, frozen=True, kw_only=True, tag="download_status_changed", rename={"origin": "from", "target": "to"}):
    """The phase has changed, and the change is durable."""

    seq: int
    at: float
    download_id: str
    origin: PhaseName
    target: PhaseName
    cause: str
    detail: str | None
    error: FaultOut | None
    download: DownloadOut


class ConnectionOut(msgspec.Struct, frozen=True, kw_only=True):
    """A connection at work: its lease, where it is in it, its speed."""

    number: int
    start: int
    stop: int
    position: int
    speed: float


class ProgressEvent(Told, frozen=True, kw_only=True, tag="download_progress"):
    """A newer sample. `done` are half-open intervals of bytes in the file."""

    download_id: str
    downloaded: int
    total: int | None
    instantaneous_speed: float | None
    smoothed_speed: float | None
    eta_secs: float | None
    connections: list[ConnectionOut]
    done: list[tuple[int, int]]
    limited: str | None
    note: str | None


class SamplesOut(Outgoing, frozen=True, kw_only=True):
    """The latest sample of everything that moves."""

    samples: list[ProgressEvent]

    @classmethod
    def of(cls, samples: Iterable[Progressed]) -> SamplesOut:
        """As they were taken."""
        return cls(samples=[progress_event(each) for each in samples])


class ConnectionEvent(Told, frozen=True, kw_only=True, tag="connection_closed"):
    """A connection is over."""

    download_id: str
    number: int
    host: str
    bytes: int
    seconds: float | None
    error: str | None


class MetricsEvent(Told, frozen=True, kw_only=True, tag="download_metrics"):
    """The whole in numbers, once a second while something moves: bytes a second in all and by the address's scheme."""

    active: int
    queued: int
    avg_speed: float
    per_protocol: dict[str, float]


class WarningEvent(Told, frozen=True, kw_only=True, tag="runtime_warning"):
    """Something that a user should know and that stopped nothing."""

    code: str
    message: str
    download_id: str | None


class LaggedEvent(Told, frozen=True, kw_only=True, tag="lagged"):
    """This reader was too slow."""

    missed: int


EventOut = (
    AddedEvent
    | EditedEvent
    | RemovedEvent
    | StatusEvent
    | ProgressEvent
    | ConnectionEvent
    | MetricsEvent
    | WarningEvent
    | LaggedEvent
)


def told(event: Event) -> EventOut:
    """The event as it is sent."""
    match event:
        case DownloadAdded(download):
            return AddedEvent(download_id=download.id, download=DownloadOut.of(download))
        case DownloadEdited(download):
            return EditedEvent(download_id=download.id, download=DownloadOut.of(download))
        case DownloadRemoved(download):
            return RemovedEvent(download_id=download.id, download=DownloadOut.of(download))
        case PhaseChanged(download, step):
            shown = DownloadOut.of(download)
            return StatusEvent(
                seq=step.seq,
                at=step.at,
                download_id=download.id,
                origin=step.origin.value,
                target=step.target.value,
                cause=step.cause.value,
                detail=step.detail,
                error=shown.error if download.phase is step.target else None,
                download=shown,
            )
        case ProgressMade(progress):
            return progress_event(progress)
        case ConnectionClosed(over):
            return ConnectionEvent(
                download_id=over.id,
                number=over.number,
                host=over.host,
                bytes=over.bytes,
                seconds=tenths(over.elapsed),
                error=over.error,
            )
        case RuntimeWarned(code, message, id):
            return WarningEvent(code=code, message=message, download_id=id)
        case Lagged(missed):
            return LaggedEvent(missed=missed)


def progress_event(progress: Progressed) -> ProgressEvent:
    """A sample as it is sent."""
    return ProgressEvent(
        download_id=progress.id,
        downloaded=progress.downloaded,
        total=progress.total,
        instantaneous_speed=tenths(progress.instantaneous_speed),
        smoothed_speed=tenths(progress.smoothed_speed),
        eta_secs=tenths(progress.eta),
        connections=[
            ConnectionOut(
                number=each.number,
                start=each.lease.start,
                stop=each.lease.stop,
                position=each.position,
                speed=tenths(each.speed) or 0.0,
            )
            for each in progress.connections
        ],
        done=[(span.start, span.stop) for span in progress.done],
        limited=progress.limited,
        note=progress.note,
    )
