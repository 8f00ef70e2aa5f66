"""`dlm get -r` and `dlm add -r` over real servers: what is fetched, what is gone on with, and what people read of it."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests import ftp_peers
from tests.conftest import RunDlm
from tests.fakes import some_bytes
from tests.ftp_peers import FtpPeer
from tests.running import RunningDlm, json_lines, until

FILES = {f"pub/dir{at % 4}/file {at:03}.bin": some_bytes(2000 + at, seed=at) for at in range(120)} | {
    "pub/large.bin": some_bytes(3_000_000),
    "pub/deep/er/still/ü.txt": b"u",
    "pub/empty.bin": b"",
}


@pytest.fixture
def ftp(tmp_path: Path) -> Iterator[FtpPeer]:
    """A server with a folder of folders."""
    directory = tmp_path / "server"
    directory.mkdir()
    with ftp_peers.vsftpd(FILES, directory) as peer:
        yield peer


def held(folder: Path) -> dict[str, bytes]:
    """What lies below a local folder, with slashes."""
    return {
        str(Path(root, name).relative_to(folder)): Path(root, name).read_bytes()
        for root, _, names in os.walk(folder)
        for name in names
    }


def addresses(dlm: RunDlm) -> Counter[str]:
    """How many downloads there are of each address."""
    lines = dlm("list", "--json", "-n", "10000").stdout.splitlines()
    return Counter(json.loads(text)["uri"] for text in lines)


@pytest.mark.peer
class TestByFtp:
    """Over a real FTP server."""

    def test_a_folder_is_fetched_whole(self, dlm: RunDlm, ftp: FtpPeer, tmp_path: Path) -> None:
        """Every byte of every file at its place, a sentence in the end, and nothing anew the second time."""
        result = dlm("get", "-r", "-d", "got", ftp.url("/pub/"))
        assert result.returncode == 0, result.stderr
        assert held(tmp_path / "got") == FILES
        assert "listed 123 files (3.1 MiB) in 8 folders" in result.stderr
        assert result.stderr.splitlines()[-1].startswith("123 files, 3.1 MiB, in ")
        again = dlm("get", "-r", "-d", "got", ftp.url("/pub/"))
        assert again.returncode == 0
        assert "0 files, 0 B, in " in again.stderr.splitlines()[-1]
        assert "123 were complete already" in again.stderr
        assert max(addresses(dlm).values()) == 1

    def test_what_is_wanted_can_be_said(self, dlm: RunDlm, ftp: FtpPeer, tmp_path: Path) -> None:
        """Depth and patterns, and a line of JSON for every file."""
        result = dlm(
            "get", "-r", "--depth", "1", "--include", "*.bin", "--exclude", "dir[12]/", "--exclude", "large*", "-d", "got",
            "--json", ftp.url("/pub/"),
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        wanted = {path for path in FILES if path.startswith(("pub/dir0/", "pub/dir3/")) or path == "pub/empty.bin"}
        assert set(held(tmp_path / "got")) == wanted
        told = [each for each in json_lines(result.stdout) if each["event"] == "result"]
        assert {each["path"] for each in told} == {str(tmp_path / "got" / path) for path in wanted | {"pub"}}

    def test_only_newer_files_are_fetched_again(self, dlm: RunDlm, ftp: FtpPeer, tmp_path: Path) -> None:
        """With --newer, what has another size or time on the server replaces what is here."""
        assert dlm("get", "-q", "-r", "-d", "got", ftp.url("/pub/")).returncode == 0
        changed = {"pub/dir1/file 001.bin": b"another size", "pub/empty.bin": b"not any more"}
        for path, content in changed.items():
            (ftp.root / path).write_bytes(content)
        result = dlm("get", "-r", "--newer", "-d", "got", ftp.url("/pub/"))
        assert result.returncode == 0, result.stderr
        assert "121 were complete already" in result.stderr
        assert held(tmp_path / "got") == FILES | changed

    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
    def test_what_is_killed_or_stopped_is_gone_on_with(
        self, dlm: RunDlm, ftp: FtpPeer, tmp_path: Path, number: signal.Signals
    ) -> None:
        """The same command again brings what is left; nothing is there twice."""
        command = ("get", "-q", "-r", "-d", "got", ftp.url("/pub/"))
        with RunningDlm(*command, "--limit-total", "300K", cwd=tmp_path) as running:
            until(lambda: len(held(tmp_path / "got")) > 3)
            running.send(number)
            running.process.wait()
        assert len(held(tmp_path / "got")) < len(FILES)
        result = dlm(*command)
        assert result.returncode == 0, result.stderr
        assert held(tmp_path / "got") == FILES
        assert max(addresses(dlm).values()) == 1

    @pytest.mark.parametrize("workers", ["0", "2"])
    def test_the_queue_fetches_a_folder(self, dlm: RunDlm, ftp: FtpPeer, tmp_path: Path, workers: str) -> None:
        """Added, listed and fetched, in this process or in others; list and show tell of it."""
        added = dlm("add", "-r", "--group", "site", "-d", "got", ftp.url("/pub/"), "--json")
        id = json_lines(added.stdout)[0]["download_id"]
        result = dlm("run", "--workers", workers)
        assert result.returncode == 0, result.stderr
        assert held(tmp_path / "got") == FILES
        assert len(dlm("list", "--group", "site", "--json", "-n", "1000").stdout.splitlines()) == 124
        shown = dlm("show", id).stdout
        assert "listed 123 files (3.1 MiB) in 8 folders" in shown
        assert "dlm list --group site" in shown
        assert json.loads(dlm("show", id, "--json").stdout)["spec"]["recursive"]["depth"] is None

    def test_a_folder_without_r_is_said_to_be_one(self, dlm: RunDlm, ftp: FtpPeer) -> None:
        """The sentence says what to write."""
        result = dlm("get", ftp.url("/pub/"))
        assert result.returncode != 0
        assert "is a folder: write -r" in result.stderr

    def test_a_link_here_leads_nothing_out(self, dlm: RunDlm, ftp: FtpPeer, tmp_path: Path) -> None:
        """A folder that is a link on this disk, to a place elsewhere, is left out, and that is said."""
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "got" / "pub").mkdir(parents=True)
        (tmp_path / "got" / "pub" / "dir1").symlink_to(tmp_path / "elsewhere")
        result = dlm("get", "-r", "-d", "got", ftp.url("/pub/"))
        assert result.returncode == 0, result.stderr
        assert held(tmp_path / "elsewhere") == {}
        assert "'dir1' is left out" in result.stderr
        assert "pub/dir2/file 002.bin" in held(tmp_path / "got")


_PAGE = b"""<html><head><title>Index of /</title></head><body><h1>Index of /</h1><pre>
<a href="../">../</a>
<a href="%2e%2e%2fescape">x</a>
<a href="..%5c..%5cescape">y</a>
<a href="file:///etc/passwd">z</a>
<a href="/elsewhere">w</a>
<a href="again/">again/</a>
<a href="con">con</a>
<a href="harmless.bin">harmless.bin</a>
</pre></body></html>"""


@contextmanager
def a_hostile_site() -> Iterator[str]:
    """Every folder holds names that lead elsewhere, and itself."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = _PAGE if self.path.endswith("/") else b"content"
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Type", "text/html" if self.path.endswith("/") else "application/octet-stream")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128

    server = Server(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/site/"
    finally:
        server.shutdown()
        server.server_close()


def test_a_hostile_site_writes_nothing_outside_and_ends(dlm: RunDlm, tmp_path: Path) -> None:
    """Names that lead elsewhere lead nowhere, and a folder that holds itself is left."""
    with a_hostile_site() as url:
        result = dlm("get", "-r", "-d", "got/inner", url)
    assert result.returncode == 0, result.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"got"}
    assert {path.name for path in (tmp_path / "got").iterdir()} == {"inner"}
    files = held(tmp_path / "got")
    assert all(path.startswith("inner/site/") for path in files)
    assert "inner/site/harmless.bin" in files
    assert len(files) < 100


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--depth", "2"), "--depth is for folders: write -r"),
        (("--include", "*.x"), "--include is for folders"),
        (("-r", "-o", "x"), "--output is for one file"),
        (("-r", "--checksum", "md5=" + "0" * 32), "--checksum is for one file"),
        (("-r", "--range", "0-5"), "--range is for one file"),
        (("-r", "--exclude", ""), "is no pattern"),
    ],
)
def test_flags_that_contradict_each_other_are_refused(dlm: RunDlm, args: tuple[str, ...], words: str) -> None:
    """A usage error, before anything is asked for."""
    result = dlm("get", *args, "http://127.0.0.1:9/pub/")
    assert result.returncode == 2
    assert words in result.stderr
