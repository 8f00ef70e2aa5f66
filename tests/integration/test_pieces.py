"""Pieces from the database to the file: `dlm run` against servers that lie about a byte."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from dlm.model.download import Download, DownloadSpec, new_id
from dlm.model.resource import Pieces
from dlm.storage.repository import SqliteState
from tests.fakes import pieces_of
from tests.hostile import HostileServer, content
from tests.machine import Machine, seconds_until

KIB = 1024
LENGTH = 256 * KIB
FILE = content(6_000_001, seed=4)
PIECES = pieces_of(FILE, LENGTH)
SLACK = 512 * KIB
"""What a server has given to the kernel when its client goes."""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine without any downloads."""
    return Machine(tmp_path)


def queue(machine: Machine, url: str, pieces: Pieces = PIECES, connections: int = 1) -> str:
    """Queue a file with its pieces, as somebody who has read a Metalink does."""
    spec = DownloadSpec(uris=(url,), directory=str(machine.downloads), connections=connections)
    download = Download(id=new_id(), spec=spec, added=time.time(), ready=time.time())

    async def added() -> None:
        state = await SqliteState.open(str(machine.state))
        await state.repository.add([download], pieces={download.id: pieces})
        await state.close()

    asyncio.run(added())
    return download.id


@pytest.mark.parametrize("connections", [1, 6])
def test_a_byte_that_comes_wrong_once_costs_a_piece(machine: Machine, connections: int) -> None:
    """It is found, that piece alone is fetched again, and the file is right and proved to be."""
    with HostileServer(FILE, connection_bytes_per_second=8 * 1024 * KIB) as server:
        id = queue(machine, server.url(personality="flips-byte-once"), connections=connections)
        machine.dlm("run", "-q")
        facts = machine.all()[id]
        assert Path(facts["path"]).read_bytes() == FILE
        assert facts["verified_by"] == "pieces sha-256"
        assert "verified by pieces sha-256" in machine.dlm("show", id)
        if connections == 1:
            start = len(FILE) // 2 // LENGTH * LENGTH
            assert [each.range for each in server.requests[1:]] == [f"bytes={start}-{start + LENGTH - 1}"]
            assert server.bytes_sent() - len(FILE) == LENGTH
        else:
            assert server.bytes_sent() - len(FILE) <= LENGTH + connections * SLACK


def test_a_byte_that_is_always_wrong_ends_it_and_all_else_is_kept(machine: Machine) -> None:
    """The sentence names the piece and the address, and a server that is right brings that piece only."""
    with HostileServer(FILE) as server:
        id = queue(machine, server.url(personality="flips-byte"))
        machine.dlm("run", "-q", expect=None)
        facts = machine.all()[id]
        assert facts["status"] == "failed"
        number = len(FILE) // 2 // LENGTH + 1
        assert f"piece {number} of {len(PIECES.digests)} " in facts["error"]["message"]
        assert server.url(personality="flips-byte") in facts["error"]["message"]
        assert server.bytes_sent() == len(FILE) + LENGTH


def test_what_is_on_disk_is_judged_again_after_a_restart(machine: Machine) -> None:
    """A byte that has changed on the disk since is found, and its piece fetched."""
    with HostileServer(FILE, bytes_per_second=20_000, headstart=4 * LENGTH) as server:
        id = queue(machine, server.url())
        with machine.running("run", "-q") as run:
            seconds_until(lambda: machine.all()[id]["downloaded"] > 2 * LENGTH)
            machine.dlm("pause", id)
            run.end()
        (part,) = machine.downloads.glob("*.part")
        with part.open("r+b") as file:
            file.seek(LENGTH + 7)
            byte = file.read(1)
            file.seek(LENGTH + 7)
            file.write(bytes([byte[0] ^ 0xFF]))
        before = machine.all()[id]["downloaded"]
        seen = len(server.requests)
        server.hurry()
        machine.dlm("resume", id)
        machine.dlm("run", "-q")
        facts = machine.all()[id]
        assert Path(facts["path"]).read_bytes() == FILE
        assert facts["verified_by"] == "pieces sha-256"
        later = sum(each.bytes_sent for each in server.requests[seen:])
        assert len(FILE) - before <= later <= len(FILE) - before + LENGTH
