"""The life of a folder that is fetched with what is below it: it is listed, and each file becomes a download.

go on with the folders that are still to be read, or begin with the first         [1]
read some at a time: the files of each are told as they come, then that it is read, with the folders in it
a folder that is refused is left for another time, and the others are read        [2]
all are read: say so
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from dlm.model.address import without_credentials
from dlm.model.download import DownloadSpec
from dlm.model.error import InvalidRequest, TransferError, Untrusted, Verdict
from dlm.model.listing import Entry
from dlm.model.message import Child, Expanded, Listed, Progressed, Start
from dlm.model.recursion import Folder, Found, Frontier, Recursion, Tally
from dlm.policy.offspring import directory_of, offspring, root_of
from dlm.ports import Folders, Reporter
from dlm.transfer.patience import Patience
from dlm.transfer.walking import read_folder
from dlm.transfer.work import Tools

AT_ONCE = 4
"""Folders that are read at a time: listing them is mostly waiting."""
BATCH = 200
"""Files that are committed at once, at most."""
GATHERING = 0.3
"""Seconds after which those are committed that have come."""
MOST_NAMES = 1_000_000
"""Names that one folder may hold."""
MOST_FILES = 10_000_000
"""Files, and as many folders, that one walk may find."""


class Expanding:
    """One run of one expansion."""

    def __init__(self, tools: Tools, start: Start, reporter: Reporter) -> None:
        self._tools = tools
        self._download = start.download
        self._spec = start.download.spec
        self._reporter = reporter
        self._patience = Patience(start, tools.clock, tools.random, reporter)
        self._store = tools.store_for(self._spec)
        self._root = root_of(self._spec)
        frontier = start.frontier or Frontier((Folder(self._spec.uris[0]),))
        self._left = list(reversed(frontier.folders))
        self._tally = frontier.tally
        self._counting = asyncio.Lock()
        """Tallies are recorded in the order in which they are made."""
        self._unread: list[TransferError] = []
        self._omission: str | None = None

    async def live(self) -> None:
        """Carry it through. Raises the error that ended it."""
        folders = _Bounded(self._tools.sources.folders(self._spec.uris[0]))
        self._note(Tally())
        reading: set[asyncio.Future[None]] = set()
        try:
            while self._left or reading:
                while self._left and len(reading) < AT_ONCE:
                    reading.add(asyncio.ensure_future(self._read(folders, self._left.pop())))
                done, reading = await asyncio.wait(reading, return_when=asyncio.FIRST_COMPLETED)
                for each in done:
                    each.result()
                self._demand_an_end()
        finally:
            for each in reading:
                each.cancel()
            await asyncio.gather(*reading, return_exceptions=True)
        if self._unread:
            raise self._incomplete()
        await self._reporter.commit(Listed(self._download.id, self._root, self._tally, self._omission))

    @property
    def _shown(self) -> str:
        return without_credentials(self._spec.uris[0])

    def _demand_an_end(self) -> None:
        if max(self._tally.files, self._tally.folders + len(self._left)) > MOST_FILES:
            raise Untrusted(f"{self._shown} holds more than {MOST_FILES:,} files or folders: fetch its folders one by one")

    # [2] ---------------------------------------------------------------------------------------------------------------

    async def _read(self, folders: Folders, folder: Folder) -> None:
        failures = 0
        while True:
            try:
                await self._read_once(folders, folder)
            except TransferError as error:
                failures += 1
                if await self._patience.rest(error, failures):
                    continue
                if error.verdict is not Verdict.NEXT_MIRROR or not folder.path:
                    raise
                self._unread.append(error)
            return

    async def _read_once(self, folders: Folders, folder: Folder) -> None:
        batch = _Batch(self._tools.clock.monotonic())
        recursion = self._spec.recursive or Recursion()
        if not self._store.stays_within(directory_of(self._root, folder.path), self._root):
            self._omit(batch, f"'{folder.path}' is left out: here it is a link that leads out of {self._root}")
            await self._end(folder, batch)
            return
        met = read_folder(folders, folder, self._spec, recursion, lambda why: self._omit(batch, why))
        async with aclosing(met):
            async for each in met:
                if isinstance(each, Folder):
                    batch.folders.append(each)
                else:
                    self._take(batch, each)
                now = self._tools.clock.monotonic()
                if len(batch.children) >= BATCH or (batch.children and now >= batch.began + GATHERING):
                    await self._reporter.commit(Expanded(self._download.id, tuple(batch.children)))
                    self._note(batch.tally)
                    batch.children, batch.began = [], now
        await self._end(folder, batch)

    async def _end(self, folder: Folder, batch: _Batch) -> None:
        """The folder is read: what is left of it, and what is to be read next."""
        async with self._counting:
            tally = _sum(self._tally, batch.tally, Tally(folders=1))
            await self._reporter.commit(Expanded(self._download.id, tuple(batch.children), folder, tuple(batch.folders), tally))
            self._tally = tally
        self._left += reversed(batch.folders)
        self._note(Tally())

    def _take(self, batch: _Batch, found: Found) -> None:
        try:
            spec = offspring(self._spec, found)
        except InvalidRequest as error:
            self._omit(batch, f"{without_credentials(found.uri)} is left out: {error}")
            return
        batch.children.append(Child(spec, found))
        batch.tally = _sum(batch.tally, Tally(files=1, size=found.size or 0))

    def _omit(self, batch: _Batch, why: str) -> None:
        batch.tally = _sum(batch.tally, Tally(omitted=1))
        self._omission = self._omission or why

    def _incomplete(self) -> TransferError:
        """What is told of folders that were refused, in the end."""
        first, count = self._unread[0], len(self._unread)
        others = f" (and {count - 1:,} more)" if count > 1 else ""
        return type(first)(f"a folder could not be read{others}: {first}; the same again reads what is left", uri=first.uri)

    def _note(self, tally: Tally) -> None:
        found = _sum(self._tally, tally)
        self._reporter.post(
            Progressed(
                id=self._download.id,
                total=None,
                downloaded=0,
                instantaneous_speed=0.0,
                smoothed_speed=0.0,
                eta=None,
                note=f"listing: {found.files:,} files in {found.folders:,} folders so far",
            )
        )


class _Batch:
    """What was found in one folder. `children` are those that are not committed yet; `tally` counts all."""

    def __init__(self, began: float) -> None:
        self.began = began
        self.children: list[Child] = []
        self.folders: list[Folder] = []
        self.tally = Tally()


class _Bounded:
    """`ports.Folders` whose listings end, whatever a server says."""

    def __init__(self, inner: Folders) -> None:
        self._inner = inner

    def is_folder(self, uri: str) -> bool:
        """See `ports.Folders`."""
        return self._inner.is_folder(uri)

    def child(self, folder: str, entry: Entry) -> str:
        """See `ports.Folders`."""
        return self._inner.child(folder, entry)

    async def entries(self, uri: str, spec: DownloadSpec) -> AsyncGenerator[Entry]:
        """See `ports.Folders`. Raises `Untrusted` for a folder that has no end."""
        count = 0
        entries = self._inner.entries(uri, spec)
        try:
            async for entry in entries:
                count += 1
                if count > MOST_NAMES:
                    shown = without_credentials(uri)
                    raise Untrusted(f"{shown} lists more than {MOST_NAMES:,} names: it is not followed", uri=shown)
                yield entry
        finally:
            if isinstance(entries, AsyncGenerator):
                await entries.aclose()


def _sum(*tallies: Tally) -> Tally:
    return Tally(
        files=sum(each.files for each in tallies),
        size=sum(each.size for each in tallies),
        folders=sum(each.folders for each in tallies),
        omitted=sum(each.omitted for each in tallies),
    )
