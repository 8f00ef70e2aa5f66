"""The real servers and proxies do what the tests of dlm will ask of them."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pycurl
import pytest

from tests import peers
from tests.certificates import Certificates
from tests.conftest import RunDlm
from tests.hostile import Content, HostileServer
from tests.peers import PASSWORD, USER, Caddy, Nginx
from tests.programs import PeerFailed, find_program, free_ports
from tests.running import until

pytestmark = pytest.mark.peer
AS_USER = f"{USER}:{PASSWORD}"
NOBODY = 65534
REPOSITORY = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Got:
    """What libcurl made of a request. `version` is CURL_HTTP_VERSION_…, `error` its error code."""

    status: int
    body: bytes
    version: int = 0
    error: int = 0
    connect_status: int = 0


def get(url: str, certificates: Certificates | None = None, **options: object) -> Got:
    """GET by libcurl, with these options besides."""
    curl, body = pycurl.Curl(), io.BytesIO()
    error = 0
    settings: dict[str, object] = {"URL": url, "WRITEDATA": body, "TIMEOUT": 20, "NOPROXY": "", **options}
    if certificates is not None:
        settings["CAINFO"] = str(certificates.ca)
    for name, value in settings.items():
        curl.setopt(getattr(pycurl, name), value)
    try:
        curl.perform()
    except pycurl.error as failure:
        error = int(failure.args[0])
    status, version = curl.getinfo(pycurl.RESPONSE_CODE), curl.getinfo(pycurl.INFO_HTTP_VERSION)
    connected = curl.getinfo(pycurl.HTTP_CONNECTCODE)
    curl.close()
    return Got(status, body.getvalue(), version, error, connected)


# --- nginx ------------------------------------------------------------------------------------------------------------


def test_nginx_serves_files_and_ranges(nginx: Nginx, content: Content) -> None:
    """Files, empty ones and ones in folders come whole, and ranges as slices."""
    assert get(nginx.url("/file.bin")).body == content.data
    assert get(nginx.url("/empty.bin")).body == b""
    assert get(nginx.url("/folder/with%20space.bin")).body == content.data[:1000]
    assert get(nginx.url("/file.bin"), RANGE="100-199") == Got(206, content.data[100:200], pycurl.CURL_HTTP_VERSION_1_1)
    assert get(nginx.url("/missing")).status == 404


def test_nginx_speaks_both_versions_over_tls(nginx: Nginx, certificates: Certificates, content: Content) -> None:
    """The https port speaks HTTP/1.1 and HTTP/2, as the client likes; certificates hold."""
    url = nginx.url("/file.bin", "https")
    for version in (pycurl.CURL_HTTP_VERSION_1_1, pycurl.CURL_HTTP_VERSION_2_0):
        got = get(url, certificates, HTTP_VERSION=version)
        assert (got.body, got.version) == (content.data, version)
    assert get(url).error == pycurl.E_PEER_FAILED_VERIFICATION


def test_nginx_is_slow_where_it_should_be(nginx: Nginx, content: Content) -> None:
    """Under `/slow/` a connection gets `SLOW_RATE`."""
    start = time.monotonic()
    assert get(nginx.url("/slow/file.bin")).body == content.data
    assert time.monotonic() - start > 0.5 * content.size / peers.SLOW_RATE


def test_nginx_wants_a_password(nginx: Nginx, content: Content) -> None:
    """Under `/auth/` the right password opens, none and a wrong one do not."""
    url = nginx.url("/auth/file.bin")
    assert get(url).status == 401
    assert get(url, USERPWD=f"{USER}:guess").status == 401
    assert get(url, USERPWD=AS_USER).body == content.data


def test_nginx_wants_a_client_certificate(nginx: Nginx, certificates: Certificates, content: Content) -> None:
    """The mtls port answers 400 without a certificate, and the file with the right one."""
    url, pair = nginx.url("/file.bin", "mtls"), certificates.client
    assert get(url, certificates).status == 400
    assert get(url, certificates, SSLCERT=str(pair.cert), SSLKEY=str(pair.key)).body == content.data
    stranger = certificates.stranger
    assert get(url, certificates, SSLCERT=str(stranger.cert), SSLKEY=str(stranger.key)).status == 400


def test_nginx_caps_requests(nginx: Nginx) -> None:
    """Under `/capped/` some of many requests at once get 503, and the others the file."""
    got: list[Got] = []
    clients = [threading.Thread(target=lambda: got.append(get(nginx.url("/capped/file.bin")))) for _ in range(5)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert sorted(each.status for each in got) == [200] * peers.CAPPED_AT + [503] * (5 - peers.CAPPED_AT)


def test_nginx_logs_what_was_asked(nginx: Nginx, certificates: Certificates) -> None:
    """The access log says protocol, status, bytes, connection and request."""
    get(nginx.url("/small.txt?marked", "https"), certificates, HTTP_VERSION=pycurl.CURL_HTTP_VERSION_2_0)
    deadline = time.monotonic() + 60.0
    while not (lines := [line.split() for line in nginx.log.read_text().splitlines() if "marked" in line]):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert lines[0][:3] == ["HTTP/2.0", "200", "7"]


_AS_NOBODY = """
import encodings.idna, http.client, os, sys  # all now: another user may not be able to read the library
from pathlib import Path
from tests import peers
from tests.certificates import make_certificates

