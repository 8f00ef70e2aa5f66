"""`dlm run`: the board of an open set, its frames and faces, and the verb as a whole."""

from __future__ import annotations

import io
import json
import re
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.cli import sentences
from dlm.cli.board import QueueBoard
from dlm.cli.faces import QueueFace, QueueLogFace, Volume
from dlm.cli.frame import queue_frame
from dlm.cli.json_lines import QueueJsonFace
from dlm.cli.line import ASCII, UNICODE, plain, width_of
from dlm.cli.terminal import TerminalFace
from dlm.model.download import Download, DownloadId, DownloadSpec, Fault
from dlm.model.event import DownloadAdded, Event, Lagged, PhaseChanged, ProgressMade, RuntimeWarned, Transition
from dlm.model.message import Progressed
from dlm.model.phase import Cause, Phase
from dlm.model.queue import Constraint, Rates
from dlm.policy.windows import parse as parse_windows
from tests.unit.test_cli_interruption import Held
from tests.unit.test_cli_main import Runner
from tests.unit.test_cli_twin import DownloadsTwin

MIB = 2**20


@pytest.fixture
def dlm(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    monkeypatch.chdir(tmp_path)
    return Runner(DownloadsTwin(), capsys)


def download(number: int = 1, phase: Phase = Phase.RUNNING, **facts: object) -> Download:
    spec = DownloadSpec(uris=(f"https://example.org/{number}.iso",), directory="/target")
    made = Download(id=DownloadId(f"{number:016x}"), spec=spec, added=0.0, phase=phase, name=f"{number}.iso", size=100 * MIB)
    return replace(made, **facts)  # type: ignore[arg-type]  # any field


def changed(target: Download, cause: Cause, origin: Phase = Phase.RUNNING) -> PhaseChanged:
    return PhaseChanged(target, Transition(1, target.id, 0.0, origin, target.phase, cause))


def begun(number: int) -> PhaseChanged:
    return changed(download(number), Cause.STARTED, Phase.SCHEDULED)


def moving(number: int, speed: float = MIB, **facts: object) -> ProgressMade:
    made = Progressed(
        id=DownloadId(f"{number:016x}"),
        total=100 * MIB,
        downloaded=42 * MIB,
        instantaneous_speed=speed,
        smoothed_speed=speed,
        eta=9.0,
    )
    return ProgressMade(replace(made, **facts))  # type: ignore[arg-type]  # any field


def board(*events: Event) -> QueueBoard:
    made = QueueBoard()
    for event in events:
        made.apply(event, 0.0)
    return made


FAULT = Fault("NotFound", "there is nothing at https://example.org/2.iso (HTTP 404)", 3)
DONE = changed(download(1, Phase.COMPLETED, path="/target/1.iso"), Cause.PUBLISHED, Phase.COMPLETING)
FAILED = changed(download(2, Phase.FAILED, fault=FAULT), Cause.ERRED)
OFFLINE = changed(download(4, Phase.WAITING, downloaded=MIB), Cause.DISCONNECTED)
PREEMPTED = changed(download(5, Phase.PENDING, downloaded=MIB), Cause.PREEMPTED)
HALTED = changed(download(6, Phase.PAUSED, downloaded=MIB), Cause.HALTED)
CANCELLED = changed(download(7, Phase.CANCELLED), Cause.CANCELLED)


def backed_off() -> PhaseChanged:
    """One that is tried again in four minutes."""
    fault = Fault("ServerFailed", "it failed (HTTP 503)", 5)
    return changed(download(3, Phase.WAITING, due=time.time() + 240.5, fault=fault), Cause.BACKED_OFF)


# --- the board --------------------------------------------------------------------------------------------------------


def test_ten_thousand_queued_leave_nothing_on_the_board() -> None:
    """What is only added is not kept, and what has ended is forgotten once it was told."""
    made = board(*(DownloadAdded(download(number, Phase.PENDING)) for number in range(10_000)))
    assert not made.rows
    for number in range(1000):
        for event in (begun(number), moving(number), replace(DONE, download=download(number, Phase.COMPLETED))):
            made.apply(event, 1.0)
    made.apply(Lagged(1), 2.0)
    assert (len(made.rows), made.active(), made.done) == (0, [], 1000)


def test_what_has_just_left_can_still_be_told() -> None:
    """Its row stays until the next event, with when it began."""
    made = board(begun(1), DONE)
    assert list(made.rows) == [DONE.download.id]
    assert made.rows[DONE.download.id].began == 0.0
    made.apply(begun(2), 1.0)
    assert list(made.rows) == [DownloadId(f"{2:016x}")]


def test_what_is_tried_again_is_no_failure_any_more() -> None:
    """The failures are those that stand, in their order."""
    made = board(begun(2), FAILED, begun(7), CANCELLED)
    assert [each.phase for each in made.failures.values()] == [Phase.FAILED, Phase.CANCELLED]
    made.apply(changed(download(2, Phase.SCHEDULED), Cause.CLAIMED, Phase.PENDING), 1.0)
    assert list(made.failures) == [CANCELLED.download.id]


def test_strangers_are_looked_up_once_events_were_missed() -> None:
    """Before that, progress of a stranger is that of one that has just ended."""
    made = board(begun(1))
    assert not made.asks(DownloadId("5"))
    made.apply(Lagged(3), 1.0)
    assert made.asks(DownloadId("5"))
    assert not made.asks(download(1).id)


# --- frames -----------------------------------------------------------------------------------------------------------


def texts(made: QueueBoard, width: int = 100, height: int = 24) -> list[str]:
    return [plain(each) for each in queue_frame(made, 0.0, width, height, UNICODE)]


def test_the_queue_is_summed_up_below_what_moves() -> None:
    """A row for each that runs, then the counts, the speed and the limit."""
    made = board(begun(1), moving(1, limited="total"), begun(2), FAILED, begun(3))
    made.phases = {Phase.PENDING: 9980, Phase.WAITING: 2, Phase.RUNNING: 77, Phase.COMPLETED: 1000}
    made.limit = 5 * MIB
    assert texts(made) == [
        "1.iso                           ━━━━━━━━━━━────────────────   42 %     1.0 MiB/s     0:09  limited  ",
        "3.iso                           connecting",
        "2 running, 9,980 queued, 2 waiting, 1 failed, at 1.0 MiB/s   limit 5.0 MiB/s",
    ]


def test_what_moves_fastest_is_shown() -> None:
    """Where rows are too few, the fast ones stay, in their order, and the others are counted."""
    made = board(*(begun(n) for n in range(10)), *(moving(n, MIB * 2.0**n) for n in range(8)))
    lines = texts(made, height=5)
    assert [text.split()[0] for text in lines[:3]] == ["5.iso", "6.iso", "7.iso"]
    assert lines[3] == "… and 7 more under way"
    assert lines[4].startswith("10 running")


def test_of_equals_the_newest_is_shown() -> None:
    """Those that began last."""
    made = board(*(begun(n) for n in range(10)), *(moving(n, MIB + n) for n in range(10)))
    assert [text.split()[0] for text in texts(made, height=4)[:2]] == ["8.iso", "9.iso"]


def test_an_idle_queue_says_why() -> None:
    """While nothing moves, what binds it stands above the counts."""
    made = board()
    made.phases = {Phase.PENDING: 3}
    made.reason = "the window is closed until 22:00"
    assert texts(made) == ["the window is closed until 22:00", "3 queued"]


@given(st.integers(0, 30), st.integers(1, 150), st.integers(1, 12), st.booleans(), st.sampled_from([UNICODE, ASCII]))
def test_every_frame_fits(count: int, width: int, height: int, sized: bool, glyphs: object) -> None:
    """No line is wider and no frame higher than the terminal."""
    total = 100 * MIB if sized else None
    made = board(*(begun(n) for n in range(count)), *(moving(n, total=total, limited="disk") for n in range(0, count, 2)))
    made.phases, made.reason, made.limit = {Phase.PENDING: 10**6}, "名前" * 40, MIB
    lines = queue_frame(made, 1.0, width, height, glyphs)  # type: ignore[arg-type]  # Glyphs
    assert len(lines) <= height
    assert all(width_of(each) <= width for each in lines)


# --- faces ------------------------------------------------------------------------------------------------------------


class Stage:
    """A face of a queue with its board, and what it wrote."""

    def __init__(self, kind: str, volume: Volume = Volume.NORMAL) -> None:
        self.board = QueueBoard()
        self.stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="")
        self.face: QueueFace
        if kind == "log":
            self.face = QueueLogFace(self.board, self.stream, volume)
        elif kind == "json":
            self.face = QueueJsonFace(self.stream)
        else:
            self.face = TerminalFace(self.board, self.stream, volume, colour=False, started=0.0)

    def happen(self, *events: Event, now: float = 0.0) -> Stage:
        for event in events:
            self.board.apply(event, now)
            self.face.show(event, now)
        return self

    def written(self) -> str:
        self.stream.seek(0)
        return self.stream.read()


