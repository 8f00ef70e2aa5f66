"""`dlm doctor`: whether everything that dlm relies on is in order here."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from dlm.cli.options import WHOSE, json_option, settings_options
from dlm.cli.verbs_queue import ask

if TYPE_CHECKING:
    from dlm.model.queue import Finding


@click.command("doctor")
@settings_options("directory", *WHOSE)
@json_option
@click.pass_context
def doctor(context: click.Context, /, as_json: bool, **flags: Any) -> int:
    """Check whether everything that dlm relies on is in order here.

    The exit code is 0 when nothing is bad, 1 otherwise.
    """
    from dlm.model.error import ExitCode

    findings = _examined(context, flags)
    _write(findings, as_json)
    return ExitCode.FAILED if any(each.state == "bad" for each in findings) else ExitCode.DONE


def _examined(context: click.Context, flags: dict[str, Any]) -> Sequence[Finding]:
    """The findings; a database that cannot even be opened is one."""
    from dlm.model.error import StorageError
    from dlm.model.queue import Finding

    try:
        return ask(context, flags, lambda downloads: downloads.examine())
    except StorageError as error:
        return [Finding("database", "bad", str(error))]


def _write(findings: Sequence[Finding], as_json: bool) -> None:
    if as_json:
        from dlm.cli.facts import json_line

        facts = ({"name": each.name, "state": each.state, "sentence": each.sentence} for each in findings)
        sys.stdout.write("".join(map(json_line, facts)))
        return
    from dlm.cli.faces import write_text
    from dlm.cli.findings import lines_of
    from dlm.cli.line import ansi, glyphs_for, plain
    from dlm.cli.terminal import has_colour, size_of

    terminal = sys.stdout.isatty()
    drawn = ansi if terminal and has_colour(os.environ) else plain
    width = size_of(sys.stdout)[0] if terminal else None
    lines = lines_of(findings, width, glyphs_for(sys.stdout.encoding))
    write_text(sys.stdout, "".join(drawn(each) + "\n" for each in lines))
