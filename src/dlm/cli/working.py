"""The foreground run of `dlm run`: works the queue, and reads now and then how that stands."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic

from dlm.cli import sentences
from dlm.cli.board import QueueBoard
from dlm.cli.faces import QueueFace
from dlm.cli.facts import result_code
from dlm.model.error import DlmError, ExitCode
from dlm.model.phase import Phase
from dlm.model.query import DownloadQuery
from dlm.model.settings import Settings
from dlm.ports import Downloads

_LOOK = 1.0  # seconds between two looks at the queue
_REST = 50  # times as long as a look took none is taken, so that looking costs 2 % of a core at most


class QueueRun:
    """See `foreground.Run`. `again` is the command that goes on with it."""

    since: int | None = None

    def __init__(self, settings: Settings, board: QueueBoard, face: QueueFace, again: str, *, stay: bool) -> None:
        self.settings = settings
        self.board = board
        self.face = face
        self._again = again
        self._stay = stay
        self._phases: Mapping[Phase, int] = {}

    async def act(self, downloads: Downloads) -> None:
        """See `foreground.Run`."""
        looking = asyncio.create_task(self._look(downloads))
        try:
            await downloads.run(stay=self._stay)
        finally:
            looking.cancel()

    async def settle(self, downloads: Downloads) -> None:
        """See `foreground.Run`."""
        self._phases = (await downloads.stats()).phases

    def told(self, *, stopped: bool) -> int:
        """0 when all that ended is done, else the code of the first that is not; 130 when stopped."""
        failures = list(self.board.failures.values())
        if stopped:
            code = ExitCode.INTERRUPTED
            sentence = sentences.queue_stopped(self._phases, self.board.done, self._again)
        else:
            code = next(map(result_code, failures), ExitCode.DONE)
            sentence = sentences.queue_ended(self._phases, self.board.done, failures)
        self.face.ended(self._phases, code, sentence)
        return code

    async def _look(self, downloads: Downloads) -> None:
        while True:
            began = monotonic()
            with suppress(DlmError):  # a database that is busy is asked again
                self.board.phases = (await downloads.stats()).phases
                limits = (self.settings.limit_total, (await downloads.limits()).total)
                self.board.limit = min((rate for rate in limits if rate is not None), default=None)
                self.board.reason = await self._reason(downloads) if not self.board.active() else None
            await asyncio.sleep(max(_LOOK, _REST * (monotonic() - began)))

    async def _reason(self, downloads: Downloads) -> str | None:
        """What binds the queue while nothing moves: what binds one of its downloads."""
        phase = Phase.PENDING if self.board.phases.get(Phase.PENDING) else Phase.WAITING
        if not self.board.phases.get(phase):
            return None
        for download in await downloads.list(DownloadQuery(phases=frozenset({phase}), limit=1)):
            constraints = (await downloads.explain(download.id)).constraints
            if constraints:
                return constraints[0].sentence
        return None
