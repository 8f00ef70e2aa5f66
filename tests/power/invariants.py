"""The one checker: what must hold of the database and of the files, whatever has ended dlm at whatever moment.

I1  what was acknowledged is there          I2  a final name stands for the whole, right file, or does not exist
I3  a claimed byte is the right byte        I6  the database is sound
I7  no stray files, none outside            I8  every story is a legal walk that ends in the phase of the row
I9  what is completed was published, once for each time

I4 (bytes fetched again), I5 (ready again) and I10 (no child left) are measured by the workload, which runs the processes.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dlm.model.download import Checkpoint, Download
from dlm.model.error import IllegalTransition, StorageError
from dlm.model.event import Transition
from dlm.model.phase import Cause, Intent, Phase, advance
from dlm.model.query import DownloadQuery
from dlm.storage.repository import SqliteState
from tests.power.acknowledged import Acknowledged, Aspect

DATABASE = "dlm.db"
_STATE_FILES = re.compile(r"dlm\.db(-wal|-shm|\.v\d+|\.control)?")
_NUMBER = re.compile(r" \(\d+\)(?=\.)")


@dataclass(frozen=True)
class Record:
    """Everything that the database says of one download."""

    download: Download
    checkpoint: Checkpoint | None
    story: tuple[Transition, ...]

    @property
    def address(self) -> str:
        """What it fetches."""
        return self.download.spec.uris[0]

    @property
    def label(self) -> str:
        """How violations call it."""
        return f"{self.download.id[:6]} {self.download.label} ({self.download.phase.value})"


def is_held(download: Download) -> bool:
    """Whether the user has paused it."""
    return download.phase is Phase.PAUSED or download.intent is Intent.PAUSE


def check_invariants(
    state: Path,
    downloads: Path,
    truth: Mapping[str, bytes],
    acknowledged: Acknowledged,
    *,
    elsewhere: Sequence[Path] = (),
    ended: bool = False,
) -> None:
    """Fail unless everything holds; parameters as those of `violations`."""
    found = violations(state, downloads, truth, acknowledged, elsewhere=elsewhere, ended=ended)
    assert not found, "\n".join(found)


def violations(
    state: Path,
    downloads: Path,
    truth: Mapping[str, bytes],
    acknowledged: Acknowledged,
    *,
    elsewhere: Sequence[Path] = (),
    ended: bool = False,
) -> list[str]:
    """What does not hold, a sentence each, beginning with the number of the invariant.

    `truth` has the bytes that every address serves, all under different names. dlm has nothing to write to in the
    folders `elsewhere`. With `ended`, dlm has come to its end by itself: what a kill may leave for the next start to tidy
    up must be gone by now.
    """
    database = state / DATABASE
    if not database.exists():
        known = sorted(address for address in acknowledged.addresses() if not _may_be_absent(acknowledged, address))
        return [f"I1: there is no database, and {address} was acknowledged" for address in known]
    found = list(_soundness(database))
    if found:
        return found
    try:
        records, total = read(state)
    except StorageError as error:
        return [f"I6: dlm refuses its database: {error}"]
    return [
        *_promises(records, acknowledged),
        *_total_limit(total, acknowledged),
        *_finished(downloads, truth),
        *(f"I1: {record.label} is complete, and its file is not there" for record in records if _is_missing(record)),
        *(sentence for record in records for sentence in _claims(record, truth)),
        *_strays(state, downloads, records, truth, ended=ended),
        *(f"I7: {path} is outside" for folder in elsewhere for path in folder.rglob("*") if not path.is_dir()),
        *(sentence for record in records for sentence in (*_walk(record), *_publication(record))),
    ]


# --- the database -----------------------------------------------------------------------------------------------------


def _soundness(database: Path) -> Iterator[str]:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        try:
            verdict = [row[0] for row in connection.execute("PRAGMA integrity_check")]
        except sqlite3.DatabaseError as error:
            verdict = [str(error)]
    if verdict != ["ok"]:
        yield f"I6: the database is damaged: {verdict[:3]}"


def read(state: Path) -> tuple[list[Record], int | None]:
    """Every download, in the order of addition, and the limit of all together."""
    return asyncio.run(_read(state / DATABASE))


async def _read(database: Path) -> tuple[list[Record], int | None]:
    state = await SqliteState.open(str(database))
    try:
        rows = await state.repository.find(DownloadQuery(limit=100_000))
        records = [
            Record(row, await state.repository.checkpoint_of(row.id), tuple(await state.repository.story(row.id)))
            for row in reversed(rows)
        ]
        return records, (await state.queue.rates()).total
    finally:
        await state.close()


def _may_be_absent(acknowledged: Acknowledged, address: str) -> bool:
    return acknowledged.is_admissible((Aspect.EXISTS, address), False)


def _promises(records: Sequence[Record], acknowledged: Acknowledged) -> Iterator[str]:
    by_address: dict[str, list[Record]] = {}
    for record in records:
        by_address.setdefault(record.address, []).append(record)
    for address in sorted(acknowledged.addresses() | by_address.keys()):
        found = by_address.get(address, [])
        if not acknowledged.is_admissible((Aspect.EXISTS, address), bool(found)):
            yield f"I1: {address} is {'still' if found else 'not'} in the queue"
        if len(found) > 1:
            yield f"I1: {address} is {len(found)} times in the queue"
        for record in found:
            yield from (f"I1: {record.label} {sentence}" for sentence in _broken(record, acknowledged))


def _broken(record: Record, acknowledged: Acknowledged) -> Iterator[str]:
    download, address = record.download, record.address
    wanted = acknowledged.admissible((Aspect.INTENT, address))
    held = is_held(download)
    # One that had come to its end, or failed, when the order came may stand so: there was nothing to pause any more.
    if wanted == {"pause"} and not held and download.phase not in {Phase.COMPLETED, Phase.FAILED}:
        yield "was paused, and goes on"
    if wanted == {"run"} and held and download.phase is not Phase.COMPLETED:
        yield "was resumed, and is paused"
    if acknowledged.admissible((Aspect.COMPLETED, address)) == {True} and download.phase is not Phase.COMPLETED:
        yield "was completed"
    if not acknowledged.is_admissible((Aspect.RATE, address), download.spec.limit_rate):
        yield f"has the limit {download.spec.limit_rate}, not {acknowledged.admissible((Aspect.RATE, address))}"
    moved = acknowledged.admissible((Aspect.PLACED, address)) == {True}
    started = any(step.cause is Cause.CLAIMED for step in record.story)
    if moved and not started and download.phase is Phase.PENDING and download.position is None:
        yield "was given a place in the queue, and has none"


def _total_limit(total: int | None, acknowledged: Acknowledged) -> Iterator[str]:
    if not acknowledged.is_admissible((Aspect.TOTAL, ""), total):
        yield f"I1: the limit of all is {total}, not {acknowledged.admissible((Aspect.TOTAL, ''))}"


def _walk(record: Record) -> Iterator[str]:
    phase = Phase.PENDING
    for step in record.story:
        if step.origin is not phase:
            yield f"I8: {record.label}: after {phase.value} the story goes on from {step.origin.value}"
        with contextlib.suppress(IllegalTransition):
            if advance(step.origin, step.cause) is step.target:
                phase = step.target
                continue
        yield f"I8: {record.label}: {step.origin.value} became {step.target.value} because {step.cause.value}"
        phase = step.target
    if phase is not record.download.phase:
        yield f"I8: {record.label}: its story ends in {phase.value}"


def _publication(record: Record) -> Iterator[str]:
    published = sum(step.cause is Cause.PUBLISHED for step in record.story)
    again = sum(step.cause is Cause.RETRIED and step.origin is Phase.COMPLETED for step in record.story)
    completed = record.download.phase is Phase.COMPLETED
    if published != again + completed:
        yield f"I9: {record.label} was published {published} times"


# --- the files --------------------------------------------------------------------------------------------------------


def _name_of(address: str) -> str:
    return address.rpartition("/")[2]


def _finished(downloads: Path, truth: Mapping[str, bytes]) -> Iterator[str]:
    right = {_name_of(address): served for address, served in truth.items()}
    for path in sorted(downloads.iterdir()) if downloads.exists() else ():
        name = _NUMBER.sub("", path.name)
        if path.is_file() and name in right and path.read_bytes() != right[name]:
            yield f"I2: {path.name} is not the file: {_difference(path.read_bytes(), right[name])}"


def _is_missing(record: Record) -> bool:
    download = record.download
    return download.phase is Phase.COMPLETED and not (download.path and Path(download.path).is_file())


def _claims(record: Record, truth: Mapping[str, bytes]) -> Iterator[str]:
    checkpoint = record.checkpoint
    if checkpoint is None or not checkpoint.done:
        return
    path = _bytes_of(record, checkpoint)
    if path is None:
        yield f"I3: {record.label} claims {checkpoint.downloaded} bytes, and its partial file is gone"
        return
    served = truth[record.address]
    with path.open("rb") as file:
        for span in checkpoint.done:
            file.seek(span.start)
            read = file.read(span.size)
            if read != served[span.start : span.stop]:
                yield f"I3: {record.label} claims {span}: {_difference(read, served[span.start : span.stop])}"


def _bytes_of(record: Record, checkpoint: Checkpoint) -> Path | None:
    """The partial file, or the finished one that it became."""
    place = checkpoint.place
    names = (place.part, Path(record.download.path or place.name).name)
    return next((path for path in (Path(place.directory, name) for name in names) if _is(path, place.inode)), None)


def _is(path: Path, inode: int) -> bool:
    return path.is_file() and path.stat().st_ino == inode


def _difference(found: bytes, right: bytes) -> str:
    if len(found) != len(right):
        return f"{len(found)} bytes instead of {len(right)}"
    wrong = sum(a != b for a, b in zip(found, right, strict=True))
    return f"{wrong} of {len(right)} bytes are wrong"


def _strays(
    state: Path, downloads: Path, records: Sequence[Record], truth: Mapping[str, bytes], *, ended: bool
) -> Iterator[str]:
    finals = {_name_of(address) for address in truth}
    parts = set()
    for record in records:
        checkpoint, phase = record.checkpoint, record.download.phase
        if checkpoint is not None and not (ended and phase is Phase.COMPLETED):
            parts.add(checkpoint.place.part or f"{checkpoint.place.name}.part")
    for path in sorted(downloads.iterdir()) if downloads.exists() else ():
        final = path.is_file() and _NUMBER.sub("", path.name) in finals
        if not final and path.name not in parts and path.name != "lost+found":
            yield f"I7: {path.name} belongs to no download"
    for path in sorted(state.iterdir()):
        draft = ".new" in path.name and not ended  # the next start tidies it up
        if not _STATE_FILES.fullmatch(path.name) and not draft and path.name != "lost+found":
            yield f"I7: {path} is no part of the database"
