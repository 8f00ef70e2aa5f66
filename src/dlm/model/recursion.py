"""A folder that is fetched with what is below it: what the user wants of it, and what a walk through it meets."""

from __future__ import annotations

from dlm.model.value import dataclass


@dataclass(frozen=True, slots=True)
class Recursion:
    """How much of a remote folder is wanted.

    `depth` is how many levels of folders are gone down, 0 for the files of the folder itself, `None` for all. `include` and
    `exclude` are shell patterns: without a slash for the last name, with one for the whole path below the folder. What no
    `include` matches, where there are any, and what an `exclude` matches, is left out; an excluded folder is not entered.
    With `newer` a finished file is fetched again when its remote size, time or validator has changed.
    """

    depth: int | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    newer: bool = False


@dataclass(frozen=True, slots=True)
class Folder:
    """A remote folder yet to be read: its address, where it lies below the first one (made harmless, with slashes between,
    "" for that one itself), and how deep."""

    uri: str
    path: str = ""
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Tally:
    """What was found in the folders that were read to their ends: files, their bytes as far as the listings tell them, folders,
    and names that were left out."""

    files: int = 0
    size: int = 0
    folders: int = 0
    omitted: int = 0


@dataclass(frozen=True, slots=True)
class Frontier:
    """How far a walk has come: the folders that are still to be read, and what was found so far."""

    folders: tuple[Folder, ...]
    tally: Tally = Tally()


@dataclass(frozen=True, slots=True)
class Found:
    """A file that is wanted: its address, its folder below the first one (as in `Folder`), and its name, made harmless.

    Size in bytes, modification time in seconds since the epoch and validator are as the listing tells them, `None` where
    it does not.
    """

    uri: str
    path: str
    name: str
    size: int | None = None
    modified: float | None = None
    validator: str | None = None
