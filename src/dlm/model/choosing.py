"""The choice of each setting: its value read from a flag, the environment or config.toml, and which of them won.

Reading the file and the environment is the caller's business: here stand values only.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Callable, Mapping
from typing import Any

from dlm.model.error import InvalidRequest
from dlm.model.settings import SCHEMA, Setting, Settings, Unit, Value
from dlm.model.units import parse_rate
from dlm.model.value import dataclass

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


def _plain(row: Setting, text: str) -> Value:
    if not text:
        raise InvalidRequest("it is empty: write a value, or leave it out")
    if row.words and text not in row.words:
        raise InvalidRequest(f"'{text}' is not one of its values: write {' or '.join(row.words)}")
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
        if isinstance(raw, str) and raw and _on_disk(row, raw) and not raw.startswith(("~", "/")):
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
    if not isinstance(value, str) or not _on_disk(row, value):
        return value
    if value == "~" or value.startswith("~/"):
        value = around.home + value[1:]
    return os.path.normpath(os.path.join(around.current, value))


def _on_disk(row: Setting, text: str) -> bool:
    return row.is_path and not (row.name == "log_file" and text == "-")


def _nearest(key: str) -> str:
    from difflib import get_close_matches

    names = {name: name for name in SCHEMA} | {row.flag[2:].replace("-", "_"): name for name, row in SCHEMA.items()}
    near = get_close_matches(key.replace("-", "_").lower(), names, n=1)
    return f": did you mean '{names[near[0]]}'?" if near else ": 'dlm config' lists those that exist"
