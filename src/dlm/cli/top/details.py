"""All about one download, as lines: its map, its speed, what binds it, its connections, its addresses, its story. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

from dlm.cli.cells import cells
from dlm.cli.frame import drawn
from dlm.cli.line import HUES, Glyphs, Line, Piece, line
from dlm.cli.sentences import amount, limitation, percent
from dlm.cli.telling import told
from dlm.cli.top.heading import chart, fitted
from dlm.cli.widths import cut, shorten
from dlm.model.address import without_credentials
from dlm.model.download import Download
from dlm.model.event import ConnectionClosed, Event, RuntimeWarned
from dlm.model.message import Progressed
from dlm.model.phase import CLAIMED_PHASES, status
from dlm.model.queue import Explanation
from dlm.model.text import printable
from dlm.model.units import format_duration, format_rate, format_size
from dlm.model.value import dataclass
from dlm.ports import Story

_MAP_LINES = 4
_CHART_LINES = 4
_MOST_NEWS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """What is known of it. `speeds` are bytes a second, one for each sample; `news` come with their age in seconds."""

    story: Story
    sample: Progressed | None = None
    explanation: Explanation | None = None
    speeds: Sequence[float] = ()
    news: Sequence[tuple[float, Event]] = ()


def lines(dossier: Dossier, width: int, wall: float, glyphs: Glyphs) -> list[Line]:
    """As many as there are to tell, none wider than `width`."""
    download = dossier.story.download
    sample = dossier.sample if download.phase in CLAIMED_PHASES else None
    inner = width - 4
    blocks = [
        _map(sample, inner, glyphs),
        _chart(dossier.speeds, inner, glyphs) if sample else [],
        _titled("What holds it", _held(dossier.explanation, inner)),
        _titled("Connections", _connections(sample, inner, glyphs)),
        _titled("Addresses", _addresses(dossier.story, inner, glyphs)),
        _titled("What happened just now", _news(dossier.news)),
        _titled("On record", [line(each) for each in told(dossier.story, wall).splitlines()]),
    ]
    found = [_headline(download, sample, inner)]
    for block in blocks:
        found += [(), *block] if block else []
    return [fitted((Piece("  "), *each), width, glyphs.gap) for each in found]


def _titled(title: str, block: Sequence[Line]) -> list[Line]:
    return [line(Piece(title, "strong")), *block] if block else []


def _headline(download: Download, sample: Progressed | None, width: int) -> Line:
    """State and figures."""
    facts = [status(download.phase, download.intent)]
    if sample is None:
        facts.append(amount(download.downloaded, download.size))
    else:
        facts += [f"{percent(sample.downloaded, sample.total)} %"] if sample.total else []
        facts += [amount(sample.downloaded, sample.total), format_rate(sample.smoothed_speed)]
        facts += [f"{format_duration(sample.eta)} left"] if sample.eta is not None else []
        facts += [limit] if (limit := limitation(sample)) else []
        facts += [sample.note] if sample.note else []
    return line(Piece(cut("   ".join(facts), width), "strong"))


def _map(sample: Progressed | None, width: int, glyphs: Glyphs) -> list[Line]:
    """The file from its first byte to its last, several lines of it."""
    if sample is None or not sample.total:
        return []
    pieces = [drawn(each, glyphs) for each in cells(sample, width * _MAP_LINES)]
    return [line(*pieces[start : start + width]) for start in range(0, len(pieces), width)]


def _chart(speeds: Sequence[float], width: int, glyphs: Glyphs) -> list[Line]:
    top = max(speeds[-(width - 14) :], default=0.0)
    if top <= 0:
        return []
    drawing = chart(speeds, width - 14, _CHART_LINES, glyphs)
    labels = [f"{format_rate(top):>12}", *[" " * 12] * (_CHART_LINES - 2), f"{'0 B/s':>12}"]
    return [line(Piece(label, "faint"), "  ", Piece(each, "flown0")) for label, each in zip(labels, drawing, strict=True)]


def _held(explanation: Explanation | None, width: int) -> list[Line]:
    """What binds now, and paler what would bind next."""
    if explanation is None:
        return []
    sentences = [each.sentence for each in explanation.constraints] or ["Nothing holds it back."]
    tones = ["", *["faint"] * len(sentences)]
    return [
        line(Piece(text, tone))
        for sentence, tone in zip(sentences, tones, strict=False)
        for text in wrap(printable(sentence), width, subsequent_indent="  ")
    ]


def _connections(sample: Progressed | None, width: int, glyphs: Glyphs) -> list[Line]:
    if sample is None:
        return []
    found = []
    for view in sorted(sample.connections, key=lambda each: each.lease.start):
        share = percent(view.position - view.lease.start, view.lease.size)
        full = share * 12 // 100
        hue = f"flown{view.number % len(HUES)}"
        bar = (Piece(glyphs.done * full, hue), Piece(glyphs.pending * (12 - full), "faint"))
        where = f"{format_size(view.lease.start)} to {format_size(view.lease.stop)}"
        words = f"  {share:>3} %  {format_rate(view.speed):>12}  {where}"
        found.append(line(Piece(f"{view.number:>3}  ", hue), *bar, cut(words, width - 17, glyphs.gap)))
    return found


def _addresses(story: Story, width: int, glyphs: Glyphs) -> list[Line]:
    """Each with what is known of it: who joined in, where it led."""
    joined = {}
    if story.checkpoint is not None:
        joined = {without_credentials(each.uri): each for each in story.checkpoint.resource.mirrors}
    uris = list(dict.fromkeys([*map(without_credentials, story.download.spec.uris), *joined]))
    if len(uris) < 2:
        return []
    found = []
    for uri in uris:
        mirror = joined.get(uri)
        words = "  has bytes in the file" if mirror is not None and mirror.joined else ""
        words += "  named by the server" if mirror is not None and mirror.stranger else ""
        found.append(line(shorten(uri, width - len(words), glyphs.gap), Piece(words, "faint")))
    return found


def _news(news: Sequence[tuple[float, Event]]) -> list[Line]:
    return [line(Piece(f"{age:>5.0f} s ago  ", "faint"), text) for age, event in news[-_MOST_NEWS:] for text in _words(event)]


def _words(event: Event) -> Iterator[str]:
    match event:
        case RuntimeWarned(_, message, _):
            yield message
        case ConnectionClosed(over):
            why = f": {over.error}" if over.error else ""
            yield f"connection {over.number} to {over.host} brought {format_size(over.bytes)} in {over.elapsed:.1f} s{why}"
