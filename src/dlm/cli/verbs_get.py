"""`dlm get`: fetch now, in the foreground."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from dlm.cli.configuration import load
from dlm.cli.input_file import Entry, read_entries
from dlm.cli.options import command_again, json_option, settings_options
from dlm.cli.process_title import conceal
from dlm.cli.specs import Request, build
from dlm.model.download import without_credentials
from dlm.model.error import InvalidRequest
from dlm.model.settings import SCHEMA, Unit

if TYPE_CHECKING:
    from dlm.cli.board import Board
    from dlm.cli.faces import Face
    from dlm.model.download import DownloadSpec

_EPILOG = "The same command again goes on where it was stopped."


@click.command("get", epilog=_EPILOG)
@click.argument("urls", nargs=-1, metavar="URL...")
@click.option("-o", "--output", metavar="FILE", type=click.Path(), help="Save under this name; - is standard output.")
@settings_options("directory")
@click.option("-i", "--input-file", metavar="FILE", type=click.Path(), help="Read URLs from FILE (aria2's format); - is stdin.")
@settings_options("connections", "jobs")
@click.option("--mirror", is_flag=True, help="The URLs are mirrors of one file.")
@click.option("--checksum", metavar="ALGO=HEX", help="Accept only a file with this digest, such as sha-256=HEX.")
@settings_options("limit_rate")
@click.option("-H", "--header", "headers", metavar="LINE", multiple=True, help="Send this 'Name: value' as well; repeatable.")
@settings_options("user_agent", "referer", "cookies")
@click.option("--user", metavar="NAME:PASSWORD", help="Log in; without the password, it is asked for.")
@click.option("--bearer", metavar="TOKEN", help="Send this bearer token.")
@settings_options("netrc", "proxy", "insecure", "cacert", "cert", "key")
@click.option("--range", "range", metavar="A-B", help="Fetch only the bytes A to B, both included.")
@settings_options("overwrite", "resume", "retries", "timeout", "http3", "state")
@click.option("-q", "--quiet", is_flag=True, help="Write errors only.")
@click.option("-v", "--verbose", is_flag=True, help="Write also what happens on the way.")
@json_option
@click.pass_context
def get(context: click.Context, /, urls: tuple[str, ...], **flags: Any) -> int:
    """Fetch URLs now, and return when they are complete.

    Each URL is one download, unless --mirror says that they are one file. What an earlier run has left is gone on with.
    """
    if flags["quiet"] and flags["verbose"]:
        raise click.UsageError("--quiet and --verbose contradict each other", context)
    settings = load(flags)
    source = flags["input_file"]
    request = Request(
        urls=urls,
        entries=_entries(source) if source is not None else (),
        source="standard input" if source == "-" else source or "",
        current=os.getcwd(),
        user=_with_password(flags["user"]),
        **{name: flags[name] for name in ("output", "mirror", "checksum", "headers", "bearer", "range")},
    )
    conceal(_secrets(urls, flags))
    specs = build(request, settings)
    _look(specs)

    from time import monotonic

    from dlm.cli.board import Board
    from dlm.cli.foreground import Run, carry

    board = Board(len(specs))
    face = _face(board, specs, flags, monotonic())
    return carry(context.obj, Run(settings=settings, specs=specs, board=board, face=face, again=command_again(context)))


def _secrets(urls: Sequence[str], flags: dict[str, Any]) -> list[str]:
    """The arguments that may hold a secret."""
    addresses = (*urls, flags["proxy"] or "", flags["referer"] or "")
    telling = [address for address in addresses if without_credentials(address) != address]
    return [*telling, *flags["headers"], flags["user"] or "", flags["bearer"] or ""]


def _entries(source: str) -> tuple[Entry, ...]:
    try:
        if source == "-":
            content = sys.stdin.buffer.read()
        else:
            with open(source, "rb") as file:
                content = file.read()
        return tuple(read_entries(content.decode("utf-8-sig"), "standard input" if source == "-" else source))
    except OSError as error:
        raise InvalidRequest(f"--input-file: '{source}' cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"--input-file: '{source}' is not UTF-8 text: save it as UTF-8") from error


def _with_password(user: str | None) -> str | None:
    if user is None or ":" in user or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return user
    password: str = click.prompt(f"Password of {user}", hide_input=True, err=True, default="", show_default=False)
    return f"{user}:{password}"


def _look(specs: Sequence[DownloadSpec]) -> None:
    """Raises `InvalidRequest` for a named file that is not there, and for a target that is a directory."""
    for spec in specs:
        for name, row in SCHEMA.items():
            path = getattr(spec, name, None) if row.unit is Unit.FILE else None
            if path is not None and not os.path.isfile(path):
                raise InvalidRequest(f"{row.flag}: there is no file '{path}'")
        if spec.output is not None and not spec.streams_out and os.path.isdir(os.path.join(spec.directory, spec.output)):
            path = os.path.join(spec.directory, spec.output)
            raise InvalidRequest(f"--output: '{path}' is a directory: write --dir for it, and a file name after --output")
        if os.path.exists(spec.directory) and not os.path.isdir(spec.directory):
            raise InvalidRequest(f"--dir: '{spec.directory}' is not a directory: choose another")


def _face(board: Board, specs: Sequence[DownloadSpec], flags: dict[str, Any], now: float) -> Face:
    from dlm.cli.faces import LogFace, Volume

    streaming = any(spec.streams_out for spec in specs)
    if flags["as_json"]:
        from dlm.cli.json_lines import JsonFace

        return JsonFace(sys.stderr if streaming else sys.stdout)
    volume = Volume.QUIET if flags["quiet"] else Volume.VERBOSE if flags["verbose"] else Volume.NORMAL
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return LogFace(board, sys.stderr, volume)
    if streaming and sys.stdout.isatty():  # the file itself is being shown there
        return LogFace(board, sys.stderr, Volume.QUIET)
    from dlm.cli.terminal import TerminalFace, has_colour

    return TerminalFace(board, sys.stderr, volume, colour=has_colour(os.environ), started=now)
