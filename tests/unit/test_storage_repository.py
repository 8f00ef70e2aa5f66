"""Both Repositories keep the contract."""

from __future__ import annotations

from pathlib import Path

from dlm.ports import Repository
from dlm.storage.memory import MemoryRepository
from dlm.storage.repository import SqliteRepository
from tests.contracts.repository import RecordContract, Wall
from tests.contracts.repository_life import LifeContract


class TestSqliteRepository(RecordContract, LifeContract):
    async def open(self, directory: Path, wall: Wall) -> Repository:
        return await SqliteRepository.open(str(directory / "dlm.db"), wall=wall)


class TestMemoryRepository(RecordContract, LifeContract):
    async def open(self, directory: Path, wall: Wall) -> Repository:
        return MemoryRepository(wall=wall)
