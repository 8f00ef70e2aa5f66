"""What `dlm top` writes: rows, heading, details, as lines. Tables, and properties over hostile names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.cli.line import ASCII, UNICODE, Glyphs, plain, width_of
from dlm.cli.top import acts, details, heading, keys, rows
from dlm.cli.top.views import Order, View, Wish
from dlm.model.download import Download, DownloadId, DownloadSpec, Fault
from dlm.model.event import ConnectionClosed, RuntimeWarned
from dlm.model.message import ConnectionEnded, ConnectionView, Progressed
from dlm.model.phase import Order as Ordering
from dlm.model.phase import Phase
from dlm.model.queue import Constraint, Explanation
from dlm.model.span import Span
from dlm.model.text import printable
from dlm.ports import Story

MIB = 2**20
ESCAPES = "\x1b[31mred\x1b]0;title\x07\r\n\u202e[bold red]x[/]\ud800"


def download(phase: Phase = Phase.RUNNING, name: str = "image.iso", **facts: Any) -> Download:
    spec = DownloadSpec(uris=("https://user:secret@host.example:8443/image.iso",), directory="/target")
    return Download(id=DownloadId("a" * 16), spec=spec, added=0.0, phase=phase, name=name, **facts)


def sample(downloaded: int = 5 * MIB, total: int | None = 10 * MIB, note: str | None = None) -> Progressed:
    return Progressed(
        id=DownloadId("a" * 16),
        total=total,
        downloaded=downloaded,
        instantaneous_speed=2.0 * MIB,
        smoothed_speed=float(MIB),
        eta=5.0,
        connections=(ConnectionView(1, Span(0, 10 * MIB), downloaded, float(MIB)),),
        done=(Span(0, downloaded),),
        note=note,
    )


def look(width: int, glyphs: Glyphs = UNICODE) -> rows.Look:
    return rows.Look(shape=rows.columns_for(width), glyphs=glyphs, now=1.0, wall=1_700_000_000.0)


PLACES = {phase: download(phase) for phase in Phase}


@given(
    st.sampled_from(Phase),
    st.text(alphabet=st.characters(), max_size=60),
    st.integers(40, 260),
    st.booleans(),
    st.booleans(),
)
def test_a_row_is_as_wide_as_the_screen_whatever_it_is_called(
    phase: Phase, words: str, width: int, moves: bool, chosen: bool
) -> None:
    """Names and errors of strangers shift no column and pass no control character."""
    each = replace(PLACES[phase], name=words, fault=Fault("NotFound", words, 3) if phase is Phase.FAILED else None)
    row = rows.row(each, sample(note=words or None) if moves else None, look(width), chosen=chosen)
    assert width_of(row) == width
    assert plain(row).isprintable()


@pytest.mark.parametrize(
    ("width", "absent"), [(200, ""), (120, ""), (80, "host"), (60, "host size left"), (50, "host size left bar")]
)
def test_columns_give_way_one_after_the_other(width: int, absent: str) -> None:
    """A narrow screen has fewer columns, and names have room on each."""
    shape = rows.columns_for(width - 1)
    assert [name for name in ("host", "size", "left", "bar", "speed") if not getattr(shape, name)] == absent.split()
    assert shape.name >= 16


@pytest.mark.parametrize(
    ("phase", "facts", "moves", "words"),
    [
        (Phase.RUNNING, {}, sample(), "running    image.iso            ━━━━────  50%    1.0 MiB/s    0:05   10.0 MiB"),
        (Phase.RUNNING, {}, sample(note="joining parts"), "running    image.iso            joining parts"),
        (Phase.PENDING, {"size": MIB}, None, "pending    image.iso                                                  1.0 MiB"),
        (Phase.PAUSED, {"size": 4 * MIB, "downloaded": MIB}, None, "paused     image.iso            ━━──────  25%"),
        (Phase.WAITING, {"due": 1_700_000_012.0}, None, "waiting    image.iso            in 12 s"),
        (Phase.COMPLETING, {}, None, "completing image.iso            finishing"),
        (Phase.COMPLETED, {"finished": 0.0}, None, "completed  image.iso            done 19"),
        (Phase.CANCELLED, {}, None, "cancelled  image.iso"),
    ],
)
def test_a_row_says_how_it_stands(phase: Phase, facts: dict[str, Any], moves: Progressed | None, words: str) -> None:
    """Figures of what moves; of what does not, why it does not."""
    text = plain(rows.row(download(phase, **facts), moves, look(79), chosen=False))
    assert text[2:].startswith(words)
    assert plain(rows.row(download(phase, **facts), moves, look(79), chosen=True)).startswith("● ")


def test_an_error_need_not_begin_with_the_address() -> None:
    """In a row the name stands beside it; the address is left out with its password or without."""
    for address in ("https://user:secret@host.example:8443/image.iso", "https://host.example:8443/image.iso"):
        fault = Fault("NotFound", f"{address} is not there (HTTP 404)", 3)
        text = plain(rows.row(download(Phase.FAILED, fault=fault), None, look(120), chosen=False))
        assert "   is not there (HTTP 404)" in text
        assert "secret" not in text


@given(st.integers(30, 250), st.sampled_from([UNICODE, ASCII]), st.text(alphabet=st.characters(), max_size=80))
def test_what_stands_around_the_table_fits(width: int, glyphs: Glyphs, words: str) -> None:
    """No line is wider than the screen, and none passes a control character."""
    standing = heading.Standing(
        where=words, phases={Phase.RUNNING: 3, Phase.FAILED: 12_345}, speeds=[1.0, 5.0, 0.0] * 40, limit=MIB, free=MIB
    )
    lost = replace(standing, lost=words)
    lines = [
        heading.summary(standing, width, glyphs),
        heading.summary(lost, width, glyphs),
        heading.tabs(standing, Wish(View.DONE, Order.SIZE, words), width),
        heading.status_line(standing, words, 3, width, glyphs),
        heading.status_line(lost, None, 0, width, glyphs),
        heading.key_line(width),
        rows.heading(rows.columns_for(width), Order.SPEED, glyphs) if width >= 40 else (),
    ]
    assert all(width_of(each) <= width for each in lines)
    assert all(plain(each).isprintable() for each in lines)


def test_the_header_tells_speed_limit_and_place() -> None:
    """All of it at 80 columns; a facade that is lost has no speed."""
    standing = heading.Standing(where="http://nas:8840", phases={Phase.RUNNING: 1}, speeds=[0.0, 3.0 * MIB], limit=5 * MIB)
    text = plain(heading.summary(standing, 80, UNICODE))
    assert text.split() == ["3.0", "MiB/s", "▁█", "limit", "5.0", "MiB/s", "http://nas:8840"]
    assert plain(heading.summary(replace(standing, lost="gone"), 80, UNICODE)).split()[:2] == ["no", "answer"]


@pytest.mark.parametrize(
    ("lost", "said", "chosen", "words"),
    [
        ("gone", "Paused.", 2, " 2 chosen (Esc: none)  No answer, trying again: gone"),
        (None, "Paused.", 2, " 2 chosen (Esc: none)  Paused."),
        (None, "Paused.", 0, " Paused."),
        (None, None, 0, " because"),
    ],
)
def test_the_most_urgent_sentence_is_told(lost: str | None, said: str | None, chosen: int, words: str) -> None:
    """That nobody answers before what a key did, and that before why nothing moves; and always how many are chosen."""
    standing = heading.Standing(where="", phases={}, reason="because", lost=lost)
    assert plain(heading.status_line(standing, said, chosen, 80, UNICODE)) == words


@pytest.mark.parametrize(
    ("values", "width", "drawn"),
    [([], 8, ""), ([0, 0], 8, "▁▁"), ([1, 2, 4, 8], 8, "▂▃▅█"), ([9, 1, 8], 2, "▂█"), ([5], 0, "")],
)
def test_a_sparkline_is_as_high_as_its_highest(values: list[float], width: int, drawn: str) -> None:
    """The last values, in eight heights."""
    assert heading.sparkline(values, width, UNICODE) == drawn


def test_a_chart_has_as_many_lines_as_asked_for() -> None:
    """The highest value reaches the top; where nothing came there is nothing."""
    assert heading.chart([0, 1, 2], 10, 2, UNICODE) == ["  █", " ██"]
    assert heading.chart([], 10, 2, ASCII) == ["", ""]


def test_the_footer_keeps_the_help_and_the_way_out() -> None:
    """At 80 columns the orders are there, and at any width `?` and `q`."""
    assert plain(heading.key_line(80)).split()[::2] == ["p", "r", "x", "d", "a", "l", "/", "?", "q"]
    assert plain(heading.key_line(200)).split()[::2] == [label for label, _ in keys.FOOTER]
    assert plain(heading.key_line(30)).split()[-4:] == ["?", "help", "q", "quit"]


def test_no_key_does_two_things() -> None:
    """A table of keys in which each stands once, and all of them in the help."""
    pressed = [key for each in (*keys.KEYS, keys.VIEWS) for key in each.key.split(",")]
    assert len(pressed) == len(set(pressed))
    assert all(label and words for label, words in keys.help_rows())


def test_the_details_make_strangers_harmless() -> None:
    """Escape codes in a name, an error, a sentence and a warning are shown as signs, or not at all."""
    each = download(name=ESCAPES, fault=Fault("NotFound", ESCAPES, 3))
    ended = ConnectionEnded(each.id, 1, ESCAPES, MIB, 2.0, ESCAPES)
    dossier = details.Dossier(
        story=Story(each, None, ()),
        sample=sample(note=ESCAPES),
        explanation=Explanation(each, (Constraint("limit", ESCAPES),)),
        speeds=[1.0, 2.0],
        news=[(1.0, RuntimeWarned("code", ESCAPES, each.id)), (2.0, ConnectionClosed(ended))],
    )
    for width in (80, 200):
        lines = details.lines(dossier, width, 1_700_000_000.0, UNICODE)
        assert all(plain(line).isprintable() and width_of(line) <= width for line in lines)
        text = "\n".join(map(plain, lines))
        assert "[bold red]x[/]" in text
        assert "secret" not in text


def test_the_details_draw_map_chart_and_connections() -> None:
    """What the page shows: where each byte stands, the speed, who fetches what, what binds."""
    each = download(size=10 * MIB)
    explanation = Explanation(each, (Constraint("limit", "The limit binds."), Constraint("host", "The host is next.")))
    dossier = details.Dossier(story=Story(each, None, ()), sample=sample(), explanation=explanation, speeds=[1.0, 4.0 * MIB])
    text = "\n".join(plain(line) for line in details.lines(dossier, 80, 0.0, UNICODE))
    assert "running   50 %   5.0 MiB of 10.0 MiB   1.0 MiB/s   0:05 left" in text
    assert "━" * 76 in text
    assert "4.0 MiB/s" in text
    assert "What holds it\n  The limit binds.\n  The host is next." in text
    assert "  1  ━━━━━━──────   50 %     1.0 MiB/s  0 B to 10.0 MiB" in text
    ended = details.lines(replace(dossier, story=Story(replace(each, phase=Phase.PAUSED), None, ())), 80, 0.0, UNICODE)
    assert "Connections" not in "\n".join(map(plain, ended))


@pytest.mark.parametrize(
    ("limit", "step", "speed", "then"),
    [
        (None, 1, 9.0 * MIB, None),
        (None, -1, 9.0 * MIB, 8 * MIB),
        (None, -1, 0.0, MIB),
        (8 * MIB, 1, 0.0, 12 * MIB),
        (8 * MIB, -1, 0.0, 5 * MIB),
        (6 * MIB, -1, 0.0, 5 * MIB),
        (64 * 1024, -1, 0.0, 64 * 1024),
        (1024 * MIB, 1, 0.0, None),
    ],
)
def test_a_limit_goes_by_steps(limit: int | None, step: int, speed: float, then: int | None) -> None:
    """Above the last step there is none; below none is the first that is felt."""
    assert acts.step_rate(limit, step, speed) == then


@pytest.mark.parametrize(
    ("order", "phase", "words"),
    [
        (Ordering.PAUSE, Phase.RUNNING, None),
        (Ordering.PAUSE, Phase.COMPLETED, "image.iso: it is complete"),
        (Ordering.RESUME, Phase.CANCELLED, "image.iso: it was cancelled: x tries it again"),
        (Ordering.RETRY, Phase.FAILED, None),
    ],
)
def test_a_key_that_makes_no_sense_says_why(order: Ordering, phase: Phase, words: str | None) -> None:
    """Before anybody is asked."""
    assert acts.refusal(order, download(phase)) == words


def test_keys_are_for_the_chosen_or_the_cursor() -> None:
    """Chosen ones first; many go in lots."""
    a, b = DownloadId("a"), DownloadId("b")
    assert acts.targets((a, b), a) == (a, b)
    assert acts.targets((), b) == (b,)
    assert acts.targets((), None) == ()
    assert [len(lot.references) for lot in acts.lots([a] * 1001)] == [500, 500, 1]


def test_escapes_are_escapes() -> None:
    """The string that these tests use is dangerous indeed."""
    assert not ESCAPES.isprintable()
    assert "\x1b" not in printable(ESCAPES)
