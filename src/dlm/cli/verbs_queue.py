"""`dlm list`, `dlm show` and `dlm remove`: what is recorded of downloads."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dlm.cli.configuration import load
from dlm.cli.options import json_option, state_option

if TYPE_CHECKING:
    from dlm.model.download import Download
    from dlm.ports import Downloads

Answer = TypeVar("Answer")


def ask(context: click.Context, flags: dict[str, Any], question: Callable[[Downloads], Awaitable[Answer]]) -> Answer:
    """The answer of the application that `context` lends, opened for this question only."""
    import asyncio

    async def answered() -> Answer:
        async with context.obj(load(flags)) as downloads:
            return await question(downloads)

    return asyncio.run(answered())


@click.command("list")
@click.option("-n", "--limit", type=click.IntRange(min=1), default=100, metavar="N", help="The newest N.  [default: 100]")
@click.option(
    "--status", "phases", multiple=True, metavar="STATUS", help="Only those that stand so, such as failed; repeatable."
)
@state_option
@json_option
@click.pass_context
def list_downloads(context: click.Context, /, limit: int, phases: tuple[str, ...], as_json: bool, **flags: Any) -> int:
    """List downloads, the newest first."""
    from dlm.model.phase import Phase
    from dlm.ports import DownloadQuery

    known = {phase.value: phase for phase in Phase}
    for word in phases:
        if word not in known:
            raise click.UsageError(f"'{word}' is not a status: write one of {', '.join(known)}", context)
    wanted = frozenset(known[word] for word in phases) or None
    downloads = ask(context, flags, lambda downloads: downloads.list(DownloadQuery(phases=wanted, limit=limit)))
    _write_list(downloads, as_json)
    return 0


def _write_list(downloads: list[Download], as_json: bool) -> None:
    if as_json:
        from dlm.cli.facts import download_facts, json_line

        sys.stdout.write("".join(json_line(download_facts(download)) for download in downloads))
        return
    if not downloads:
        sys.stderr.write("No downloads.\n")
        return
    from dlm.cli.faces import write_text
    from dlm.cli.line import ansi, glyphs_for, plain
    from dlm.cli.listing import aligned
    from dlm.cli.terminal import has_colour, size_of

    terminal = sys.stdout.isatty()
    drawn = ansi if terminal and has_colour(os.environ) else plain
    width = size_of(sys.stdout)[0] if terminal else None
    lines = aligned(downloads, width, glyphs_for(sys.stdout.encoding).gap)
    write_text(sys.stdout, "".join(drawn(each) + "\n" for each in lines))


@click.command("show")
@click.argument("id")
@state_option
@json_option
@click.pass_context
def show(context: click.Context, /, id: str, as_json: bool, **flags: Any) -> int:
    """Show all that is recorded of a download.

    ID is any beginning of its id that no other has.
    """
    story = ask(context, flags, lambda downloads: downloads.show(id))
    if as_json:
        from dlm.cli.facts import json_line, story_facts

        sys.stdout.write(json_line(story_facts(story)))
    else:
        from dlm.cli.faces import write_text
        from dlm.cli.telling import told

        write_text(sys.stdout, told(story))
    return 0


@click.command("remove")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--delete-files", is_flag=True, help="Delete finished files too.")
@state_option
@json_option
@click.pass_context
def remove(context: click.Context, /, ids: tuple[str, ...], delete_files: bool, as_json: bool, **flags: Any) -> int:
    """Forget downloads. Partial files go with them; finished files stay, unless --delete-files is given."""
    from dlm.model.error import DlmError, exit_code

    async def removed(downloads: Downloads) -> int:
        first = 0
        for id in ids:
            try:
                _write_removed(await downloads.remove(id, delete_files=delete_files), delete_files, as_json)
            except DlmError as error:
                _write_refused(id, error, as_json)
                first = first or exit_code(type(error))
        return first

    return ask(context, flags, removed)


def _write_removed(download: Download, deleted: bool, as_json: bool) -> None:
    from dlm.cli.faces import write_text
    from dlm.cli.facts import download_facts, json_line
    from dlm.model.text import printable

    if as_json:
        sys.stdout.write(json_line({"removed": True, **download_facts(download)}))
    else:
        kept = f"; {download.path} is kept" if download.path and not deleted else ""
        write_text(sys.stdout, printable(f"Removed {download.id[:8]} {download.label}{kept}") + "\n")


def _write_refused(id: str, error: Exception, as_json: bool) -> None:
    from dlm.cli.facts import json_line
    from dlm.model.text import printable

    if as_json:
        kind = type(error).__name__
        sys.stdout.write(json_line({"removed": False, "download_id": id, "error": {"kind": kind, "message": str(error)}}))
    sys.stderr.write(f"dlm: {printable(str(error))}\n")
