"""What must not be seen is not seen: not on screens, not in JSON, not by strangers, not in files that others may read."""

from __future__ import annotations

import base64
import os
import signal
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.conftest import RunDlm
from tests.hostile import Content, Habits, HostileServer, RequestRecord, content
from tests.programs import free_ports
from tests.redirecting import redirecting
from tests.running import RunningDlm, json_lines, until

if TYPE_CHECKING:
    from tests.certificates import Certificates

PASSWORD = "CANARY-password"
BEARER = "CANARY-bearer"
HEADER = "CANARY-header"
COOKIE = "CANARY-cookie"
SIGNATURE = "CANARY-signature"
PROXY = "CANARY-proxy"
FRAGMENT = "CANARY-fragment"
REFERER = "CANARY-referer"
BASIC = base64.b64encode(f"canary-user:{PASSWORD}".encode()).decode()
QUERY = f"X-Amz-Signature={SIGNATURE}&part=1#{FRAGMENT}"
LARGE = content(2_000_001, seed=5)


def jar(folder: Path, host: str = "127.0.0.1") -> str:
    """A cookie file with a canary for this host."""
    path = folder / "jar.txt"
    path.write_text(f"{host}\tFALSE\t/\tFALSE\t0\tsession\t{COOKIE}\n")
    return str(path)


def secrets(folder: Path, host: str = "127.0.0.1") -> list[str]:
    """Flags with every secret that can be given together with a password."""
    args = ["--user", f"canary-user:{PASSWORD}", "-H", f"X-Api-Key: {HEADER}", "--cookies", jar(folder, host)]
    return [*args, "--referer", f"http://from.example/?token={REFERER}"]


def see_nothing(*texts: str) -> None:
    """No canary is in any of the texts, neither as it is nor encoded."""
    for text in texts:
        assert "CANARY" not in text, text
        assert BASIC not in text
        assert "from.example" not in text or "token=***" in text


def see_nothing_recorded(dlm: RunDlm, *shown: int) -> None:
    """Nor in the list of all downloads so far, with their errors, nor in what is told of those (by default the last four)."""
    everything = dlm("list", "--json").stdout
    see_nothing(everything, dlm("list").stdout)
    entries = json_lines(everything)
    for entry in [entries[place] for place in shown] or entries[:4]:
        see_nothing(dlm("show", entry["download_id"]).stdout, dlm("show", "--json", entry["download_id"]).stdout)


ENDINGS = (
    "status-401", "status-403", "status-404", "status-500-forever", "header-flood", "bomb", "closes-at-once", "not-http",
    "redirect-loop", "redirect-chain-11", "redirect-to-file", "redirect-nowhere", "endless-redirects", "junk-status",
    "truncates-no-range", "two-lengths", "never-answers", "416-always", "polite",
)  # fmt: skip
SUCCESSES = {"416-always", "polite"}


@pytest.fixture
def server() -> Iterator[HostileServer]:
    """A quick server of all personalities."""
    with HostileServer(content(50_001, seed=1), habits=Habits(interval=0.05, bomb_size=96 << 20)) as running:
        yield running


# --- what is shown ----------------------------------------------------------------------------------------------------


def test_no_secret_is_shown_whatever_goes_wrong(dlm: RunDlm, server: HostileServer, tmp_path: Path) -> None:
    """Neither in sentences nor in JSON, neither at once nor later, for every way in which a download may end."""
    ways = (["-v", *secrets(tmp_path)], ["--json", "--bearer", BEARER])
    for number, args in enumerate(ways):
        urls = [server.url(f"/{number}.bin", kind).replace("//", f"//canary-user:{PASSWORD}@") for kind in ENDINGS]
        patience = ("--timeout", "0.3", "--retries", "0", "-j", "8")
        result = dlm("get", *patience, *args, *(f"{url}?{QUERY}" for url in urls), cwd=tmp_path)
        assert result.returncode > 0
        see_nothing(result.stdout, result.stderr)
        told = result.stdout + result.stderr
        assert {kind for kind in ENDINGS if f"/{kind}/{number}.bin" not in told} <= SUCCESSES
    see_nothing_recorded(dlm, 0, 1, len(ENDINGS), len(ENDINGS) + 1)
    assert COOKIE in str([request.headers for request in server.requests]), "the secrets were really sent"


