"""Partial files of downloads that nobody works on any more."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from dlm.model.download import Checkpoint, DownloadId
from dlm.model.error import PartLost
from dlm.ports import Store
from dlm.service.means import Means


async def discard_part(means: Means, id: DownloadId) -> None:
    """Delete the partial file of a download that was given up, and forget how far it had come."""
    checkpoint = await means.repository.checkpoint_of(id)
    if checkpoint is not None:
        await asyncio.to_thread(discard, means.store, checkpoint)
        await means.repository.forget_checkpoint(id)


def discard(store: Store, checkpoint: Checkpoint) -> None:
    """Delete the partial file that the checkpoint knows, if it is still there and still that file. Blocks."""
    place = checkpoint.place
    if not place.inode:
        store.sweep(place.directory, place.name, checkpoint.resource.part.size)
        return
    with suppress(PartLost):
        sink = store.reopen(place, 0)
        sink.discard()
        sink.close()
