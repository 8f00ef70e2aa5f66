"""The composition root: from Settings to running Downloads. The only module that imports adapters."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

from dlm.clock import SystemClock
from dlm.model.download import DownloadSpec
from dlm.model.settings import Settings
from dlm.policy.naming import numbered
from dlm.ports import Downloads, Store
from dlm.protocols.registry import Registry
from dlm.service.downloads import LocalDownloads
from dlm.storage.files import DiskStore
from dlm.storage.owners import is_alive, this_process
from dlm.storage.pipe import PipeStore
from dlm.storage.repository import SqliteRepository
from dlm.transfer.life import InlineWorker
from dlm.transfer.work import Tools


@asynccontextmanager
async def open_downloads(settings: Settings) -> AsyncIterator[Downloads]:
    """The Downloads of this process, on the database that `settings` name. Everything is released at the end."""
    clock = SystemClock()
    disk = DiskStore(numbered)
    registry = Registry(clock)

    pipe = PipeStore()

    def store_for(spec: DownloadSpec) -> Store:
        return pipe if spec.streams_out else disk

    repository = await SqliteRepository.open(settings.state)
    downloads = LocalDownloads(
        repository=repository,
        sources=registry,
        worker=InlineWorker(Tools(registry, store_for, clock, Random())),
        store=disk,
        clock=clock,
        owner=this_process(),
        is_alive=is_alive,
    )
    try:
        yield downloads
    finally:
        await registry.close()
        await downloads.close()
