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
