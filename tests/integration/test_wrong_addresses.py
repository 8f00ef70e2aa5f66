"""A fresh link that leads to another file: it is refused, and what had come is kept."""

from __future__ import annotations

from pathlib import Path

from tests.hostile import HostileServer
from tests.integration.test_new_addresses import FILE, HALF, RATE, SAMPLES, expired
from tests.machine import Machine


def test_another_file_of_the_same_size_is_refused_and_what_had_come_is_kept(tmp_path: Path) -> None:
    """The sentence says so and names the address; the right link goes on from the same bytes."""
    machine = Machine(tmp_path)
    with HostileServer(FILE, bytes_per_second=RATE) as server:
        id = expired(machine, server)
        wrong = server.url(personality="decoy")
        machine.dlm("edit", id, "--url", wrong)
        machine.dlm("run", "-q", expect=None)
        facts = machine.all()[id]
        assert facts["status"] == "failed"
        assert wrong in facts["error"]["message"]
        assert facts["downloaded"] == HALF
        assert not list(machine.downloads.glob("file.bin"))
        machine.dlm("edit", id, "--url", server.url(personality="polite"))
        machine.dlm("run", "-q")
        facts = machine.all()[id]
        assert facts["status"] == "completed"
        assert Path(facts["path"]).read_bytes() == FILE
        assert server.bytes_sent("polite") <= len(FILE) - HALF + SAMPLES
