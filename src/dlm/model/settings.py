"""Settings: what can be chosen beforehand. One schema for flags, `DLM_*` variables, config.toml and the docs table.

Rules
-----
* A row of `SCHEMA` is a field of `Settings` with its metadata; nothing else lists them.
* Flags beat the environment, the environment beats the file, the file beats the default.
* A bad value is an `InvalidRequest` of one sentence: where it stands, and what to write instead.
* Reading the file and the environment is the caller's business: here stand values only.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import Enum
from typing import Any

from dlm.model.error import InvalidRequest
from dlm.model.units import format_rate, parse_rate

Value = str | int | float | bool | None


class Unit(Enum):
    """What kind of value a setting holds, and how users write it."""

    SWITCH = "yes or no"
    COUNT = "a whole number"
    RATE = "bytes a second"
    DURATION = "seconds"
    TEXT = "text"
    URL = "a URL"
    FILE = "a file that exists"
    FOLDER = "a directory"
    PATH = "a file"


class Scope(Enum):
    """What a setting governs."""

    GLOBAL = "all of dlm"
    DOWNLOAD = "each download"
    BOTH = "each download, and all of them together"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One row of the schema. `flag` and `short` are the command line's; `name` is the key in config.toml."""

    help: str
    unit: Unit
    scope: Scope = Scope.DOWNLOAD
    flag: str = ""
    short: str | None = None
    metavar: str = ""
    least: int = 0
    most: int | None = None
    preset: str = ""
    """The default in words, where it depends on the machine."""
    name: str = ""
    default: Value = None

    @property
    def variable(self) -> str:
        """The environment variable."""
        return f"DLM_{self.name.upper()}"

    @property
    def is_path(self) -> bool:
        """Whether the value names something on disk."""
        return self.unit in {Unit.FILE, Unit.FOLDER, Unit.PATH}

    @property
    def preset_text(self) -> str:
        """The default as docs and help show it; empty when there is none."""
        return self.preset or ("" if self.default is None else show(self, self.default))


