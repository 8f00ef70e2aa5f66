"""A command: a row of the table (`commands`), and one request for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import field
from typing import Any

from dlm.api.reading import House
from dlm.api.runtime import Runtime
from dlm.api.scope import Scope
from dlm.model.value import dataclass
from dlm.ports import Downloads


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: who carries it out, what holds here, who knows how dlm itself is, the id of its path, its query, its body
    once it was read."""

    downloads: Downloads
    house: House
    runtime: Runtime
    id: str
    query: Mapping[str, str]
    body: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One row. `path` is below /api/v1; `{id}` in it is a download. `query` names parameters, with their help."""

    name: str
    method: str
    path: str
    scope: Scope
    help: str
    run: Callable[[Asked], Awaitable[object]]
    answer: Any
    status: int = 200
    body: Any = None
    query: Mapping[str, str] = field(default_factory=dict)
    heavy: bool = False
    """Whether its body may be large, as that of many additions."""
    objects: int | None = None
    """How many braces may be in a body that is a list of objects."""
