"""What `dlm watch` does: it looks at what moves, wherever that is carried, and touches nothing."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from time import monotonic

from dlm.cli.board import QueueBoard
from dlm.cli.faces import QueueFace
from dlm.cli.working import QueueRun
from dlm.model.error import DlmError, DownloadNotFound, ExitCode
from dlm.model.event import ProgressMade
from dlm.model.phase import Phase
from dlm.model.query import DownloadQuery
from dlm.model.settings import Settings
from dlm.ports import Downloads

_LOOK = 5.0  # seconds between two looks for what moves and was not told of


class Watch(QueueRun):
    """See `foreground.Run`. It ends when it is stopped."""

    since = -1

    def __init__(self, settings: Settings, board: QueueBoard, face: QueueFace) -> None:
        # What is configured here as the limit of all downloads binds those that run here only.
        super().__init__(replace(settings, limit_total=None), board, face, "", stay=True)

    async def act(self, downloads: Downloads) -> None:
        """See `foreground.Run`."""
        looking = asyncio.create_task(self._look(downloads))
        try:
            while True:
                with suppress(DlmError):  # a database that is busy is asked again
                    await self._find(downloads)
                await asyncio.sleep(_LOOK)
        finally:
            looking.cancel()

    async def settle(self, downloads: Downloads) -> None:
        """See `foreground.Run`. Nothing has ended that would have to be told."""

    def told(self, *, stopped: bool) -> int:  # noqa: ARG002
        """0: to stop looking is how it ends."""
        return ExitCode.DONE

    async def _find(self, downloads: Downloads) -> None:
        """Take in what moves already, with its latest samples; let go of what does not any more."""
        moving = await downloads.list(DownloadQuery(phases=frozenset({Phase.RUNNING, Phase.COMPLETING})))
        samples = await downloads.samples()
        there = {each.id for each in moving}
        for each in moving:
            if each.id not in self.board.rows:
                self.board.learn(each)
                if each.id in samples:
                    self.board.apply(ProgressMade(samples[each.id]), monotonic())
        for row in self.board.active():
            if row.download.id not in there:
                with suppress(DownloadNotFound):
                    self.board.learn((await downloads.show(row.download.id)).download)
