"""How new downloads are recorded, within a transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from dlm.model.download import Download, DownloadId
from dlm.model.event import Transition
from dlm.model.resource import Pieces
from dlm.storage import access, changes, rows
from dlm.storage.changes import Move
from dlm.storage.database import Statements

_MANY = 200


async def columns_of(downloads: Sequence[Download]) -> list[rows.Row]:
    """Their rows, made before the lock is taken, for which others wait 5 s at most."""

    def prepare() -> list[rows.Row]:
        return [rows.download_columns(download) for download in downloads]

    # Aside where it would hold up the event loop.
    return prepare() if len(downloads) < _MANY else await asyncio.to_thread(prepare)


def claims_of(downloads: Sequence[Download], owner: str, now: float, lease: float) -> list[Move]:
    """New downloads that are PENDING, as they stand once `owner` has claimed them."""
    return [changes.claimed(download, owner, now, lease)[-1] for download in downloads]


def add(
    statements: Statements,
    downloads: Sequence[Download],
    columns: Sequence[rows.Row],
    pieces: Mapping[DownloadId, Pieces] | None,
    *,
    unless_known: bool,
) -> list[Download]:
    """See `dlm.ports.Repository.add`; `columns` are theirs."""
    both = zip(downloads, columns, strict=True)
    return [_add(statements, download, row, pieces, unless_known=unless_known) for download, row in both]


def add_claimed(
    statements: Statements,
    claims: Sequence[Move],
    columns: Sequence[rows.Row],
    pieces: Mapping[DownloadId, Pieces] | None,
) -> list[tuple[Download, Transition | None]]:
    """See `dlm.ports.Repository.add_claimed`; `columns` are those of the downloads once they are claimed."""
    answers: list[tuple[Download, Transition | None]] = []
    for (held, transition), row in zip(claims, columns, strict=True):
        there = _add(statements, held, row, pieces, unless_known=True)
        answers.append((there, access.append(statements, transition) if there is held else None))
    return answers


def _add(
    statements: Statements,
    download: Download,
    row: rows.Row,
    pieces: Mapping[DownloadId, Pieces] | None,
    *,
    unless_known: bool,
) -> Download:
    if unless_known:
        known = statements.all("same_downloads", uri=row["uri"], directory=row["directory"], output=row["output"])
        # The oldest: another process that asks for the same at this moment finds that one as well.
        for each in map(rows.download_of, reversed(known)):
            if changes.repeats(download, each):
                return each
    if statements.one("seq_of_download", id=download.id) is not None:
        raise changes.duplicate(download.id)
    statements.run("insert_download", **row)
    if pieces and download.id in pieces:
        statements.run("insert_pieces", **rows.pieces_columns(download, pieces[download.id]))
    return download
