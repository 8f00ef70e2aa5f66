"""The checker of what must hold after a kill or a power cut: it is content with the truth, and sees each lie."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dlm.model.download import Checkpoint, Download, DownloadId, DownloadSpec, Place
from dlm.model.phase import Cause
from dlm.model.resource import Mirror, Part, Resource, Validator, Verification, Verified
from dlm.model.span import Span
from dlm.storage.repository import SqliteState
from tests.hostile import content
from tests.power.acknowledged import Acknowledged, Aspect
from tests.power.invariants import check_invariants, violations

HALF, WHOLE = "http://h/half.bin", "http://h/whole.bin"
TRUTH = {HALF: content(1000, seed=1), WHOLE: content(1000, seed=2)}
ME = "1:1:1:1"


@dataclass
class Scene:
    """One download that is half there and runs, and one that is complete; both acknowledged."""

    folder: Path
    acknowledged: Acknowledged = field(default_factory=Acknowledged)

    def __post_init__(self) -> None:
        for name in ("state", "files", "elsewhere"):
            (self.folder / name).mkdir()
        self.half, self.whole = self.files / "half.bin.part", self.files / "whole.bin"
        self.half.write_bytes(TRUTH[HALF][:500] + bytes(500))
        self.whole.write_bytes(TRUTH[WHOLE])
        asyncio.run(self._record())
        for address in TRUTH:
            self.acknowledged.acknowledge((Aspect.EXISTS, address), True)
        self.acknowledged.acknowledge((Aspect.COMPLETED, WHOLE), True)

    @property
    def files(self) -> Path:
        """Where the files are."""
        return self.folder / "files"

    @property
    def state(self) -> Path:
        """Where the database is."""
        return self.folder / "state"

    def lies(self, *, ended: bool = False) -> set[str]:
        """The numbers of the invariants that do not hold."""
        elsewhere = [self.folder / "elsewhere"]
        found = violations(self.state, self.files, TRUTH, self.acknowledged, elsewhere=elsewhere, ended=ended)
        return {sentence.partition(":")[0] for sentence in found}

    def tamper(self, statement: str) -> None:
        """Change the database behind the back of dlm."""
        with contextlib.closing(sqlite3.connect(self.state / "dlm.db")) as connection:
            for (guard,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                connection.execute(f"DROP TRIGGER {guard}")
            connection.execute(statement)
            connection.commit()

    async def _record(self) -> None:
        state = await SqliteState.open(str(self.state / "dlm.db"))
        repository, now = state.repository, time.time()
        for number, address in enumerate(TRUTH):
            id = DownloadId(f"{number:016x}")
            spec = DownloadSpec(uris=(address,), directory=str(self.files))
            await repository.add([Download(id=id, spec=spec, added=now)])
            await repository.claim([id], ME, now, 30)
            await repository.advance(id, Cause.STARTED, now, owner=ME)
            path = self.whole if address == WHOLE else self.half
            name = address.rpartition("/")[2]
            place = Place(str(self.files), name, f"{name}.part", path.stat().st_dev, path.stat().st_ino)
            resource = Resource(
                parts=(Part(name=name, size=1000),), mirrors=(Mirror(address),), validator=Validator(), ranged=True
            )
            done = (Span(0, 1000 if address == WHOLE else 500),)
            await repository.checkpoint(id, Checkpoint(resource, place, done), owner=ME)
            if address == WHOLE:
                verified = Verified(Verification.CONSISTENT)
                await repository.advance(id, Cause.TRANSFERRED, now, owner=ME, path=str(self.whole), verified=verified)
                await repository.advance(id, Cause.PUBLISHED, now, owner=ME)
        await state.close()


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A fresh one."""
    return Scene(tmp_path)


def test_the_truth_is_accepted(scene: Scene) -> None:
    """Nothing is found where everything is as it should be."""
    check_invariants(scene.state, scene.files, TRUTH, scene.acknowledged, elsewhere=[scene.folder / "elsewhere"])
    assert scene.lies(ended=True) == set()


