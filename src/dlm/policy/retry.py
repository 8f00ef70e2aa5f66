"""When to try again: exponential backoff with jitter, and the server's own `Retry-After`.

Two places ask. A transfer that runs keeps its slot and tries again after a short pause (`pause_before_retry`). What lasts
longer goes back to the queue, gives its slot away and comes back by the retry lane (`after_failure`).

Jitter keeps many clients that failed together from coming back together. Within a transfer it is full (a uniform draw
between 0 and the bound). In the queue it is at least half of the bound, because there the next try costs a slot.
"""

from __future__ import annotations

from dlm.model.error import DiskFull, DlmError, ServerBusy, TimedOut, Unreachable, Verdict, WorkerLost
from dlm.model.message import PATIENCE
from dlm.model.phase import Cause
from dlm.model.value import dataclass

FIRST_BOUND = 0.5
LAST_BOUND = 30.0

FIRST_WAIT = 5.0
"""Seconds: the bound of the first wait in the queue. Each further one is twice as long."""
LAST_WAIT = 600.0
"""Seconds: no bound is longer."""
FIRST_DISK_WAIT = 30.0
"""Seconds: the same for a disk that is full."""
LONGEST_WAIT = 6 * 3600.0
"""Seconds: what a server asks for beyond is not believed."""
MOST_LOSSES = 3
"""Tries that may end with the death of their process: what kills its process once more is not the process's fault."""


def pause_before_retry(
    error: DlmError, failures: int, retries: int, roll: float, *, patience: float = PATIENCE
) -> float | None:
    """Seconds to wait before try number `failures + 1`, `None` to give up.

    `failures` counts tries in a row that brought no byte, this one included; `roll` is a uniform draw from [0, 1). What
    might take longer than `patience` is given up at once.
    """
    if error.verdict not in {Verdict.RETRY, Verdict.WAIT} or failures > retries:
        return None
    bound = _doubled(FIRST_BOUND, failures, LAST_BOUND)
    if isinstance(error, ServerBusy) and error.retry_after is not None:
        if error.retry_after > patience:
            return None
        return error.retry_after + roll * min(1.0, bound)
    if failures == 0:
        return 0.0
    return roll * bound if bound <= patience else None


@dataclass(frozen=True, slots=True)
class Again:
    """A download that failed waits in the queue: until `due` (`None`: until the network is back), after so many attempts.

    `attempts` beyond the download's `retries` were waits for a full disk, see `after_failure`.
    """

    due: float | None
    attempts: int
    cause: Cause


def after_failure(
    error: DlmError,
    *,
    attempts: int,
    retries: int,
    progressed: bool,
    online: bool,
    needs_network: bool,
    now: float,
    roll: float,
) -> Again | None:
    """How a download that ended with `error` goes on, `None` when it has failed for good.

    `attempts` is what the last `Again` said, 0 at first. `progressed` says that this try brought bytes: then the earlier
    ones count no more. `roll` is a uniform draw from [0, 1), times are in seconds since the epoch.

    A full disk is waited for as long as it takes and never uses up `retries`. The one count serves both: waits for the
    disk count on from `retries`, where nothing else can come, and the first failure of another kind begins anew at 1.
    """
    if isinstance(error, DiskFull):
        waits = 1 if progressed else max(0, attempts - retries) + 1
        return Again(now + _wait(FIRST_DISK_WAIT, waits, roll), retries + waits, Cause.BACKED_OFF)
    if error.verdict not in {Verdict.RETRY, Verdict.WAIT}:
        return None
    if isinstance(error, Unreachable | TimedOut) and needs_network and not online:
        return Again(None, attempts, Cause.DISCONNECTED)
    lost = isinstance(error, WorkerLost)
    # Progress does not excuse what kills its process: it would do so for ever.
    anew = attempts > retries or (progressed and not lost)
    count = 1 if anew else attempts + 1
    if count > (min(retries, MOST_LOSSES) if lost else retries):
        return None
    if isinstance(error, ServerBusy) and error.retry_after:
        asked = min(error.retry_after, LONGEST_WAIT)
        return Again(now + asked + roll * max(1.0, asked / 10), count, Cause.BACKED_OFF)
    return Again(now + _wait(FIRST_WAIT, count, roll), count, Cause.BACKED_OFF)


def _wait(first: float, count: int, roll: float) -> float:
    return _doubled(first, count, LAST_WAIT) * (0.5 + roll / 2)


def _doubled(first: float, count: int, last: float) -> float:
    """`first` for the first time, twice as much each further time, at most `last`."""
    return min(last, first * 2.0 ** min(max(0, count - 1), 64))
