"""The input file of `get -i`, in aria2's format, and what its options mean here.

Format
------
* A line holds one URI, or several mirrors of one file with tabs between them. `#` begins a comment line.
* Lines that begin with a space or a tab are options of the URIs above: `name=value`.
* Known are the names of aria2 in `_ARIA2`, and the long flags of `get` that set something for one download.
* What is not known is refused: a download without an option that the user relies on would be a wrong one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dlm.model.error import InvalidRequest
from dlm.model.resource import Digest
from dlm.model.settings import SCHEMA, Scope, Setting, parse


@dataclass(frozen=True, slots=True)
class Entry:
    """One download of an input file: its URIs, and the options below it as `(line, name, value)`."""

    line: int
    uris: tuple[str, ...]
    options: tuple[tuple[int, str, str], ...] = ()


def read_entries(text: str, source: str) -> list[Entry]:
    """The entries in order. Raises `InvalidRequest` that names `source` and the line."""
    entries: list[Entry] = []
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        if not line[0].isspace():
            entries.append(Entry(number, tuple(uri.strip() for uri in line.split("\t") if uri.strip())))
            continue
        name, equals, value = line.strip().partition("=")
        if not equals:
            raise InvalidRequest(
                f"{source}:{number}: '{name}' is not an option: write name=value, or begin a URL at the margin"
            )
        if not entries:
            raise InvalidRequest(f"{source}:{number}: the option '{name}' stands before the first URL: write it below one")
        last = entries[-1]
        entries[-1] = Entry(last.line, last.uris, (*last.options, (number, name.strip(), value.strip())))
    return entries


def fields_of(entry: Entry, source: str) -> dict[str, Any]:
    """What the options of `entry` set, by the names of the fields of `DownloadSpec`.

    `headers` are those of the entry alone, as written; `name` and `password` stand for a user. Paths are as written.
    Raises `InvalidRequest` that names `source` and the line.
    """
    values: dict[str, Any] = {}
    for line, name, value in entry.options:
        where = f"{source}:{line}: {name}"
        try:
            apply = _ARIA2.get(name) or _own(name)
        except KeyError:
            raise InvalidRequest(f"{source}:{line}: dlm has no option '{name}' for a download: leave it out") from None
        apply(values, value, where)
    return values


_Apply = Callable[[dict[str, Any], str, str], None]


def _own(name: str) -> _Apply:
    row = next((row for row in SCHEMA.values() if row.flag == f"--{name}" and row.scope is not Scope.GLOBAL), None)
    if row is None:
        raise KeyError(name)
    return _set(row)


def _set(row: Setting) -> _Apply:
    def apply(values: dict[str, Any], text: str, where: str) -> None:
        values[row.name] = parse(row, text, where)

    return apply


def _set_opposite(row: Setting) -> _Apply:
    def apply(values: dict[str, Any], text: str, where: str) -> None:
        values[row.name] = not parse(row, text, where)

    return apply


def _keep(field: str) -> _Apply:
    def apply(values: dict[str, Any], text: str, _where: str) -> None:
        values[field] = text

    return apply


def _name(values: dict[str, Any], text: str, where: str) -> None:
    if text == "-":
        raise InvalidRequest(f"{where}: a file of many downloads cannot stream to standard output: write a file name")
    values["output"] = text


def _checksum(values: dict[str, Any], text: str, where: str) -> None:
    try:
        values["checksum"] = Digest.parse(text)
    except InvalidRequest as error:
        raise InvalidRequest(f"{where}: {error}") from error


def _header(values: dict[str, Any], text: str, _where: str) -> None:
    values["headers"] = (*values.get("headers", ()), text)


def _fewest(values: dict[str, Any], text: str, where: str) -> None:
    number: Any = parse(SCHEMA["connections"], text, where)
    values["connections"] = min(values.get("connections", number), number)


def _tries(values: dict[str, Any], text: str, where: str) -> None:
    tries = parse(SCHEMA["retries"], text, where)
    if not isinstance(tries, int) or tries < 1:
        raise InvalidRequest(f"{where}: dlm does not try for ever: write 1 or more")
    values["retries"] = tries - 1


_ARIA2: dict[str, _Apply] = {
    "out": _name,
    "checksum": _checksum,
    "header": _header,
    "split": _fewest,
    "max-connection-per-server": _fewest,
    "max-download-limit": _set(SCHEMA["limit_rate"]),
    "http-user": _keep("name"),
    "http-passwd": _keep("password"),
    "ftp-user": _keep("name"),
    "ftp-passwd": _keep("password"),
    "all-proxy": _set(SCHEMA["proxy"]),
    "http-proxy": _set(SCHEMA["proxy"]),
    "https-proxy": _set(SCHEMA["proxy"]),
    "load-cookies": _set(SCHEMA["cookies"]),
    "continue": _set(SCHEMA["resume"]),
    "allow-overwrite": _set(SCHEMA["overwrite"]),
    "check-certificate": _set_opposite(SCHEMA["insecure"]),
    "ca-certificate": _set(SCHEMA["cacert"]),
    "certificate": _set(SCHEMA["cert"]),
    "private-key": _set(SCHEMA["key"]),
    "max-tries": _tries,
}
"""Names of aria2 that are not flags of ours. http-proxy and https-proxy mean the same here: one proxy for the download."""