def _choice(unit: Unit, help: str, default: Value = None, **facts: Any) -> Any:
    row = Setting(unit=unit, help=help, default=default, **facts)
    if row.preset:  # only the surroundings can say
        return field(metadata={"setting": row})
    return field(default=default, metadata={"setting": row})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What holds for this run. Paths are absolute; rates are in bytes a second, durations in seconds."""

    directory: str = _choice(
        Unit.FOLDER, "save files in this directory", flag="--dir", short="-d", metavar="DIR", preset="the current directory"
    )
    connections: int = _choice(
        Unit.COUNT, "open at most this many connections for a download", 16, short="-x", least=1, most=256
    )
    jobs: int = _choice(
        Unit.COUNT, "carry at most this many downloads at once", 3, scope=Scope.GLOBAL, short="-j", least=1, most=1000
    )
    limit_rate: int | None = _choice(
        Unit.RATE, "fetch each download at this rate at most, such as 500K or 5M; 0 is no limit", scope=Scope.BOTH
    )
    user_agent: str | None = _choice(Unit.TEXT, "call the client this")
    referer: str | None = _choice(Unit.TEXT, "send this address as the referring page", metavar="URL")
    cookies: str | None = _choice(Unit.FILE, "send the cookies of this file (Netscape format)")
    netrc: bool = _choice(Unit.SWITCH, "take user names and passwords from ~/.netrc", False)
    proxy: str | None = _choice(Unit.URL, "go through this proxy, such as http://host:3128 or socks5h://host:1080")
    insecure: bool = _choice(Unit.SWITCH, "accept certificates that cannot be verified (dangerous)", False)
    cacert: str | None = _choice(Unit.FILE, "trust the certificate authorities of this PEM file")
    cert: str | None = _choice(Unit.FILE, "show this client certificate (PEM)")
    key: str | None = _choice(Unit.FILE, "use this private key for the client certificate (PEM)")
    overwrite: bool = _choice(Unit.SWITCH, "replace a finished file of the same name", False)
    resume: bool = _choice(Unit.SWITCH, "go on with what an earlier run has left", True)
    retries: int = _choice(Unit.COUNT, "try again this often after failures that may pass", 5, most=10_000)
    timeout: float = _choice(Unit.DURATION, "give a silent server this many seconds", 30.0, metavar="SECONDS")
    http3: bool = _choice(Unit.SWITCH, "try HTTP/3 first", False)
    state: str = _choice(
        Unit.PATH, "keep the database of downloads in this file", scope=Scope.GLOBAL, preset="$XDG_STATE_HOME/dlm/dlm.db"
    )


_METAVARS = {Unit.COUNT: "N", Unit.RATE: "RATE", Unit.TEXT: "TEXT", Unit.URL: "URL", Unit.FILE: "FILE", Unit.PATH: "FILE"}


def _rows() -> Iterator[Setting]:
    for each in fields(Settings):
        row: Setting = each.metadata["setting"]
        flag = row.flag or "--" + each.name.replace("_", "-")
        yield replace(row, name=each.name, flag=flag, metavar=row.metavar or _METAVARS.get(row.unit, ""))


SCHEMA: dict[str, Setting] = {row.name: row for row in _rows()}
"""Every setting by its name, in the order in which they are shown."""


# --- one value --------------------------------------------------------------------------------------------------------


def parse(row: Setting, text: str, source: str) -> Value:
    """The value that `text` stands for; empty text is "none" where there may be none.

    `source` is the flag, the variable or file and key. Raises `InvalidRequest` that begins with it.
    """
    if not text.strip() and row.default is None and not row.preset:
        return None
    try:
        return _PARSERS[row.unit](row, text)
    except InvalidRequest as error:
        raise InvalidRequest(f"{source}: {error}") from error


def show(row: Setting, value: Value) -> str:
    """The value as people write and read it."""
    if value is None:
        return ""
    if row.unit is Unit.SWITCH:
        return "yes" if value else "no"
    if row.unit is Unit.RATE and isinstance(value, int):
        return format_rate(value)
    if row.unit is Unit.DURATION and isinstance(value, int | float):
        return f"{value:g} s"
    return str(value)


def _switch(_row: Setting, text: str) -> Value:
    word = text.strip().lower()
    if word in {"1", "true", "yes", "on"}:
        return True
    if word in {"0", "false", "no", "off"}:
        return False
    raise InvalidRequest(f"'{text}' is neither yes nor no: write yes or no")


def _count(row: Setting, text: str) -> Value:
    number = int(text) if re.fullmatch(r"\s*\d{1,9}\s*", text, re.ASCII) else -1
    if number < row.least or (row.most is not None and number > row.most):
        raise InvalidRequest(f"'{text}' is not a number that can be used: write {row.least} to {row.most}")
    return number


def _duration(_row: Setting, text: str) -> Value:
    match = re.fullmatch(r"\s*(\d{1,9}(?:\.\d{1,9})?)\s*([smh]?)\s*", text, re.ASCII)
    seconds = float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]] if match else 0.0
    if seconds <= 0:
        raise InvalidRequest(f"'{text}' is not a duration: write seconds, such as 30, or 2m")
    return seconds


def _proxy(_row: Setting, text: str) -> Value:
    if re.fullmatch(r"(?i)(https?|socks4a?|socks5h?)://[^\s/]+/?", text) is None:
        raise InvalidRequest("that is not the address of a proxy: write http://host:3128 or socks5h://host:1080")
    return text


def _plain(_row: Setting, text: str) -> Value:
    if not text:
        raise InvalidRequest("it is empty: write a value, or leave it out")
    return text


_PARSERS: dict[Unit, Callable[[Setting, str], Value]] = {
    Unit.SWITCH: _switch,
    Unit.COUNT: _count,
    Unit.RATE: lambda _row, text: parse_rate(text),
    Unit.DURATION: _duration,
    Unit.TEXT: _plain,
    Unit.URL: _proxy,
    Unit.FILE: _plain,
    Unit.FOLDER: _plain,
    Unit.PATH: _plain,
}


# --- all of them ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Choice:
    """A value, and where it was chosen: a flag, a variable, `FILE:key`, or `default`."""

    value: Value
    source: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the choices depend on: absolute paths of the current and the home directory, the database and config.toml."""

    current: str
    home: str
    state: str
    file: str