folder, nobody = Path(sys.argv[1]), int(sys.argv[2])
certificates = make_certificates(folder)
for path in (folder, *folder.iterdir()):
    os.chown(path, nobody, nobody)
os.setgroups([]), os.setgid(nobody), os.setuid(nobody)
with peers.nginx({"f": b"content"}, certificates, folder) as server, peers.tinyproxy(folder), peers.danted(folder):
    client = http.client.HTTPConnection("127.0.0.1", server.http_port)
    client.request("GET", "/f")
    print(client.getresponse().read().decode())
    client.close()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_peers_run_as_anybody() -> None:
    """An ordinary user can run nginx, tinyproxy and Dante, too."""
    with tempfile.TemporaryDirectory(prefix="dlm-nobody-") as folder:  # `tmp_path` is closed to other users
        command = [sys.executable, "-c", _AS_NOBODY, folder, str(NOBODY)]
        result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    assert (result.stdout, result.stderr) == ("content\n", "")


# --- Caddy ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "spoken", "name"),
    [
        (pycurl.CURL_HTTP_VERSION_1_1, 2, "HTTP/1.1"),
        (pycurl.CURL_HTTP_VERSION_2_0, 3, "HTTP/2.0"),
        (pycurl.CURL_HTTP_VERSION_3ONLY, 30, "HTTP/3.0"),
    ],
)
def test_caddy_speaks_three_versions(
    caddy: Caddy, certificates: Certificates, content: Content, asked: int, spoken: int, name: str
) -> None:
    """HTTP/1.1, 2 and 3 give the same file and the same ranges, and Caddy's log says which it was."""
    url = caddy.url(f"/file.bin?{spoken}")
    got = get(url, certificates, HTTP_VERSION=asked)
    assert (got.error, got.body, got.version) == (0, content.data, spoken)
    assert get(url, certificates, HTTP_VERSION=asked, RANGE="5-9").body == content.data[5:10]
    deadline = time.monotonic() + 60.0
    while not (lines := [line for line in caddy.log.read_text().splitlines() if f"file.bin?{spoken}" in line]):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert json.loads(lines[0])["request"]["proto"] == name


# --- proxies ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def tls_server(content: Content, certificates: Certificates) -> Iterator[HostileServer]:
    """A polite server with TLS, and a port without."""
    with HostileServer(content, tls=certificates.server_context()) as server:
        yield server


def test_tinyproxy_carries_http_and_https(
    tmp_path: Path, tls_server: HostileServer, certificates: Certificates, content: Content
) -> None:
    """Plain requests and tunnels go through the proxy."""
    plain = f"http://127.0.0.1:{tls_server.plain_port}/polite/file.bin"
    with peers.tinyproxy(tmp_path) as proxy:
        assert get(plain, PROXY=proxy.url).body == content.data
        assert "via" in tls_server.requests[-1].headers
        assert get(tls_server.url(), certificates, PROXY=proxy.url).body == content.data


