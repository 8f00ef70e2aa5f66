"""dlm with one promise broken: Python loads this before anything else when its folder is on PYTHONPATH.

`DURABILITY_MUTATION` names what is no longer done. It patches what dlm calls, not dlm, so it knows nothing of how dlm
is built, and it reaches child processes, which inherit the environment.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable
from types import ModuleType
from typing import Any


def _forget_data() -> None:
    """The bytes of partial files are never synced before they are claimed."""
    _replace(os, "fdatasync", lambda _file: None)


def _forget_file() -> None:
    """Neither are those of whole files before they get their names."""
    _forget_data()
    sync = os.fsync
    _replace(os, "fsync", lambda file: None if stat.S_ISREG(os.fstat(_number(file)).st_mode) else sync(file))


def _forget_folder() -> None:
    """Names are never synced."""
    sync = os.fsync
    _replace(os, "fsync", lambda file: None if stat.S_ISDIR(os.fstat(_number(file)).st_mode) else sync(file))


def _forget_commits() -> None:
    """SQLite syncs at its checkpoints only, not at each commit."""
    connect = sqlite3.connect

    class Careless(sqlite3.Connection):
        def execute(self, sql: str, *rest: Any) -> sqlite3.Cursor:
            return super().execute(sql.replace("synchronous = FULL", "synchronous = NORMAL"), *rest)

    _replace(sqlite3, "connect", lambda *arguments, **named: connect(*arguments, **{"factory": Careless, **named}))


def _replace(module: ModuleType, name: str, function: Callable[..., Any]) -> None:
    setattr(module, name, function)


def _number(file: Any) -> int:
    return file if isinstance(file, int) else file.fileno()


_MUTATIONS = {"data": _forget_data, "file": _forget_file, "folder": _forget_folder, "commits": _forget_commits}

if "DURABILITY_MUTATION" in os.environ:
    _MUTATIONS[os.environ["DURABILITY_MUTATION"]]()
