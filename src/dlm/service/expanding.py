"""What becomes of the files that an expansion has found: new downloads, known ones taken up again, finished ones left alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from dlm.model.download import Download, DownloadId, DownloadSpec, new_id
from dlm.model.error import Conflict, IllegalTransition
from dlm.model.event import DownloadAdded, PhaseChanged
from dlm.model.message import Child, Expanded, Listed
from dlm.model.phase import FINAL_PHASES, Cause, Order, Phase
from dlm.model.query import DownloadQuery
from dlm.model.rank import Lane
from dlm.model.recursion import Tally
from dlm.model.resource import Pieces
from dlm.policy.newer import Fetched, has_changed
from dlm.policy.offspring import reworded, root_of
from dlm.ports import Outcome
from dlm.service.enlisting import requeue, stands
from dlm.service.means import LEASE, Means

_MOST = 10_000_000


async def expand(means: Means, found: Expanded, *, claims: bool) -> list[Outcome]:
    """Make what was found durable, and give what is to be carried here, or was complete before.

    With `claims` that is claimed for this process; without, the scheduler finds it. Raises `Conflict` when the expansion is
    another's by now.
    """
    parent = await means.repository.get(found.id)
    known = await means.repository.same([child.spec for child in found.children])
    new: list[Download] = []
    pieces: dict[DownloadId, Pieces] = {}
    outcomes: list[Outcome] = []
    again: list[Download] = []
    for child, same in zip(found.children, known, strict=True):
        there = next((each for each in reversed(same) if each.spec.range is None), None)
        if there is None:
            new.append(_download_of(means, parent, child))
            pieces |= {new[-1].id: child.pieces} if child.pieces is not None else {}
        elif there.phase is Phase.COMPLETED and await _is_good(means, parent, child, there):
            outcomes.append(Outcome(there, already=True))
        elif _is_wanted_again(parent, there, claims=claims):
            again.append(await _taken_up(means, there, child.spec))
    claimed = await _claimed(means, again) if claims else again
    lease = LEASE if claims else None
    answers = await means.repository.expand(found, new, means.owner, means.clock.wall(), lease=lease, pieces=pieces)
    for mine, (there, transition) in zip(new, answers, strict=True):
        if there.id == mine.id:
            means.publish(DownloadAdded(mine), *([PhaseChanged(there, transition)] if transition is not None else []))
            claimed.append(there)
    return [*outcomes, *map(Outcome, claimed)]


async def listed(means: Means, message: Listed) -> Download:
    """The expansion is complete: all of it is listed."""
    now, detail = means.clock.wall(), sentence(message.tally, message.omission)
    for cause in (Cause.TRANSFERRED, Cause.PUBLISHED):
        move = await means.repository.advance(message.id, cause, now, owner=means.owner, path=message.path, detail=detail)
        download = means.publish_move(move)
    return download


def sentence(tally: Tally, omission: str | None) -> str:
    """`listed 1,234 files (5.6 GiB) in 12 folders; 1 name was left out: …`."""
    from dlm.model.units import format_size

    files = f"{tally.files:,} file{'' if tally.files == 1 else 's'}"
    size = f" ({format_size(tally.size)})" if tally.size else ""
    folders = f" in {tally.folders:,} folder{'' if tally.folders == 1 else 's'}" if tally.folders else ""
    if not tally.omitted:
        return f"listed {files}{size}{folders}"
    names = "1 name was" if tally.omitted == 1 else f"{tally.omitted:,} names were"
    return f"listed {files}{size}{folders}; {names} left out{f': {omission}' if omission else ''}"


async def gone_on_with(means: Means, parent: Download) -> list[Download]:
    """What an earlier run has found in a folder, or in a Metalink, and not brought: claimed for this process. Files of a folder
    are had with the access of now."""
    unfinished = frozenset(Phase) - {Phase.COMPLETED}
    query = DownloadQuery(group=group_of(parent), phases=unfinished, limit=_MOST)
    walks = parent.spec.recursive is not None
    root = root_of(parent.spec) if walks else parent.spec.directory
    left = [each for each in reversed(await means.repository.find(query)) if _is_child(parent, each, root)]
    if not left:
        return []
    await means.release_dead()
    answers = await means.queue.order([each.id for each in left], Order.RETRY, means.clock.wall())
    for answer in answers:
        if answer.transition is not None:
            means.publish(PhaseChanged(answer.download, answer.transition))
    # The files of a Metalink are had from strangers: what the access of their parent is is none of theirs.
    again = [await _with_access(means, parent, each.download) if walks else each.download for each in answers]
    return await _claimed(means, again)


def group_of(parent: Download) -> str:
    """The group of what an expansion finds: its own, where it has one."""
    return parent.group or parent.id


def _is_child(parent: Download, other: Download, root: str) -> bool:
    directory = other.spec.directory
    return other.id != parent.id and other.spec.recursive is None and (directory == root or directory.startswith(f"{root}/"))


async def _with_access(means: Means, parent: Download, child: Download) -> Download:
    spec = reworded(child.spec, parent.spec)
    if spec == child.spec:
        return child
    with suppress(Conflict):
        return await means.repository.respecify(child.id, spec)
    return child


def _download_of(means: Means, parent: Download, child: Child) -> Download:
    now = means.clock.wall()
    return Download(
        id=new_id(),
        spec=child.spec,
        added=now,
        ready=now,
        size=child.found.size,
        lane=Lane.INTERACTIVE if parent.lane is Lane.NOW else parent.lane,
        priority=parent.priority,
        group=group_of(parent),
    )


async def _is_good(means: Means, parent: Download, child: Child, there: Download) -> bool:
    """Whether the finished file is still there, and with `newer` the one that the server has now."""
    if child.spec.overwrite or not await asyncio.to_thread(stands, means, there, child.spec):
        return False
    if parent.spec.recursive is None or not parent.spec.recursive.newer:
        return True
    checkpoint = await means.repository.checkpoint_of(there.id)
    resource = None if checkpoint is None else checkpoint.resource
    modified = None if resource is None else resource.part.modified
    etag = None if resource is None else resource.validator.etag
    return not has_changed(child.found, Fetched(there.size, modified, etag, there.finished))


def _is_wanted_again(parent: Download, there: Download, *, claims: bool) -> bool:
    """What is known of this walk and not complete is on its way, or its user has stopped it, or it has failed: that stays."""
    if there.phase is Phase.COMPLETED:
        return True
    if there.group == group_of(parent):
        return False
    return claims or there.phase in FINAL_PHASES


async def _taken_up(means: Means, there: Download, spec: DownloadSpec) -> Download:
    """Queued again; one that is complete replaces its file, if that is there still."""
    replaces = there.phase is Phase.COMPLETED and stands(means, there, spec)
    try:
        return await requeue(means, there, replace(spec, overwrite=spec.overwrite or replaces))
    except (Conflict, IllegalTransition):
        return there


async def _claimed(means: Means, downloads: Sequence[Download]) -> list[Download]:
    """Those that this process could claim: others are another's."""
    if not downloads:
        return []
    ids = [each.id for each in downloads]
    moves = await means.repository.claim(ids, means.owner, means.clock.wall(), LEASE)
    return [means.publish_move(move) for move in moves]
