"""What a key comes to: for whom, by how much, and what is said of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dlm.cli.replies import ordered_count, ordered_line, result_of
from dlm.model.download import Download, DownloadId
from dlm.model.phase import ANSWERS, Order, Phase
from dlm.model.queue import Ordered, Selection
from dlm.model.units import format_rate

_K, _M, _G = 1024, 1024**2, 1024**3
LADDER = (
    *(64 * _K, 128 * _K, 256 * _K, 512 * _K),
    *(_M, 2 * _M, 3 * _M, 5 * _M, 8 * _M, 12 * _M, 20 * _M, 32 * _M, 50 * _M, 100 * _M, 200 * _M, 500 * _M, _G),
)
"""The steps of a limit, in bytes a second; above the last there is none."""
_LOT = 500  # references in one order, so that none is too long for a daemon


def targets(chosen: Sequence[DownloadId], cursor: DownloadId | None) -> tuple[DownloadId, ...]:
    """Whom a key is for: all that are chosen, else the one under the cursor."""
    return tuple(chosen) or ((cursor,) if cursor is not None else ())


def lots(ids: Sequence[DownloadId]) -> Iterator[Selection]:
    """These, in as many selections as are needed."""
    for start in range(0, len(ids), _LOT):
        yield Selection(references=tuple(ids[start : start + _LOT]))


def refusal(order: Order, only: Download | None) -> str | None:
    """Why a key makes no sense for the one download that it is for, before anybody is asked."""
    if only is None or (order, only.phase) in ANSWERS:
        return None
    hints = {Phase.COMPLETED: "it is complete", Phase.CANCELLED: "it was cancelled: x tries it again"}
    return f"{only.label}: {hints.get(only.phase, f'it is {only.phase.value}')}"


def step_rate(limit: int | None, step: int, speed: float) -> int | None:
    """The next limit up or down. Down from none is the first below what comes now, or one that is felt anyhow."""
    if limit is None:
        if step > 0:
            return None
        below = [rate for rate in LADDER if rate < speed] or [_M]
        return below[-1]
    if step > 0:
        return next((rate for rate in LADDER if rate > limit), None)
    return next((rate for rate in reversed(LADDER) if rate < limit), LADDER[0])


def limit_told(whose: str, rate: int | None) -> str:
    """What holds from now on."""
    return f"{whose}: no limit" if rate is None else f"{whose}: {format_rate(rate)} at most"


def order_told(order: Order, answers: Sequence[Ordered]) -> str:
    """What came of it, in one line."""
    results = [result_of(order, each, each.download) for each in answers]
    if len(answers) == 1:
        return ordered_line(order, results[0], answers[0], answers[0].download)
    return ordered_count(order, results)


def removed_told(answers: Sequence[Ordered]) -> str:
    """What came of it, in one line."""
    refused = [each for each in answers if each.refusal is not None]
    gone = len(answers) - len(refused)
    text = f"Removed {gone:,}." if gone else ""
    if refused:
        text += f" {refused[0].download.label}: {refused[0].refusal}" if len(refused) == 1 else f" {len(refused):,} refused."
    return text.strip() or "Nothing was removed."


def named(count: int, only: Download | None) -> str:
    """`3 downloads`, or the name of the only one."""
    return f"'{only.label}'" if count == 1 and only is not None else f"{count:,} downloads"