def test_tinyproxy_wants_a_password(tmp_path: Path, tls_server: HostileServer, certificates: Certificates) -> None:
    """With `password` plain requests get 407 and tunnels are refused, until the password is right."""
    plain = f"http://127.0.0.1:{tls_server.plain_port}/polite/file.bin"
    with peers.tinyproxy(tmp_path, password=True) as proxy:
        assert get(plain, PROXY=proxy.url).status == 407
        refused = get(tls_server.url(), certificates, PROXY=proxy.url)
        assert (refused.error, refused.connect_status) == (pycurl.E_COULDNT_CONNECT, 407)
        assert get(plain, PROXY=proxy.url, PROXYUSERPWD=AS_USER).status == 200
        assert get(tls_server.url(), certificates, PROXY=proxy.url, PROXYUSERPWD=AS_USER).status == 200


def test_dante_carries_http_and_https(
    tmp_path: Path, tls_server: HostileServer, certificates: Certificates, content: Content
) -> None:
    """SOCKS 4 and 5, the latter with names resolved by the proxy, carry plain and TLS connections."""
    plain = f"http://localhost:{tls_server.plain_port}/polite/file.bin"
    with peers.danted(tmp_path) as proxy:
        assert get(plain, PROXY=proxy.url).body == content.data
        for scheme in ("socks4", "socks5"):
            url = f"{scheme}://127.0.0.1:{proxy.port}"
            assert get(tls_server.url(), certificates, PROXY=url).body == content.data, scheme
        assert "connect" in proxy.log.read_text()


# --- programs and the command -----------------------------------------------------------------------------------------


def test_peers_are_gone_afterwards(tmp_path: Path) -> None:
    """When the block has ended, nobody listens any more and no process of the session is left."""
    with peers.danted(tmp_path) as proxy:
        port = proxy.port
        session = _sessions_with(str(tmp_path))
        assert session
    until(lambda: _sessions_with(str(tmp_path)) == [])  # they are killed by then, and the kernel may take a moment
    assert get(f"http://127.0.0.1:{port}/").error == pycurl.E_COULDNT_CONNECT


def _sessions_with(mark: str) -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if mark.encode() in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


def test_a_peer_that_cannot_start_says_why(tmp_path: Path, certificates: Certificates) -> None:
    """The error has the end of the program's own log."""
    (tmp_path / "access.log").mkdir()
    with pytest.raises(PeerFailed, match=r"access\.log"), peers.nginx({}, certificates, tmp_path):
        pass


def test_a_missing_program_skips_here_and_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the program a test is skipped with a hint; where CI is true it fails with it."""
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt-get install nothing"):
        find_program("no-such-program-anywhere", "apt-get install nothing")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="apt-get install nothing"):
        find_program("no-such-program-anywhere", "apt-get install nothing")


def test_free_ports_are_different() -> None:
    """Ports asked for together do not repeat."""
    assert len(set(free_ports(20))) == 20


def test_the_environment_is_the_tests_own(isolated_environment: Path) -> None:
    """No variable leads out of the test: not to proxies, certificates, settings or the real home."""
    assert Path.home() == isolated_environment
    assert os.environ["XDG_STATE_HOME"].startswith(str(isolated_environment))
    assert not [name for name in os.environ if name.lower().endswith("_proxy") or name.startswith("DLM_")]
    assert not {"SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"} & os.environ.keys()


def test_a_traceback_fails_the_test(dlm: RunDlm, tmp_path: Path) -> None:
    """`dlm` runs the package in `tmp_path` with the sources on the path, and does not let a traceback pass."""
    package = tmp_path / "stand-in" / "dlm"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text("import os, sys\nprint(os.getcwd(), sys.argv[1:], sys.stdin.read())\n")
    front = {"PYTHONPATH": str(package.parent)}
    assert dlm("get", "x", env=front, input="y").stdout == f"{tmp_path} ['get', 'x'] y\n"
    (package / "__main__.py").write_text("raise RuntimeError('broken')\n")
    with pytest.raises(AssertionError, match="broken"):
        dlm(env=front)
