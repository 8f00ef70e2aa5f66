"""The table of downloads, with what stands above and below it."""

from __future__ import annotations

from dataclasses import replace
from time import monotonic, time
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.events import Paste
from textual.screen import Screen
from textual.widgets import Input

from dlm.cli.line import Line
from dlm.cli.top import heading, rows
from dlm.cli.top.drawing import Bindings, Lines, Table
from dlm.cli.top.keys import KEYS
from dlm.cli.top.shelf import Section
from dlm.cli.top.views import View, Wish, next_order
from dlm.model.download import DownloadId

if TYPE_CHECKING:
    from dlm.cli.top.application import Top

_OF_THE_LIST = ("choose", "choose_all", "clear", "search", "sort", "turn(1)", "turn(-1)")


def _bindings() -> Bindings:
    of_list = [Binding(each.key, each.action, priority="tab" in each.key) for each in KEYS if each.action in _OF_THE_LIST]
    others = [Binding(each.key, f"app.{each.action}") for each in KEYS if each.action not in _OF_THE_LIST]
    views = [Binding(str(number), f"view({number})") for number, _ in enumerate(View, 1)]
    return [*of_list, *others, *views]


class ListScreen(Screen[None]):
    """What is looked at, and where the cursor is. It stays with its download while that stays in its section."""

    BINDINGS: ClassVar[Bindings] = _bindings()

    def __init__(self, top: Top) -> None:
        super().__init__()
        self._top = top
        self._cursor: DownloadId | None = None
        self._section: Section | None = None
        self._touched = False
        self.table = Table(self._row, self._moved, id="table")

    @property
    def cursor(self) -> DownloadId | None:
        """The download under the cursor; `None` where there is none, or it is still being read."""
        return self._cursor or self._top.feed.shelf.at(self.table.cursor)

    def compose(self) -> ComposeResult:
        """See Textual."""
        top = self._top
        yield Lines(lambda width: [heading.summary(top.standing, width, top.glyphs)], id="summary")
        yield Lines(lambda width: [heading.tabs(top.standing, top.feed.wish, width)], id="tabs")
        yield Lines(lambda width: [rows.heading(rows.columns_for(width - 1), top.feed.wish.order, top.glyphs)], id="heading")
        yield self.table
        yield Lines(self._status, id="status")
        yield Input(placeholder="part of a name or address; Enter keeps it, Esc drops it", id="search")
        yield Lines(lambda width: [heading.key_line(width)], id="keys")

    def on_mount(self) -> None:
        """See Textual."""
        self.table.focus()
        self.redraw()

    def redraw(self) -> None:
        """As it stands now."""
        if not self.is_mounted:
            return
        shelf = self._top.feed.shelf
        at = self.table.cursor
        if self._touched and self._cursor is not None and shelf.at(at) != self._cursor and self._section in shelf.sections:
            found = shelf.row_of(self._cursor, self._section)
            at = at if found is None else found
        elif not self._touched:
            at = 0
        self.table.show(shelf.total, at)
        self._note_cursor()
        for each in self.query(Lines):
            each.refresh()

    def _note_cursor(self) -> None:
        shelf = self._top.feed.shelf
        self._cursor = shelf.at(self.table.cursor)
        self._section = shelf.section_at(self.table.cursor)

    def _moved(self) -> None:
        self._touched = self._touched or self.table.cursor > 0
        self._note_cursor()
        self._top.feed.see(*self.table.sight)

    def _row(self, at: int, width: int) -> Line:
        feed, glyphs = self._top.feed, self._top.glyphs
        id = feed.shelf.at(at)
        download = feed.held.get(id) if id is not None else None
        if download is None:
            return rows.blank(glyphs)
        look = rows.Look(shape=rows.columns_for(width - 1), glyphs=glyphs, now=monotonic(), wall=time())
        return rows.row(download, feed.samples.get(download.id), look, chosen=download.id in self._top.chosen)

    def _status(self, width: int) -> list[Line]:
        top = self._top
        if not top.feed.shelf.total and top.said is None and top.feed.lost is None:
            empty = "Nothing matches." if top.feed.wish.text else "Nothing is here: a adds downloads."
            return [heading.status_line(replace(top.standing, reason=empty), None, 0, width, top.glyphs)]
        return [heading.status_line(top.standing, top.said, len(top.chosen), width, top.glyphs)]

    # keys --------------------------------------------------------------------------------------------------------------

    def _wish(self, wish: Wish) -> None:
        self._top.feed.look_for(wish)
        self._touched = False
        self.table.cursor = 0
        self.table.scroll_to(y=0, animate=False)
        self.redraw()

    def action_view(self, number: int) -> None:
        """Another view."""
        self._wish(replace(self._top.feed.wish, view=list(View)[number - 1]))

    def action_turn(self, step: int) -> None:
        """The next view, or the one before."""
        views = list(View)
        at = (views.index(self._top.feed.wish.view) + step) % len(views)
        self._wish(replace(self._top.feed.wish, view=views[at]))

    def action_sort(self) -> None:
        """By something else."""
        wish = self._top.feed.wish
        self._wish(replace(wish, order=next_order(wish.order)))
        self._top.say(f"Sorted by {self._top.feed.wish.order.value}.")

    def action_choose(self) -> None:
        """This one too, or not any more; and go to the next."""
        id = self.cursor
        if id is not None:
            if id in self._top.chosen:
                del self._top.chosen[id]
            else:
                self._top.chosen[id] = None
            self.table.action_move(1)
            self.redraw()

    def action_choose_all(self) -> None:
        """All of the view."""

        async def chosen() -> None:
            self._top.chosen.update(dict.fromkeys(await self._top.feed.all_ids()))

        self._top.attempt(chosen())

    def action_clear(self) -> None:
        """Choose none; then search for nothing."""
        if self._top.chosen:
            self._top.chosen.clear()
        elif self._top.feed.wish.text:
            self.query_one("#search", Input).value = ""
            self._wish(replace(self._top.feed.wish, text=None))
        self.redraw()

    def on_paste(self, event: Paste) -> None:
        """What is pasted among the rows is to be added, and not taken for keys."""
        event.stop()
        self._top.action_add(event.text)

    # search ------------------------------------------------------------------------------------------------------------

    def action_search(self) -> None:
        """Ask for what to look for."""
        search = self.query_one("#search", Input)
        search.add_class("open")
        self.query_one("#keys").display = False
        search.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show what matches so far."""
        wish = self._top.feed.wish
        if (event.value.strip() or None) != wish.text:
            self._wish(replace(wish, text=event.value.strip() or None))

    def on_input_submitted(self) -> None:
        """Keep it, and go back to the rows."""
        self._close_search()

    def on_key(self, event: object) -> None:
        """Escape drops what was searched for."""
        if getattr(event, "key", "") == "escape" and self.query_one("#search", Input).has_focus:
            self.query_one("#search", Input).value = ""
            self._close_search()
            getattr(event, "stop")()  # noqa: B009

    def _close_search(self) -> None:
        self.query_one("#search", Input).remove_class("open")
        self.query_one("#keys").display = True
        self.table.focus()
