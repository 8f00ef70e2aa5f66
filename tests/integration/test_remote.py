"""The verbs with `--remote`: a daemon carries them out, and what cannot be had from it is told in a sentence."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import RunDlm
from tests.daemons import RunningDaemon
from tests.hostile import Content, HostileServer, content
from tests.running import RunningDlm, json_lines, until

LARGE = content(3_000_001, seed=3)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[RunningDaemon]:
    """One that answers."""
    with RunningDaemon(tmp_path) as running:
        yield running


@pytest.fixture
def afar(dlm: RunDlm, daemon: RunningDaemon, tmp_path: Path) -> Callable[..., list[str]]:
    """What a verb writes that a daemon carries out. The exit code is 0, unless `code` is given."""
    here = tmp_path / "here"
    here.mkdir()

    def run(*args: str, code: int = 0, env: dict[str, str] | None = None) -> list[str]:
        result = dlm(*args, cwd=here, env={**daemon.environment, **(env or {})})
        assert result.returncode == code, result.stderr
        assert daemon.token not in result.stdout + result.stderr
        return (result.stdout + result.stderr).splitlines()

    return run


def test_get_waits_for_what_the_daemon_fetches(
    afar: Callable[..., list[str]], daemon: RunningDaemon, hostile: HostileServer, content: Content, tmp_path: Path
) -> None:
    """It is in the daemon's directory, and told as if it had been fetched here; failures have their exit codes."""
    lines = afar("get", "--dir", "sub", hostile.url("/a.bin"), hostile.url("/b.bin"))
    assert [line.split()[0] for line in lines if "→" in line] == ["✓", "✓"]
    for name in ("a.bin", "b.bin"):
        assert (daemon.files / "sub" / name).read_bytes() == content.data
    assert list((tmp_path / "here").iterdir()) == []
    assert "✗" in afar("get", hostile.url("/c.bin", "status-404"), code=3)[-1]
    again = afar("get", "--json", "-o", "mine.bin", hostile.url("/a.bin"))
    events = [each["event"] for each in json_lines("\n".join(again) + "\n")]
    assert events[0] == "download_added"
    assert events[-1] == "result"


def test_the_verbs_of_the_queue_reach_the_daemon(
    afar: Callable[..., list[str]], daemon: RunningDaemon, hostile: HostileServer, tmp_path: Path
) -> None:
    """add, import, list, show, edit, limit, move, explain, pause, resume, verify, events, remove, preview, doctor."""
    afar("add", "--paused", "--group", "g", hostile.url("/one.bin"))
    (tmp_path / "here" / "list.txt").write_text(f"{hostile.url('/two.bin')}\n")
    afar("import", "list.txt", "--paused")
    two, one = json_lines("\n".join(afar("list", "--json")) + "\n")
    assert (one["group"], one["directory"], two["status"]) == ("g", str(daemon.files), "paused")
    id = one["download_id"]
    assert "one.bin" in " ".join(afar("show", id[:7]))
    afar("edit", id, "--limit-rate", "2M", "--dir", "deeper")
    afar("limit", "3M")
    assert afar("limit") == ["All together  3.0 MiB/s"]
    assert "paused" in " ".join(afar("explain", id))
    assert "no such" not in afar("move", id, "top", code=1)[0]
    afar("resume", id)
    until(lambda: json_lines("\n".join(afar("show", "--json", id)) + "\n")[0]["status"] == "completed")
    assert (daemon.files / "deeper" / "one.bin").exists()
    assert "deeper/one.bin" in afar("verify", id)[0]
    assert any("completed" in line for line in afar("events"))
    afar("remove", id)
    assert "no download has an id that begins with" in afar("show", id, code=3)[0]
    assert any(line.startswith("Name") and "x.bin" in line for line in afar("preview", hostile.url("/x.bin")))
    assert afar("doctor")[-1] == "All is well."


def test_what_is_configured_here_is_not_sent(
    afar: Callable[..., list[str]], daemon: RunningDaemon, hostile: HostileServer
) -> None:
    """The daemon has settings of its own: the environment's proxy stays at home, and a proxy that is asked for is refused."""
    afar("get", hostile.url("/a.bin"), env={"DLM_PROXY": "http://127.0.0.1:1", "DLM_DIRECTORY": "/nowhere"})
    assert (daemon.files / "a.bin").exists()
    refused = afar("add", "--proxy", "http://127.0.0.1:1", hostile.url("/b.bin"), code=2)
    assert refused == ["dlm: 'proxy' cannot be chosen from afar: it is the owner's to choose"]
    assert "is not within a directory" in afar("add", "-d", "../..", hostile.url("/b.bin"), code=2)[0]


