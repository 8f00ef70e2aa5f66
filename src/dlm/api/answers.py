"""What a client is told: one type for each thing, from which writing, reading at the other end, and the schema are made.

Values are shaped as `--json` prints them. Sizes are in bytes, speeds in bytes a second, times in seconds since the epoch;
`null` is what is not known. No secret leaves here.
"""

from __future__ import annotations

from typing import Any

import msgspec

from dlm.api.asks import LaneName, PhaseName, PriorityName
from dlm.model.address import without_credentials
from dlm.model.download import Checkpoint, Download
from dlm.model.event import Transition
from dlm.model.message import Progressed
from dlm.model.phase import status
from dlm.model.queue import Added, Constraint, Explanation, Ordered, Standing
from dlm.model.resource import Verified
from dlm.ports import Story


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """What a client is told."""


class FaultOut(Outgoing, frozen=True, kw_only=True):
    """Why a download failed."""

    kind: str
    message: str


class DownloadOut(Outgoing, frozen=True, kw_only=True):
    """A download as it stands. `status` is the phase, or what is on its way: `pausing`, `cancelling`.

    `output` is the name that was asked for, `name` the one that the file gets, once that is known. `position` orders those
    that were moved within their lane and priority; `null` is behind them, by the time of addition.
    """

    download_id: str
    status: str
    phase: PhaseName
    uri: str
    uris: list[str]
    name: str | None
    output: str | None
    size: int | None
    downloaded: int
    speed: float | None
    priority: PriorityName
    lane: LaneName
    position: float | None
    group: str | None
    due: float | None
    attempts: int
    directory: str
    path: str | None
    verification: str | None
    verified_by: str | None
    limit_rate: int | None
    added: float
    finished: float | None
    error: FaultOut | None

    @classmethod
    def of(cls, download: Download, sample: Progressed | None = None) -> DownloadOut:
        """With a live sample, what moves too."""
        verified: Verified | None = download.verified
        fault = download.fault
        return cls(
            download_id=download.id,
            status=status(download.phase, download.intent),
            phase=download.phase.value,
            uri=download.uri,
            uris=[without_credentials(each) for each in download.spec.uris],
            name=download.name,
            output=download.spec.output,
            size=download.size,
            downloaded=sample.downloaded if sample else download.downloaded,
            speed=round(sample.smoothed_speed, 1) if sample else None,
            priority=download.priority.name.lower(),  # type: ignore[arg-type]  # the names are those of the literal
            lane=download.lane.name.lower(),  # type: ignore[arg-type]
            position=download.position,
            group=download.group,
            due=download.due,
            attempts=download.attempts,
            directory=download.spec.directory,
            path=download.path,
            verification=verified.how.value if verified else None,
            verified_by=verified.by if verified else None,
            limit_rate=download.spec.limit_rate,
            added=download.added,
            finished=download.finished,
            error=None if fault is None else FaultOut(kind=fault.kind, message=fault.message),
        )


class PageOut(Outgoing, frozen=True, kw_only=True):
    """Downloads, sorted as was asked. `next` is the `before` of the page that follows, `null` on the last."""

    downloads: list[DownloadOut]
    next: str | None


class AddedOut(Outgoing, frozen=True, kw_only=True):
    """What became of a download that was to be queued; `known`: an unfinished one of the same was there already."""

    download: DownloadOut
    known: bool

    @classmethod
    def of(cls, added: Added) -> AddedOut:
        """As it was added."""
        return cls(download=DownloadOut.of(added.download), known=added.known)


class BulkOut(Outgoing, frozen=True, kw_only=True):
    """What became of each, in the order of the request."""

    added: list[AddedOut]


