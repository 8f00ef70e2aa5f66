"""The address of what a folder holds: its name as one component, however odd. Pure."""

from __future__ import annotations

from urllib.parse import quote_from_bytes

from dlm.model.address import visible
from dlm.model.error import InvalidRequest
from dlm.model.listing import Entry, Kind, is_component

_SAFE = "!$()*,=@"
"""What needs no escape in a component anywhere. A plus sign means a space to some services, a tilde somebody's home."""


def child_of(folder: str, entry: Entry) -> str:
    """The address of `entry` in the folder at `folder`, which has no query and no fragment; a folder's ends with a slash.

    Every byte of the name is kept, also those that are not UTF-8 (as `os.fsdecode` gives them). Raises `InvalidRequest` for
    what is no single component.
    """
    if not is_component(entry.name):
        raise InvalidRequest(f"'{visible(entry.name)}' is no name of a single file or folder")
    component = quote_from_bytes(entry.name.encode("utf-8", "surrogateescape"), safe=_SAFE).replace("~", "%7E")
    return f"{folder}{'' if folder.endswith('/') else '/'}{component}{'/' if entry.kind is Kind.FOLDER else ''}"
