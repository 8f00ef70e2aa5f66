"""The command over SSH: fetching, going on after a kill, asking for trust, limits, and what is shown."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import SOURCES, RunDlm
from tests.hostile import content as generated
from tests.running import durable, until
from tests.ssh_script import scripted
from tests.sshd import Relay, Sshd, sshd

pytestmark = pytest.mark.peer
LARGE = generated(40_000_000, seed=7)
OLD = 1_000_000_000


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """OpenSSH with a small and a large file."""
    with sshd({"small.txt": b"Hello.\n", "large.bin": LARGE}, tmp_path_factory.mktemp("sshd")) as running:
        for path in running.root.iterdir():
            os.utime(path, (OLD, OLD))
        yield running


def trusting(peer: Sshd) -> list[str]:
    """Flags that let in."""
    return ["--key", str(peer.key), "--hostkey", peer.fingerprint]


def command(*args: str) -> list[str]:
    """The command, for those that look into it while it runs."""
    return [sys.executable, "-m", "dlm", *args]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(SOURCES)}


def test_files_arrive(peer: Sshd, dlm: RunDlm, tmp_path: Path) -> None:
    """By sftp and scp, under their names, with their times; and the large one consistent, by its size and time."""
    result = dlm("get", "--json", *trusting(peer), peer.url("/large.bin"), peer.url("/small.txt", "scp"))
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "large.bin").read_bytes() == LARGE
    assert (tmp_path / "small.txt").read_bytes() == b"Hello.\n"
    assert (tmp_path / "large.bin").stat().st_mtime == OLD
    assert '"consistent"' in result.stdout


def test_it_goes_on_after_a_kill(peer: Sshd, dlm: RunDlm, tmp_path: Path) -> None:
    """Killed in the middle, the same command fetches the rest, and nothing but the rest and a little."""
    with Relay(peer.port, rate=20e6) as relay:
        args = ["get", *trusting(peer), peer.url("/large.bin", port=relay.port)]
        process = subprocess.Popen(command(*args), cwd=tmp_path, env=environment(), stderr=subprocess.DEVNULL)
        part = tmp_path / "large.bin.part"
        until(lambda: process.poll() is not None or (part.exists() and part.stat().st_blocks and durable() > 5_000_000))
        assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert durable() < len(LARGE)
        result = dlm(*args)
        assert result.returncode == 0, result.stderr
        assert (tmp_path / "large.bin").read_bytes() == LARGE
        assert "consistent" in dlm("list", "--json").stdout


def test_a_file_that_changed_in_between_is_begun_anew(peer: Sshd, dlm: RunDlm, tmp_path: Path) -> None:
    """What is on disk belongs to the former version, and is not mixed with the new one."""
    (peer.root / "moving.bin").write_bytes(LARGE)
    os.utime(peer.root / "moving.bin", (OLD, OLD))
    with Relay(peer.port, rate=20e6) as relay:
        args = ["get", *trusting(peer), peer.url("/moving.bin", port=relay.port)]
        process = subprocess.Popen(command(*args), cwd=tmp_path, env=environment(), stderr=subprocess.DEVNULL)
        until(lambda: durable() > 5_000_000)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        (peer.root / "moving.bin").write_bytes(LARGE[::-1])
        os.utime(peer.root / "moving.bin", (OLD + 60, OLD + 60))
        result = dlm(*args)
        assert result.returncode == 0, result.stderr
        assert (tmp_path / "moving.bin").read_bytes() == LARGE[::-1]


def test_a_limit_holds(peer: Sshd, dlm: RunDlm, tmp_path: Path) -> None:
    """Counted where the bytes are sent: the server is slowed down, not only what is written."""
    with Relay(peer.port, delay=0.02) as relay:
        args = ["get", "-q", "--limit-rate", "4M", *trusting(peer), peer.url("/large.bin", port=relay.port)]
        process = subprocess.Popen(command(*args), cwd=tmp_path, env=environment())
        try:
            while relay.passed < 1_000_000:
                time.sleep(0.01)
            time.sleep(1.0)
            for _ in range(3):  # a machine that stands still makes one measurement wrong
                began, first = time.monotonic(), relay.passed
                time.sleep(2.0)
                rate = (relay.passed - first) / (time.monotonic() - began)
                if 0.9 < rate / (4 * 1024 * 1024) < 1.1:
                    break
        finally:
            process.kill()
            process.wait()
    assert 0.9 < rate / (4 * 1024 * 1024) < 1.1


# --- trust ------------------------------------------------------------------------------------------------------------


def test_an_unknown_server_is_refused_where_nobody_can_be_asked(peer: Sshd, dlm: RunDlm) -> None:
    """With the fingerprint, what to do, and the exit code of a refusal; a changed one as well."""
    result = dlm("get", "--key", str(peer.key), peer.url("/small.txt"))
    assert result.returncode == 4
    assert f"--hostkey {peer.fingerprint}" in result.stderr
    assert "ssh-keyscan" in result.stderr
    wrong = "SHA256:" + "A" * 43
    result = dlm("get", "--key", str(peer.key), "--hostkey", wrong, peer.url("/small.txt"))
    assert result.returncode == 4
    assert wrong in result.stderr
    result = dlm("get", "--hostkey", "nonsense", peer.url("/small.txt"))
    assert result.returncode == 2


@pytest.mark.parametrize("answer", ["y", "n"])
def test_at_a_terminal_the_user_is_asked(peer: Sshd, isolated_environment: Path, tmp_path: Path, answer: str) -> None:
    """Yes makes it known for good and fetches the file; no leaves all as it was."""
    known = isolated_environment / ".ssh" / "known_hosts"
    known.parent.mkdir(exist_ok=True)
    known.write_text("other ssh-ed25519 AAAA")
    args = command("get", "--key", str(peer.key), peer.url("/small.txt"), peer.url("/large.bin"))
    code, shown = at_a_terminal(args, tmp_path, re.compile(r"Trust SHA256:.* \[y/N\]"), f"{answer}\n")
    assert shown.count("[y/N]") == 1, shown
    if answer == "y":
        assert code == 0, shown
        assert known.read_text() == f"other ssh-ed25519 AAAA\n{peer.known()}"
        assert (tmp_path / "large.bin").read_bytes() == LARGE
    else:
        assert code == 4, shown
        assert known.read_text() == "other ssh-ed25519 AAAA"
        assert not (tmp_path / "small.txt").exists()


def at_a_terminal(args: list[str], cwd: Path, question: re.Pattern[str], answer: str) -> tuple[int, str]:
    """Run a command at a terminal of its own, and answer a question. The exit code, and all that was shown."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(args, cwd=cwd, env=environment(), stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown, answered, deadline = "", False, time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                shown += os.read(ours, 10_000).decode(errors="replace")
            except OSError:
                break
        if not answered and question.search(shown):
            os.write(ours, answer.encode())
            answered = True
    os.close(ours)
    return process.wait(60), shown


