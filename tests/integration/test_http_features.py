"""What HTTP can do, by the command line and over real servers: versions, credentials, certificates, headers, ranges."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import RunDlm
from tests.hostile import COOKIE, PASSWORD, TOKEN, USER, Content, HostileServer, cookie_file
from tests.hostile.client import fetch

if TYPE_CHECKING:
    from tests.certificates import Certificates
    from tests.peers import Caddy, Nginx

AS_USER = f"{USER}:{PASSWORD}"


def held_requests(log: Path, mark: str, count: int) -> list[list[str]]:
    """Version, status, bytes, connection and request of the `count` requests with this mark, by the log of nginx."""
    deadline = time.monotonic() + 60.0
    while len(lines := [line.split(maxsplit=4) for line in log.read_text().splitlines() if mark in line]) < count:
        assert time.monotonic() < deadline, f"{len(lines)} requests in the log"
        time.sleep(0.01)
    return lines


# --- versions ---------------------------------------------------------------------------------------------------------


def test_http_1_0_gives_the_file(dlm: RunDlm, hostile: HostileServer, tmp_path: Path, content: Content) -> None:
    """A server that knows neither lengths nor ranges is asked once."""
    result = dlm("get", hostile.url("/old.bin", "http10-close"))
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "old.bin").read_bytes() == content.data
    assert len(hostile.requests) == 1


@pytest.mark.peer
def test_http_3_is_spoken_when_asked_for(
    dlm: RunDlm, caddy: Caddy, certificates: Certificates, tmp_path: Path, content: Content
) -> None:
    """The server's own log says so; without the flag it is HTTP/1.1."""
    for flag, version in (("--http3", "HTTP/3.0"), ("--no-http3", "HTTP/1.1")):
        url = caddy.url(f"/file.bin?asked{flag}")
        result = dlm("get", flag, "--cacert", str(certificates.ca), "-o", version[5:], url)
        assert result.returncode == 0, result.stderr
        assert (tmp_path / version[5:]).read_bytes() == content.data
        spoken = {json.loads(line)["request"]["proto"] for line in caddy.log.read_text().splitlines() if f"asked{flag}" in line}
        assert spoken == {version}


@pytest.mark.peer
def test_http_3_is_done_without_where_there_is_none(
    dlm: RunDlm, nginx: Nginx, certificates: Certificates, tmp_path: Path, content: Content
) -> None:
    """A server that knows only older versions gives the file by one of these, without waiting long."""
    began = time.monotonic()
    result = dlm("get", "--http3", "--cacert", str(certificates.ca), nginx.url("/file.bin?no-three", "https"))
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "file.bin").read_bytes() == content.data
    assert time.monotonic() - began < 25
    assert {line[0] for line in held_requests(nginx.log, "no-three", 1)} <= {"HTTP/1.1", "HTTP/2.0"}


@pytest.mark.peer
def test_many_small_files_share_a_connection(dlm: RunDlm, nginx: Nginx, certificates: Certificates, tmp_path: Path) -> None:
    """From one https host the first few have connections of their own, all others one of HTTP/2 together."""
    urls = [nginx.url(f"/small.txt?many-{number:02}", "https") for number in range(16)]
    lines = "".join(f"{url}\n out={number}.txt\n" for number, url in enumerate(urls))
    (tmp_path / "list").write_text(lines)
    result = dlm("get", "-j", "16", "--cacert", str(certificates.ca), "-i", "list", "-d", "out")
    assert result.returncode == 0, result.stderr
    assert {path.read_bytes() for path in (tmp_path / "out").iterdir()} == {b"Hello.\n"}
    requests = held_requests(nginx.log, "many-", 16)
    assert len(requests) == 16
    by_two = [line for line in requests if line[0] == "HTTP/2.0"]
    assert len(by_two) >= 12
    assert len({line[3] for line in by_two}) == 1


# --- credentials ------------------------------------------------------------------------------------------------------


@pytest.fixture
def netrc(isolated_environment: Path) -> str:
    """A netrc file that knows the password for 127.0.0.1, and another one for everybody else."""
    path = isolated_environment / ".netrc"
    path.write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD}\ndefault login nobody password nothing\n")
    path.chmod(0o600)
    return str(path)


