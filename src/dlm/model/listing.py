"""What a remote folder holds."""

from __future__ import annotations

from enum import Enum

from dlm.model.value import dataclass


class Kind(Enum):
    """What a name in a remote folder stands for."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a remote folder. The name is the server's: data, not yet a file name."""

    name: str
    kind: Kind
    size: int | None
    modified: float | None
    validator: str | None = None


def is_component(name: str) -> bool:
    """Whether this can be the name of one file in a folder on any server: no slash, no zero byte, and not the folder itself
    or the one above."""
    return name not in {"", ".", ".."} and "/" not in name and "\0" not in name
