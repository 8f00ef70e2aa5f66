"""`dlm events`: what was recorded, and what happens."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from dlm.cli.configuration import load
from dlm.cli.options import json_option, state_option

if TYPE_CHECKING:
    from collections.abc import Callable

    from dlm.model.event import Event
    from dlm.model.settings import Settings

_FROM_NOW = -1


@click.command("events", epilog="For a script: dlm events --follow --json")
@click.option("--since", type=click.IntRange(min=0), metavar="SEQ", help="Only what was recorded after this number.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what happens, in every dlm on this database.")
@click.option("--progress", is_flag=True, help="With --follow: samples of what moves, and ended connections, too.")
@state_option
@json_option
@click.pass_context
def events(context: click.Context, /, since: int | None, follow: bool, progress: bool, as_json: bool, **flags: Any) -> int:
    """Write the record of what happened to downloads, oldest first.

    With --follow and without --since, it begins now.
    """
    import asyncio

    from dlm.cli.two_stage import TwoStage

    start = since if since is not None else _FROM_NOW if follow else 0
    tell = _json_teller() if as_json else _plain_teller()
    settings = load(flags)
    with TwoStage() as stages:

        async def stoppable() -> int:
            loop, current = asyncio.get_running_loop(), asyncio.current_task()
            assert current is not None
            stages.on_stop(lambda: loop.call_soon_threadsafe(current.cancel))
            try:
                await _told(context, settings, (start, follow, progress), tell)
            except asyncio.CancelledError:
                if not stages.stopped:
                    raise
            return 0  # to stop following is how it ends

        return asyncio.run(stoppable())


async def _told(
    context: click.Context, settings: Settings, wanted: tuple[int, bool, bool], tell: Callable[[Event], None]
) -> None:
    from dlm.model.event import ConnectionClosed, ProgressMade

    start, follow, progress = wanted
    async with context.obj(settings) as downloads:
        async for event in downloads.events(start, follow=follow):
            if progress or not isinstance(event, ProgressMade | ConnectionClosed):
                tell(event)


def _json_teller() -> Callable[[Event], None]:
    from dlm.cli.faces import write_text
    from dlm.cli.facts import json_line
    from dlm.cli.json_lines import event_facts

    return lambda event: write_text(sys.stdout, json_line(event_facts(event)))


def _plain_teller() -> Callable[[Event], None]:
    from time import time

    from dlm.cli.chronicle import event_line
    from dlm.cli.faces import write_text
    from dlm.cli.line import ansi, glyphs_for, plain
    from dlm.cli.terminal import has_colour

    drawn = ansi if sys.stdout.isatty() and has_colour(os.environ) else plain
    glyphs = glyphs_for(sys.stdout.encoding)
    return lambda event: write_text(sys.stdout, drawn(event_line(event, time(), glyphs)) + "\n")