@pytest.mark.parametrize("kind", ["log", "terminal"])
def test_what_leaves_the_run_is_told_as_it_is(kind: str) -> None:
    """Done, failed, tried again, off line, pre-empted, paused, cancelled: each in its words."""
    events = (begun(1), DONE, FAILED, backed_off(), OFFLINE, PREEMPTED, HALTED, CANCELLED)
    lines = [text for text in Stage(kind).happen(*events).written().splitlines() if not text.startswith("1.iso: fetching")]
    assert lines == [
        "✓ 1.iso  100.0 MiB in 0.0 s (97.7 GiB/s) → /target/1.iso",
        "✗ 2.iso  there is nothing at https://example.org/2.iso (HTTP 404)",
        "• 3.iso  it failed (HTTP 503); tried again in 4 min",
        "• 4.iso  waits for the network, 1.0 MiB of 100.0 MiB kept",
        "• 5.iso  gave up its slot, 1.0 MiB of 100.0 MiB kept; it goes on later by itself",
        "• 6.iso  paused, 1.0 MiB of 100.0 MiB kept; dlm resume 00000000 goes on",
        "• 7.iso  cancelled; dlm retry 00000000 begins it anew",
    ]


@pytest.mark.parametrize("kind", ["log", "terminal"])
def test_quiet_tells_failures_only(kind: str) -> None:
    """With -q what failed is one line, and nothing else is said."""
    stage = Stage(kind, Volume.QUIET).happen(begun(1), DONE, FAILED, backed_off(), HALTED, RuntimeWarned("window", "closed"))
    stage.face.ended({}, 0, "Done.")
    assert stage.written() == "✗ 2.iso  there is nothing at https://example.org/2.iso (HTTP 404)\n"