def test_no_secret_is_shown_of_a_wrong_file(dlm: RunDlm, server: HostileServer, tmp_path: Path) -> None:
    """A checksum that does not match is told with the name only."""
    url = server.url("/file.bin") + "?" + QUERY
    result = dlm("get", *secrets(tmp_path), "--checksum", "md5=" + "0" * 32, url)
    assert result.returncode == 7
    see_nothing(result.stdout, result.stderr)
    see_nothing_recorded(dlm)


@pytest.mark.parametrize(
    "address",
    [
        "http://canary:{secret}@127.0.0.1:{dead}",
        "socks5h://canary:{secret}@127.0.0.1:{dead}",
        "http://canary:{secret}@nobody.invalid:1",
        "http://canary:{secret} @127.0.0.1:1",
        "http://canary:{secret}",
        "http://canary:{secret}@127.0.0.1:99999",
        "gopher://canary:{secret}@127.0.0.1:1",
        "canary:{secret}@127.0.0.1:{dead}",
    ],
)
def test_no_secret_of_a_proxy_is_shown(address: str, dlm: RunDlm, server: HostileServer) -> None:
    """Whether it is not there, or not an address at all, and however it was named."""
    proxy = address.format(secret=PROXY, dead=free_ports(1)[0])
    for args, env in (([], {"http_proxy": proxy}), (["--proxy", proxy], {}), ([], {"DLM_PROXY": proxy})):
        result = dlm("get", "--retries", "0", "-v", *args, server.url("/file.bin"), env=env)
        assert result.returncode in {2, 5}
        see_nothing(result.stdout, result.stderr)
    see_nothing_recorded(dlm)
    assert server.requests == []


def test_no_secret_is_in_the_command_to_go_on_with(dlm: RunDlm, tmp_path: Path) -> None:
    """It says that they are left out."""
    with HostileServer(LARGE, bytes_per_second=20_000, headstart=300_000) as server:
        url = server.url("/file.bin") + "?" + QUERY
        args = [*secrets(tmp_path), "--proxy", ""]
        with RunningDlm("get", *args, url, cwd=tmp_path) as running:
            until(lambda: server.bytes_sent() > 100_000)
            running.send(signal.SIGINT)
            code, out, err = running.end()
    assert code == 130
    see_nothing(out, err)
    assert "its secrets in place of ***" in err
    see_nothing_recorded(dlm)


def test_a_bad_flag_does_not_show_its_value(dlm: RunDlm, tmp_path: Path) -> None:
    """Where the value may be a secret."""
    for args in (
        ["-H", f"{HEADER} without a colon"],
        ["-H", f"X-Key: {HEADER}\r\nX: 1"],
        ["--user", f"{PASSWORD}\n:x"],
        ["--bearer", f"{BEARER}\n"],
        ["--proxy", f"nonsense {PROXY}"],
        ["--user", f"a:{PASSWORD}", "--bearer", BEARER],
    ):
        result = dlm("get", *args, "http://127.0.0.1/file.bin")
        assert result.returncode == 2
        see_nothing(result.stdout, result.stderr)
    result = dlm("get", f"canary:{PASSWORD}@host/path")
    assert result.returncode == 2
    see_nothing(result.stderr)


# --- what strangers get -----------------------------------------------------------------------------------------------


def sent_secrets(requests: list[RequestRecord]) -> set[str]:
    """Headers that say something of the user."""
    known = {"host", "user-agent", "accept", "accept-encoding", "range", "if-range", "accept-language"}
    return {name for request in requests for name in request.headers if name not in known}


@pytest.mark.parametrize("kind", ["cross-origin-redirect", "cross-origin-user"])
def test_nothing_goes_along_to_another_origin(kind: str, dlm: RunDlm, tmp_path: Path, isolated_environment: Path) -> None:
    """Not with the first request there, nor with those for more of the file; nor what the netrc file has for everybody."""
    netrc = isolated_environment / ".netrc"
    netrc.write_text(f"machine a.localhost login canary-user password {PASSWORD}\ndefault login x password {PASSWORD}\n")
    netrc.chmod(0o600)
    more = ["-H", f"Cookie: a={COOKIE}", "-H", f"Authorization: Custom {HEADER}", "-H", "Accept-Language: en"]
    with HostileServer(LARGE, connection_bytes_per_second=700_000) as server:
        for number, args in enumerate(([*secrets(tmp_path, "a.localhost")], ["--bearer", BEARER], ["--netrc"], more)):
            seen = len(server.requests)
            url = server.url(f"/{number}.bin", kind, host="a.localhost")
            whole = number == 0 and kind == "cross-origin-redirect"
            result = dlm("get", "-x", "4", *args, *([] if whole else ["--range", "0-99999"]), url)
            assert result.returncode == 0, result.stderr
            assert LARGE.startswith((tmp_path / f"{number}.bin").read_bytes())
            here = [request for request in server.requests[seen:] if request.port == server.port]
            there = [request for request in server.requests[seen:] if request.port == server.other_port]
            assert sent_secrets(here) or args == ["--netrc"], "the secrets were really sent"
            assert len(there) > whole
            assert sent_secrets(there) == set()
            see_nothing(str([request.headers for request in there]), str([request.path for request in there]))
    see_nothing_recorded(dlm)


