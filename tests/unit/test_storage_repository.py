"""Both Repositories keep the contract."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dlm.model.download import new_id
from dlm.model.error import StateUnusable
from dlm.storage.memory import MemoryState
from dlm.storage.repository import SqliteRepository, SqliteState
from tests.contracts.repository import RecordContract, State, Wall
from tests.contracts.repository_edits import EditContract, FindContract, RepeatContract, StepContract
from tests.contracts.repository_expansions import ExpansionContract
from tests.contracts.repository_life import LifeContract
from tests.contracts.repository_sorting import SortingContract


class TestSqliteRepository(RecordContract, LifeContract):
    async def open(self, directory: Path, wall: Wall) -> State:
        return await SqliteState.open(str(directory / "dlm.db"), wall=wall)


class TestMemoryRepository(RecordContract, LifeContract):
    async def open(self, directory: Path, wall: Wall) -> State:
        return MemoryState(wall=wall)


class TestSqliteEdits(RepeatContract, StepContract, EditContract, FindContract, ExpansionContract, SortingContract):
    async def open(self, directory: Path, wall: Wall) -> State:
        return await SqliteState.open(str(directory / "dlm.db"), wall=wall)


class TestMemoryEdits(RepeatContract, StepContract, EditContract, FindContract, ExpansionContract, SortingContract):
    async def open(self, directory: Path, wall: Wall) -> State:
        return MemoryState(wall=wall)


def test_a_closed_repository_says_so(tmp_path: Path) -> None:
    """Whoever asks too late gets an error that dlm can name, since one view may still look while another one closes."""

    async def scenario() -> None:
        repository = await SqliteRepository.open(str(tmp_path / "dlm.db"))
        await repository.close()
        for late in (repository.identify("0"), repository.forget_checkpoint(new_id())):
            with pytest.raises(StateUnusable, match="closed already"):
                await late

    asyncio.run(scenario())
