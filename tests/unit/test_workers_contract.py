"""The contract of a Worker, inline and by a pool whose children are coroutines of this process."""

from __future__ import annotations

from random import Random

from dlm.clock import SystemClock
from dlm.policy.naming import numbered
from dlm.ports import Worker
from dlm.protocols.registry import Registry
from dlm.storage.files import DiskStore
from dlm.transfer.life import InlineWorker
from dlm.transfer.limits import Limiter
from dlm.transfer.work import Tools
from dlm.workers.pool import WorkerPool
from tests.contracts.worker import WorkerContract
from tests.crew import Crew


class ClosingWorker(InlineWorker):
    """An inline worker with a registry of its own."""

    def __init__(self) -> None:
        clock, store = SystemClock(), DiskStore(numbered)
        self._registry = Registry(clock)
        super().__init__(Tools(self._registry, lambda _spec: store, clock, Random(1), Limiter(clock)))

    async def close(self) -> None:
        """Close its connections as well."""
        await self._registry.close()


class TestInline(WorkerContract):
    def open(self) -> Worker:
        return ClosingWorker()


class CrewPool(WorkerPool):
    """A pool that also closes the connections of its twin children, which are this process's."""

    def __init__(self) -> None:
        self._workers: list[Worker] = []

        def make() -> Worker:
            self._workers.append(ClosingWorker())
            return self._workers[-1]

        super().__init__(2, SystemClock(), Crew(make))

    async def close(self) -> None:
        """Close the pool, then the connections."""
        await super().close()
        for worker in self._workers:
            await worker.close()


class TestPoolOfTwins(WorkerContract):
    def open(self) -> Worker:
        return CrewPool()
