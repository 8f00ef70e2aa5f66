"""How users mean a download: by any unique prefix of its id."""

from __future__ import annotations

from dlm.model.error import DownloadNotFound


def prefix_of(reference: str) -> str:
    """What an id must begin with to be meant. Raises `DownloadNotFound` for what no id can begin with."""
    prefix = reference.strip().lower()
    if not prefix:
        raise DownloadNotFound("an empty id means no download: `dlm list` shows the ids")
    if len(prefix) > 16 or not set(prefix) <= set("0123456789abcdef"):
        raise DownloadNotFound(f"{reference!r} is not an id, which has 16 hexadecimal digits: `dlm list` shows them")
    return prefix
