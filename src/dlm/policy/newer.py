"""Whether a file on the server is another one than the one that was fetched, as far as a listing tells. Pure.

validators are known of both      they decide
sizes are known of both           another size is another file
times are known of both           another time is, beyond what the listing rounds off
only the listing has a time       a later one than that of the fetch is

What tells nothing says that nothing has changed: a file is not fetched on suspicion.
"""

from __future__ import annotations

from dlm.model.recursion import Found
from dlm.model.value import dataclass

_MINUTE, _DAY = 60, 86_400
_CLOCKS = 2.0
"""Seconds by which two protocols may tell the same time differently."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What is recorded of a finished file. Times are in seconds since the epoch."""

    size: int | None
    modified: float | None
    etag: str | None
    finished: float | None


def has_changed(found: Found, fetched: Fetched) -> bool:
    """Whether the file should be fetched again."""
    if found.validator is not None and fetched.etag is not None:
        return _bare(found.validator) != _bare(fetched.etag)
    if found.size is not None and fetched.size is not None and found.size != fetched.size:
        return True
    if found.modified is None:
        return False
    if fetched.modified is not None:
        lag = fetched.modified - found.modified
        return not -_CLOCKS <= lag <= _CLOCKS + _rounded(found.modified)
    return fetched.finished is not None and found.modified > fetched.finished


def _rounded(modified: float) -> int:
    """What a listing may have cut off: it tells whole minutes, or whole days, of what is older."""
    return _DAY if modified % _DAY == 0 else _MINUTE if modified % _MINUTE == 0 else 0


def _bare(validator: str) -> str:
    return validator.removeprefix("W/").strip('"')
