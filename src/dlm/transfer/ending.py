"""How a transfer ends: the file is judged, synced, named. Each step can be repeated after a crash."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace

from dlm.model.download import Checkpoint, Download
from dlm.model.error import DigestMismatch, NameTaken
from dlm.model.message import Completing, Published
from dlm.model.resource import Resource, Verified
from dlm.model.span import Span
from dlm.policy.continuity import confidence
from dlm.ports import Reporter, Store
from dlm.transfer.hashing import RunningDigest
from dlm.transfer.work import Work


async def was_published(download: Download, checkpoint: Checkpoint | None, store: Store, reporter: Reporter) -> bool:
    """Whether an earlier run has named the file, and was stopped before that could be recorded. Now it is."""
    if download.path is None or checkpoint is None or download.verified is None:
        return False
    if not store.confirm(download.path, checkpoint.place):
        return False
    size = checkpoint.resource.part.size
    whole = replace(checkpoint, done=(Span(0, size),)) if size else checkpoint
    await reporter.commit(Completing(download.id, whole, download.path, download.verified))
    await reporter.commit(Published(download.id, download.path))
    return True


def judge(
    resource: Resource, name: str, done: Sequence[Span], digest: RunningDigest | None, *, users: bool, joined: bool
) -> Verified:
    """How sure the file is that is to be called `name`, `-` for standard output. Raises `DigestMismatch`; `users` says that
    the user gave the digest, not the server."""
    if digest is not None and not digest.matches:
        said_by = "you gave" if users else "the server states"
        shown = "what went to standard output" if name == "-" else name
        raise DigestMismatch(
            f"{shown} is not the file that was asked for: its {digest.wanted.algorithm} is {digest.found}, "
            f"{said_by} {digest.wanted.value.hex()}; --no-resume fetches it anew",
            done,
        )
    return confidence(resource, matched=digest.wanted.algorithm if digest else None, joined=joined)


async def publish(download: Download, work: Work, verified: Verified, store: Store, reporter: Reporter) -> None:
    """Sync, record the name, take it, record that. A name that was taken meanwhile is replaced by the next free one."""
    size = work.segments.size
    assert size is not None
    resource = work.resource if work.resource.part.size is not None else work.resource.with_size(size)
    checkpoint = replace(work.checkpoint(), resource=resource)
    await asyncio.to_thread(work.sink.settle, size, resource.part.modified)
    directory, name = work.sink.place.directory, work.sink.place.name
    while True:
        path = name if download.spec.streams_out else os.path.join(directory, name)
        await reporter.commit(Completing(download.id, checkpoint, path, verified))
        try:
            await asyncio.to_thread(work.sink.publish, name, replace=download.spec.overwrite)
        except NameTaken:
            name = store.free_name(directory, work.sink.place.name)
        else:
            break
    await reporter.commit(Published(download.id, path))
