"""Carries a foreground run: lets it act, shows what happens, stops it when asked, and has it say how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, suppress
from time import monotonic
from typing import Protocol, TypeAlias

from dlm.cli.board import Board
from dlm.cli.faces import Face
from dlm.cli.two_stage import TwoStage
from dlm.model.error import DlmError
from dlm.model.event import Event, Lagged, ProgressMade
from dlm.model.settings import Settings
from dlm.ports import Downloads

_BEAT = 0.1  # seconds between two drawings
_DRAIN = 1.0  # seconds for the last events to come
_BATCH = 64  # events taken in one after the other: those of a long list must not keep its first request waiting

OpenDownloads: TypeAlias = Callable[[Settings], AbstractAsyncContextManager[Downloads]]


class Run(Protocol):
    """One foreground run."""

    @property
    def since(self) -> int | None:
        """After which event it begins to hear of every process; `None` is of this one only."""

    @property
    def settings(self) -> Settings:
        """What it is opened with."""

    @property
    def board(self) -> Board:
        """What takes the events in."""

    @property
    def face(self) -> Face:
        """What shows them."""

    async def act(self, downloads: Downloads) -> None:
        """Do it. Cancelled when the user stops it."""

    async def settle(self, downloads: Downloads) -> None:
        """Read what is to be told of the end, while that can still be asked for."""

    def told(self, *, stopped: bool) -> int:
        """Tell how it ended, after the last event; the exit code. Without `settle` it never began."""


def carry(open_downloads: OpenDownloads, run: Run) -> int:
    """The exit code that the run tells. Raises `DlmError`s."""
    with TwoStage() as stages:
        try:
            return asyncio.run(_opened(open_downloads, run, stages))
        finally:
            run.face.close()


async def _opened(open_downloads: OpenDownloads, run: Run, stages: TwoStage) -> int:
    loop, current = asyncio.get_running_loop(), asyncio.current_task()

    def stop() -> None:
        run.face.stopping()
        if current is not None:
            current.cancel()

    stages.on_stop(lambda: loop.call_soon_threadsafe(stop))
    try:
        async with open_downloads(run.settings) as downloads:
            return await _attended(downloads, run, stages)
    except asyncio.CancelledError:
        if not stages.stopped:
            raise
        return run.told(stopped=True)


async def _attended(downloads: Downloads, run: Run, stages: TwoStage) -> int:
    watch = asyncio.create_task(_watch(downloads, downloads.events(run.since), run))
    beat = asyncio.create_task(_beat(run))
    _end_with(watch, beat)
    await asyncio.sleep(0)  # the watch listens before anything happens
    stopped = False
    try:
        try:
            await run.act(downloads)
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if not stages.stopped or current is None:
                raise
            current.uncancel()
            stopped = True
        await run.settle(downloads)
        stages.on_stop(lambda: None)  # too late: it has ended
        await downloads.close()
        await asyncio.wait({watch}, timeout=_DRAIN)
    except asyncio.CancelledError:
        _raise_failure(watch, beat)
        raise
    finally:
        watch.cancel()
        beat.cancel()
    run.face.close()
    return run.told(stopped=stopped)


async def _watch(downloads: Downloads, events: AsyncIterator[Event], run: Run) -> None:
    taken = 0
    async for event in events:
        taken += 1
        if taken % _BATCH == 0:
            await asyncio.sleep(0)
        now = monotonic()
        run.board.apply(event, now)
        run.face.show(event, now)
        if isinstance(event, ProgressMade) and run.board.asks(event.progress.id):
            with suppress(DlmError):  # without the name, that of the address is shown
                run.board.learn((await downloads.show(event.progress.id)).download)
        elif isinstance(event, Lagged):
            for id in list(run.board.rows):
                with suppress(DlmError):
                    run.board.learn((await downloads.show(id)).download)


async def _beat(run: Run) -> None:
    while True:
        run.face.draw(monotonic())
        await asyncio.sleep(_BEAT)


def _end_with(*sides: asyncio.Task[None]) -> None:
    """A run whose face cannot write any more must not go on unseen."""
    current = asyncio.current_task()

    def ended(side: asyncio.Task[None]) -> None:
        if current is not None and not side.cancelled() and side.exception() is not None:
            current.cancel()

    for side in sides:
        side.add_done_callback(ended)


def _raise_failure(*sides: asyncio.Task[None]) -> None:
    for side in sides:
        error = side.exception() if side.done() and not side.cancelled() else None
        if error is not None:
            raise error
