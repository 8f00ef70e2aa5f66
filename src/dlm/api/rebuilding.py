"""Values of ours from what a daemon told: the way back from `answers` and `events`.

What the wire does not carry (secrets, options, checkpoints' places) is as in a fresh value: who shows downloads does not need
it, and who fetches them is on the other side.
"""

from __future__ import annotations

from dlm.api import answers, events, overview
from dlm.model.download import Checkpoint, Download, DownloadId, DownloadSpec, Fault, Place
from dlm.model.error import error_named, exit_code
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
    Transition,
)
from dlm.model.message import ConnectionEnded, ConnectionView, Progressed
from dlm.model.phase import Cause, Intent, Phase
from dlm.model.queue import CarrierView, Constraint, Explanation, Finding, Ordered, Rates, Standing, Stats, Trial
from dlm.model.rank import Lane, Priority
from dlm.model.resource import Digest, Mirror, Part, Resource, Validator, Verification, Verified
from dlm.model.span import Span
from dlm.ports import Story

_INTENTS = {"pausing": Intent.PAUSE, "cancelling": Intent.CANCEL}


def download_of(told: answers.DownloadOut) -> Download:
    """The download as it stands there."""
    fault = None
    if told.error is not None:
        fault = Fault(told.error.kind, told.error.message, exit_code(error_named(told.error.kind)))
    return Download(
        id=DownloadId(told.download_id),
        spec=DownloadSpec(uris=tuple(told.uris), directory=told.directory, output=told.output, limit_rate=told.limit_rate),
        added=told.added,
        phase=Phase(told.phase),
        intent=_INTENTS.get(told.status, Intent.RUN),
        name=told.name,
        size=told.size,
        downloaded=told.downloaded,
        path=told.path,
        verified=None if told.verification is None else Verified(Verification(told.verification), told.verified_by),
        fault=fault,
        finished=told.finished,
        group=told.group,
        lane=Lane[told.lane.upper()],
        priority=Priority[told.priority.upper()],
        position=told.position,
        due=told.due,
        attempts=told.attempts,
    )


def transition_of(id: str, told: answers.TransitionOut | events.StatusEvent) -> Transition:
    """One step of the download `id`."""
    return Transition(told.seq, DownloadId(id), told.at, Phase(told.origin), Phase(told.target), Cause(told.cause), told.detail)


def story_of(told: answers.StoryOut) -> Story:
    """A download with what is recorded of it."""
    download = download_of(told.download)
    checkpoint = None if told.checkpoint is None else _checkpoint(told.checkpoint, told.download)
    return Story(download, checkpoint, tuple(transition_of(download.id, each) for each in told.transitions))


def _checkpoint(told: answers.CheckpointOut, download: answers.DownloadOut) -> Checkpoint:
    resource = Resource(
        mirrors=tuple(Mirror(each) for each in told.mirrors),
        parts=(Part(download.name, told.size),),
        validator=Validator(told.etag, told.last_modified),
        ranged=told.ranged,
    )
    place = Place(download.directory, download.name or "", f"{download.name or ''}.part", 0, 0)
    return Checkpoint(resource, place, tuple(Span(*each) for each in told.done))


def ordered_of(told: answers.OrderedOut) -> Ordered:
    """What an order did."""
    id = told.download.download_id
    transition = None if told.transition is None else transition_of(id, told.transition)
    return Ordered(download_of(told.download), transition, told.refusal)


def standing_of(told: answers.StandingOut) -> Standing:
    """A place in the queue."""
    return Standing(told.position, told.of, tuple(DownloadId(each) for each in told.ahead))


def rates_of(told: overview.LimitsOut) -> Rates:
    """The limits that hold there."""
    return Rates(told.total, told.hosts)


def stats_of(told: overview.QueueOut) -> Stats:
    """The queue there in numbers."""
    crew = tuple(CarrierView(each.pid, each.downloads, each.busy) for each in told.workers)
    return Stats({Phase(each): count for each, count in told.phases.items()}, told.speed, told.active, told.carriers, crew)


def explanation_of(told: answers.ExplanationOut) -> Explanation:
    """Why a download stands there as it does."""
    constraints = tuple(Constraint(each.kind, each.sentence, each.facts) for each in told.constraints)
    return Explanation(download_of(told.download), constraints)


def verified_of(told: answers.VerifiedOut) -> Verified:
    """How sure a file is."""
    return Verified(Verification(told.verification), told.verified_by)


def resource_of(told: overview.PreviewOut) -> Resource:
    """What an address turned out to be."""
    part = Part(told.name, told.size, tuple(Digest.parse(each) for each in told.digests), told.modified)
    return Resource(mirrors=(Mirror(told.uri),), parts=(part,), ranged=told.ranged, media_type=told.media_type)


def findings_of(told: overview.FindingsOut) -> list[Finding]:
    """What was checked there."""
    return [Finding(each.name, each.state, each.sentence) for each in told.findings]


def trials_of(told: overview.TrialsOut) -> list[Trial]:
    """What was measured there."""
    return [Trial(each.connections, each.speed, each.seconds, each.served) for each in told.trials]


def progress_of(told: events.ProgressEvent) -> Progressed:
    """A sample."""
    return Progressed(
        id=DownloadId(told.download_id),
        total=told.total,
        downloaded=told.downloaded,
        instantaneous_speed=told.instantaneous_speed or 0.0,
        smoothed_speed=told.smoothed_speed or 0.0,
        eta=told.eta_secs,
        connections=tuple(
            ConnectionView(each.number, Span(each.start, each.stop), each.position, each.speed) for each in told.connections
        ),
        done=tuple(Span(*each) for each in told.done),
        note=told.note,
        limited=told.limited,
    )


def event_of(told: events.EventOut) -> Event | None:
    """The event, `None` for one that only the wire has."""
    match told:
        case events.AddedEvent():
            return DownloadAdded(download_of(told.download))
        case events.EditedEvent():
            return DownloadEdited(download_of(told.download))
        case events.RemovedEvent():
            return DownloadRemoved(download_of(told.download))
        case events.StatusEvent():
            return PhaseChanged(download_of(told.download), transition_of(told.download_id, told))
        case events.ProgressEvent():
            return ProgressMade(progress_of(told))
        case events.ConnectionEvent():
            id = DownloadId(told.download_id)
            return ConnectionClosed(ConnectionEnded(id, told.number, told.host, told.bytes, told.seconds or 0.0, told.error))
        case events.WarningEvent():
            return RuntimeWarned(told.code, told.message, None if told.download_id is None else DownloadId(told.download_id))
        case events.LaggedEvent():
            return Lagged(told.missed)
    return None
