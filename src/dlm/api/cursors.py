"""Where a page ends, as a client is told it: an id, and what the list was sorted by. Clients hand it back as it is. Pure."""

from __future__ import annotations

import base64
import json
import math
import re
from typing import Any

from dlm.model.download import DownloadId
from dlm.model.error import InvalidRequest
from dlm.model.sorting import Cursor, Mark, Sort, SortKey

_WRITTEN = re.compile(r"([0-9a-f]{16})(?:\.([A-Za-z0-9_-]{1,2000}))?")


def written(before: DownloadId | Cursor | None, sort: Sort) -> str | None:
    """The cursor in letters that an address may hold; newest first an id is enough."""
    if not isinstance(before, Cursor):
        return before
    if sort.key is SortKey.ADDED:
        return before.id
    mark = base64.urlsafe_b64encode(json.dumps(before.mark).encode()).decode().rstrip("=")
    return f"{before.id}.{mark}"


def read(text: str, sort: Sort) -> DownloadId | Cursor:
    """What `written` gave, or an id alone. Raises `InvalidRequest` for anything else."""
    parts = _WRITTEN.fullmatch(text)
    if parts is None or (parts[2] is not None and sort.key is SortKey.ADDED):
        raise InvalidRequest("before: write what 'next' gave, with the same 'sort', or an id")
    id = DownloadId(parts[1])
    return id if parts[2] is None else Cursor(id, _mark(parts[2], sort))


def _mark(text: str, sort: Sort) -> Mark:
    try:
        value: Any = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError):
        value = True
    if sort.key is SortKey.NAME and isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if sort.key is not SortKey.NAME and (value is None or _is_number(value)):
        mark: Mark = value
        return mark
    raise InvalidRequest("before: that is not what 'next' gave for this 'sort'")


def _is_number(value: object) -> bool:
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    return numeric and math.isfinite(value) and abs(value) < 2**63  # type: ignore[arg-type]  # it is one
