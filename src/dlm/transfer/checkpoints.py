"""Checkpoints of a running transfer, in the only safe order: bytes written → synced → claimed in the database."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor

from dlm.model.download import Checkpoint, DownloadId
from dlm.model.message import Checkpointed
from dlm.ports import Reporter
from dlm.transfer.gate import Gate
from dlm.transfer.thread_step import ThreadStep
from dlm.transfer.work import Work

INTERVAL = 1.0
"""Seconds between checkpoints of a slow transfer: with the commit itself, well within the promised 2 s."""


class Checkpointer:
    """Keeps the record of one download's done spans close behind the truth, never ahead of it."""

    def __init__(self, id: DownloadId, work: Work, *, gate: Gate, reporter: Reporter, disk: Executor) -> None:
        self._id = id
        self._work = work
        self._gate = gate
        self._reporter = reporter
        self._step = ThreadStep(disk)

    async def keep(self) -> None:
        """Write checkpoints until cancelled. Raises what syncing or committing raises."""
        while True:
            await self._gate.wait_due(INTERVAL)
            if self._gate.uncommitted:
                await self.write()

    async def write(self) -> Checkpoint:
        """One checkpoint: what was done when it began is durable and recorded when it returns."""
        covered = self._gate.uncommitted
        checkpoint = self._work.checkpoint()
        clock = asyncio.get_running_loop()
        began = clock.time()
        await self._step.run(self._work.sink.sync)
        await self._reporter.commit(Checkpointed(self._id, checkpoint, clock.time() - began))
        self._gate.committed(covered)
        return checkpoint

    async def close(self) -> None:
        """Return when the file is no longer being synced."""
        await self._step.drain()