def test_no_secret_is_shown(dlm: RunDlm) -> None:
    """Neither password nor passphrase, in no output, right or wrong."""
    with scripted(b"content") as script:
        url = script.url("/file", "user:wrong-hidden")
        for args in (["get", url], ["get", "-v", url], ["get", "--json", url], ["list", "--json"], ["preview", url]):
            result = dlm(*args, *([] if args[0] == "list" else ["--hostkey", script.fingerprint]))
            assert "hidden" not in result.stdout + result.stderr
        assert len(script.attempts) == 4  # each of the four commands said it once
        assert dlm("get", "--hostkey", script.fingerprint, url).returncode == 4


def test_without_the_library_it_is_said_what_to_install(dlm: RunDlm, tmp_path: Path) -> None:
    """A sentence with the command, and the exit code of a usage error."""
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "asyncssh.py").write_text("raise ImportError('it is not installed')")
    result = dlm("get", "sftp://h/f", env={"PYTHONPATH": f"{tmp_path / 'hidden'}{os.pathsep}{SOURCES}"})
    assert result.returncode == 2
    assert "pip install 'dlm[sftp]'" in result.stderr


def test_the_queue_fetches_by_sftp(peer: Sshd, dlm: RunDlm, tmp_path: Path) -> None:
    """Added, and carried through by a child process."""
    assert dlm("add", *trusting(peer), peer.url("/large.bin")).returncode == 0
    result = dlm("run")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "large.bin").read_bytes() == LARGE
