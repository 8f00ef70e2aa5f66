"""click's options: made from the schema of settings, the few that verbs share, and the command that goes on with a run."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from dlm.model.address import without_credentials
from dlm.model.settings import SCHEMA, Setting, Unit

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_SECRET = "***"  # noqa: S105 - what stands for a secret, not one
_UNREPEATED = {"resume"}  # --no-resume would drop what is to be gone on with


def settings_options(*names: str, presets: bool = True) -> Callable[[Decorated], Decorated]:
    """The options of these settings. Their values reach the verb as written (`None` where not given).

    Without `presets` the help tells no defaults, where what is not given means something else.
    """

    def decorate(function: Decorated) -> Decorated:
        for name in reversed(names):
            function = _option(SCHEMA[name], presets=presets)(function)
        return function

    return decorate


def _option(row: Setting, *, presets: bool) -> Callable[[Decorated], Decorated]:
    help = row.help[0].upper() + row.help[1:] + "."
    if row.unit is Unit.SWITCH:
        opposite = f"--no-{row.flag.removeprefix('--')}"
        preset = f"  [default: {row.flag if row.default else opposite}]" if row.default and presets else ""
        return click.option(f"{row.flag}/{opposite}", row.name, default=None, help=help + preset)
    names = [row.short, row.flag] if row.short else [row.flag]
    preset = f"  [default: {row.preset_text}]" if row.preset_text and presets else ""
    kind = click.Path() if row.is_path else click.STRING  # a Path completes file names
    return click.option(*names, row.name, metavar=row.metavar, default=None, type=kind, help=help + preset)


json_option = click.option("--json", "as_json", is_flag=True, help="Write JSON, one object a line.")
WHOSE = ("state", "remote", "token")
"""The settings that say whose downloads are meant."""
state_option = settings_options(*WHOSE)
start_option = click.option(
    "--start-at", metavar="WHEN", help="Do not start before: 22:30, 2026-12-01 08:00, or +2h for two hours from now."
)


def volume_options(function: Decorated) -> Decorated:
    """-q and -v."""
    loud = click.option("-v", "--verbose", is_flag=True, help="Write also what happens on the way.")(function)
    return click.option("-q", "--quiet", is_flag=True, help="Write errors only.")(loud)


def command_again(context: click.Context) -> tuple[str, bool]:
    """The command that goes on with this one, quoted for a shell, and whether a secret was left out of it."""
    flags: list[str] = []
    arguments: list[str] = []
    secret = False
    for parameter in context.command.params:
        name = parameter.name or ""
        if name in _UNREPEATED or context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        value = context.params[name]
        if isinstance(parameter, click.Argument):
            shown = [without_credentials(text) for text in value]
            arguments += shown
            secret = secret or shown != list(value)
        elif isinstance(value, bool):
            flags.append(max((parameter.opts if value else parameter.secondary_opts), key=len))
        else:
            for text in value if isinstance(value, tuple) else (value,):
                shown_text = _without_secret(name, str(text))
                secret = secret or (shown_text != text and name != "user")
                flags += [max(parameter.opts, key=len), shown_text]
    return shlex.join(["dlm", context.info_name or "", *flags, *arguments]), secret


def _without_secret(name: str, text: str) -> str:
    match name:
        case "user":
            return text.partition(":")[0]  # dlm asks for the password then
        case "bearer" | "token":
            return _SECRET
        case "headers":
            return f"{text.partition(':')[0]}: {_SECRET}"
        case "proxy" | "referer" | "remote":
            return without_credentials(text)
        case _:
            return text
