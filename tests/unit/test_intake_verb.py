"""`dlm import` against the twin: from files to the queue, and what is told."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from dlm.cli.main import run
from dlm.model.rank import Priority
from tests.unit.test_cli_startup import HEAVY, imported
from tests.unit.test_cli_twin import DownloadsTwin

Import = Callable[..., tuple[int, str, str]]
SHA = "ab" * 32


@pytest.fixture
def twin() -> DownloadsTwin:
    return DownloadsTwin()


@pytest.fixture
def dlm_import(
    twin: DownloadsTwin, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Import:
    monkeypatch.chdir(tmp_path)

    def imported_by(*argv: str) -> tuple[int, str, str]:
        code = run(["import", *argv], twin.opener())
        return code, *capsys.readouterr()

    return imported_by


def test_a_list_is_added(dlm_import: Import, twin: DownloadsTwin, tmp_path: Path) -> None:
    """Each line is a download of the list's group, with what the line says for the download and for the queue."""
    Path("films.txt").write_text(
        f"https://h/a  out=a.iso  checksum=sha-256={SHA}  priority=high\nhttps://h/b  paused=yes  group=b\n"
    )
    code, out, err = dlm_import("films.txt", "-d", "here")
    assert (code, err) == (0, "")
    first, second = twin.added
    assert (first.spec.uris, first.spec.directory, first.spec.output) == (("https://h/a",), str(tmp_path / "here"), "a.iso")
    assert first.spec.checksum is not None
    assert (first.priority, first.paused, first.group) == (Priority.HIGH, False, "films")
    assert (second.priority, second.paused, second.group) == (Priority.NORMAL, True, "b")
    assert out.splitlines()[-1] == "2 added."
    assert len(out.splitlines()) == 3


def test_flags_hold_for_what_says_nothing(dlm_import: Import, twin: DownloadsTwin) -> None:
    """An entry beats a flag, a flag beats the default; one download alone is no group."""
    Path("a.csv").write_text("url,priority,paused,start,group\nhttps://h/a,low,no,2100-01-01 00:00,x\nhttps://h/b\n")
    Path("b.csv").write_text("url\nhttps://h/c\n")
    flags = ("--priority", "high", "--paused", "--start-at", "2101-01-01 00:00")
    assert dlm_import("a.csv", "b.csv", "--group", "all", *flags)[0] == 0
    assert [(each.priority.name, each.paused, each.group) for each in twin.added] == [
        ("LOW", False, "x"),
        ("HIGH", True, "all"),
        ("HIGH", True, "all"),
    ]
    years = [each.start_at and datetime.fromtimestamp(each.start_at).year for each in twin.added]
    assert years == [2100, 2101, 2101]
    twin.added.clear()
    assert dlm_import("b.csv")[0] == 0
    assert [each.group for each in twin.added] == [None]


def test_a_dry_run_adds_nothing(dlm_import: Import, twin: DownloadsTwin, tmp_path: Path) -> None:
    """It shows what would be added, without secrets, and opens no database."""
    Path("x.list").write_text(
        "https://me:SECRET@h/a?token=SECRET  header=Cookie: SECRET  out=a.iso  insecure=yes  priority=low\nhttps://h/b\nhttps://h/b\n"
    )
    code, out, err = dlm_import("x.list", "--dry-run", "--paused")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        f"Would add https://h/a?token=*** → {tmp_path}/a.iso (1 header, insecure, paused, low, group x)",
        f"Would add https://h/b → {tmp_path}/ (paused, group x)",
        "Skipped   1: it is there already (x.list:3 https://h/b)",
        "2 would be added, 1 skipped.",
    ]
    assert not twin.settings


def test_json_tells_everything(dlm_import: Import, twin: DownloadsTwin) -> None:
    """An object for each download and each that was skipped, and the counts; `import` tells them apart; no secret."""
    Path("x.txt").write_text("https://me:SECRET@h/a  bearer=SECRET\nhttps://h/b\nhttps://h/b\n")

    def told(*flags: str) -> list[dict[str, Any]]:
        code, out, err = dlm_import("x.txt", "--json", *flags)
        assert (code, err) == (0, "")
        assert "SECRET" not in out
        return [json.loads(line) for line in out.splitlines()]

    kinds = [(each["import"], each.get("line")) for each in told("--dry-run")]
    assert kinds == [("wanted", 1), ("wanted", 2), ("skipped", 3), ("ended", None)]
    told_first = told()
    assert [each["import"] for each in told_first] == ["added", "added", "skipped", "ended"]
    assert told_first[0]["download_id"] in twin.downloads
    assert told_first[-1] == {"import": "ended", "wanted": 2, "added": 2, "known": 0, "skipped": 1}
    assert [each["import"] for each in told()] == ["known", "known", "skipped", "ended"]


