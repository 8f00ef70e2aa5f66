"""Reads what settings are made of: the flags given, the environment, config.toml, and where this process runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from dlm.cli.places import config_file, state_file
from dlm.model.choosing import Choice, Surroundings, choose, settings_of
from dlm.model.error import InvalidRequest
from dlm.model.settings import SCHEMA, Scope, Settings

_UNCHOSEN = Choice(None, "default")


def load(flags: Mapping[str, Any]) -> Settings:
    """The settings that hold, given the `flags` of a verb (others among them are no settings, and ignored).

    A verb without the flag --remote is carried out here. With a daemon elsewhere, what the environment and config.toml say
    of downloads is not meant: it has settings of its own, and only what was said in so many words goes beyond them.
    """
    if flags.get("token"):
        from dlm.cli.process_title import conceal

        conceal([flags["token"]])
    chosen = choices(flags)
    if "remote" not in flags:
        return settings_of(chosen | {"remote": _UNCHOSEN, "token": _UNCHOSEN})
    if chosen["remote"].value is None:
        return settings_of(chosen)
    left = {name for name, row in SCHEMA.items() if row.scope is not Scope.GLOBAL and flags.get(name) is None}
    said = chosen | {name: Choice(SCHEMA[name].default, "default") for name in left}
    return settings_of(said | {"directory": Choice(flags.get("directory") or "", "--dir")})


def choices(flags: Mapping[str, Any]) -> dict[str, Choice]:
    """As `load`, with the source of each. Raises `InvalidRequest`."""
    around = surroundings()
    return choose({name: flags.get(name) for name in SCHEMA}, os.environ, _table(around.file), around)


def surroundings() -> Surroundings:
    """Where this process runs. Raises `InvalidRequest` when its directory was deleted."""
    home = os.path.expanduser("~")
    try:
        current = os.getcwd()
    except FileNotFoundError as error:
        raise InvalidRequest("the current directory no longer exists: change to one that does") from error
    return Surroundings(
        current=current,
        home=home,
        state=state_file(os.environ, home, sys.platform),
        file=config_file(os.environ, home, sys.platform),
    )


def _table(path: str) -> dict[str, object]:
    try:
        with open(path, "rb") as file:
            text = file.read().decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"{path} is not UTF-8 text: save it as UTF-8") from error
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidRequest(f"{path} is not TOML: {error}") from error
