"""Which download a prefix of an id means. Pure."""

from __future__ import annotations

from dlm.model.download import DownloadId
from dlm.model.error import DownloadNotFound


def the_one(prefix: str, found: list[DownloadId]) -> DownloadId:
    """The only id in `found`. Raises `DownloadNotFound` that says how many begin with `prefix`."""
    if not found:
        raise DownloadNotFound(f"no download has an id that begins with '{prefix}': `dlm list` shows them")
    if len(found) > 1:
        shown = ", ".join(found[:5]) + (", …" if len(found) > 5 else "")
        raise DownloadNotFound(f"'{prefix}' is the start of more than one id ({shown}): give more digits")
    return found[0]


def missing(id: DownloadId) -> DownloadNotFound:
    """The error for an id that nothing goes by."""
    return DownloadNotFound(f"there is no download {id}: `dlm list` shows those that are known")
