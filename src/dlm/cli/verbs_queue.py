"""`dlm list` and `dlm show`: what is recorded of downloads."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dlm.cli.completing import complete_id
from dlm.cli.configuration import load
from dlm.cli.options import json_option, state_option

if TYPE_CHECKING:
    from dlm.model.download import Download, DownloadId
    from dlm.model.message import Progressed
    from dlm.model.phase import Phase
    from dlm.model.queue import Stats
    from dlm.model.settings import Settings
    from dlm.ports import Downloads

Answer = TypeVar("Answer")


def ask(
    context: click.Context,
    flags: dict[str, Any],
    question: Callable[[Downloads], Awaitable[Answer]],
    settings: Settings | None = None,
) -> Answer:
    """The answer of the application that `context` lends, opened for this question only, with the settings of the flags."""
    import asyncio

    async def answered() -> Answer:
        async with context.obj(settings or load(flags)) as downloads:
            return await question(downloads)

    return asyncio.run(answered())


def phases_of(context: click.Context, words: Sequence[str]) -> frozenset[Phase] | None:
    """The phases that --status names, `None` when it names none."""
    from dlm.model.phase import Phase

    known = {phase.value: phase for phase in Phase}
    for word in words:
        if word not in known:
            raise click.UsageError(f"'{word}' is not a status: write one of {', '.join(known)}", context)
    return frozenset(known[word] for word in words) or None


@click.command("list")
@click.option("-n", "--limit", type=click.IntRange(min=1), default=100, metavar="N", help="The first N.  [default: 100]")
@click.option(
    "--status", "statuses", multiple=True, metavar="STATUS", help="Only those that stand so, such as failed; repeatable."
)
@click.option("--group", metavar="NAME", help="Only those of this group.")
@click.option("--search", metavar="TEXT", help="Only those with TEXT in their name or address.")
@click.option("--sort", metavar="KEY", help="By added, name, size or finished; -KEY is the other way round.  [default: -added]")
@click.option("--after", "--cursor", "after", metavar="ID", help="Only those behind this one, the last of the page before.")
@state_option
@json_option
@click.pass_context
def list_downloads(context: click.Context, /, as_json: bool, **flags: Any) -> int:
    """List downloads, the newest first unless --sort says otherwise."""
    from dlm.model.query import DownloadQuery
    from dlm.model.sorting import NEWEST_FIRST, Sort

    sort = NEWEST_FIRST if flags["sort"] is None else Sort.parse(flags["sort"])

    query = DownloadQuery(
        phases=phases_of(context, flags["statuses"]),
        group=flags["group"],
        text=flags["search"],
        limit=flags["limit"],
        sort=sort,
    )
    footed = not as_json and sys.stdout.isatty()

    async def answer(downloads: Downloads) -> tuple[list[Download], Mapping[DownloadId, Progressed], Stats | None]:
        before = await _cursor(downloads, flags["after"]) if flags["after"] else None
        found = await downloads.list(replace(query, before=before))
        moving = any(each.phase in CLAIMED_PHASES for each in found)
        return found, await downloads.samples() if moving else {}, await downloads.stats() if footed else None

    from dataclasses import replace

    from dlm.model.phase import CLAIMED_PHASES

    found, samples, stats = ask(context, flags, answer)
    if as_json:
        from dlm.cli.facts import download_facts, json_line

        sys.stdout.write("".join(json_line(download_facts(each, samples.get(each.id))) for each in found))
    else:
        _write_list(found, samples, stats)
    return 0


async def _cursor(downloads: Downloads, reference: str) -> DownloadId:
    return (await downloads.show(reference)).download.id


def _write_list(found: list[Download], samples: Mapping[DownloadId, Progressed], stats: Stats | None) -> None:
    if not found:
        sys.stderr.write("No downloads.\n")
        return
    from time import time

    from dlm.cli.faces import write_text
    from dlm.cli.line import ansi, glyphs_for, plain
    from dlm.cli.listing import aligned, footer
    from dlm.cli.terminal import has_colour, size_of

    terminal = sys.stdout.isatty()
    drawn = ansi if terminal and has_colour(os.environ) else plain
    width = size_of(sys.stdout)[0] if terminal else None
    lines = aligned(found, samples, time(), width, glyphs_for(sys.stdout.encoding).gap)
    lines += [footer(stats, len(found), width)] if stats is not None and width is not None else []
    write_text(sys.stdout, "".join(drawn(each) + "\n" for each in lines))


@click.command("show")
@click.argument("id", shell_complete=complete_id)
@state_option
@json_option
@click.pass_context
def show(context: click.Context, /, id: str, as_json: bool, **flags: Any) -> int:
    """Show all that is recorded of a download, and its story.

    ID is any beginning of its id that no other has.
    """
    story = ask(context, flags, lambda downloads: downloads.show(id))
    if as_json:
        from dlm.cli.facts import json_line, story_facts

        sys.stdout.write(json_line(story_facts(story)))
    else:
        from time import time

        from dlm.cli.faces import write_text
        from dlm.cli.telling import told

        write_text(sys.stdout, told(story, time()))
    return 0
