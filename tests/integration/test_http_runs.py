"""Whole runs of the command over real servers: pipes, lists, mirrors, limits, JSON, stopping, going on, and the other verbs."""

from __future__ import annotations

import fcntl
import hashlib
import os
import signal
import stat
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SOURCES, RunDlm
from tests.hostile import Content, HostileServer, content
from tests.programs import free_ports
from tests.running import RunningDlm, durable, json_lines, until

LARGE = content(3_000_001, seed=3)
SLOW = 1_000_000


@pytest.fixture
def slow() -> Iterator[HostileServer]:
    """A server that takes a minute for its file, after a quick beginning, or until it is told to hurry."""
    with HostileServer(LARGE, bytes_per_second=20_000, headstart=1_600_000) as server:
        yield server


def listed(dlm: RunDlm) -> list[dict[str, Any]]:
    """What `dlm list --json` tells."""
    result = dlm("list", "--json")
    assert result.returncode == 0, result.stderr
    return json_lines(result.stdout)


# --- pipes ------------------------------------------------------------------------------------------------------------


def test_a_pipe_gets_the_bytes_and_nothing_else(hostile: HostileServer, tmp_path: Path, content: Content) -> None:
    """In order, also when the transfer breaks and goes on; all that is told goes to standard error, JSON too."""
    for args in (("-o", "-"), ("-o", "-", "-v"), ("-o", "-", "--json")):
        command = [sys.executable, "-m", "dlm", "get", *args, hostile.url("/file.bin", "truncates")]
        result = subprocess.run(
            command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(SOURCES)}, capture_output=True, timeout=90
        )
        assert result.returncode == 0, result.stderr
        assert result.stdout == content.data
    assert json_lines(result.stderr.decode())[-1]["path"] == "-"
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_goes_away_is_told(slow: HostileServer, tmp_path: Path) -> None:
    """Exit code 6 and one sentence."""
    reader, writer = os.pipe()
    with RunningDlm("get", "-o", "-", slow.url("/file.bin"), cwd=tmp_path, stdout=writer) as running:
        os.close(writer)
        assert LARGE.startswith(os.read(reader, 1000))
        os.close(reader)
        code, _, err = running.end()
    assert code == 6
    assert "the reader of standard output went away" in err
    assert len(err.strip().splitlines()) <= 2


# --- lists, mirrors, many ---------------------------------------------------------------------------------------------


def test_an_input_file_says_what_to_fetch(dlm: RunDlm, hostile: HostileServer, tmp_path: Path, content: Content) -> None:
    """Each line a download, tabs between mirrors, options below; from a file or from standard input."""
    text = (
        "# a comment\n"
        f"{hostile.url('/a.bin')}\n"
        f"  checksum=sha-256={content.sha256}\n"
        "\n"
        f"{hostile.url('/b.bin', 'status-404')}\t{hostile.url('/b.bin')}\n"
        "  out=renamed.bin\n"
        "  header=X-Mine: 1\n"
        f"{hostile.url('/c.bin', 'basic-auth')}\n"
        "  http-user=user\n"
        "  http-passwd=secret\n"
        "  dir=below\n"
    )
    (tmp_path / "list").write_text(text)
    for source, folder, standard_input in (("list", "x", None), ("-", "y", text)):
        result = dlm("get", "-i", source, "-d", folder, input=standard_input)
        assert result.returncode == 0, result.stderr
        files = {str(path.relative_to(tmp_path / folder)) for path in (tmp_path / folder).rglob("*") if path.is_file()}
        assert files == {"a.bin", "renamed.bin", "below/c.bin"}
        assert all((tmp_path / folder / name).read_bytes() == content.data for name in files)
    assert [request.headers.get("x-mine") for request in hostile.requests if "b.bin" in request.path] == ["1"] * 4


def test_mirrors_stand_in_for_each_other(dlm: RunDlm, hostile: HostileServer, tmp_path: Path, content: Content) -> None:
    """Where the first does not give the file, whatever the reason, the next is asked."""
    good = hostile.url("/good.bin")
    nobody = f"http://127.0.0.1:{free_ports(1)[0]}/file.bin"
    bad = [hostile.url("/bad.bin", kind) for kind in ("status-404", "status-403", "status-500-forever", "status-400")]
    for number, first in enumerate([*bad, nobody]):
        result = dlm("get", "--mirror", "--retries", "1", "-o", f"{number}", first, good)
        assert result.returncode == 0, result.stderr
        assert (tmp_path / f"{number}").read_bytes() == content.data


