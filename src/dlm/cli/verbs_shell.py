"""`dlm completions` and `dlm manpage`: what shells and `man` need to know."""

from __future__ import annotations

import sys

import click

from dlm.cli.options import json_option

SHELLS = ("bash", "zsh", "fish")


@click.command("completions")
@click.argument("shell", type=click.Choice(SHELLS))
@json_option
@click.pass_context
def completions(context: click.Context, shell: str, as_json: bool) -> int:
    """Print the completion script of a shell.

    For bash: dlm completions bash > ~/.local/share/bash-completion/completions/dlm
    """
    script = _script(context.find_root().command, shell)
    if as_json:
        from dlm.cli.facts import json_line

        script = json_line({"shell": shell, "script": script})
    sys.stdout.write(script)
    return 0


def _script(program: click.Command, shell: str) -> str:
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"click has no completion for {shell}")
    # `source()` would also start bash to look at its version, which says nothing about the shell that will read this.
    made = kind(program, {}, "dlm", "_DLM_COMPLETE")
    return made.source_template % made.source_vars() + "\n"


@click.command("manpage")
@json_option
@click.pass_context
def manpage(context: click.Context, as_json: bool) -> int:
    """Print the manual page, for man -l - or /usr/share/man/man1."""
    from dlm.cli.roff import page

    program = context.find_root().command
    if as_json:
        from dlm.cli.facts import json_line

        sys.stdout.write(json_line({"name": "dlm", "section": 1, "roff": page(program)}))
    else:
        sys.stdout.write(page(program))
    return 0
