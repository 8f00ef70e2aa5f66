"""`dlm config`: every setting, its value, and where that was chosen."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

import click

from dlm.cli.configuration import choices, surroundings
from dlm.cli.faces import write_text
from dlm.cli.facts import json_line
from dlm.cli.options import json_option
from dlm.model.address import without_credentials
from dlm.model.choosing import Choice
from dlm.model.settings import HIDDEN, SCHEMA, Setting, Unit, Value, show
from dlm.model.text import printable


@click.command("config")
@click.option("--docs", is_flag=True, help="Write the table of all settings in Markdown.")
@click.option("--path", is_flag=True, help="Write the path of config.toml.")
@json_option
@click.pass_context
def config(context: click.Context, docs: bool, path: bool, as_json: bool) -> int:
    """List the settings, their values, and where each was chosen.

    Flags beat the environment, the environment beats config.toml.
    """
    if docs and path:
        raise click.UsageError("--docs and --path ask for different things", context)
    if docs:
        write_text(sys.stdout, "".join(json_line(row_facts(row)) for row in SCHEMA.values()) if as_json else docs_table())
    elif path:
        file = surroundings().file
        write_text(sys.stdout, json_line({"path": file}) if as_json else printable(file) + "\n")
    else:
        chosen = choices({})
        write_text(sys.stdout, _json(chosen) if as_json else _listing(chosen))
        _warn_of_strangers(os.environ)
    return 0


def docs_table() -> str:
    """The settings as a Markdown table."""
    lines = ["| key | flag | variable | value | default | governs | meaning |", "|---|---|---|---|---|---|---|"]
    for row in SCHEMA.values():
        flag = f"`{row.short}`, `{row.flag}`" if row.short else f"`{row.flag}`"
        facts = (
            f"`{row.name}`",
            flag,
            f"`{row.variable}`",
            row.unit.value,
            row.preset_text or "none",
            row.scope.value,
            row.help,
        )
        lines.append(f"| {' | '.join(facts)} |")
    return "\n".join(lines) + "\n"


def row_facts(row: Setting) -> dict[str, object]:
    """One row of the schema as JSON."""
    return {
        "key": row.name,
        "flag": row.flag,
        "short": row.short,
        "variable": row.variable,
        "unit": row.unit.name.lower(),
        "scope": row.scope.name.lower(),
        "default": row.default,
        "default_text": row.preset_text,
        "help": row.help,
    }


def _safe(row: Setting, value: Value) -> Value:
    if row.secret and value is not None:
        return HIDDEN
    secret = row.unit is Unit.URL or row.name in {"referer", "remote"}
    return without_credentials(value) if secret and isinstance(value, str) else value


def _json(chosen: Mapping[str, Choice]) -> str:
    rows = ((SCHEMA[name], choice) for name, choice in chosen.items())
    return "".join(
        json_line({"key": row.name, "value": _safe(row, choice.value), "source": choice.source}) for row, choice in rows
    )


def _listing(chosen: Mapping[str, Choice]) -> str:
    shown = {name: show(SCHEMA[name], _safe(SCHEMA[name], choice.value)) or "none" for name, choice in chosen.items()}
    name_width = max(map(len, shown))
    value_width = min(40, max(map(len, shown.values())))
    return "".join(
        printable(f"{name:<{name_width}}  {shown[name]:<{value_width}}  {choice.source}").rstrip() + "\n"
        for name, choice in chosen.items()
    )


def _warn_of_strangers(environ: Mapping[str, str]) -> None:
    """A variable that resembles a setting and is none has no effect, which nobody would notice."""
    known = {row.variable for row in SCHEMA.values()}
    for name in sorted(environ):
        if name.startswith("DLM_") and name not in known:
            sys.stderr.write(printable(f"dlm: the variable {name} is not a setting, and has no effect") + "\n")
