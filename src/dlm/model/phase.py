"""Where a download stands, and the only ways in which that may change.

Rules
-----
* A phase moves only by `advance(phase, cause)`, over the one table below. What is not in the table is illegal.
* What the user wants is the *intent*. It is stored beside the phase and set at once; the phase follows when the
  transfer has ended. So there is no "pausing" phase: users see `status(phase, intent)`.
* An order of the user's is answered by the table `ANSWERS`.
* The state diagram in the book is generated from this table.
"""

from __future__ import annotations

from enum import Enum

from dlm.model.error import IllegalTransition


class Phase(Enum):
    """Where a download stands."""

    PENDING = "pending"  # may be admitted
    SCHEDULED = "scheduled"  # admitted and claimed, not yet moving
    RUNNING = "running"  # bytes move
    COMPLETING = "completing"  # all bytes are there and verified; the name is being published
    WAITING = "waiting"  # for a time, or for the network
    PAUSED = "paused"  # stopped by the user, with what has come kept
    COMPLETED = "completed"  # the file has its name
    FAILED = "failed"  # it cannot go on by itself
    CANCELLED = "cancelled"  # given up by the user


class Cause(Enum):
    """Why a phase changed."""

    CLAIMED = "claimed"  # a worker took it
    STARTED = "started"  # the transfer began
    TRANSFERRED = "transferred"  # every byte is there and verified
    PUBLISHED = "published"  # the file has its name
    DEFERRED = "deferred"  # not to start before a time
    BACKED_OFF = "backed_off"  # it failed, and is to be tried again at a time
    DISCONNECTED = "disconnected"  # this machine has lost its network
    DUE = "due"  # that time has come, or the network is back
    PREEMPTED = "preempted"  # it gave its slot to a more urgent one, or to the clock
    HALTED = "halted"  # the user asked for a pause
    RESUMED = "resumed"  # the user asked to go on
    CANCELLED = "cancelled"  # the user gave it up
    ERRED = "erred"  # it failed for good
    RETRIED = "retried"  # the user asked for another try, or for the file anew
    YIELDED = "yielded"  # its worker died or gave it back


class Intent(Enum):
    """What the user wants of a download."""

    RUN = "run"
    PAUSE = "pause"
    CANCEL = "cancel"


class Order(Enum):
    """What a user may order of a download that is there."""

    PAUSE = "pause"
    RESUME = "resume"
    RETRY = "retry"
    CANCEL = "cancel"


TRANSITIONS: dict[tuple[Phase, Cause], Phase] = {
    (Phase.PENDING, Cause.CLAIMED): Phase.SCHEDULED,
    (Phase.PENDING, Cause.DEFERRED): Phase.WAITING,
    (Phase.PENDING, Cause.HALTED): Phase.PAUSED,
    (Phase.PENDING, Cause.CANCELLED): Phase.CANCELLED,
    (Phase.SCHEDULED, Cause.STARTED): Phase.RUNNING,
    (Phase.SCHEDULED, Cause.HALTED): Phase.PAUSED,
    (Phase.SCHEDULED, Cause.CANCELLED): Phase.CANCELLED,
    (Phase.SCHEDULED, Cause.ERRED): Phase.FAILED,
    (Phase.SCHEDULED, Cause.PREEMPTED): Phase.PENDING,
    (Phase.SCHEDULED, Cause.YIELDED): Phase.PENDING,
    (Phase.RUNNING, Cause.TRANSFERRED): Phase.COMPLETING,
    (Phase.RUNNING, Cause.BACKED_OFF): Phase.WAITING,
    (Phase.RUNNING, Cause.DISCONNECTED): Phase.WAITING,
    (Phase.RUNNING, Cause.PREEMPTED): Phase.PENDING,
    (Phase.RUNNING, Cause.HALTED): Phase.PAUSED,
    (Phase.RUNNING, Cause.CANCELLED): Phase.CANCELLED,
    (Phase.RUNNING, Cause.ERRED): Phase.FAILED,
    (Phase.RUNNING, Cause.YIELDED): Phase.PENDING,
    (Phase.COMPLETING, Cause.TRANSFERRED): Phase.COMPLETING,  # the name was taken meanwhile: with another one
    (Phase.COMPLETING, Cause.PUBLISHED): Phase.COMPLETED,
    (Phase.COMPLETING, Cause.BACKED_OFF): Phase.WAITING,
    (Phase.COMPLETING, Cause.PREEMPTED): Phase.PENDING,
    (Phase.COMPLETING, Cause.HALTED): Phase.PAUSED,
    (Phase.COMPLETING, Cause.CANCELLED): Phase.CANCELLED,
    (Phase.COMPLETING, Cause.ERRED): Phase.FAILED,
    (Phase.COMPLETING, Cause.YIELDED): Phase.PENDING,
    (Phase.WAITING, Cause.DUE): Phase.PENDING,
    (Phase.WAITING, Cause.DEFERRED): Phase.WAITING,
    (Phase.WAITING, Cause.RESUMED): Phase.PENDING,
    (Phase.WAITING, Cause.HALTED): Phase.PAUSED,
    (Phase.WAITING, Cause.CANCELLED): Phase.CANCELLED,
    (Phase.PAUSED, Cause.RESUMED): Phase.PENDING,
    (Phase.PAUSED, Cause.CANCELLED): Phase.CANCELLED,
    (Phase.COMPLETED, Cause.RETRIED): Phase.PENDING,
    (Phase.FAILED, Cause.RETRIED): Phase.PENDING,
    (Phase.FAILED, Cause.CANCELLED): Phase.CANCELLED,
    (Phase.CANCELLED, Cause.RETRIED): Phase.PENDING,
}

