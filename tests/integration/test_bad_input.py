"""What cannot be done is said in one sentence, with the right exit code, and leaves nothing behind."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import RunDlm
from tests.contracts.disks import make_read_only, small_disk
from tests.hostile import HostileServer, content
from tests.running import recorded

GOOD = "http://127.0.0.1:9/file.bin"  # nobody listens there, and nobody is to be asked
SHORT = "ab" * 31


def hold_refusal(result: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """One sentence on standard error that has these words, nothing on standard output, and this exit code."""
    assert (result.returncode, result.stdout) == (code, ""), result.stderr
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert len(lines[0]) > 30, "a sentence says what, and what to do"
    for word in words:
        assert word in lines[0]


def hold_nothing_left(folder: Path, *known: str) -> None:
    """No file but the known ones, and no download in the list."""
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == set(known)
    assert recorded() == []


@pytest.mark.parametrize(
    ("args", "words"),
    [
        # addresses
        (["get"], ("no URL was given", "dlm get URL")),
        (["get", "gopher://host/file"], ("gopher://host/file", "https://")),
        (["get", "magnet:?xt=urn:btih:abc"], ("magnet:", "https://")),
        (["get", "file:///etc/hostname"], ("file:///etc/hostname", "https://")),
        (["get", "example.com/file"], ("example.com/file", "did you mean https://")),
        (["get", "http://"], ("names no host",)),
        (["get", "http:///path"], ("names no host",)),
        (["get", "http://host:port/file"], ("host or port",)),
        (["get", "http://host:99999/file"], ("host or port",)),
        (["get", "http://host:0/file"], ("port 0",)),
        (["get", "http://[::1/file"], ("host or port",)),
        (["get", "http://host/a b"], ("%20",)),
        (["get", "http://host/a\tb"], ("control character",)),
        (["get", ""], ("is not a URL",)),
        # headers and credentials
        (["get", GOOD, "-H", "X: a\r\nY: b"], ("control character",)),
        (["get", GOOD, "-H", "no colon"], ("write 'Name: value'",)),
        (["get", GOOD, "-H", "a b: c"], ("is not a header name",)),
        (["get", GOOD, "-H", ": c"], ("write 'Name: value'",)),
        (["get", GOOD, "-H", "Range: bytes=0-1"], ("--range",)),
        (["get", GOOD, "--user", "name"], ("--user", "NAME:PASSWORD")),
        (["get", GOOD, "--user", "a:b", "--bearer", "c"], ("--user and --bearer",)),
        # checksums
        (["get", GOOD, "--checksum", "nonsense"], ("--checksum", "ALGORITHM=HEX")),
        (["get", GOOD, "--checksum", "adler32=00000000"], ("--checksum", "sha-256")),
        (["get", GOOD, "--checksum", f"sha-256={SHORT}"], ("64 hexadecimal digits", "has 62")),
        (["get", GOOD, "--checksum", "sha-256="], ("64 hexadecimal digits",)),
        (["get", GOOD, "--checksum", "md5=" + "g" * 32], ("--checksum",)),
        # numbers
        (["get", GOOD, "-x", "0"], ("--connections", "1 to 256")),
        (["get", GOOD, "-x", "-1"], ("--connections", "1 to 256")),
        (["get", GOOD, "-x", "257"], ("--connections", "1 to 256")),
        (["get", GOOD, "-x", "many"], ("--connections", "1 to 256")),
        (["get", GOOD, "-j", "0"], ("--jobs",)),
        (["get", GOOD, "--retries", "-1"], ("--retries",)),
        (["get", GOOD, "--timeout", "0"], ("--timeout",)),
        (["get", GOOD, "--timeout", "-5"], ("--timeout",)),
        (["get", GOOD, "--timeout", "soon"], ("--timeout",)),
        (["get", GOOD, "--limit-rate", "fast"], ("--limit-rate", "500K")),
        (["get", GOOD, "--limit-rate", "-1"], ("--limit-rate",)),
        (["get", GOOD, "--range", "5-1"], ("--range", "FIRST-LAST")),
        (["get", GOOD, "--range", "5-"], ("--range", "FIRST-LAST")),
        (["get", GOOD, "--range", "-5"], ("--range", "FIRST-LAST")),
        (["list", "-n", "0"], ("--limit",)),
        # files that flags name
        (["get", GOOD, "--cookies", "none.txt"], ("--cookies", "none.txt")),
        (["get", GOOD, "--cacert", "none.pem"], ("--cacert", "none.pem")),
        (["get", GOOD, "--cert", "none.pem"], ("--cert", "none.pem")),
        (["get", GOOD, "--key", "none.pem"], ("--key", "none.pem")),
        (["get", "-i", "none.txt"], ("--input-file", "none.txt")),
        (["get", "-i", "."], ("--input-file",)),
        # places
        (["get", GOOD, "-o", ""], ("--output",)),
        (["get", GOOD, "-o", "."], ("--output", "directory")),
        (["get", GOOD, "-o", "folder/"], ("--output", "directory")),
        (["get", GOOD, "-o", "a\nb"], ("control character",)),
        (["get", GOOD, GOOD + "2", "-o", "one"], ("--output", "-i")),
        (["get", GOOD, GOOD + "2", "--checksum", f"sha-256={SHORT}ab"], ("--checksum", "--mirror")),
        # what is not there
        (["get", GOOD, "--nonsense"], ("--nonsense", "--help")),
        (["get", GOOD, "--connection", "1"], ("--connection", "--help")),
        (["fetch", GOOD], ("there is no verb 'fetch'",)),
        (["lst"], ("did you mean 'list'",)),
        ([GOOD], ("dlm get URL",)),
        (["get", GOOD, "-q", "-v"], ("--quiet", "--verbose")),
        (["get", GOOD, "--proxy", "host"], ("--proxy", "http://host:3128")),
        (["list", "--status", "nonsense"], ("nonsense", "completed")),
        (["verify", "nothing.bin"], ("nothing.bin",)),
    ],
)
def test_bad_usage_is_told(args: list[str], words: tuple[str, ...], dlm: RunDlm, tmp_path: Path) -> None:
    """Exit code 2: the sentence names what is wrong, and what to write instead."""
    hold_refusal(dlm(*args), 2, *words)
    hold_nothing_left(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ("names no URL",)),
        ("# only a comment\n", ("names no URL",)),
        ("nonsense\n", ("list:1", "is not a URL")),
        (f"{GOOD}\n  nonsense=1\n", ("list:2", "nonsense")),
        (f"{GOOD}\n  checksum=md5=00\n", ("list:2", "32 hexadecimal digits")),
        (f"{GOOD}\n  out=-\n", ("list:2", "standard output")),
        (f"{GOOD}\n  split=0\n", ("list:2", "1 to 256")),
        (f"  out=a\n{GOOD}\n", ("list:1", "before the first URL")),
        (f"{GOOD}\n  http-user=a\n", ("list:1", "http-passwd")),
        (f"{GOOD}\n  out=a\n{GOOD}2\n  out=a\n", ("2 downloads", "a name of its own")),
        (f"{GOOD}\nhttp://host/a\x00b\n", ("list:2",)),
    ],
)
def test_a_bad_input_file_is_told(text: str, words: tuple[str, ...], dlm: RunDlm, tmp_path: Path) -> None:
    """With its line; then none of its downloads begins."""
    (tmp_path / "list").write_text(text)
    hold_refusal(dlm("get", "-i", "list"), 2, *words)
    hold_nothing_left(tmp_path, "list")


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"DLM_CONNECTIONS": "none"}, ("DLM_CONNECTIONS",)),
        ({"DLM_TIMEOUT": "-1"}, ("DLM_TIMEOUT",)),
        ({"DLM_NETRC": "perhaps"}, ("DLM_NETRC", "yes or no")),
        ({"DLM_PROXY": "nonsense"}, ("DLM_PROXY",)),
        ({"DLM_CACERT": "/nowhere/ca.pem"}, ("/nowhere/ca.pem",)),
    ],
)
def test_a_bad_environment_is_told(env: dict[str, str], words: tuple[str, ...], dlm: RunDlm, tmp_path: Path) -> None:
    """By the name of the variable."""
    hold_refusal(dlm("get", GOOD, env=env), 2, *words)
    hold_nothing_left(tmp_path)


def test_bytes_that_are_no_text_are_refused(dlm: RunDlm, tmp_path: Path) -> None:
    """Wherever they are on the command line."""
    broken = b"caf\xe9".decode("utf-8", "surrogateescape")
    for args in (
        ["get", GOOD + broken],
        ["get", GOOD, "-o", broken],
        ["get", GOOD, "-H", f"X: {broken}"],
        ["get", GOOD, "-d", broken],
    ):
        hold_refusal(dlm(*args), 2, "UTF-8")
    hold_nothing_left(tmp_path)


# --- what only the disk can tell --------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[HostileServer]:
    """A polite server."""
    with HostileServer(content(10_001, seed=1)) as running:
        yield running


def test_a_file_in_the_place_of_the_directory_is_told(dlm: RunDlm, server: HostileServer, tmp_path: Path) -> None:
    """Whether it is the directory itself or one above it."""
    (tmp_path / "taken").write_text("mine")
    hold_refusal(dlm("get", "-d", "taken", server.url()), 2, "--dir", "is not a directory")
    hold_refusal(dlm("get", "-d", "taken/below", server.url()), 6, "taken/below", "-d")
    hold_refusal(dlm("get", "-o", "taken/below/file.bin", server.url()), 6, "taken/below", "-d")
    assert (tmp_path / "taken").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_directory_that_cannot_be_written_is_told(dlm: RunDlm, server: HostileServer, tmp_path: Path) -> None:
    """Exit code 6; when it can be written again, the same command works."""
    with small_disk(tmp_path / "disk") as disk:
        make_read_only(disk)
        for args in (["-d", str(disk)], ["-d", str(disk / "new")], ["-o", str(disk / "file.bin")]):
            hold_refusal(dlm("get", *args, server.url()), 6, str(disk), "read-only", "-d")
        assert list(disk.iterdir()) == []
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        assert dlm("get", "-d", str(disk), server.url()).returncode == 0
        assert [path.name for path in disk.iterdir()] == ["file.bin"]


def test_a_chosen_name_that_is_taken_is_told(dlm: RunDlm, server: HostileServer, tmp_path: Path) -> None:
    """Before anything is asked for; what stands there stays, links and directories too."""
    (tmp_path / "taken").write_text("mine")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "folder").mkdir()
    for name, code in (("taken", 6), ("dangling", 6), ("folder", 2)):
        hold_refusal(dlm("get", "-o", name, server.url()), code, name)
    assert server.requests == []
    assert (tmp_path / "taken").read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {"taken", "dangling", "folder"}


def test_a_name_that_is_too_long_is_told(dlm: RunDlm, server: HostileServer, tmp_path: Path) -> None:
    """The user's own choice is not cut."""
    result = dlm("get", "-o", "x" * 300, server.url())
    hold_refusal(result, 6, "too long a name", "-o")
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_cannot_be_used_is_told(dlm: RunDlm, tmp_path: Path) -> None:
    """Somebody else's file is not taken for one, nor written over."""
    (tmp_path / "other.db").write_text("my diary")
    for verb in (["get", GOOD], ["list"], ["show", "0"], ["remove", "0"]):
        hold_refusal(dlm(*verb, "--state", "other.db"), 6, "other.db")
    assert (tmp_path / "other.db").read_text() == "my diary"
    hold_refusal(dlm("get", GOOD, "--state", "/proc/dlm.db"), 6, "/proc/dlm.db")


def test_an_id_that_nobody_has_is_told(dlm: RunDlm) -> None:
    """Exit code 3."""
    for verb in ("show", "remove", "verify"):
        hold_refusal(dlm(verb, "0123456789abcdef"), 3, "0123456789abcdef")
