"""Metalinks on this disk that are named in the place of a URL: what they ask for, and what of them is left out."""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dlm.intake.specs import Request, entry_specs, refuse_collisions
from dlm.model.error import InvalidRequest
from dlm.model.value import dataclass

if TYPE_CHECKING:
    from dlm.intake.entry import Entry, Skipped
    from dlm.model.download import DownloadSpec
    from dlm.model.resource import Pieces
    from dlm.model.settings import Settings

_ENDINGS = (".meta4", ".metalink")
_HARMLESS = frozenset({"accept", "accept-language", "user-agent"})
"""Headers that any server may see."""
_FOR_ONE = {"output": "--output", "checksum": "--checksum", "range": "--range", "recursive": "--recursive"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A download that is asked for: the digests of its pieces, where they are stated, and the group that it comes in."""

    spec: DownloadSpec
    pieces: Pieces | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A Metalink that has been read."""

    source: str
    entries: tuple[Entry, ...]
    skipped: tuple[Skipped, ...]


def is_document(argument: str) -> bool:
    """Whether an argument in the place of a URL is the path of a Metalink."""
    return argument.lower().endswith(_ENDINGS) and re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", argument) is None


def read_document(path: str) -> Document:
    """Raises `InvalidRequest` for what cannot be read, is no Metalink, or names no file that could be fetched."""
    from dlm.intake.entry import Entry, Skipped
    from dlm.intake.metalink import read_metalink
    from dlm.intake.text import decoded

    try:
        with open(path, "rb") as file:
            found = list(read_metalink(decoded(iter(lambda: file.read(65_536), b""), path), path))
    except OSError as error:
        raise InvalidRequest(f"'{path}' cannot be read: {error.strerror}") from error
    entries = tuple(each for each in found if isinstance(each, Entry))
    skipped = tuple(each for each in found if isinstance(each, Skipped))
    if not entries:
        raise InvalidRequest(f"{path}:{skipped[0].line}: no file of it can be fetched: {skipped[-1].why}")
    return Document(path, entries, skipped)


def asked_by(documents: Sequence[Document], request: Request, settings: Settings) -> list[Asked]:
    """What the documents ask for, each as its flags and `request` want it. Raises `InvalidRequest`.

    A document of several files is a group of its name.
    """
    asked: list[Asked] = []
    for document in documents:
        _check(document, request)
        group = os.path.splitext(os.path.basename(document.source))[0] if len(document.entries) > 1 else None
        specs = entry_specs(replace(request, entries=document.entries, source=document.source), settings)
        rows = zip(specs, document.entries, strict=True)
        asked += [Asked(spec, entry.pieces, group) for spec, entry in rows]
    return asked


def together(asked: Sequence[Asked]) -> list[Asked]:
    """Each download once. Raises `InvalidRequest` when two of them would be one file."""
    first: dict[DownloadSpec, Asked] = {}
    for each in asked:
        first.setdefault(each.spec, each)
    refuse_collisions(first)
    return list(first.values())


def remarks(document: Document) -> Iterator[str]:
    """A line for each reason for which something of it is left out."""
    reasons: dict[str, list[Skipped]] = {}
    for each in document.skipped:
        reasons.setdefault(each.why, []).append(each)
    for why, rows in reasons.items():
        example = f"{document.source}:{rows[0].line} {rows[0].what}".strip()
        yield f"skipped {len(rows):,}: {why} ({example}{', …' if len(rows) > 1 else ''})"


def _check(document: Document, request: Request) -> None:
    """A document is a stranger's: the flags that are for one file, and those that hold secrets, do not fit any."""
    for name, flag in _FOR_ONE.items():
        if getattr(request, name) is not None:
            raise InvalidRequest(f"{flag} is for a URL, and {document.source} says this of its files itself: leave it out")
    origins = {_origin(uri) for entry in document.entries for uri in entry.uris}
    secret = next(_secrets(request), None)
    if len(origins) > 1 and secret is not None:
        raise InvalidRequest(
            f"{document.source} names {len(origins)} servers, and {secret} would go to all: leave it out, or use --netrc"
        )


def _secrets(request: Request) -> Iterator[str]:
    if request.user is not None:
        yield "--user"
    if request.bearer is not None:
        yield "--bearer"
    for line in request.headers:
        name = line.partition(":")[0].strip()
        if name.lower() not in _HARMLESS:
            yield f"the header {name}"


def _origin(uri: str) -> tuple[str, str]:
    parts = urlsplit(uri)
    return parts.scheme.lower(), parts.netloc.rpartition("@")[2].lower()
