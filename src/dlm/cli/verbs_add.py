"""`dlm add`: put into the queue."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from dlm.cli.asked import asked_of, fetch_options, folder_options, list_options, place_options
from dlm.cli.configuration import load
from dlm.cli.options import json_option, start_option, state_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dlm.model.queue import Added, AddRequest

_EPILOG = "Tonight, all of a list: dlm add -i list.txt --start-at 23:30 --priority low"
_MOST_TOLD = 20


@click.command("add", epilog=_EPILOG)
@click.argument("urls", nargs=-1, metavar="URL...")
@place_options
@list_options
@folder_options
@click.option("--priority", type=click.Choice(["high", "normal", "low"]), default="normal", help="Its rank.  [default: normal]")
@start_option
@click.option("--group", metavar="NAME", help="Belong to this group; groups take turns.")
@click.option("--paused", is_flag=True, help="Do not start before dlm resume.")
@click.option("--now", is_flag=True, help="Take a slot at once, from another download if need be.")
@fetch_options
@state_option
@json_option
@click.pass_context
def add(context: click.Context, /, urls: tuple[str, ...], as_json: bool, **flags: Any) -> int:
    """Put URLs into the queue.

    dlm run works it. Each URL is one download, unless --mirror says that they are one file. What is in the queue already
    is not added again. In the place of a URL may stand the path of a Metalink, for the files that it names.
    """
    if flags["now"] and (flags["paused"] or flags["start_at"]):
        raise click.UsageError("--now contradicts --paused and --start-at", context)
    from dlm.cli.verbs_queue import ask

    settings = load(flags)
    requests = _requests(urls, flags | {"as_json": as_json})
    added = ask(context, flags, lambda downloads: downloads.add(requests), settings)
    _write(added, as_json)
    return 0


def _requests(urls: tuple[str, ...], flags: dict[str, Any]) -> Sequence[AddRequest]:
    from time import time

    from dlm.intake.moments import parse_when
    from dlm.model.error import InvalidRequest
    from dlm.model.queue import AddRequest
    from dlm.model.rank import Lane, Priority

    start_at = None if flags["start_at"] is None else parse_when(flags["start_at"], time())
    asked = asked_of(urls, flags, load(flags))
    if any(each.spec.streams_out for each in asked):
        raise InvalidRequest("--output: the queue cannot stream to standard output: write dlm get -o -, or a file name")
    return [
        AddRequest(
            spec=each.spec,
            lane=Lane.NOW if flags["now"] else Lane.AUTOMATIC,
            priority=Priority[flags["priority"].upper()],
            start_at=start_at,
            group=flags["group"] or each.group,
            paused=flags["paused"],
            pieces=each.pieces,
        )
        for each in asked
    ]


def _write(added: Sequence[Added], as_json: bool) -> None:
    from dlm.cli.faces import write_text

    if as_json:
        from dlm.cli.facts import download_facts, json_line

        lines = (json_line({"known": each.known, **download_facts(each.download)}) for each in added)
        sys.stdout.write("".join(lines))
        return
    from dlm.cli.replies import added_lines

    write_text(sys.stdout, "".join(text + "\n" for text in added_lines(added, _MOST_TOLD)))
    if sys.stdout.isatty() and not all(each.known for each in added):
        sys.stderr.write("dlm run works the queue.\n")
