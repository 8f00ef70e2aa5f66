"""Where a download goes, and the partial file that is made there before its first byte comes."""

from __future__ import annotations

import os
from contextlib import suppress

from dlm.model.download import Checkpoint, DownloadId, DownloadSpec, Place
from dlm.model.error import NameTaken
from dlm.model.message import Resolved
from dlm.model.resource import Resource
from dlm.policy.naming import safe_name
from dlm.ports import Reporter, Sink, Store


def target(spec: DownloadSpec, store: Store) -> tuple[str, str | None]:
    """The directory, and the file name if the user chose one. Raises `NameTaken` before any request is made."""
    if spec.output is None or spec.streams_out:
        return spec.directory, spec.output
    directory, name = os.path.split(os.path.join(spec.directory, spec.output))
    if not spec.overwrite and store.exists(directory, name):
        path = os.path.join(directory, name)
        raise NameTaken(f"{path} exists already: choose another name with -o, or replace it with --overwrite", path=path)
    return directory, name


class Reserving:
    """Makes the partial file of one download, recorded before and after: what a crash leaves in between is blank, and known."""

    def __init__(self, id: DownloadId, spec: DownloadSpec, store: Store, reporter: Reporter) -> None:
        self._id = id
        self._spec = spec
        self._store = store
        self._reporter = reporter

    async def reserve(self, resource: Resource, uri: str) -> tuple[Sink, Checkpoint]:
        """Under the name that the user chose, or the first free one: another download may be quicker."""
        directory, wanted = target(self._spec, self._store)
        name = wanted or safe_name(resource.part.name, uri)
        if wanted is not None or self._spec.overwrite:
            return await self._create(resource, directory, name)
        while True:
            with suppress(NameTaken):
                return await self._create(resource, directory, self._store.free_name(directory, name))

    async def _create(self, resource: Resource, directory: str, name: str) -> tuple[Sink, Checkpoint]:
        await self._reporter.commit(Resolved(self._id, Checkpoint(resource, Place(directory, name, "", 0, 0))))
        sink = self._store.create(directory, name, resource.part.size)
        try:
            checkpoint = Checkpoint(resource, sink.place)
            await self._reporter.commit(Resolved(self._id, checkpoint))
        except BaseException:
            sink.discard()
            sink.close()
            raise
        return sink, checkpoint
