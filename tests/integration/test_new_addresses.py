"""A link expires half way: `dlm edit --url` gives a fresh one, and what had come is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile import HostileServer, content
from tests.machine import Machine, seconds_until

FILE = content(6_000_001, seed=5)
HALF = len(FILE) // 2
SAMPLES = 1024 * 1024
"""Bytes at most that may be fetched twice, to see that a fresh link gives the same file."""
RATE = 8 * 1024 * 1024
"""Bytes a second of a server, so that what it has given to the kernel when a client goes is no great part of the file."""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine without any downloads."""
    return Machine(tmp_path)


def expired(machine: Machine, server: HostileServer) -> str:
    """The id of a download whose link is good for half of the file."""
    (id,) = machine.add(server.url(personality="one-time-cut"))
    machine.dlm("run", "-q", expect=None)
    facts = machine.all()[id]
    assert (facts["status"], facts["error"]["kind"]) == ("failed", "Denied")
    assert facts["downloaded"] == HALF
    assert f"2.9 MiB of 5.7 MiB are kept: dlm edit {id[:8]} --url NEW goes on" in facts["error"]["message"]
    return id


def test_a_link_that_has_expired_is_replaced(machine: Machine) -> None:
    """The error says how; the edit queues it again; only what is missing is fetched."""
    with HostileServer(FILE, bytes_per_second=RATE) as server:
        id = expired(machine, server)
        said = machine.dlm("edit", id[:6], "--url", server.url(personality="polite"))
        assert said.endswith("it is queued, and goes on at 2.9 MiB of 5.7 MiB (dlm run)\n")
        machine.dlm("run", "-q")
        facts = machine.all()[id]
        assert facts["status"] == "completed"
        assert Path(facts["path"]).read_bytes() == FILE
        assert HALF <= server.bytes_sent("one-time-cut") < HALF + 1000, "the second number is for refusals"
        assert len(FILE) - HALF <= server.bytes_sent("polite") <= len(FILE) - HALF + SAMPLES


def test_a_mirror_is_added_to_what_has_failed(machine: Machine) -> None:
    """Beside the address that gives nothing any more."""
    with HostileServer(FILE) as server:
        id = expired(machine, server)
        machine.dlm("edit", id, "--add-mirror", server.url(personality="polite"))
        machine.dlm("run", "-q")
        facts = machine.all()[id]
        assert facts["status"] == "completed"
        assert Path(facts["path"]).read_bytes() == FILE
        assert facts["uri"] == server.url(personality="one-time-cut")


def test_an_address_is_given_to_a_download_that_runs(machine: Machine) -> None:
    """From another terminal; the process that fetches it has it when the old one goes down."""
    with HostileServer(FILE, bytes_per_second=20_000, headstart=1_000_000) as slow, HostileServer(FILE) as server:
        (id,) = machine.add(slow.url(), options=("--retries", "0"))
        with machine.running("run", "-q") as run:
            seconds_until(lambda: machine.all()[id]["downloaded"] > 0)
            said = machine.dlm("edit", id, "--add-mirror", server.url())
            assert said.endswith("it runs, and the new address is offered to it\n")
            slow.close()
            assert run.end()[0] == 0
        assert [step["cause"] for step in machine.story(id)] == ["claimed", "started", "transferred", "published"]
        facts = machine.all()[id]
        assert facts["status"] == "completed"
        assert Path(facts["path"]).read_bytes() == FILE
