"""Carries a foreground `get`: fetches, shows, stops when asked, and says how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from time import monotonic

from dlm.cli import sentences
from dlm.cli.board import Board
from dlm.cli.faces import Face
from dlm.cli.facts import result_code
from dlm.cli.two_stage import TwoStage
from dlm.model.download import Download, DownloadSpec
from dlm.model.error import DlmError, ExitCode
from dlm.model.event import Event, ProgressMade
from dlm.model.settings import Settings
from dlm.ports import Downloads, Outcome

_BEAT = 0.1  # seconds between two drawings
_DRAIN = 1.0  # seconds for the last events to come


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One foreground run. `again` is the command that goes on with it, and whether secrets are left out of that."""

    settings: Settings
    specs: Sequence[DownloadSpec]
    board: Board
    face: Face
    again: tuple[str, bool]


def carry(open_downloads: Callable[[Settings], AbstractAsyncContextManager[Downloads]], run: Run) -> int:
    """The exit code: 0 when all are done, else that of the first which is not; 130 when stopped. Raises `DlmError`s."""
    with TwoStage() as stages:
        try:
            return asyncio.run(_opened(open_downloads, run, stages))
        finally:
            run.face.close()


async def _opened(
    open_downloads: Callable[[Settings], AbstractAsyncContextManager[Downloads]], run: Run, stages: TwoStage
) -> int:
    loop, current = asyncio.get_running_loop(), asyncio.current_task()

    def stop() -> None:
        run.face.stopping()
        if current is not None:
            current.cancel()

    stages.on_stop(lambda: loop.call_soon_threadsafe(stop))
    try:
        async with open_downloads(run.settings) as downloads:
            return await _fetched(downloads, run, stages)
    except asyncio.CancelledError:
        if not stages.stopped:
            raise
        return _interrupted(run, [])


async def _fetched(downloads: Downloads, run: Run, stages: TwoStage) -> int:
    watch = asyncio.create_task(_watch(downloads, downloads.events(), run))
    beat = asyncio.create_task(_beat(run))
    _end_with(watch, beat)
    await asyncio.sleep(0)  # the watch listens before anything happens
    left: list[Download] | None = None
    outcomes: list[Outcome] = []
    try:
        try:
            outcomes = await downloads.fetch(run.specs, run.settings.jobs)
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if not stages.stopped or current is None:
                raise
            current.uncancel()
            left = [(await downloads.show(id)).download for id in run.board.rows]
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
    return _concluded(run, outcomes) if left is None else _interrupted(run, left)


def _concluded(run: Run, outcomes: Sequence[Outcome]) -> int:
    for outcome in outcomes:
        run.face.conclude(outcome, monotonic())
    return next((code for outcome in outcomes if (code := result_code(outcome.download))), ExitCode.DONE)


def _interrupted(run: Run, left: Sequence[Download]) -> int:
    command, secret = run.again
    run.face.interrupted(left, sentences.stopped(left, len(run.specs), command, secret))
    return ExitCode.INTERRUPTED


async def _watch(downloads: Downloads, events: AsyncIterator[Event], run: Run) -> None:
    async for event in events:
        now = monotonic()
        run.board.apply(event, now)
        run.face.show(event, now)
        if isinstance(event, ProgressMade) and run.board.ask_name(event.progress.id):
            with suppress(DlmError):  # without the name, that of the address is shown
                run.board.learn((await downloads.show(event.progress.id)).download)


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
