"""What people read about a download that began, went on, ended or was stopped. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from dlm.cli.board import Row
from dlm.cli.line import Glyphs, Line, Piece, line
from dlm.model.download import Download
from dlm.model.event import PhaseChanged
from dlm.model.phase import Phase
from dlm.model.units import format_duration, format_rate, format_size


def completed(row: Row, now: float, glyphs: Glyphs) -> Line:
    """`✓ name  1.0 GiB in 0:12 (85.3 MiB/s)  verified by sha-256 → path`."""
    download = row.download
    size = download.size if download.size is not None else download.downloaded
    facts = f"  {format_size(size)}"
    if row.began is not None:
        seconds = max(now - row.began, 0.001)
        facts += f" in {_elapsed(seconds)} ({format_rate(max(0, size - row.had) / seconds)})"
        facts += f", resumed at {format_size(row.had)}" if row.had else ""
    sure = f"  {download.verified}" if download.verified else ""
    where = "standard output" if download.spec.streams_out else download.path or ""
    return line(Piece(f"{glyphs.tick} ", "good"), Piece(download.label, "strong"), facts, sure, f" {glyphs.arrow} {where}")


def already(download: Download, glyphs: Glyphs) -> Line:
    """The file was complete before."""
    facts = [format_size(download.size)] if download.size is not None else []
    facts += [str(download.verified)] if download.verified else []
    text = f" is complete already ({', '.join(facts)})" if facts else " is complete already"
    return line(Piece(f"{glyphs.tick} ", "good"), Piece(download.label, "strong"), text, "; --overwrite fetches it again")


def failed(download: Download, glyphs: Glyphs) -> Line:
    """`✗ name  sentence`; also for an end that is neither success nor failure."""
    if download.phase is Phase.FAILED or download.fault is not None:
        reason = download.fault.message if download.fault else "it failed, and no reason was recorded"
        return line(Piece(f"{glyphs.cross} ", "bad"), Piece(download.label, "strong"), f"  {reason}")
    return line(
        Piece(f"{glyphs.dot} ", "warning"), Piece(download.label, "strong"), f"  {download.phase.value}, {kept(download)} kept"
    )


def begun(row: Row) -> Line:
    """`name: 1.0 GiB from URL`."""
    size = f"{format_size(row.size)}" if row.size is not None else "unknown size"
    resumed = f", going on at {format_size(row.had)}" if row.had else ""
    return line(f"{row.download.label}: {size} from {row.download.uri}{resumed}")


def under_way(row: Row) -> Line:
    """`name: 42 %, 431.0 MiB of 1.0 GiB, 85.3 MiB/s, 0:07 left`."""
    progress = row.progress
    if progress is None:
        return line(row.download.label)
    facts = [f"{percent(progress.downloaded, progress.total)} %"] if progress.total else []
    facts += [amount(progress.downloaded, progress.total), format_rate(progress.smoothed_speed)]
    facts += [f"{format_duration(progress.eta)} left"] if progress.eta is not None else []
    facts += [progress.note] if progress.note else []
    return line(f"{row.download.label}: {', '.join(facts)}")


def moved(event: PhaseChanged, glyphs: Glyphs) -> Line:
    """`name: running → waiting (backed_off: sentence)`."""
    step = event.transition
    why = f"{step.cause.value}: {step.detail}" if step.detail else step.cause.value
    text = f"{event.download.label}: {step.origin.value} {glyphs.arrow} {step.target.value} ({why})"
    return line(Piece(text, "faint"))


def stopped(downloads: Sequence[Download], expected: int, command: str, secret: bool) -> str:
    """`Stopped; 412.0 MiB of 1.0 GiB kept. Go on with: dlm get URL`."""
    left = [download for download in downloads if download.phase is not Phase.COMPLETED]
    if any(download.spec.streams_out for download in downloads):
        return "Stopped; what went to standard output cannot be gone on with."
    bytes_kept = sum(download.downloaded for download in left)
    if expected == 1:
        known = f"{kept(left[0])} kept" if left and bytes_kept else "nothing had come yet"
    else:
        known = f"{len(downloads) - len(left)} of {expected} done, {format_size(bytes_kept)} of the others kept"
    how = "Go on with the same command, its secrets in place of ***" if secret else "Go on with"
    return f"Stopped; {known}. {how}: {command}"


def kept(download: Download) -> str:
    """What is on stable storage of it."""
    return amount(download.downloaded, download.size)


def amount(downloaded: int, total: int | None) -> str:
    """`431.0 MiB of 1.0 GiB`."""
    return format_size(downloaded) if total is None else f"{format_size(downloaded)} of {format_size(total)}"


def percent(downloaded: int, total: int | None) -> int:
    """Whole percents, rounded down: 100 is all."""
    return min(100, downloaded * 100 // total) if total else 0


def _elapsed(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 9.95 else format_duration(seconds)
