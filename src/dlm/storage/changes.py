"""What each step makes of a download. Pure: the durable Repository and its twin both do what is decided here.

What users order and edit stands in `orders`.
"""

from __future__ import annotations

from dataclasses import replace

from dlm.model.download import Checkpoint, Download, DownloadId, DownloadSpec, Fault
from dlm.model.error import Conflict, IllegalTransition
from dlm.model.event import Transition
from dlm.model.phase import CLAIMED_PHASES, FINAL_PHASES, TRANSITIONS, Cause, Intent, Phase, advance
from dlm.model.rank import Lane
from dlm.model.resource import Verified
from dlm.model.span import merge
from dlm.ports import Step

Move = tuple[Download, Transition]
"""The download after a step, and the step."""

UNNUMBERED = 0
"""The `seq` of a Transition that has not been recorded yet."""

_LANES: dict[Cause, Lane] = {
    Cause.PREEMPTED: Lane.RETURNING,
    Cause.YIELDED: Lane.RETURNING,
    Cause.RESUMED: Lane.INTERACTIVE,
    Cause.RETRIED: Lane.INTERACTIVE,
}
"""The lane of what becomes pending; others keep theirs, but for what comes due after an attempt."""
_BY_USER = frozenset({Cause.RESUMED, Cause.RETRIED})
_AFRESH = _BY_USER | {Cause.PUBLISHED}
_FOLLOWED: dict[Intent, Cause | None] = {Intent.RUN: None, Intent.PAUSE: Cause.HALTED, Intent.CANCEL: Cause.CANCELLED}


# --- who holds it -----------------------------------------------------------------------------------------------------


def claimed(download: Download, owner: str, now: float, lease: float) -> list[Move]:
    """How it gets to be held by `owner` until `now + lease`. It is, if the last step is CLAIMED.

    A lease that has run out is yielded first, and the intent followed.
    """
    moves: list[Move] = []
    if download.phase in CLAIMED_PHASES and not is_held(download, now):
        moves = abandoned(download, now, f"the lease of {download.owner} ran out")
        download = moves[-1][0]
    if download.phase is Phase.PENDING and download.intent is Intent.RUN:
        held = replace(download, phase=Phase.SCHEDULED, owner=owner, lease_until=now + lease)
        moves.append((held, _step(download, Cause.CLAIMED, now, None)))
    return moves


def abandoned(download: Download, now: float, detail: str) -> list[Move]:
    """How a claimed download comes back to the queue, or to where the user wanted it."""
    moves = [advanced(download, Cause.YIELDED, now, detail=detail)]
    followed = _FOLLOWED[download.intent]
    if followed is not None:
        moves.append(advanced(moves[-1][0], followed, now))
    return moves


def is_held(download: Download, now: float) -> bool:
    """Whether an owner holds it whose lease has not run out."""
    return download.phase in CLAIMED_PHASES and download.lease_until is not None and download.lease_until > now


def demand_free(download: Download, now: float, remedy: str) -> None:
    """Raises `Conflict` while a live owner holds it; `remedy` says what to do."""
    if is_held(download, now):
        raise Conflict(f"download {download.id} is being worked on by {download.owner}: {remedy}")


def demand_owner(download: Download, owner: str | None) -> None:
    """Raises `Conflict` when `owner` is given and does not hold the download."""
    if owner is not None and download.owner != owner:
        raise Conflict(f"download {download.id} is no longer this worker's: {download.owner or 'nobody'} holds it now")


# --- where it stands --------------------------------------------------------------------------------------------------


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
    due: float | None = None,
    attempts: int | None = None,
) -> Move:
    """The download after `cause`, with the facts given: see `ports.Repository.advance`.

    A final phase sets the time at which it finished; every other phase clears it.
    """
    demand_owner(download, owner)
    if cause is Cause.CLAIMED:
        raise IllegalTransition("a download is claimed for an owner, never without one")
    step = _step(download, cause, now, detail)
    anew, afresh = cause is Cause.RETRIED, cause in _AFRESH
    keeps_owner = step.target in CLAIMED_PHASES
    timed = step.target is Phase.WAITING and cause is not Cause.DISCONNECTED
    tries = attempts if attempts is not None else 0 if afresh else download.attempts
    pending = step.target is Phase.PENDING
    changed = replace(
        download,
        phase=step.target,
        intent=Intent.RUN if cause in _BY_USER else download.intent,
        path=path or (None if anew else download.path),
        verified=verified or (None if anew else download.verified),
        fault=fault or (None if afresh else download.fault),
        attempts=tries,
        due=due if timed else None,
        finished=now if step.target in FINAL_PHASES else None,
        owner=download.owner if keeps_owner else None,
        lease_until=download.lease_until if keeps_owner else None,
        ready=now if pending else download.ready,
        lane=_lane(download.lane, cause, tries) if pending else download.lane,
    )
    return changed, step


def _lane(lane: Lane, cause: Cause, attempts: int) -> Lane:
    """Where one goes that becomes pending."""
    if lane is Lane.NOW and cause not in _BY_USER:
        return Lane.NOW
    if cause is Cause.DUE and attempts:
        return Lane.RETRY
    return _LANES.get(cause, lane)


def _step(download: Download, cause: Cause, now: float, detail: str | None) -> Transition:
    return Transition(UNNUMBERED, download.id, now, download.phase, advance(download.phase, cause), cause, detail)


# --- what is known of it ----------------------------------------------------------------------------------------------


def checkpointed(download: Download, checkpoint: Checkpoint, owner: str | None) -> tuple[Download, Checkpoint]:
    """The download with what the checkpoint implies, and the checkpoint with its spans merged. Raises `Conflict`."""
    demand_owner(download, owner)
    checkpoint = replace(checkpoint, done=tuple(merge(checkpoint.done)))
    size = checkpoint.resource.parts[checkpoint.part].size
    return replace(download, name=checkpoint.place.name, size=size, downloaded=checkpoint.downloaded), checkpoint


def stepped(download: Download, step: Step, now: float) -> tuple[list[Move], Checkpoint | None]:
    """The moves of a `Step`, and its checkpoint with its spans merged. Raises `Conflict` or `IllegalTransition`."""
    moves: list[Move] = []
    checkpoint = None
    demand_owner(download, step.owner)
    if download.phase is Phase.SCHEDULED and (download.phase, step.cause) not in TRANSITIONS:
        moves.append(advanced(download, Cause.STARTED, now if step.began is None else step.began))
        download = moves[0][0]
    if step.checkpoint is not None:
        download, checkpoint = checkpointed(download, step.checkpoint, step.owner)
    moves.append(advanced(download, step.cause, now, path=step.path, verified=step.verified))
    return moves, checkpoint


def respecified(download: Download, spec: DownloadSpec, now: float) -> Download:
    """The download with another spec. Raises `Conflict` while a live owner holds it."""
    demand_free(download, now, "pause it before it is changed")
    return replace(download, spec=spec)


def repeats(new: Download, known: Download) -> bool:
    """Whether `new` asks for what `known` is still to bring: the same range of the same address under the same name."""
    ours, theirs = new.spec, known.spec
    same = (ours.uris[0], ours.directory, ours.output, ours.range) == (
        theirs.uris[0],
        theirs.directory,
        theirs.output,
        theirs.range,
    )
    return same and known.phase not in FINAL_PHASES


def demand_removable(download: Download, now: float) -> None:
    """Raises `Conflict` while a live owner holds it."""
    demand_free(download, now, "cancel it before it is removed")


def duplicate(id: DownloadId) -> Conflict:
    """The error for an id that something goes by already."""
    return Conflict(f"there is a download {id} already")
