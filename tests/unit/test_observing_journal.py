"""The log: which lines come, that they are harmless and hold no secret, and that nothing that befalls it hurts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.model.download import Download, DownloadId, DownloadSpec, Fault
from dlm.model.error import InvalidRequest, StorageError
from dlm.model.event import (
    ConnectionClosed,
    DownloadAdded,
    DownloadEdited,
    DownloadRemoved,
    Event,
    Lagged,
    PhaseChanged,
    ProgressMade,
    RuntimeWarned,
    Transition,
)
from dlm.model.message import ConnectionEnded, Progressed
from dlm.model.phase import Cause, Phase
from dlm.observing import journal
from dlm.observing.facts import record_of
from dlm.observing.journal import Journal, as_json, as_text

ID = DownloadId("0123456789abcdef")
SPEC = DownloadSpec(uris=("https://example.org/pub/big.iso",), directory="/d")
DOWNLOAD = Download(id=ID, spec=SPEC, added=1.0, name="big.iso", size=100, downloaded=40)
AT = 1_800_000_000.125


def changed(
    target: Phase = Phase.RUNNING, cause: Cause = Cause.STARTED, download: Download = DOWNLOAD, detail: str | None = None
) -> PhaseChanged:
    """A change of phase."""
    return PhaseChanged(download, Transition(7, download.id, AT, Phase.SCHEDULED, target, cause, detail))


def closed(error: str | None = None) -> ConnectionClosed:
    """The end of a connection."""
    return ConnectionClosed(ConnectionEnded(ID, 3, "example.org:443", 4096, 1.23456, error))


def logged(path: Path, events: Sequence[Event], format: str = "json") -> list[str]:
    """The lines that these events leave."""
    log = Journal.open(str(path), format, wall=lambda: AT)
    for event in events:
        log.write(event)
    log.close()
    return path.read_text().splitlines()


def objects(path: Path, events: Sequence[Event]) -> list[dict[str, Any]]:
    """The same, read as JSON."""
    return [json.loads(line) for line in logged(path, events)]


def test_every_event_but_progress_is_one_line(tmp_path: Path) -> None:
    """Samples of progress are left out; everything else is told once, in order."""
    progress = Progressed(id=ID, total=1, downloaded=0, instantaneous_speed=0, smoothed_speed=0, eta=None)
    events: list[Event] = [
        DownloadAdded(DOWNLOAD),
        ProgressMade(progress),
        DownloadEdited(DOWNLOAD),
        changed(),
        closed(),
        RuntimeWarned("slow_disk", "the disk is slow", ID),
        Lagged(4),
        DownloadRemoved(DOWNLOAD),
    ]
    assert [each["event"] for each in objects(tmp_path / "log", events)] == [
        "download_added",
        "download_edited",
        "download_status_changed",
        "connection_closed",
        "runtime_warning",
        "events_missed",
        "download_removed",
    ]


def test_a_json_line_has_the_documented_members(tmp_path: Path) -> None:
    """Time in UTC to the millisecond, level, event, then what is known of it; what is not known is left out."""
    status, connection = objects(tmp_path / "log", [changed(detail="because"), closed("TimedOut")])
    assert status == {
        "time": "2027-01-15T08:00:00.125Z",
        "level": "info",
        "event": "download_status_changed",
        "download_id": ID,
        "name": "big.iso",
        "uri": "https://example.org/pub/big.iso",
        "host": "example.org:443",
        "bytes": 40,
        "size": 100,
        "from": "scheduled",
        "to": "running",
        "cause": "started",
        "detail": "because",
        "process": os.getpid(),
    }
    assert datetime.fromisoformat(status["time"]).timestamp() == AT
    assert connection == {
        "time": "2027-01-15T08:00:00.125Z",
        "level": "warning",
        "event": "connection_closed",
        "download_id": ID,
        "host": "example.org:443",
        "connection": 3,
        "bytes": 4096,
        "elapsed": 1.235,
        "error": "TimedOut",
        "process": os.getpid(),
    }


@pytest.mark.parametrize(
    ("target", "cause", "level"),
    [
        (Phase.RUNNING, Cause.STARTED, "info"),
        (Phase.WAITING, Cause.BACKED_OFF, "warning"),
        (Phase.WAITING, Cause.DISCONNECTED, "warning"),
        (Phase.PENDING, Cause.YIELDED, "warning"),
        (Phase.FAILED, Cause.ERRED, "error"),
    ],
)
def test_the_level_follows_from_what_happened(target: Phase, cause: Cause, level: str) -> None:
    """What failed for good is an error, what is tried again a warning."""
    record = record_of(changed(target, cause))
    assert record is not None
    assert record.level == level


def test_a_line_of_text_can_be_read_by_eye_and_by_program(tmp_path: Path) -> None:
    """Members are name=value; a value with a space, a quote or nothing in it is quoted."""
    (line,) = logged(tmp_path / "log", [RuntimeWarned("odd", 'it said "no" to a\\b')], "text")
    shown = r'message="it said \"no\" to a\\b"'
    assert line == f"2027-01-15T08:00:00.125Z warning runtime_warning code=odd {shown} process={os.getpid()}"


@given(name=st.text(), message=st.text())
def test_no_name_breaks_a_line(name: str, message: str) -> None:
    """Line breaks, escape sequences and halves of characters stay within one printable line, in both formats."""
    download = Download(id=ID, spec=SPEC, added=1.0, name=name or None)
    for event in (DownloadAdded(download), RuntimeWarned("code", message)):
        record = record_of(event)
        assert record is not None
        assert as_text(AT, record).isprintable()
        line = as_json(AT, record)
        assert line.isprintable()
        assert line.isascii()
        json.loads(line)


@given(secret=st.text("abcdefXYZ0189", min_size=8, max_size=12), number=st.integers(0, 7))
def test_no_secret_of_a_spec_is_told(secret: str, number: int) -> None:
    """Wherever a user may have put a secret, and whichever event is about it, neither format shows it."""
    secret = f"S3CR{secret}"
    address = f"https://me:{secret}@example.org/a/b.bin?token={secret}&n=1#{secret}"
    spec = DownloadSpec(
        uris=(address, f"http://{secret}@example.net/b.bin"),
        directory="/d",
        headers=(("Authorization", f"Bearer {secret}"), ("X-Key", secret)),
        referer=address,
        user=f"me:{secret}",
        bearer=secret,
        proxy=f"http://me:{secret}@proxy.example:3128",
    )
    fault = Fault("Denied", f"{address} refuses", 4)
    download = Download(id=ID, spec=spec, added=1.0, fault=fault)
    events: list[Event] = [
        DownloadAdded(download),
        DownloadEdited(download),
        DownloadRemoved(download),
        changed(download=download, detail=f"tried {address}, in vain"),
        changed(Phase.FAILED, Cause.ERRED, download, fault.message),
        closed(f"{address} was lost"),
        RuntimeWarned("code", f"over http://me:{secret}@proxy.example:3128 nothing comes", ID),
        Lagged(1),
    ]
    record = record_of(events[number])
    assert record is not None
    assert secret not in as_text(AT, record) + as_json(AT, record) + repr(record)


def test_lines_are_appended(tmp_path: Path) -> None:
    """What an earlier run has written stays."""
    path = tmp_path / "log"
    logged(path, [closed()])
    assert len(logged(path, [closed()])) == 2
    assert path.stat().st_mode & 0o777 == 0o600


def test_two_processes_write_whole_lines(tmp_path: Path) -> None:
    """Lines of two logs on one file never mix."""
    path = tmp_path / "log"
    one, other = (Journal.open(str(path), "json") for _ in range(2))

    def write(log: Journal) -> None:
        for _ in range(500):
            log.write(closed("a reason that makes the line longer"))

    threads = [threading.Thread(target=write, args=(log,)) for log in (one, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    one.close()
    other.close()
    lines = path.read_text().splitlines()
    assert len(lines) == 1000
    assert all(json.loads(line)["connection"] == 3 for line in lines)


def test_a_file_that_was_rotated_away_is_opened_anew(tmp_path: Path) -> None:
    """After a rename, and after a deletion, the next line goes into a new file of the old name."""
    path, old = tmp_path / "log", tmp_path / "log.1"
    log = Journal.open(str(path), "json")
    log.write(closed())
    wait_for_lines(path, 1)
    path.rename(old)
    log.write(closed())
    wait_for_lines(path, 1)
    path.unlink()
    log.write(closed())
    wait_for_lines(path, 1)
    log.close()
    assert (len(old.read_text().splitlines()), log.dropped) == (1, 0)


def test_a_full_disk_costs_lines_and_nothing_else(tmp_path: Path) -> None:
    """What the disk refuses is dropped and counted, and nobody who writes notices."""
    log = Journal.open("/dev/full", "json")
    for _ in range(5):
        log.write(closed())
    log.close()
    assert log.dropped >= 5


def test_what_was_dropped_is_told_when_there_is_room_again(tmp_path: Path) -> None:
    """The first line afterwards says how many are missing."""
    path = tmp_path / "gone" / "log"
    path.parent.mkdir()
    log = Journal.open(str(path), "json")
    path.unlink()
    path.parent.rmdir()
    log.write(closed())
    log.write(closed())
    until(lambda: log.dropped == 2)
    path.parent.mkdir()
    log.write(closed())
    log.close()
    first, second = map(json.loads, path.read_text().splitlines())
    assert (first["event"], first["missed"], second["event"]) == ("lines_dropped", 2, "connection_closed")


def test_a_reader_that_sleeps_blocks_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines for a pipe that nobody empties are kept up to a bound, then dropped; `write` and `close` return all the same."""
    monkeypatch.setattr(journal, "MOST_WAITING", 50)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    log = Journal.open(str(pipe), "json")
    for _ in range(2000):
        log.write(closed("x" * 200))
    log.close()
    os.close(reader)
    assert log.dropped > 0


