"""The table of phases is closed: nothing is out of reach, nothing is stuck, nothing else is legal."""

from __future__ import annotations

from itertools import product

import pytest

from dlm.model.error import IllegalTransition
from dlm.model.phase import CLAIMED_PHASES, FINAL_PHASES, TRANSITIONS, Cause, Intent, Phase, advance, status


def reachable(start: Phase, without: frozenset[Cause] = frozenset()) -> set[Phase]:
    seen = {start}
    pending = [start]
    while pending:
        here = pending.pop()
        for (origin, cause), target in TRANSITIONS.items():
            if origin is here and cause not in without and target not in seen:
                seen.add(target)
                pending.append(target)
    return seen


def test_every_phase_is_reached_from_the_first() -> None:
    """A new download can come into every phase."""
    assert reachable(Phase.PENDING) == set(Phase)


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase not in FINAL_PHASES])
def test_every_unfinished_phase_can_be_completed(phase: Phase) -> None:
    """No unfinished download is stuck: it can still be completed, without being retried, and be cancelled."""
    assert Phase.COMPLETED in reachable(phase, frozenset({Cause.RETRIED}))
    assert TRANSITIONS[phase, Cause.CANCELLED] is Phase.CANCELLED


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase in FINAL_PHASES])
def test_only_a_command_ends_a_final_phase(phase: Phase) -> None:
    """From a final phase only the user's retry, or giving up, leads on."""
    causes = {cause for origin, cause in TRANSITIONS if origin is phase}
    assert Cause.RETRIED in causes <= {Cause.RETRIED, Cause.CANCELLED}


@pytest.mark.parametrize(("phase", "cause"), list(product(Phase, Cause)))
def test_the_table_is_the_law(phase: Phase, cause: Cause) -> None:
    """`advance` does what the table says, and raises for every pair that the table has not."""
    if (phase, cause) in TRANSITIONS:
        assert advance(phase, cause) is TRANSITIONS[phase, cause]
    else:
        with pytest.raises(IllegalTransition, match=f"{phase.value} cannot be {cause.value}"):
            advance(phase, cause)


def test_every_cause_has_a_row() -> None:
    """There is no cause that never happens."""
    assert {cause for _, cause in TRANSITIONS} == set(Cause)


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase in CLAIMED_PHASES])
def test_what_is_claimed_can_be_yielded_halted_and_fail(phase: Phase) -> None:
    """Whatever a worker holds goes back to the queue when the worker dies, and can be halted, and can fail."""
    assert advance(phase, Cause.YIELDED) is Phase.PENDING
    assert advance(phase, Cause.HALTED) is Phase.PAUSED
    assert advance(phase, Cause.ERRED) is Phase.FAILED


def test_only_a_claim_leads_to_a_worker() -> None:
    """A download comes into a claimed phase only by a claim."""
    entries = {
        (origin, cause)
        for (origin, cause), target in TRANSITIONS.items()
        if target in CLAIMED_PHASES and origin not in CLAIMED_PHASES
    }
    assert entries == {(Phase.PENDING, Cause.CLAIMED)}


@pytest.mark.parametrize(("phase", "intent"), list(product(Phase, Intent)))
def test_users_see_what_is_on_its_way(phase: Phase, intent: Intent) -> None:
    """While a worker holds it, an intent not yet reached shows; otherwise the phase itself."""
    shown = status(phase, intent)
    if phase in CLAIMED_PHASES and intent is not Intent.RUN:
        assert shown == {Intent.PAUSE: "pausing", Intent.CANCEL: "cancelling"}[intent]
    else:
        assert shown == phase.value
