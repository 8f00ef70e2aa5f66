"""One row of the table, as wide as the screen. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

from dlm.cli.frame import bar
from dlm.cli.line import UNICODE, Glyphs, Line, Piece, line
from dlm.cli.listing import TONES, note
from dlm.cli.sentences import percent
from dlm.cli.top.views import Order
from dlm.cli.when import moment
from dlm.cli.widths import columns, cut, shorten
from dlm.model.address import without_credentials
from dlm.model.download import Download
from dlm.model.message import Progressed
from dlm.model.phase import CLAIMED_PHASES, Phase, status
from dlm.model.text import printable
from dlm.model.units import format_duration, format_rate, format_size
from dlm.model.value import dataclass

_STATE = 10
_SHARE = 4
_SPEED = 12
_LEFT = 7
_SIZE = 10
_HOST = 22
_NARROW_BAR = 8
_BAR = 10
_WIDE_BAR = 30
_LEAST_NAME = 16
_GOOD_NAME = 34
_GAP = 1


@dataclass(frozen=True, slots=True)
class Columns:
    """How wide each column is; 0 is not shown. All with the gap behind them are as wide as the screen."""

    name: int
    bar: int
    share: int
    speed: int
    left: int
    size: int
    host: int

    @property
    def middle(self) -> int:
        """The room of bar to time left, where a sentence may stand."""
        widths = [width for width in (self.bar, self.share, self.speed, self.left) if width]
        return sum(widths) + _GAP * max(0, len(widths) - 1)


def columns_for(width: int) -> Columns:
    """What a screen of this width has room for: names come first, then host, size, time and bar give way in this order."""
    wide = width >= 160
    bar_width = _WIDE_BAR if wide else _BAR if width >= 100 else _NARROW_BAR
    chosen = {"bar": bar_width, "share": _SHARE, "speed": _SPEED, "left": _LEFT, "size": _SIZE}
    chosen["host"] = _HOST + (8 if wide else 0)
    for gives_way in ("", "host", "size", "left", "bar", "speed"):
        chosen[gives_way] = 0
        chosen.pop("", None)
        rest = width - 2 - (_STATE + _GAP) - sum(each + _GAP for each in chosen.values() if each)
        if rest >= (_GOOD_NAME if chosen["host"] else _LEAST_NAME):
            break
    return Columns(name=max(1, rest), **chosen)


def heading(shape: Columns, order: Order, glyphs: Glyphs) -> Line:
    """The names of the columns; the one that rows are sorted by has a mark."""
    mark = "▾" if glyphs is UNICODE else "v"

    def named(text: str, by: Order | None) -> str:
        return text + mark if by is order else text

    cells = [
        _left(named("STATE", Order.STATE), _STATE),
        _left(named("NAME", Order.NAME), shape.name),
        _left(named("DONE", Order.SHARE), shape.bar + _GAP + shape.share) if shape.bar else _right("DONE", shape.share),
        _right(named("SPEED", Order.SPEED), shape.speed),
        _right(named("LEFT", Order.LEFT), shape.left),
        _right(named("SIZE", Order.SIZE), shape.size),
        _left("HOST", shape.host),
    ]
    return line(Piece("  " + " ".join(cell for cell in cells if cell), "strong"))


def blank(glyphs: Glyphs) -> Line:
    """A row that is being read."""
    return line(Piece(f"  {glyphs.gap}", "faint"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What all rows are drawn with: `now` is monotonic, `wall` seconds since the epoch."""

    shape: Columns
    glyphs: Glyphs
    now: float
    wall: float


