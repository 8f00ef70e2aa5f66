"""Where partial files are made and found on disk. The open file itself is `dlm.storage.sink.DiskSink`.

Rules
-----
* The directory is opened once; everything after that is relative to it, so that no renamed parent leads elsewhere.
* A partial file is created exclusively, readable by its owner only, and known again by device and inode.
* Only what was created here is ever deleted.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Container, Sequence

from dlm.model.checksums import growing
from dlm.model.download import Place
from dlm.model.error import PartLost, StorageError
from dlm.model.span import Span
from dlm.ports import Unnamed, Whole
from dlm.storage.blank import remove_blank
from dlm.storage.errors import storage_error
from dlm.storage.folders import make_folders, open_folder, remove_folders, sync_folder
from dlm.storage.identity import file_system_of, is_of
from dlm.storage.names import Numbered, component, first_free, part_name
from dlm.storage.sink import DiskSink, is_that_file

_NOT_RESERVABLE = frozenset({errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL})
_NOT_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.ENXIO})
_LARGEST = 2**63 - 1
_BLOCK = 1024 * 1024


class DiskStore:
    """`dlm.ports.Store` on the local file system."""

    def __init__(self, numbered: Numbered) -> None:
        self._numbered = numbered

    def free_name(self, directory: str, name: str, others: Container[str] = ()) -> str:
        def taken(candidate: str) -> bool:
            return candidate in others or self.exists(directory, candidate) or self.exists(directory, part_name(candidate))

        return first_free(name, self._numbered, taken)

    def exists(self, directory: str, name: str) -> bool:
        path = os.path.join(directory, component(name))
        try:
            os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise storage_error(error, path) from error
        return True

    def create(self, directory: str, name: str, size: int | None) -> DiskSink:
        part = part_name(name)
        directory = os.path.realpath(directory)
        try:
            made = make_folders(directory)
            try:
                return _create(directory, name, part, size)
            except BaseException:
                remove_folders(made)
                raise
        except OSError as error:
            raise storage_error(error, os.path.join(directory, part)) from error

    def lay(self, wholes: Sequence[Whole]) -> list[Unnamed | StorageError | None]:
        from dlm.storage import unnamed

        return unnamed.lay(wholes)

    def give_names(self, named: Sequence[tuple[Unnamed, str]]) -> list[str | StorageError]:
        from dlm.storage import unnamed

        return unnamed.give_names(named)

    def sweep(self, directory: str, name: str, size: int | None) -> None:
        part = part_name(name)
        try:
            folder = open_folder(os.path.realpath(directory))
            try:
                remove_blank(folder, part, size)
            finally:
                os.close(folder)
        except OSError as error:
            if error.errno not in _NOT_THERE:
                raise storage_error(error, os.path.join(directory, part)) from error

    def reopen(self, place: Place, least: int) -> DiskSink:
        path = os.path.join(place.directory, component(place.part))
        try:
            folder = open_folder(place.directory)
            try:
                return _reopen(folder, place, least)
            except BaseException:
                os.close(folder)
                raise
        except OSError as error:
            if error.errno in _NOT_THERE:
                raise PartLost(f"the partial file {path} is gone: the download begins anew", path=path) from error
            raise storage_error(error, path) from error

    def confirm(self, path: str, place: Place) -> bool:
        return self._with_folder(path, place, _confirm)

    def erase(self, path: str, place: Place) -> bool:
        return self._with_folder(path, place, _erase)

    def digest(self, path: str, algorithm: str, span: Span | None = None) -> bytes:
        def open_file(path: str, flags: int) -> int:
            return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)

        try:
            with open(path, "rb", buffering=0, opener=open_file) as file:
                digest = growing(algorithm)
                left = os.fstat(file.fileno()).st_size if span is None else span.size
                file.seek(0 if span is None else span.start)
                while left > 0 and (block := file.read(min(left, _BLOCK))):
                    digest.update(block)
                    left -= len(block)
                return digest.digest()
        except FileNotFoundError as error:
            raise StorageError(f"{path} is gone: `dlm get` fetches it again", path=path) from error
        except OSError as error:
            raise storage_error(error, path) from error

    def stays_within(self, directory: str, root: str) -> bool:
        real, within = os.path.realpath(directory), os.path.realpath(root)
        return os.path.commonpath((real, within)) == within

    def describe(self, path: str) -> tuple[int, int, int] | None:
        try:
            status = os.lstat(path)
            system = os.statvfs(os.path.dirname(path)).f_fsid or status.st_dev
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise storage_error(error, path) from error
        return (system, status.st_ino, status.st_size) if stat.S_ISREG(status.st_mode) else None

    def _with_folder(self, path: str, place: Place, act: Callable[[int, str, Place], bool]) -> bool:
        """What `act` says of the name in its directory; False when there is no such directory."""
        directory, name = os.path.split(path)
        try:
            folder = open_folder(directory)
            try:
                return act(folder, name, place)
            finally:
                os.close(folder)
        except OSError as error:
            if error.errno in _NOT_THERE:
                return False
            raise storage_error(error, path) from error


def _create(directory: str, name: str, part: str, size: int | None) -> DiskSink:
    folder = open_folder(directory)
    try:
        file = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
        try:
            if size is not None:
                _reserve(file, size)
            status, system = os.fstat(file), file_system_of(file)
        except BaseException:
            os.close(file)
            os.unlink(part, dir_fd=folder)
            raise
    except BaseException:
        os.close(folder)
        raise
    return DiskSink(folder, file, Place(directory, name, part, system, status.st_ino), size or 0)


def _reopen(folder: int, place: Place, least: int) -> DiskSink:
    # O_NONBLOCK, because a pipe planted under the name would block the open; on a regular file it means nothing.
    file = os.open(place.part, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    status = os.fstat(file)
    same = is_of(place, status, file)
    if not same or status.st_size < least:
        os.close(file)
        path = os.path.join(place.directory, place.part)
        what = "was cut short by another program" if same else "is not the one that dlm wrote"
        raise PartLost(f"the partial file {path} {what}: the download begins anew", path=path)
    return DiskSink(folder, file, place, status.st_size)


def _confirm(folder: int, name: str, place: Place) -> bool:
    if not is_that_file(folder, name, place):
        return False
    if place.part != name and is_that_file(folder, place.part, place):
        # It was published by a link, and the process ended before the other name was removed.
        os.unlink(place.part, dir_fd=folder)
    sync_folder(folder)
    return True


def _erase(folder: int, name: str, place: Place) -> bool:
    if not is_that_file(folder, name, place):
        return False
    os.unlink(name, dir_fd=folder)
    sync_folder(folder)
    return True


def _reserve(file: int, size: int) -> None:
    """Give the file its size, and real blocks where the file system can. Raises `OSError`, ENOSPC above all."""
    if size > _LARGEST:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    os.ftruncate(file, size)
    if size == 0:
        return
    from dlm.storage.libc import fallocate

    try:
        fallocate(file, size)
    except OSError as error:
        if error.errno not in _NOT_RESERVABLE:
            raise
