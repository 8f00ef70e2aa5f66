"""The application: keys and what they set off. What is shown comes from `feed`, what is written from the pure modules."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Any

from textual.app import App

from dlm.cli.line import Glyphs
from dlm.cli.replies import added_lines
from dlm.cli.top import acts
from dlm.cli.top.adding import requests_of
from dlm.cli.top.detail_screen import DetailScreen
from dlm.cli.top.dialogues import Adding, Choice, Help, Limiting
from dlm.cli.top.feed import Feed
from dlm.cli.top.heading import Standing
from dlm.cli.top.list_screen import ListScreen
from dlm.cli.top.look import STYLE
from dlm.model.download import Download, DownloadId
from dlm.model.error import DlmError
from dlm.model.phase import Order
from dlm.model.queue import AddRequest, Change, Ordered
from dlm.model.settings import Settings
from dlm.model.text import printable
from dlm.ports import Downloads

BEAT = 0.2
"""Seconds between two drawings."""
_SAID = 6.0  # seconds that a sentence about the last key stands


class Top(App[None]):
    """The downloads of a facade, on the whole screen. `where` says whose they are."""

    CSS = STYLE
    ENABLE_COMMAND_PALETTE = False
    TITLE = "dlm top"

    def __init__(self, downloads: Downloads, settings: Settings, where: str, glyphs: Glyphs) -> None:
        super().__init__(ansi_color=True)
        self.theme = "ansi-dark"
        self.downloads = downloads
        self.settings = settings
        self.where = where
        self.glyphs = glyphs
        self.feed = Feed(downloads, self._changed)
        self.chosen: dict[DownloadId, None] = {}
        self._said: tuple[float, str] | None = None
        self._stale = True
        self.list_screen = ListScreen(self)

    def on_mount(self) -> None:
        """See Textual."""
        self.push_screen(self.list_screen)
        self.set_interval(BEAT, self._beat)
        self.run_worker(self.feed.run(), exit_on_error=True)

    # what is shown -----------------------------------------------------------------------------------------------------

    @property
    def standing(self) -> Standing:
        """How all stands."""
        feed = self.feed
        return Standing(
            where=self.where,
            phases=feed.phases,
            speeds=tuple(feed.speeds),
            limit=feed.rates.total,
            free=self._free(),
            lost=feed.lost,
            reason=feed.reason,
        )

    @property
    def said(self) -> str | None:
        """The sentence about the last key, while it is news."""
        return self._said[1] if self._said is not None and monotonic() < self._said[0] else None

    def say(self, sentence: str) -> None:
        """Tell what came of a key."""
        self._said = (monotonic() + _SAID, sentence)
        self._changed()

    def _free(self) -> int | None:
        if self.settings.remote is not None:
            return None
        with suppress(OSError):
            told = os.statvfs(self.settings.directory)
            return told.f_bavail * told.f_frsize
        return None

    def _changed(self) -> None:
        self._stale = True

    def _beat(self) -> None:
        said = self._said
        if said is not None and monotonic() >= said[0]:
            self._said, self._stale = None, True
        if self._stale:
            self._stale = False
            self.list_screen.redraw()
            if isinstance(self.screen, DetailScreen):
                self.screen.redraw()

    # whom keys are for -------------------------------------------------------------------------------------------------

    @property
    def targets(self) -> tuple[DownloadId, ...]:
        """Whom a key is for."""
        if isinstance(self.screen, DetailScreen):
            return (self.screen.download_id,)
        return acts.targets(tuple(self.chosen), self.list_screen.cursor)

    def _known(self, ids: Sequence[DownloadId]) -> Download | None:
        """The download, where it is only one and on the screen."""
        return self.feed.held.get(ids[0]) if len(ids) == 1 else None

    def attempt(self, asking: Awaitable[str | None]) -> None:
        """Do it beside the drawing, and tell what came of it."""

        async def attempted() -> None:
            try:
                sentence = await asking
            except DlmError as error:
                sentence = str(error)
            if sentence:
                self.say(sentence)
            self.feed.look()

        self.run_worker(attempted(), exit_on_error=True)

    def _each(self, ids: Sequence[DownloadId], ask: Callable[[Any], Awaitable[Sequence[Ordered]]]) -> Awaitable[list[Ordered]]:
        async def asked() -> list[Ordered]:
            return [answer for selection in acts.lots(ids) for answer in await ask(selection)]

        return asked()

    # keys --------------------------------------------------------------------------------------------------------------

    def action_order(self, word: str) -> None:
        """Pause, resume, retry, or cancel, which asks."""
        order, ids = Order(word), self.targets
        only = self._known(ids)
        if not ids:
            self.say("There is no download to choose.")
        elif len(ids) == 1 and (sentence := acts.refusal(order, only)) is not None:
            self.say(sentence)
        elif order is Order.CANCEL:
            question = f"Give {acts.named(len(ids), only)} up, and delete what has come?"
            self.push_screen(Choice(question, [("y", "yes")]), lambda key: self._order(order, ids) if key else None)
        else:
            self._order(order, ids)

    def _order(self, order: Order, ids: Sequence[DownloadId]) -> None:
        async def obeyed() -> str:
            answers = await self._each(ids, partial(self.downloads.order, order))
            self.chosen.clear()
            return acts.order_told(order, answers)

        self.attempt(obeyed())

    def action_remove(self) -> None:
        """Ask whether the files go too."""
        ids = self.targets
        if not ids:
            self.say("There is no download to choose.")
            return
        question = f"Remove {acts.named(len(ids), self._known(ids))} from the list?"
        answers = [("y", "yes; finished files stay"), ("f", "yes, and delete finished files too")]
        self.push_screen(Choice(question, answers), lambda key: self._remove(ids, key == "f") if key else None)

    def _remove(self, ids: Sequence[DownloadId], delete_files: bool) -> None:
        async def removed() -> str:
            answers = await self._each(ids, partial(self.downloads.remove, delete_files=delete_files))
            for each in answers:
                if each.refusal is None:
                    self.feed.shelf.drop(each.download.id)
            self.chosen.clear()
            return acts.removed_told(answers)

        if isinstance(self.screen, DetailScreen):
            self.pop_screen()
        self.attempt(removed())

    def action_add(self, pasted: str = "") -> None:
        """Ask for addresses; `pasted` stands there already."""
        where = f"to {self.settings.directory}" if self.settings.directory else "to the daemon's own directory"
        self.push_screen(Adding(lambda text: requests_of(text, self.settings), where, pasted), self._add)

    def _add(self, requests: Sequence[AddRequest] | None) -> None:
        async def added() -> str:
            return "  ".join(added_lines(await self.downloads.add(requests or ()), 1))

        if requests:
            self.attempt(added())

    def action_step_limit(self, step: int) -> None:
        """The limit of all together, a step up or down."""
        rate = acts.step_rate(self.feed.rates.total, step, self.standing.speed)
        self._limit(("all", rate), None)

    def action_limit(self) -> None:
        """Ask for a rate."""
        only = self._known(self.targets[:1])
        whose = [("all", "all together")]
        if only is not None:
            whose += [("host", f"the host {only.host}"), ("download", f"'{only.label}'")]
        self.push_screen(Limiting(whose), lambda answer: self._limit(answer, only))

    def _limit(self, answer: tuple[str, int | None] | None, only: Download | None) -> None:
        async def limited(whose: str, rate: int | None) -> str:
            if whose == "download" and only is not None:
                await self.downloads.edit(only.id, Change(fields={"limit_rate": rate}))
                return acts.limit_told(only.label, rate)
            host = only.host if whose == "host" and only is not None else None
            self.feed.rates = await self.downloads.limit(rate, host=host)
            return acts.limit_told(host or "All together", rate)

        if answer is not None:
            self.attempt(limited(*answer))

    def action_details(self) -> None:
        """Look at one closely."""
        cursor = self.list_screen.cursor
        if cursor is not None and not isinstance(self.screen, DetailScreen):
            self.push_screen(DetailScreen(self, cursor))

    def action_help(self) -> None:
        """The keys."""
        self.push_screen(Help())

    def action_leave(self) -> None:
        """End; the downloads go on."""
        self.exit()

    def _fatal_error(self) -> None:
        # Textual would show the variables of every function on the way, and there are secrets among them.
        self._close_messages_no_wait()

    def raise_failure(self) -> None:
        """What ended the drawing, if something did."""
        if self._exception is not None:
            raise self._exception


def where_of(settings: Settings) -> str:
    """Whose downloads these are, in a word or two."""
    from dlm.model.address import without_credentials

    if settings.remote is not None:
        return without_credentials(settings.remote)
    return printable(settings.state)


async def show(downloads: Downloads, settings: Settings) -> None:
    """The whole screen, until the user leaves. Raises the `DlmError` of a facade that cannot be asked at all."""
    from dlm.cli.line import glyphs_for

    top = Top(downloads, settings, where_of(settings), glyphs_for(sys.stdout.encoding))
    await top.feed.refresh()
    await top.run_async()
    top.raise_failure()
