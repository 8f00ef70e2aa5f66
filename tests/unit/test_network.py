"""Whether this machine has a network: in namespaces of their own, whose links come and go."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from dlm.clock import SystemClock
from dlm.ports import Network
from dlm.system import network
from dlm.system.memory import MemoryNetwork
from dlm.system.network import SystemNetwork
from tests.programs import find_program

ROOT = Path(__file__).parents[2]
PREAMBLE = """
    import asyncio, subprocess, time
    from dlm.clock import SystemClock
    from dlm.system import network
    from dlm.system.network import SystemNetwork

    clock = SystemClock()

    def ip(*words):
        subprocess.run(["ip", *words], check=True)

    def is_up():
        return SystemNetwork(clock).is_up()

    def plug():
        ip("link", "add", "v0", "type", "veth", "peer", "name", "v1")
        ip("link", "set", "v1", "up")

    async def change(act, *, listens=True):
        "What it said before, after, and how long after `act` the change was noticed."
        watched = SystemNetwork(clock, listens=listens)
        before = watched.is_up()
        waiting = asyncio.create_task(watched.wait_change())
        await asyncio.sleep(0.1)
        assert not waiting.done()
        act()
        began = time.monotonic()
        await asyncio.wait_for(waiting, 30)
        return before, watched.is_up(), time.monotonic() - began
