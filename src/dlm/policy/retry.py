"""When to try again: exponential backoff with full jitter, and the server's own `Retry-After`.

Full jitter (a uniform draw between 0 and the bound) keeps many clients that failed together from coming back together.
"""

from __future__ import annotations

from dlm.model.error import DlmError, ServerBusy, Verdict

FIRST_BOUND = 0.5
LAST_BOUND = 30.0
PATIENCE = 120.0
"""Seconds that a foreground transfer waits because a server said so; beyond that it gives up and says until when."""


def pause_before_retry(error: DlmError, failures: int, retries: int, roll: float) -> float | None:
    """Seconds to wait before try number `failures + 1`, `None` to give up.

    `failures` counts tries in a row that brought no byte, this one included; `roll` is a uniform draw from [0, 1).
    """
    if error.verdict not in {Verdict.RETRY, Verdict.WAIT} or failures > retries:
        return None
    bound = min(LAST_BOUND, FIRST_BOUND * 2.0 ** max(0, failures - 1))
    if isinstance(error, ServerBusy) and error.retry_after is not None:
        if error.retry_after > PATIENCE:
            return None
        return error.retry_after + roll * min(1.0, bound)
    return roll * bound if failures else 0.0
