"""Through real proxies, chosen by flag or environment: HTTP with and without a password, CONNECT, SOCKS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import peers
from tests.conftest import RunDlm
from tests.hostile import Content, HostileServer
from tests.programs import free_ports

if TYPE_CHECKING:
    from tests.certificates import Certificates

pytestmark = pytest.mark.peer
AS_USER = f"{peers.USER}:{peers.PASSWORD}"


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[peers.Proxy]:
    """An HTTP proxy for everybody."""
    with peers.tinyproxy(tmp_path_factory.mktemp("tinyproxy")) as running:
        yield running


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[peers.Proxy]:
    """An HTTP proxy that wants a password."""
    with peers.tinyproxy(tmp_path_factory.mktemp("guarded"), password=True) as running:
        yield running


@pytest.fixture(scope="module")
def socks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[peers.Proxy]:
    """A SOCKS proxy for everybody."""
    with peers.danted(tmp_path_factory.mktemp("danted")) as running:
        yield running


@pytest.fixture
def server(content: Content, certificates: Certificates) -> Iterator[HostileServer]:
    """A polite server, with TLS on one port and without on another."""
    with HostileServer(content, tls=certificates.server_context()) as running:
        yield running


def plain(server: HostileServer, name: str = "file.bin", kind: str = "polite") -> str:
    """The address without TLS."""
    return f"http://127.0.0.1:{server.plain_port}/{kind}/{name}"


def with_user(proxy: peers.Proxy, user: str = AS_USER) -> str:
    """The proxy's address with this user information."""
    return proxy.url.replace("://", f"://{user}@")


def came_through(server: HostileServer) -> bool:
    """Whether the last plain request came through the HTTP proxy: it says so in `Via`."""
    return "via" in server.requests[-1].headers


def test_plain_requests_go_through_the_proxy(
    dlm: RunDlm, proxy: peers.Proxy, server: HostileServer, tmp_path: Path, content: Content
) -> None:
    """The first one and those for more of the file; the proxy is not told to the server as ours."""
    result = dlm("get", "--proxy", proxy.url, plain(server, kind="truncates"))
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "file.bin").read_bytes() == content.data
    assert len(server.requests) > 1
    assert all("via" in request.headers for request in server.requests)


def test_secure_requests_go_through_a_tunnel(
    dlm: RunDlm, proxy: peers.Proxy, server: HostileServer, certificates: Certificates, tmp_path: Path, content: Content
) -> None:
    """The proxy sees where to, and nothing else."""
    result = dlm("get", "--proxy", proxy.url, "--cacert", str(certificates.ca), server.url())
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "file.bin").read_bytes() == content.data
    assert not came_through(server)
    assert f"CONNECT 127.0.0.1:{server.port}" in proxy.log.read_text()


@pytest.mark.parametrize("secure", [False, True])
def test_a_proxy_wants_a_password(
    dlm: RunDlm, guarded: peers.Proxy, server: HostileServer, certificates: Certificates, secure: bool
) -> None:
    """With the right one it opens; without, and with a wrong one, the exit code is 4 and the sentence says whose password.

    To plain requests with a wrong password tinyproxy answers as if it were the server.
    """
    url, trust = server.url() if secure else plain(server), ("--cacert", str(certificates.ca))
    for number, address in enumerate((guarded.url, with_user(guarded, "user:guess"))):
        result = dlm("get", *trust, "--proxy", address, "-o", f"{number}", url)
        assert result.returncode == 4, result.stderr
        if secure or address == guarded.url:
            assert "the proxy wants credentials" in result.stderr
            assert "--proxy scheme://name:password@host" in result.stderr
    assert server.requests == []
    escaped = "".join(f"%{ord(char):02X}" for char in peers.PASSWORD)
    for number, user in enumerate((AS_USER, f"{peers.USER}:{escaped}")):
        result = dlm("get", *trust, "--proxy", with_user(guarded, user), "-o", f"right{number}", url)
        assert result.returncode == 0, result.stderr
    assert all("proxy-authorization" not in request.headers for request in server.requests)


