"""Links, other files and other programs around a partial file: none of them is followed, changed or removed."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from dlm.model.error import NameTaken, PartLost
from dlm.policy.naming import numbered
from dlm.storage.files import DiskStore
from dlm.storage.sink import DiskSink
from tests.contracts.sink import DATA
from tests.unit.test_storage_disk_faults import filled, names, open_files


@pytest.fixture
def store() -> DiskStore:
    return DiskStore(numbered)


def test_a_planted_link_is_never_followed(store: DiskStore, tmp_path: Path) -> None:
    """A link under the partial name, dangling or not, blocks the name; its target is neither made nor changed."""
    victim = tmp_path / "victim"
    for content in (None, b"precious"):
        if content is not None:
            victim.write_bytes(content)
        part = tmp_path / "f.part"
        part.unlink(missing_ok=True)
        part.symlink_to(victim)
        assert store.exists(str(tmp_path), "f.part")
        assert store.free_name(str(tmp_path), "f") == "f (1)"
        with pytest.raises(NameTaken):
            store.create(str(tmp_path), "f", 10)
        assert (victim.read_bytes() if victim.exists() else None) == content


def test_what_replaced_the_partial_file_is_left_alone(store: DiskStore, tmp_path: Path) -> None:
    """A link, a directory, a pipe or another file that stands there now is neither opened, nor deleted, nor written."""
    victim = tmp_path / "victim"

    def link(path: Path) -> None:
        path.symlink_to(victim)

    plants: tuple[Callable[[Path], None], ...] = (Path.mkdir, os.mkfifo, Path.touch, link)
    for n, plant in enumerate(plants):
        victim.write_bytes(DATA * 2)
        sink = filled(store, tmp_path, f"f{n}")
        part = tmp_path / f"f{n}.part"
        part.unlink()
        plant(part)
        with pytest.raises(PartLost, match="deleted or replaced"):
            sink.sync()
        with pytest.raises(PartLost):
            sink.publish(f"f{n}", replace=False)
        sink.discard()
        with pytest.raises(PartLost):
            store.reopen(sink.place, 0)
        sink.close()
        assert os.path.lexists(part)
        assert victim.read_bytes() == DATA * 2


def test_a_partial_file_behind_a_link_is_lost(store: DiskStore, tmp_path: Path) -> None:
    """Moved away and linked to, it is the same file, but no longer in the directory: it is not opened through the link."""
    sink = filled(store, tmp_path)
    sink.close()
    (tmp_path / "f.part").rename(tmp_path / "elsewhere")
    (tmp_path / "f.part").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PartLost):
        store.reopen(sink.place, 0)


def test_a_directory_replaced_by_a_link_is_not_followed(store: DiskStore, tmp_path: Path) -> None:
    """Between two runs the directory became a link to elsewhere: the partial file is lost, and nothing there is touched."""
    (tmp_path / "d").mkdir()
    sink = filled(store, tmp_path / "d")
    path = sink.publish("f", replace=False)
    sink.close()
    (tmp_path / "d").rename(tmp_path / "moved")
    (tmp_path / "d").symlink_to(tmp_path / "moved")
    with pytest.raises(PartLost):
        store.reopen(replace(sink.place, part="f"), 0)
    assert not store.erase(path, sink.place)
    assert names(tmp_path / "moved") == ["f"]


def test_a_link_under_the_final_name_is_replaced_not_followed(store: DiskStore, tmp_path: Path) -> None:
    """Without `replace` it blocks the name; with it the link goes, and its target stays as it was."""
    (tmp_path / "victim").write_bytes(b"precious")
    (tmp_path / "f").symlink_to(tmp_path / "victim")
    sink = filled(store, tmp_path)
    with pytest.raises(NameTaken):
        sink.publish("f", replace=False)
    sink.publish("f", replace=True)
    sink.close()
    assert not (tmp_path / "f").is_symlink()
    assert ((tmp_path / "f").read_bytes(), (tmp_path / "victim").read_bytes()) == (DATA, b"precious")
    assert store.describe(str(tmp_path / "victim")) is not None
    (tmp_path / "link").symlink_to(tmp_path / "f")
    assert store.describe(str(tmp_path / "link")) is None


def test_a_directory_under_the_final_name_stays(store: DiskStore, tmp_path: Path) -> None:
    """Not even `replace` removes a directory."""
    (tmp_path / "f").mkdir()
    sink = filled(store, tmp_path)
    for replacing in (False, True):
        with pytest.raises(NameTaken):
            sink.publish("f", replace=replacing)
    assert names(tmp_path) == ["f", "f.part"]
    sink.close()


def test_of_many_that_want_one_name_exactly_one_gets_it(store: DiskStore, tmp_path: Path) -> None:
    """Eight threads publish under one name at once, ten times over: one file, whole; the others keep theirs."""
    with ThreadPoolExecutor(max_workers=8) as threads:
        for round_ in range(10):
            sinks = [filled(store, tmp_path, f"f{n}") for n in range(8)]
            won = list(threads.map(lambda sink, wanted=f"final{round_}": published(sink, wanted), sinks))
            assert won.count(True) == 1
            assert names(tmp_path) == sorted(
                [f"final{r}" for r in range(round_ + 1)] + [f"f{n}.part" for n in range(8) if not won[n]]
            )
            for sink in sinks:
                sink.discard()
                sink.close()


def test_downloads_into_one_new_directory_do_not_disturb_each_other(store: DiskStore, tmp_path: Path) -> None:
    """Eight threads find the directory missing at the same moment; each gets its file there."""
    with ThreadPoolExecutor(max_workers=8) as threads:
        for round_ in range(20):
            directory = tmp_path / str(round_) / "a" / "b"
            sinks = list(threads.map(lambda n, where=directory: filled(store, where, f"f{n}"), range(8)))
            assert names(directory) == [f"f{n}.part" for n in range(8)]
            for sink in sinks:
                sink.close()


def published(sink: DiskSink, name: str) -> bool:
    try:
        sink.publish(name, replace=False)
    except NameTaken:
        return False
    return True


def test_no_file_stays_open(store: DiskStore, tmp_path: Path) -> None:
    """Whatever succeeds or fails, each descriptor is closed in the end."""
    before = open_files()
    for _ in range(3):
        sink = filled(store, tmp_path)
        with pytest.raises(NameTaken):
            store.create(str(tmp_path), "f", 1)
        with pytest.raises(PartLost):
            store.reopen(sink.place, len(DATA) + 1)
        path = sink.publish("f", replace=True)
        store.confirm(path, sink.place)
        store.digest(path, "md5")
        sink.close()
    assert open_files() == before
