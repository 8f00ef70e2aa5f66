"""What a terminal shows while downloads run: lines that fit its width and height. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dlm.cli.board import Board, QueueBoard, Row
from dlm.cli.cells import Cell, Shade, cells
from dlm.cli.line import HUES, Glyphs, Line, Piece, line, width_of
from dlm.cli.sentences import amount, limitation, percent, queue_standing
from dlm.cli.widths import columns, pad, shorten
from dlm.model.message import Progressed
from dlm.model.phase import Phase
from dlm.model.text import printable
from dlm.model.units import format_duration, format_rate, format_size
from dlm.model.value import dataclass

_PULSE_SPEED = 12  # columns a second
_LEAST_BAR = 8


def frame(board: Board, now: float, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """Lines no wider than `width` and no more than `height`: one download fills two; several take one each, and a total."""
    active = board.active()
    if board.expected == 1 and not board.folders:
        return [each for row in active[:1] for each in _alone(row, now, width, glyphs, limited=board.limited)][: max(1, height)]
    return [*_rows(board, now, width, height - 1, glyphs), _total(board, now, width)][-max(1, height) :]


def queue_frame(board: QueueBoard, now: float, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """As `frame`: what is under way, as much of it as fits, and the queue in numbers below."""
    active = board.active()
    lines = _rows(board, now, width, height - 1, glyphs)
    if not active and board.reason:
        lines = [_fit(line(Piece(shorten(printable(board.reason), width, glyphs.gap), "faint")), width)]
    return [*lines, _standing(board, width)][-max(1, height) :]


def _rows(board: Board, now: float, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """A line for each that is under way, or for those that move fastest and began last, and how many are not shown."""
    active = board.active()
    room = max(1, height)
    hidden = len(active) - (room - 1) if len(active) > room else 0
    shown = _worthiest(active, room - 1) if hidden else active
    unsized = any(row.progress is not None and row.progress.total is None and not row.lists for row in shown)
    shape = _Columns(share=10 if unsized else 5, limited=board.limited)
    lines = [_among(row, now, width, glyphs, shape) for row in shown]
    if hidden:
        lines.append(_fit(line(Piece(f"{glyphs.gap} and {hidden:,} more under way", "faint")), width))
    return lines


def _worthiest(active: Sequence[Row], room: int) -> list[Row]:
    """In their order still, and compared by magnitudes: rows that change places ten times a second cannot be read."""
    ranked = sorted(enumerate(active), key=lambda pair: (int(pair[1].speed).bit_length(), pair[0]), reverse=True)
    chosen = {position for position, _ in ranked[:room]}
    return [row for position, row in enumerate(active) if position in chosen]


# --- one download -----------------------------------------------------------------------------------------------------


def _alone(row: Row, now: float, width: int, glyphs: Glyphs, *, limited: bool) -> list[Line]:
    label, progress = printable(row.download.label), row.progress
    note = _note(row)
    if progress is None or note:
        shown = [note or "connecting"]
    else:
        shown = _figures(progress, width - min(columns(label), 16) - 2, glyphs, limited=limited)
    right = shorten("  ".join(shown), width - 2, glyphs.gap)
    name = pad(label, max(0, width - columns(right) - 2), glyphs.gap)
    lines = [line(Piece(name, "strong"), "  ", right)]
    if progress is not None:
        lines.append(line(*bar(progress, width, now, glyphs)))
    return [_fit(each, width) for each in lines]


def _figures(progress: Progressed, room: int, glyphs: Glyphs, *, limited: bool) -> list[str]:
    """As many figures as fit, the most useful first to stay."""
    speed = f"{format_rate(progress.smoothed_speed):>12}"
    sizes = amount(progress.downloaded, progress.total)
    count = f"{glyphs.times}{len(progress.connections):<2}"
    if progress.total is None:
        ranked = [(0, sizes), (1, speed), (2, count)]
    else:
        share = f"{percent(progress.downloaded, progress.total):>3} %"
        ranked = [(0, share), (3, sizes), (1, speed), (2, f"{format_duration(progress.eta):>7}"), (4, count)]
    if limited:
        ranked.append((5, f"{limitation(progress) or '':<9}"))
    while len(ranked) > 1 and sum(len(text) + 2 for _, text in ranked) - 2 > room:
        ranked.remove(max(ranked))
    return [text for _, text in ranked]


# --- several ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Columns:
    """What all rows keep room for: so wide is what has come, and there is something to say of limits."""

    share: int
    limited: bool


def _among(row: Row, now: float, width: int, glyphs: Glyphs, shape: _Columns) -> Line:
    progress, note = row.progress, _note(row)
    name = pad(printable(row.download.label), max(10, width * 3 // 10), glyphs.gap)
    room = width - columns(name) - 2
    if progress is None or note:
        shown = Piece(shorten(printable(note or "connecting"), max(0, room), glyphs.gap), "faint")
        return _fit(line(name, "  ", shown), width)
    share = f"{percent(progress.downloaded, progress.total)} %" if progress.total else format_size(progress.downloaded)
    fields = [f"{share:>{shape.share}}", f"{format_rate(progress.smoothed_speed):>12}", f"{format_duration(progress.eta):>7}"]
    if shape.limited:
        fields.append(f"{limitation(progress) or '':<9}")
    while len(fields) > 1 and room - len("  ".join(fields)) - 2 < _LEAST_BAR:
        fields.pop()
    figures = "  ".join(fields)
    bar_width = room - len(figures) - 2
    drawn = [*bar(progress, bar_width, now, glyphs), Piece("  ")] if bar_width >= _LEAST_BAR else []
    return _fit(line(name, "  ", *drawn, figures), width)


def _total(board: Board, now: float, width: int) -> Line:
    done, failed = board.count(Phase.COMPLETED), board.count(Phase.FAILED, Phase.CANCELLED)
    whole, come, speed = board.whole, board.come, board.speed + board.quick(now)
    counts = [f"{done:,} of {board.expected:,} done"]
    counts += [f"{failed:,} failed"] if failed else []
    counts += [f"{board.waiting:,} waiting"] if board.waiting else []
    counts += [f"{paused} paused"] if (paused := board.count(Phase.PAUSED)) else []
    facts = [", ".join(counts), amount(come, whole), format_rate(speed)]
    if whole is not None and speed > 0:
        facts.append(f"{format_duration((whole - come) / speed)} left")
    while len(facts) > 1 and sum(len(fact) + 3 for fact in facts) - 3 > width:
        facts.pop()
    return _fit(line(Piece("   ".join(facts), "strong")), width)


def _standing(board: QueueBoard, width: int) -> Line:
    facts = [queue_standing(board)]
    facts += [f"limit {format_rate(board.limit)}"] if board.limit is not None else []
    while len(facts) > 1 and sum(len(fact) + 3 for fact in facts) - 3 > width:
        facts.pop()
    return _fit(line(Piece("   ".join(facts), "strong")), width)


# --- bars -------------------------------------------------------------------------------------------------------------


def bar(progress: Progressed, width: int, now: float, glyphs: Glyphs) -> list[Piece]:
    """Exactly `width` columns: a pulse when the size is not known, a plain bar for one connection, else the map."""
    if progress.total is None:
        return _pulse(width, now, glyphs)
    if len(progress.connections) <= 1 and not progress.troubled:
        full = min(width, progress.downloaded * width // progress.total) if progress.total else width
        return [Piece(glyphs.done * full, "good"), Piece(glyphs.pending * (width - full), "faint")]
    return [drawn(cell, glyphs) for cell in cells(progress, width)]


def drawn(cell: Cell, glyphs: Glyphs) -> Piece:
    """A cell of a map, in the colour of its connection."""
    hue = (cell.connection or 0) % len(HUES)
    match cell.shade:
        case Shade.HEAD:
            return Piece(glyphs.head, f"head{hue}")
        case Shade.TROUBLED:
            return Piece(glyphs.troubled, "bad")
        case Shade.CLAIMED:
            return Piece(glyphs.claimed, f"claimed{hue}")
        case Shade.PENDING:
            return Piece(glyphs.pending, "faint")
        case Shade.FLOWN:
            return Piece(glyphs.done, f"flown{hue}")
        case Shade.DONE:
            return Piece(glyphs.done, "good")


def _pulse(width: int, now: float, glyphs: Glyphs) -> list[Piece]:
    block = max(1, width // 6)
    travel = max(1, width - block)
    step = int(now * _PULSE_SPEED) % (2 * travel)
    left = step if step < travel else 2 * travel - step
    parts = (
        (glyphs.pending * left, "faint"),
        (glyphs.done * block, "flown0"),
        (glyphs.pending * (width - block - left), "faint"),
    )
    return [Piece(text, tone) for text, tone in parts]


def _note(row: Row) -> str | None:
    if row.download.phase is Phase.COMPLETING:
        return "finishing"
    return row.progress.note if row.progress else None


def _fit(given: Line, width: int) -> Line:
    if width_of(given) <= width:
        return given
    return tuple(_clipped(given, width))


def _clipped(given: Line, width: int) -> Iterable[Piece]:
    left = width
    for piece in given:
        text = shorten(piece.text, left, "")
        left -= columns(text)
        yield Piece(text, piece.tone)
