"""Which statement gives a page of downloads, and from where. Within a transaction."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain, islice

from dlm.model.download import Download, DownloadId
from dlm.model.query import DownloadQuery
from dlm.model.sorting import NEWEST_FIRST, Cursor, Mark, Sort, SortKey
from dlm.storage import access, references, rows
from dlm.storage.database import Statements
from dlm.storage.encoding import encode_text
from dlm.storage.wording import is_worded, pattern_of

_WALKS = {
    (SortKey.NAME, False): ("by_name_up", "by_name_up_behind", None),
    (SortKey.NAME, True): ("by_name_down", "by_name_down_behind", None),
    (SortKey.SIZE, False): ("by_size_up", "by_size_up_behind", "without_size"),
    (SortKey.SIZE, True): ("by_size_down", "by_size_down_behind", "without_size"),
    (SortKey.FINISHED, False): ("by_finish_up", "by_finish_up_behind", "without_finish"),
    (SortKey.FINISHED, True): ("by_finish_down", "by_finish_down_behind", "without_finish"),
}
"""From the beginning, from a cursor on, and then those of which it is not known."""
_AMONG = {
    False: ("find_in_phases", "sorted_in_phases_up", "sorted_in_phases_down"),
    True: ("find_in_group", "sorted_in_group_up", "sorted_in_group_down"),
}
"""Newest first, and sorted: without a group, and in one."""


def find(statements: Statements, query: DownloadQuery) -> list[Download]:
    """See `dlm.ports.Repository.find`."""
    seq, mark = _place(statements, query.before, query.sort)
    found = _matching(statements, query, seq, mark)
    if query.text is not None:
        text = query.text
        found = (row for row in found if is_worded(text, *rows.words_of(row)))
    return [rows.download_of(row) for row in islice(found, max(query.limit, 0))]


def _place(statements: Statements, before: DownloadId | Cursor | None, sort: Sort) -> tuple[int | None, Mark]:
    """Where the page begins: behind which number of addition, and what was sorted by there."""
    if before is None:
        return None, None
    id = before.id if isinstance(before, Cursor) else before
    row = statements.one("seq_of_download", id=id)
    if row is None:
        raise references.missing(id)
    mark = before.mark if isinstance(before, Cursor) else sort.mark(access.get(statements, id))
    return row["seq"], row["seq"] if sort.key is SortKey.ADDED else mark


def _matching(statements: Statements, query: DownloadQuery, seq: int | None, mark: Mark) -> Iterator[rows.SqliteRow]:
    """Rows in order. With a text, more than a page: a pattern says what may match, and how many rows do is known later."""
    wanted: dict[str, object] = {
        "before": seq,
        "directory": encode_text(query.directory),
        "pattern": None if query.text is None else pattern_of(query.text),
        "limit": max(query.limit, 0) if query.text is None else -1,
    }
    sort = query.sort
    phases = None if query.phases is None else json.dumps(sorted(phase.value for phase in query.phases))
    if phases is not None or query.group is not None:
        plain, up, down = _AMONG[query.group is not None]
        among = {**wanted, "phases": phases, "group": encode_text(query.group)}
        if sort == NEWEST_FIRST:
            return statements.each(plain, **among)
        return statements.each(down if sort.descending else up, key=sort.key.value, mark=mark, **among)
    if sort.key is SortKey.ADDED:
        return statements.each("find_downloads" if sort.descending else "find_oldest", **wanted)
    first, behind, rest = _WALKS[sort.key, sort.descending]
    known: Iterator[rows.SqliteRow] = iter(())
    if seq is None or mark is not None:
        known = statements.each(first if seq is None else behind, mark=mark, **wanted)
    # What is not known is asked for only when the others have ended, and from its beginning unless the cursor is among it.
    return chain(known, () if rest is None else _rest(statements, rest, wanted | {"before": None if mark is not None else seq}))


def _rest(statements: Statements, name: str, wanted: dict[str, object]) -> Iterator[rows.SqliteRow]:
    yield from statements.each(name, **wanted)
