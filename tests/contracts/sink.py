"""The contract of `dlm.ports.Store` and `dlm.ports.Sink`."""

from __future__ import annotations

import hashlib
import os.path
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import pytest

from dlm.model.error import NameTaken, PartLost, StorageError
from dlm.model.span import Span
from dlm.ports import Sink, Store, Unnamed, Whole

DATA = bytes(range(256)) * 40


class Ground(Protocol):
    """Where a Store keeps its files, and what other programs may do to them."""

    store: Store
    directory: str

    def put(self, path: str, content: bytes) -> None:
        """Make another file there, in the place of what stood there."""

    def cut(self, path: str, size: int) -> None:
        """Shorten the file there."""

    def delete(self, path: str) -> None:
        """Remove the name."""

    def content(self, path: str) -> bytes | None:
        """What stands there, `None` when nothing does."""

    def modified(self, path: str) -> float | None:
        """Its modification time."""


def pour(sink: Sink, data: bytes = DATA, offset: int = 0) -> None:
    """Write the bytes."""
    sink.write(offset, memoryview(data))


class SinkContract:
    """A subclass says in the fixture `ground` where the files are kept."""

    @pytest.fixture
    def ground(self) -> Ground:
        raise NotImplementedError

    @pytest.fixture
    def sink(self, ground: Ground) -> Sink:
        """An open partial file for `f.iso`, with DATA in it."""
        sink = ground.store.create(ground.directory, "f.iso", len(DATA))
        pour(sink)
        return sink

    @pytest.fixture
    def part(self, ground: Ground) -> str:
        return os.path.join(ground.directory, "f.iso.part")

    @pytest.fixture
    def final(self, ground: Ground) -> str:
        return os.path.join(ground.directory, "f.iso")

    def test_a_new_partial_file_has_its_size_and_not_yet_its_name(self, ground: Ground) -> None:
        """Space is reserved where the size is known; the final name is not taken."""
        for name, size in (("known", 5000), ("unknown", None), ("empty", 0)):
            sink = ground.store.create(ground.directory, name, size)
            assert (sink.place.directory, sink.place.name, sink.place.part) == (ground.directory, name, name + ".part")
            path = os.path.join(ground.directory, name)
            assert ground.content(path + ".part") == bytes(size or 0)
            assert not ground.store.exists(ground.directory, name)
            assert ground.store.exists(ground.directory, name + ".part")
            assert ground.store.describe(path + ".part") == (sink.place.device, sink.place.inode, size or 0)
            sink.close()

    def laid(self, ground: Ground, *wholes: Whole) -> list[Unnamed]:
        """Files without names, all of which could be laid."""
        found: list[Unnamed] = []
        for each in ground.store.lay(wholes):
            assert each is not None
            assert not isinstance(each, StorageError)
            found.append(each)
        return found

    def test_small_files_are_laid_without_a_trace_and_named_together(self, ground: Ground) -> None:
        """Before they are named nothing stands there; afterwards each is what was laid, known again by its place."""
        wholes = [Whole(ground.directory, name, data, 1e9) for name, data in (("a", DATA), ("b", b""), ("c", b"c"))]
        laid = self.laid(ground, *wholes)
        for whole in wholes:
            for name in (whole.name, whole.name + ".part"):
                assert ground.content(os.path.join(ground.directory, name)) is None
        named = ground.store.give_names([(each, each.place.name) for each in laid])
        for whole, each, path in zip(wholes, laid, named, strict=True):
            each.close()
            each.close()
            assert path == os.path.join(ground.directory, whole.name)
            assert ground.content(path) == whole.data
            assert ground.modified(path) == 1e9
            assert ground.store.describe(path) == (each.place.device, each.place.inode, len(whole.data))
            assert ground.store.confirm(path, each.place)

    def test_a_small_file_that_is_let_go_of_is_gone(self, ground: Ground) -> None:
        """It never had a name, so nothing is left to be swept."""
        (laid,) = self.laid(ground, Whole(ground.directory, "a", DATA))
        laid.close()
        assert not ground.store.exists(ground.directory, "a")
        assert not ground.store.confirm(os.path.join(ground.directory, "a"), laid.place)
        with pytest.raises(PartLost):
            ground.store.reopen(laid.place, 0)

    def test_a_name_that_is_taken_is_not_replaced_and_may_be_another(self, ground: Ground, final: str) -> None:
        """Somebody else's file stays; the same laid file then takes the next name."""
        ground.put(final, b"theirs")
        wholes = [Whole(ground.directory, name, DATA) for name in ("f.iso", "g.iso")]
        laid = self.laid(ground, *wholes)
        taken, other = ground.store.give_names([(each, each.place.name) for each in laid])
        assert isinstance(taken, NameTaken)
        assert other == os.path.join(ground.directory, "g.iso")
        assert ground.content(final) == b"theirs"
        free = ground.store.free_name(ground.directory, "f.iso", {"f (1).iso"})
        assert free == "f (2).iso"
        assert ground.store.give_names([(laid[0], free)]) == [os.path.join(ground.directory, free)]
        assert ground.content(os.path.join(ground.directory, free)) == DATA

    def test_a_name_that_leads_elsewhere_is_refused_for_itself(self, ground: Ground) -> None:
        """Of several small files, one with a bad name does not keep the others from being."""
        bad, good = ground.store.lay([Whole(ground.directory, "../x", DATA), Whole(ground.directory, "x", DATA)])
        assert isinstance(bad, StorageError)
        assert good is not None
        assert not isinstance(good, StorageError)
        (path,) = ground.store.give_names([(good, "x")])
        assert isinstance(path, str)
        other = self.laid(ground, Whole(ground.directory, "y", DATA))[0]
        (refused,) = ground.store.give_names([(other, "../y")])
        assert isinstance(refused, StorageError)

    def test_a_partial_file_that_stands_there_is_not_touched(self, ground: Ground, part: str) -> None:
        """Somebody else's partial file keeps the name."""
        ground.put(part, b"theirs")
        with pytest.raises(NameTaken, match=r"f\.iso\.part exists already"):
            ground.store.create(ground.directory, "f.iso", 10)
        assert ground.content(part) == b"theirs"

    def test_bytes_are_read_where_they_were_written(self, ground: Ground) -> None:
        """In any order, over one another, beyond the end; only at the end of the file come fewer than were asked for."""
        sink = ground.store.create(ground.directory, "f", None)
        for offset, data in ((10, b"abc"), (0, b"xy"), (11, b"BCD"), (20, b""), (2, b"z")):
            pour(sink, data, offset)
        assert sink.read(0, 100) == b"xyz" + bytes(7) + b"aBCD"
        for offset, size, expected in ((10, 2, b"aB"), (13, 5, b"D"), (14, 5, b""), (99, 1, b""), (0, 0, b"")):
            assert sink.read(offset, size) == expected
        sink.sync()
        sink.close()

    def test_settling_cuts_and_dates_the_file(self, ground: Ground, sink: Sink, part: str) -> None:
        """The final size and the server's time; no time, or one that cannot be, is no error."""
        sink.settle(100, 86400.5)
        assert ground.content(part) == DATA[:100]
        assert ground.modified(part) == 86400.5
        sink.settle(100, None)
        sink.settle(99, 1e30)
        assert ground.content(part) == DATA[:99]
        sink.close()

    def test_a_file_shorter_than_its_final_size_is_lost(self, ground: Ground, sink: Sink, part: str) -> None:
        """Zeros are never made up for bytes that are not there."""
        ground.cut(part, 100)
        with pytest.raises(PartLost, match="cut short"):
            sink.settle(len(DATA), None)
        assert ground.content(part) == DATA[:100]
        sink.close()

    def test_publishing_gives_the_name(self, ground: Ground, sink: Sink, part: str, final: str) -> None:
        """The whole file has the name, the partial file is gone; once more changes nothing."""
        sink.settle(len(DATA), None)
        for _ in range(2):
            assert sink.publish("f.iso", replace=False) == final
            assert (ground.content(final), ground.content(part)) == (DATA, None)
        sink.discard()
        sink.close()
        assert ground.content(final) == DATA

    def test_publishing_replaces_only_when_asked(self, ground: Ground, sink: Sink, part: str, final: str) -> None:
        """A file of that name stays as it was, and another name can be tried; with `replace` it gives way."""
        ground.put(final, b"theirs")
        with pytest.raises(NameTaken, match=r"f\.iso exists already"):
            sink.publish("f.iso", replace=False)
        assert (ground.content(final), ground.content(part)) == (b"theirs", DATA)
        other = ground.store.create(ground.directory, "g.iso", 3)
        pour(other, b"abc")
        assert other.publish("f.iso", replace=True) == final
        assert sink.publish("f (1).iso", replace=False) == os.path.join(ground.directory, "f (1).iso")
        assert ground.content(final) == b"abc"
        for each in (sink, other):
            each.close()

    def test_discarding_deletes_the_partial_file_only(self, ground: Ground, sink: Sink, part: str, final: str) -> None:
        """Other names stay; twice is once."""
        ground.put(final, b"theirs")
        sink.discard()
        sink.discard()
        assert (ground.content(final), ground.content(part)) == (b"theirs", None)
        sink.close()
        sink.discard()

    @pytest.mark.parametrize("how", ["deleted", "replaced", "cut"])
    def test_a_partial_file_that_others_changed_is_noticed(self, ground: Ground, sink: Sink, part: str, how: str) -> None:
        """`sync`, `settle` and `publish` promise nothing about it, and `discard` leaves what stands there now."""
        sink.sync()
        changes: dict[str, Callable[[], None]] = {
            "deleted": lambda: ground.delete(part),
            "replaced": lambda: ground.put(part, b"theirs" * 2000),
            "cut": lambda: ground.cut(part, 10),
        }
        changes[how]()
        left = ground.content(part)
        with pytest.raises(PartLost):
            sink.sync()
        with pytest.raises(PartLost):
            sink.settle(len(DATA), None)
        if how != "cut":
            with pytest.raises(PartLost, match="deleted or replaced"):
                sink.publish("f.iso", replace=True)
            sink.discard()
        assert ground.content(part) == left
        assert not ground.store.exists(ground.directory, "f.iso")
        sink.close()

    def test_a_kept_partial_file_is_gone_on_with(self, ground: Ground, sink: Sink, part: str) -> None:
        """After `close` it is found again by its Place, with its bytes, and grows on."""
        sink.close()
        sink.close()
        again = ground.store.reopen(sink.place, len(DATA))
        assert again.place == sink.place
        assert again.read(0, len(DATA)) == DATA
        pour(again, b"more", len(DATA))
        again.sync()
        assert ground.content(part) == DATA + b"more"
        again.close()

    def test_a_partial_file_that_is_not_the_same_is_not_reopened(self, ground: Ground, sink: Sink, part: str) -> None:
        """Shorter than was synced, another file or none under the name, or no directory: PartLost, and nothing is touched."""
        sink.close()
        for place in (
            replace(sink.place, inode=sink.place.inode + 1),
            replace(sink.place, device=sink.place.device + 1),
            replace(sink.place, part="none.part"),
            replace(sink.place, directory=ground.directory + "/none"),
        ):
            with pytest.raises(PartLost):
                ground.store.reopen(place, 0)
        with pytest.raises(PartLost):
            ground.store.reopen(sink.place, len(DATA) + 1)
        ground.put(part, DATA)
        with pytest.raises(PartLost):
            ground.store.reopen(sink.place, 0)
        assert ground.content(part) == DATA

    def test_a_published_file_is_recognised(self, ground: Ground, sink: Sink, final: str) -> None:
        """By the number of the file, not by its name: only then is it confirmed, and only then erased."""
        assert not ground.store.confirm(final, sink.place)
        assert not ground.store.erase(final, sink.place)
        sink.publish("f.iso", replace=False)
        sink.close()
        assert ground.store.confirm(final, sink.place)
        stranger = replace(sink.place, inode=sink.place.inode + 1)
        assert not ground.store.confirm(final, stranger)
        assert not ground.store.erase(final, stranger)
        assert not ground.store.confirm(os.path.join(ground.directory, "no", "f.iso"), sink.place)
        assert ground.store.describe(final) == (sink.place.device, sink.place.inode, len(DATA))
        assert ground.store.erase(final, sink.place)
        assert ground.content(final) is None
        assert ground.store.describe(final) is None

    def test_a_finished_file_is_read_again(self, ground: Ground) -> None:
        """Its digest by any algorithm of the model; a file that is gone says so."""
        path = os.path.join(ground.directory, "f")
        ground.put(path, DATA)
        assert ground.store.digest(path, "sha-256") == hashlib.sha256(DATA).digest()
        assert ground.store.digest(path, "md5") == hashlib.md5(DATA).digest()
        for span in (Span(0, 3), Span(3, len(DATA)), Span(5, len(DATA) + 9), Span(7, 7)):
            assert ground.store.digest(path, "md5", span) == hashlib.md5(DATA[span.start : span.stop]).digest()
        with pytest.raises(StorageError, match="is gone"):
            ground.store.digest(path + "x", "sha-256")

    def test_a_free_name_is_free_of_files_and_of_partial_files(self, ground: Ground) -> None:
        """The number goes before the extension, and counts up until neither file nor partial file stands there."""
        free = ground.store.free_name
        assert free(ground.directory, "a.tar.gz") == "a.tar.gz"
        ground.put(os.path.join(ground.directory, "a.tar.gz"), b"")
        assert free(ground.directory, "a.tar.gz") == "a (1).tar.gz"
        ground.put(os.path.join(ground.directory, "a (1).tar.gz.part"), b"")
        assert free(ground.directory, "a.tar.gz") == "a (2).tar.gz"
        assert free(os.path.join(ground.directory, "none"), "a.tar.gz") == "a.tar.gz"

    @pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "/x", "a\0b", "x" * 251, "é" * 126])
    def test_only_a_name_is_a_name(self, ground: Ground, sink: Sink, name: str) -> None:
        """Nothing that leads elsewhere, and nothing that is too long with its suffix, ever meets the disk."""
        with pytest.raises(StorageError):
            ground.store.create(ground.directory, name, 1)
        with pytest.raises(StorageError):
            ground.store.free_name(ground.directory, name)
        if len(name.encode()) < 200:
            with pytest.raises(StorageError):
                ground.store.exists(ground.directory, name)
            with pytest.raises(StorageError):
                ground.store.reopen(replace(sink.place, part=name), 0)
            with pytest.raises(StorageError):
                sink.publish(name, replace=True)
        sink.close()

    def test_a_closed_sink_takes_and_promises_nothing(self, sink: Sink) -> None:
        """Use after `close` is an error, never a write into another file."""
        sink.close()
        for use in (lambda: pour(sink), lambda: sink.read(0, 1), sink.sync, lambda: sink.settle(1, None)):
            with pytest.raises(StorageError):
                use()
        with pytest.raises(StorageError):
            sink.publish("f.iso", replace=False)
