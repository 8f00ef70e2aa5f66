"""`dlm import`: put the downloads of lists that others have written into the queue."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from dlm.cli.configuration import load
from dlm.cli.options import json_option, settings_options, start_option, state_option
from dlm.intake.formats import Format, Reading, sniff

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from dlm.intake.planning import Plan, Terms
    from dlm.model.settings import Settings

_EPILOG = "Look first, then do it: dlm import page.har --type 'video/*' --dry-run"
_HAR_ONLY = {"types": "--type", "min_size": "--min-size", "any_status": "--any-status"}
_BLOCK = 256 << 10


@click.command("import", epilog=_EPILOG)
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path())
@click.option(
    "--format", type=click.Choice([each.value for each in Format]), help="How they are written.  [default: by name and content]"
)
@settings_options("directory")
@click.option(
    "--filter", "filters", metavar="PATTERN", multiple=True, help="Only URLs like '*.iso' or 're:REGEX'; any of several."
)
@click.option("--type", "types", metavar="GLOB", multiple=True, help="From a HAR only such media types, as 'video/*'.")
@click.option("--min-size", metavar="SIZE", help="From a HAR only files of this size, such as 500K, or more.")
@click.option("--any-status", is_flag=True, help="From a HAR also what was not answered with success.")
@click.option("--expand", is_flag=True, help="Let [001-100], [a-f] and {a,b} in a URL stand for several.")
@click.option("--ignore-unknown", is_flag=True, help="Pass over columns of a table that dlm does not know.")
@click.option("--priority", type=click.Choice(["high", "normal", "low"]), default="normal", help="Rank.  [default: normal]")
@start_option
@click.option("--group", metavar="NAME", help="Belong to this group.  [default: the name of the file]")
@click.option("--paused", is_flag=True, help="Do not start before dlm resume.")
@click.option("--dry-run", is_flag=True, help="Show what would be added, and add nothing.")
@state_option
@json_option
@click.pass_context
def import_lists(context: click.Context, /, files: tuple[str, ...], as_json: bool, **flags: Any) -> int:
    """Put the downloads of lists into the queue: all of them, or none when one is wrong.

    Lists are aria2's input files and sessions, lists of URLs, tables (CSV, TSV, JSON Lines), HAR recordings of browsers,
    Metalinks, and curl commands. - is standard input.
    """
    from dlm.cli.asked import look
    from dlm.cli.imported import report

    settings = load(flags)
    plan = _plan(files, flags, settings)
    requests = plan.requests()
    if settings.remote is None:
        look([request.spec for request in requests])
    if flags["dry_run"]:
        report(plan, None, as_json)
    elif not requests:
        report(plan, (), as_json)
    else:
        from dlm.cli.verbs_queue import ask

        report(plan, ask(context, flags, lambda downloads: downloads.add(requests), settings), as_json)
    return 0


def _plan(files: tuple[str, ...], flags: dict[str, Any], settings: Settings) -> Plan:
    from dlm.intake.planning import STANDARD_INPUT, Plan

    terms = _terms(flags, settings)
    plan = Plan()
    for name in files:
        try:
            if name == "-":
                _take(plan, sys.stdin.buffer, STANDARD_INPUT, flags, terms)
            else:
                with open(name, "rb") as file:
                    _take(plan, file, name, flags, terms)
        except OSError as error:
            from dlm.model.error import InvalidRequest

            raise InvalidRequest(f"'{name}' cannot be read: {error.strerror}") from error
    return plan


def _terms(flags: dict[str, Any], settings: Settings) -> Terms:
    from time import time

    from dlm.intake.moments import parse_when
    from dlm.intake.planning import Terms
    from dlm.model.rank import Priority

    now = time()
    return Terms(
        settings=settings,
        reading=_reading(flags),
        current=os.getcwd(),
        now=now,
        group=flags["group"],
        paused=flags["paused"],
        priority=Priority[flags["priority"].upper()],
        start_at=None if flags["start_at"] is None else parse_when(flags["start_at"], now),
    )


def _reading(flags: dict[str, Any]) -> Reading:
    from dlm.intake.choice import Wanted, url_choice
    from dlm.model.error import InvalidRequest
    from dlm.model.units import parse_size

    try:
        least = 0 if flags["min_size"] is None else parse_size(flags["min_size"])
    except InvalidRequest as error:
        raise InvalidRequest(f"--min-size: {error}") from error
    return Reading(
        chosen=url_choice(flags["filters"]),
        wanted=Wanted(flags["types"], least, flags["any_status"]),
        expand=flags["expand"],
        ignore_unknown=flags["ignore_unknown"],
    )


def _take(plan: Plan, file: BinaryIO, source: str, flags: dict[str, Any], terms: Terms) -> None:
    from itertools import chain

    from dlm.intake.text import decoded
    from dlm.model.error import InvalidRequest

    chunks = decoded(_blocks(file), source)
    head = next(chunks)
    format = sniff(source, head) if flags["format"] is None else Format(flags["format"])
    for name, flag in _HAR_ONLY.items():
        if flags[name] and format is not Format.HAR:
            raise InvalidRequest(f"{flag}: only a HAR tells such facts, and {source} is none (format: {format.value})")
    plan.take(format, chain([head], chunks), source, terms)


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(_BLOCK):
        yield block