def with_user(url: str, user: str) -> str:
    """The address with this user information."""
    return url.replace("://", f"://{user}@")


@pytest.mark.parametrize("kind", ["basic-auth", "digest-auth"])
def test_passwords_come_from_flag_address_or_netrc(
    kind: str, dlm: RunDlm, hostile: HostileServer, tmp_path: Path, content: Content, netrc: str
) -> None:
    """Each of them opens; netrc only when it was asked for."""
    url = hostile.url("/file.bin", kind)
    for number, args in enumerate(
        ([url, "--user", AS_USER], [with_user(url, AS_USER)], [url, "--netrc"], [with_user(url, "other:x"), "--user", AS_USER])
    ):
        result = dlm("get", "-o", f"{number}.bin", *args)
        assert result.returncode == 0, result.stderr
        assert (tmp_path / f"{number}.bin").read_bytes() == content.data
    assert "authorization" not in hostile.requests[0].headers, "a password is sent only when it is asked for"


@pytest.mark.parametrize("kind", ["basic-auth", "digest-auth"])
def test_a_wrong_password_is_refused(kind: str, dlm: RunDlm, hostile: HostileServer, tmp_path: Path, netrc: str) -> None:
    """With exit code 4 and a sentence that says how to give another; without --netrc nobody looks there."""
    for args in ([], ["--user", "user:guess"]):
        result = dlm("get", hostile.url("/file.bin", kind), *args)
        assert result.returncode == 4
        assert "--user NAME:PASSWORD" in result.stderr
    assert not (tmp_path / "file.bin").exists()
    assert len(hostile.requests) <= 3, "it was tried again with what was wrong"


@pytest.mark.peer
def test_a_real_server_wants_a_password(dlm: RunDlm, nginx: Nginx, tmp_path: Path, content: Content) -> None:
    """nginx agrees on what Basic authentication is, with characters in it that an address must escape."""
    from tests.peers import PASSWORD, USER

    assert dlm("get", nginx.url("/auth/file.bin")).returncode == 4
    escaped = "".join(f"%{ord(char):02X}" for char in PASSWORD)
    result = dlm("get", with_user(nginx.url("/auth/file.bin"), f"{USER}:{escaped}"))
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "file.bin").read_bytes() == content.data


def test_a_bearer_token_opens(dlm: RunDlm, hostile: HostileServer, tmp_path: Path, content: Content) -> None:
    """By its flag or as a header; none, and a wrong one, are refused."""
    url = hostile.url("/file.bin", "bearer")
    assert dlm("get", url).returncode == 4
    assert dlm("get", url, "--bearer", "guess").returncode == 4
    for name, args in (("a", ("--bearer", TOKEN)), ("b", ("-H", f"Authorization: Bearer {TOKEN}"))):
        result = dlm("get", url, "-o", name, *args)
        assert result.returncode == 0, result.stderr
        assert (tmp_path / name).read_bytes() == content.data


def test_the_cookies_of_a_file_open(dlm: RunDlm, hostile: HostileServer, tmp_path: Path, content: Content) -> None:
    """In the format that browsers export."""
    (tmp_path / "jar").write_text(cookie_file())
    url = hostile.url("/file.bin", "cookie-file")
    assert dlm("get", url).returncode == 4
    result = dlm("get", url, "--cookies", "jar")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "file.bin").read_bytes() == content.data


COOKIES = """\
# Netscape HTTP Cookie File
a.localhost\tFALSE\t/\tFALSE\t0\teverywhere\t1
a.localhost\tFALSE\t/polite\tFALSE\t0\tunder-this-path\t1
a.localhost\tFALSE\t/elsewhere\tFALSE\t0\tunder-another-path\t1
a.localhost\tFALSE\t/\tTRUE\t0\tover-tls-only\t1
#HttpOnly_a.localhost\tFALSE\t/\tFALSE\t0\tnot-for-scripts\t1
a.localhost\tFALSE\t/\tFALSE\t1000000000\texpired\t1
b.localhost\tFALSE\t/\tFALSE\t0\tof-another-host\t1
.example.com\tTRUE\t/\tFALSE\t0\tof-a-domain\t1
"""


