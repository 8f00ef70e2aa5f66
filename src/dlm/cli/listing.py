"""The list of downloads: aligned columns; on a terminal in colours, and no wider than it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dlm.cli.line import Line, Piece
from dlm.cli.widths import columns, shorten
from dlm.model.download import Download
from dlm.model.phase import Phase, status
from dlm.model.text import printable
from dlm.model.units import format_size

HEADINGS = ("ID", "STATUS", "DONE", "SIZE", "NAME", "WHEN")
_RIGHT = {"DONE", "SIZE"}
_GIVES_WAY = ("WHEN", "SIZE", "DONE")  # on a terminal that is too narrow, in this order
_LEAST_NAME = 12
_TONES = {Phase.COMPLETED: "good", Phase.FAILED: "bad", Phase.CANCELLED: "bad", Phase.PAUSED: "warning"}


def cells_of(download: Download) -> tuple[str, ...]:
    """The row under `HEADINGS`, safe to show."""
    share = f"{min(100, download.downloaded * 100 // download.size)} %" if download.size else ""
    if download.phase is Phase.COMPLETED:
        share = "100 %"
    return (
        download.id[:8],
        status(download.phase, download.intent),
        share,
        "" if download.size is None else format_size(download.size),
        printable(download.label),
        moment(download.finished if download.finished is not None else download.added),
    )


def moment(seconds: float) -> str:
    """A time of this place: `2025-01-31 14:05`."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")


def aligned(downloads: Sequence[Download], width: int | None, gap: str = "…") -> list[Line]:
    """A heading and a line each, columns two spaces apart. Names give way to `width`; without one, nothing is cut."""
    rows = [dict(zip(HEADINGS, texts, strict=True)) for texts in (HEADINGS, *map(cells_of, downloads))]
    widths = {heading: max(columns(row[heading]) for row in rows) for heading in HEADINGS}
    if width is not None:
        _narrow(widths, width)
    tones = ["strong", *(_TONES.get(download.phase, "") for download in downloads)]
    return [_line(row, widths, tone, gap) for row, tone in zip(rows, tones, strict=True)]


def _narrow(widths: dict[str, int], width: int) -> None:
    for heading in (None, *_GIVES_WAY):
        if heading is not None:
            del widths[heading]
        rest = width - sum(each + 2 for name, each in widths.items() if name != "NAME")
        if rest >= min(widths["NAME"], _LEAST_NAME):
            break
    widths["NAME"] = max(1, min(widths["NAME"], rest))


def _line(row: dict[str, str], widths: dict[str, int], tone: str, gap: str) -> Line:
    pieces = []
    for heading, width in widths.items():
        text = shorten(row[heading], width, gap)
        space = " " * (width - columns(text))
        coloured = tone == "strong" or heading == "STATUS"
        pieces.append(Piece(space + text if heading in _RIGHT else text + space, tone if coloured else ""))
        pieces.append(Piece("  "))
    last = pieces[-2]
    return (*pieces[:-2], Piece(last.text.rstrip(), last.tone))
