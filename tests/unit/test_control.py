"""The Control over sockets keeps the contract; the directory is guarded; hostile and stuck clients cost nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlm.ports import Control
from dlm.storage.owners import is_alive, this_process
from dlm.system.control import SocketControl
from tests.contracts.control import ControlContract, Ground


class SocketGround:
    """Processes on one database; here all of them are this process."""

    def __init__(self, state: Path) -> None:
        self.state = state

    def process(self) -> tuple[str, Control]:
        owner = this_process()
        return owner, SocketControl(str(self.state), owner, is_alive)


class TestSocketControl(ControlContract):
    @pytest.fixture
    def ground(self, tmp_path: Path) -> Ground:
        return SocketGround(tmp_path / "dlm.db")
