"""What `dlm doctor` finds in the database; it never writes there."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from dlm.model.download import Place
from dlm.model.queue import Finding
from dlm.storage import checkup
from dlm.storage.checkup import check_database, judge_integrity, judge_log, judge_owners, judge_parts, judge_permissions
from dlm.storage.encoding import encode_place
from dlm.storage.owners import is_alive, this_process
from dlm.storage.sqlite import SCHEMA_VERSION, open_database

REGULAR = stat.S_IFREG
FOLDER = stat.S_IFDIR


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "state" / "dlm.db"
    open_database(str(made)).close()
    return made


def found(path: Path) -> dict[str, Finding]:
    """The findings by name, which is given once each."""
    findings = check_database(str(path), is_alive)
    by_name = {each.name: each for each in findings}
    assert len(by_name) == len(findings)
    assert all(set(":;") & set(each.sentence) for each in findings if each.state != "good")
    return by_name


def states(path: Path) -> dict[str, str]:
    return {name: each.state for name, each in found(path).items()}


def run(path: Path, *statements: str) -> None:
    """As another program might."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def insert(path: Path, id: str, phase: str, owner: str | None = None) -> None:
    columns = "id, spec, uri, directory, added, phase, intent, downloaded, owner"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"INSERT INTO downloads ({columns}) VALUES (?, '', '', '', 0, ?, 'run', 0, ?)", (id, phase, owner))


GOOD = dict.fromkeys(("permissions", "database", "integrity", "owners", "partial files", "log"), "good")


def test_a_sound_database_is_good_and_stays_as_it_is(path: Path) -> None:
    """Everything is good, also while another process has it open; not a byte of it changes."""
    before = hashlib.sha256(path.read_bytes()).digest()
    assert states(path) == GOOD
    assert hashlib.sha256(path.read_bytes()).digest() == before
    database = open_database(str(path))
    insert(path, "a" * 16, "pending")
    assert states(path) == GOOD
    assert "1 downloads" in found(path)["database"].sentence
    database.close()


def test_no_database_is_no_problem_and_none_is_made(tmp_path: Path) -> None:
    """The first download will make it."""
    (only,) = check_database(str(tmp_path / "none" / "dlm.db"), is_alive)
    assert (only.name, only.state) == ("database", "good")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_database_is_told(tmp_path: Path) -> None:
    """Text, an empty file, a directory, a place below a file, another program's database."""
    text = tmp_path / "text.db"
    text.write_text("x" * 5000)
    (tmp_path / "folder.db").mkdir()
    empty = tmp_path / "empty.db"
    empty.touch()
    other = tmp_path / "other.db"
    run(other, "CREATE TABLE t (x)", "PRAGMA application_id = 7")
    for place, words in (
        (text, "is not a database"),
        (tmp_path / "folder.db", "is not a file"),
        (empty, "is empty"),
        (text / "below.db", "cannot be opened"),
        (other, "another program"),
    ):
        finding = found(place)["database"]
        assert finding.state == "bad"
        assert words in finding.sentence


