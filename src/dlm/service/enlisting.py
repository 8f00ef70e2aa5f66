"""From what a foreground command asks for to downloads that are claimed for it: new ones, and those that are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dlm.model.download import Download, DownloadId, DownloadSpec, new_id
from dlm.model.error import Conflict, DlmError, IllegalTransition
from dlm.model.event import DownloadAdded
from dlm.model.phase import CLAIMED_PHASES, Cause, Intent, Phase
from dlm.model.rank import Lane
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


def check(spec: DownloadSpec, sources: Sources) -> DownloadSpec:
    """Itself. Raises `InvalidRequest` when it cannot be carried out as it is written."""
    for uri in spec.check().uris:
        sources.pick(uri)
    if spec.output is not None and not spec.streams_out:
        check_output(spec.output)
    return spec


async def enlist(means: Means, specs: Sequence[DownloadSpec]) -> list[Outcome]:
    """The downloads of these specs, in order: claimed for this process, or complete already, or with the fault that keeps
    them from it, such as another process that is quicker."""
    outcomes = [await _known(means, spec) for spec in specs]
    fresh = [spec for spec, outcome in zip(specs, outcomes, strict=True) if outcome is None]
    added = iter(await _added(means, fresh))
    return await _claimed(means, [outcome or Outcome(next(added)) for outcome in outcomes])


async def _added(means: Means, specs: Sequence[DownloadSpec]) -> list[Download]:
    """New downloads in one transaction. Of processes that ask for the same at this moment, the first has added it."""
    now = means.clock.wall()
    new = [Download(id=new_id(), spec=spec, added=now, ready=now, lane=Lane.INTERACTIVE) for spec in specs]
    streaming = [each for each in new if each.spec.streams_out]
    await means.repository.add(streaming)
    others = iter(await means.repository.add([each for each in new if not each.spec.streams_out], unless_known=True))
    settled = [each if each.spec.streams_out else next(others) for each in new]
    means.publish(*(DownloadAdded(mine) for mine, there in zip(new, settled, strict=True) if mine.id == there.id))
    return settled


async def _known(means: Means, spec: DownloadSpec) -> Outcome | None:
    """What an earlier run has left of this spec, ready to be claimed."""
    if spec.streams_out:
        return None
    same = await means.repository.same(spec.uris[0], spec.directory, spec.output)
    # The oldest: another process that asks for the same at this moment finds that one as well.
    known = next((each for each in reversed(same) if each.spec.range == spec.range), None)
    if known is None:
        return None
    if known.phase is Phase.COMPLETED and not spec.overwrite and _stands(means, known, spec):
        return Outcome(known, already=True)
    try:
        return Outcome(await _requeue(means, known, spec))
    except (Conflict, IllegalTransition) as error:
        return await _outrun(means, known, error)


def _stands(means: Means, download: Download, spec: DownloadSpec) -> bool:
    """Whether the finished file is still there, and is what is asked for now."""
    found = means.store.describe(download.path) if download.path else None
    asked = spec.checksum in {None, download.spec.checksum}
    return found is not None and found[2] == download.size and asked


async def _requeue(means: Means, download: Download, spec: DownloadSpec) -> Download:
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
    wanted = [each.download.id for each in outcomes if not each.already and each.download.fault is None]
    gained: dict[DownloadId, Download] = {}
    for move in await means.repository.claim(wanted, means.owner, means.clock.wall(), LEASE):
        gained[move[0].id] = means.publish_move(move)
    return [
        Outcome(gained[each.download.id])
        if each.download.id in gained
        else await _outrun(means, each.download, None)
        if each.download.id in wanted
        else each
        for each in outcomes
    ]


async def _outrun(means: Means, download: Download, error: DlmError | None) -> Outcome:
    """That another process was quicker, and which, where that can be told."""
    owner = (await means.repository.get(download.id)).owner
    if error is None or owner is not None or isinstance(error, IllegalTransition):
        error = _under_way(download, owner)
    return Outcome(replace(download, fault=fault_of(error)))


def _under_way(download: Download, owner: str | None) -> Conflict:
    process = f" (process {owner.partition(':')[0]})" if owner else ""
    return Conflict(f"another dlm{process} is fetching {download.label} right now")
