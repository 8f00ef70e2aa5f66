"""The disks whose power can be cut: what they lose, and what they keep. Everything in `tests/power` rests on that."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dlm.policy.naming import numbered
from dlm.storage.files import DiskStore
from tests.power.disk import PowerCut

BYTES = b"x" * 100_000


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[PowerCut]:
    """Two empty ones."""
    with PowerCut(tmp_path, megabytes=32) as plugged:
        yield plugged


def synced(path: Path) -> None:
    """Sync a file or a directory."""
    file = os.open(path, os.O_RDONLY)
    os.fsync(file)
    os.close(file)


def cut(disks: PowerCut) -> None:
    """Off and on again."""
    disks.cut()
    disks.restore()


def test_what_was_not_synced_is_lost(disks: PowerCut) -> None:
    """A file that was only written is gone, or empty; one that was synced with its directory is whole."""
    forgotten, kept = disks.files / "forgotten", disks.state / "kept"
    forgotten.write_bytes(BYTES)
    kept.write_bytes(BYTES)
    synced(kept)
    synced(kept.parent)
    cut(disks)
    assert not forgotten.exists() or forgotten.read_bytes() == b""
    assert kept.read_bytes() == BYTES


def test_a_name_without_its_bytes_stands_for_nothing(disks: PowerCut) -> None:
    """Written, renamed, the directory synced, but never the file: the name is there, the bytes are not."""
    part = disks.files / "a.part"
    part.write_bytes(BYTES)
    part.rename(disks.files / "a")
    synced(disks.files)
    cut(disks)
    assert (disks.files / "a").read_bytes() == b""


def test_a_rename_without_its_directory_is_undone(disks: PowerCut) -> None:
    """The bytes were synced, the new name was not: the old one is back."""
    part = disks.files / "a.part"
    part.write_bytes(BYTES)
    synced(part)
    synced(disks.files)
    part.rename(disks.files / "a")
    cut(disks)
    assert [path.name for path in disks.files.iterdir() if path.name != "lost+found"] == ["a.part"]
    assert part.read_bytes() == BYTES


def test_after_the_cut_nothing_can_be_written(disks: PowerCut) -> None:
    """Whoever goes on meets an error, on both disks, until the power is back."""
    disks.cut()
    for disk in (disks.state, disks.files):
        with pytest.raises(OSError, match=r"rror|ead-only"):
            (disk / "late").write_bytes(b"x")
    disks.restore()
    (disks.files / "late").write_bytes(b"x")


def names(disks: PowerCut) -> set[str]:
    """What stands in the directory of files."""
    return {path.name for path in disks.files.iterdir()} - {"lost+found"}


def test_what_the_store_has_published_stands(disks: PowerCut) -> None:
    """Right after `publish` the name is durable, with all bytes."""
    sink = DiskStore(numbered).create(str(disks.files), "a", len(BYTES))
    sink.write(0, memoryview(BYTES))
    sink.settle(len(BYTES), None)
    sink.publish("a", replace=False)
    sink.close()
    cut(disks)
    assert names(disks) == {"a"}
    assert (disks.files / "a").read_bytes() == BYTES


def test_what_the_store_has_deleted_does_not_come_back(disks: PowerCut) -> None:
    """A partial file that was discarded or swept, and a finished one that was erased, are gone for good."""
    store = DiskStore(numbered)
    for name in ("discarded", "erased", "swept"):
        sink = store.create(str(disks.files), name, 10)
        if name != "swept":
            sink.write(0, memoryview(b"0123456789"))
        sink.sync()
        if name == "discarded":
            sink.discard()
        elif name == "erased":
            path = sink.publish(name, replace=False)
            assert store.erase(path, sink.place)
        else:
            store.sweep(str(disks.files), name, 10)
        sink.close()
        assert names(disks) == set()
        cut(disks)
        assert names(disks) == set(), name


def test_a_file_is_known_again_when_its_disk_has_another_number(disks: PowerCut) -> None:
    """A restart may give devices other numbers: what is partial goes on, what is finished is confirmed."""
    store = DiskStore(numbered)
    whole = store.create(str(disks.files), "whole", len(BYTES))
    partial = store.create(str(disks.files), "partial", len(BYTES))
    for sink in (whole, partial):
        sink.write(0, memoryview(BYTES))
        sink.settle(len(BYTES), None)
        sink.close()
    (disks.files / "whole.part").rename(disks.files / "whole")
    before = os.stat(disks.files).st_dev
    disks.replug()
    assert os.stat(disks.files).st_dev != before
    again = store.reopen(partial.place, len(BYTES))
    assert again.read(0, len(BYTES)) == BYTES
    again.close()
    assert store.confirm(str(disks.files / "whole"), whole.place)
    assert not store.confirm(str(disks.files / "whole"), partial.place)


def test_what_an_earlier_dlm_has_recorded_is_known(disks: PowerCut) -> None:
    """That was the number of the device; as long as it holds, the file is known by it."""
    store = DiskStore(numbered)
    sink = store.create(str(disks.files), "partial", len(BYTES))
    sink.sync()
    sink.close()
    store.reopen(replace(sink.place, device=os.stat(disks.files).st_dev), 0).close()


def test_what_the_store_has_synced_is_there(disks: PowerCut) -> None:
    """Right after `sync` the partial file has its name and its bytes, in a directory that was made for it."""
    folder = disks.files / "new" / "folder"
    sink = DiskStore(numbered).create(str(folder), "a", None)
    sink.write(0, memoryview(BYTES))
    sink.sync()
    sink.close()
    cut(disks)
    assert (folder / "a.part").read_bytes() == BYTES
