"""Lists become downloads, and the downloads are what the lists say: against a real server, through the queue."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from tests.conftest import RunDlm
from tests.hostile import Content, HostileServer
from tests.hostile.journal import RequestRecord
from tests.running import json_lines, recorded


def got(server: HostileServer, path: str) -> RequestRecord:
    """The first request for this path."""
    return next(each for each in server.requests if each.path.endswith(path))


def header(record: RequestRecord, name: str) -> str | None:
    return next((value for key, value in record.headers.items() if key.lower() == name), None)


def test_a_copied_command_fetches_what_the_browser_would(
    dlm: RunDlm, hostile: HostileServer, tmp_path: Path, content: Content
) -> None:
    """Headers, cookies and the login of a curl command reach the server; those of the one exchange do not."""
    (tmp_path / "copied.sh").write_text(
        f"curl '{hostile.url('/file.bin')}?a=1&b=2' \\\n"
        "  -H 'x-key: one two' -H 'if-none-match: \"x\"' -H 'range: bytes=0-' \\\n"
        "  -b $'id=it\\'s' -A 'Browser/1' -e https://r.example/ -u me:pw --compressed -L -o film.bin ;\n"
    )
    assert dlm("import", "copied.sh").returncode == 0
    assert dlm("run").returncode == 0
    assert (tmp_path / "film.bin").read_bytes() == content.data
    record = got(hostile, "/file.bin")
    assert header(record, "x-key") == "one two"
    assert header(record, "cookie") == "id=it's"
    assert header(record, "user-agent") == "Browser/1"
    assert header(record, "referer") == "https://r.example/"
    assert header(record, "if-none-match") is None


def test_a_recording_fetches_its_files(dlm: RunDlm, hostile: HostileServer, tmp_path: Path, content: Content) -> None:
    """The wanted file comes with the cookies of the browser; the others are not asked for."""
    entries = [
        {
            "request": {
                "method": "GET",
                "url": hostile.url(path),
                "headers": [{"name": ":authority", "value": "x"}, {"name": "Range", "value": "bytes=100-"}],
                "cookies": [{"name": "id", "value": "7"}],
            },
            "response": {"status": 206, "content": {"mimeType": kind, "size": 200_000}},
        }
        for path, kind in (("/film.bin", "video/mp4"), ("/page.bin", "text/html"))
    ]
    (tmp_path / "page.har").write_text(json.dumps({"log": {"entries": entries}}), encoding="utf-8-sig")
    told = json_lines(dlm("import", "page.har", "--type", "video/*", "--json").stdout)
    assert [each["import"] for each in told] == ["added", "skipped", "ended"]
    assert dlm("run").returncode == 0
    assert (tmp_path / "film.bin").read_bytes() == content.data
    assert header(got(hostile, "/film.bin"), "cookie") == "id=7"
    assert not [each for each in hostile.requests if each.path.endswith("/page.bin")]


def test_a_table_orders_the_queue(dlm: RunDlm, hostile: HostileServer, tmp_path: Path, content: Content) -> None:
    """Names, digests, directories and the paused ones: as the rows say. The same list again adds nothing."""
    right, wrong = hashlib.sha256(content.data).hexdigest(), "0" * 64
    rows = [
        ("url", "name", "directory", "SHA-256", "paused"),
        (hostile.url("/1.bin"), "a.bin", "sub", right, ""),
        (hostile.url("/2.bin"), "b.bin", "", wrong, ""),
        (hostile.url("/3.bin"), "c.bin", "", "", "yes"),
    ]
    (tmp_path / "table.csv").write_text("".join(",".join(row) + "\r\n" for row in rows))
    assert dlm("import", "table.csv").stdout.splitlines()[-1] == "3 added."
    assert dlm("import", "table.csv").stdout.splitlines()[-1] == "0 added, 3 in the queue already."
    assert dlm("run").returncode == 7
    assert (tmp_path / "sub" / "a.bin").read_bytes() == content.data
    assert not (tmp_path / "b.bin").exists()
    assert not (tmp_path / "c.bin").exists()
    listed = {Path(each["uri"]).name: each["status"] for each in json_lines(dlm("list", "--json").stdout)}
    assert listed == {"1.bin": "completed", "2.bin": "failed", "3.bin": "paused"}


def test_a_wrong_line_adds_nothing(dlm: RunDlm, tmp_path: Path) -> None:
    """All or nothing, over several files too, and no secret in what is said."""
    (tmp_path / "a.txt").write_text("https://h.example/a\n")
    (tmp_path / "b.txt").write_text("https://h.example/b\nhttps://me:SECRET@h.example/c  header=SECRET\n")
    ran = dlm("import", "a.txt", "b.txt")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("dlm: b.txt:2: ")
    assert "SECRET" not in ran.stderr
    assert recorded() == []


def test_a_scheme_that_nobody_serves_is_refused(dlm: RunDlm, tmp_path: Path) -> None:
    """The queue takes all of a list or none of it."""
    (tmp_path / "a.txt").write_text("https://h.example/a\ngopher://h.example/b\n")
    ran = dlm("import", "a.txt")
    assert ran.returncode == 2
    assert "gopher" in ran.stderr
    assert recorded() == []


def test_ten_thousand_are_added_in_seconds(dlm: RunDlm, tmp_path: Path) -> None:
    """A long list from standard input: nothing of it is lost."""
    text = "".join(f"https://host{number % 7}.example/{number}.bin\n" for number in range(10_000))
    assert dlm("import", "-", "--paused", input=text, timeout=120).stdout.splitlines()[-1] == "10,000 added."
    assert (
        dlm("import", "-", "--paused", input=text, timeout=120).stdout.splitlines()[-1]
        == "0 added, 10,000 in the queue already."
    )
