"""The short way of small files: no segments, no partial file, no checkpoints of their own.

opened  →  gathered in memory  →  verified  →  published in a bundle with others
              │ not there soon, or no such file system
              └→ the ordinary way, with what has come
"""

from __future__ import annotations

from concurrent.futures import Executor

from dlm.model.download import Download, DownloadSpec
from dlm.model.message import ConnectionEnded, Gathered
from dlm.model.resource import Resource, strongest
from dlm.model.span import Span
from dlm.policy.crowd import SMALL
from dlm.policy.naming import safe_name
from dlm.ports import Opening, Reporter, Store, Whole
from dlm.transfer.bundle import Bundler, Piece
from dlm.transfer.ending import judge
from dlm.transfer.gathering import Gathering
from dlm.transfer.hashing import RunningDigest
from dlm.transfer.reserving import target


class SmallFiles:
    """The short way of all downloads of one worker, whose threads `disk` wait for the disk."""

    def __init__(self, disk: Executor) -> None:
        self.disk = disk
        self._bundlers: dict[Store, Bundler] = {}

    def takes(self, resource: Resource, spec: DownloadSpec) -> bool:
        """Whether a file may go this way: it says that it is small, and replaces nothing."""
        size = resource.part.size
        return size is not None and size <= SMALL and not spec.overwrite and not spec.streams_out

    async def publish(self, opening: Opening, download: Download, store: Store, reporter: Reporter) -> Opening | None:
        """Fetch and publish it: `None` when that is done, else the reply, to be gone on with.

        Raises `DigestMismatch`, `StorageError` and what a commit raises.
        """
        gathering = Gathering(opening)
        data = await gathering.whole()
        if data is None:
            return gathering
        reporter.post(ConnectionEnded(download.id, 0, download.host, len(data), gathering.elapsed))
        reporter.post(Gathered(download.id))
        try:
            piece = _piece(download, opening.resource, data, store, reporter)
            done = piece is not None and await self._bundlers.setdefault(store, Bundler(store, self.disk)).publish(piece)
        except BaseException:
            await gathering.close()
            raise
        if not done:
            return gathering
        await gathering.close()
        return None


def _piece(download: Download, resource: Resource, data: bytearray, store: Store, reporter: Reporter) -> Piece | None:
    """`None` where the name that the user chose cannot be had: the ordinary way says why."""
    spec, part = download.spec, resource.part
    directory, chosen = target(spec, store)
    if chosen is not None and store.free_name(directory, chosen) != chosen:
        return None
    name = chosen or safe_name(part.name, resource.mirrors[0].uri)
    wanted = spec.checksum or strongest(part.digests)
    digest = None
    if wanted is not None:
        digest = RunningDigest(wanted)
        digest.update(memoryview(data))
    done = (Span(0, len(data)),)
    verified = judge(resource, name, done, digest, users=spec.checksum is not None, joined=False)
    return Piece(download.id, resource, verified, Whole(directory, name, data, part.modified), reporter)