@pytest.mark.parametrize("kind", ["basic-auth", "digest-auth"])
def test_another_origin_may_ask_for_a_password_in_vain(
    kind: str, dlm: RunDlm, server: HostileServer, isolated_environment: Path
) -> None:
    """Neither the one of the command line or the address, nor one that a netrc file has for everybody, is given away."""
    netrc = isolated_environment / ".netrc"
    netrc.write_text(f"machine other.localhost login canary password {PASSWORD}\ndefault login x password {PASSWORD}\n")
    netrc.chmod(0o600)
    with redirecting(server.url("/file.bin", kind)) as elsewhere:
        url = f"{elsewhere}/file.bin"
        for args in (["--user", f"user:{PASSWORD}", url], [url.replace("//", f"//user:{PASSWORD}@")], ["--netrc", url]):
            result = dlm("get", *args)
            assert result.returncode == 4, result.stderr
    assert len(server.requests) == 3
    assert sent_secrets(server.requests) == set()


def test_nothing_goes_from_https_to_http(dlm: RunDlm, tmp_path: Path, certificates: Certificates) -> None:
    """Such a redirect is refused; where the user allows it by a checksum, without any secret."""
    file = Content(content(50_001, seed=1))
    with HostileServer(file, tls=certificates.server_context()) as server:
        args = ["--cacert", str(certificates.ca), *secrets(tmp_path)]
        result = dlm("get", *args, server.url("/file.bin", "downgrade"))
        assert result.returncode == 4
        assert "plain http" in result.stderr
        assert {request.port for request in server.requests} == {server.port}
        result = dlm("get", *args, "--checksum", f"sha-256={file.sha256}", server.url("/file.bin", "downgrade"))
        assert result.returncode == 0, result.stderr
        plain = [request for request in server.requests if request.port == server.plain_port]
    # Cookies belong to a host, not to a port or scheme, unless they say `Secure`.
    assert sent_secrets(plain) <= {"cookie"}


def test_a_password_is_not_sent_unasked_nor_readable_where_it_need_not_be(dlm: RunDlm, server: HostileServer) -> None:
    """Not before a server asks for one, and by Digest only as a proof."""
    for kind in ("polite", "digest-auth"):
        dlm("get", "--user", f"canary-user:{PASSWORD}", server.url("/file.bin", kind))
    sent = [request.headers.get("authorization", "") for request in server.requests]
    assert any(value.startswith("Digest ") for value in sent)
    assert not any(value.startswith("Basic ") for value in sent)
    see_nothing(str(sent))


def test_downloads_do_not_share_identities(dlm: RunDlm, server: HostileServer, tmp_path: Path) -> None:
    """From one host, each asks with what it was given, though they may use the same connection."""
    entries = [(f"{server.url(f'/{name}.bin', 'basic-auth')}\n  out={name}\n", name) for name in ("ours", "wrong", "none")]
    users = {"ours": "  http-user=user\n  http-passwd=secret\n", "wrong": "  http-user=x\n  http-passwd=y\n", "none": ""}
    (tmp_path / "list").write_text("".join(entry + users[name] for entry, name in entries))
    result = dlm("get", "-j", "1", "-i", "list", "-d", "out")
    assert result.returncode == 4
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["ours"]
    sent = {(request.path.rpartition("/")[2], request.headers.get("authorization")) for request in server.requests}
    right, wrong = (f"Basic {base64.b64encode(pair).decode()}" for pair in (b"user:secret", b"x:y"))
    assert sent == {("ours.bin", None), ("ours.bin", right), ("wrong.bin", None), ("wrong.bin", wrong), ("none.bin", None)}


def test_downloads_do_not_share_cookies(dlm: RunDlm, server: HostileServer) -> None:
    """What one site gave to one download is not sent with another one."""
    result = dlm("get", "-j", "1", server.url("/a.bin", "needs-cookie"), server.url("/b.bin"))
    assert result.returncode == 0, result.stderr
    asked = {request.path.rpartition("/")[2]: request.headers for request in server.requests}
    assert "session=" in asked["a.bin"]["cookie"]
    assert "cookie" not in asked["b.bin"]


