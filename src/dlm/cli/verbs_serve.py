"""`dlm serve`: the daemon. `dlm token`: who may come in over TCP."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from time import time
from typing import Any

import click

from dlm.cli.configuration import load
from dlm.cli.facts import json_line
from dlm.cli.options import json_option, settings_options
from dlm.model.error import InvalidRequest

_NEEDS = "the daemon needs more than is installed: pip install 'dlm[{}]'"
_EPILOG = 'From another program: curl -H "Authorization: Bearer $(dlm token)" http://127.0.0.1:8840/api/v1/downloads'


@click.command("serve", epilog=_EPILOG)
@settings_options("listen", "grpc", "host_names", "tls_cert", "tls_key", "roots", "directory")
@settings_options("jobs", "per_host", "limit_total", "windows", "timezone", "workers", "state", "log_file", "log_format")
@json_option
@click.pass_context
def serve(context: click.Context, /, as_json: bool, **flags: Any) -> int:
    """Be the daemon: work the queue, and answer programs and browsers, until SIGTERM or Ctrl-C.

    Without --listen only you reach it, through a socket beside the database. Over TCP everybody needs a token ('dlm token').
    """
    settings = load(flags)

    def ready(addresses: Sequence[str]) -> None:
        if as_json:
            sys.stdout.write(json_line({"event": "ready", "listening": list(addresses)}))
        else:
            sys.stdout.write("".join(f"dlm serves at {address}\n" for address in addresses))
        sys.stdout.flush()

    try:
        asyncio.run(context.obj.serve(settings, ready))
    except ModuleNotFoundError as error:
        extra = "grpc" if error.name and error.name.partition(".")[0] in {"grpc", "google"} else "daemon"
        raise InvalidRequest(_NEEDS.format(extra)) from error
    return 0


@click.group("token", invoke_without_command=True)
@settings_options("state")
@json_option
@click.pass_context
def token(context: click.Context, /, as_json: bool, **flags: Any) -> int:
    """Show the token that the daemon made for you, or make, list and revoke others."""
    from dlm.api.tokens import Tokens

    tokens = context.obj = Tokens(os.path.dirname(load(flags).state))
    if context.invoked_subcommand is None:
        _say(tokens.first(time()), as_json=as_json)
    return 0


@token.command("rotate")
@json_option
@click.pass_context
def rotate(context: click.Context, /, as_json: bool) -> int:
    """Make another one for yourself. The one before is worth nothing at once."""
    _say(context.obj.rotate(time()), as_json=as_json)
    return 0


@token.command("make")
@click.argument("name")
@click.option("--scope", type=click.Choice(["read", "add", "control", "admin"]), default="control", show_default=True)
@json_option
@click.pass_context
def make(context: click.Context, /, name: str, scope: str, as_json: bool) -> int:
    """Make a token for a program called NAME, and show it this once.

    read: see everything. add: queue downloads as well. control: stop, start, change and remove as well. admin: all.
    """
    from dlm.api.scope import Scope

    _say(context.obj.make(name, Scope(scope), time()), as_json=as_json)
    return 0


@token.command("list")
@json_option
@click.pass_context
def list_tokens(context: click.Context, /, as_json: bool) -> int:
    """Whose tokens there are, and what they allow."""
    for each in context.obj.all():
        if as_json:
            sys.stdout.write(json_line({"name": each.name, "scope": each.scope.value, "made": each.made}))
        else:
            sys.stdout.write(f"{each.scope.value:8} {each.name}\n")
    return 0


@token.command("revoke")
@click.argument("name")
@json_option
@click.pass_context
def revoke(context: click.Context, /, name: str, as_json: bool) -> int:
    """Make the token of NAME worth nothing, at once."""
    context.obj.revoke(name)
    sys.stdout.write(json_line({"revoked": name}) if as_json else f"The token '{name}' is worth nothing any more.\n")
    return 0


def _say(text: str, *, as_json: bool) -> None:
    sys.stdout.write(json_line({"token": text}) if as_json else f"{text}\n")