class CheckpointOut(Outgoing, frozen=True, kw_only=True):
    """What is on stable storage; `done` are half-open intervals of bytes."""

    downloaded: int
    size: int | None
    done: list[tuple[int, int]]
    ranged: bool
    etag: str | None
    last_modified: str | None
    mirrors: list[str]

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> CheckpointOut:
        """Of the Part that it stands for."""
        resource = checkpoint.resource
        return cls(
            downloaded=checkpoint.downloaded,
            size=resource.parts[checkpoint.part].size if checkpoint.part < len(resource.parts) else None,
            done=[(span.start, span.stop) for span in checkpoint.done],
            ranged=resource.ranged,
            etag=resource.validator.etag,
            last_modified=resource.validator.last_modified,
            mirrors=[without_credentials(mirror.uri) for mirror in resource.mirrors],
        )


class TransitionOut(Outgoing, frozen=True, kw_only=True, rename={"origin": "from", "target": "to"}):
    """One step of a download's story."""

    seq: int
    at: float
    origin: PhaseName
    target: PhaseName
    cause: str
    detail: str | None

    @classmethod
    def of(cls, step: Transition) -> TransitionOut:
        """As it was recorded."""
        return cls(
            seq=step.seq,
            at=step.at,
            origin=step.origin.value,
            target=step.target.value,
            cause=step.cause.value,
            detail=step.detail,
        )


class StoryOut(Outgoing, frozen=True, kw_only=True):
    """A download with everything that is recorded of it."""

    download: DownloadOut
    checkpoint: CheckpointOut | None
    transitions: list[TransitionOut]

    @classmethod
    def of(cls, story: Story, sample: Progressed | None = None) -> StoryOut:
        """With a live sample, what moves too."""
        return cls(
            download=DownloadOut.of(story.download, sample),
            checkpoint=CheckpointOut.of(story.checkpoint) if story.checkpoint else None,
            transitions=[TransitionOut.of(step) for step in story.transitions],
        )


class OrderedOut(Outgoing, frozen=True, kw_only=True):
    """What an order did: `transition` where it moved at once, `refusal` where it was refused, and why."""

    download: DownloadOut
    transition: TransitionOut | None
    refusal: str | None

    @classmethod
    def of(cls, ordered: Ordered) -> OrderedOut:
        """As it was answered."""
        step = ordered.transition
        return cls(
            download=DownloadOut.of(ordered.download),
            transition=TransitionOut.of(step) if step else None,
            refusal=ordered.refusal,
        )


class OrdersOut(Outgoing, frozen=True, kw_only=True):
    """One answer for each download that was meant."""

    ordered: list[OrderedOut]


class StandingOut(Outgoing, frozen=True, kw_only=True):
    """A place in the queue, from 1, of how many, and who is next ahead, nearest first."""

    position: int
    of: int
    ahead: list[str]

    @classmethod
    def told(cls, standing: Standing) -> StandingOut:
        """As it stands."""
        return cls(position=standing.position, of=standing.of, ahead=list(standing.ahead))


class ConstraintOut(Outgoing, frozen=True, kw_only=True):
    """One thing that a download waits for or is bound by, with the figures that say so."""

    kind: str
    sentence: str
    facts: dict[str, Any]

    @classmethod
    def of(cls, constraint: Constraint) -> ConstraintOut:
        """As it was found."""
        return cls(kind=constraint.kind, sentence=constraint.sentence, facts=dict(constraint.facts))


class ExplanationOut(Outgoing, frozen=True, kw_only=True):
    """Why a download stands where it stands. The first constraint binds now, the others would bind next."""

    download: DownloadOut
    constraints: list[ConstraintOut]

    @classmethod
    def of(cls, explanation: Explanation) -> ExplanationOut:
        """As it was found."""
        found = [ConstraintOut.of(each) for each in explanation.constraints]
        return cls(download=DownloadOut.of(explanation.download), constraints=found)


class VerifiedOut(Outgoing, frozen=True, kw_only=True):
    """How sure a finished file is."""

    verification: str
    verified_by: str | None

    @classmethod
    def of(cls, verified: Verified) -> VerifiedOut:
        """As it was read again."""
        return cls(verification=verified.how.value, verified_by=verified.by)
