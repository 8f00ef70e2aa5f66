"""The list of downloads: a table on a terminal, aligned text elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TextIO

from dlm.cli.printable import columns, printable
from dlm.model.download import Download
from dlm.model.phase import Phase, status
from dlm.model.units import format_size

HEADINGS = ("ID", "STATUS", "DONE", "SIZE", "NAME", "WHEN")
_RIGHT = {"DONE", "SIZE"}
_STYLES = {Phase.COMPLETED: "green", Phase.FAILED: "red", Phase.CANCELLED: "red", Phase.RUNNING: "cyan"}


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


def print_aligned(downloads: Sequence[Download], stream: TextIO) -> None:
    """Columns two spaces apart, with a heading; nothing is cut."""
    from dlm.cli.faces import write_text

    rows = [HEADINGS, *map(cells_of, downloads)]
    widths = [max(map(columns, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        padded = []
        for heading, text, width in zip(HEADINGS, row, widths, strict=True):
            space = " " * (width - columns(text))
            padded.append(space + text if heading in _RIGHT else text + space)
        lines.append("  ".join(padded).rstrip() + "\n")
    write_text(stream, "".join(lines))


def print_table(downloads: Sequence[Download], stream: TextIO) -> None:
    """The same, in colours, and as wide as the terminal: the name gives way."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for heading in HEADINGS:
        table.add_column(
            heading,
            justify="right" if heading in _RIGHT else "left",
            no_wrap=True,
            overflow="ellipsis",
            ratio=1 if heading == "NAME" else None,
        )
    for download in downloads:
        cells = [Text(text) for text in cells_of(download)]
        cells[1].style = _STYLES.get(download.phase, "")
        table.add_row(*cells)
    Console(file=stream, highlight=False).print(table)
