"""Bundler: gives small whole files their names together, in the order that makes each of them safe.

    what has come while the last bundle was under way:
        written and synced, without names              one step in a thread
        every name recorded, with its file             one commit
        the names given, their directories synced      one step in a thread
        recorded that they are                         one commit

Each file is safe by itself: what becomes of one changes nothing for the others.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import TypeVar

from dlm.model.download import Checkpoint, DownloadId
from dlm.model.error import DlmError, NameTaken, StorageError
from dlm.model.message import Completing, Published
from dlm.model.resource import Resource, Verified
from dlm.model.span import Span
from dlm.ports import Reporter, Store, Unnamed, Whole

T = TypeVar("T")

MOST = 256
"""Files in a bundle: each is an open file until it has its name."""


@dataclass(eq=False, slots=True)
class Piece:
    """A whole file of a download, verified; `whole.name` is the name that it should have."""

    id: DownloadId
    resource: Resource
    verified: Verified
    whole: Whole
    reporter: Reporter
    unnamed: Unnamed | None = None
    name: str = ""
    ended: asyncio.Future[bool] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def path(self) -> str:
        """The file that it is to be."""
        assert self.unnamed is not None
        return os.path.join(self.unnamed.place.directory, self.name)

    def settle(self, outcome: BaseException | bool) -> None:
        """Tell who waits for it: how it ended, or that this file system knows no files without a name."""
        if self.unnamed is not None:
            self.unnamed.close()
        if self.ended.done():
            return
        if isinstance(outcome, asyncio.CancelledError):
            self.ended.cancel()
        elif isinstance(outcome, BaseException):
            self.ended.set_exception(outcome)
        else:
            self.ended.set_result(outcome)


class Bundler:
    """For one Store and one event loop."""

    def __init__(self, store: Store, disk: Executor) -> None:
        self._store = store
        self._disk = disk
        self._waiting: list[Piece] = []
        self._running: asyncio.Task[None] | None = None

    async def publish(self, piece: Piece) -> bool:
        """Keep it, name it and record that. `False`, with nothing done, where a partial file must be made instead."""
        self._waiting.append(piece)
        if self._running is None or self._running.done():
            self._running = asyncio.ensure_future(self._run())
        return await piece.ended

    async def _run(self) -> None:
        while self._waiting:
            pieces, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            try:
                await self._publish(pieces)
            except DlmError as error:
                for piece in pieces:
                    piece.settle(error)
            except BaseException as error:
                for piece in pieces:
                    piece.settle(error)
                raise

    async def _publish(self, pieces: list[Piece]) -> None:
        """Each step goes on with those that are still on their way."""
        pieces = await self._lay(pieces)
        while pieces:
            pieces = await _commit(pieces, list(map(_completing, pieces)))
            named, pieces = await self._name(pieces)
            for piece in await _commit(named, list(map(_published, named))):
                piece.settle(True)

    async def _lay(self, pieces: list[Piece]) -> list[Piece]:
        def lay() -> list[Unnamed | StorageError | None]:
            self._choose_names(pieces)
            return self._store.lay([replace(piece.whole, name=piece.name) for piece in pieces])

        laid: list[Piece] = []
        for piece, unnamed in zip(pieces, await self._aside(lay), strict=True):
            if unnamed is None or isinstance(unnamed, StorageError):
                piece.settle(unnamed or False)
            else:
                piece.unnamed = unnamed
                laid.append(piece)
        return laid

    def _choose_names(self, pieces: list[Piece]) -> None:
        """Free ones, and a different one for each."""
        chosen: dict[str, set[str]] = {}
        for piece in pieces:
            others = chosen.setdefault(piece.whole.directory, set())
            piece.name = self._store.free_name(piece.whole.directory, piece.whole.name, others)
            others.add(piece.name)

    async def _name(self, pieces: list[Piece]) -> tuple[list[Piece], list[Piece]]:
        """Those that have their names now, and those whose names were taken meanwhile and that are to have others."""

        def give_names() -> list[str | StorageError]:
            answers = self._store.give_names([(piece.unnamed, piece.name) for piece in pieces if piece.unnamed is not None])
            self._choose_names([each for each, answer in zip(pieces, answers, strict=True) if isinstance(answer, NameTaken)])
            return answers

        named: list[Piece] = []
        outrun: list[Piece] = []
        for piece, answer in zip(pieces, await self._aside(give_names), strict=True):
            if isinstance(answer, str):
                named.append(piece)
            elif isinstance(answer, NameTaken):
                outrun.append(piece)
            else:
                piece.settle(answer)
        return named, outrun

    async def _aside(self, step: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._disk, step)


async def _commit(pieces: list[Piece], messages: Sequence[Completing | Published]) -> list[Piece]:
    """Those of the pieces whose message is durable now."""
    reporters = {id(piece.reporter): piece.reporter for piece in pieces}
    committed: list[Piece] = []
    for number, reporter in reporters.items():
        own = [(piece, message) for piece, message in zip(pieces, messages, strict=True) if id(piece.reporter) == number]
        for (piece, _), error in zip(own, await reporter.commit_all([message for _, message in own]), strict=True):
            if error is None:
                committed.append(piece)
            else:
                piece.settle(error)
    return committed


def _completing(piece: Piece) -> Completing:
    """It claims no byte: until the file has its name, the end of this process is the end of it."""
    return Completing(piece.id, _checkpoint(piece), piece.path, piece.verified)


def _published(piece: Piece) -> Published:
    size = len(piece.whole.data)
    return Published(piece.id, piece.path, _checkpoint(piece, *([Span(0, size)] if size else [])))


def _checkpoint(piece: Piece, *done: Span) -> Checkpoint:
    assert piece.unnamed is not None
    return Checkpoint(piece.resource, replace(piece.unnamed.place, name=piece.name), done)
