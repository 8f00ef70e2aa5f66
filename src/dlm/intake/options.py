"""What the options of an entry mean here: those of aria2 that have a meaning, our own long flags, and the queue's.

Rules
-----
* Known are the names in the tables below, and the long flags of `get` that set something for one download.
* What is not known is refused: a download without an option that the user relies on would be a wrong one.
* The queue's options (`QUEUE`) order the download; all others specify it. A verb that does not queue refuses them.
* A message never holds the value of a header, a password or a token.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from dlm.intake.entry import Entry, named, nearest
from dlm.model.choosing import parse
from dlm.model.error import InvalidRequest
from dlm.model.rank import Priority
from dlm.model.resource import Digest
from dlm.model.settings import SCHEMA, Scope, Setting
from dlm.model.units import parse_range
from dlm.model.value import dataclass


@dataclass(frozen=True, slots=True)
class Wishes:
    """What an entry wants of the queue; `None` where it says nothing.

    `start` is where it is said and the moment as written: what it means depends on the clock.
    """

    paused: bool | None = None
    priority: Priority | None = None
    start: tuple[str, str] | None = None
    group: str | None = None


def fields_of(entry: Entry, source: str) -> dict[str, Any]:
    """What the options of `entry` set, by the names of the fields of `DownloadSpec`.

    `headers` are those of the entry alone, as written; `name` and `password` stand for a user. Paths are as written.
    Raises `InvalidRequest` that names `source` and the line.
    """
    values: dict[str, Any] = {}
    for line, name, value in entry.options:
        apply = _FIELDS.get(name)
        if apply is None:
            raise InvalidRequest(f"{source}:{line}: {_unknown(name)}")
        apply(values, value, f"{source}:{line}: {name}")
    return values


def parted(entry: Entry, source: str) -> tuple[Entry, Wishes]:
    """`entry` without the queue's options, and what those say. Raises `InvalidRequest` as `fields_of` does."""
    if all(name not in QUEUE for _, name, _ in entry.options):
        return entry, Wishes()
    values: dict[str, Any] = {}
    for line, name, value in entry.options:
        if name in QUEUE:
            QUEUE[name](values, value, f"{source}:{line}: {name}")
    return replace(entry, options=tuple(row for row in entry.options if row[1] not in QUEUE)), Wishes(**values)


def known_options() -> frozenset[str]:
    """Every name that an option may have, the queue's included."""
    return frozenset(_FIELDS) | frozenset(QUEUE)


def _unknown(name: str) -> str:
    if name in QUEUE:
        return f"'{name}' is for the queue: use 'dlm import', or leave it out"
    return f"dlm has no option {named(name)} for a download{nearest(name, _FIELDS) or ': leave it out'}"


_Apply = Callable[[dict[str, Any], str, str], None]


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


def _read(field: str, read: Callable[[str], Any]) -> _Apply:
    def apply(values: dict[str, Any], text: str, where: str) -> None:
        try:
            values[field] = read(text)
        except InvalidRequest as error:
            raise InvalidRequest(f"{where}: {error}") from error

    return apply


def _name(values: dict[str, Any], text: str, where: str) -> None:
    if text == "-":
        raise InvalidRequest(f"{where}: a file of many downloads cannot stream to standard output: write a file name")
    values["output"] = text


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


def _user(values: dict[str, Any], text: str, where: str) -> None:
    name, colon, password = text.partition(":")
    if not colon:
        raise InvalidRequest(f"{where}: there is no password: write NAME:PASSWORD")
    values["name"], values["password"] = name, password


def _paused(values: dict[str, Any], text: str, where: str) -> None:
    values["paused"] = parse(SCHEMA["resume"], text, where)  # any switch reads yes and no


def _start(values: dict[str, Any], text: str, where: str) -> None:
    values["start"] = (where, text)


def _priority(text: str) -> Priority:
    try:
        return Priority[text.strip().upper()]
    except KeyError:
        raise InvalidRequest(f"'{text}' is not a priority: write {', '.join(each.name.lower() for each in Priority)}") from None


def _group(text: str) -> str:
    if not text.strip():
        raise InvalidRequest("the name of the group is empty: write one, or leave it out")
    return text.strip()


QUEUE: dict[str, _Apply] = {
    "pause": _paused,
    "paused": _paused,
    "priority": _read("priority", _priority),
    "start": _start,
    "start-at": _start,
    "group": _read("group", _group),
}
"""What orders a download: flags of `add`, and the words of aria2 and of tables for them."""

_ARIA2: dict[str, _Apply] = {
    "out": _name,
    "checksum": _read("checksum", Digest.parse),
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
    "no-netrc": _set_opposite(SCHEMA["netrc"]),
}
"""Names of aria2 that are not flags of ours. http-proxy and https-proxy mean the same here: one proxy for the download."""

_OURS: dict[str, _Apply] = {
    **{row.flag.removeprefix("--"): _set(row) for row in SCHEMA.values() if row.scope is not Scope.GLOBAL},
    "range": _read("range", parse_range),
    "user": _user,
    "bearer": _keep("bearer"),
}
_FIELDS = _OURS | _ARIA2
