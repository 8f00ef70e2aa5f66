"""One download, closely: read anew each second, and drawn with each sample."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from time import monotonic, time
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import Screen

from dlm.cli.line import Line, Piece, line
from dlm.cli.replies import titled
from dlm.cli.top import details, heading
from dlm.cli.top.drawing import Bindings, Lines, Page
from dlm.cli.top.keys import KEYS
from dlm.cli.widths import shorten
from dlm.model.download import DownloadId
from dlm.model.error import DlmError, DownloadNotFound
from dlm.model.message import Progressed
from dlm.model.queue import Explanation
from dlm.ports import Story

if TYPE_CHECKING:
    from dlm.cli.top.application import Top

_LOOK = 1.0  # seconds
_HERE = ("order('pause')", "order('resume')", "order('retry')", "order('cancel')", "remove", "limit", "help")
_KEYS = (("p", "pause"), ("r", "resume"), ("x", "retry"), ("d", "remove"), ("l", "limit"), ("?", "help"), ("Esc", "back"))


class DetailScreen(Screen[None]):
    """See the module. It closes itself when the download is removed."""

    BINDINGS: ClassVar[Bindings] = [
        *(Binding(each.key, f"app.{each.action}") for each in KEYS if each.action in _HERE),
        Binding("escape,q,enter,left", "back"),
        Binding("ctrl+c", "app.leave"),
    ]

    def __init__(self, top: Top, id: DownloadId) -> None:
        super().__init__()
        self._top = top
        self.download_id = id
        self._story: Story | None = None
        self._explanation: Explanation | None = None
        self._sample: Progressed | None = None
        self._speeds: deque[float] = deque(maxlen=600)

    def compose(self) -> ComposeResult:
        """See Textual."""
        top = self._top
        yield Lines(self._title, id="title")
        yield Page(self._write, id="body")
        yield Lines(lambda width: [heading.status_line(top.standing, top.said, 0, width, top.glyphs)], id="status")
        yield Lines(lambda width: [heading.key_line(width, _KEYS)], id="keys")

    def on_mount(self) -> None:
        """See Textual."""
        self._top.feed.close = self.download_id
        self._top.feed.news.clear()
        self.query_one(Page).focus()
        self.run_worker(self._looking())

    def on_unmount(self) -> None:
        """See Textual."""
        self._top.feed.close = None

    def redraw(self) -> None:
        """As it stands now."""
        sample = self._top.feed.samples.get(self.download_id)
        if sample is not None and sample is not self._sample:
            self._speeds.append(sample.smoothed_speed)
        self._sample = sample
        for page in self.query(Page):
            page.rewrite()
        for each in self.query(Lines):
            each.refresh()

    def action_back(self) -> None:
        """To the list."""
        self.app.pop_screen()

    async def _looking(self) -> None:
        while True:
            try:
                self._story = await self._top.downloads.show(self.download_id)
                self._explanation = await self._top.downloads.explain(self.download_id)
            except DownloadNotFound:
                self._top.say("It was removed.")
                if self.is_current:
                    self.action_back()
                return
            except DlmError:
                pass  # the feed says so
            self.redraw()
            await asyncio.sleep(_LOOK)

    def _title(self, width: int) -> list[Line]:
        if self._story is None:
            return [()]
        return [line(Piece(" " + shorten(titled(self._story.download), width - 2, self._top.glyphs.gap), "strong"))]

    def _write(self, width: int) -> Sequence[Line]:
        if self._story is None:
            return []
        now = monotonic()
        dossier = details.Dossier(
            story=self._story,
            sample=self._sample,
            explanation=self._explanation,
            speeds=list(self._speeds),
            news=[(now - at, event) for at, event in self._top.feed.news],
        )
        return details.lines(dossier, width, time(), self._top.glyphs)
