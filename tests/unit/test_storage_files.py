"""Both Stores keep the contract."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.policy.naming import numbered
from dlm.ports import Store
from dlm.storage.files import DiskStore
from dlm.storage.memory_files import MemoryStore
from tests.contracts.sink import Ground, SinkContract, pour


class DiskGround:
    """A real directory."""

    def __init__(self, directory: Path) -> None:
        self.store: Store = DiskStore(numbered)
        self.directory = str(directory.resolve())

    def put(self, path: str, content: bytes) -> None:
        Path(path).with_suffix(".new").write_bytes(content)
        Path(path).with_suffix(".new").replace(path)

    def cut(self, path: str, size: int) -> None:
        os.truncate(path, size)

    def delete(self, path: str) -> None:
        Path(path).unlink()

    def content(self, path: str) -> bytes | None:
        return Path(path).read_bytes() if os.path.lexists(path) else None

    def modified(self, path: str) -> float | None:
        return Path(path).stat().st_mtime


class MemoryGround:
    """The twin."""

    def __init__(self) -> None:
        self.memory = MemoryStore(numbered)
        self.store: Store = self.memory
        self.directory = "/d"

    def put(self, path: str, content: bytes) -> None:
        self.memory.put(path, content)

    def cut(self, path: str, size: int) -> None:
        del self.memory.files[path].content[size:]

    def delete(self, path: str) -> None:
        del self.memory.files[path]

    def content(self, path: str) -> bytes | None:
        file = self.memory.at(path)
        return None if file is None else bytes(file.content)

    def modified(self, path: str) -> float | None:
        return self.memory.files[path].modified


class TestDiskStore(SinkContract):
    @pytest.fixture
    def ground(self, tmp_path: Path) -> Ground:
        return DiskGround(tmp_path)


class TestMemoryStore(SinkContract):
    @pytest.fixture
    def ground(self) -> Ground:
        return MemoryGround()


writes = st.lists(st.tuples(st.integers(0, 300), st.binary(max_size=100)), max_size=20)


@given(writes, st.none() | st.integers(0, 200), st.integers(0, 400))
def test_any_writes_leave_the_same_file_on_disk_and_in_memory(
    written: list[tuple[int, bytes]], reserved: int | None, final: int
) -> None:
    """Whatever is written in whatever order, both files are what a byte string would be, before and after settling."""
    model = bytearray(reserved or 0)
    with tempfile.TemporaryDirectory() as folder:
        grounds = (DiskGround(Path(folder)), MemoryGround())
        sinks = [ground.store.create(ground.directory, "f", reserved) for ground in grounds]
        for offset, data in written:
            for sink in sinks:
                pour(sink, data, offset)
            if data:
                model.extend(bytes(max(0, offset - len(model))))
                model[offset : offset + len(data)] = data
        for sink in sinks:
            sink.sync()
            assert sink.read(0, 1000) == model
            sink.settle(min(final, len(model)), None)
            assert sink.read(0, 1000) == model[:final]
            sink.close()
