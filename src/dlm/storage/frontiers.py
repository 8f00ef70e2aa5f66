"""How far expansions have come, within a transaction."""

from __future__ import annotations

from dlm.model.download import DownloadId
from dlm.model.message import Expanded
from dlm.model.recursion import Frontier
from dlm.storage import rows
from dlm.storage.database import Statements


def advance(statements: Statements, found: Expanded) -> None:
    """What was read is none of the frontier any more, and what was found is. A walk that begins again forgets the last one."""
    if found.read is None:
        return
    if not found.read.path:
        statements.run("delete_folders", id=found.id)
    statements.run("delete_folder", id=found.id, path=rows.folder_columns(found.id, found.read)["path"])
    statements.run_each("insert_folder", [rows.folder_columns(found.id, each) for each in found.folders])
    statements.run("save_tally", **rows.tally_columns(found.id, found.tally))


def frontier_of(statements: Statements, id: DownloadId) -> Frontier | None:
    """See `dlm.ports.Repository.frontier_of`."""
    left = statements.all("folders_of_download", id=id)
    tally = statements.one("tally_of_download", id=id)
    return Frontier(tuple(map(rows.folder_of, left)), rows.tally_of(tally)) if left and tally is not None else None