@pytest.mark.parametrize("kind", ["log", "terminal"])
def test_warnings_of_the_queue_are_told(kind: str) -> None:
    """Those of one download only to those who want to read more."""
    events = (RuntimeWarned("window", "the window has closed"), RuntimeWarned("redirected", "it moved", download(1).id))
    assert Stage(kind).happen(*events).written() == "! the window has closed\n"
    assert "it moved" in Stage(kind, Volume.VERBOSE).happen(*events).written()


def test_a_log_sums_up_once_a_minute() -> None:
    """One line when it begins, one a minute for the queue; progress of each would be too much."""
    stage = Stage("log").happen(begun(1))
    for second in range(200):
        stage.happen(moving(1), now=float(second))
        stage.face.draw(float(second))
    lines = stage.written().splitlines()
    assert lines == ["1.iso: fetching from https://example.org/1.iso", *["1 running, at 1.0 MiB/s"] * 3]


def test_json_has_a_result_for_each_end() -> None:
    """As soon as it ends; the last line counts the queue."""
    stage = Stage("json").happen(begun(1), moving(1), DONE, backed_off(), FAILED)
    stage.face.ended({Phase.PENDING: 3, Phase.RUNNING: 0}, 3, "")
    written = [json.loads(text) for text in stage.written().splitlines()]
    assert [each["event"] for each in written] == [
        "download_status_changed",
        "download_progress",
        "download_status_changed",
        "result",
        "download_status_changed",
        "download_status_changed",
        "result",
        "queue_ended",
    ]
    assert [each["exit_code"] for each in written if "exit_code" in each] == [0, 3, 3]
    assert written[-1]["queue"] == {"pending": 3}
    assert written[4]["due"] > time.time()


