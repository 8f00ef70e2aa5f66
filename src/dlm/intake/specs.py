"""From what was asked on the command line to `DownloadSpec`s. Pure: no file is looked at, nobody is asked.

Rules
-----
* Each URL, and each entry of the input file, is one download; with `mirror` the URLs are one.
* What an entry says beats what the flags say. `-o dir/name` is the directory and the name.
"""

from __future__ import annotations

import os.path
import re
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from dlm.model.download import DownloadSpec
from dlm.model.error import InvalidRequest
from dlm.model.resource import Digest
from dlm.model.settings import SCHEMA, Scope, Settings
from dlm.model.units import parse_range
from dlm.model.value import dataclass

if TYPE_CHECKING:
    from dlm.intake.entry import Entry
    from dlm.model.recursion import Recursion

_OURS = {
    "range": "write --range A-B instead",
    "if-range": "leave it out",
    "content-length": "leave it out",
    "transfer-encoding": "leave it out",
}
"""Headers that the engine sets itself, and what to do: another value would break what it relies on."""
_UNWRITABLE = re.compile(r"[\x00\ud800-\udfff]")
"""Zero, and Python's sign for bytes that are not UTF-8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the flags of `get` say beside the settings, as it was written.

    `source` names the input file; `current` is the directory that relative paths in it belong to.
    """

    urls: tuple[str, ...] = ()
    recursive: Recursion | None = None
    entries: tuple[Entry, ...] = ()
    source: str = ""
    current: str = "/"
    output: str | None = None
    mirror: bool = False
    checksum: str | None = None
    headers: tuple[str, ...] = ()
    user: str | None = None
    bearer: str | None = None
    range: str | None = None


def build(request: Request, settings: Settings) -> list[DownloadSpec]:
    """One checked spec for each download, in order, repeated ones once. Raises `InvalidRequest`."""
    groups = [request.urls] if request.mirror and request.urls else [(url,) for url in request.urls]
    _check_shape(request, len(groups) + len(request.entries))
    common = _common(request, settings)
    specs = [_checked(_spec(common | {"uris": uris})) for uris in groups]
    specs += [_entry_spec(common, entry, request) for entry in request.entries]
    specs = list(dict.fromkeys(specs))
    refuse_collisions(specs)
    return specs


def entry_specs(request: Request, settings: Settings) -> list[DownloadSpec]:
    """One checked spec for each entry of `request`, in order. Raises `InvalidRequest`."""
    common = _common(request, settings)
    return [_entry_spec(common, entry, request) for entry in request.entries]


def _check_shape(request: Request, count: int) -> None:
    if count == 0:
        where = f"{request.source} names no URL" if request.source else "no URL was given"
        raise InvalidRequest(f"{where}: write dlm get URL, or -i FILE with one on each line")
    if count > 1:
        for flag, value in (("--output", request.output), ("--checksum", request.checksum)):
            if value is not None:
                hint = "give it for each in an input file (-i), or say --mirror if the URLs are one file"
                raise InvalidRequest(f"{flag} is for one download, but {count} were asked for: {hint}")
    if request.user is not None and request.bearer is not None:
        raise InvalidRequest("--user and --bearer cannot both be sent: choose one")


def _common(request: Request, settings: Settings) -> dict[str, Any]:
    values: dict[str, Any] = {name: getattr(settings, name) for name, row in SCHEMA.items() if row.scope is not Scope.GLOBAL}
    values["output"] = request.output
    values["headers"] = read_headers(request.headers, "--header")
    values["user"] = _user(request.user)
    values["bearer"] = request.bearer
    values["recursive"] = request.recursive
    if request.checksum is not None:
        values["checksum"] = _named("--checksum", Digest.parse, request.checksum)
    if request.range is not None:
        values["range"] = _named("--range", parse_range, request.range)
    return values


def _entry_spec(common: dict[str, Any], entry: Entry, request: Request) -> DownloadSpec:
    from dlm.intake.options import fields_of

    own = fields_of(entry, request.source)
    where = f"{request.source}:{entry.line}"
    own["headers"] = common["headers"] + read_headers(own.get("headers", ()), where)
    name, password = own.pop("name", None), own.pop("password", None)
    if (name is None) != (password is None):
        raise InvalidRequest(f"{where}: a user needs both http-user and http-passwd: write the other one too")
    if name is not None:
        own |= {"user": f"{name}:{password}", "bearer": None}
    for field in ("directory", "cookies", "cacert", "cert", "key"):
        if own.get(field) is not None:
            base = common["directory"] if field == "directory" else request.current
            own[field] = os.path.normpath(os.path.join(base, own[field]))
    try:
        return _checked(_spec(common | own | {"uris": entry.uris}))
    except InvalidRequest as error:
        raise InvalidRequest(f"{where}: {error}") from error


def _spec(values: dict[str, Any]) -> DownloadSpec:
    output = values["output"]
    if output is not None and output != "-":
        folder, name = os.path.split(os.path.join(values["directory"], output))
        if name in {"", ".", ".."}:
            raise InvalidRequest(f"--output: '{output}' is a directory: write --dir for it, and a file name after --output")
        values = values | {"directory": os.path.normpath(folder), "output": name}
    return DownloadSpec(**values)


def _checked(spec: DownloadSpec) -> DownloadSpec:
    said = (spec.output, spec.user, spec.bearer, spec.user_agent, spec.referer, spec.proxy)
    for text in (*spec.uris, spec.directory, *filter(None, said), *(part for header in spec.headers for part in header)):
        if _UNWRITABLE.search(text):
            raise InvalidRequest("an argument holds bytes that are not UTF-8 text: write it in UTF-8, or as %XX in a URL")
    return spec.check()


def _user(text: str | None) -> str | None:
    if text is not None and ":" not in text:
        raise InvalidRequest("--user: there is no password: write NAME:PASSWORD, or run dlm at a terminal to be asked for it")
    return text


def read_headers(lines: Iterable[str], source: str) -> tuple[tuple[str, str], ...]:
    """`Name: value` lines as pairs. The message of an error holds no value: it may be a secret."""
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        name, value = name.strip(), value.strip()
        if not colon or not name:
            raise InvalidRequest(f"{source}: this is not a header: write 'Name: value'")
        if name.lower() in _OURS:
            raise InvalidRequest(f"{source}: dlm sets the header {name} itself: {_OURS[name.lower()]}")
        headers.append((name, value))
    return tuple(headers)


def _named(flag: str, parse: Any, text: str) -> Any:
    try:
        return parse(text)
    except InvalidRequest as error:
        raise InvalidRequest(f"{flag}: {error}") from error


def refuse_collisions(specs: Iterable[DownloadSpec]) -> None:
    """Raises `InvalidRequest` when two of different downloads would be one file."""
    places = Counter((spec.directory, spec.output) for spec in specs if spec.output is not None)
    for (directory, name), count in places.items():
        if count > 1:
            raise InvalidRequest(f"{count} downloads would be written to {directory}/{name}: give each a name of its own")
