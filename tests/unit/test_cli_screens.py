"""The main screens, as people see them: what is in `screens/` is what is shown, letter for letter.

`WRITE_SCREENS=1` writes them anew; look at them before you keep them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dlm.cli.board import Board, QueueBoard
from dlm.cli.chronicle import event_line
from dlm.cli.frame import frame, queue_frame
from dlm.cli.line import ASCII, UNICODE, Glyphs, Line, ansi, plain, width_of
from dlm.cli.listing import aligned, footer
from dlm.cli.telling import told
from dlm.model.download import Checkpoint, Download, DownloadId, DownloadSpec, Fault, Place
from dlm.model.event import DownloadAdded, Event, PhaseChanged, ProgressMade, Transition
from dlm.model.message import ConnectionView, Progressed
from dlm.model.phase import Cause, Phase
from dlm.model.queue import Stats
from dlm.model.rank import Lane, Priority
from dlm.model.resource import Mirror, Part, Resource, Validator, Verification, Verified
from dlm.model.span import Span
from dlm.ports import Story

SCREENS = Path(__file__).parent / "screens"
MIB = 2**20
NOW = 1_795_000_000.0
NAMES = (
    "debian-12.8.0-amd64-netinst.iso",
    "名前の長いファイル.tar.zst",
    "paper.pdf",
    "linux-6.12.tar.xz",
    "a" * 60 + ".tar.gz",
)


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def kept(name: str, lines: list[Line]) -> None:
    """That the screen is still what it was."""
    text = "".join(plain(each).rstrip() + "\n" for each in lines)
    path = SCREENS / f"{name}.txt"
    if os.environ.get("WRITE_SCREENS"):
        SCREENS.mkdir(exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()


def download(number: int, phase: Phase = Phase.RUNNING, **facts: object) -> Download:
    name = NAMES[number % len(NAMES)]
    spec = DownloadSpec(uris=(f"https://me:pw@example.org/{number}/{name}?token=abc",), directory="/home/me/Downloads")
    made = Download(
        id=DownloadId(f"{number:x}" * 16), spec=spec, added=NOW - 7200, phase=phase, name=name, size=number * 97 * MIB + 7
    )
    return replace(made, **{"downloaded": number * 31 * MIB, **facts})  # type: ignore[arg-type]  # any field


def moving(target: Download, connections: int = 4, **facts: object) -> Progressed:
    size = target.size or 0
    share = size // connections
    views = [ConnectionView(n, Span(n * share, (n + 1) * share), n * share + share * 2 // 5, MIB) for n in range(connections)]
    made = Progressed(
        id=target.id,
        total=size,
        downloaded=size * 2 // 5,
        instantaneous_speed=5.0 * MIB,
        smoothed_speed=(connections + 0.2) * MIB,
        eta=75.0,
        connections=tuple(views),
    )
    return replace(made, **facts)  # type: ignore[arg-type]  # any field


LIST = [
    download(9, Phase.RUNNING, downloaded=0),
    download(8, Phase.PENDING, priority=Priority.HIGH, downloaded=0),
    download(7, Phase.PENDING, lane=Lane.NOW),
    download(6, Phase.PENDING),
    download(5, Phase.WAITING, due=NOW + 240, attempts=2, fault=Fault("ServerFailed", "it failed", 5)),
    download(4, Phase.WAITING),
    download(3, Phase.PAUSED),
    download(2, Phase.FAILED, fault=Fault("DiskFull", "the disk is full", 6), finished=NOW - 60),
    download(1, Phase.COMPLETED, finished=NOW - 3600),
]
LIST = [replace(each, downloaded=min(each.downloaded, each.size or 0)) for each in LIST]


@pytest.mark.parametrize("width", [50, 80, 120])
def test_the_list(width: int) -> None:
    """Columns give way before names; a footer counts."""
    counts = {Phase.RUNNING: 1, Phase.PENDING: 9997, Phase.WAITING: 2, Phase.PAUSED: 1, Phase.FAILED: 1, Phase.COMPLETED: 1}
    lines = aligned(LIST, {LIST[0].id: moving(LIST[0])}, NOW, width)
    lines.append(footer(Stats(counts, speed=4.2 * MIB, active=1), len(LIST), width))
    assert all(width_of(each) <= width for each in lines)
    kept(f"list-{width}", lines)


@pytest.mark.parametrize(("width", "glyphs"), [(80, UNICODE), (120, UNICODE), (80, ASCII)])
def test_the_queue_at_work(width: int, glyphs: Glyphs) -> None:
    """Rows, what does not fit, and the sum."""
    board = QueueBoard()
    for number in range(1, 12):
        board.apply(changed(download(number), Phase.SCHEDULED, Cause.STARTED), 0.0)
    samples = [
        moving(download(1), 1),
        moving(download(2), 4, limited="total"),
        moving(download(3), 16),
        moving(download(4), 1, total=None),
        moving(download(5), 2, note="the server asks for 12 s of peace"),
        moving(download(6), 2, limited="disk"),
    ]
    for sample in samples:
        board.apply(ProgressMade(sample), 0.0)
    board.phases, board.limit = {Phase.PENDING: 9980, Phase.WAITING: 2}, 30 * MIB
    board.done = 7
    lines = queue_frame(board, 0.5, width - 2, 10, glyphs)
    assert all(width_of(each) <= width - 2 for each in lines)
    kept(f"run-{width}{'-ascii' if glyphs is ASCII else ''}", lines)


def changed(target: Download, origin: Phase, cause: Cause, at: float = NOW, detail: str | None = None) -> PhaseChanged:
    return PhaseChanged(target, Transition(1, target.id, at, origin, target.phase, cause, detail))


@pytest.mark.parametrize("width", [80, 120])
def test_one_download(width: int) -> None:
    """Figures above the map, and which limit holds it back."""
    board = Board(1)
    board.apply(DownloadAdded(download(3)), 0.0)
    board.apply(ProgressMade(moving(download(3), limited="download")), 0.0)
    kept(f"get-{width}", frame(board, 0.0, width - 2, 24, UNICODE))


def test_the_story_of_a_download() -> None:
    """Facts, how it stands, what was asked for, what is on disk, and every transition."""
    target = download(5, Phase.WAITING, due=NOW + 240, attempts=2, priority=Priority.HIGH, group="isos")
    spec = replace(target.spec, connections=4, headers=(("Cookie", "secret"),), limit_rate=MIB)
    resource = Resource((Mirror(target.spec.uris[0]),), (Part(size=target.size),), Validator('"v1"'), ranged=True)
    place = Place("/home/me/Downloads", "a", "a.part", 1, 2)
    steps = [
        changed(replace(target, phase=Phase.SCHEDULED), Phase.PENDING, Cause.CLAIMED, NOW - 62),
        changed(replace(target, phase=Phase.RUNNING), Phase.SCHEDULED, Cause.STARTED, NOW - 61),
        changed(target, Phase.RUNNING, Cause.BACKED_OFF, NOW - 1, "example.org failed (HTTP 503)"),
    ]
    story = Story(
        replace(target, spec=spec, fault=Fault("ServerFailed", "example.org failed (HTTP 503)", 5)),
        Checkpoint(resource, place, (Span(0, 5 * MIB), Span(9 * MIB, 12 * MIB))),
        tuple(step.transition for step in steps),
    )
    text = told(story, NOW)
    assert "secret" not in text
    assert "abc" not in text
    kept("show", [tuple(_pieces(each)) for each in text.splitlines()])


def _pieces(text: str) -> Line:
    from dlm.cli.line import line

    return line(text)


def test_the_chronicle() -> None:
    """Events as lines."""
    target = download(5)
    events: list[Event] = [
        DownloadAdded(target),
        changed(replace(target, phase=Phase.RUNNING), Phase.SCHEDULED, Cause.STARTED),
        changed(
            replace(target, phase=Phase.WAITING), Phase.RUNNING, Cause.BACKED_OFF, NOW + 5, "example.org failed (HTTP 503)"
        ),
        changed(replace(target, phase=Phase.COMPLETED), Phase.COMPLETING, Cause.PUBLISHED, NOW + 9),
        ProgressMade(moving(target)),
    ]
    lines = [event_line(each, NOW, UNICODE) for each in events]
    kept("events", lines)


def test_colours_say_what_words_say() -> None:
    """No tone carries a meaning alone: without colours, every row still has its status in words, and fits as before."""
    lines = aligned(LIST, {}, NOW, 100)
    verified = replace(LIST[-1], verified=Verified(Verification.CONSISTENT))
    assert "\x1b[32m" in ansi(aligned([verified], {}, NOW, 100)[1])
    assert all(word in plain(each) for word, each in zip(("running", "pending"), lines[1:3], strict=True))
