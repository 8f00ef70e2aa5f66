"""For `dlm doctor`: whether the database of downloads is sound. Nothing is written, nothing is made."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from urllib.parse import quote

from dlm.model.error import DlmError
from dlm.model.queue import Finding
from dlm.model.units import format_size
from dlm.storage.database import foreign_errors_mapped
from dlm.storage.encoding import decode_place, decode_text
from dlm.storage.errors import state_error
from dlm.storage.sqlite import APPLICATION_ID, SCHEMA_VERSION

LARGEST_LOG = 64 * 1024 * 1024
"""Bytes of the write-ahead log; it stays far below while nobody keeps an old view of the database open."""
MOST_PARTS = 1000
BUSY_SECONDS = 2.0

_RESTORE = "stop all dlm processes, keep a copy of it, and put a backup in its place"


def check_database(path: str, is_alive: Callable[[str], bool]) -> list[Finding]:
    """The findings for the database `path`; `is_alive` tells of an owner's name whether its process may still run."""
    try:
        status, folder = os.stat(path), os.stat(os.path.dirname(path))
    except FileNotFoundError:
        return [Finding("database", "good", f"there is none yet; the first download makes {path}")]
    except OSError as error:
        return [Finding("database", "bad", str(state_error(error, path)))]
    if not stat.S_ISREG(status.st_mode) or status.st_size == 0:
        what = "is empty" if stat.S_ISREG(status.st_mode) else "is not a file"
        return [Finding("database", "bad", f"{path} {what}: put a backup in its place, or move it away to begin anew")]
    findings = [judge_permissions(path, status.st_uid, status.st_mode, folder.st_mode, os.geteuid())]
    opened = False
    try:
        with foreign_errors_mapped(path), closing(_opened(path)) as connection:
            for finding in _contents(path, connection, is_alive):
                findings.append(finding)
                opened = True
    except DlmError as error:
        findings.append(Finding("integrity" if opened else "database", "bad", str(error)))
    findings.append(judge_log(_size(f"{path}-wal")))
    return findings


def _opened(path: str) -> sqlite3.Connection:
    uri = f"file:{quote(os.fsencode(path))}?mode=ro"
    return sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)


def _contents(path: str, connection: sqlite3.Connection, is_alive: Callable[[str], bool]) -> Iterator[Finding]:
    application, version = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
    count = connection.execute("SELECT count(*) FROM downloads").fetchone()[0] if application == APPLICATION_ID else 0
    schema = judge_schema(path, application, version, count)
    yield schema
    if schema.state != "good":
        return
    yield judge_integrity(path, [text for (text,) in connection.execute("PRAGMA quick_check(10)")])
    owned = connection.execute("SELECT owner, count(*) FROM downloads WHERE owner IS NOT NULL GROUP BY owner")
    yield judge_owners({decode_text(owner) or "": number for owner, number in owned}, is_alive)
    ended = connection.execute(
        "SELECT checkpoints.place FROM checkpoints JOIN downloads ON downloads.id = checkpoints.download"
        " WHERE phase IN ('failed', 'cancelled') LIMIT ?",
        (MOST_PARTS,),
    )
    yield judge_parts([size for (place,) in ended if (size := _part_size(place)) is not None])


def _part_size(place: str) -> int | None:
    """Bytes that the partial file takes up on disk, `None` when it is not there."""
    try:
        kept = decode_place(place)
        return os.lstat(os.path.join(kept.directory, kept.part)).st_blocks * 512
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


# --- judgements: pure -------------------------------------------------------------------------------------------------


def judge_permissions(path: str, owner: int, mode: int, folder_mode: int, user: int) -> Finding:
    """Whether the database is this user's, and nobody else may read it or replace it."""
    if owner != user:
        return Finding("permissions", "warning", f"{path} belongs to another user: run dlm as that user, or use --state")
    if stat.S_IMODE(mode) & 0o077:
        return Finding("permissions", "warning", f"others may read {path}, which can hold passwords: run chmod 600 on it")
    if stat.S_IMODE(folder_mode) & 0o022 and not folder_mode & stat.S_ISVTX:
        folder = os.path.dirname(path)
        return Finding("permissions", "warning", f"others may replace files in {folder}: run chmod 700 on it")
    return Finding("permissions", "good", f"only you may read and write {path}")


def judge_schema(path: str, application: int, version: int, count: int) -> Finding:
    """Whether it is a database of this dlm."""
    if application != APPLICATION_ID:
        return Finding("database", "bad", f"{path} is the database of another program: choose another place with --state")
    if version > SCHEMA_VERSION:
        return Finding("database", "bad", f"{path} was written by a newer dlm (schema {version}): use that dlm again")
    if version < SCHEMA_VERSION:
        return Finding("database", "warning", f"{path} is of an older dlm (schema {version}): any command brings it up to date")
    return Finding("database", "good", f"{path} holds {count:,} downloads (schema {version})")


def judge_integrity(path: str, told: Sequence[str]) -> Finding:
    """What SQLite's quick_check told."""
    if list(told) == ["ok"]:
        return Finding("integrity", "good", "the database is sound")
    return Finding("integrity", "bad", f"the database {path} is damaged ({told[0] if told else 'no answer'}): {_RESTORE}")


def judge_log(size: int) -> Finding:
    """Whether the write-ahead log is folded into the database as it should be."""
    if size <= LARGEST_LOG:
        return Finding("log", "good", f"the write-ahead log has {format_size(size)}")
    advice = "end the program that keeps the database open, such as a backup or an sqlite3 shell"
    return Finding("log", "warning", f"the write-ahead log has grown to {format_size(size)}: {advice}")


def judge_owners(held: Mapping[str, int], is_alive: Callable[[str], bool]) -> Finding:
    """Whether downloads are held by processes that have ended."""
    counts = Counter({alive: 0 for alive in (True, False)})
    for owner, number in held.items():
        counts[is_alive(owner)] += number
    if counts[False]:
        left = f"{counts[False]:,} downloads were left by processes that have ended"
        return Finding("owners", "warning", f"{left}: 'dlm run' goes on with them")
    return Finding("owners", "good", f"{counts[True]:,} downloads are being carried by processes that run")


def judge_parts(sizes: Sequence[int]) -> Finding:
    """Whether downloads that have ended without success keep partial files."""
    if not sizes:
        return Finding("partial files", "good", "none is left of downloads that failed or were cancelled")
    kept = f"{len(sizes):,} of failed or cancelled downloads keep {format_size(sum(sizes))}"
    return Finding("partial files", "warning", f"{kept}: 'dlm retry ID' goes on with one, 'dlm remove ID' deletes it")