def test_when_all_mirrors_fail_the_last_reason_is_told(dlm: RunDlm, hostile: HostileServer, tmp_path: Path) -> None:
    """With its exit code, and no file."""
    urls = [hostile.url("/a.bin", kind) for kind in ("status-403", "status-404")]
    result = dlm("get", "--mirror", *urls)
    assert result.returncode == 3
    assert "is not there" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_many_files_at_once(dlm: RunDlm, hostile: HostileServer, tmp_path: Path, content: Content) -> None:
    """Thirty, eight at a time, all right, under names of their own where the addresses agree; one failure is told."""
    urls = [hostile.url(f"/folder{number}/file.bin") for number in range(29)]
    result = dlm("get", "-j", "8", "-d", "out", *urls, hostile.url("/missing.bin", "status-404"), timeout=120)
    assert result.returncode == 3
    assert "missing.bin" in result.stderr
    files = list((tmp_path / "out").iterdir())
    assert {path.name for path in files} == {"file.bin", *(f"file ({number}).bin" for number in range(1, 29))}
    assert all(path.read_bytes() == content.data for path in files)
    assert result.stderr.count("✓") == 29


def test_the_same_address_twice_is_one_download(dlm: RunDlm, hostile: HostileServer, tmp_path: Path) -> None:
    """It is fetched once."""
    result = dlm("get", hostile.url("/a.bin"), hostile.url("/a.bin"))
    assert result.returncode == 0, result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]
    assert len(hostile.requests) == 1


# --- limits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("connections", ["1", "4"])
def test_the_rate_is_kept(connections: str, tmp_path: Path) -> None:
    """From the first request at the server to the finished file it takes the time that the rate gives: never 3 % less, and
    not 3 % more beside half a second in which a busy machine may end the file; one that stands still may try again.
    """
    rate, size = 2_000_000, 7_000_000
    for chance in range(3):
        with HostileServer(content(size, seed=4)) as server:
            args = ("get", "-x", connections, "--limit-rate", str(rate), "-o", f"{chance}.bin", server.url("/file.bin"))
            with RunningDlm(*args, cwd=tmp_path) as running:
                until((tmp_path / f"{chance}.bin").exists)
                took = time.monotonic() - server.requests[0].time
                assert running.end()[0] == 0
        assert took >= 0.97 * size / rate
        if took <= 1.03 * size / rate + 0.5:
            break
    assert took <= 1.03 * size / rate + 0.5


# --- JSON -------------------------------------------------------------------------------------------------------------


