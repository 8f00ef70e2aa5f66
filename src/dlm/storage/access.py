"""How downloads and their stories are read and written within a transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dlm.model.download import Download, DownloadId
from dlm.model.event import Transition
from dlm.model.reference import prefix_of
from dlm.storage import references, rows
from dlm.storage.changes import Move
from dlm.storage.database import Statements


def get(statements: Statements, id: DownloadId) -> Download:
    """The download. Raises `DownloadNotFound`."""
    found = seek(statements, id)
    if found is None:
        raise references.missing(id)
    return found


def seek(statements: Statements, id: DownloadId) -> Download | None:
    """The download, if there is one."""
    row = statements.one("get_download", id=id)
    return None if row is None else rows.download_of(row)


def identify(statements: Statements, reference: str) -> DownloadId:
    """The one id that is meant. Raises `DownloadNotFound`."""
    start = prefix_of(reference)
    return references.the_one(start, [row["id"] for row in statements.all("ids_with_prefix", prefix=start)])


def append(statements: Statements, transition: Transition) -> Transition:
    """The transition as it is recorded, with its number."""
    return replace(transition, seq=statements.run("insert_event", **rows.transition_columns(transition)))


def record(statements: Statements, moves: Sequence[Move]) -> list[Move]:
    """The steps of one download, recorded and numbered; the last says how it stands now."""
    if moves:
        statements.run("save_life", **rows.life_columns(moves[-1][0]))
    return [(download, append(statements, transition)) for download, transition in moves]