"""


@pytest.fixture
def alone() -> str:
    """A network namespace can be had; the command that enters a new one."""
    find_program("ip", "apt-get install iproute2")
    command = find_program("unshare", "apt-get install util-linux")
    if subprocess.run([command, "-n", "true"], capture_output=True).returncode != 0:
        pytest.skip("not here: this process may not make network namespaces")
    return command


def play(alone: str, script: str) -> None:
    """Run the script in a namespace without any network."""
    program = textwrap.dedent(PREAMBLE) + textwrap.dedent(script)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [alone, "-n", sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_a_machine_that_has_only_itself_is_down(alone: str) -> None:
    """No interface but loopback, down or up, is no network."""
    play(
        alone,
        """
        assert not is_up()
        ip("link", "set", "lo", "up")
        assert not is_up()
        """,
    )


def test_a_network_without_a_way_out_is_one(alone: str) -> None:
    """An address with its neighbours is enough; it needs an address that is not link-local, and a carrier."""
    play(
        alone,
        """
        plug()
        assert not is_up()
        ip("link", "set", "v0", "up")
        assert not is_up(), "link-local only"
        ip("addr", "add", "169.254.3.4/16", "dev", "v0")
        assert not is_up(), "link-local only"
        ip("addr", "add", "10.9.0.1/24", "dev", "v0")
        assert is_up()
        ip("link", "set", "v1", "down")
        assert not is_up(), "unplugged: the routes are still there"
        ip("link", "set", "v1", "up")
        assert is_up()
        ip("link", "set", "v0", "down")
        assert not is_up()
        """,
    )


def test_either_protocol_will_do(alone: str) -> None:
    """IPv6 alone is a network."""
    play(
        alone,
        """
        plug()
        ip("link", "set", "v0", "up")
        ip("addr", "add", "fd00::1/64", "dev", "v0", "nodad")
        assert is_up()
        """,
    )


def test_routes_in_other_tables_count(alone: str) -> None:
    """Where the main table is empty, the kernel is asked whether it knows a way."""
    play(
        alone,
        """
        plug()
        ip("link", "set", "v0", "up")
        ip("addr", "add", "10.9.0.1/32", "dev", "v0")
        assert not is_up()
        ip("route", "add", "default", "dev", "v0", "table", "7")
        ip("rule", "add", "table", "7")
        assert is_up()
        """,
    )


def test_what_is_refused_is_no_way(alone: str) -> None:
    """A route that only says "unreachable"."""
    play(
        alone,
        """
        ip("link", "set", "lo", "up")
        ip("route", "add", "unreachable", "default")
        ip("-6", "route", "add", "unreachable", "default")
        ip("route", "add", "blackhole", "10.0.0.0/8")
        assert not is_up()
        """,
    )


@pytest.mark.parametrize("listens", [True, False])
def test_a_change_is_noticed(alone: str, listens: bool) -> None:
    """Down, up and unplugged: at once where the kernel tells, else by looking every 2 s."""
    play(
        alone,
        f"""
        network.POLL_SECONDS = 1000 if {listens} else 0.3
        plug()
        ip("link", "set", "v0", "up")
        time.sleep(0.2)

        async def scenario():
            steps = [
                (False, True, "addr", "add", "10.9.0.1/24", "dev", "v0"),
                (True, False, "link", "set", "v1", "down"),
                (False, True, "link", "set", "v1", "up"),
                (True, False, "addr", "del", "10.9.0.1/24", "dev", "v0"),
            ]
            for before, after, *words in steps:
                seen = await change(lambda: ip(*words), listens={listens})
                assert seen[:2] == (before, after), (words, seen)
                await asyncio.sleep(0.3)

        asyncio.run(scenario())
        """,
    )


def test_a_change_before_the_wait_is_noticed(alone: str) -> None:
    """What changed after `is_up` was asked ends the wait at once."""
    play(
        alone,
        """
        plug()
        ip("link", "set", "v0", "up")
        time.sleep(0.2)

        network.POLL_SECONDS = 1000
        clock.monotonic = lambda: 100.0

        async def scenario():
            watched = SystemNetwork(clock)
            assert not watched.is_up()
            ip("addr", "add", "10.9.0.1/24", "dev", "v0")
            await asyncio.sleep(0.2)
            assert not watched.is_up(), "it may be 1 s old"
            await asyncio.wait_for(watched.wait_change(), 30)
            assert watched.is_up()

        asyncio.run(scenario())
        """,
    )


def test_an_answer_is_kept_for_a_second_and_not_longer(alone: str) -> None:
    """By the clock that is given."""
    play(
        alone,
        """
        clock.monotonic = lambda: moment
        moment = 100.0
        watched = SystemNetwork(clock)
        assert not watched.is_up()
        plug()
        ip("link", "set", "v0", "up")
        ip("addr", "add", "10.9.0.1/24", "dev", "v0")
        moment = 100.9
        assert not watched.is_up()
        moment = 101.0
        assert watched.is_up()
        """,
    )


def test_other_systems_are_always_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is known there, so waiting for a change lasts."""
    monkeypatch.setattr(network, "POLL_SECONDS", 0.01)

    async def scenario() -> None:
        watched = SystemNetwork(SystemClock(), "darwin")
        assert watched.is_up()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(watched.wait_change(), 0.1)
        assert watched.is_up()

    asyncio.run(scenario())


def test_waiting_leaves_nothing_behind() -> None:
    """No descriptor stays open, whether the wait was cancelled once or many times at once."""

    async def scenario() -> None:
        watched = SystemNetwork(SystemClock())
        watched.is_up()
        before = len(os.listdir("/proc/self/fd"))
        waits = [asyncio.create_task(watched.wait_change()) for _ in range(5)]
        await asyncio.sleep(0.05)
        for each in waits:
            each.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        assert len(os.listdir("/proc/self/fd")) == before

    asyncio.run(scenario())


def test_the_twin_is_switched_by_hand() -> None:
    """Whoever waits is told of each change, and only of changes."""

    async def scenario() -> None:
        twin = MemoryNetwork()
        as_port: Network = twin
        assert as_port.is_up()
        waits = [asyncio.create_task(twin.wait_change()) for _ in range(2)]
        await asyncio.sleep(0)
        twin.set(True)
        await asyncio.sleep(0.01)
        assert not any(each.done() for each in waits)
        twin.set(False)
        await asyncio.gather(*waits)
        assert not as_port.is_up()
        again = asyncio.create_task(twin.wait_change())
        await asyncio.sleep(0.01)
        assert not again.done()
        twin.set(True)
        await again
        assert as_port.is_up()

    asyncio.run(scenario())