def test_json_tells_the_whole_story(dlm: RunDlm, tmp_path: Path) -> None:
    """One object a line, from the announcement to the result; numbers grow, and nothing else is written anywhere."""
    with HostileServer(LARGE, bytes_per_second=SLOW) as server:
        result = dlm("get", "--json", server.url("/file.bin"), server.url("/none.bin", "status-404"))
    assert (result.returncode, result.stderr) == (3, "")
    lines = json_lines(result.stdout)
    kinds = {line["event"] for line in lines}
    assert kinds - {"connection_closed"} == {"download_added", "download_progress", "download_status_changed", "result"}
    good, bad = [line for line in lines if line["event"] == "result"]
    assert lines[-2:] == [good, bad]
    own = [line for line in lines if line["download_id"] == good["download_id"]]
    assert own[0]["event"] == "download_added"
    changes = [(line["from"], line["to"]) for line in own if line["event"] == "download_status_changed"]
    assert changes == [
        ("pending", "scheduled"),
        ("scheduled", "running"),
        ("running", "completing"),
        ("completing", "completed"),
    ]
    progress = [line for line in own if line["event"] == "download_progress"]
    assert len(progress) >= 3
    assert [line["downloaded"] for line in progress] == sorted(line["downloaded"] for line in progress)
    assert {line["total"] for line in progress} <= {None, len(LARGE)}
    assert 0 < progress[len(progress) // 2]["smoothed_speed"] < 3 * SLOW
    assert (good["status"], good["path"], good["size"]) == ("completed", str(tmp_path / "file.bin"), len(LARGE))
    assert (good["exit_code"], good["already"], good["verification"]) == (0, False, "consistent")
    assert (bad["status"], bad["path"], bad["exit_code"], bad["error"]["kind"]) == ("failed", None, 3, "NotFound")


# --- again ------------------------------------------------------------------------------------------------------------


def test_a_complete_file_is_not_asked_for_again(dlm: RunDlm, hostile: HostileServer, tmp_path: Path, content: Content) -> None:
    """No request; the sentence says so. With --overwrite it is fetched anew, and when it is gone or changed in size, too."""
    url = hostile.url("/file.bin")
    assert dlm("get", url).returncode == 0
    again = dlm("get", url)
    assert again.returncode == 0
    assert "is complete already" in again.stderr
    (line,) = [line for line in json_lines(dlm("get", "--json", url).stdout) if line["event"] == "result"]
    assert (line["already"], line["exit_code"]) == (True, 0)
    assert len(hostile.requests) == 1
    assert dlm("get", "--overwrite", url).returncode == 0
    assert len(hostile.requests) == 2
    (tmp_path / "file.bin").unlink()
    assert dlm("get", url).returncode == 0
    assert len(hostile.requests) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["file.bin"]
    assert (tmp_path / "file.bin").read_bytes() == content.data


def test_a_file_of_somebody_else_is_not_touched(dlm: RunDlm, hostile: HostileServer, tmp_path: Path, content: Content) -> None:
    """The download gets a number; --overwrite replaces it."""
    (tmp_path / "file.bin").write_text("mine")
    assert dlm("get", hostile.url("/file.bin")).returncode == 0
    assert (tmp_path / "file.bin").read_text() == "mine"
    assert (tmp_path / "file (1).bin").read_bytes() == content.data
    assert dlm("get", "--overwrite", "-o", "file.bin", hostile.url("/file.bin")).returncode == 0
    assert (tmp_path / "file.bin").read_bytes() == content.data


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_was_stopped_goes_on(number: signal.Signals, dlm: RunDlm, slow: HostileServer, tmp_path: Path) -> None:
    """A signal stops with code 130 and the command to go on with; that fetches only the rest, as the server counts."""
    url = slow.url("/file.bin")
    with RunningDlm("get", "-x", "1", url, cwd=tmp_path) as running:
        until(lambda: durable() > 500_000)
        running.send(number)
        code, out, err = running.end()
    assert (code, out) == (130, "")
    assert "Stopped;" in err
    assert err.endswith(f"Go on with: dlm get --connections 1 {url}\n")
    (stopped,) = listed(dlm)
    assert stopped["status"] == "paused"
    assert (tmp_path / "file.bin.part").exists()
    kept, before = stopped["downloaded"], len(slow.requests)
    assert kept > 500_000
    slow.hurry()
    result = dlm("get", "-x", "1", url)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "file.bin").read_bytes() == LARGE
    assert sum(request.bytes_sent for request in slow.requests[before:]) == len(LARGE) - kept
    assert "resumed at" in result.stderr


def test_no_resume_begins_anew(dlm: RunDlm, slow: HostileServer, tmp_path: Path) -> None:
    """What was kept is given up, and every byte is fetched again."""
    with RunningDlm("get", "-x", "1", slow.url("/file.bin"), cwd=tmp_path) as running:
        until(lambda: durable() > 0)
        running.send(signal.SIGINT)
        assert running.end()[0] == 130
    slow.hurry()
    before = len(slow.requests)
    result = dlm("get", "-x", "1", "--no-resume", slow.url("/file.bin"))
    assert result.returncode == 0, result.stderr
    assert sum(request.bytes_sent for request in slow.requests[before:]) == len(LARGE)
    assert [path.name for path in tmp_path.iterdir()] == ["file.bin"]
    assert (tmp_path / "file.bin").read_bytes() == LARGE


def test_a_second_signal_leaves_at_once(tmp_path: Path, hostile: HostileServer) -> None:
    """Also when the first cannot be answered, because nobody reads what is written."""
    reader, writer = os.pipe()
    with RunningDlm("get", "-o", "-", hostile.url("/file.bin"), cwd=tmp_path, stdout=writer) as running:
        os.close(writer)
        until(lambda: waiting_in(reader) == fcntl.fcntl(reader, fcntl.F_GETPIPE_SZ))
        running.send(signal.SIGINT)
        time.sleep(0.5)
        assert running.process.poll() is None
        running.send(signal.SIGINT)
        assert running.end()[0] == 130
    os.close(reader)


