"""The queue as its users see it: one process works it, others order it about, and some of them die."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile import HostileServer, content
from tests.machine import Machine, seconds_until
from tests.running import children_of, exists

MIB = 1 << 20
FILE = content(16 * MIB, seed=3)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine without any downloads."""
    return Machine(tmp_path)


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system on which the file has no space."""
    if os.geteuid() != 0:
        pytest.skip("not here: a small file system can be mounted by root only")
    place = tmp_path / "full"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)], check=True)
    yield place
    subprocess.run(["umount", str(place)], check=True)


def urls(server: HostileServer, count: int) -> list[str]:
    """Addresses of as many files, all alike."""
    return [server.url(f"/file-{number}.bin") for number in range(count)]


def stands_still(server: HostileServer, seconds: float = 0.5) -> bool:
    """Whether no byte leaves the server in this time."""
    before = server.bytes_sent()
    time.sleep(seconds)
    return server.bytes_sent() == before


def last_byte_after(server: HostileServer, began: float, quiet: float = 0.7) -> float:
    """Seconds from `began` to the last byte that left the server, found by waiting for a pause in the traffic."""
    last, sent = began, server.bytes_sent()
    while time.monotonic() - last < quiet:
        time.sleep(0.01)
        if server.bytes_sent() != sent:
            last, sent = time.monotonic(), server.bytes_sent()
    return last - began


def test_what_was_added_is_fetched_by_run(machine: Machine) -> None:
    """Add, run, done: the queue is worked until it is empty, and every file is right."""
    with HostileServer(content(300_001)) as server:
        added = machine.add(*urls(server, 7))
        assert machine.statuses() == ["pending"] * 7
        machine.dlm("run", "-q", "-j", "3")
        assert machine.statuses() == ["completed"] * 7
        assert set(added) == set(machine.all())
        for each in machine.all().values():
            assert Path(each["path"]).read_bytes() == server.content.data
        assert [step["cause"] for step in machine.story(added[0])] == ["claimed", "started", "transferred", "published"]


def test_a_pause_stops_the_traffic_and_loses_no_byte(machine: Machine) -> None:
    """From another terminal: soon no byte leaves the server, which would go on for minutes, and after resume none comes
    twice. The bound is ten times what is promised, since the machine may be busy.
    """
    with HostileServer(FILE, bytes_per_second=50_000, headstart=6 * MIB) as server:
        (id,) = machine.add(server.url())
        with machine.running("run", "-q", "--stay") as run:
            seconds_until(lambda: server.bytes_sent() > 6 * MIB)
            began = time.monotonic()
            machine.dlm("pause", id)
            assert last_byte_after(server, began) < 10.0, "the command itself takes its time too"
            seconds_until(lambda: machine.statuses() == ["paused"])
            assert stands_still(server)
            sent = server.bytes_sent()
            server.hurry()
            machine.dlm("resume", id)
            seconds_until(lambda: machine.statuses() == ["completed"])
            # What was on its way in the kernel's buffers when the pause came is lost, as it is for everybody.
            assert server.bytes_sent() - len(FILE) < 6 * MIB, (sent, server.bytes_sent())
            run.send(signal.SIGINT)
            assert run.end()[0] == 130
        assert (machine.downloads / "file.bin").read_bytes() == FILE
        causes = [step["cause"] for step in machine.story(id)]
        assert causes.count("halted") == causes.count("resumed") == 1


def test_pause_all_reaches_64_active_downloads(machine: Machine) -> None:
    """Everything that runs stops soon, and all is kept. The bound is ten times what is promised: the machine may be busy."""
    with HostileServer(content(MIB), connection_bytes_per_second=16 * 1024, headstart=200 * 1024) as server:
        machine.add(*urls(server, 64), options=("-x", "1"))
        with machine.running("run", "-q", "--stay", "-j", "64", "--per-host", "64"):
            seconds_until(lambda: Counter(machine.statuses())["running"] == 64 and server.bytes_sent() > 64 * 200 * 1024)
            began = time.monotonic()
            machine.dlm("pause", "--all")
            assert last_byte_after(server, began) < 20.0
            seconds_until(lambda: machine.statuses() == ["paused"] * 64)
            assert stands_still(server)
            assert all(each["downloaded"] > 0 for each in machine.all().values())


def test_a_cancelled_download_leaves_nothing(machine: Machine) -> None:
    """Cancel means given up: its partial file goes, its entry stays, and retry begins anew."""
    with HostileServer(FILE, bytes_per_second=50_000, headstart=3 * MIB) as server:
        (id,) = machine.add(server.url())
        with machine.running("run", "-q", "--stay"):
            seconds_until(lambda: server.bytes_sent() > 2 * MIB)
            machine.dlm("cancel", id)
            seconds_until(lambda: machine.statuses() == ["cancelled"])
            seconds_until(lambda: list(machine.downloads.iterdir()) == [])


def test_now_takes_a_slot_and_gives_it_back(machine: Machine) -> None:
    """`--now` pre-empts the one that runs, and that one goes on afterwards before anything else."""
    with HostileServer(FILE, bytes_per_second=50_000, headstart=2 * MIB) as server:
        first, second = machine.add(server.url("/first.bin"), server.url("/second.bin"))
        with machine.running("run", "-q", "--stay", "-j", "1"):
            seconds_until(lambda: machine.all()[first]["status"] == "running" and server.bytes_sent() > MIB)
            (urgent,) = machine.add(server.url("/urgent.bin"), options=("--now",))
            seconds_until(lambda: machine.all()[urgent]["status"] in {"running", "completed"})
            server.hurry()
            seconds_until(lambda: machine.statuses() == ["completed"] * 3)
        causes = [step["cause"] for step in machine.story(first)]
        assert "preempted" in causes
        ends = {id: each["finished"] for id, each in machine.all().items()}
        assert ends[urgent] < ends[first] < ends[second]


def test_failures_wait_with_their_cause_and_block_nobody(machine: Machine, full_disk: Path) -> None:
    """One keeps failing, one has no server, one has no space: each says so and when it is tried again; the others are done."""
    with HostileServer(FILE) as server, HostileServer(FILE, "status-500-forever") as broken:
        (failing,) = machine.add(broken.url())
        (gone,) = machine.add("http://127.0.0.1:9/nobody.bin")
        (full,) = machine.add(server.url("/full.bin"), options=("-d", str(full_disk)))
        good = machine.add(*urls(server, 3))
        with machine.running("run", "-q", "--stay", "-j", "1"):
            seconds_until(lambda: all(machine.all()[id]["status"] == "completed" for id in good), 60.0)
            seconds_until(lambda: all(machine.all()[id]["status"] == "waiting" for id in (failing, gone, full)), 60.0)
            shown = machine.all()
            told = json.loads(machine.dlm("explain", full, "--json"))
        kinds = [shown[id]["error"]["kind"] for id in (failing, gone, full)]
        assert kinds == ["ServerFailed", "Unreachable", "DiskFull"]
        assert all(shown[id]["due"] > time.time() - 10 and shown[id]["attempts"] >= 1 for id in (failing, gone, full))
        assert told["constraints"][0]["kind"] == "retry_at"


def test_two_runs_share_a_queue_and_fetch_nothing_twice(machine: Machine) -> None:
    """Both work, and what the server sent is each file once."""
    with HostileServer(content(400_000)) as server:
        machine.add(*urls(server, 24), options=("-x", "1"))
        with machine.running("run", "-q", "-j", "2") as one, machine.running("run", "-q", "-j", "2") as other:
            assert one.end()[0] == other.end()[0] == 0
        assert machine.statuses() == ["completed"] * 24
        assert Counter(record.path for record in server.requests).most_common(1)[0][1] == 1
        claims = [step for id in machine.all() for step in machine.story(id) if step["cause"] == "claimed"]
        assert len(claims) == 24


def test_what_a_killed_run_held_goes_on_in_the_other(machine: Machine) -> None:
    """kill -9 of one of two: the other takes over what it had, at its next look, and nothing is lost."""
    with HostileServer(content(4 * MIB), connection_bytes_per_second=100_000, headstart=MIB) as server:
        machine.add(*urls(server, 12), options=("-x", "1"))
        with machine.running("run", "-q", "-j", "3") as one, machine.running("run", "-q", "-j", "3", "--stay") as other:
            seconds_until(lambda: Counter(machine.statuses())["running"] >= 5)
            one.send(signal.SIGKILL)
            server.hurry()
            seconds_until(lambda: machine.statuses() == ["completed"] * 12, 60.0)
            other.send(signal.SIGTERM)
            other.end()
        for each in machine.all().values():
            assert Path(each["path"]).read_bytes() == server.content.data


def test_ctrl_c_gives_everything_back(machine: Machine) -> None:
    """A run that is stopped leaves a queue that the next one takes up, and no process of its own."""
    with HostileServer(FILE, bytes_per_second=50_000, headstart=3 * MIB) as server:
        machine.add(*urls(server, 4))
        with machine.running("run", "-j", "2") as run:
            seconds_until(lambda: server.bytes_sent() > 2 * MIB)
            children = children_of(run.process.pid)
            run.send(signal.SIGINT)
            code, _, said = run.end()
        assert code == 130
        assert "4" in said
        assert machine.statuses() == ["pending"] * 4
        assert stands_still(server)
        assert children
        seconds_until(lambda: not any(map(exists, children)))


def test_a_queue_of_ten_thousand_costs_little(machine: Machine) -> None:
    """Bulk add and the first page of the list; the bounds are wider here than promised, since the machine may be busy."""
    names = machine.folder / "urls.txt"
    names.write_text("".join(f"http://host{number % 50}.invalid/file-{number}.bin\n" for number in range(10_000)))
    began = time.monotonic()
    machine.dlm("add", "-i", str(names))
    assert time.monotonic() - began < 50.0
    began = time.monotonic()
    assert len(machine.dlm("list").splitlines()) >= 100
    assert time.monotonic() - began < 5.0
