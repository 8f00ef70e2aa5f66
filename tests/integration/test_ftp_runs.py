"""`dlm get` and what is around it, by FTP and FTPS, over real servers."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import ftp_peers
from tests.conftest import RunDlm
from tests.fakes import some_bytes
from tests.ftp_peers import FtpPeer
from tests.hostile import content as generated
from tests.hostile_ftp import Habits, HostileFtp
from tests.peers import PASSWORD, USER
from tests.running import durable, until

if TYPE_CHECKING:
    from tests.certificates import Certificates

MIB = 1024 * 1024
LARGE = generated(24 * MIB, seed=5)
FILES = {"large.bin": LARGE, "grüße & more.bin": LARGE[:5000], "empty.bin": b"", "folder/small.txt": b"Hello.\n"}

pytestmark = pytest.mark.peer


@pytest.fixture(scope="module")
def vsftpd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FtpPeer]:
    """In clear, with room for three."""
    with ftp_peers.vsftpd(FILES, tmp_path_factory.mktemp("vsftpd"), most=3) as peer:
        yield peer


@pytest.fixture(scope="module")
def proftpd(certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FtpPeer]:
    """Within TLS."""
    with ftp_peers.proftpd(FILES, tmp_path_factory.mktemp("proftpd"), certificates=certificates) as peer:
        yield peer


def settled(peer: FtpPeer) -> None:
    """Return when the server has noticed that its clients are gone."""
    command = ["pgrep", "-c", "-f", f"{peer.log.parent}/vsftpd.conf"]
    deadline = time.monotonic() + 60
    while int(subprocess.run(command, capture_output=True, text=True).stdout) > 1 and time.monotonic() < deadline:
        time.sleep(0.05)


def test_files_are_fetched(dlm: RunDlm, vsftpd: FtpPeer, tmp_path: Path) -> None:
    """In several connections or one, with any name, empty or not; their time is the server's."""
    os.utime(vsftpd.root / "large.bin", (1_000_000_000, 1_000_000_000))
    settled(vsftpd)
    urls = [
        vsftpd.url(path) for path in ("/large.bin", "/gr%C3%BC%C3%9Fe%20&%20more.bin", "/empty.bin", "/folder/small.txt;type=i")
    ]
    result = dlm("get", "-q", "-x", "2", "-j", "1", "-d", "got", *urls)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "got" / "large.bin").read_bytes() == LARGE
    assert (tmp_path / "got" / "large.bin").stat().st_mtime == 1_000_000_000
    assert (tmp_path / "got" / "grüße & more.bin").read_bytes() == LARGE[:5000]
    assert (tmp_path / "got" / "empty.bin").read_bytes() == b""
    assert (tmp_path / "got" / "small.txt").read_bytes() == b"Hello.\n"


def test_a_server_with_room_for_few_gives_the_file_all_the_same(dlm: RunDlm, vsftpd: FtpPeer, tmp_path: Path) -> None:
    """Who is turned away leaves the work to those who are in."""
    settled(vsftpd)
    result = dlm("get", "-q", "-x", "16", "--limit-rate", "40M", vsftpd.url("/large.bin"))
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "large.bin").read_bytes() == LARGE


def test_a_part_of_a_file(dlm: RunDlm, vsftpd: FtpPeer, tmp_path: Path) -> None:
    """By --range."""
    settled(vsftpd)
    result = dlm("get", "-q", "--range", "1000-1999", "--ftp-active", vsftpd.url("/large.bin"))
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "large.bin").read_bytes() == LARGE[1000:2000]


def test_killed_and_gone_on_with(dlm: RunDlm, vsftpd: FtpPeer, tmp_path: Path) -> None:
    """`kill -9` in the middle: the same command fetches the rest, and not again what was there."""
    settled(vsftpd)
    command = [sys.executable, "-m", "dlm", "get", "-q", "-x", "2", "--limit-rate", "3M", vsftpd.url("/large.bin")]
    part = tmp_path / "large.bin.part"
    running = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE)
    until(lambda: durable() > MIB)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    assert part.exists()
    settled(vsftpd)
    before = vsftpd.log.stat().st_size
    result = subprocess.run([*command, "--limit-rate", "0"], cwd=tmp_path, capture_output=True, text=True, timeout=90)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "large.bin").read_bytes() == LARGE
    with vsftpd.log.open() as log:
        log.seek(before)
        said = log.read()
    places = [int(where) for where in re.findall(r'"REST (\d+)"', said)]
    assert len(LARGE) - 1 in places, "that ranges work was proved"
    assert any(MIB < place < len(LARGE) - 1 for place in places), "it began where it had been"