@pytest.mark.parametrize(
    ("phases", "done", "failures", "sentence"),
    [
        ({}, 0, [], "The queue is empty: dlm add URL puts something in."),
        ({Phase.COMPLETED: 9}, 3, [], "3 done."),
        ({Phase.PAUSED: 2}, 0, [], "Nothing to do: 2 paused (dlm resume --all goes on with them)."),
        ({Phase.PAUSED: 1}, 1200, [FAILED.download], "1,200 done, 1 failed; 1 paused (dlm resume --all goes on with it)."),
        ({Phase.RUNNING: 4}, 0, [FAILED.download, CANCELLED.download], "1 failed, 1 cancelled; 4 running."),
    ],
)
def test_the_end_is_one_sentence(phases: dict[Phase, int], done: int, failures: list[Download], sentence: str) -> None:
    """What ended, what is left, and how that goes on."""
    assert sentences.queue_ended(phases, done, failures) == sentence


@pytest.mark.parametrize(
    ("phases", "done", "sentence"),
    [
        ({}, 2, "Stopped; 2 done, nothing is left in the queue."),
        ({Phase.PENDING: 9000, Phase.WAITING: 1}, 0, "Stopped; 9,001 left in the queue. Go on with: dlm run"),
        (
            {Phase.PENDING: 1, Phase.RUNNING: 2},
            1,
            "Stopped; 1 done, 1 left in the queue, 2 under way in another dlm. Go on with: dlm run",
        ),
    ],
)
def test_a_stop_says_how_many_are_left(phases: dict[Phase, int], done: int, sentence: str) -> None:
    """And how to go on, if anything is left."""
    assert sentences.queue_stopped(phases, done, "dlm run") == sentence


# --- the verb ---------------------------------------------------------------------------------------------------------


def working(twin: DownloadsTwin, *endings: Fault | None) -> Callable[[], None]:
    def work() -> None:
        for number, fault in enumerate(endings):
            id = twin.keep(f"https://h/{number}", size=10).id
            twin.move_phase(id, Cause.CLAIMED)
            twin.move_phase(id, Cause.STARTED)
            if fault is not None:
                twin.move_phase(id, Cause.ERRED, fault=fault)
            else:
                twin.move_phase(id, Cause.TRANSFERRED)
                twin.move_phase(id, Cause.PUBLISHED, path=f"/target/{number}")

    return work


def test_run_works_the_queue(dlm: Runner) -> None:
    """It ends with 0 when all that ended is done, and says how it ended; what was chosen reaches the application."""
    dlm.twin.working = working(dlm.twin, None, None)
    ran = dlm("run", "-j", "7", "--per-host", "2", "--limit-total", "5M", "--workers", "0", "--stay")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.splitlines()[-1] == "2 done."
    assert ran.err.count("✓") == 2
    (chosen,) = dlm.twin.settings
    assert (chosen.jobs, chosen.per_host, chosen.limit_total, chosen.workers) == (7, 2, 5 * MIB, 0)
    assert dlm.twin.stays == [True]


def test_the_code_is_that_of_the_first_failure(dlm: Runner) -> None:
    """Whatever came after."""
    dlm.twin.working = working(dlm.twin, None, FAULT, Fault("DiskFull", "full", 6))
    ran = dlm("run")
    assert ran.code == 3
    assert ran.err.splitlines()[-1] == "1 done, 2 failed."
    dlm.twin.working = working(dlm.twin, None)
    assert dlm("run", "--json").objects[-1]["exit_code"] == 0


