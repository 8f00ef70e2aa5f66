"""What users are told: downloads as they stand, the queue in numbers, and whether a finished file is still right."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from dlm.model.download import Checkpoint, Download, DownloadSpec
from dlm.model.error import DigestMismatch, IntegrityError, InvalidRequest, StorageError
from dlm.model.phase import Phase
from dlm.model.queue import Stats
from dlm.model.resource import STRENGTH, Pieces, Resource, Verification, Verified, strongest
from dlm.policy.naming import safe_name
from dlm.ports import Story, Worker
from dlm.service.enlisting import check
from dlm.service.live import samples
from dlm.service.means import Means


async def show(means: Means, reference: str) -> Story:
    """See `ports.Downloads.show`."""
    id = await means.repository.identify(reference)
    download = await means.repository.get(id)
    return Story(download, await means.repository.checkpoint_of(id), tuple(await means.repository.story(id)))


async def stats(means: Means, pool: Worker | None) -> Stats:
    """See `ports.Downloads.stats`. `pool` carries the queue, while that is worked here."""
    moving = await samples(means)
    speed = sum(each.progress.instantaneous_speed for each in moving.values())
    counts = await means.queue.counts()
    carriers, crew = (pool.carriers, pool.crew) if pool is not None else (0, ())
    return Stats(counts, speed=speed, active=len(moving), carriers=carriers, crew=crew)


async def preview(means: Means, spec: DownloadSpec) -> Resource:
    """See `ports.Downloads.preview`."""
    check(spec, means.sources)
    opening = await means.sources.pick(spec.uris[0]).open(spec.uris[0], spec)
    await opening.close()
    resource = opening.resource
    name = safe_name(resource.part.name, spec.uris[0])
    return replace(resource, parts=(replace(resource.part, name=name),))


async def verify(means: Means, reference: str) -> Verified:
    """See `ports.Downloads.verify`."""
    story = await show(means, reference)
    download, checkpoint = story.download, story.checkpoint
    pieces = await means.repository.pieces_of(download.id)
    if download.phase is not Phase.COMPLETED or download.path is None or checkpoint is None:
        raise InvalidRequest(f"{download.label} is not complete ({download.phase.value}): there is no file to verify yet")
    return await asyncio.to_thread(_verified, means, download, download.path, checkpoint, pieces)


def _verified(means: Means, download: Download, path: str, checkpoint: Checkpoint, pieces: Pieces | None) -> Verified:
    found = means.store.describe(path)
    if found is None:
        raise StorageError(f"{path} is gone; `dlm get` fetches it again", path=path)
    if download.size is not None and found[2] != download.size:
        raise IntegrityError(f"{path} has {found[2]} bytes and should have {download.size}")
    digest = download.spec.checksum or strongest(checkpoint.resource.part.digests)
    if pieces is not None and (digest is None or digest.algorithm not in STRENGTH):
        _demand_right(means, path, found[2], pieces)
        if pieces.prove:
            return Verified(Verification.VERIFIED, f"pieces {pieces.algorithm}")
    if digest is None:
        return Verified(Verification.CONSISTENT if download.size is not None else Verification.UNVERIFIED)
    value = means.store.digest(path, digest.algorithm)
    if value != digest.value:
        raise DigestMismatch(f"{path} is damaged: its {digest.algorithm} is {value.hex()}, not {digest.value.hex()}")
    return Verified(Verification.VERIFIED, digest.algorithm)


def _demand_right(means: Means, path: str, size: int, pieces: Pieces) -> None:
    """Raises `DigestMismatch` that names the pieces of a finished file that are not right any more."""
    from dlm.policy.pieces import Judgement

    judgement = Judgement(pieces, size)
    spans = [judgement.span(number) for number in range(len(pieces.digests))]
    right = [means.store.digest(path, pieces.algorithm, span) for span in spans]
    wrong = [number for number, digest in enumerate(pieces.digests) if right[number] != digest]
    if wrong:
        first = spans[wrong[0]]
        others = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        named = f"piece {wrong[0] + 1} of {len(spans)} (bytes {first.start} to {first.stop - 1}){others}"
        raise DigestMismatch(f"{path} is damaged: by {pieces.algorithm}, {named} changed", [spans[number] for number in wrong])