def choose(
    flags: Mapping[str, str | bool | None],
    environ: Mapping[str, str],
    table: Mapping[str, object],
    around: Surroundings,
) -> dict[str, Choice]:
    """The choice for every setting. `flags` are by name, `None` where not given; `table` is config.toml, parsed.

    A relative path belongs to the current directory; in the file, which knows no current directory, it is refused.
    Raises `InvalidRequest` for a value that cannot be used, wherever it stands, and for a key that is not known.
    """
    from_file = _from_table(table, around)
    presets: dict[str, Value] = {"directory": around.current, "state": around.state}
    choices: dict[str, Choice] = {}
    for name, row in SCHEMA.items():
        said = flags.get(name)
        if isinstance(said, bool):
            choices[name] = Choice(said, row.flag)
        elif said is not None:
            choices[name] = Choice(_settle(row, parse(row, said, row.flag), around), row.flag)
        elif environ.get(row.variable):
            value = parse(row, environ[row.variable], row.variable)
            choices[name] = Choice(_settle(row, value, around), row.variable)
        else:
            choices[name] = from_file.get(name) or Choice(presets.get(name, row.default), "default")
    return choices


def settings_of(choices: Mapping[str, Choice]) -> Settings:
    """The chosen values as `Settings`."""
    values: dict[str, Any] = {name: choice.value for name, choice in choices.items()}
    return Settings(**values)


def _from_table(table: Mapping[str, object], around: Surroundings) -> dict[str, Choice]:
    choices: dict[str, Choice] = {}
    for key, raw in table.items():
        row = SCHEMA.get(key.replace("-", "_"))
        if row is None:
            raise InvalidRequest(f"{around.file}: there is no setting '{key}'{_nearest(key)}")
        source = f"{around.file}:{key}"
        value = _settle(row, _from_toml(row, raw, source), around)
        if row.is_path and isinstance(raw, str) and raw and not raw.startswith(("~", "/")):
            raise InvalidRequest(f"{source}: '{raw}' depends on where dlm is started: write a path that begins with / or ~")
        choices[row.name] = Choice(value, source)
    return choices


def _from_toml(row: Setting, raw: object, source: str) -> Value:
    if row.unit is Unit.SWITCH:
        if isinstance(raw, bool):
            return raw
        raise InvalidRequest(f"{source}: this is neither true nor false: write true or false, without quotes")
    numeric = row.unit in {Unit.COUNT, Unit.RATE, Unit.DURATION}
    if isinstance(raw, str) or (numeric and isinstance(raw, int | float) and not isinstance(raw, bool)):
        return parse(row, str(raw), source)
    wanted = "a number" if numeric else "text in quotes"
    raise InvalidRequest(f"{source}: this is not {row.unit.value}: write {wanted}")


def _settle(row: Setting, value: Value, around: Surroundings) -> Value:
    if not row.is_path or not isinstance(value, str):
        return value
    if value == "~" or value.startswith("~/"):
        value = around.home + value[1:]
    return os.path.normpath(os.path.join(around.current, value))


def _nearest(key: str) -> str:
    from difflib import get_close_matches

    names = {name: name for name in SCHEMA} | {row.flag[2:].replace("-", "_"): name for name, row in SCHEMA.items()}
    near = get_close_matches(key.replace("-", "_").lower(), names, n=1)
    return f": did you mean '{names[near[0]]}'?" if near else ": 'dlm config' lists those that exist"