CLAIMED_PHASES = frozenset({Phase.SCHEDULED, Phase.RUNNING, Phase.COMPLETING})
"""Phases in which a worker holds the download by a lease."""

FINAL_PHASES = frozenset({Phase.COMPLETED, Phase.FAILED, Phase.CANCELLED})
"""Phases that nothing but a user's command ends."""


ANSWERS: dict[tuple[Order, Phase], Cause | Intent | None] = {
    (Order.PAUSE, Phase.PENDING): Cause.HALTED,
    (Order.PAUSE, Phase.SCHEDULED): Intent.PAUSE,
    (Order.PAUSE, Phase.RUNNING): Intent.PAUSE,
    (Order.PAUSE, Phase.COMPLETING): Intent.PAUSE,
    (Order.PAUSE, Phase.WAITING): Cause.HALTED,
    (Order.PAUSE, Phase.PAUSED): None,
    (Order.RESUME, Phase.PENDING): None,
    (Order.RESUME, Phase.SCHEDULED): Intent.RUN,
    (Order.RESUME, Phase.RUNNING): Intent.RUN,
    (Order.RESUME, Phase.COMPLETING): Intent.RUN,
    (Order.RESUME, Phase.WAITING): Cause.RESUMED,
    (Order.RESUME, Phase.PAUSED): Cause.RESUMED,
    (Order.RESUME, Phase.FAILED): Cause.RETRIED,
    (Order.RETRY, Phase.PENDING): None,
    (Order.RETRY, Phase.SCHEDULED): Intent.RUN,
    (Order.RETRY, Phase.RUNNING): Intent.RUN,
    (Order.RETRY, Phase.COMPLETING): Intent.RUN,
    (Order.RETRY, Phase.WAITING): Cause.RESUMED,
    (Order.RETRY, Phase.PAUSED): Cause.RESUMED,
    (Order.RETRY, Phase.COMPLETED): Cause.RETRIED,
    (Order.RETRY, Phase.FAILED): Cause.RETRIED,
    (Order.RETRY, Phase.CANCELLED): Cause.RETRIED,
    (Order.CANCEL, Phase.PENDING): Cause.CANCELLED,
    (Order.CANCEL, Phase.SCHEDULED): Intent.CANCEL,
    (Order.CANCEL, Phase.RUNNING): Intent.CANCEL,
    (Order.CANCEL, Phase.COMPLETING): Intent.CANCEL,
    (Order.CANCEL, Phase.WAITING): Cause.CANCELLED,
    (Order.CANCEL, Phase.PAUSED): Cause.CANCELLED,
    (Order.CANCEL, Phase.FAILED): Cause.CANCELLED,
    (Order.CANCEL, Phase.CANCELLED): None,
}
"""What an order does: moves the phase at once, sets the intent where a worker has to let go first, or nothing, because
the download stands so already. What is not in the table is refused."""


def advance(phase: Phase, cause: Cause) -> Phase:
    """The phase after `cause`. Raises `IllegalTransition` where the table has no row."""
    try:
        return TRANSITIONS[phase, cause]
    except KeyError:
        raise IllegalTransition(f"a download that is {phase.value} cannot be {cause.value}") from None


def status(phase: Phase, intent: Intent) -> str:
    """What users see: the phase, or where the intent has not been reached yet, what is on its way."""
    if phase in CLAIMED_PHASES and intent is Intent.PAUSE:
        return "pausing"
    if phase in CLAIMED_PHASES and intent is Intent.CANCEL:
        return "cancelling"
    return phase.value