def test_what_is_not_there_is_not_found(dlm: RunDlm, vsftpd: FtpPeer) -> None:
    """With the exit code for that, and so is a folder no file."""
    settled(vsftpd)
    assert dlm("get", "-q", vsftpd.url("/missing.bin")).returncode == 3
    result = dlm("get", "-q", vsftpd.url("/folder/"))
    assert result.returncode != 0
    assert "is a folder" in result.stderr


def test_tls_with_a_session_that_must_be_resumed(
    dlm: RunDlm, proftpd: FtpPeer, certificates: Certificates, tmp_path: Path
) -> None:
    """With a name and password, by the scheme or by the flag; and not to a server that nobody vouches for."""
    trust, user = ("--cacert", str(certificates.ca)), ("--user", f"{USER}:{PASSWORD}")
    for place, url, flags in (("a", proftpd.url("/large.bin"), ()), ("b", proftpd.url("/large.bin", "ftp"), ("--ftp-tls",))):
        result = dlm("get", "-q", "-d", place, "-x", "3", *trust, *user, *flags, url)
        assert result.returncode == 0, result.stderr
        assert (tmp_path / place / "large.bin").read_bytes() == LARGE
    result = dlm("get", "-q", proftpd.url("/large.bin"))
    assert result.returncode == 4
    assert "does not prove its identity" in result.stderr


def test_a_wrong_password_is_tried_once(dlm: RunDlm, proftpd: FtpPeer, certificates: Certificates) -> None:
    """By the server's own count: many tries would lock the user out."""
    before = proftpd.log.stat().st_size
    trust = ("--cacert", str(certificates.ca))
    result = dlm("get", "-q", "-x", "8", *trust, "--user", f"{USER}:wrong", proftpd.url("/large.bin"))
    assert result.returncode == 4
    assert "wrong" not in result.stderr
    with proftpd.log.open() as log:
        log.seek(before)
        said = log.read()
    assert said.count("Incorrect password") == said.count("session opened") == 1


def test_a_server_that_is_reached_by_ipv6(dlm: RunDlm, tmp_path: Path) -> None:
    """Where EPSV and EPRT are all that there is."""
    if not Path("/proc/net/if_inet6").exists():
        pytest.skip("not here: this machine has no IPv6")
    with ftp_peers.pyftpdlib(FILES, tmp_path / "server", host="::1") as peer:
        for place, flags in (("a", ()), ("b", ("--ftp-active",))):
            url = f"ftp://[::1]:{peer.port}/large.bin"
            result = dlm("get", "-q", "-x", "2", "-d", place, *flags, url)
            assert result.returncode == 0, result.stderr
            assert (tmp_path / place / "large.bin").read_bytes() == LARGE


@pytest.mark.parametrize("quirk", ["unranged", "deaf", "undated", "wordless", "unsized"])
def test_servers_that_know_little(dlm: RunDlm, tmp_path: Path, quirk: str) -> None:
    """The file comes all the same, whole, and once."""
    content = some_bytes(3_000_001)
    with HostileFtp(content) as server:
        result = dlm("get", "-q", "-x", "4", server.url(quirk))
        assert result.returncode == 0, result.stderr
        assert (tmp_path / "file.bin").read_bytes() == content


@pytest.mark.parametrize("quirk", ["short", "boasts", "longer", "contradicts", "unconfirmed"])
def test_servers_that_lie(dlm: RunDlm, tmp_path: Path, quirk: str) -> None:
    """No file stands under its name in the end, and the exit code says what was wrong."""
    with HostileFtp(some_bytes(300_001), Habits()) as server:
        result = dlm("get", "-q", "--retries", "1", server.url(quirk))
        assert result.returncode in {5, 7}, result.stderr
        assert not (tmp_path / "file.bin").exists()