@pytest.mark.parametrize("scheme", ["socks5h", "socks5", "socks4"])
def test_socks_carries_both(
    scheme: str,
    dlm: RunDlm,
    socks: peers.Proxy,
    server: HostileServer,
    certificates: Certificates,
    tmp_path: Path,
    content: Content,
) -> None:
    """Plain and TLS; with the h the proxy looks the name up."""
    before = socks.log.read_text().count("connect")
    for name, url in (("plain", plain(server)), ("tls", server.url(host="localhost" if scheme == "socks5h" else "127.0.0.1"))):
        result = dlm("get", "--proxy", f"{scheme}://127.0.0.1:{socks.port}", "--cacert", str(certificates.ca), "-o", name, url)
        assert result.returncode == 0, result.stderr
        assert (tmp_path / name).read_bytes() == content.data
    assert socks.log.read_text().count("connect") > before


def test_a_proxy_that_is_not_there_is_told(dlm: RunDlm, server: HostileServer, tmp_path: Path) -> None:
    """Exit code 5, and a sentence with the proxy in it; nobody goes around it."""
    for scheme in ("http", "socks5h"):
        dead = f"{scheme}://127.0.0.1:{free_ports(1)[0]}"
        result = dlm("get", "--retries", "0", "--proxy", dead, plain(server))
        assert result.returncode == 5
        assert "proxy" in result.stderr
    assert server.requests == []


def test_what_a_proxy_cannot_reach_is_told(
    dlm: RunDlm, proxy: peers.Proxy, socks: peers.Proxy, certificates: Certificates
) -> None:
    """Exit code 5, for a tunnel too."""
    port = free_ports(1)[0]
    for url, address in (
        (f"http://127.0.0.1:{port}/a", proxy.url),
        (f"https://127.0.0.1:{port}/b", proxy.url),
        (f"http://127.0.0.1:{port}/c", socks.url),
    ):
        result = dlm("get", "--retries", "0", "--proxy", address, url)
        assert result.returncode == 5, result.stderr
        assert url in result.stderr


# --- the environment --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "through"),
    [("http_proxy", True), ("all_proxy", True), ("ALL_PROXY", True), ("DLM_PROXY", True), ("https_proxy", False)],
)
def test_the_environment_names_a_proxy_for_plain_requests(
    variable: str, through: bool, dlm: RunDlm, proxy: peers.Proxy, server: HostileServer
) -> None:
    """As curl and wget have it; that for https is not used."""
    result = dlm("get", plain(server), env={variable: proxy.url})
    assert result.returncode == 0, result.stderr
    assert came_through(server) is through


@pytest.mark.parametrize(
    ("variable", "through"), [("https_proxy", True), ("HTTPS_PROXY", True), ("all_proxy", True), ("http_proxy", False)]
)
def test_the_environment_names_a_proxy_for_secure_requests(
    variable: str, through: bool, dlm: RunDlm, proxy: peers.Proxy, server: HostileServer, certificates: Certificates
) -> None:
    """By a tunnel; that for http is not used."""
    before = proxy.log.read_text().count("CONNECT")
    result = dlm("get", "--cacert", str(certificates.ca), server.url(), env={variable: proxy.url})
    assert result.returncode == 0, result.stderr
    assert (proxy.log.read_text().count("CONNECT") > before) is through


@pytest.mark.parametrize(
    ("exempt", "through"), [("127.0.0.1", False), ("*", False), ("127.0.0.0/8", False), ("example.com", True), ("", True)]
)
def test_the_environment_names_who_needs_no_proxy(
    exempt: str, through: bool, dlm: RunDlm, proxy: peers.Proxy, server: HostileServer
) -> None:
    """That holds for the environment's own proxies."""
    result = dlm("get", plain(server), env={"http_proxy": proxy.url, "no_proxy": exempt})
    assert result.returncode == 0, result.stderr
    assert came_through(server) is through


def test_the_flag_beats_the_environment(dlm: RunDlm, proxy: peers.Proxy, server: HostileServer) -> None:
    """A proxy that was named by the user is used, whatever the environment exempts; without one, the environment's is."""
    dead = f"http://127.0.0.1:{free_ports(1)[0]}"
    result = dlm("get", "--proxy", proxy.url, plain(server), env={"http_proxy": dead, "no_proxy": "*"})
    assert result.returncode == 0, result.stderr
    assert came_through(server)
    result = dlm("get", "--proxy", "", "-o", "other", plain(server), env={"DLM_PROXY": proxy.url})
    assert result.returncode == 0, result.stderr
    assert not came_through(server)
