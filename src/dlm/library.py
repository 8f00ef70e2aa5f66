"""dlm for programs: `dlm.open()` for everything, `dlm.get()` for one file.

    async with dlm.open(directory="/data") as downloads:
        download = await downloads.add("https://example.org/file.iso", checksum="sha-256=…")
        async for event in download.events():
            ...
        print((await download.wait()).path)

    path = dlm.get("https://example.org/file.iso", "file.iso")

Names that begin with no underscore here are kept as they are from version to version.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import fields, replace
from typing import Any

from dlm.model.download import Download, DownloadSpec
from dlm.model.error import DlmError, InvalidRequest, error_named
from dlm.model.event import ConnectionClosed, Event, Lagged, PhaseChanged, ProgressMade, RuntimeWarned
from dlm.model.message import Progressed
from dlm.model.phase import FINAL_PHASES, Order, Phase
from dlm.model.query import DownloadQuery
from dlm.model.queue import AddRequest, Selection
from dlm.model.rank import Lane, Priority
from dlm.model.resource import Digest
from dlm.model.settings import Settings
from dlm.model.sorting import Sort
from dlm.ports import Downloads

LOOK = 5.0
"""Seconds after which it is asked how a download stands, whatever has been heard of it."""


class Handle:
    """One download of a queue. It stays what it is whatever becomes of it; `now` tells how it stands."""

    def __init__(self, downloads: Downloads, id: str) -> None:
        self._downloads = downloads
        self.id = id

    async def now(self) -> Download:
        """As it stands. Raises `DownloadNotFound` when it was removed."""
        return (await self._downloads.show(self.id)).download

    async def progress(self) -> Progressed | None:
        """The latest sample, `None` while nothing moves."""
        return next((each for id, each in (await self._downloads.samples()).items() if id == self.id), None)

    async def wait(self) -> Download:
        """Return when it is complete. Raises the `DlmError` that ended it; one of kind `Conflict` when it was cancelled."""
        async for _ in self.events():
            pass
        download = await self.now()
        if download.phase is Phase.COMPLETED:
            return download
        if download.fault is not None:
            raise error_named(download.fault.kind)(download.fault.message)
        raise DlmError(f"{download.label} was {download.phase.value}")

    async def events(self) -> AsyncGenerator[Event]:
        """What happens to it from now on, until it has ended. What the caller does not take in time is left out."""
        events = aiter(self._downloads.events())
        coming = asyncio.ensure_future(_next(events))
        try:
            while (await self.now()).phase not in FINAL_PHASES:
                while (await asyncio.wait({coming}, timeout=LOOK))[0]:
                    event, coming = coming.result(), asyncio.ensure_future(_next(events))
                    if isinstance(event, Lagged):
                        break
                    if _concerns(event) == self.id:
                        yield event
                    if isinstance(event, PhaseChanged) and event.download.id == self.id:
                        break
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
            if isinstance(events, AsyncGenerator):
                await events.aclose()

    async def pause(self) -> None:
        """Stop it and keep what has come. Raises `InvalidRequest` with the reason where that cannot be."""
        await self._order(Order.PAUSE)

    async def resume(self) -> None:
        """Let it go on. Raises as `pause` does."""
        await self._order(Order.RESUME)

    async def retry(self) -> None:
        """Try it again after it has ended. Raises as `pause` does."""
        await self._order(Order.RETRY)

    async def cancel(self) -> None:
        """Give it up; its partial file is deleted. Raises as `pause` does."""
        await self._order(Order.CANCEL)

    async def remove(self, *, delete_files: bool = False) -> None:
        """Forget it. Finished files go only with `delete_files`."""
        await self._downloads.remove(Selection(references=(self.id,)), delete_files=delete_files)

    async def _order(self, order: Order) -> None:
        (ordered,) = await self._downloads.order(order, Selection(references=(self.id,)))
        if ordered.refusal is not None:
            raise InvalidRequest(ordered.refusal)


class Library:
    """The downloads of a queue, for a program. `facade` has every verb that the command line has."""

    def __init__(self, facade: Downloads, settings: Settings) -> None:
        self.facade = facade
        self._settings = settings

    async def add(
        self,
        *uris: str,
        priority: Priority = Priority.NORMAL,
        group: str | None = None,
        paused: bool = False,
        **options: Any,
    ) -> Handle:
        """Queue a download; several URIs are mirrors of one file. `options` are fields of `DownloadSpec`.

        `checksum` may be text, such as `sha-256=…`. Raises `InvalidRequest` for what cannot be carried out as written.
        """
        request = AddRequest(
            spec=_spec(self._settings, uris, options), lane=Lane.INTERACTIVE, priority=priority, group=group, paused=paused
        )
        (added,) = await self.facade.add([request])
        return Handle(self.facade, added.download.id)

    async def list(self, *phases: Phase, limit: int = 1000, sort: str = "-added") -> list[Handle]:
        """Downloads, newest first unless `sort` says otherwise (see `SortKey`): those that stand in `phases`, or all."""
        query = DownloadQuery(phases=frozenset(phases) if phases else None, limit=limit, sort=Sort.parse(sort))
        found = await self.facade.list(query)
        return [Handle(self.facade, each.id) for each in found]

    def events(self) -> AsyncIterator[Event]:
        """What happens to any of them from now on."""
        return self.facade.events()


@asynccontextmanager
async def open(
    *, state: str | None = None, directory: str | None = None, work: bool = True, **settings: Any
) -> AsyncIterator[Library]:
    """The downloads of the database `state` (that of the command line, unless said otherwise).

    While it is open its queue is worked in this process, unless `work` is false or another dlm does it; at the end what runs
    is checkpointed and left to the queue. `settings` are fields of `Settings`. With `remote`, and `token`, they are those of
    a daemon, which works its queue itself; `directory` is then one of its directories.
    """
    from dlm.app import open_downloads, open_remote

    chosen = default_settings(state, directory, settings)
    work = work and chosen.remote is None
    async with (open_downloads if chosen.remote is None else open_remote)(chosen) as facade:
        working = asyncio.create_task(facade.run(stay=True)) if work else None
        try:
            yield Library(facade, chosen)
        finally:
            if working is not None:
                working.cancel()
                await asyncio.gather(working, return_exceptions=True)


def get(uri: str, path: str | None = None, *mirrors: str, **options: Any) -> str:
    """Fetch one file, now, and return its absolute path. Blocking: not for coroutines.

    `path` is where it goes, `None` to let the server name it, in the current directory. What an earlier call has left of it is
    gone on with. Raises the `DlmError` that ended it.
    """
    return asyncio.run(_get([uri, *mirrors], path, options))


async def _get(uris: Sequence[str], path: str | None, options: dict[str, Any]) -> str:
    from dlm.app import open_downloads

    settings = default_settings(None, None, {})
    if path is not None:
        folder, name = os.path.split(os.path.abspath(path))
        options = {"directory": folder, "output": name, **options}
    async with open_downloads(settings) as facade:
        (outcome,) = await facade.fetch([_spec(settings, uris, options)], None)
    download = outcome.download
    if download.phase is Phase.COMPLETED and download.path is not None:
        return download.path
    if download.fault is not None:
        raise error_named(download.fault.kind)(download.fault.message)
    raise DlmError(f"{download.label} was {download.phase.value}")


def default_settings(state: str | None, directory: str | None, chosen: dict[str, Any]) -> Settings:
    """Settings as the command line finds them, but for config.toml and the environment, with these instead."""
    import sys

    from dlm.cli.places import state_file

    home = os.path.expanduser("~")
    settings = Settings(
        directory=(directory or "") if chosen.get("remote") else os.path.abspath(directory or os.getcwd()),
        state=os.path.abspath(state) if state is not None else state_file(os.environ, home, sys.platform),
        workers=0,
    )
    unknown = chosen.keys() - {each.name for each in fields(Settings)}
    if unknown:
        raise InvalidRequest(f"there is no setting '{min(unknown)}'")
    return replace(settings, **chosen)


def _spec(settings: Settings, uris: Sequence[str], options: dict[str, Any]) -> DownloadSpec:
    names = {each.name for each in fields(DownloadSpec)}
    if unknown := options.keys() - names:
        raise InvalidRequest(f"a download has no option '{min(unknown)}'")
    if isinstance(options.get("checksum"), str):
        options = {**options, "checksum": Digest.parse(options["checksum"])}
    if "directory" in options and settings.remote is None:
        options = {**options, "directory": os.path.abspath(options["directory"])}
    common = {each.name: getattr(settings, each.name) for each in fields(Settings) if each.name in names}
    return DownloadSpec(**{**common, **options, "uris": tuple(uris)}).check()


async def _next(events: AsyncIterator[Event]) -> Event:
    return await anext(events)


def _concerns(event: Event) -> str | None:
    match event:
        case ProgressMade(progress):
            return progress.id
        case ConnectionClosed(connection):
            return connection.id
        case RuntimeWarned():
            return event.id
        case Lagged():
            return None
    return event.download.id
