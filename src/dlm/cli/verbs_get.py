"""`dlm get`: fetch now, in the foreground."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from dlm.cli.asked import asked_of, fetch_options, folder_options, list_options, place_options
from dlm.cli.configuration import load
from dlm.cli.options import WHOSE, command_again, json_option, settings_options, volume_options

if TYPE_CHECKING:
    from dlm.cli.board import Board
    from dlm.cli.faces import FetchFace
    from dlm.model.download import DownloadSpec

_EPILOG = "The same command again goes on where it was stopped."


@click.command("get", epilog=_EPILOG)
@click.argument("urls", nargs=-1, metavar="URL...")
@place_options
@list_options
@folder_options
@settings_options("jobs", "limit_total")
@fetch_options
@settings_options(*WHOSE, "log_file", "log_format")
@volume_options
@json_option
@click.pass_context
def get(context: click.Context, /, urls: tuple[str, ...], **flags: Any) -> int:
    """Fetch URLs now, and return when they are complete.

    Each URL is one download, unless --mirror says that they are one file. What an earlier run has left is gone on with.
    With --remote a daemon fetches them, into its own directories, and goes on with it when this is stopped.
    URLs begin with http, https, ftp, ftpes (FTP that asks for TLS before the login) or ftps (FTP within TLS). In the place
    of a URL may stand the path of a Metalink, for the files that it names.
    """
    if flags["quiet"] and flags["verbose"]:
        raise click.UsageError("--quiet and --verbose contradict each other", context)
    settings = load(flags)
    if settings.remote is not None:
        refuse_local(flags)
    asked = asked_of(urls, flags, settings)
    pieces = {each.spec: each.pieces for each in asked if each.pieces is not None}

    from time import monotonic

    from dlm.cli.board import Board
    from dlm.cli.fetching import Fetch
    from dlm.cli.foreground import carry

    def fetch(specs: Sequence[DownloadSpec]) -> tuple[int, Fetch]:
        folders = sum(spec.recursive is not None for spec in specs)
        board = Board(len(specs) - folders, folders)
        face = _face(board, specs, flags, monotonic())
        run = Fetch(settings, specs, board, face, command_again(context), pieces=pieces)
        return carry(context.obj, run), run

    code, run = fetch([each.spec for each in asked])
    if not run.unknown or settings.remote is not None or flags["as_json"] or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return code

    from dlm.cli.introducing import introduced

    known = introduced(context.obj, settings, run.unknown)
    again = fetch(known)[0] if known else code
    return run.code_of_others or (again if len(known) == len(run.unknown) else code)


def refuse_local(flags: Mapping[str, Any]) -> None:
    """Raises `InvalidRequest` for what a daemon elsewhere cannot be asked for."""
    from dlm.model.error import InvalidRequest

    if flags["output"] == "-":
        raise InvalidRequest("--output: a daemon cannot write to standard output here: leave --remote out, or name a file")
    for name in ("jobs", "limit_total", "log_file"):
        if flags[name] is not None:
            raise InvalidRequest(f"--{name.replace('_', '-')} is the daemon's own to choose: leave it out, or --remote")


def _face(board: Board, specs: Sequence[DownloadSpec], flags: dict[str, Any], now: float) -> FetchFace:
    from dlm.cli.faces import LogFace, Volume

    streaming = any(spec.streams_out for spec in specs)
    if flags["as_json"]:
        from dlm.cli.json_lines import JsonFace

        return JsonFace(sys.stderr if streaming else sys.stdout)
    volume = Volume.of(flags)
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return LogFace(board, sys.stderr, volume)
    if streaming and sys.stdout.isatty():  # the file itself is being shown there
        return LogFace(board, sys.stderr, Volume.QUIET)
    from dlm.cli.terminal import TerminalFace, has_colour

    return TerminalFace(board, sys.stderr, volume, colour=has_colour(os.environ), started=now)
