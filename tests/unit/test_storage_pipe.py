"""Standard output as a Store."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from dlm.model.error import PartLost, StorageError
from dlm.storage.pipe import PipeStore
from tests.contracts.sink import pour

LARGE = bytes(range(256)) * 4096
"""More than a pipe holds."""


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    for end in (reader, writer):
        try:
            os.close(end)
        except OSError:
            continue


@pytest.mark.parametrize("blocking", [True, False])
def test_everything_comes_out_in_order(pipe: tuple[int, int], blocking: bool) -> None:
    """However slow the reader is, and whether or not the descriptor blocks: each byte once, in order."""
    reader, writer = pipe
    os.set_blocking(writer, blocking)
    received = bytearray()

    def read_all() -> None:
        while piece := os.read(reader, 5000):
            received.extend(piece)

    thread = threading.Thread(target=read_all)
    thread.start()
    sink = PipeStore(writer).create("/d", "-", None)
    for offset in range(0, len(LARGE), 100_000):
        pour(sink, LARGE[offset : offset + 100_000], offset)
    sink.sync()
    sink.settle(len(LARGE), 1.0)
    assert sink.publish("-", replace=False) == "-"
    sink.close()
    os.close(writer)
    thread.join()
    assert received == LARGE


def test_a_gap_or_a_repetition_is_refused(pipe: tuple[int, int]) -> None:
    """Only the next byte can go out; what was refused left no trace."""
    reader, writer = pipe
    sink = PipeStore(writer).create("/d", "-", 10)
    pour(sink, b"ab", 0)
    for offset in (0, 1, 3):
        with pytest.raises(StorageError, match="in order only"):
            pour(sink, b"x", offset)
    pour(sink, b"c", 2)
    assert os.read(reader, 100) == b"abc"


def test_a_reader_that_went_away_is_said_to_have_gone(pipe: tuple[int, int]) -> None:
    """No signal, no traceback: a StorageError with a sentence."""
    reader, writer = pipe
    os.close(reader)
    with pytest.raises(StorageError, match="the reader of standard output went away"):
        pour(PipeStore(writer).create("/d", "-", None), b"x")


def test_a_closed_output_is_said_to_be_closed() -> None:
    """`dlm get -o - URL >&-`."""
    reader, writer = os.pipe()
    os.close(reader)
    os.close(writer)
    with pytest.raises(StorageError, match="is closed"):
        pour(PipeStore(writer).create("/d", "-", None), b"x")


def test_nothing_can_be_taken_back_or_continued(pipe: tuple[int, int]) -> None:
    """No reading, no resuming, no name that stands there; discarding and closing leave the descriptor open."""
    reader, writer = pipe
    store = PipeStore(writer)
    assert store.free_name("/d", "-") == "-"
    assert not store.exists("/d", "-")
    sink = store.create("/d", "-", None)
    with pytest.raises(StorageError, match="read back"):
        sink.read(0, 1)
    with pytest.raises(PartLost):
        store.reopen(sink.place, 0)
    assert not store.confirm("-", sink.place)
    assert not store.erase("-", sink.place)
    assert store.describe("-") is None
    with pytest.raises(StorageError, match="read back"):
        store.digest("-", "md5")
    sink.discard()
    sink.close()
    os.write(writer, b"still open")
    assert os.read(reader, 100) == b"still open"


def test_downloads_come_out_one_after_another_and_never_mixed(pipe: tuple[int, int]) -> None:
    """A next one begins when the one before is whole, or left no byte; else it would follow a fragment."""
    _, writer = pipe
    store = PipeStore(writer)
    first = store.create("/d", "-", None)
    with pytest.raises(StorageError, match="part of another download"):
        store.create("/d", "-", None)
    first.close()
    second = store.create("/d", "-", None)
    pour(second, b"x")
    second.publish("-", replace=False)
    third = store.create("/d", "-", None)
    pour(third, b"y")
    third.close()
    with pytest.raises(StorageError, match="part of another download"):
        store.create("/d", "-", None)
