"""Events as lines for people: `dlm events`. Pure."""

from __future__ import annotations

from dlm.cli.facts import reason
from dlm.cli.line import Glyphs, Line, Piece, line
from dlm.cli.sentences import amount, limitation
from dlm.cli.when import exact_moment
from dlm.model.download import Download
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
)
from dlm.model.message import Progressed
from dlm.model.phase import Phase
from dlm.model.units import format_rate, format_size

_TONES = {Phase.COMPLETED: "good", Phase.FAILED: "bad", Phase.CANCELLED: "bad", Phase.WAITING: "warning"}
_WIDE = 10


def event_line(event: Event, wall: float, glyphs: Glyphs) -> Line:
    """The moment, the short id, a word, and what there is to say. `wall` is the moment of what bears none itself."""
    match event:
        case PhaseChanged(download, step):
            what = reason(download, step.cause)[1]
            why = f"{what}: {step.detail}" if step.detail else what
            return _line(step.at, download.id, step.target.value, f"{download.label}  {why}", _TONES.get(step.target, ""))
        case DownloadAdded(download):
            return _of(download, wall, "added", download.uri)
        case DownloadEdited(download):
            return _of(download, wall, "edited", "what was asked for, or its place in the queue, has changed")
        case DownloadRemoved(download):
            return _of(download, wall, "removed", "it is forgotten")
        case ProgressMade(progress):
            return _line(wall, progress.id, "progress", _moving(progress, glyphs), "faint")
        case ConnectionClosed(over):
            speed = format_rate(over.bytes / over.elapsed) if over.elapsed > 0 else "no time"
            error = f"; {over.error}" if over.error else ""
            text = f"number {over.number} to {over.host} brought {format_size(over.bytes)} at {speed}{error}"
            return _line(wall, over.id, "connection", text, "faint")
        case RuntimeWarned(message=message, id=id):
            return _line(wall, id or "", "warning", message, "warning")
        case Lagged(missed):
            return _line(wall, "", "lagged", f"{missed:,} events came faster than they were read", "warning")


def _moving(progress: Progressed, glyphs: Glyphs) -> str:
    limit = limitation(progress)
    facts = [amount(progress.downloaded, progress.total), format_rate(progress.smoothed_speed)]
    facts += [f"{glyphs.times}{len(progress.connections)}"]
    return ", ".join([*facts, limit] if limit else facts)


def _of(download: Download, wall: float, word: str, text: str) -> Line:
    return _line(wall, download.id, word, f"{download.label}  {text}", "")


def _line(at: float, id: str, word: str, text: str, tone: str) -> Line:
    return line(Piece(f"{exact_moment(at)}  ", "faint"), f"{id[:8]:<8}  ", Piece(f"{word:<{_WIDE}}", tone), f"  {text}")
