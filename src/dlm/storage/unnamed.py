"""Small whole files, kept together: written and synced without a name first, then named.

Rules
-----
* A file without a name (`O_TMPFILE`) leaves nothing behind, whatever ends the process: there is no partial file to find
  and to sweep.
* It gets its name by a link, which never replaces what stands there.
* Where a disk takes its time to sync, several files are synced at once: a journal makes many durable for the price of one.
* Each directory is synced once, after all its names.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from dlm.model.download import Place
from dlm.model.error import StorageError
from dlm.ports import Unnamed, Whole
from dlm.storage.errors import storage_error
from dlm.storage.folders import make_folders, open_folder, remove_folders, sync_folder
from dlm.storage.identity import file_system_of
from dlm.storage.names import component, part_name

_UNSUPPORTED = frozenset({errno.EOPNOTSUPP, errno.ENOTSUP, errno.EISDIR, errno.EINVAL, errno.ENOSYS})
"""How file systems and kernels say that they know no files without a name (open(2), `O_TMPFILE`)."""
_QUICK = 0.0005
"""Seconds that a sync may take for the others to be done one after another."""
_SYNCS = 8
"""Files that are synced at once where it takes longer."""

Laid = Unnamed | StorageError | None


@dataclass(slots=True)
class DiskUnnamed:
    """`dlm.ports.Unnamed`: an open file that no directory knows."""

    place: Place
    file: int

    def close(self) -> None:
        file, self.file = self.file, -1
        if file >= 0:
            os.close(file)


@dataclass(slots=True)
class Folders:
    """Directories, found and opened once for all the files that go there."""

    real: dict[str, str] = field(default_factory=dict)
    opened: dict[str, int] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for folder in self.opened.values():
            os.close(folder)

    def resolve(self, directory: str) -> str:
        """The directory, without links on the way there."""
        if directory not in self.real:
            self.real[directory] = os.path.realpath(directory)
        return self.real[directory]

    def open(self, directory: str) -> int:
        """A descriptor of the directory, which is made if need be. Raises `OSError`."""
        if directory not in self.opened:
            made = make_folders(directory)
            try:
                self.opened[directory] = open_folder(directory)
            except BaseException:
                remove_folders(made)
                raise
        return self.opened[directory]


# --- without a name ---------------------------------------------------------------------------------------------------


def lay(wholes: Sequence[Whole]) -> list[Laid]:
    """See `dlm.ports.Store.lay`."""
    laid: list[Laid] = []
    with Folders() as folders:
        for whole in wholes:
            try:
                laid.append(_write(folders, whole))
            except OSError as error:
                path = os.path.join(whole.directory, whole.name)
                laid.append(None if error.errno in _UNSUPPORTED else storage_error(error, path))
            except StorageError as error:
                laid.append(error)
    return _sync(laid)


def _write(folders: Folders, whole: Whole) -> DiskUnnamed | None:
    """The file, written and not yet synced; `None` where such files cannot be named later."""
    if not sys.platform.startswith("linux"):
        return None
    part = part_name(whole.name)
    directory = folders.resolve(whole.directory)
    folder = folders.open(directory)
    file = os.open(".", os.O_RDWR | os.O_TMPFILE | os.O_CLOEXEC, 0o666, dir_fd=folder)
    try:
        if not os.path.exists(_link_of(file)):
            os.close(file)
            return None
        rest = memoryview(whole.data)
        while rest:
            rest = rest[os.write(file, rest) :]
        if whole.modified is not None:
            # The time came from the server; one that the file system cannot hold is not worth a failed download.
            with suppress(OSError, OverflowError):
                os.utime(file, (whole.modified, whole.modified))
        status, system = os.fstat(file), file_system_of(file)
    except BaseException:
        os.close(file)
        raise
    return DiskUnnamed(Place(directory, whole.name, part, system, status.st_ino), file)


def _sync(laid: list[Laid]) -> list[Laid]:
    """The same, durable, or with the error that kept them from it."""
    slow = 0.0
    for at, each in enumerate(laid):
        if not isinstance(each, DiskUnnamed):
            continue
        if slow > _QUICK and at + 1 < len(laid):
            with ThreadPoolExecutor(_SYNCS, "sync") as pool:
                return [*laid[:at], *pool.map(_synced, laid[at:])]
        began = time.monotonic()
        laid[at] = _synced(each)
        slow = time.monotonic() - began
    return laid


def _synced(laid: Laid) -> Laid:
    if not isinstance(laid, DiskUnnamed):
        return laid
    try:
        os.fsync(laid.file)
    except OSError as error:
        laid.close()
        return storage_error(error, os.path.join(laid.place.directory, laid.place.name))
    return laid


# --- named ------------------------------------------------------------------------------------------------------------


def give_names(named: Sequence[tuple[Unnamed, str]]) -> list[str | StorageError]:
    """See `dlm.ports.Store.give_names`."""
    with Folders() as folders:
        answers = [_link(folders, unnamed, name) for unnamed, name in named]
        for directory, folder in folders.opened.items():
            try:
                sync_folder(folder)
            except OSError as error:
                failed = storage_error(error, directory)
                for at, (unnamed, _) in enumerate(named):
                    if unnamed.place.directory == directory and isinstance(answers[at], str):
                        answers[at] = failed
    return answers


def _link(folders: Folders, unnamed: Unnamed, name: str) -> str | StorageError:
    assert isinstance(unnamed, DiskUnnamed)
    path = os.path.join(unnamed.place.directory, name)
    try:
        folder = folders.open(unnamed.place.directory)
        # The other name of an open file (linkat(2)): following it needs no privilege, unlike AT_EMPTY_PATH.
        os.link(_link_of(unnamed.file), component(name), dst_dir_fd=folder, follow_symlinks=True)
    except OSError as error:
        return storage_error(error, path)
    except StorageError as error:
        return error
    return path


def _link_of(file: int) -> str:
    return f"/proc/self/fd/{file}"
