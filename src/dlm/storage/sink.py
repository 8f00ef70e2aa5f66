"""An open partial file on disk, from its first byte to its final name.

Rules
-----
* `write` runs for each 16 KiB that arrives: one system call, and nothing else where it goes well.
* An error of `sync` is final. The kernel reports lost pages once, so a second `sync` that succeeds proves nothing.
* The name is checked whenever durability is promised: a file that lost its name has lost its bytes.
* Names are looked up in the directory that was opened first, and never followed through links.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from contextlib import suppress

from dlm.model.download import Place
from dlm.model.error import PartLost, StorageError
from dlm.storage.errors import storage_error
from dlm.storage.folders import sync_folder
from dlm.storage.identity import is_of
from dlm.storage.names import component
from dlm.storage.rename import rename_without_replacing

_CLOSED = -1


class DiskSink:
    """`dlm.ports.Sink` on one file. `length` is how long the file is at least, as far as is known."""

    def __init__(self, folder: int, file: int, place: Place, length: int) -> None:
        self._folder = folder
        self._file = file
        self._place = place
        self._length = length
        self._name_synced = False
        self._failure: OSError | None = None

    @property
    def place(self) -> Place:
        return self._place

    def write(self, offset: int, data: memoryview) -> None:
        try:
            written = os.pwrite(self._file, data, offset)
            if written != len(data):
                self._write_rest(offset, data, written)
        except OSError as error:
            raise storage_error(error, self._path) from error
        end = offset + len(data)
        if end > self._length and written:
            self._length = end

    def read(self, offset: int, size: int) -> bytes:
        pieces: list[bytes] = []
        try:
            while size > 0 and (piece := os.pread(self._file, size, offset)):
                pieces.append(piece)
                offset += len(piece)
                size -= len(piece)
        except OSError as error:
            raise storage_error(error, self._path) from error
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def sync(self) -> None:
        self._make_durable(_flush_bytes)

    def settle(self, size: int, modified: float | None) -> None:
        self._demand_open()
        try:
            if os.fstat(self._file).st_size > size:
                os.ftruncate(self._file, size)
            # A file that is shorter is found out below: zeros are never made up for missing bytes.
            self._length = size
            if modified is not None:
                self._set_modified(modified)
        except OSError as error:
            raise storage_error(error, self._path) from error
        self._make_durable(_flush_all)

    def publish(self, name: str, *, replace: bool) -> str:
        path = os.path.join(self._place.directory, component(name))
        self._demand_open()
        try:
            # A file system without modes (FAT) refuses; the file is none the worse for it.
            with suppress(OSError):
                os.fchmod(self._file, 0o666 & ~_umask())
            part_stands = self._stands_at(self._place.part)
            if self._stands_at(name):
                if part_stands:
                    os.unlink(self._place.part, dir_fd=self._folder)
            elif not part_stands:
                raise self._replaced()
            elif replace:
                os.rename(self._place.part, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            else:
                rename_without_replacing(self._folder, self._place.part, name)
            sync_folder(self._folder)
        except OSError as error:
            raise storage_error(error, path) from error
        return path

    def discard(self) -> None:
        try:
            if self._folder != _CLOSED and self._stands_at(self._place.part):
                os.unlink(self._place.part, dir_fd=self._folder)
                # Who forgets the download next relies on it: after a power cut nobody would know the file any more.
                sync_folder(self._folder)
        except OSError as error:
            raise storage_error(error, self._path) from error

    def close(self) -> None:
        if self._folder == _CLOSED:
            return
        folder, file = self._folder, self._file
        self._folder = self._file = _CLOSED
        os.close(folder)
        try:
            os.close(file)
        except OSError as error:
            raise storage_error(error, self._path) from error

    @property
    def _path(self) -> str:
        return os.path.join(self._place.directory, self._place.part)

    def _write_rest(self, offset: int, data: memoryview, written: int) -> None:
        """The system took only some: the next call takes more, or says why not."""
        while written != len(data):
            more = os.pwrite(self._file, data[written:], offset + written)
            if more == 0:
                raise StorageError(f"{self._path} takes no more bytes: check its file system, then try again", path=self._path)
            written += more

    def _make_durable(self, flush: Callable[[int], None]) -> None:
        self._demand_open()
        if self._failure is not None:
            raise storage_error(self._failure, self._path) from self._failure
        try:
            flush(self._file)
            if not self._name_synced:
                sync_folder(self._folder)
                self._name_synced = True
            length = os.fstat(self._file).st_size
            stands = self._stands_at(self._place.part)
        except OSError as error:
            self._failure = error
            raise storage_error(error, self._path) from error
        if not stands:
            raise self._replaced()
        if length < self._length:
            raise PartLost(f"the partial file {self._path} was cut short by another program: fetch it anew", path=self._path)

    def _demand_open(self) -> None:
        if self._file == _CLOSED:
            raise storage_error(OSError(errno.EBADF, os.strerror(errno.EBADF)), self._path)

    def _stands_at(self, name: str) -> bool:
        return is_that_file(self._folder, name, self._place)

    def _replaced(self) -> PartLost:
        return PartLost(
            f"the partial file {self._path} was deleted or replaced by another program: fetch it anew", path=self._path
        )

    def _set_modified(self, modified: float) -> None:
        # The time came from the server; one that the file system cannot hold is not worth a failed download.
        with suppress(OSError, OverflowError):
            os.utime(self._file, (modified, modified))


def is_that_file(folder: int, name: str, place: Place) -> bool:
    """Whether `name` in the directory is the regular file that `place` remembers. Raises `OSError`."""
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return is_of(place, status, folder)


def _flush_bytes(file: int) -> None:
    """The bytes, and of the metadata what is needed to find them, on stable storage."""
    if sys.platform == "darwin":
        _flush_all(file)
    else:
        os.fdatasync(file)


def _flush_all(file: int) -> None:
    """Bytes and metadata on stable storage."""
    if sys.platform == "darwin":
        import fcntl

        # There, fsync leaves the bytes in the cache of the drive.
        fcntl.fcntl(file, fcntl.F_FULLFSYNC)
    else:
        os.fsync(file)


def _umask() -> int:
    """The mode bits that new files of this process do not get."""
    with suppress(OSError), open("/proc/self/status", "rb") as status:
        for line in status:
            if line.startswith(b"Umask:"):
                return int(line.split()[1], 8)
    # Elsewhere it can only be read by setting it, which another thread may notice for a moment.
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
