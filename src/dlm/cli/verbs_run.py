"""`dlm run`: work the queue, in the foreground."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from dlm.cli.configuration import load
from dlm.cli.options import WHOSE, command_again, json_option, settings_options, volume_options

if TYPE_CHECKING:
    from dlm.cli.board import QueueBoard
    from dlm.cli.faces import QueueFace

_EPILOG = "Only at night: dlm run --windows '23:00-06:00 start' --stay"


@click.command("run", epilog=_EPILOG)
@settings_options("jobs", "per_host", "limit_total")
@click.option("--stay", is_flag=True, help="Wait for more when the queue is empty.")
@settings_options("windows", "timezone", "workers", *WHOSE, "log_file", "log_format")
@volume_options
@json_option
@click.pass_context
def run(context: click.Context, /, stay: bool, **flags: Any) -> int:
    """Work the queue here, and return when nothing is left to do.

    Several of these share one queue, and nothing runs twice. Ctrl-C gives everything back to the queue.
    """
    if flags["quiet"] and flags["verbose"]:
        raise click.UsageError("--quiet and --verbose contradict each other", context)
    settings = load(flags)
    if settings.remote is not None:
        from dlm.model.address import without_credentials
        from dlm.model.error import InvalidRequest

        where = without_credentials(settings.remote)
        raise InvalidRequest(f"the daemon at {where} works its queue by itself: leave out --remote or DLM_REMOTE")

    from time import monotonic

    from dlm.cli.board import QueueBoard
    from dlm.cli.foreground import carry
    from dlm.cli.working import QueueRun

    board = QueueBoard()
    face = _face(board, flags, monotonic())
    return carry(context.obj, QueueRun(settings, board, face, command_again(context)[0], stay=stay))


def _face(board: QueueBoard, flags: dict[str, Any], now: float) -> QueueFace:
    if flags["as_json"]:
        from dlm.cli.json_lines import QueueJsonFace

        return QueueJsonFace(sys.stdout)
    from dlm.cli.faces import QueueLogFace, Volume

    volume = Volume.of(flags)
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return QueueLogFace(board, sys.stderr, volume)
    from dlm.cli.terminal import TerminalFace, has_colour

    return TerminalFace(board, sys.stderr, volume, colour=has_colour(os.environ), started=now)
