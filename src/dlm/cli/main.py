"""The command line: `run` takes the arguments and gives the exit code. A verb is loaded only when it is used."""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING, TypeAlias

import click

from dlm import __version__
from dlm.model.error import DlmError, ExitCode, exit_code
from dlm.model.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from dlm.model.settings import Settings
    from dlm.ports import Downloads

OpenDownloads: TypeAlias = "Callable[[Settings], AbstractAsyncContextManager[Downloads]]"
"""What `app` lends: a running application for these settings, closed at the end of the context."""

VERBS: dict[str, str] = {
    "get": "dlm.cli.verbs_get:get",
    "add": "dlm.cli.verbs_add:add",
    "run": "dlm.cli.verbs_run:run",
    "list": "dlm.cli.verbs_queue:list_downloads",
    "show": "dlm.cli.verbs_queue:show",
    "pause": "dlm.cli.verbs_orders:pause",
    "resume": "dlm.cli.verbs_orders:resume",
    "cancel": "dlm.cli.verbs_orders:cancel",
    "retry": "dlm.cli.verbs_orders:retry",
    "remove": "dlm.cli.verbs_orders:remove",
    "move": "dlm.cli.verbs_change:move",
    "edit": "dlm.cli.verbs_change:edit",
    "limit": "dlm.cli.verbs_change:limit",
    "explain": "dlm.cli.verbs_explain:explain",
    "watch": "dlm.cli.verbs_watch:watch",
    "top": "dlm.cli.verbs_top:top",
    "events": "dlm.cli.verbs_events:events",
    "bench": "dlm.cli.verbs_explain:bench",
    "preview": "dlm.cli.verbs_explain:preview",
    "import": "dlm.cli.verbs_import:import_lists",
    "serve": "dlm.cli.verbs_serve:serve",
    "token": "dlm.cli.verbs_serve:token",
    "verify": "dlm.cli.verbs_verify:verify",
    "config": "dlm.cli.verbs_config:config",
    "doctor": "dlm.cli.verbs_doctor:doctor",
    "completions": "dlm.cli.verbs_shell:completions",
    "manpage": "dlm.cli.verbs_shell:manpage",
}
"""Every verb, in the order of the help, and where it is."""

_CODES = "Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 refused, 5 network, 6 disk, 7 wrong content, 130 interrupted."


class Verbs(click.Group):
    """The group of verbs; it imports the one that is asked for."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """The names, in the order of the table."""
        return list(VERBS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb, `None` when there is none of that name."""
        if cmd_name not in VERBS:
            return None
        module, _, name = VERBS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a word of help for `dlm URL`."""
        if args and "://" in args[0]:
            raise click.UsageError("a verb is missing: write 'dlm get URL'", ctx)
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], VERBS, n=1)
            raise click.UsageError(f"there is no verb '{args[0]}'" + (f": did you mean '{near[0]}'?" if near else ""), ctx)
        return super().resolve_command(ctx, args)


@click.group(
    "dlm",
    cls=Verbs,
    subcommand_metavar="VERB [ARGS]...",
    epilog=_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="dlm %(version)s")
def program() -> None:
    """Fetch anything that has an address, whole and right, and never lose work."""


def run(argv: list[str], open_downloads: OpenDownloads) -> int:
    """Carry out `argv` (without the program's name). Every error is one sentence on stderr and an exit code."""
    try:
        result = program.main(args=argv or ["--help"], prog_name="dlm", standalone_mode=False, obj=open_downloads)
        sys.stdout.flush()
    except click.UsageError as error:
        return _usage(error)
    except click.ClickException as error:
        return _fail(error.format_message(), ExitCode.USAGE)
    except DlmError as error:
        return _fail(str(error), exit_code(type(error)))
    except (click.Abort, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    except OSError as error:  # of our own streams: those of files and sockets became DlmErrors where they arose
        return _unwritable(error)
    except SystemExit as error:  # click ends so after it has completed a word for a shell
        return error.code if isinstance(error.code, int) else ExitCode.DONE
    return result if isinstance(result, int) else ExitCode.DONE


def _usage(error: click.UsageError) -> int:
    said = error.format_message().rstrip(".")
    path = error.ctx.command_path if error.ctx else "dlm"
    return _fail(f"{said[:1].lower()}{said[1:]} ('{path} --help' tells more)", ExitCode.USAGE)


def _unwritable(error: OSError) -> int:
    # What is still buffered must not be tried again when the interpreter ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):  # nobody reads any more, which is no news to whoever stopped
        return ExitCode.FAILED
    return _fail(f"the output cannot be written: {error.strerror or error}", ExitCode.DISK)


def _fail(sentence: str, code: int) -> int:
    sys.stderr.write(f"dlm: {printable(sentence)}\n")
    return code
