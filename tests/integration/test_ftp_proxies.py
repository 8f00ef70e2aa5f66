"""FTP through real proxies: both connections go that way, or nothing goes at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dlm.model.error import InvalidRequest
from dlm.protocols.ftp.proxy import Proxy, proxy_for
from tests import peers
from tests.conftest import RunDlm
from tests.fakes import some_bytes
from tests.hostile_ftp import HostileFtp
from tests.peers import PASSWORD, USER

CONTENT = some_bytes(100_001)


@pytest.fixture
def server() -> Iterator[HostileFtp]:
    """One that sees from where it is spoken to."""
    with HostileFtp(CONTENT) as server:
        yield server


@pytest.mark.peer
@pytest.mark.parametrize("scheme", ["http", "socks5", "socks5h"])
def test_files_come_through_a_proxy(dlm: RunDlm, server: HostileFtp, tmp_path: Path, scheme: str) -> None:
    """Its log has a control connection and a data connection."""
    folder = tmp_path / "proxy"
    folder.mkdir()
    with peers.tinyproxy(folder) if scheme == "http" else peers.danted(folder) as proxy:
        result = dlm("get", "-q", "--proxy", proxy.url.replace("socks5h", scheme), server.url("polite"))
        assert result.returncode == 0, result.stderr
        assert (tmp_path / "file.bin").read_bytes() == CONTENT
        assert proxy.log.read_text().count("127.0.0.1") >= 2


@pytest.mark.peer
def test_a_proxy_may_want_a_password(dlm: RunDlm, server: HostileFtp, tmp_path: Path) -> None:
    """Which the environment may give; without it the user is told what is missing."""
    folder = tmp_path / "proxy"
    folder.mkdir()
    with peers.tinyproxy(folder, password=True) as proxy:
        result = dlm("get", "-q", "--proxy", proxy.url, server.url("polite"))
        assert result.returncode == 4
        assert "proxy wants credentials" in result.stderr
        within = proxy.url.replace("://", f"://{USER}:{PASSWORD}@")
        result = dlm("get", "-q", server.url("polite"), env={"ftp_proxy": within})
        assert result.returncode == 0, result.stderr
        assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_nothing_goes_around_a_proxy_that_cannot_be_used(dlm: RunDlm, server: HostileFtp) -> None:
    """Neither where it is not there, nor where FTP cannot go through it."""
    for proxy in ("http://127.0.0.1:9", "https://127.0.0.1:9", "socks4://127.0.0.1:9"):
        assert dlm("get", "-q", "--retries", "0", "--proxy", proxy, server.url("polite")).returncode != 0
    result = dlm("get", "-q", "--retries", "0", "--ftp-active", "--proxy", "http://127.0.0.1:9", server.url("polite"))
    assert result.returncode != 0
    assert server.commands == []


def test_which_proxy() -> None:
    """The user's, else the environment's own for FTP, else its general one, unless the host is exempt."""
    environ = {"ftp_proxy": "p:1", "ALL_PROXY": "socks5h://a%20b:c@q", "no_proxy": "x.example, .y.example"}
    assert proxy_for("h", None, environ) == Proxy("http", "p", 1)
    assert proxy_for("h", "socks5://r:2", environ) == Proxy("socks5", "r", 2)
    assert proxy_for("x.example", "socks5://r:2", environ) == Proxy("socks5", "r", 2)
    assert proxy_for("h", None, {"ALL_PROXY": environ["ALL_PROXY"]}) == Proxy("socks5h", "q", 1080, "a b", "c")
    for exempt in ("x.example", "X.example", "z.x.example", "y.example", "z.y.example"):
        assert proxy_for(exempt, None, environ) is None
    assert proxy_for("notx.example", None, environ) is not None
    assert proxy_for("h", None, environ | {"no_proxy": "*"}) is None
    assert proxy_for("h", None, {}) is None


@pytest.mark.parametrize("text", ["ftp://p", "https://p", "socks4://p", "http://", "http://p:x", "http://u:hidden@p:99999"])
def test_proxies_that_cannot_be_used(text: str) -> None:
    """They are the user's error, and their password is not shown."""
    with pytest.raises(InvalidRequest) as caught:
        proxy_for("h", text, {})
    assert "hidden" not in str(caught.value)
