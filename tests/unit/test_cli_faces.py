"""How a run is told: plain lines, a terminal, JSON."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from dlm.cli.board import Board
from dlm.cli.digesting import digest_of
from dlm.cli.faces import FetchFace, LogFace, Volume
from dlm.cli.json_lines import JsonFace
from dlm.cli.terminal import TerminalFace, has_colour
from dlm.model.download import Download, DownloadId, DownloadSpec, Fault
from dlm.model.event import MIRROR_LIED, DownloadAdded, Event, PhaseChanged, ProgressMade, RuntimeWarned, Transition
from dlm.model.message import Progressed
from dlm.model.phase import Cause, Phase
from dlm.model.resource import Verification, Verified
from dlm.ports import Outcome

ID = DownloadId("0123456789abcdef")
MIB = 1024**2


def download(phase: Phase = Phase.RUNNING, **facts: object) -> Download:
    spec = DownloadSpec(uris=("https://me:pw@example.org/a.bin?token=topsecret",), directory="/target")
    made = Download(id=ID, spec=spec, added=0.0, phase=phase, name="a.bin", size=100 * MIB)
    return replace(made, **facts)  # type: ignore[arg-type]  # any field


def changed(target: Download, origin: Phase, cause: Cause, detail: str | None = None) -> PhaseChanged:
    return PhaseChanged(target, Transition(7, target.id, 0.0, origin, target.phase, cause, detail))


def sample(downloaded: int, total: int | None = 100 * MIB, speed: float = MIB) -> ProgressMade:
    return ProgressMade(
        Progressed(id=ID, total=total, downloaded=downloaded, instantaneous_speed=speed, smoothed_speed=speed, eta=9.0)
    )


DONE = download(Phase.COMPLETED, path="/target/a.bin", verified=Verified(Verification.VERIFIED, "sha-256"))
FAILED = download(Phase.FAILED, fault=Fault("NotFound", "there is nothing at https://example.org/\x1b[31ma.bin", 3))


class Stage:
    """A face with its board and what it wrote."""

    def __init__(self, kind: str, volume: Volume = Volume.NORMAL) -> None:
        self.board = Board(1)
        self.stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="")
        self.face: FetchFace
        if kind == "log":
            self.face = LogFace(self.board, self.stream, volume)
        elif kind == "json":
            self.face = JsonFace(self.stream)
        else:
            self.face = TerminalFace(self.board, self.stream, volume, colour=True, started=0.0)

    def happen(self, *events: Event, now: float = 0.0) -> Stage:
        for event in events:
            self.board.apply(event, now)
            self.face.show(event, now)
        return self

    def written(self) -> str:
        self.stream.seek(0)
        return self.stream.read()


STARTED = (DownloadAdded(download(Phase.SCHEDULED)), changed(download(), Phase.SCHEDULED, Cause.STARTED))


def test_a_log_stays_quiet() -> None:
    """One line when it begins, one for at least 5 seconds and 10 percent, one at the end."""
    stage = Stage("log").happen(*STARTED)
    for second in range(100):
        stage.happen(sample(second * MIB), now=float(second))
        stage.face.draw(float(second))
    stage.happen(changed(DONE, Phase.COMPLETING, Cause.PUBLISHED), now=100.0)
    lines = stage.written().splitlines()
    assert lines[0] == "a.bin: 100.0 MiB from https://example.org/a.bin?token=***"
    assert lines[1] == "a.bin: 10 %, 10.0 MiB of 100.0 MiB, 1.0 MiB/s, 0:09 left"
    assert len(lines) == 1 + 9 + 1
    assert lines[-1] == "✓ a.bin  100.0 MiB in 1:40 (1.0 MiB/s)  verified by sha-256 → /target/a.bin"


def test_a_log_of_a_fast_download_has_two_lines() -> None:
    """Percents alone are no reason for a line: 5 seconds must have passed too."""
    stage = Stage("log").happen(*STARTED)
    for tenth in range(40):
        stage.happen(sample(tenth * 2 * MIB), now=tenth / 10)
        stage.face.draw(tenth / 10)
    stage.happen(changed(DONE, Phase.COMPLETING, Cause.PUBLISHED), now=4.0)
    assert len(stage.written().splitlines()) == 2


@pytest.mark.parametrize("kind", ["log", "terminal"])
def test_quiet_tells_failures_only(kind: str) -> None:
    """With -q a success is silent, and so are warnings, progress and the stop; a failure is one line."""
    stage = Stage(kind, Volume.QUIET).happen(*STARTED, sample(MIB), RuntimeWarned("x", "y", ID))
    stage.face.draw(10.0)
    stage.happen(changed(DONE, Phase.COMPLETING, Cause.PUBLISHED))
    stage.face.conclude(Outcome(DONE, already=True), 1.0)
    stage.face.stopping()
    stage.face.interrupted([], "Stopped.")
    assert stage.written() == ""
    stage.happen(changed(FAILED, Phase.RUNNING, Cause.ERRED))
    assert "there is nothing" in stage.written()


@pytest.mark.parametrize("kind", ["log", "terminal"])
def test_verbose_tells_transitions_and_warnings(kind: str) -> None:
    """With -v one reads what happened on the way; without, one does not."""
    events = (*STARTED, RuntimeWarned("redirected", "it moved to https://cdn.example.org", ID))
    told = Stage(kind, Volume.VERBOSE).happen(*events).written()
    assert "a.bin: scheduled → running (started)" in told
    assert "a.bin: it moved to https://cdn.example.org" in told
    assert Stage(kind).happen(*events).written() == ""


@pytest.mark.parametrize("kind", ["log", "terminal"])
def test_a_mirror_that_lied_is_named_unasked(kind: str) -> None:
    """Somebody gave wrong bytes: one reads which mirror that was, unless one wants to hear nothing."""
    events = (*STARTED, RuntimeWarned(MIRROR_LIED, "the mirror http://b.example/f is used no more: it lies", ID))
    assert "http://b.example/f" in Stage(kind).happen(*events).written()
    assert Stage(kind, Volume.QUIET).happen(*events).written() == ""


@pytest.mark.parametrize("kind", ["log", "terminal"])
def test_an_end_is_told_once(kind: str) -> None:
    """What an event told is not told again by the outcome; what no event told is."""
    stage = Stage(kind).happen(*STARTED, changed(FAILED, Phase.RUNNING, Cause.ERRED))
    stage.face.conclude(Outcome(FAILED), 1.0)
    assert stage.written().count("there is nothing") == 1
    unseen = Stage(kind)
    unseen.face.conclude(Outcome(DONE), 1.0)
    assert unseen.written().count("a.bin") == 2  # the name and the path


@pytest.mark.parametrize("kind", ["log", "terminal", "json"])
def test_no_escape_sequence_of_others_is_written(kind: str) -> None:
    """What a server or an error says cannot command the terminal."""
    evil = download(name="\x1b[2J\x9b31m.bin")
    stage = Stage(kind, Volume.VERBOSE).happen(
        DownloadAdded(evil),
        changed(evil, Phase.SCHEDULED, Cause.STARTED, "why\x1b]0;title\x07"),
        sample(MIB),
        RuntimeWarned("x", "\x1b[31m", ID),
        changed(FAILED, Phase.RUNNING, Cause.ERRED),
    )
    stage.face.draw(10.0)
    written = stage.written()
    for sequence in ("\x1b[2J", "\x9b", "\x1b]0", "\x07", "\x1b[31ma.bin"):
        assert sequence not in written


def test_a_terminal_draws_nothing_for_what_is_over_soon() -> None:
    """A file that takes less than a quarter of a second needs no bar."""
    stage = Stage("terminal").happen(*STARTED, sample(MIB))
    stage.face.draw(0.2)
    assert stage.written() == ""
    stage.face.draw(0.3)
    assert "1 %" in stage.written()


def test_a_terminal_draws_nothing_after_the_stop() -> None:
    """Once the user has asked to stop, the bar is gone and stays so."""
    stage = Stage("terminal").happen(*STARTED, sample(MIB))
    stage.face.draw(1.0)
    stage.face.stopping()
    before = stage.written()
    stage.happen(sample(2 * MIB))
    stage.face.draw(2.0)
    assert before.endswith("Stopping… Ctrl-C again leaves at once.\n")
    assert stage.written() == before


def test_what_the_encoding_lacks_is_replaced() -> None:
    """On a Latin-1 stream a Japanese name does not end the run."""
    board = Board(1)
    stream = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    LogFace(board, stream, Volume.NORMAL).conclude(Outcome(replace(DONE, name="名前.bin")), 1.0)
    stream.seek(0)
    assert stream.read().startswith("ok ??.bin")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "xterm", "NO_COLOR": ""}, True),
        ({"TERM": "dumb"}, False),
    ],
)
def test_colours_can_be_refused(environ: dict[str, str], expected: bool) -> None:
    """NO_COLOR and a dumb terminal mean no colours."""
    assert has_colour(environ) is expected


def test_json_is_one_object_a_line() -> None:
    """Every event of a run is a JSON object with the members of the table."""
    stage = Stage("json").happen(
        *STARTED,
        sample(MIB, total=None, speed=float("inf")),
        RuntimeWarned("code", "message"),
        changed(FAILED, Phase.RUNNING, Cause.ERRED, "why"),
    )
    stage.face.conclude(Outcome(FAILED), 1.0)
    stage.face.conclude(Outcome(DONE, already=True), 1.0)
    written = stage.written()
    assert written.isascii()
    added, started, progress, warning, failed, result, done = map(json.loads, written.splitlines())
    assert added["event"] == "download_added"
    assert added["uri"] == "https://example.org/a.bin?token=***"
    assert (started["from"], started["to"], started["cause"]) == ("scheduled", "running", "started")
    assert progress == {
        "event": "download_progress",
        "download_id": ID,
        "downloaded": MIB,
        "total": None,
        "instantaneous_speed": None,
        "smoothed_speed": None,
        "eta_secs": 9.0,
        "connections": 0,
    }
    assert warning == {"event": "runtime_warning", "code": "code", "message": "message"}
    assert (failed["detail"], failed["error"]["kind"]) == ("why", "NotFound")
    assert (result["event"], result["exit_code"], result["error"]["kind"]) == ("result", 3, "NotFound")
    assert (done["exit_code"], done["already"], done["path"], done["verified_by"]) == (0, True, "/target/a.bin", "sha-256")
    assert "pw@" not in written
    assert "topsecret" not in written


def test_json_of_a_stop_has_a_result_for_each() -> None:
    """Also what was stopped has its result, with the code of an interruption."""
    stage = Stage("json")
    stage.face.interrupted([download(Phase.PAUSED, downloaded=5)], "Stopped.")
    result = json.loads(stage.written())
    assert (result["event"], result["status"], result["exit_code"]) == ("result", "paused", 130)


def test_verifying_shows_how_far_it_is(tmp_path: Path) -> None:
    """On a terminal the share that was read is drawn over itself, and erased at the end."""
    path = tmp_path / "\x1b[31m.bin"
    path.write_bytes(bytes(4 * MIB))
    stream = io.StringIO()
    assert digest_of(str(path), "sha-256", stream, beat=0) == hashlib.sha256(bytes(4 * MIB)).digest()
    assert [share for share in ("25 %", "50 %", "75 %", "100 %") if share in stream.getvalue()] == [
        "25 %",
        "50 %",
        "75 %",
        "100 %",
    ]
    assert stream.getvalue().endswith("\r\x1b[K")
    assert "\x1b[31m" not in stream.getvalue()
