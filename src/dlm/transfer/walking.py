"""Reading one remote folder: what of it is wanted, with the addresses by which it is had."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable

from dlm.model.address import visible, without_credentials
from dlm.model.download import DownloadSpec
from dlm.model.error import InvalidRequest
from dlm.model.listing import Entry, Kind
from dlm.model.recursion import Folder, Found, Recursion
from dlm.policy.walking import LONGEST_ADDRESS, Fate, Walk, join
from dlm.ports import Folders


async def read_folder(
    folders: Folders, folder: Folder, spec: DownloadSpec, recursion: Recursion, tell: Callable[[str], None] | None = None
) -> AsyncGenerator[Found | Folder]:
    """The files of `folder` that are wanted, and the folders in it that are to be read next, as the server lists them.

    Nothing deeper is asked for, and nothing is in memory but the names given. Every `path` and `name` is harmless, and no two
    have the same. What dlm leaves out though the user may want it goes to `tell`, as a sentence. Raises `TransferError`s,
    and `InvalidRequest` for what is no folder. Close it, or walk to its end.
    """
    walk = Walk(folder, recursion)
    entries = folders.entries(folder.uri, spec)
    try:
        async for entry in entries:
            judged = walk.judge(entry)
            why = judged.why
            if judged.fate in {Fate.FILE, Fate.FOLDER}:
                try:
                    uri = folders.child(folder.uri, entry)
                except InvalidRequest as error:
                    why = str(error)
                else:
                    if len(uri) <= LONGEST_ADDRESS:
                        yield _met(folder, entry, uri, judged.name)
                        continue
                    why = f"its address has more than {LONGEST_ADDRESS} characters"
            if why and tell is not None:
                tell(f"'{visible(entry.name)}' in {without_credentials(folder.uri)} is left out: {why}")
    finally:
        if isinstance(entries, AsyncGenerator):
            await entries.aclose()


def _met(folder: Folder, entry: Entry, uri: str, name: str) -> Found | Folder:
    if entry.kind is Kind.FOLDER:
        return Folder(uri, join(folder.path, name), folder.depth + 1)
    if entry.kind is Kind.LINK:
        return Found(uri, folder.path, name)  # what is told of a link is the link's own
    return Found(uri, folder.path, name, entry.size, entry.modified, entry.validator)