@pytest.mark.parametrize(
    ("flags", "code", "sentence"),
    [
        (["--token", "wrong"], 4, "refuses: this token is not known here"),
        (["--token", ""], 4, "wants a token: give --token or DLM_TOKEN"),
        (["--remote", "http://127.0.0.1:1"], 5, "does not answer: Connection refused: 'dlm serve' starts it"),
        (["--remote", "unix:/nowhere/dlm.sock"], 5, "does not answer: No such file or directory"),
        (["--remote", "unix:dlm.sock"], 2, "write the whole path of the socket"),
        (["--remote", "nas"], 2, "write http://HOST:PORT"),
        (["--remote", "http://nas.example"], 2, "the token would go in the clear to nas.example: write https://"),
        (["--remote", "http://me:CANARY@127.0.0.1:1"], 2, "a secret does not belong in the address"),
    ],
)
def test_a_daemon_that_cannot_be_asked_is_told(
    afar: Callable[..., list[str]], flags: list[str], code: int, sentence: str
) -> None:
    """In one sentence, which says what to do, without secrets."""
    (line,) = afar("list", *flags, code=code)
    assert sentence in line
    assert "CANARY" not in line


def test_what_is_no_daemon_of_this_version_is_told(dlm: RunDlm, hostile: HostileServer, tmp_path: Path) -> None:
    """A web server; a daemon whose answers mean nothing to this one; one that hangs up."""
    (line,) = dlm("list", "--remote", hostile.url("").rstrip("/")).stderr.splitlines()
    assert "is no dlm" in line or "another version" in line
    for answer, sentence in (
        (b'{"downloads": [{"id": 1}], "next": null}', "is another version of dlm than this one"),
        (None, "does not answer"),
    ):
        with listening(answer) as port:
            result = dlm("list", "--remote", f"http://127.0.0.1:{port}")
        assert result.returncode == 5
        assert sentence in result.stderr


def test_a_socket_needs_no_token_and_secrets_stay_secret(dlm: RunDlm, daemon: RunningDaemon, hostile: HostileServer) -> None:
    """The owner asks through the Unix socket; the token is neither in `dlm config` nor in the list of processes."""
    assert dlm("list", "--remote", f"unix:{daemon.socket}").returncode == 0
    for shown in (dlm("config", env=daemon.environment), dlm("config", "--json", env=daemon.environment)):
        assert daemon.token not in shown.stdout
        assert "***" in shown.stdout
    args = ("events", "--follow", "--remote", daemon.url, "--token", daemon.token)
    with RunningDlm(*args, cwd=daemon.files) as following:
        cmdline = Path(f"/proc/{following.process.pid}/cmdline")
        until(lambda: b"*****" in cmdline.read_bytes())
        assert daemon.token.encode() not in cmdline.read_bytes()
        following.send(signal.SIGINT)
        assert following.end()[0] == 0


def test_run_and_standard_output_are_not_for_a_daemon(afar: Callable[..., list[str]], hostile: HostileServer) -> None:
    """Each is refused with a sentence."""
    assert "works its queue by itself" in afar("run", code=2)[0]
    assert "cannot write to standard output here" in afar("get", "-o", "-", hostile.url("/a.bin"), code=2)[0]
    assert "--jobs is the daemon's own to choose" in afar("get", "-j", "3", hostile.url("/a.bin"), code=2)[0]
    assert "compared with its own" in afar("verify", "ab", "--checksum", "md5=" + "0" * 32, code=2)[0]


def test_who_stops_waiting_leaves_it_to_the_daemon(dlm: RunDlm, daemon: RunningDaemon) -> None:
    """Ctrl-C ends `dlm get` with 130, and the daemon goes on to the end."""
    with HostileServer(LARGE, bytes_per_second=20_000, headstart=100_000) as slow:
        with RunningDlm("get", slow.url("/a.bin"), cwd=daemon.files, env=daemon.environment) as waiting:
            until(lambda: len(slow.requests) > 0)
            waiting.send(signal.SIGINT)
            code, _, err = waiting.end()
        slow.hurry()
        assert (code, err.splitlines()[-1]) == (
            130, "The daemon goes on with it: 'dlm list' shows how, 'dlm cancel' ends it."
        )  # fmt: skip
        until((daemon.files / "a.bin").exists)
    assert (daemon.files / "a.bin").read_bytes() == LARGE


class listening:
    """Answers every request with this JSON, or hangs up where there is none. Gives its port."""

    def __init__(self, answer: bytes | None) -> None:
        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> int:
        threading.Thread(target=self._serve, daemon=True).start()
        port: int = self._socket.getsockname()[1]
        return port

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _serve(self) -> None:
        try:
            connection, _ = self._socket.accept()
        except OSError:
            return
        with connection:
            connection.recv(65_536)
            if self._answer is not None:
                head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(self._answer)}\r\n\r\n"
                connection.sendall(head.encode() + self._answer)
