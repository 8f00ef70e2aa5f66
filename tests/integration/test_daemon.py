"""The daemon as a process: its sockets, its beginning, its end, and what stands when it was killed."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.client import connect

from tests.conftest import SOURCES, RunDlm
from tests.daemons import RunningDaemon
from tests.hostile import HostileServer, content
from tests.running import RunningDlm, json_lines, until

if TYPE_CHECKING:
    from tests.certificates import Certificates

LARGE = content(6_000_001, seed=4)
_AS_SUPERVISED = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.executable, [sys.executable, "-m", "dlm", "serve", *sys.argv[2:]])
"""


def listed(dlm: RunDlm, daemon: RunningDaemon) -> list[dict[str, Any]]:
    """Its downloads, asked for through its Unix socket."""
    result = dlm("list", "--json", "--remote", f"unix:{daemon.socket}")
    assert result.returncode == 0, result.stderr
    return json_lines(result.stdout)


def test_it_ends_within_seconds_and_goes_on_at_the_next_start(dlm: RunDlm, tmp_path: Path) -> None:
    """SIGTERM with a running download and a client that listens: checkpointed, told, and completed by the next daemon."""
    import asyncio

    async def listening(daemon: RunningDaemon) -> int:
        address = f"ws{daemon.url.removeprefix('http')}/api/v1/events"
        async with connect(address, additional_headers={"Authorization": f"Bearer {daemon.token}"}) as client:
            daemon.send(signal.SIGTERM)
            async for _ in client:
                pass
            return client.close_code or 0

    with HostileServer(LARGE, bytes_per_second=20_000, headstart=2_000_000) as slow:
        with RunningDaemon(tmp_path) as daemon:
            remote = f"unix:{daemon.socket}"
            assert dlm("add", "--remote", remote, slow.url("/a.bin")).returncode == 0
            until(lambda: listed(dlm, daemon)[0]["downloaded"] > 1_000_000)
            began = time.monotonic()
            assert asyncio.run(listening(daemon)) == 1001
            code, _, err = daemon.end()
            assert (code, err) == (0, "")
            assert time.monotonic() - began < 30, "the file would take minutes"
            assert not daemon.socket.exists()
        (left,) = json_lines(dlm("list", "--json", "--state", str(daemon.state / "dlm.db")).stdout)
        assert left["status"] == "pending"
        assert left["downloaded"] > 500_000
        slow.hurry()
        with RunningDaemon(tmp_path) as daemon:
            until(lambda: listed(dlm, daemon)[0]["status"] == "completed")
        assert (daemon.files / "a.bin").read_bytes() == LARGE


def test_there_is_one_for_each_state_directory(dlm: RunDlm, tmp_path: Path) -> None:
    """A second one is refused with a sentence, and the first does not notice."""
    with RunningDaemon(tmp_path) as daemon:
        second = dlm("serve", "--state", str(daemon.state / "dlm.db"))
        assert second.returncode == 1
        assert "a daemon works on this state directory already" in second.stderr
        assert listed(dlm, daemon) == []


def test_what_a_killed_one_left_is_no_hindrance(dlm: RunDlm, tmp_path: Path) -> None:
    """Its socket still stands there; the next one answers at it."""
    with RunningDaemon(tmp_path) as daemon:
        daemon.process.kill()
        daemon.process.wait()
        assert daemon.socket.exists()
    gone = dlm("list", "--remote", f"unix:{daemon.socket}")
    assert (gone.returncode, "does not answer: Connection refused" in gone.stderr) == (5, True)
    with RunningDaemon(tmp_path) as daemon:
        assert listed(dlm, daemon) == []


def test_only_the_owner_reaches_the_socket(dlm: RunDlm, tmp_path: Path) -> None:
    """The socket has mode 0600, the token as well; a directory that others may enter is refused."""
    with RunningDaemon(tmp_path) as daemon:
        assert stat.S_IMODE(daemon.socket.stat().st_mode) == 0o600
        for name in ("token", "tokens.json"):
            assert stat.S_IMODE((daemon.state / name).stat().st_mode) == 0o600
    daemon.state.chmod(0o755)
    refused = dlm("serve", "--state", str(daemon.state / "dlm.db"))
    assert refused.returncode == 6
    assert "make it yours alone (chmod 700)" in refused.stderr


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"])
def test_others_reach_it_within_tls_only(dlm: RunDlm, tmp_path: Path, address: str) -> None:
    """An address that others can reach is refused without a certificate."""
    refused = dlm("serve", "--state", str(tmp_path / "s" / "dlm.db"), "--listen", address)
    assert refused.returncode == 2
    assert "give --tls-cert and --tls-key" in refused.stderr


def test_it_speaks_tls(dlm: RunDlm, tmp_path: Path, certificates: Certificates) -> None:
    """Who trusts its authority is answered; who does not is told."""
    good = certificates.server
    flags = ("--tls-cert", str(good.cert), "--tls-key", str(good.key))
    with RunningDaemon(tmp_path, *flags) as daemon:
        assert daemon.url.startswith("https://127.0.0.1:")
        trusting = {"SSL_CERT_FILE": str(certificates.ca), **daemon.environment}
        assert dlm("list", env=trusting).returncode == 0
        strange = dlm("list", env=daemon.environment)
        assert strange.returncode != 0
        assert "shows a certificate that cannot be verified: name its authority in SSL_CERT_FILE" in strange.stderr
        refused = dlm("list", env={**trusting, "DLM_REMOTE": daemon.url.replace("https", "http")})
        assert refused.returncode == 5


def test_a_supervisor_may_hold_the_socket(dlm: RunDlm, tmp_path: Path) -> None:
    """It is passed as file descriptor 3, is answered at, and stays; the supervisor is told of the beginning and the end."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    path, told = str(tmp_path / "held.sock"), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    told.bind(str(tmp_path / "notify"))
    told.settimeout(60)
    with socket.socket(socket.AF_UNIX) as held, told:
        held.bind(path)
        held.listen()
        env = {**os.environ, "PYTHONPATH": str(SOURCES), "NOTIFY_SOCKET": str(tmp_path / "notify")}
        argv = [sys.executable, "-c", _AS_SUPERVISED, str(held.fileno()), "--state", str(state / "dlm.db")]
        process = subprocess.Popen(argv, env=env, pass_fds=[held.fileno()], stdout=subprocess.PIPE)
        try:
            assert told.recv(100) == b"READY=1"
            assert dlm("list", "--remote", f"unix:{path}").returncode == 0
            assert not (state / "dlm.sock").exists()
            process.terminate()
            assert told.recv(100) == b"STOPPING=1"
            assert process.wait(10) == 0
            assert Path(path).exists()
        finally:
            process.kill()
            process.communicate()


def test_a_download_is_carried_while_nobody_looks(dlm: RunDlm, tmp_path: Path, hostile: HostileServer) -> None:
    """What a command puts into the database without asking the daemon, the daemon takes up."""
    with RunningDaemon(tmp_path) as daemon:
        state = ("--state", str(daemon.state / "dlm.db"))
        assert dlm("add", "-d", str(daemon.files), hostile.url("/a.bin"), *state).returncode == 0
        until((daemon.files / "a.bin").exists)
        with RunningDlm("list", "--json", *state, cwd=tmp_path) as listing:
            assert listing.end()[0] == 0
