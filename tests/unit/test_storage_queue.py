"""Both Queues keep the contract."""

from __future__ import annotations

from pathlib import Path

from dlm.storage.memory import MemoryState
from dlm.storage.repository import SqliteState
from tests.contracts.queue import LimitContract, OrderContract, OwnersContract, TimeContract
from tests.contracts.queue_line import CandidatesContract, StandingContract
from tests.contracts.repository import State, Wall


class TestSqliteQueue(OwnersContract, TimeContract, OrderContract, LimitContract):
    async def open(self, directory: Path, wall: Wall) -> State:
        return await SqliteState.open(str(directory / "dlm.db"), wall=wall)


class TestSqliteLine(CandidatesContract, StandingContract):
    async def open(self, directory: Path, wall: Wall) -> State:
        return await SqliteState.open(str(directory / "dlm.db"), wall=wall)


class TestMemoryQueue(OwnersContract, TimeContract, OrderContract, LimitContract):
    async def open(self, directory: Path, wall: Wall) -> State:
        return MemoryState(wall=wall)


class TestMemoryLine(CandidatesContract, StandingContract):
    async def open(self, directory: Path, wall: Wall) -> State:
        return MemoryState(wall=wall)