def test_without_standard_error_nothing_is_written_anywhere(tmp_path: Path) -> None:
    """Where it was closed, number 2 may be another file by now: no line may go there."""
    code = (
        "import os, sys\n"
        "from dlm.observing.journal import Journal\n"
        "from dlm.model.event import Lagged\n"
        f"file = os.open({str(tmp_path / 'victim')!r}, os.O_RDWR | os.O_CREAT)\n"
        "assert file == 2, file\n"
        "log = Journal.open(None, 'text')\n"
        "log.write(Lagged(1))\n"
        "log.close()\n"
        "sys.exit(log.dropped)\n"
    )
    ended = subprocess.run(["sh", "-c", '"$0" -c "$1" 2>&-', sys.executable, code])
    assert ended.returncode == 1
    assert (tmp_path / "victim").read_bytes() == b""


def test_standard_error_is_written_to(capfd: pytest.CaptureFixture[str]) -> None:
    """Without a path, the lines go there."""
    log = Journal.open(None, "text")
    log.write(Lagged(1))
    log.close()
    log.close()
    assert "events_missed missed=1" in capfd.readouterr().err


def test_what_cannot_be_a_log_is_refused_at_once(tmp_path: Path) -> None:
    """A directory that is not there, and a format that nobody knows, are errors of the start."""
    with pytest.raises(StorageError, match="log_file"):
        Journal.open(str(tmp_path / "no" / "log"), "text")
    with pytest.raises(InvalidRequest, match="text or json"):
        Journal.open(None, "xml")


def wait_for_lines(path: Path, count: int) -> None:
    """Return when so many lines are there."""
    until(lambda: path.exists() and path.read_text().count("\n") == count)


def until(condition: Any) -> None:
    """Return when it holds."""
    step = threading.Event()
    for _ in range(1000):
        if condition():
            return
        step.wait(0.01)
    pytest.fail("it took too long")