def test_cookies_go_where_they_belong(dlm: RunDlm, tmp_path: Path, content: Content, certificates: Certificates) -> None:
    """By host, path, `Secure` and expiry; to nobody else."""
    (tmp_path / "jar").write_text(COOKIES)
    with HostileServer(content, tls=certificates.server_context()) as server:
        plain = f"http://a.localhost:{server.plain_port}/polite/a.bin"
        for url in (plain, server.url("/b.bin", host="a.localhost"), server.url("/c.bin", host="b.localhost")):
            assert dlm("get", "--cookies", "jar", "--insecure", url).returncode == 0
        sent = [set(request.headers.get("cookie", "").replace("=1", "").split("; ")) for request in server.requests]
    here = {"everywhere", "under-this-path", "not-for-scripts"}
    assert sent == [here, here | {"over-tls-only"}, {"of-another-host"}]
    assert (tmp_path / "jar").read_text() == COOKIES, "the file is the user's"


# --- certificates -----------------------------------------------------------------------------------------------------


@pytest.mark.peer
def test_a_client_certificate_is_shown(
    dlm: RunDlm, nginx: Nginx, certificates: Certificates, tmp_path: Path, content: Content
) -> None:
    """The right one opens; none, and that of a stranger, do not."""
    url, pair, stranger = nginx.url("/file.bin", "mtls"), certificates.client, certificates.stranger
    trust = ("--cacert", str(certificates.ca))
    result = dlm("get", *trust, "--cert", str(pair.cert), "--key", str(pair.key), "-o", "right", url)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "right").read_bytes() == content.data
    for args in ((), ("--cert", str(stranger.cert), "--key", str(stranger.key))):
        result = dlm("get", *trust, *args, url)
        assert result.returncode == 5
        assert "HTTP 400" in result.stderr
    result = dlm("get", *trust, "--cert", str(pair.cert), "--key", str(stranger.key), url)
    assert result.returncode == 2
    assert "client certificate" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["right"]


@pytest.fixture(params=["server", "expired", "wrong_host", "stranger"])
def doubtful(request: pytest.FixtureRequest, content: Content, certificates: Certificates) -> Iterator[HostileServer]:
    """A server whose certificate is good only for those who know the authority, or for nobody."""
    pair = getattr(certificates, request.param)
    with HostileServer(content, tls=pair.server_context()) as server:
        yield server


def test_certificates_are_verified(
    request: pytest.FixtureRequest, dlm: RunDlm, doubtful: HostileServer, certificates: Certificates, tmp_path: Path
) -> None:
    """One that does not prove who the server is ends the download at once, with exit code 4; --insecure goes on."""
    good = "server" in request.node.name
    for args, opens in (([], False), (["--cacert", str(certificates.ca)], good), (["--insecure"], True)):
        result = dlm("get", *args, doubtful.url("/file.bin"), "-o", "opened" if opens else "closed", "--overwrite")
        assert result.returncode == (0 if opens else 4), result.stderr
        if not opens:
            assert "does not prove its identity" in result.stderr
            assert "--cacert" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["opened"]
    assert len(doubtful.requests) == 1 + good, "nothing is asked of a server that is not trusted"


def test_the_environment_may_name_the_authorities(dlm: RunDlm, content: Content, certificates: Certificates) -> None:
    """As OpenSSL and curl have it."""
    with HostileServer(content, tls=certificates.server_context()) as server:
        for name in ("SSL_CERT_FILE", "CURL_CA_BUNDLE"):
            result = dlm("get", server.url(f"/{name}"), env={name: str(certificates.ca)})
            assert result.returncode == 0, result.stderr


# --- headers ----------------------------------------------------------------------------------------------------------


def test_headers_arrive_as_they_were_given(dlm: RunDlm, hostile: HostileServer) -> None:
    """User agent, referer and any others; repeated, empty and in any script, with every request."""
    headers = ["X-One: 1", "X-One: 2", "X-Empty:", "X-Grosse: ü", "Accept: text/plain"]
    lines = [arg for header in headers for arg in ("-H", header)]
    result = dlm(
        "get", "--user-agent", "me/1.0", "--referer", "http://from.example/page", *lines, hostile.url("/a.bin", "truncates")
    )
    assert result.returncode == 0, result.stderr
    assert len(hostile.requests) > 1
    for request in hostile.requests:
        sent = {name: request.headers[name] for name in ("user-agent", "referer", "x-one", "x-empty", "x-grosse", "accept")}
        assert sent == {
            "user-agent": "me/1.0",
            "referer": "http://from.example/page",
            "x-one": "1, 2",
            "x-empty": "",
            "x-grosse": "ü".encode().decode("latin-1"),
            "accept": "text/plain",
        }


