"""Taking a name without replacing: three ways, one promise."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dlm.policy.naming import numbered
from dlm.storage import rename
from dlm.storage.files import DiskStore
from tests.contracts.sink import DATA, pour

WAYS = [rename.rename_without_replacing, rename._by_renameat2, rename._by_link, rename._by_placeholder]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    folder = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield folder
    os.close(folder)


@pytest.mark.parametrize("way", WAYS)
def test_a_free_name_is_taken_and_a_taken_name_is_left(
    tmp_path: Path, folder: int, way: Callable[[int, str, str], None]
) -> None:
    """Each way alone renames onto a free name, and refuses one that is taken by a file, a directory or a dangling link."""
    (tmp_path / "old").write_text("mine")
    (tmp_path / "file").write_text("theirs")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "none")
    for taken in ("file", "folder", "link"):
        with pytest.raises(FileExistsError):
            way(folder, "old", taken)
    assert ((tmp_path / "old").read_text(), (tmp_path / "file").read_text()) == ("mine", "theirs")
    way(folder, "old", "new")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder", "link", "new"]
    assert (tmp_path / "new").read_text() == "mine"


@pytest.mark.parametrize("way", WAYS)
def test_what_is_not_there_leaves_no_name(tmp_path: Path, folder: int, way: Callable[[int, str, str], None]) -> None:
    """When the old name is gone, the new one is not taken either."""
    with pytest.raises(FileNotFoundError):
        way(folder, "old", "new")
    assert os.listdir(tmp_path) == []


def test_a_process_that_died_between_link_and_unlink_is_made_good(tmp_path: Path) -> None:
    """With both names on the file, publishing again and confirming each leave the final name only."""
    store = DiskStore(numbered)
    for finish in ("publish", "confirm"):
        sink = store.create(str(tmp_path), "f", len(DATA))
        pour(sink)
        (tmp_path / "f").hardlink_to(tmp_path / "f.part")
        if finish == "publish":
            assert sink.publish("f", replace=False) == str(tmp_path / "f")
        else:
            assert store.confirm(str(tmp_path / "f"), sink.place)
        sink.close()
        assert os.listdir(tmp_path) == ["f"]
        (tmp_path / "f").unlink()
