"""What each command makes of a download. Pure: the durable Repository and its twin both do what is decided here."""

from __future__ import annotations

from dataclasses import replace

from dlm.model.download import Checkpoint, Download, DownloadId, DownloadSpec, Fault
from dlm.model.error import Conflict, DownloadNotFound, IllegalTransition
from dlm.model.event import Transition
from dlm.model.phase import CLAIMED_PHASES, FINAL_PHASES, Cause, Phase, advance
from dlm.model.resource import Verified
from dlm.model.span import merge

UNNUMBERED = 0
"""The `seq` of a Transition that has not been recorded yet."""


def claimed(download: Download, owner: str, now: float, lease: float) -> tuple[Download, list[Transition]]:
    """The download as `owner` holds it until `now + lease`, and the story of that. Raises `Conflict`."""
    story: list[Transition] = []
    if download.phase in CLAIMED_PHASES:
        if held(download, now):
            raise Conflict(
                f"download {download.id} is being worked on by {download.owner}: wait until it has ended, or pause it"
            )
        download, left = advanced(download, Cause.YIELDED, now, detail=f"the lease of {download.owner} ran out")
        story.append(left)
    if download.phase is not Phase.PENDING:
        raise Conflict(f"download {download.id} is {download.phase.value} and cannot be started as it is")
    story.append(_step(download, Cause.CLAIMED, now, None))
    return replace(download, phase=Phase.SCHEDULED, owner=owner, lease_until=now + lease), story


def advanced(
    download: Download,
    cause: Cause,
    now: float,
    *,
    owner: str | None = None,
    detail: str | None = None,
    path: str | None = None,
    verified: Verified | None = None,
    fault: Fault | None = None,
) -> tuple[Download, Transition]:
    """The download after `cause`, with the facts given. Raises `Conflict` and `IllegalTransition`.

    A final phase sets the time at which it finished; every other phase clears it.
    """
    demand_owner(download, owner)
    if cause is Cause.CLAIMED:
        raise IllegalTransition("a download is claimed for an owner, never without one")
    step = _step(download, cause, now, detail)
    anew = cause is Cause.RETRIED
    keeps_owner = step.target in CLAIMED_PHASES
    changed = replace(
        download,
        phase=step.target,
        path=path or (None if anew else download.path),
        verified=verified or (None if anew else download.verified),
        fault=fault or (None if anew else download.fault),
        finished=now if step.target in FINAL_PHASES else None,
        owner=download.owner if keeps_owner else None,
        lease_until=download.lease_until if keeps_owner else None,
    )
    return changed, step


def checkpointed(download: Download, checkpoint: Checkpoint, owner: str | None) -> tuple[Download, Checkpoint]:
    """The download with what the checkpoint implies, and the checkpoint with its spans merged. Raises `Conflict`."""
    demand_owner(download, owner)
    checkpoint = replace(checkpoint, done=tuple(merge(checkpoint.done)))
    size = checkpoint.resource.parts[checkpoint.part].size
    return replace(download, name=checkpoint.place.name, size=size, downloaded=checkpoint.downloaded), checkpoint


def respecified(download: Download, spec: DownloadSpec, now: float) -> Download:
    """The download with another spec. Raises `Conflict` while a live owner holds it."""
    if held(download, now):
        raise Conflict(f"download {download.id} is being worked on by {download.owner}: pause it before it is changed")
    return replace(download, spec=spec)


def demand_removable(download: Download, now: float) -> None:
    """Raises `Conflict` while a live owner holds it."""
    if held(download, now):
        raise Conflict(f"download {download.id} is being worked on by {download.owner}: cancel it before it is removed")


def demand_owner(download: Download, owner: str | None) -> None:
    """Raises `Conflict` when `owner` is given and does not hold the download."""
    if owner is not None and download.owner != owner:
        raise Conflict(f"download {download.id} is no longer this worker's: {download.owner or 'nobody'} holds it now")


def held(download: Download, now: float) -> bool:
    """Whether an owner holds it whose lease has not run out."""
    return download.phase in CLAIMED_PHASES and download.lease_until is not None and download.lease_until > now


def prefix_of(reference: str) -> str:
    """What an id must begin with to be meant. Raises `DownloadNotFound` for what no id can begin with."""
    prefix = reference.strip().lower()
    if not prefix:
        raise DownloadNotFound("an empty id means no download: `dlm list` shows the ids")
    if len(prefix) > 16 or not set(prefix) <= set("0123456789abcdef"):
        raise DownloadNotFound(f"{reference!r} is not an id, which has 16 hexadecimal digits: `dlm list` shows them")
    return prefix


def the_one(prefix: str, found: list[DownloadId]) -> DownloadId:
    """The only id in `found`. Raises `DownloadNotFound` that says how many begin with `prefix`."""
    if not found:
        raise DownloadNotFound(f"no download has an id that begins with '{prefix}': `dlm list` shows them")
    if len(found) > 1:
        shown = ", ".join(found[:5]) + (", …" if len(found) > 5 else "")
        raise DownloadNotFound(f"'{prefix}' is the start of more than one id ({shown}): give more digits")
    return found[0]


def missing(id: DownloadId) -> DownloadNotFound:
    """The error for an id that nothing goes by."""
    return DownloadNotFound(f"there is no download {id}: `dlm list` shows those that are known")


def duplicate(id: DownloadId) -> Conflict:
    """The error for an id that something goes by already."""
    return Conflict(f"there is a download {id} already")


def _step(download: Download, cause: Cause, now: float, detail: str | None) -> Transition:
    return Transition(UNNUMBERED, download.id, now, download.phase, advance(download.phase, cause), cause, detail)