LIES: dict[str, tuple[str, Callable[[Scene], object]]] = {
    "an acknowledged download is gone": (
        "I1",
        lambda scene: scene.acknowledged.acknowledge((Aspect.EXISTS, "http://h/third.bin"), True),
    ),
    "a removed download is back": ("I1", lambda scene: scene.acknowledged.acknowledge((Aspect.EXISTS, HALF), False)),
    "a paused download runs": ("I1", lambda scene: scene.acknowledged.acknowledge((Aspect.INTENT, HALF), "pause")),
    "a resumed download is paused": ("I1", lambda scene: scene.tamper("UPDATE downloads SET intent = 'pause'")),
    "a completed download is not": ("I1", lambda scene: scene.acknowledged.acknowledge((Aspect.COMPLETED, HALF), True)),
    "a completed file is gone": ("I1", lambda scene: scene.whole.unlink()),
    "a limit was forgotten": ("I1", lambda scene: scene.acknowledged.acknowledge((Aspect.TOTAL, ""), 5)),
    "the limit of a download was forgotten": ("I1", lambda scene: scene.acknowledged.acknowledge((Aspect.RATE, HALF), 5)),
    "a final name has other bytes": ("I2", lambda scene: scene.whole.write_bytes(bytes(1000))),
    "a final name is empty": ("I2", lambda scene: (scene.files / "half.bin").write_bytes(b"")),
    "a claimed byte is wrong": ("I3", lambda scene: scene.half.write_bytes(TRUTH[HALF][:499] + bytes(501))),
    "the partial file was cut short": ("I3", lambda scene: scene.half.write_bytes(TRUTH[HALF][:499])),
    "the partial file is gone": ("I3", lambda scene: scene.half.unlink()),
    "the database is damaged": ("I6", lambda scene: (scene.state / "dlm.db").write_bytes(b"SQLite format 3\0" + bytes(9000))),
    "the database is empty": ("I6", lambda scene: (scene.state / "dlm.db").write_bytes(b"")),
    "a partial file of nobody": ("I7", lambda scene: (scene.files / "x.part").write_bytes(b"")),
    "a file among the database's": ("I7", lambda scene: (scene.state / "x").write_bytes(b"")),
    "a file outside": ("I7", lambda scene: (scene.folder / "elsewhere" / "x").write_bytes(b"")),
    "a story with a hole": ("I8", lambda scene: scene.tamper("DELETE FROM events WHERE cause = 'started'")),
    "a story that does not reach the phase": ("I8", lambda scene: scene.tamper("UPDATE downloads SET phase = 'running'")),
    "a story with an illegal step": (
        "I8",
        lambda scene: scene.tamper("UPDATE events SET cause = 'due' WHERE cause = 'claimed'"),
    ),
    "a completion that nobody published": ("I9", lambda scene: scene.tamper("DELETE FROM events WHERE cause = 'published'")),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_seen(scene: Scene, lie: str) -> None:
    """Each invariant is broken once, and it is that one that is reported."""
    number, tell = LIES[lie]
    tell(scene)
    assert number in scene.lies()


def test_a_database_that_is_gone_is_seen(scene: Scene) -> None:
    """Without a database everything that was acknowledged is lost."""
    for path in scene.state.iterdir():
        path.unlink()
    assert scene.lies() == {"I1"}


def test_what_was_cut_off_may_have_happened_or_not(scene: Scene) -> None:
    """A command that was never answered leaves both outcomes open; one that was refused leaves the old one."""
    key = (Aspect.EXISTS, HALF)
    before = scene.acknowledged.begin(key, False)
    assert scene.lies() == set()
    scene.acknowledged.restore(key, before)
    assert scene.lies() == set()
    scene.acknowledged.acknowledge(key, False)
    assert scene.lies() == {"I1"}


def test_a_draft_may_wait_for_the_next_start_and_no_longer(scene: Scene) -> None:
    """The draft of a database that a kill has left is no stray file until dlm has run to its end."""
    (scene.state / "dlm.db.0a0b.new").write_bytes(b"")
    assert scene.lies() == set()
    assert scene.lies(ended=True) == {"I7"}
