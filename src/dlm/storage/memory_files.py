"""The in-memory twin of the disk: directories of byte strings, with names, numbers and a limit of space.

`files` may be read and changed by tests as another program would change a real directory.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from itertools import count

from dlm.model.checksums import growing
from dlm.model.download import Place
from dlm.model.error import PartLost, StorageError
from dlm.model.span import Span
from dlm.ports import Unnamed, Whole
from dlm.storage.errors import storage_error
from dlm.storage.names import Numbered, component, first_free, part_name

DEVICE = 1


@dataclass(eq=False, slots=True)
class MemoryFile:
    """A file: its bytes, its number, its modification time."""

    inode: int
    content: bytearray = field(default_factory=bytearray)
    modified: float | None = None


class MemoryStore:
    """`dlm.ports.Store` in a dictionary from path to file. `capacity` is the space in bytes, `None` for no limit."""

    def __init__(self, numbered: Numbered, *, capacity: int | None = None) -> None:
        self.files: dict[str, MemoryFile] = {}
        self.capacity = capacity
        self._numbered = numbered
        self._inodes = count(1)

    def free_name(self, directory: str, name: str, others: Container[str] = ()) -> str:
        def taken(candidate: str) -> bool:
            return candidate in others or self.exists(directory, candidate) or self.exists(directory, part_name(candidate))

        return first_free(name, self._numbered, taken)

    def exists(self, directory: str, name: str) -> bool:
        return os.path.join(directory, component(name)) in self.files

    def create(self, directory: str, name: str, size: int | None) -> MemorySink:
        place = Place(directory, name, part_name(name), DEVICE, next(self._inodes))
        path = os.path.join(directory, place.part)
        if path in self.files:
            raise _refusal(errno.EEXIST, path)
        self.demand_space(size or 0, path)
        file = self.files[path] = MemoryFile(place.inode, bytearray(size or 0))
        return MemorySink(self, file, place)

    def lay(self, wholes: Sequence[Whole]) -> list[Unnamed | StorageError | None]:
        return [self._laid(whole) for whole in wholes]

    def _laid(self, whole: Whole) -> Unnamed | StorageError | None:
        path = os.path.join(whole.directory, whole.name)
        try:
            place = Place(whole.directory, whole.name, part_name(whole.name), DEVICE, next(self._inodes))
            self.demand_space(len(whole.data), path)
        except StorageError as error:
            return error
        return MemoryUnnamed(place, MemoryFile(place.inode, bytearray(whole.data), whole.modified))

    def give_names(self, named: Sequence[tuple[Unnamed, str]]) -> list[str | StorageError]:
        return [self._named(unnamed, name) for unnamed, name in named]

    def _named(self, unnamed: Unnamed, name: str) -> str | StorageError:
        assert isinstance(unnamed, MemoryUnnamed)
        try:
            path = os.path.join(unnamed.place.directory, component(name))
        except StorageError as error:
            return error
        if path in self.files or unnamed.file is None:
            return _refusal(errno.EEXIST if path in self.files else errno.EBADF, path)
        self.files[path] = unnamed.file
        return path

    def sweep(self, directory: str, name: str, size: int | None) -> None:
        path = os.path.join(directory, part_name(name))
        file = self.at(path)
        if file is not None and len(file.content) in {0, size} and not file.content.strip(b"\0"):
            del self.files[path]

    def reopen(self, place: Place, least: int) -> MemorySink:
        path = os.path.join(place.directory, component(place.part))
        file = self.at(path)
        if file is None or (DEVICE, file.inode) != (place.device, place.inode) or len(file.content) < least:
            raise PartLost(
                f"the partial file {path} is gone, or no longer the one that was written: the download begins anew", path=path
            )
        return MemorySink(self, file, place)

    def confirm(self, path: str, place: Place) -> bool:
        file = self.at(path)
        return file is not None and (DEVICE, file.inode) == (place.device, place.inode)

    def erase(self, path: str, place: Place) -> bool:
        stands = self.confirm(path, place)
        if stands:
            del self.files[path]
        return stands

    def digest(self, path: str, algorithm: str, span: Span | None = None) -> bytes:
        file = self.at(path)
        if file is None:
            raise StorageError(f"{path} is gone: `dlm get` fetches it again", path=path)
        digest = growing(algorithm)
        digest.update(file.content if span is None else file.content[span.start : span.stop])
        return digest.digest()

    def stays_within(self, directory: str, root: str) -> bool:
        return os.path.commonpath((directory, root)) == root

    def describe(self, path: str) -> tuple[int, int, int] | None:
        file = self.at(path)
        return None if file is None else (DEVICE, file.inode, len(file.content))

    def at(self, path: str) -> MemoryFile | None:
        """The file that stands at the path."""
        return self.files.get(path)

    def put(self, path: str, content: bytes) -> MemoryFile:
        """Make or replace the file at the path, as another program would."""
        self.files[path] = MemoryFile(next(self._inodes), bytearray(content))
        return self.files[path]

    def demand_space(self, more: int, path: str) -> None:
        """Raises `DiskFull` when `more` bytes do not fit."""
        if self.capacity is not None and more > self.capacity - sum(len(file.content) for file in self.files.values()):
            raise _refusal(errno.ENOSPC, path)


@dataclass(slots=True)
class MemoryUnnamed:
    """`dlm.ports.Unnamed`: a `MemoryFile` that is in no directory."""

    place: Place
    file: MemoryFile | None

    def close(self) -> None:
        self.file = None


class MemorySink:
    """`dlm.ports.Sink` on a `MemoryFile`."""

    def __init__(self, store: MemoryStore, file: MemoryFile, place: Place) -> None:
        self._store = store
        self._file = file
        self._place = place
        self._length = len(file.content)
        self._open = True

    @property
    def place(self) -> Place:
        return self._place

    def write(self, offset: int, data: memoryview) -> None:
        self._demand_open()
        if not data:
            return
        content = self._file.content
        growth = offset + len(data) - len(content)
        if growth > 0:
            self._store.demand_space(growth, self._path)
            content.extend(bytes(growth))
        content[offset : offset + len(data)] = data
        self._length = max(self._length, offset + len(data))

    def read(self, offset: int, size: int) -> bytes:
        self._demand_open()
        return bytes(self._file.content[offset : offset + max(size, 0)])

    def sync(self) -> None:
        self._demand_open()
        if not self._stands_at(self._path):
            raise self._lost("was deleted or replaced")
        if len(self._file.content) < self._length:
            raise self._lost("was cut short")

    def settle(self, size: int, modified: float | None) -> None:
        self._demand_open()
        if len(self._file.content) < size:
            raise self._lost("was cut short")
        del self._file.content[size:]
        self._length = size
        self._file.modified = modified
        self.sync()

    def publish(self, name: str, *, replace: bool) -> str:
        self._demand_open()
        path = os.path.join(self._place.directory, component(name))
        if self._stands_at(path):
            return path
        if not self._stands_at(self._path):
            raise self._lost("was deleted or replaced")
        if path in self._store.files and not replace:
            raise _refusal(errno.EEXIST, path)
        self._store.files[path] = self._store.files.pop(self._path)
        return path

    def discard(self) -> None:
        if self._open and self._stands_at(self._path):
            del self._store.files[self._path]

    def close(self) -> None:
        self._open = False

    @property
    def _path(self) -> str:
        return os.path.join(self._place.directory, self._place.part)

    def _stands_at(self, path: str) -> bool:
        return self._store.at(path) is self._file

    def _demand_open(self) -> None:
        if not self._open:
            raise _refusal(errno.EBADF, self._path)

    def _lost(self, how: str) -> PartLost:
        return PartLost(f"the partial file {self._path} {how} by another program: fetch it anew", path=self._path)


def _refusal(code: int, path: str) -> StorageError:
    return storage_error(OSError(code, os.strerror(code)), path)