def test_dlm_says_who_it_is(dlm: RunDlm, hostile: HostileServer) -> None:
    """Its name and version, and nothing else of the user: no referer, no cookie, no credentials."""
    assert dlm("get", hostile.url("/a.bin") + "#section").returncode == 0
    (request,) = hostile.requests
    assert request.headers["user-agent"].startswith("dlm/")
    assert set(request.headers) == {"host", "user-agent", "accept", "accept-encoding", "range"}
    assert request.path == "/polite/a.bin"


def test_addresses_in_any_script(dlm: RunDlm, hostile: HostileServer, tmp_path: Path, content: Content) -> None:
    """They are asked for in ASCII and saved under their own name; a host name is asked for as the name system knows it."""
    address = hostile.url("/Größe %C3%BC.bin", host="bücher.localhost").replace(" ", "%20")
    result = dlm("get", address + "?größe=1", "--user", "né:pässwort")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "Größe ü.bin").read_bytes() == content.data
    (request,) = hostile.requests
    assert request.path == "/polite/Gr%C3%B6%C3%9Fe%20%C3%BC.bin"
    assert request.headers["host"] == f"xn--bcher-kva.localhost:{hostile.port}"


def test_files_named_by_flags_may_have_any_name(
    dlm: RunDlm, tmp_path: Path, content: Content, certificates: Certificates
) -> None:
    """Also one beyond ASCII."""
    (tmp_path / "Kühe.pem").write_bytes(certificates.ca.read_bytes())
    (tmp_path / "Kekse.txt").write_text(cookie_file())
    (tmp_path / "Kekse.txt").rename(tmp_path / "Kekse ü.txt")
    with HostileServer(content, tls=certificates.server_context()) as server:
        args = ("--cacert", "Kühe.pem", "--cookies", "Kekse ü.txt")
        result = dlm("get", *args, server.url("/file.bin", "cookie-file"))
        assert result.returncode == 0, result.stderr
        assert COOKIE in server.requests[0].headers["cookie"]


# --- ranges -----------------------------------------------------------------------------------------------------------


def test_a_range_is_fetched_alone(dlm: RunDlm, hostile: HostileServer, tmp_path: Path, content: Content) -> None:
    """The bytes from A to B, both included; no others are asked for."""
    result = dlm("get", "--range", "100-1099", hostile.url("/file.bin"))
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "file.bin").read_bytes() == content.data[100:1100]
    assert [request.range for request in hostile.requests] == ["bytes=100-1099"]
    past_the_end = dlm("get", "--range", "300000-999999", "-o", "end", hostile.url("/file.bin"))
    assert past_the_end.returncode == 0, past_the_end.stderr
    assert (tmp_path / "end").read_bytes() == content.data[300_000:]


def test_a_range_that_cannot_be_had_is_told(dlm: RunDlm, hostile: HostileServer, tmp_path: Path, content: Content) -> None:
    """Neither another part nor the whole is given in its place."""
    outside = dlm("get", "--range", "400000-400001", hostile.url("/file.bin"))
    assert outside.returncode == 5
    assert f"it has {content.size} bytes" in outside.stderr
    unknown = dlm("get", "--range", "0-9", hostile.url("/file.bin", "no-range"))
    assert unknown.returncode == 5
    assert "cannot give a part" in unknown.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_part_and_the_whole_are_two_downloads(dlm: RunDlm, hostile: HostileServer, tmp_path: Path, content: Content) -> None:
    """One is not taken for the other."""
    for args, size in ((("--range", "0-9"), 10), ((), content.size)):
        assert dlm("get", *args, hostile.url("/file.bin")).returncode == 0
        assert size in {path.stat().st_size for path in tmp_path.iterdir()}
    assert len(list(tmp_path.iterdir())) == 2
    assert fetch(hostile.url("/file.bin")).status == 200
