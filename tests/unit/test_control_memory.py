"""The Control of processes that share a loop keeps the contract."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from dlm.ports import Control
from dlm.system.control_following import Following
from dlm.system.memory import ControlHub, MemoryControl
from tests.contracts.control import ControlContract, Ground


class HubGround:
    """Processes of one hub."""

    def __init__(self) -> None:
        self._hub = ControlHub()
        self._number = 0

    def process(self) -> tuple[str, Control]:
        self._number += 1
        owner = f"{self._number}:0:0:0"
        return owner, MemoryControl(self._hub, owner)


class TestMemoryControl(ControlContract):
    @pytest.fixture
    def ground(self) -> Ground:
        return HubGround()


def test_a_defect_reaches_the_reader() -> None:
    """What is no loss of a process, but a fault in what follows it, ends the lines with that very error."""

    async def broken(_name: str) -> AsyncGenerator[bytes, None]:
        yield b"1"
        raise ZeroDivisionError

    async def scenario() -> None:
        lines = Following(lambda: ["a"], broken).lines()
        assert await anext(lines) == b"1"
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(anext(lines), 60)

    asyncio.run(scenario())