def test_versions_are_told(path: Path) -> None:
    """A newer one cannot be used; an older one will be brought up to date."""
    run(path, f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    assert found(path)["database"].state == "bad"
    assert "newer dlm" in found(path)["database"].sentence
    run(path, f"PRAGMA user_version = {SCHEMA_VERSION - 1}")
    assert found(path)["database"].state == "warning"


def test_damage_is_told(path: Path) -> None:
    """A page that was overwritten is found by the check, or stops it; either is bad."""
    for number in range(300):
        insert(path, f"{number:016x}", "pending")
    size = path.stat().st_size
    with path.open("r+b") as file:
        for offset in range(4096 * 4, size - 4096, 4096 * 3):
            file.seek(offset)
            file.write(os.urandom(4096))
    assert "bad" in {finding.state for name, finding in found(path).items() if name in {"database", "integrity"}}


def test_a_database_that_others_may_read_is_told(path: Path) -> None:
    """Passwords may stand in it."""
    path.chmod(0o644)
    assert found(path)["permissions"].state == "warning"


def test_downloads_of_dead_processes_are_told(path: Path) -> None:
    """Those of living ones are not."""
    insert(path, "a" * 16, "running", this_process())
    assert found(path)["owners"].state == "good"
    insert(path, "b" * 16, "running", "1:1:0:dead")
    insert(path, "c" * 16, "running", "1:1:0:dead")
    finding = found(path)["owners"]
    assert finding.state == "warning"
    assert "2 downloads were left" in finding.sentence


def test_partial_files_that_nobody_goes_on_with_are_told(path: Path, tmp_path: Path) -> None:
    """Of failed and cancelled downloads, and only while they are there; nonsense in a row is passed over."""
    (tmp_path / "f.part").write_bytes(b"x" * 8192)
    place = encode_place(Place(str(tmp_path), "f", "f.part", 1, 1))
    gone = encode_place(Place(str(tmp_path), "g", "g.part", 1, 1))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for number, (phase, kept) in enumerate(
            [("failed", place), ("cancelled", gone), ("paused", place), ("failed", "{}"), ("failed", "nonsense")]
        ):
            insert(path, f"{number:016x}", phase)
            row = (f"{number:016x}", kept)
            connection.execute("INSERT INTO checkpoints (download, part, resource, place, done) VALUES (?, 0, '', ?, '')", row)
    finding = found(path)["partial files"]
    assert finding.state == "warning"
    assert "1 of failed or cancelled downloads keep 8.0 KiB" in finding.sentence


def test_a_log_that_grows_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An old view that is kept open keeps it from being folded in."""
    monkeypatch.setattr(checkup, "LARGEST_LOG", 100_000)
    database = open_database(str(path))
    for number in range(50):
        insert(path, f"{number:016x}", "pending")
    assert found(path)["log"].state == "warning"
    database.close()
    assert found(path)["log"].state == "good"


def test_a_locked_database_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program that keeps it to itself."""
    monkeypatch.setattr(checkup, "BUSY_SECONDS", 0.05)
    run(path, "PRAGMA journal_mode = DELETE")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        assert found(path)["database"].state == "bad"


@pytest.mark.parametrize(
    ("finding", "state"),
    [
        (judge_permissions("/s/d", 0, REGULAR | 0o600, FOLDER | 0o700, 0), "good"),
        (judge_permissions("/s/d", 0, REGULAR | 0o600, FOLDER | 0o755, 0), "good"),
        (judge_permissions("/s/d", 0, REGULAR | 0o600, FOLDER | 0o1777, 0), "good"),
        (judge_permissions("/s/d", 0, REGULAR | 0o600, FOLDER | 0o777, 0), "warning"),
        (judge_permissions("/s/d", 0, REGULAR | 0o640, FOLDER | 0o700, 0), "warning"),
        (judge_permissions("/s/d", 7, REGULAR | 0o600, FOLDER | 0o700, 0), "warning"),
        (judge_integrity("/d", ["ok"]), "good"),
        (judge_integrity("/d", ["row 3 missing", "ok"]), "bad"),
        (judge_integrity("/d", []), "bad"),
        (judge_log(0), "good"),
        (judge_log(64 * 1024 * 1024), "good"),
        (judge_log(64 * 1024 * 1024 + 1), "warning"),
        (judge_owners({}, lambda _: False), "good"),
        (judge_owners({"a": 3}, lambda _: True), "good"),
        (judge_owners({"a": 3, "b": 1}, lambda owner: owner == "a"), "warning"),
        (judge_parts([]), "good"),
        (judge_parts([0]), "warning"),
    ],
)
def test_each_fact_is_judged(finding: Finding, state: str) -> None:
    """The state of the table; what is not good says what to do."""
    assert finding.state == state
    assert finding.state == "good" or ": " in finding.sentence
