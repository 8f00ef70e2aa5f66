"""What people read about a download that began, went on, ended or was stopped. Pure: times are arguments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set

from dlm.cli.board import QueueBoard, Row
from dlm.cli.line import Glyphs, Line, Piece, line
from dlm.cli.when import until
from dlm.model.download import Download
from dlm.model.event import PhaseChanged
from dlm.model.message import Progressed
from dlm.model.phase import CLAIMED_PHASES, FINAL_PHASES, Cause, Phase
from dlm.model.units import format_duration, format_rate, format_size
from dlm.ports import Outcome

_MOST_NAMED = 3


def completed(row: Row, now: float, glyphs: Glyphs) -> Line:
    """`✓ name  1.0 GiB in 0:12 (85.3 MiB/s)  verified by sha-256 → path`."""
    download = row.download
    if download.stands_for_others:
        where = f" {glyphs.arrow} {download.path or download.spec.directory}"
        return line(Piece(f"{glyphs.tick} ", "good"), Piece(download.label, "strong"), f"  {row.detail or 'listed'}", where)
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
    """`✗ name  sentence`."""
    reason = download.fault.message if download.fault else "it failed, and no reason was recorded"
    return line(Piece(f"{glyphs.cross} ", "bad"), Piece(download.label, "strong"), f"  {reason}")


def left(download: Download, wall: float, glyphs: Glyphs, *, cause: Cause | None = None) -> Line:
    """`• name  paused, 5.0 MiB of 10.0 MiB kept; dlm resume 3f2a91bc goes on`: an end that is neither success nor failure.

    `wall` is in seconds since the epoch, as `Download.due` is.
    """
    mark = Piece(f"{glyphs.dot} ", "warning")
    return line(mark, Piece(download.label, "strong"), f"  {_standstill(download, wall, cause)}")


def _standstill(download: Download, wall: float, cause: Cause | None) -> str:
    short = download.id[:8]
    kept_of_it = "what was found" if download.spec.recursive is not None else kept(download)
    match download.phase:
        case Phase.PAUSED:
            return f"paused, {kept_of_it} kept; dlm resume {short} goes on"
        case Phase.CANCELLED:
            return f"cancelled; dlm retry {short} begins it anew"
        case Phase.WAITING if download.due is None:
            return f"waits for the network, {kept_of_it} kept"
        case Phase.WAITING:
            why = f"{download.fault.message}; " if download.fault else ""
            return f"{why}tried again {until(download.due or wall, wall)}"
        case Phase.PENDING if cause is Cause.PREEMPTED:
            return f"gave up its slot, {kept_of_it} kept; it goes on later by itself"
        case _:
            return f"back in the queue, {kept_of_it} kept; dlm run goes on"


def begun(row: Row) -> Line:
    """`name: 1.0 GiB from URL`."""
    if row.lists:
        return line(f"{row.download.label}: listing")
    size = f"{format_size(row.size)}" if row.size is not None else "unknown size"
    resumed = f", going on at {format_size(row.had)}" if row.had else ""
    return line(f"{row.download.label}: {size} from {row.download.uri}{resumed}")


def started(download: Download) -> Line:
    """`name: fetching from URL, going on at 5.0 MiB`."""
    if download.spec.recursive is not None:
        return line(f"{download.label}: listing")
    resumed = f", going on at {format_size(download.downloaded)}" if download.downloaded else ""
    return line(f"{download.label}: fetching from {download.uri}{resumed}")


def under_way(row: Row) -> Line:
    """`name: 42 %, 431.0 MiB of 1.0 GiB, 85.3 MiB/s, 0:07 left`."""
    progress = row.progress
    if progress is None:
        return line(row.download.label)
    if row.lists:
        return line(f"{row.download.label}: {progress.note or 'listing'}")
    facts = [f"{percent(progress.downloaded, progress.total)} %"] if progress.total else []
    facts += [amount(progress.downloaded, progress.total), format_rate(progress.smoothed_speed)]
    facts += [limit] if (limit := limitation(progress)) else []
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
    files = [download for download in downloads if not download.stands_for_others]
    left = [download for download in files if download.phase is not Phase.COMPLETED]
    unlisted = any(download.spec.recursive is not None and download.phase is not Phase.COMPLETED for download in downloads)
    if any(download.spec.streams_out for download in downloads):
        return "Stopped; what went to standard output cannot be gone on with."
    bytes_kept = sum(download.downloaded for download in left)
    if unlisted:
        known = f"{len(files) - len(left):,} done of {len(files):,} that were found, and the folder is not read to its end"
    elif expected == 1 and len(files) == len(downloads):
        known = f"{kept(left[0])} kept" if left and bytes_kept else "nothing had come yet"
    else:
        known = f"{len(files) - len(left):,} of {expected:,} done, {format_size(bytes_kept)} of the others kept"
    how = "Go on with the same command, its secrets in place of ***" if secret else "Go on with"
    return f"Stopped; {known}. {how}: {command}"


def gathered(outcomes: Sequence[Outcome], seconds: float) -> str:
    """`1,234 files, 5.6 GiB, in 0:12; 20 were complete already; 3 failed: a.iso, b.iso and 1 more.`: what came of folders."""
    files = [each for each in outcomes if not each.download.stands_for_others]
    done = [each.download for each in files if each.download.phase is Phase.COMPLETED and not each.already]
    known = sum(each.already for each in files)
    failures = [each.download.label for each in files if each.download.phase is not Phase.COMPLETED]
    size = sum(download.size or 0 for download in done)
    text = f"{len(done):,} file{'' if len(done) == 1 else 's'}, {format_size(size)}, in {_elapsed(max(seconds, 0.001))}"
    if known:
        text += f"; {known:,} {'was' if known == 1 else 'were'} complete already"
    if failures:
        more = f" and {len(failures) - _MOST_NAMED:,} more" if len(failures) > _MOST_NAMED else ""
        text += f"; {len(failures):,} failed: {', '.join(failures[:_MOST_NAMED])}{more}"
    return f"{text}."


def left_to_daemon(count: int) -> str:
    """What becomes of downloads that a daemon fetches, when nobody waits for them any more."""
    return f"The daemon goes on with {'it' if count == 1 else 'them'}: 'dlm list' shows how, 'dlm cancel' ends it."


def queue_stopped(phases: Mapping[Phase, int], done: int, command: str) -> str:
    """`Stopped; 12 done, 9,985 left in the queue. Go on with: dlm run`."""
    waiting = sum(phases.get(phase, 0) for phase in (Phase.PENDING, Phase.WAITING))
    elsewhere = sum(phases.get(phase, 0) for phase in CLAIMED_PHASES)
    facts = [f"{done:,} done"] if done else []
    facts.append(f"{waiting:,} left in the queue" if waiting else "nothing is left in the queue")
    facts += [f"{elsewhere:,} under way in another dlm"] if elsewhere else []
    return f"Stopped; {', '.join(facts)}." + (f" Go on with: {command}" if waiting else "")


def queue_ended(phases: Mapping[Phase, int], done: int, failures: Sequence[Download]) -> str:
    """`12 done, 1 failed; 3 paused (dlm resume --all goes on with them).`"""
    ended = Counter(download.phase for download in failures) + Counter({Phase.COMPLETED: done})
    left = counts_text({phase: count for phase, count in phases.items() if phase not in FINAL_PHASES})
    if phases.get(Phase.PAUSED):
        left += f" (dlm resume --all goes on with {'it' if phases[Phase.PAUSED] == 1 else 'them'})"
    if not ended:
        return f"Nothing to do: {left}." if left else "The queue is empty: dlm add URL puts something in."
    return counts_text(ended) + (f"; {left}." if left else ".")


def queue_standing(board: QueueBoard) -> str:
    """`3 running, 9,997 queued, 5 done, at 12.0 MiB/s`: a run so far."""
    active = len(board.active())
    phases = {phase: board.phases.get(phase, 0) for phase in (Phase.PENDING, Phase.WAITING)}
    phases |= {Phase.RUNNING: active, Phase.COMPLETED: board.done, Phase.FAILED: len(board.failures)}
    return (counts_text(phases) or "nothing to do") + (f", at {format_rate(board.speed)}" if active else "")


_QUEUE_WORDS: tuple[tuple[str, Set[Phase]], ...] = (
    ("running", CLAIMED_PHASES),
    ("queued", {Phase.PENDING}),
    ("waiting", {Phase.WAITING}),
    ("done", {Phase.COMPLETED}),
    ("failed", {Phase.FAILED}),
    ("cancelled", {Phase.CANCELLED}),
    ("paused", {Phase.PAUSED}),
)


STATUS_WORDS = tuple((phase.value, frozenset({phase})) for phase in Phase)
"""Each phase by the word that `list` shows."""


def counts_text(phases: Mapping[Phase, int], words: Sequence[tuple[str, Set[Phase]]] = _QUEUE_WORDS) -> str:
    """`3 running, 9,997 queued, 1 failed`: what there is none of is left out."""
    counts = ((word, sum(phases.get(phase, 0) for phase in group)) for word, group in words)
    return ", ".join(f"{count:,} {word}" for word, count in counts if count)


def limitation(progress: Progressed) -> str | None:
    """What of ours holds it back, in a word or two."""
    if progress.limited is None:
        return None
    return "slow disk" if progress.limited == "disk" else "limited"


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
