"""What a real disk, and others who use it, do to a partial file."""

from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlm.model.error import DiskFull, ReadOnly, StorageError
from dlm.policy.naming import numbered
from dlm.storage.files import DiskStore
from dlm.storage.sink import DiskSink
from tests.contracts.disks import fill, make_read_only, small_disk
from tests.contracts.sink import DATA, pour

MEBIBYTE = 2**20
SOURCES = Path(__file__).parents[2] / "src"


@pytest.fixture
def store() -> DiskStore:
    return DiskStore(numbered)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk") as mount_point:
        yield mount_point


def filled(store: DiskStore, directory: Path, name: str = "f") -> DiskSink:
    """An open partial file with DATA in it."""
    sink = store.create(str(directory), name, len(DATA))
    pour(sink)
    return sink


def names(directory: Path) -> list[str]:
    return sorted(os.listdir(directory))


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


# space ----------------------------------------------------------------------------------------------------------------


def test_space_is_reserved_or_refused_at_once(store: DiskStore, disk: Path) -> None:
    """Reserved blocks are real; what does not fit is DiskFull before a byte is fetched, and nothing is left behind."""
    sink = store.create(str(disk), "half", MEBIBYTE // 2)
    assert (disk / "half.part").stat().st_blocks * 512 == MEBIBYTE // 2
    before = open_files()
    with pytest.raises(DiskFull, match=r"whole\.part: free some"):
        store.create(str(disk / "new" / "folder"), "whole", MEBIBYTE)
    assert (names(disk), open_files()) == (["half.part"], before)
    sink.close()


def test_reserved_space_cannot_be_taken_by_others(store: DiskStore, disk: Path) -> None:
    """After a reservation the disk may fill up: every byte of the file still finds its place."""
    sink = store.create(str(disk), "f", len(DATA))
    fill(disk)
    pour(sink)
    sink.sync()
    sink.settle(len(DATA), None)
    assert Path(sink.publish("f", replace=False)).read_bytes() == DATA
    sink.close()


def test_a_disk_that_fills_up_keeps_what_was_synced(store: DiskStore, disk: Path) -> None:
    """Without a known size, the write that finds no space is DiskFull; the file stays, and goes on when there is space."""
    sink = store.create(str(disk), "f", None)
    pour(sink)
    sink.sync()
    ballast = fill(disk)
    with pytest.raises(DiskFull):
        pour(sink, bytes(MEBIBYTE), len(DATA))
    sink.sync()
    sink.close()
    ballast.unlink()
    again = store.reopen(sink.place, len(DATA))
    assert again.read(0, len(DATA)) == DATA
    pour(again, b"more", len(DATA))
    again.close()


@pytest.mark.parametrize("size", [2**63 - 1, 2**64, 2**200])
def test_an_absurd_size_is_refused(store: DiskStore, tmp_path: Path, size: int) -> None:
    """A size that a server made up is an error of storage, and leaves nothing behind."""
    with pytest.raises(StorageError):
        store.create(str(tmp_path / "new"), "f", size)
    assert names(tmp_path) == []


def test_a_short_write_is_completed_or_explained() -> None:
    """When the system takes only some of the bytes, the rest is offered again, and the error that comes then is ours."""
    script = """
        import resource, sys
        from dlm.model.error import StorageError
        from dlm.policy.naming import numbered
        from dlm.storage.files import DiskStore
        sink = DiskStore(numbered).create(sys.argv[1], "f", None)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        try:
            sink.write(0, memoryview(b"x" * 150))
        except StorageError as error:
            print(error)
        print(len(sink.read(0, 1000)))
    """
    assert resource.RLIMIT_FSIZE is not None
    output = run(script)
    assert "would be larger" in output
    assert output.splitlines()[-1] == "100"


def test_a_file_system_that_cannot_reserve_is_used_all_the_same(store: DiskStore, tmp_path: Path) -> None:
    """Where blocks cannot be reserved (ramfs here) the file is sparse: its size is set and it takes every byte."""
    with small_disk(tmp_path / "disk", kind="ramfs") as disk:
        sink = filled(store, disk)
        assert (disk / "f.part").stat().st_size == len(DATA)
        sink.settle(len(DATA), None)
        assert Path(sink.publish("f", replace=False)).read_bytes() == DATA
        sink.close()


def test_a_failed_sync_is_never_taken_back(store: DiskStore, tmp_path: Path) -> None:
    """The kernel tells of lost pages once: after one failure this Sink promises nothing more, whatever the next call says."""
    sink = filled(store, tmp_path)
    good = os.dup(sink._file)
    reader, writer = os.pipe()
    os.dup2(writer, sink._file)
    with pytest.raises(StorageError):
        sink.sync()
    os.dup2(good, sink._file)
    for again in (sink.sync, lambda: sink.settle(len(DATA), None)):
        with pytest.raises(StorageError):
            again()
    sink.close()
    store.reopen(sink.place, len(DATA)).close()
    for descriptor in (good, reader, writer):
        os.close(descriptor)


def run(script: str) -> str:
    """Run the script on a fresh directory, given as its argument, and return what it printed."""
    environment = {**os.environ, "PYTHONPATH": str(SOURCES)}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", textwrap.dedent(script), folder]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


# permission and place -------------------------------------------------------------------------------------------------


def test_a_read_only_file_system_is_said_to_be_so(store: DiskStore, disk: Path) -> None:
    """Creating, reopening and erasing say ReadOnly; the partial file is not taken for lost."""
    sink = filled(store, disk)
    sink.close()
    make_read_only(disk)
    for name in ("g", "h"):
        with pytest.raises(ReadOnly, match="read-only"):
            store.create(str(disk / name), name, 1)
    with pytest.raises(ReadOnly):
        store.reopen(sink.place, 0)
    with pytest.raises(ReadOnly):
        store.erase(str(disk / "f.part"), sink.place)


def test_a_directory_is_made_with_its_parents(store: DiskStore, tmp_path: Path) -> None:
    """What is missing on the way is made; a link to a directory leads there."""
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real").mkdir()
    sink = filled(store, tmp_path / "link" / "a" / "b")
    assert sink.place.directory == str(tmp_path.resolve() / "real" / "a" / "b")
    assert names(tmp_path / "real" / "a" / "b") == ["f.part"]
    sink.close()


def test_a_directory_that_is_a_file_is_refused(store: DiskStore, tmp_path: Path) -> None:
    """The sentence names the file; nothing is made beside it."""
    (tmp_path / "file").write_text("")
    for directory in (tmp_path / "file", tmp_path / "file" / "sub"):
        with pytest.raises(StorageError, match="is a file, not a directory"):
            store.create(str(directory), "f", 1)
        assert not store.exists(str(directory), "f")
    assert names(tmp_path) == ["file"]


def test_a_moved_directory_is_not_written_elsewhere(store: DiskStore, tmp_path: Path) -> None:
    """The directory is held open: when it is renamed and another takes its place, no byte and no name goes there."""
    (tmp_path / "d").mkdir()
    sink = filled(store, tmp_path / "d")
    (tmp_path / "d").rename(tmp_path / "moved")
    (tmp_path / "d").mkdir()
    sink.settle(len(DATA), None)
    sink.publish("f", replace=False)
    sink.close()
    assert (names(tmp_path / "d"), names(tmp_path / "moved")) == ([], ["f"])


def test_files_are_private_until_they_are_published(store: DiskStore, tmp_path: Path) -> None:
    """The partial file is 0600 under any umask, the finished one what the umask leaves of 0666."""
    before = os.umask(0o022)
    try:
        for mask in (0o022, 0o077, 0o000, 0o027):
            os.umask(mask)
            sink = filled(store, tmp_path, f"f{mask}")
            assert stat.S_IMODE((tmp_path / f"f{mask}.part").stat().st_mode) == 0o600
            path = Path(sink.publish(f"f{mask}", replace=False))
            assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask
            sink.close()
    finally:
        os.umask(before)
