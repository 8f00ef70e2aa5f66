"""What `get`, `add`, `preview` and `bench` are asked for: their common options, and the specs that these make."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dlm.cli.options import settings_options
from dlm.cli.process_title import conceal
from dlm.intake.specs import Request, build
from dlm.model.address import without_credentials
from dlm.model.error import InvalidRequest
from dlm.model.settings import SCHEMA, Scope, Settings, Unit
from dlm.model.text import printable

if TYPE_CHECKING:
    from dlm.cli.documents import Asked
    from dlm.intake.entry import Entry
    from dlm.model.download import DownloadSpec
    from dlm.model.recursion import Recursion

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def one_by_one(*decorators: Callable[[Any], Any]) -> Callable[[Decorated], Decorated]:
    """The decorators, in the order in which their options are to be shown."""

    def decorate(function: Decorated) -> Decorated:
        for each in reversed(decorators):
            function = each(function)
        return function

    return decorate


access_options = one_by_one(
    click.option("-H", "--header", "headers", metavar="LINE", multiple=True, help="Send this 'Name: value' too; repeatable."),
    settings_options("user_agent", "referer", "cookies"),
    click.option("--user", metavar="NAME:PASSWORD", help="Log in; without the password, it is asked for."),
    click.option("--bearer", metavar="TOKEN", help="Send this bearer token."),
    settings_options("netrc", "proxy", "insecure", "cacert", "cert", "key", "hostkey"),
    settings_options("endpoint_url", "region", "profile", "anonymous", "requester_pays"),
)
"""How a server is spoken to."""

place_options = one_by_one(
    click.option("-o", "--output", metavar="FILE", type=click.Path(), help="Save under this name; - is standard output."),
    settings_options("directory"),
)
"""Where the file goes."""

list_options = one_by_one(
    click.option(
        "-i", "--input-file", metavar="FILE", type=click.Path(), help="Read URLs from FILE (aria2's format); - is stdin."
    ),
    click.option("--mirror", is_flag=True, help="The URLs are mirrors of one file."),
)
"""How several are named."""

folder_options = one_by_one(
    click.option("-r", "--recursive", is_flag=True, help="The URLs are folders: fetch all that is below them."),
    click.option("--depth", metavar="N", type=click.IntRange(0), help="Go down so many levels of folders at most."),
    click.option("--include", metavar="GLOB", multiple=True, help="Fetch only files that match, such as '*.iso'; repeatable."),
    click.option("--exclude", metavar="GLOB", multiple=True, help="Leave out files and folders that match; repeatable."),
    click.option("--newer", is_flag=True, help="Fetch finished files again that have changed on the server."),
)
"""How much of a folder is wanted."""

fetch_options = one_by_one(
    settings_options("connections"),
    click.option("--checksum", metavar="ALGO=HEX", help="Accept only a file with this digest, such as sha-256=HEX."),
    settings_options("limit_rate"),
    access_options,
    click.option("--range", "range", metavar="A-B", help="Fetch only the bytes A to B, both included."),
    settings_options("overwrite", "resume", "retries", "timeout", "http3", "ftp_tls", "ftp_active", "follow"),
)
"""How a file is fetched."""

_SAID = ("output", "mirror", "checksum", "headers", "bearer", "range")


def specs_of(urls: Sequence[str], flags: dict[str, Any], settings: Settings) -> list[DownloadSpec]:
    """What was asked for, one checked spec for each download. Secrets among the arguments are hidden from `ps`.

    Raises `InvalidRequest`, also for files that are named and are not there.
    """
    specs = build(_request(urls, flags), settings)
    if settings.remote is None:
        look(specs)
    return specs


def asked_of(urls: Sequence[str], flags: dict[str, Any], settings: Settings) -> list[Asked]:
    """As `specs_of`, where a path of a Metalink may stand in the place of a URL, and is what it names."""
    from dlm.cli.documents import Asked, asked_by, is_document, read_document, remarks, together

    paths = [url for url in urls if is_document(url)]
    request = _request([url for url in urls if not is_document(url)], flags)
    documents = [read_document(path) for path in dict.fromkeys(paths)]
    asked = asked_by(documents, request, settings)
    if request.urls or request.entries or not documents:
        asked = [*map(Asked, build(request, settings)), *asked]
    asked = together(asked)
    if settings.remote is None:
        look([each.spec for each in asked])
    for document in documents if not flags.get("quiet") and not flags["as_json"] else ():
        for line in remarks(document):
            sys.stderr.write(f"dlm: {printable(line)}\n")
    return asked


def _request(urls: Sequence[str], flags: dict[str, Any]) -> Request:
    source = flags.get("input_file")
    request = Request(
        urls=tuple(urls),
        recursive=_recursion(flags),
        entries=_entries(source) if source is not None else (),
        source="standard input" if source == "-" else source or "",
        current=os.getcwd(),
        user=_with_password(flags["user"]),
        **{name: flags[name] for name in _SAID if name in flags},
    )
    conceal(_secrets(urls, flags))
    return request


def _recursion(flags: dict[str, Any]) -> Recursion | None:
    from dlm.model.recursion import Recursion

    said = {name: flags[name] for name in ("depth", "include", "exclude", "newer") if flags.get(name) not in {None, (), False}}
    if flags.get("recursive"):
        return Recursion(**said)
    if said:
        raise InvalidRequest(f"--{next(iter(said))} is for folders: write -r as well, or leave it out")
    return None


def _secrets(urls: Sequence[str], flags: dict[str, Any]) -> list[str]:
    """The arguments that may hold a secret."""
    addresses = (*urls, flags["proxy"] or "", flags["referer"] or "")
    telling = [address for address in addresses if without_credentials(address) != address]
    return [*telling, *flags["headers"], flags["user"] or "", flags["bearer"] or ""]


def _entries(source: str) -> tuple[Entry, ...]:
    from dlm.intake.aria2 import read_entries

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


def look(specs: Sequence[DownloadSpec]) -> None:
    """Raises `InvalidRequest` for a named file that is not there, and for a target that is a directory."""
    rows = [row for row in SCHEMA.values() if row.unit is Unit.FILE and row.scope is not Scope.GLOBAL]
    named = {(row.flag, getattr(spec, row.name)): None for spec in specs for row in rows}
    for flag, path in named:
        if path is not None and not os.path.isfile(path):
            raise InvalidRequest(f"{flag}: there is no file '{path}'")
    for spec in specs:
        if spec.output is not None and not spec.streams_out and os.path.isdir(os.path.join(spec.directory, spec.output)):
            path = os.path.join(spec.directory, spec.output)
            raise InvalidRequest(f"--output: '{path}' is a directory: write --dir for it, and a file name after --output")
    for directory in {spec.directory: None for spec in specs}:
        if os.path.exists(directory) and not os.path.isdir(directory):
            raise InvalidRequest(f"--dir: '{directory}' is not a directory: choose another")
