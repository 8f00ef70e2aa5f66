"""`dlm top`: the downloads on the whole screen."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from dlm.cli.configuration import load
from dlm.cli.options import json_option, settings_options, state_option
from dlm.cli.verbs_queue import ask

if TYPE_CHECKING:
    from dlm.model.settings import Settings
    from dlm.ports import Downloads

NEEDS = "the terminal UI needs more than is installed: pip install 'dlm[top]'"


@click.command("top", epilog="At a daemon: dlm top --remote https://nas:8840")
@settings_options("directory")
@state_option
@json_option
@click.pass_context
def top(context: click.Context, /, as_json: bool, **flags: Any) -> int:
    """Show the downloads on the whole screen, live, and give orders with single keys.

    ? lists the keys; q leaves, and ends nothing else. Without a terminal, and with --json, it is one look: how the queue
    stands, and what moves.
    """
    settings = load(flags)
    if as_json or not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        _look_once(context, flags, settings, as_json)
        return 0
    _check()
    from dlm.model.error import ExitCode

    async def shown(downloads: Downloads) -> None:
        from dlm.cli.top.application import show

        await show(downloads, settings)

    ask(context, flags, shown, settings)
    return ExitCode.DONE


def _look_once(context: click.Context, flags: dict[str, Any], settings: Settings, as_json: bool) -> None:
    from dlm.cli.faces import write_text
    from dlm.cli.line import glyphs_for
    from dlm.cli.top import snapshot

    taken = ask(context, flags, snapshot.taken, settings)
    if as_json:
        sys.stdout.write("".join(snapshot.json_lines(taken)))
    else:
        glyphs = glyphs_for(sys.stdout.encoding)
        write_text(sys.stdout, "".join(text + "\n" for text in snapshot.text_lines(taken, glyphs)))


def _check() -> None:
    """Raises `InvalidRequest` where there are no keys to read, and where the library for it is not installed."""
    from importlib.util import find_spec

    from dlm.model.error import InvalidRequest

    if not sys.stdin.isatty():
        raise InvalidRequest("dlm top reads keys, and its standard input is no terminal: leave the redirection out")
    if find_spec("textual") is None:
        raise InvalidRequest(NEEDS)
