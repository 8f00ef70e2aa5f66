"""What many downloads have come to, written down at once: a statement for each table instead of some for each download."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from dlm.model.download import Download, DownloadId
from dlm.model.error import Conflict, DlmError, DownloadNotFound, IllegalTransition
from dlm.model.event import Transition
from dlm.ports import Step
from dlm.storage import access, changes, rows
from dlm.storage.changes import Move
from dlm.storage.database import Statements


def record(statements: Statements, steps: Sequence[Step], now: float) -> list[list[Move] | DlmError]:
    """See `dlm.ports.Repository.record`."""
    known: dict[DownloadId, Download] = {}
    checkpoints: list[rows.Row] = []
    decided: list[list[Move] | DlmError] = []
    for step in steps:
        try:
            before = known[step.id] if step.id in known else access.get(statements, step.id)
            moves, checkpoint = changes.stepped(before, step, now)
        except (Conflict, IllegalTransition, DownloadNotFound) as error:
            decided.append(error)
            continue
        decided.append(moves)
        known[step.id] = moves[-1][0]
        if checkpoint is not None:
            checkpoints.append(rows.checkpoint_columns(known[step.id], checkpoint))
    statements.run_each("save_checkpoint", checkpoints)
    statements.run_each("save_life", map(rows.life_columns, known.values()))
    progress = [rows.progress_columns(each) for each in known.values()]
    statements.run_each("save_progress", progress)
    statements.run_each("save_name", progress)
    numbered = _appended(statements, [move[1] for moves in decided if isinstance(moves, list) for move in moves])
    return [
        moves if isinstance(moves, DlmError) else [(download, next(numbered)) for download, _ in moves] for moves in decided
    ]


def _appended(statements: Statements, transitions: Sequence[Transition]) -> Iterator[Transition]:
    """The transitions as they are recorded, with their numbers: within a transaction these have no gaps."""
    if not transitions:
        return iter(())
    statements.run_each("insert_event", map(rows.transition_columns, transitions))
    last = statements.one("last_event")
    assert last is not None
    first: int = last["seq"] - len(transitions) + 1
    return (replace(transition, seq=first + at) for at, transition in enumerate(transitions))
