"""What a terminal shows: lines that fit."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from dlm.cli import sentences
from dlm.cli.board import Board, Row
from dlm.cli.frame import bar, frame
from dlm.cli.line import ASCII, UNICODE, Glyphs, Piece, ansi, glyphs_for, line, plain, width_of
from dlm.cli.terminal import Canvas
from dlm.cli.widths import columns, pad, shorten
from dlm.model.download import Download, DownloadId, DownloadSpec, Fault
from dlm.model.event import DownloadAdded, PhaseChanged, ProgressMade, Transition
from dlm.model.message import ConnectionView, Progressed
from dlm.model.phase import Cause, Phase
from dlm.model.recursion import Recursion
from dlm.model.resource import Verification, Verified
from dlm.model.span import Span
from dlm.model.text import printable
from dlm.ports import Outcome

MIB = 1024**2
GIB = 1024**3


def download(number: int = 1, name: str | None = "image.iso", **facts: object) -> Download:
    spec = DownloadSpec(uris=(f"https://example.org/{number}",), directory="/target")
    made = Download(id=DownloadId(f"{number:016x}"), spec=spec, added=0.0, phase=Phase.RUNNING, name=name)
    return replace(made, **facts)  # type: ignore[arg-type]  # any field


def progressed(number: int = 1, total: int | None = GIB, downloaded: int = 431 * MIB, connections: int = 4) -> Progressed:
    share = (total or GIB) // max(1, connections)
    views = [
        ConnectionView(n, Span(n * share, (n + 1) * share), n * share + share * 42 // 100, 1.0) for n in range(connections)
    ]
    return Progressed(
        id=DownloadId(f"{number:016x}"),
        total=total,
        downloaded=downloaded,
        instantaneous_speed=90 * MIB,
        smoothed_speed=85.3 * MIB,
        eta=7.0,
        connections=tuple(views),
    )


def board(*rows: tuple[Download, Progressed | None], expected: int | None = None) -> Board:
    made = Board(expected or len(rows))
    for each, progress in rows:
        made.apply(DownloadAdded(each), 0.0)
        if progress is not None:
            made.apply(ProgressMade(progress), 0.0)
    return made


def texts(given: Board, width: int = 80, height: int = 24, glyphs: Glyphs = UNICODE, now: float = 0.0) -> list[str]:
    return [plain(each) for each in frame(given, now, width, height, glyphs)]


def shown_by_rich(given: Board, width: int = 80) -> str:
    """What another reader of the escape sequences makes of the lines, in a terminal of that width."""
    console = Console(file=io.StringIO(), record=True, force_terminal=True, width=width, color_system="standard")
    for each in frame(given, 0.0, width, 24, UNICODE):
        console.print(Text.from_ansi(ansi(each)), soft_wrap=False)
    return console.export_text()


def test_one_download_with_several_connections() -> None:
    """A line of figures, and below it the map over the whole width."""
    assert shown_by_rich(board((download(), progressed()))).splitlines() == [
        "image.iso" + " " * 17 + "42 %  431.0 MiB of 1.0 GiB    85.3 MiB/s     0:07  ×4 ",
        "━━━━━━━━╸───────────" * 4,
    ]


def test_one_download_with_one_connection() -> None:
    """A plain bar, green up to where it is."""
    pieces = bar(progressed(connections=1), 50, 0.0, UNICODE)
    assert pieces == [Piece("━" * 21, "good"), Piece("─" * 29, "faint")]


def test_a_download_of_unknown_size() -> None:
    """A pulse that moves with time, the bytes and the speed; no percent and no time."""
    given = board((download(), progressed(total=None, connections=1)))
    first, second = texts(given)
    assert "431.0 MiB" in first
    assert "%" not in first
    assert columns(second) == 80
    assert texts(given, now=1.0)[1] != second


def test_several_downloads_and_their_total() -> None:
    """A line for each that is under way, and the total below."""
    given = board((download(1), progressed(1)), (download(2, "b.bin"), None), (download(3, phase=Phase.PENDING), None))
    assert texts(given) == [
        "image.iso                 ━━╸───━━╸───━━╸───━━╸───   42 %    85.3 MiB/s     0:07",
        "b.bin                     connecting",
        "0 of 3 done, 1 waiting   431.0 MiB   85.3 MiB/s",
    ]


def test_more_downloads_than_rows() -> None:
    """What does not fit is counted."""
    given = board(*((download(n, f"f{n}"), progressed(n)) for n in range(1, 21)), expected=100)
    lines = texts(given, height=6)
    assert len(lines) == 6
    assert lines[4] == "… and 16 more under way"
    assert lines[5].startswith("0 of 100 done, 80 waiting")


def test_a_note_says_what_is_waited_for() -> None:
    """While a transfer waits, its note stands in place of the figures."""
    note = replace(progressed(), note="the server is busy; again in 0:12")
    assert texts(board((download(), note)))[0].endswith("the server is busy; again in 0:12")


def test_ascii_where_the_encoding_has_no_more() -> None:
    """Without UTF-8 every line is ASCII."""
    assert glyphs_for("UTF-8") is UNICODE
    assert glyphs_for("ISO-8859-1") is ASCII
    assert glyphs_for(None) is ASCII
    given = board((download(1, "a" * 90), progressed(1)), (download(2), progressed(2, total=None)))
    assert all(text.isascii() for text in texts(given, glyphs=ASCII))


names = st.text(min_size=1, max_size=60) | st.sampled_from(["名前の長いファイル" * 5, "e\u0301" * 40, "\x1b[2J", "a\nb\rc"])


@settings(deadline=None)
@given(
    st.lists(st.tuples(names, st.none() | st.integers(0, 2 * GIB), st.integers(0, 6)), min_size=1, max_size=8),
    st.integers(1, 200),
    st.integers(1, 12),
    st.sampled_from([UNICODE, ASCII]),
)
def test_no_line_is_wider_than_the_terminal(
    rows: list[tuple[str, int | None, int]], width: int, height: int, glyphs: Glyphs
) -> None:
    """Whatever is under way, the lines fit width and height, and no control character is in them."""
    made = board(
        *((download(n, name), progressed(n, total, (total or 5) // 2, count)) for n, (name, total, count) in enumerate(rows))
    )
    lines = frame(made, 1.5, width, height, glyphs)
    assert len(lines) <= height
    for each in lines:
        assert width_of(each) <= width
        assert plain(each).isprintable()


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_what_matters_most_stays_on_narrow_terminals(width: int) -> None:
    """Percent and speed are there on 40 columns."""
    first, second = texts(board((download(), progressed())), width=width)
    assert "image.iso" in first
    assert "42 %" in first
    assert "85.3 MiB/s" in first
    assert columns(second) == width


# --- sentences --------------------------------------------------------------------------------------------------------


def finished(**facts: object) -> Download:
    sure = Verified(Verification.VERIFIED, "sha-256")
    return download(**{"phase": Phase.COMPLETED, "size": GIB, "path": "/target/image.iso", "verified": sure, **facts})  # type: ignore[arg-type]  # any field


def test_a_finished_download_is_told() -> None:
    """Size, time, speed, how sure, and where."""
    row = Row(finished(), began=100.0)
    text = plain(sentences.completed(row, 112.0, UNICODE))
    assert text == "✓ image.iso  1.0 GiB in 0:12 (85.3 MiB/s)  verified by sha-256 → /target/image.iso"


def test_the_speed_of_a_resumed_download_is_that_of_this_run() -> None:
    """Bytes of an earlier run do not count as fetched."""
    row = Row(finished(), began=100.0, had=GIB // 2)
    assert "in 5.0 s (102.4 MiB/s), resumed at 512.0 MiB" in plain(sentences.completed(row, 105.0, UNICODE))


def test_a_failure_is_told() -> None:
    """The sentence of the error."""
    failed = download(phase=Phase.FAILED, fault=Fault("NotFound", "there is nothing at https://h/x (HTTP 404)", 3))
    assert plain(sentences.failed(failed, UNICODE)) == "✗ image.iso  there is nothing at https://h/x (HTTP 404)"
    assert plain(sentences.failed(failed, ASCII)).startswith("failed: image.iso")


def test_a_file_that_was_complete_is_told() -> None:
    """It says how to fetch it again."""
    text = plain(sentences.already(finished(), UNICODE))
    assert text == "✓ image.iso is complete already (1.0 GiB, verified by sha-256); --overwrite fetches it again"


@pytest.mark.parametrize(
    ("downloads", "expected", "sentence"),
    [
        ([], 1, "Stopped; nothing had come yet. Go on with: dlm get U"),
        (
            [download(downloaded=412 * MIB, size=GIB, phase=Phase.PAUSED)],
            1,
            "Stopped; 412.0 MiB of 1.0 GiB kept. Go on with: dlm get U",
        ),
        ([download(downloaded=412 * MIB, phase=Phase.PAUSED)], 1, "Stopped; 412.0 MiB kept. Go on with: dlm get U"),
        (
            [finished(number=1), download(2, downloaded=MIB, phase=Phase.PAUSED)],
            3,
            "Stopped; 1 of 3 done, 1.0 MiB of the others kept. Go on with: dlm get U",
        ),
    ],
)
def test_a_stop_says_what_is_kept_and_how_to_go_on(downloads: list[Download], expected: int, sentence: str) -> None:
    """What was fetched, and the command."""
    assert sentences.stopped(downloads, expected, "dlm get U", secret=False) == sentence


def test_a_stop_says_that_secrets_are_left_out() -> None:
    """A command that lacks its secrets is not offered as complete."""
    assert "the same command, its secrets in place of ***: dlm get U" in sentences.stopped([], 1, "dlm get U", secret=True)


def test_a_stream_cannot_be_gone_on_with() -> None:
    """Nothing is kept of what went to standard output."""
    streamed = download(spec=DownloadSpec(uris=("https://h/a",), directory="/", output="-"))
    assert "cannot be gone on with" in sentences.stopped([streamed], 1, "dlm get U", secret=False)


# --- the board --------------------------------------------------------------------------------------------------------


def changed(target: Download, origin: Phase, cause: Cause) -> PhaseChanged:
    return PhaseChanged(target, Transition(1, target.id, 0.0, origin, target.phase, cause))


def test_the_board_counts() -> None:
    """Active, ended and waiting add up to what was expected."""
    made = board((download(1), progressed(1)), (finished(number=2), None), (download(3, phase=Phase.FAILED), None), expected=7)
    assert (len(made.active()), made.count(Phase.COMPLETED), made.count(Phase.FAILED), made.waiting) == (1, 1, 1, 4)


def test_the_board_times_from_the_first_byte() -> None:
    """The clock of a row starts when it runs, with what an earlier run had left; a later restart does not reset it."""
    made = board((download(phase=Phase.SCHEDULED, downloaded=5), None))
    running = download(downloaded=5)
    made.apply(changed(running, Phase.SCHEDULED, Cause.STARTED), 10.0)
    made.apply(changed(running, Phase.SCHEDULED, Cause.STARTED), 20.0)
    (row,) = made.rows.values()
    assert (row.began, row.had) == (10.0, 5)


def test_progress_of_a_stranger_is_ignored() -> None:
    """A sample of a download that this run does not know changes nothing."""
    made = Board(1)
    made.apply(ProgressMade(progressed()), 0.0)
    assert not made.rows


def test_a_name_is_asked_for_once() -> None:
    """Only of a known download that has none yet."""
    made = board((download(1, name=None), None), (download(2), None))
    asked = [made.asks(DownloadId(f"{number:016x}")) for number in (1, 1, 2, 3)]
    assert asked == [True, False, False, False]


# --- safe text --------------------------------------------------------------------------------------------------------


@given(st.text(max_size=80))
def test_nothing_printable_commands_a_terminal(text: str) -> None:
    """No control character, escape sequence, direction override or surrogate passes; plain text passes unchanged."""
    safe = printable(text)
    assert safe.isprintable()
    assert len(safe) == len(text)
    if text.isprintable():
        assert safe == text


@given(st.text(max_size=80), st.integers(0, 60), st.sampled_from(["…", ".."]))
def test_shortened_text_fits(text: str, width: int, gap: str) -> None:
    """`shorten` never passes the width; `pad` meets it."""
    safe = printable(text)
    assert columns(shorten(safe, width, gap)) <= width
    assert columns(pad(safe, width, gap)) == width
    if columns(safe) <= width:
        assert shorten(safe, width, gap) == safe


def test_the_ending_of_a_long_name_is_kept() -> None:
    """What is too much goes from the middle."""
    assert shorten("a-very-long-name-for-a-file.tar.gz", 20) == "a-very-long-n…tar.gz"


@given(st.lists(st.tuples(st.text(max_size=10), st.sampled_from(["", "good", "head3"]))))
def test_colours_change_no_text(pieces: list[tuple[str, str]]) -> None:
    """Without its sequences, a coloured line is the plain one."""
    made = line(*(Piece(text, tone) for text, tone in pieces))
    assert re.sub(r"\x1b\[[0-9;]*m", "", ansi(made)) == plain(made)


# --- the canvas -------------------------------------------------------------------------------------------------------


class Screen:
    """A terminal of some width that understands what the canvas writes: text, line breaks, up, erase below."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.rows: list[str] = [""]
        self.at = 0

    def feed(self, written: str) -> list[str]:
        """The rows after this was written, without trailing blanks."""
        for token in re.findall(r"\x1b\[(?:\d*A|J|[0-9;]*m)|\n|\r|[^\x1b\n\r]+", written):
            if token == "\n":
                self.at += 1
                self.rows += [""] * (self.at + 1 - len(self.rows))
            elif token == "\r":
                pass
            elif token.endswith("A"):
                self.at -= int(token[2:-1])
            elif token == "\x1b[J":
                self.rows = [*self.rows[: self.at], ""]
            elif not token.startswith("\x1b"):
                self.rows[self.at] += token
        return self.rows


