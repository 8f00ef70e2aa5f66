"""`dlm watch`: look at what moves."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from dlm.cli.configuration import load
from dlm.cli.options import json_option, state_option, volume_options

if TYPE_CHECKING:
    from dlm.cli.board import QueueBoard
    from dlm.cli.faces import QueueFace


@click.command("watch", epilog="At a daemon: dlm watch --remote https://nas:8840")
@state_option
@volume_options
@json_option
@click.pass_context
def watch(context: click.Context, /, **flags: Any) -> int:
    """Look at what moves now, in every dlm on this database, or at a daemon.

    Ctrl-C ends the looking, and nothing else.
    """
    if flags["quiet"] and flags["verbose"]:
        raise click.UsageError("--quiet and --verbose contradict each other", context)
    settings = load(flags)

    from time import monotonic

    from dlm.cli.board import QueueBoard
    from dlm.cli.foreground import carry
    from dlm.cli.watching import Watch

    board = QueueBoard()
    return carry(context.obj, Watch(settings, board, _face(board, flags, monotonic())))


def _face(board: QueueBoard, flags: dict[str, Any], now: float) -> QueueFace:
    if flags["as_json"]:
        from dlm.cli.json_lines import QueueJsonFace

        return QueueJsonFace(sys.stdout)
    from dlm.cli.faces import QueueLogFace, Volume

    volume = Volume.of(flags)
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return QueueLogFace(board, sys.stderr, volume)
    from dlm.cli.terminal import TerminalFace, has_colour

    class Onlooker(TerminalFace):
        """Has nothing to stop."""

        def stopping(self) -> None:
            self.close()

    return Onlooker(board, sys.stderr, volume, colour=has_colour(os.environ), started=now)
