"""Widgets that draw lines: a few fixed ones, a page that scrolls, and the table of downloads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, TypeAlias

from rich.style import Style
from textual.binding import Binding
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from dlm.cli.line import Line
from dlm.cli.top.colours import strip_of

Bindings: TypeAlias = list[Binding | tuple[str, str] | tuple[str, str, str]]
_CURSOR = Style(reverse=True, color="default")  # a bar in its colours would be blocks of them


class Lines(Widget):
    """A few lines that are drawn as wide as the widget is: `write` gives them for a width."""

    def __init__(self, write: Callable[[int], Sequence[Line]], *, id: str) -> None:
        super().__init__(id=id)
        self._write = write

    def render_line(self, y: int) -> Strip:
        """See Textual."""
        lines = self._write(self.size.width)
        return strip_of(lines[y]) if y < len(lines) else Strip.blank(self.size.width)


class Page(ScrollView, can_focus=True):
    """Lines that may be more than fit, to be scrolled."""

    BINDINGS: ClassVar[Bindings] = [("j", "scroll_down"), ("k", "scroll_up"), ("space", "page_down")]

    def __init__(self, write: Callable[[int], Sequence[Line]], *, id: str) -> None:
        super().__init__(id=id)
        self._write = write
        self._lines: Sequence[Line] = ()

    def rewrite(self) -> None:
        """Take the lines in as they are now."""
        width = self.scrollable_content_region.width
        if width > 0:
            self._lines = self._write(width)
            self.virtual_size = Size(width, len(self._lines))
            self.refresh()

    def on_resize(self) -> None:
        """The lines are as wide as the widget."""
        self.rewrite()

    def render_line(self, y: int) -> Strip:
        """See Textual."""
        at = y + self.scroll_offset.y
        return strip_of(self._lines[at]) if at < len(self._lines) else Strip.blank(self.size.width)


class Table(ScrollView, can_focus=True):
    """Rows that are written when they are on the screen. `write` gives the row of a number for a width; `moved` is told
    when other rows have come on the screen."""

    BINDINGS: ClassVar[Bindings] = [
        ("up,k", "move(-1)"),
        ("down,j", "move(1)"),
        ("pageup", "page(-1)"),
        ("pagedown", "page(1)"),
        ("home,g", "to(0)"),
        ("end,G", "to(1)"),
    ]

    def __init__(self, write: Callable[[int, int], Line], moved: Callable[[], None], *, id: str) -> None:
        super().__init__(id=id)
        self._write = write
        self._moved = moved
        self.cursor = 0
        self.total = 0

    @property
    def sight(self) -> tuple[int, int]:
        """The rows on the screen, the last one not included."""
        first = self.scroll_offset.y
        return first, first + max(1, self.scrollable_content_region.height)

    def show(self, total: int, cursor: int) -> None:
        """There are so many rows now, and the cursor is on that one."""
        self.total = total
        self.cursor = max(0, min(cursor, total - 1))
        size = Size(self.scrollable_content_region.width, total)
        if size != self.virtual_size:
            self.virtual_size = size
        self.refresh()

    def follow(self) -> None:
        """Have the cursor on the screen."""
        self.scroll_to_region(Region(0, self.cursor, 1, 1), animate=False, force=True)

    def render_line(self, y: int) -> Strip:
        """See Textual."""
        width, at = self.size.width, y + self.scroll_offset.y
        if at >= self.total:
            return Strip.blank(width)
        here = at == self.cursor
        return strip_of(self._write(at, width), _CURSOR if here else None).adjust_cell_length(width, _CURSOR if here else None)

    def watch_scroll_y(self, old: float, new: float) -> None:
        """Other rows have come on the screen."""
        super().watch_scroll_y(old, new)
        self._moved()

    def on_resize(self) -> None:
        """More or fewer rows are on the screen."""
        self._moved()

    def action_move(self, step: int) -> None:
        """The cursor, by rows."""
        self._put(self.cursor + step)

    def action_page(self, step: int) -> None:
        """The cursor, by screens."""
        self._put(self.cursor + step * max(1, self.scrollable_content_region.height - 1))

    def action_to(self, end: int) -> None:
        """The cursor, to the first row or the last."""
        self._put(end * self.total)

    def on_click(self, event: object) -> None:
        """The cursor, to where the mouse is."""
        self._put(self.scroll_offset.y + int(getattr(event, "y", 0)))

    def _put(self, row: int) -> None:
        self.cursor = max(0, min(row, self.total - 1))
        self.follow()
        self._moved()
        self.refresh()