@pytest.mark.parametrize("kind", ["redirect-to-file", "redirect-to-ftp"])
def test_redirects_stay_with_the_web(kind: str, dlm: RunDlm, server: HostileServer, tmp_path: Path) -> None:
    """A server cannot make dlm read local files, or speak other protocols."""
    for args in ([], ["--insecure"], ["-o", "-"]):
        result = dlm("get", *args, server.url("/file.bin", kind))
        assert result.returncode == 4
        assert "only http and https are followed" in result.stderr
        assert result.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_nothing_can_be_smuggled_into_a_request(dlm: RunDlm, server: HostileServer, tmp_path: Path) -> None:
    """Line breaks are refused wherever a value comes from, before any request."""
    url, evil = server.url("/file.bin"), "x\r\nX-Smuggled: 1"
    (tmp_path / "list").write_bytes(f"{url}\n header=X: a\rX-Smuggled: 1\n".encode())
    attempts: list[tuple[list[str], dict[str, str]]] = [
        (["-H", f"X: {evil}", url], {}),
        (["-H", "X: a\nX-Smuggled: 1", url], {}),
        (["-H", f"{evil}: 1", url], {}),
        (["--user-agent", evil, url], {}),
        (["--referer", evil, url], {}),
        (["--bearer", evil, url], {}),
        (["--user", f"a:{evil}", url], {}),
        (["--proxy", f"http://{evil}", url], {}),
        ([url + "?\r\nX-Smuggled: 1"], {}),
        ([url.replace("//", f"//a{quote(evil)}:b@")], {}),
        (["-i", "list"], {}),
        ([url], {"DLM_USER_AGENT": evil}),
        ([url], {"DLM_REFERER": evil}),
    ]
    for args, env in attempts:
        result = dlm("get", *args, env=env)
        assert result.returncode == 2, (args, result.stderr)
    assert server.requests == []


# --- what stays behind ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_the_database_is_the_users_own(umask: int, tmp_path: Path, isolated_environment: Path) -> None:
    """Nobody else may read it, nor the files beside it, while it is used and afterwards, whatever the umask is."""
    state = isolated_environment / ".local/state/dlm"
    with (
        HostileServer(LARGE, bytes_per_second=10_000, headstart=300_000) as server,
        RunningDlm("get", *secrets(tmp_path), "--range", "0-999999", server.url(), cwd=tmp_path, umask=umask) as running,
    ):
        until(lambda: server.bytes_sent() > 200_000)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in state.rglob("*")}
        assert "dlm.db" in modes
        assert modes.pop("dlm.db.control") == 0o700
        assert any(name.endswith(".sock") for name in modes)
        assert set(modes.values()) == {0o600}, modes
        server.hurry()
        assert running.end()[0] == 0
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    left = {path.name: stat.S_IMODE(path.stat().st_mode) for path in state.rglob("*")}
    assert left.pop("dlm.db.control") == 0o700
    assert set(left.values()) == {0o600}


def test_the_file_says_nothing_of_its_origin(dlm: RunDlm, server: HostileServer, tmp_path: Path) -> None:
    """No extended attribute, no file beside it."""
    result = dlm("get", *secrets(tmp_path), server.url("/file.bin") + "?" + QUERY, "-d", "out")
    assert result.returncode == 0, result.stderr
    (path,) = (tmp_path / "out").iterdir()
    assert os.listxattr(path) == []
    assert b"CANARY" not in path.read_bytes()


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="not here: only Linux lets a process change what is shown of it"
)
def test_other_users_do_not_see_secrets_among_the_arguments(tmp_path: Path) -> None:
    """`ps` shows the name of the program, the harmless arguments, and asterisks."""
    with HostileServer(LARGE, bytes_per_second=20_000, headstart=300_000) as server:
        url = server.url(f"/file.bin?signature={SIGNATURE}")
        with RunningDlm("get", *secrets(tmp_path), "-x", "3", url, cwd=tmp_path) as running:
            until(lambda: server.bytes_sent() > 200_000)
            shown = Path(f"/proc/{running.process.pid}/cmdline").read_text()
            running.send(signal.SIGINT)
            running.end()
    see_nothing(shown)
    assert "\0-x\x003\0" in shown
    assert "****" in shown