def waiting_in(pipe: int) -> int:
    """Bytes in the pipe that nobody has read."""
    (count,) = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))
    return int(count)


# --- the file ---------------------------------------------------------------------------------------------------------


def test_the_file_has_the_time_of_the_server(dlm: RunDlm, hostile: HostileServer, tmp_path: Path, content: Content) -> None:
    """By Last-Modified; where that is no date, it is the time of the download."""
    assert dlm("get", hostile.url("/a.bin")).returncode == 0
    assert (tmp_path / "a.bin").stat().st_mtime == content.modified
    assert dlm("get", hostile.url("/b.bin", "last-modified-junk")).returncode == 0
    assert abs((tmp_path / "b.bin").stat().st_mtime - time.time()) < 60


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_the_file_has_the_permissions_of_the_user(umask: int, mode: int, slow: HostileServer, tmp_path: Path) -> None:
    """By the umask, as any new file; while it is partial, it is the user's own."""
    args = ("get", "--range", "0-1999999", slow.url("/file.bin"))
    with RunningDlm(*args, cwd=tmp_path, umask=umask) as running:
        until((tmp_path / "file.bin.part").exists)
        assert stat.S_IMODE((tmp_path / "file.bin.part").stat().st_mode) == 0o600
        slow.hurry()
        assert running.end()[0] == 0
    assert stat.S_IMODE((tmp_path / "file.bin").stat().st_mode) == mode


# --- the other verbs --------------------------------------------------------------------------------------------------


def test_the_list_knows_what_was_fetched(dlm: RunDlm, hostile: HostileServer, tmp_path: Path, content: Content) -> None:
    """`list`, `show`, `verify` and `remove` agree about a file, from its download to its end."""
    url = hostile.url("/file.bin")
    assert dlm("get", url, "--checksum", f"sha-256={content.sha256}").returncode == 0
    assert dlm("get", hostile.url("/none.bin", "status-404")).returncode == 3
    failed, done = listed(dlm)
    assert (done["status"], done["path"], done["verified_by"]) == ("completed", str(tmp_path / "file.bin"), "sha-256")
    assert (failed["status"], failed["error"]["kind"]) == ("failed", "NotFound")
    assert "file.bin" in dlm("list").stdout
    (shown,) = json_lines(dlm("show", "--json", done["download_id"][:10]).stdout)
    assert shown["checkpoint"]["etag"] == content.etag
    assert shown["transitions"][-1]["to"] == "completed"
    for target in (done["download_id"], "file.bin"):
        assert dlm("verify", target).returncode == 0
    (tmp_path / "file.bin").write_bytes(content.data[:-1] + b"?")
    damaged = dlm("verify", done["download_id"])
    assert damaged.returncode == 7
    assert hashlib.sha256(content.data).hexdigest() in damaged.stderr
    assert dlm("remove", done["download_id"]).returncode == 0
    assert (tmp_path / "file.bin").exists()
    assert [entry["download_id"] for entry in listed(dlm)] == [failed["download_id"]]
    assert dlm("show", done["download_id"]).returncode == 3


def test_removing_what_was_stopped_removes_its_partial_file(dlm: RunDlm, slow: HostileServer, tmp_path: Path) -> None:
    """A finished file goes only with --delete-files."""
    with RunningDlm("get", slow.url("/file.bin"), cwd=tmp_path) as running:
        until(lambda: durable() > 0)
        running.send(signal.SIGINT)
        assert running.end()[0] == 130
    slow.hurry()
    (stopped,) = listed(dlm)
    assert (tmp_path / "file.bin.part").exists()
    assert dlm("remove", stopped["download_id"]).returncode == 0
    assert list(tmp_path.iterdir()) == []
    assert dlm("get", "--range", "0-9", slow.url("/file.bin")).returncode == 0
    (done,) = listed(dlm)
    assert dlm("remove", "--delete-files", done["download_id"]).returncode == 0
    assert list(tmp_path.iterdir()) == []