def test_the_canvas_draws_over_itself() -> None:
    """Drawn lines replace the last ones, finished lines stay above, and the end leaves nothing behind."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="")
    canvas = Canvas(stream, colour=True)
    canvas.paint([line("one"), line("two")])
    canvas.paint([line("three"), line("four")])
    canvas.write(line("finished"))
    canvas.paint([line("five")])
    canvas.write(line("finished too"))
    canvas.paint([])
    stream.seek(0)
    assert Screen(80).feed(stream.read()) == ["finished", "finished too", ""]


def test_the_canvas_writes_nothing_when_nothing_changed() -> None:
    """The same lines are not written again."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="")
    canvas = Canvas(stream, colour=True)
    canvas.paint([line("one")])
    length = stream.tell()
    canvas.paint([line("one")])
    assert stream.tell() == length


def test_the_canvas_counts_lines_that_a_narrower_terminal_broke() -> None:
    """What was drawn wide and is wrapped now is erased whole."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="")

    class Narrow(Canvas):
        def size(self) -> tuple[int, int]:
            return 40, 24

    canvas = Narrow(stream, colour=False)
    canvas.paint([line("x" * 78), line("y" * 78)])
    canvas.paint([])
    stream.seek(0)
    assert stream.read().endswith("\r\x1b[3A\x1b[J")


def test_a_folder_is_a_line_and_its_files_are_counted() -> None:
    """The listing says how far it is; only files are counted, those that were found as soon as they are known."""
    folder = replace(download(9, name=None), spec=replace(download().spec, recursive=Recursion()))
    listing = replace(progressed(9, total=None, downloaded=0), note="listing: 2 files in 1 folders so far")
    folders = Board(0, 1)
    for each in (folder, download(1, group=folder.id), download(2, group=folder.id, name="b.iso")):
        folders.learn(replace(each, phase=Phase.RUNNING))
    for sample in (listing, progressed(1), progressed(2)):
        folders.apply(ProgressMade(sample), 0.0)
    shown = texts(folders)
    assert "listing: 2 files in 1 folders so far" in shown[0]
    assert shown[-1].startswith("0 of 2 done")
    folders.learn(replace(folder, phase=Phase.COMPLETED))
    folders.learn(finished(id=download(1).id, group=folder.id))
    assert texts(folders)[-1].startswith("1 of 2 done")


def test_what_came_of_a_folder_is_told_in_a_line() -> None:
    """How much, how long, what was there before, and what has failed, by name as far as there is room."""
    folder = replace(download(9), spec=replace(download().spec, recursive=Recursion()), phase=Phase.COMPLETED)
    failures = [Outcome(download(n, name=f"{n}.iso", phase=Phase.FAILED)) for n in range(5)]
    done = [Outcome(finished()), Outcome(finished(), already=True)]
    told = sentences.gathered([Outcome(folder), *done, *failures], 3.0)
    assert told == "1 file, 1.0 GiB, in 3.0 s; 1 was complete already; 5 failed: 0.iso, 1.iso, 2.iso and 2 more."
    assert sentences.gathered([Outcome(folder)], 3.0) == "0 files, 0 B, in 3.0 s."
