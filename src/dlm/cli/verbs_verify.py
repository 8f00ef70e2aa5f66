"""`dlm verify`: read a finished file again."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any

import click

from dlm.cli.configuration import load
from dlm.cli.options import json_option, state_option
from dlm.cli.verbs_queue import ask

if TYPE_CHECKING:
    from dlm.model.resource import Digest
    from dlm.ports import Downloads


@click.command("verify")
@click.argument("target", metavar="FILE|ID", type=click.Path())
@click.option("--checksum", metavar="ALGO=HEX", help="The digest to compare with, such as sha-256=HEX.")
@click.option("-q", "--quiet", is_flag=True, help="Write errors only.")
@state_option
@json_option
@click.pass_context
def verify(context: click.Context, /, target: str, checksum: str | None, quiet: bool, as_json: bool, **flags: Any) -> int:
    """Read a finished file again and compare its digest.

    A file needs --checksum, unless dlm has fetched it; a download brings its own.
    """
    from dlm.model.error import InvalidRequest
    from dlm.model.resource import Digest

    digest = Digest.parse(checksum) if checksum is not None else None
    afar = load(flags).remote is not None
    if afar and digest is not None:
        raise InvalidRequest("--checksum is for files of this machine: a download at a daemon is compared with its own")
    is_file = not afar and os.path.isfile(target)
    if not is_file and re.fullmatch(r"[0-9a-f]{1,16}", target) is None:
        raise InvalidRequest(f"there is no file '{target}', and it is not the id of a download ('dlm list' shows those)")
    if digest is None:
        path, how, by = ask(context, flags, lambda downloads: _recorded(downloads, target, is_file))
        _write(path, how, by, quiet, as_json)
        return 0
    path = target if is_file else _path_of(context, flags, target)
    return _verify_file(path, digest, quiet, as_json)


async def _recorded(downloads: Downloads, target: str, is_file: bool) -> tuple[str, str, str | None]:
    reference = await _fetched_as(downloads, target) if is_file else target
    outcome = await downloads.verify(reference)
    download = (await downloads.show(reference)).download
    return download.path or download.label, outcome.how.value, outcome.by


async def _fetched_as(downloads: Downloads, path: str) -> str:
    from dlm.model.error import InvalidRequest
    from dlm.model.phase import Phase
    from dlm.model.query import DownloadQuery

    whole = os.path.realpath(path)
    query = DownloadQuery(phases=frozenset({Phase.COMPLETED}), limit=1_000_000)
    for download in await downloads.list(query):
        if download.path is not None and os.path.realpath(download.path) == whole:
            return download.id
    raise InvalidRequest(f"dlm did not fetch '{path}': write --checksum ALGO=HEX to say what it should be")


def _path_of(context: click.Context, flags: dict[str, Any], reference: str) -> str:
    from dlm.model.error import InvalidRequest

    download = ask(context, flags, lambda downloads: downloads.show(reference)).download
    if download.path is None:
        raise InvalidRequest(f"the download {download.id[:8]} has no finished file yet")
    return download.path


def _verify_file(path: str, digest: Digest, quiet: bool, as_json: bool) -> int:
    from dlm.cli.digesting import digest_of
    from dlm.model.error import DigestMismatch, StorageError

    try:
        actual = digest_of(path, digest.algorithm, sys.stderr if sys.stderr.isatty() and not quiet else None)
    except OSError as error:
        raise StorageError(f"'{path}' cannot be read: {error.strerror}", path=path) from error
    if actual != digest.value:
        if as_json:
            _write(path, "mismatch", digest.algorithm, quiet, as_json)
        raise DigestMismatch(
            f"'{path}' is not the right file: its {digest.algorithm} is {actual.hex()}, not {digest.value.hex()}"
        )
    _write(path, "verified", digest.algorithm, quiet, as_json)
    return 0


def _write(path: str, how: str, by: str | None, quiet: bool, as_json: bool) -> None:
    from dlm.cli.faces import write_text

    if as_json:
        from dlm.cli.facts import json_line

        sys.stdout.write(json_line({"path": path, "verification": how, "verified_by": by}))
    elif not quiet:
        from dlm.cli.line import Piece, ansi, glyphs_for, line, plain
        from dlm.cli.terminal import has_colour

        given = line(Piece(f"{glyphs_for(sys.stdout.encoding).tick} ", "good"), path, f"  {how}", f" by {by}" if by else "")
        coloured = sys.stdout.isatty() and has_colour(os.environ)
        write_text(sys.stdout, (ansi(given) if coloured else plain(given)) + "\n")
