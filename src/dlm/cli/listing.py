"""The list of downloads: aligned columns; on a terminal in colours, and no wider than it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from dlm.cli.line import Line, Piece, line
from dlm.cli.sentences import STATUS_WORDS, counts_text, percent
from dlm.cli.when import moment, until
from dlm.cli.widths import columns, cut, shorten
from dlm.model.download import Download, DownloadId
from dlm.model.message import Progressed
from dlm.model.phase import Phase, status
from dlm.model.queue import Stats
from dlm.model.rank import Lane, Priority
from dlm.model.text import printable
from dlm.model.units import format_rate, format_size

HEADINGS = ("ID", "STATUS", "DONE", "SIZE", "SPEED", "NAME", "NOTE", "WHEN")
_RIGHT = {"DONE", "SIZE", "SPEED"}
_IF_ANY = {"SPEED", "NOTE"}
"""Columns that are there only when some row has something to say in them."""
_GIVES_WAY = ("WHEN", "SIZE", "SPEED", "NOTE", "DONE")
"""On a terminal that is too narrow, in this order."""
_LEAST_NAME = 20
_GOOD_NAME = 36
_LEAST_NOTE = 14
TONES = {
    Phase.RUNNING: "strong",
    Phase.COMPLETED: "good",
    Phase.FAILED: "bad",
    Phase.CANCELLED: "bad",
    Phase.PAUSED: "warning",
    Phase.WAITING: "warning",
}


def cells_of(download: Download, sample: Progressed | None, wall: float) -> tuple[str, ...]:
    """The row under `HEADINGS`, safe to show."""
    size = sample.total if sample and sample.total is not None else download.size
    downloaded = sample.downloaded if sample else download.downloaded
    share = f"{percent(downloaded, size)} %" if size else ""
    if download.phase is Phase.COMPLETED:
        share = "100 %"
    return (
        download.id[:8],
        status(download.phase, download.intent),
        share,
        "" if size is None else format_size(size),
        format_rate(sample.smoothed_speed) if sample else "",
        printable(download.label),
        note(download, wall),
        moment(download.finished if download.finished is not None else download.added),
    )


def note(download: Download, wall: float) -> str:
    """What is unusual: its rank, what it waits for and how long, why it failed."""
    words = ["folder"] if download.spec.recursive is not None else ["metalink"] if download.stands_for_others else []
    if download.phase is Phase.FAILED and download.fault is not None:
        words.append(_words(download.fault.kind))
    if download.phase is Phase.WAITING:
        words.append("network" if download.due is None else until(download.due, wall))
        words += [_words(download.fault.kind)] if download.fault is not None and download.attempts else []
    if download.finished is None and download.phase not in {Phase.FAILED, Phase.CANCELLED}:
        words += [download.priority.name.lower()] if download.priority is not Priority.NORMAL else []
        words += ["now"] if download.lane is Lane.NOW else []
    return printable(", ".join(words))


def _words(kind: str) -> str:
    """`DiskFull` as `disk full`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind).lower()


def aligned(
    downloads: Sequence[Download], samples: Mapping[DownloadId, Progressed], wall: float, width: int | None, gap: str = "…"
) -> list[Line]:
    """A heading and a line each, columns two spaces apart. Names give way to `width`; without one, nothing is cut."""
    texts = [cells_of(download, samples.get(download.id), wall) for download in downloads]
    rows = [dict(zip(HEADINGS, each, strict=True)) for each in (HEADINGS, *texts)]
    shown = [heading for heading in HEADINGS if heading not in _IF_ANY or any(row[heading] for row in rows[1:])]
    widths = {heading: max(columns(row[heading]) for row in rows) for heading in shown}
    if width is not None:
        _narrow(widths, width)
    tones = ["strong", *(TONES.get(download.phase, "") for download in downloads)]
    return [_line(row, widths, tone, gap, heading=at == 0) for at, (row, tone) in enumerate(zip(rows, tones, strict=True))]


def footer(stats: Stats, shown: int, width: int) -> Line:
    """All downloads by what they do, the speed, and whether more are there than are shown."""
    total = sum(stats.phases.values())
    facts = [counts_text(stats.phases, STATUS_WORDS)]
    facts += [format_rate(stats.speed)] if stats.active else []
    facts += [f"{shown:,} of {total:,} shown (-n N, --status, --search)"] if shown < total else []
    while len(facts) > 1 and sum(len(fact) + 3 for fact in facts) - 3 > width:
        facts.pop()
    return line(Piece(cut("   ".join(facts), width), "faint"))


def _narrow(widths: dict[str, int], width: int) -> None:
    """First the notes become shorter, then columns give way, until names have room enough."""
    full, wanted, least = widths.get("NOTE", 0), min(widths["NAME"], _GOOD_NAME), min(widths["NAME"], _LEAST_NAME)
    for heading in ("", *_GIVES_WAY):
        widths.pop(heading, None)
        rest = width - sum(each + 2 for name, each in widths.items() if name not in {"NAME", "NOTE"})
        if "NOTE" in widths:
            widths["NOTE"] = max(min(full, _LEAST_NOTE), min(full, rest - 2 - wanted))
            rest -= widths["NOTE"] + 2
        if rest >= least:
            break
    widths["NAME"] = max(1, min(widths["NAME"], rest))


def _line(row: dict[str, str], widths: dict[str, int], tone: str, gap: str, *, heading: bool) -> Line:
    pieces = []
    for name, width in widths.items():
        text = shorten(row[name], width, gap) if name == "NAME" else cut(row[name], width, gap)
        space = " " * (width - columns(text))
        pieces.append(Piece(space + text if name in _RIGHT else text + space, tone if heading or name == "STATUS" else ""))
        pieces.append(Piece("  "))
    last = pieces[-2]
    return (*pieces[:-2], Piece(last.text.rstrip(), last.tone))