def row(download: Download, sample: Progressed | None, look: Look, *, chosen: bool) -> Line:
    """The row of a download, exactly as wide as the screen. All that strangers have named is made harmless."""
    shape, glyphs = look.shape, look.glyphs
    sample = sample if download.phase in CLAIMED_PHASES else None
    size = sample.total if sample and sample.total is not None else download.size
    mark = ("●" if glyphs is UNICODE else "*") if chosen else " "
    state = Piece(_left(status(download.phase, download.intent), _STATE), TONES.get(download.phase, ""))
    name = Piece(_left(shorten(printable(download.label), shape.name, glyphs.gap), shape.name))
    parts: list[Piece | str] = [Piece(f"{mark} ", "strong"), state, " ", name, " "]
    parts += _middle(download, sample, look)
    if shape.size:
        parts += [" ", _right("" if size is None else format_size(size), shape.size)]
    if shape.host:
        parts += [" ", _left(cut(printable(host(download)), shape.host, glyphs.gap), shape.host)]
    return line(*parts)


def host(download: Download) -> str:
    """Whom it comes from, as short as an address allows."""
    try:
        return urlsplit(download.uri).netloc or download.host
    except ValueError:
        return download.host


def without_address(message: str, download: Download) -> str:
    """A sentence about a download, where its name stands beside it: it need not begin with its address."""
    for uri in download.spec.uris:
        for address in (uri, without_credentials(uri)):
            if message.startswith(f"{address} "):
                return message.removeprefix(address).lstrip()
    return message


def _middle(download: Download, sample: Progressed | None, look: Look) -> list[Piece | str]:
    """Bar, share, speed and time left; of what does not move, why it does not."""
    shape = look.shape
    says = _says(download, sample, look.wall)
    if says is not None:
        tone = "bad" if download.phase is Phase.FAILED else "faint"
        return [Piece(_left(cut(printable(says), shape.middle, look.glyphs.gap), shape.middle), tone)]
    size = sample.total if sample and sample.total is not None else download.size
    come = sample.downloaded if sample else download.downloaded
    share = 100 if download.phase is Phase.COMPLETED else percent(come, size)
    parts: list[Piece | str] = []
    if shape.bar:
        parts += [*_bar(sample, share, look), " "]
    parts.append(_right(f"{share}%" if size or share else "", shape.share))
    if shape.speed:
        parts += [" ", _right(format_rate(sample.smoothed_speed) if sample else "", shape.speed)]
    if shape.left:
        parts += [" ", _right(format_duration(sample.eta) if sample and sample.eta is not None else "", shape.left)]
    return parts


def _bar(sample: Progressed | None, share: int, look: Look) -> list[Piece]:
    """How much there is, to half a column; which bytes these are is told by the map of the details."""
    width, glyphs = look.shape.bar, look.glyphs
    if sample is not None and sample.total is None:
        return bar(sample, width, look.now, glyphs)
    if sample is None and not share:  # a screen full of empty bars says nothing
        return [Piece(" " * width)]
    halves = share * width * 2 // 100
    drawn = glyphs.done * (halves // 2) + glyphs.head * (halves % 2)
    tone = "good" if share == 100 else "faint" if sample is None else "flown0"
    return [Piece(drawn, tone), Piece(glyphs.pending * (width - columns(drawn)), "faint")]


def _says(download: Download, sample: Progressed | None, wall: float) -> str | None:
    """What stands in the place of figures."""
    if download.phase is Phase.FAILED and download.fault is not None:
        return without_address(download.fault.message, download)
    if download.phase is Phase.COMPLETED and download.finished is not None:
        return f"done {moment(download.finished)}"
    if download.phase is Phase.COMPLETING and sample is None:
        return "finishing"
    if sample is not None and sample.note:
        return sample.note
    if download.phase in {Phase.WAITING, Phase.PENDING} and not download.downloaded:
        return note(download, wall)
    return f"{note(download, wall)}" if download.phase is Phase.WAITING else None


def _left(text: str, width: int) -> str:
    text = cut(text, width, "")
    return text + " " * (width - columns(text))


def _right(text: str, width: int) -> str:
    text = cut(text, width, "")
    return " " * (width - columns(text)) + text