def test_long_lists_are_told_shortly(dlm_import: Import) -> None:
    """The first few, how many more, each reason once, and the counts."""
    Path("x.txt").write_text("".join(f"https://h/{number}\n" for number in range(2000)) * 2)
    lines = dlm_import("x.txt")[1].splitlines()
    assert len(lines) == 13
    assert lines[10:] == [
        "… and 1,990 more",
        "Skipped   2,000: it is there already (x.txt:2001 https://h/0, …)",
        "2,000 added, 2,000 skipped.",
    ]


def test_standard_input_is_a_list_too(dlm_import: Import, twin: DownloadsTwin, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-` reads it, by its content or by --format, and makes no group of it."""
    for text, flags in (
        ("curl https://h/a -o x\ncurl https://h/b", ()),
        ("https://h/a\n out=x\nhttps://h/b\n", ("--format", "aria2")),
    ):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        twin.added.clear()
        assert dlm_import("-", *flags)[0] == 0
        assert [(each.spec.output, each.group) for each in twin.added] == [("x", None), (None, None)]


@pytest.mark.parametrize(
    ("text", "argv", "word"),
    [
        ("", ["x"], "x names no URL"),
        ("# nothing\n", ["x"], "x names no URL"),
        ("https://h/a\nh/b\n", ["x"], "x:2: 'h/b' is not a URL"),
        ("https://h/a  priority=urgent\n", ["x"], "x:1: priority: 'urgent' is not a priority"),
        ("https://h/a  start=yesterday\n", ["x"], "x:1: start: 'yesterday' is not a time"),
        ("https://h/a  out=-\n", ["x"], "x:1: out: "),
        ("https://h/a  out=f\nhttps://h/b  out=f\n", ["x"], "2 downloads would be written to"),
        ("https://h/a  load-cookies=absent\n", ["x"], "there is no file"),
        ("https://h/a\n", ["x", "absent"], "'absent' cannot be read: No such file"),
        ("https://h/a\n", ["x", "."], "'.' cannot be read: Is a directory"),
        ("https://h/a\n", ["x", "--type", "video/*"], "--type: only a HAR"),
        ("https://h/a\n", ["x", "--min-size", "1M"], "--min-size: only a HAR"),
        ("https://h/a\n", ["x", "--min-size", "big"], "--min-size: 'big' is not a size"),
        ("https://h/a\n", ["x", "--filter", "re:("], "--filter: "),
        ("https://h/a\n", ["x", "--format", "xml"], "'xml' is not one of"),
        ("https://h/a\n", ["x", "--start-at", "never"], "'never' is not a time"),
        ("<html>", ["x"], "x is XML or HTML"),
        ("a\0b", ["x"], "x is not text"),
        ("https://h/a\n", [], "missing argument"),
    ],
)
def test_wrong_lists_add_nothing(dlm_import: Import, twin: DownloadsTwin, text: str, argv: list[str], word: str) -> None:
    """One sentence, exit code 2, and none of the other lines is added."""
    Path("x").write_text(text)
    code, out, err = dlm_import(*argv)
    assert (code, out) == (2, "")
    assert err.startswith("dlm: ")
    assert word in err
    assert len(err.splitlines()) == 1
    assert not twin.settings


def test_a_recording_of_nothing_wanted_is_no_error(dlm_import: Import, twin: DownloadsTwin) -> None:
    """When everything was skipped, that is told, and nothing is opened."""
    exchange = {"request": {"method": "POST", "url": "https://h/a"}, "response": {"status": 200}}
    Path("x.har").write_text(json.dumps({"log": {"entries": [exchange]}}))
    code, out, err = dlm_import("x.har", "--type", "video/*", "--min-size", "1K", "--any-status")
    assert (code, err) == (0, "")
    assert out == "Skipped   1: it is not a GET request (x.har:1 https://h/a)\n0 added, 1 skipped.\n"
    assert not twin.settings


def test_the_verb_is_light() -> None:
    """Loading it, as its help and completions do, loads nothing that only running it needs."""
    assert not imported("import dlm.cli.verbs_import") & (HEAVY - {"hashlib"} | {"csv", "difflib"})


def test_a_recording_of_any_size_fits(tmp_path: Path) -> None:
    """20 MB of bodies cost less than 15 MB of memory: bodies pass by."""
    entry = {
        "request": {"method": "GET", "url": "https://h/a"},
        "response": {"status": 200, "content": {"text": "x" * (2 << 20)}},
    }
    path = tmp_path / "large.har"
    path.write_text(json.dumps({"log": {"entries": [entry] * 10}}))
    code = f"""
import resource, sys
from dlm.cli.main import run
from dlm.cli import asked, imported, verbs_import
from dlm.intake import har, planning
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert run(["import", {str(path)!r}, "--dry-run"], None) == 0
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": ":".join(sys.path)}
    )
    assert int(result.stdout.splitlines()[-1]) < 15 << 10
