"""Standard output as a Store: bytes go out in order, and nothing can be taken back, kept or resumed."""

# ruff: noqa: ARG002 - the signatures are the port's; a pipe has no use for most of what they give
from __future__ import annotations

import errno
import os
from collections.abc import Container, Sequence

from dlm.model.download import Place
from dlm.model.error import PartLost, StorageError
from dlm.model.span import Span
from dlm.ports import Unnamed, Whole
from dlm.storage.errors import storage_error

NAME = "-"
_STDOUT = 1
_PATH = "standard output"
_UNREADABLE = "what was written to standard output cannot be read back"


class PipeStore:
    """`dlm.ports.Store` on one open descriptor. Serves one download at a time."""

    def __init__(self, descriptor: int = _STDOUT) -> None:
        self._descriptor = descriptor
        self._latest: PipeSink | None = None

    def free_name(self, directory: str, name: str, others: Container[str] = ()) -> str:
        return name

    def exists(self, directory: str, name: str) -> bool:
        return False

    def create(self, directory: str, name: str, size: int | None) -> PipeSink:
        """Raises `StorageError` when an unfinished download has poured bytes already, or still may."""
        latest = self._latest
        if latest is not None and not latest.published and (latest.position or not latest.closed):
            raise StorageError(
                f"{_PATH} holds a part of another download, which cannot be taken back: write to a file", path=_PATH
            )
        self._latest = PipeSink(self._descriptor, directory)
        return self._latest

    def lay(self, wholes: Sequence[Whole]) -> list[Unnamed | StorageError | None]:
        return [None] * len(wholes)

    def give_names(self, named: Sequence[tuple[Unnamed, str]]) -> list[str | StorageError]:
        return [StorageError(f"{_PATH} has no other name", path=_PATH)] * len(named)

    def sweep(self, directory: str, name: str, size: int | None) -> None:
        pass

    def reopen(self, place: Place, least: int) -> PipeSink:
        raise PartLost(f"what was written to {_PATH} cannot be continued: the download begins anew", path=_PATH)

    def confirm(self, path: str, place: Place) -> bool:
        return False

    def erase(self, path: str, place: Place) -> bool:
        return False

    def digest(self, path: str, algorithm: str, span: Span | None = None) -> bytes:
        raise StorageError(_UNREADABLE, path=_PATH)

    def stays_within(self, directory: str, root: str) -> bool:
        return True

    def describe(self, path: str) -> tuple[int, int, int] | None:
        return None


class PipeSink:
    """`dlm.ports.Sink` that takes bytes in order only, and waits while the reader is slow."""

    def __init__(self, descriptor: int, directory: str) -> None:
        self._descriptor = descriptor
        self._place = Place(directory, NAME, NAME, 0, 0)
        self.position = 0
        self.published = False
        self.closed = False

    @property
    def place(self) -> Place:
        return self._place

    def write(self, offset: int, data: memoryview) -> None:
        if offset != self.position:
            raise StorageError(f"{_PATH} takes bytes in order only: byte {offset} came instead of {self.position}", path=_PATH)
        while data:
            written = self._write_some(data)
            self.position += written
            data = data[written:]

    def read(self, offset: int, size: int) -> bytes:
        raise StorageError(_UNREADABLE, path=_PATH)

    def sync(self) -> None:
        """Nothing to do: the reader has the bytes, or will have them."""

    def settle(self, size: int, modified: float | None) -> None:
        """Nothing to do: a stream has neither size nor time."""

    def publish(self, name: str, *, replace: bool) -> str:
        self.published = True
        return NAME

    def discard(self) -> None:
        """Nothing can be taken back."""

    def close(self) -> None:
        """The descriptor stays open: it was not opened here."""
        self.closed = True

    def _write_some(self, data: memoryview) -> int:
        while True:
            try:
                return os.write(self._descriptor, data)
            except BlockingIOError:
                self._wait_for_reader()
            except BrokenPipeError as error:
                raise StorageError("the reader of standard output went away", path=_PATH) from error
            except OSError as error:
                if error.errno == errno.EBADF:
                    raise StorageError(f"{_PATH} is closed: write to a file instead", path=_PATH) from error
                raise storage_error(error, _PATH) from error

    def _wait_for_reader(self) -> None:
        import select

        # Not `select.select`, which takes no descriptor above 1023.
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        poll.poll()
