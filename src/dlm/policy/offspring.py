"""Where the files of a folder go, and what download each of them is to be. Pure.

`URL/pub/sub/file` of the folder `URL/pub/` goes to `DIR/pub/sub/file`: the folder's own name is made below the directory that
the user chose, as a recursive copy does it.
"""

from __future__ import annotations

import os.path
from dataclasses import replace

from dlm.model.address import host_of, without_credentials
from dlm.model.download import DownloadSpec
from dlm.model.error import Untrusted
from dlm.model.recursion import Found
from dlm.policy.naming import safe_name

_STDOUT = "-"


def root_of(spec: DownloadSpec) -> str:
    """The directory below which everything of a folder goes. A folder without a name is called as its host."""
    uri = spec.uris[0]
    return os.path.join(spec.directory, safe_name(None, uri, fallback=host_of(uri).rpartition(":")[0]))


def directory_of(root: str, path: str) -> str:
    """The directory of what lies at `path` below the first folder. Raises `Untrusted` rather than leave `root`."""
    components = path.split("/") if path else []
    if any(part in {"", ".", ".."} or "\0" in part for part in components):
        raise Untrusted(f"the listing leads out of {root}: it is not followed")
    return os.path.join(root, *components)


def offspring(spec: DownloadSpec, found: Found) -> DownloadSpec:
    """The download of a file that was found: with the access that the folder's has, at a place below `root_of`.

    Raises `Untrusted` for what would lie elsewhere, whoever was to make its name harmless, and `InvalidRequest`.
    """
    if found.name in {"", ".", ".."} or "/" in found.name or "\0" in found.name:
        raise Untrusted(f"{without_credentials(found.uri)} has no name of a file: it is not fetched", uri=found.uri)
    output = "_-" if found.name == _STDOUT else found.name
    return _child(spec, (found.uri,), directory_of(root_of(spec), found.path), output).check()


def reworded(child: DownloadSpec, spec: DownloadSpec) -> DownloadSpec:
    """A file's download as its folder's asks for it now: the same file at the same place, with the access of `spec`."""
    return replace(_child(spec, child.uris, child.directory, child.output), overwrite=child.overwrite or spec.overwrite)


def _child(spec: DownloadSpec, uris: tuple[str, ...], directory: str, output: str | None) -> DownloadSpec:
    return replace(spec, uris=uris, directory=directory, output=output, recursive=None)
