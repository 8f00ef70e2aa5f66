"""A walk through remote folders: what of each is wanted, and by which harmless name.

Rules
-----
* A listing is hostile. A name that is no single component is left out, whatever the user wants; all others are made
  harmless by `policy.naming`, and two of one folder never get the same name.
* `include` is for files: a folder is entered unless an `exclude` matches it, or it lies too deep.
* A link may lead to a file or to a folder, and no listing says which. It is taken for a file, of unknown size: a folder
  behind a link is not entered, as links can lead in circles.
* No server can make a walk endless by listing a folder within itself: `DEEPEST`, `REPEATS` and `LONGEST_PATH` end it.
"""

from __future__ import annotations

from enum import Enum
from fnmatch import fnmatchcase
from functools import lru_cache

from dlm.model.listing import Entry, Kind, is_component
from dlm.model.recursion import Folder, Recursion
from dlm.model.value import dataclass
from dlm.policy.naming import numbered, safe_name

DEEPEST = 64
"""Levels of folders that are gone down, also where the user wants all."""
REPEATS = 8
"""Times that one name may occur in a path. A folder that lists itself under two names would else be read 2^64 times."""
LONGEST_PATH = 2048
"""Bytes of a path below the first folder; with the directory it has to stay below the 4096 of the usual systems."""
LONGEST_ADDRESS = 8192
"""Characters of an address: servers take no longer ones."""
_PARTIAL = ".part"


class Fate(Enum):
    """What becomes of an entry."""

    FILE = "file"  # it is fetched
    FOLDER = "folder"  # it is entered
    UNWANTED = "unwanted"  # by the user's rules, because it was met before, or because it is no file and no folder
    BARRED = "barred"  # by the rules of dlm, though the user may want it


@dataclass(frozen=True, slots=True)
class Judged:
    """The fate of an entry: its harmless name where it is wanted, and why it is barred where it is."""

    fate: Fate
    name: str = ""
    why: str = ""


class Walk:
    """What is wanted of one folder, entry by entry. Remembers the names that it has given."""

    def __init__(self, folder: Folder, recursion: Recursion) -> None:
        self._folder = folder
        self._recursion = recursion
        self._components = folder.path.split("/") if folder.path else []
        self._holders: dict[str, str] = {}
        self._renamed: set[str] = set()
        self._numbers: dict[str, int] = {}

    def judge(self, entry: Entry) -> Judged:
        """The fate of the next entry. Never raises."""
        if entry.kind is Kind.OTHER:
            return Judged(Fate.UNWANTED)
        if not is_component(entry.name):
            return Judged(Fate.BARRED, why="its name is no name of a single file")
        is_folder = entry.kind is Kind.FOLDER
        name = safe_name(entry.name, "", fallback="unnamed")
        if not self._is_wanted({entry.name, name}, is_folder=is_folder):
            return Judged(Fate.UNWANTED)
        path = join(self._folder.path, name)
        if len(path.encode()) > LONGEST_PATH:
            return Judged(Fate.BARRED, why=f"its path has more than {LONGEST_PATH} bytes")
        if is_folder and (why := self._too_deep(name)):
            return Judged(Fate.BARRED, why=why)
        distinct = self._distinct(name, f"{entry.name}/" if is_folder else entry.name)
        if distinct is None:
            return Judged(Fate.UNWANTED)
        return Judged(Fate.FOLDER if is_folder else Fate.FILE, distinct)

    def _is_wanted(self, names: set[str], *, is_folder: bool) -> bool:
        """By the user's patterns. The names are the server's and the harmless one: users may have seen either."""
        rules, depth = self._recursion, self._recursion.depth
        if is_folder and depth is not None and self._folder.depth >= depth:
            return False
        paths = [[*self._components, name] for name in names]
        if any(matches(pattern, path, is_folder=is_folder) for pattern in rules.exclude for path in paths):
            return False
        if is_folder or not rules.include:
            return True
        return any(matches(pattern, path, is_folder=False) for pattern in rules.include for path in paths)

    def _too_deep(self, name: str) -> str:
        if self._folder.depth >= DEEPEST:
            return f"it lies more than {DEEPEST} folders deep"
        if self._components.count(name) >= REPEATS:
            return f"it is the {REPEATS + 1}th folder of its name in one path, so the server seems to lead in a circle"
        return ""

    def _distinct(self, name: str, key: str) -> str | None:
        """The name, or one with a number where another has it; `None` for what was met before."""
        holder = self._holders.get(name)
        if holder == key or key in self._renamed:
            return None
        if self._is_free(name):
            self._holders[name] = key
            return name
        number = self._numbers.get(name, 0) + 1
        while not self._is_free(numbered(name, number)):
            number += 1
        self._numbers[name] = number
        self._renamed.add(key)
        chosen = numbered(name, number)
        self._holders[chosen] = key
        return chosen

    def _is_free(self, name: str) -> bool:
        """Whether no other has the name, nor will need it for its partial file, nor stands where that of this one would."""
        holders = self._holders
        if name in holders or name + _PARTIAL in holders:
            return False
        return not (name.endswith(_PARTIAL) and name.removesuffix(_PARTIAL) in holders)


def join(path: str, name: str) -> str:
    """The path of `name` in the folder at `path`, both below the first folder."""
    return f"{path}/{name}" if path else name


def matches(pattern: str, path: list[str], *, is_folder: bool) -> bool:
    """Whether a shell pattern matches the last name of `path`, or with a slash in it the whole of `path`.

    `*`, `?` and `[…]` never match a slash, `**` between slashes matches any number of folders, none included. A slash at the
    head counts, so `/name` is a name in the first folder; one at the end is for folders only. Capitals count.
    """
    if pattern.endswith("/") and not is_folder:
        return False
    parts = _parts(pattern)
    if len(parts) == 1 and "/" not in pattern.rstrip("/"):
        return fnmatchcase(path[-1], parts[0])
    # Which beginnings of the path the pattern's parts so far can match, by their lengths.
    reached = {0}
    for part in parts:
        if part == "**":
            reached = set(range(min(reached), len(path) + 1))
        else:
            reached = {length + 1 for length in reached if length < len(path) and fnmatchcase(path[length], part)}
        if not reached:
            return False
    return len(path) in reached


@lru_cache(maxsize=256)
def _parts(pattern: str) -> tuple[str, ...]:
    return tuple(part for part in pattern.split("/") if part) or ("",)