def test_the_example_of_the_help_is_one(dlm: Runner) -> None:
    """Its windows can be read."""
    windows = re.search(r"--windows '([^']+)'\s+--stay", dlm("run", "--help").out)
    assert windows is not None
    assert parse_windows(" ".join(windows[1].split()))


def test_an_empty_queue_says_so(dlm: Runner) -> None:
    """That is no failure."""
    ran = dlm("run")
    assert (ran.code, ran.err) == (0, "The queue is empty: dlm add URL puts something in.\n")


def test_the_queue_is_looked_at_while_it_is_worked(dlm: Runner) -> None:
    """Counts, the limit that holds and the reason for a standstill come from the application."""
    from dlm.cli.working import QueueRun
    from dlm.model.settings import Settings

    made = QueueBoard()
    dlm.twin.rates = Rates(total=3 * MIB)
    dlm.twin.constraints = (Constraint("window", "the window is closed until 22:00"),)
    dlm.twin.keep("https://h/a")
    settings = Settings(directory="/target", state="/nowhere", limit_total=4 * MIB)
    stage = Stage("log")

    async def look() -> None:
        import asyncio

        run = QueueRun(settings, made, stage.face, "dlm run", stay=False)
        dlm.twin.working = lambda: asyncio.sleep(0.05)
        await run.act(dlm.twin)
        await run.settle(dlm.twin)
        run.told(stopped=True)

    import asyncio

    asyncio.run(look())
    assert (made.phases[Phase.PENDING], made.limit, made.reason) == (1, 3 * MIB, "the window is closed until 22:00")
    assert stage.written() == "Stopped; 1 left in the queue. Go on with: dlm run\n"


def test_a_reader_that_was_too_slow_reads_again(dlm: Runner) -> None:
    """Once events were missed, what moves is looked up, so that the board is right again."""
    from dlm.cli.foreground import carry
    from dlm.cli.working import QueueRun
    from dlm.model.settings import Settings

    stage = Stage("log", Volume.QUIET)
    known = dlm.twin.keep("https://h/known", Phase.RUNNING)
    unseen = dlm.twin.keep("https://h/unseen", Phase.RUNNING)

    def work() -> None:
        dlm.twin.publish(changed(known, Cause.STARTED, Phase.SCHEDULED))
        dlm.twin.downloads[known.id] = replace(known, phase=Phase.PAUSED)
        dlm.twin.publish(Lagged(7))
        dlm.twin.publish(replace(moving(1), progress=replace(moving(1).progress, id=unseen.id)))

    dlm.twin.working = work
    settings = Settings(directory="/target", state="/nowhere")
    assert carry(dlm.twin.opener(), QueueRun(settings, stage.board, stage.face, "dlm run", stay=False)) == 0
    assert [row.download.label for row in stage.board.active()] == ["unseen"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_gives_the_queue_back(number: signal.Signals) -> None:
    """The run is cancelled, what is left and how to go on is told, and the code is 130."""
    held = Held("free", "run", "-j", "2")
    held.await_sign(b"held")
    held.send(number)
    code, out, err = held.end()
    assert (code, out) == (130, "")
    assert err.endswith("Stopped; 1 left in the queue. Go on with: dlm run --jobs 2\n")


def test_an_end_that_shows_early_is_told_once() -> None:
    """Read from the record, an event may bring a download that stands further on: its end is told with its end only."""
    done = download(1, Phase.COMPLETED, path="/target/1.iso")
    late = PhaseChanged(done, Transition(1, done.id, 0.0, Phase.RUNNING, Phase.COMPLETING, Cause.TRANSFERRED))
    last = changed(done, Cause.PUBLISHED, Phase.COMPLETING)
    for face_of in (lambda board, out: QueueLogFace(board, out, Volume.NORMAL), lambda _board, out: QueueJsonFace(out)):
        board, out = QueueBoard(), io.StringIO()
        face: QueueFace = face_of(board, out)
        for event in (begun(1), late, last):
            board.apply(event, 0.0)
            face.show(event, 0.0)
        assert board.done == 1
        assert out.getvalue().count("/target/1.iso") == 1
