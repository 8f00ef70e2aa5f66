"""From what a foreground command asks for to downloads that are claimed for it: new ones, and those that are known."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from dlm.model.address import without_credentials
from dlm.model.download import Download, DownloadId, DownloadSpec, new_id
from dlm.model.error import Conflict, DlmError, IllegalTransition, InvalidRequest
from dlm.model.event import DownloadAdded, PhaseChanged
from dlm.model.phase import CLAIMED_PHASES, Cause, Intent, Phase
from dlm.model.rank import Lane
from dlm.model.resource import Pieces
from dlm.policy.naming import check_output
from dlm.ports import Outcome, Sources
from dlm.service.means import LEASE, Means, fault_of

_TO_PENDING = {
    Phase.PAUSED: Cause.RESUMED,
    Phase.WAITING: Cause.RESUMED,
    Phase.FAILED: Cause.RETRIED,
    Phase.CANCELLED: Cause.RETRIED,
    Phase.COMPLETED: Cause.RETRIED,
}


def check(spec: DownloadSpec, sources: Sources, pieces: Pieces | None = None) -> DownloadSpec:
    """Itself. Raises `InvalidRequest` when it cannot be carried out as it is written, or not with these pieces."""
    if pieces is not None and pieces.check() and spec.range is not None:
        raise InvalidRequest("a part of a file cannot be checked piece by piece: fetch all of it, or leave the pieces out")
    for uri in spec.check().uris:
        sources.pick(uri)
    if spec.recursive is not None and not sources.folders(spec.uris[0]).is_folder(spec.uris[0]):
        shown = without_credentials(spec.uris[0])
        raise InvalidRequest(f"{shown} is the address of a file: leave -r out, or end it with a slash if it is a folder")
    if spec.output is not None and not spec.streams_out:
        check_output(spec.output)
    return spec


async def enlist(means: Means, specs: Sequence[DownloadSpec], pieces: Mapping[DownloadSpec, Pieces]) -> list[Outcome]:
    """The downloads of these specs, in order: claimed for this process, or complete already, or with the fault that keeps
    them from it, such as another process that is quicker. `pieces` go with those that are new."""
    outcomes = await _all_known(means, specs)
    fresh = [spec for spec, outcome in zip(specs, outcomes, strict=True) if outcome is None]
    added = iter(await _added(means, fresh, pieces))
    return await _claimed(means, [outcome or next(added) for outcome in outcomes])


async def _added(means: Means, specs: Sequence[DownloadSpec], pieces: Mapping[DownloadSpec, Pieces]) -> list[Outcome]:
    """New downloads, claimed, in one transaction. Of processes that ask for the same at this moment, the first adds it."""
    now = means.clock.wall()
    new = [Download(id=new_id(), spec=spec, added=now, ready=now, lane=Lane.INTERACTIVE) for spec in specs]
    streaming = [each for each in new if each.spec.streams_out]
    lasting = [each for each in new if not each.spec.streams_out]
    if streaming:
        await means.repository.add(streaming)
        means.publish(*map(DownloadAdded, streaming))
    stated = {each.id: pieces[each.spec] for each in lasting if each.spec in pieces}
    answers = await means.repository.add_claimed(lasting, means.owner, now, LEASE, pieces=stated) if lasting else []
    settled = {each.id: each for each in streaming}
    for mine, (there, transition) in zip(lasting, answers, strict=True):
        settled[mine.id] = there
        if transition is not None:
            means.publish(DownloadAdded(mine), PhaseChanged(there, transition))
    return [Outcome(settled[each.id]) for each in new]


async def _all_known(means: Means, specs: Sequence[DownloadSpec]) -> list[Outcome | None]:
    """For each what an earlier run has left of it, ready to be claimed. Two specs of one download take turns at it."""
    lasting = [spec for spec in specs if not spec.streams_out]
    found = iter(await means.repository.same(lasting) if lasting else ())
    known = [None if spec.streams_out else _oldest(next(found), spec) for spec in specs]
    first: dict[DownloadId, int] = {}
    for number, each in enumerate(known):
        if each is not None:
            first.setdefault(each.id, number)
    taken = await asyncio.gather(*(_taken_up(means, known[number], specs[number]) for number in first.values()))
    outcomes = dict(zip(first.values(), taken, strict=True))
    for number, each in enumerate(known):
        if each is not None and number not in outcomes:
            outcomes[number] = await _taken_up(means, await means.repository.get(each.id), specs[number])
    return [outcomes.get(number) for number in range(len(specs))]


def _oldest(same: Sequence[Download], spec: DownloadSpec) -> Download | None:
    """Of these, newest first, what is to be gone on with. Another process that asks for the same finds that one as well."""
    return next((each for each in reversed(same) if each.spec.range == spec.range), None)


async def _taken_up(means: Means, known: Download | None, spec: DownloadSpec) -> Outcome | None:
    if known is None:
        return None
    if known.phase is Phase.COMPLETED and not spec.overwrite and stands(means, known, spec):
        return Outcome(known, already=True)
    try:
        return Outcome(await requeue(means, known, spec))
    except (Conflict, IllegalTransition) as error:
        return await _outrun(means, known, error)


def stands(means: Means, download: Download, spec: DownloadSpec) -> bool:
    """Whether the finished file is still there, and is what is asked for now."""
    found = means.store.describe(download.path) if download.path else None
    asked = spec.checksum in {None, download.spec.checksum}
    return found is not None and found[2] == download.size and asked


async def requeue(means: Means, download: Download, spec: DownloadSpec) -> Download:
    """A download that is known, pending again and as `spec` words it. Raises `Conflict` while another process carries it."""
    if download.spec.recursive != spec.recursive:
        await means.repository.forget_checkpoint(download.id)
    if download.phase in CLAIMED_PHASES:
        owner = download.owner
        if owner is not None and means.is_alive(owner):
            raise _under_way(download, owner)
        await means.advance(download, Cause.YIELDED)
    elif download.phase is Phase.COMPLETED:
        await means.repository.forget_checkpoint(download.id)
        await means.advance(download, Cause.RETRIED)
    elif download.phase in _TO_PENDING:
        await means.advance(download, _TO_PENDING[download.phase])
    await means.repository.intend(download.id, Intent.RUN)
    return await means.repository.respecify(download.id, spec)


async def _claimed(means: Means, outcomes: list[Outcome]) -> list[Outcome]:
    """With all of them claimed that are wanted and are not held by this process yet."""
    wanted = {each.download.id for each in outcomes if _is_free(means, each)}
    if not wanted:
        return outcomes
    moves = await means.repository.claim(list(wanted), means.owner, means.clock.wall(), LEASE)
    gained = {move[0].id: means.publish_move(move) for move in moves}
    return [
        Outcome(gained[each.download.id])
        if each.download.id in gained
        else await _outrun(means, each.download, None)
        if each.download.id in wanted
        else each
        for each in outcomes
    ]


def _is_free(means: Means, outcome: Outcome) -> bool:
    download = outcome.download
    return not outcome.already and download.fault is None and download.owner != means.owner


async def _outrun(means: Means, download: Download, error: DlmError | None) -> Outcome:
    """That another process was quicker, and which, where that can be told."""
    owner = (await means.repository.get(download.id)).owner
    if error is None or owner is not None or isinstance(error, IllegalTransition):
        error = _under_way(download, owner)
    return Outcome(replace(download, fault=fault_of(error)))


def _under_way(download: Download, owner: str | None) -> Conflict:
    process = f" (process {owner.partition(':')[0]})" if owner else ""
    return Conflict(f"another dlm{process} is fetching {download.label} right now")
