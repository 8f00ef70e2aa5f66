"""When to try again, within a transfer and in the queue."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.model.error import (
    Denied,
    DigestMismatch,
    DiskFull,
    DlmError,
    InvalidRequest,
    NameTaken,
    NotFound,
    ProtocolViolation,
    RangeIgnored,
    ReadOnly,
    Refused,
    ResourceChanged,
    ServerBusy,
    ServerFailed,
    StorageError,
    TimedOut,
    Truncated,
    Unreachable,
    Untrusted,
    WorkerLost,
)
from dlm.model.message import PATIENCE
from dlm.model.phase import Cause
from dlm.policy.retry import (
    FIRST_DISK_WAIT,
    FIRST_WAIT,
    LAST_BOUND,
    LAST_WAIT,
    LONGEST_WAIT,
    Again,
    after_failure,
    pause_before_retry,
)

NOW = 1_000_000.0
ROLLS = st.floats(0, 0.999999)
PASSING: list[DlmError] = [
    Unreachable("gone"),
    TimedOut("silent"),
    Truncated("short"),
    ProtocolViolation("odd"),
    ServerFailed("500"),
    ServerBusy("later"),
    ServerBusy("later", retry_after=90),
    WorkerLost("killed"),
    DiskFull("full"),
]
LASTING: list[DlmError] = [
    InvalidRequest("bad"),
    NotFound("404"),
    Denied("no"),
    Refused("a page"),
    RangeIgnored("no ranges"),
    ResourceChanged("new"),
    Untrusted("certificate"),
    NameTaken("there"),
    ReadOnly("no"),
    StorageError("broken"),
    DigestMismatch("wrong"),
]

# --- within a transfer ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", LASTING, ids=lambda error: error.kind)
def test_what_cannot_change_is_not_tried_again(error: DlmError) -> None:
    """A refusal or another version is no case for waiting."""
    assert pause_before_retry(error, 1, 5, 0.5) is None


def test_the_budget_of_retries_ends() -> None:
    """`--retries 2` means three tries."""
    error = Unreachable("gone")
    assert pause_before_retry(error, 2, 2, 0.5) is not None
    assert pause_before_retry(error, 3, 2, 0.5) is None


def test_progress_is_followed_by_an_immediate_try() -> None:
    """A connection that brought bytes before it broke costs no waiting, however little patience there is."""
    assert pause_before_retry(TimedOut("slow"), 0, 5, 0.99) == 0
    assert pause_before_retry(TimedOut("slow"), 0, 5, 0.99, patience=0.0) == 0


def test_the_server_decides_how_long_to_wait_within_reason() -> None:
    """`Retry-After` is kept; one beyond our patience ends the try with the server's own words."""
    wait = pause_before_retry(ServerBusy("later", retry_after=7), 1, 5, 0.0)
    assert wait is not None
    assert wait >= 7
    assert pause_before_retry(ServerBusy("much later", retry_after=PATIENCE + 1), 1, 5, 0.0) is None
    assert pause_before_retry(ServerBusy("later", retry_after=3), 1, 5, 0.0, patience=2.0) is None


@pytest.mark.parametrize(("failures", "waits"), [(1, True), (2, True), (3, True), (4, False), (9, False)])
def test_what_might_take_longer_than_the_patience_is_given_up(failures: int, waits: bool) -> None:
    """The bound counts, not the luck of the draw: 0.5, 1 and 2 s are within two seconds, 4 s are not."""
    for roll in (0.0, 0.999):
        assert (pause_before_retry(Unreachable("gone"), failures, 100, roll, patience=2.0) is not None) is waits


@given(failures=st.integers(0, 10_000), roll=ROLLS, patience=st.floats(0, 1000))
def test_a_pause_is_bounded(failures: int, roll: float, patience: float) -> None:
    """However often it failed, nobody waits for ever, nor longer than the patience."""
    pause = pause_before_retry(Unreachable("gone"), failures, 10_000, roll, patience=patience)
    assert pause is None or 0 <= pause <= min(LAST_BOUND, patience)
    assert pause is not None or patience < LAST_BOUND


# --- in the queue -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Case:
    """A failure, and in how many seconds it is tried again (at the least and at the most), after how many attempts."""

    name: str
    error: DlmError
    attempts: int = 0
    retries: int = 5
    progressed: bool = False
    online: bool = True
    needs_network: bool = True
    wait: tuple[float, float] | None = None
    then: int = 0
    cause: Cause = Cause.BACKED_OFF

    def after(self, roll: float) -> Again | None:
        """What is decided."""
        return after_failure(
            self.error,
            attempts=self.attempts,
            retries=self.retries,
            progressed=self.progressed,
            online=self.online,
            needs_network=self.needs_network,
            now=NOW,
            roll=roll,
        )


GONE, BUSY, FULL, LOST = Unreachable("gone"), ServerBusy("later"), DiskFull("full"), WorkerLost("killed")

TRIED_AGAIN = [
    Case(name="the first time within five seconds", error=GONE, wait=(2.5, 5), then=1),
    Case(name="then twice as long", error=GONE, attempts=1, wait=(5, 10), then=2),
    Case(name="and again", error=GONE, attempts=2, wait=(10, 20), then=3),
    Case(name="the fifth time", error=GONE, attempts=4, wait=(40, 80), then=5),
    Case(name="never longer than ten minutes", error=GONE, attempts=30, retries=99, wait=(300, 600), then=31),
    Case(
        name="a try that brought bytes makes earlier ones forgotten",
        error=GONE,
        attempts=4,
        progressed=True,
        wait=(2.5, 5),
        then=1,
    ),
    Case(name="also when they were all that was allowed", error=GONE, attempts=5, progressed=True, wait=(2.5, 5), then=1),
    Case(name="a server that asks for time gets it", error=ServerBusy("x", retry_after=120), wait=(120, 132), then=1),
    Case(name="and a second at least on top", error=ServerBusy("x", retry_after=3), attempts=3, wait=(3, 4), then=4),
    Case(name="for six hours, no more", error=ServerBusy("x", retry_after=9e9), wait=(21600, 23760), then=1),
    Case(name="one that does not say how long is like any other", error=BUSY, attempts=1, wait=(5, 10), then=2),
    Case(name="so is one that says none", error=ServerBusy("x", retry_after=0), attempts=1, wait=(5, 10), then=2),
    Case(name="a worker that died is replaced", error=LOST, wait=(2.5, 5), then=1),
    Case(name="up to three times", error=LOST, attempts=2, wait=(10, 20), then=3),
    Case(name="progress does not excuse it", error=LOST, attempts=2, progressed=True, wait=(10, 20), then=3),
]

GIVEN_UP = [
    Case(name="the sixth failure is one too many", error=GONE, attempts=5),
    Case(name="nobody asked for retries", error=GONE, retries=0),
    Case(name="not even after progress", error=GONE, retries=0, progressed=True),
    Case(name="a server that is always busy", error=ServerBusy("x", retry_after=1), attempts=5),
    Case(name="what kills a fourth worker", error=LOST, attempts=3),
    Case(name="also when it moves a little each time", error=LOST, attempts=3, progressed=True),
    Case(name="a worker, where nobody asked for retries", error=LOST, retries=0),
]

CUT_OFF = [
    Case(name="without a network nothing is counted", error=GONE, attempts=5, online=False, then=5, cause=Cause.DISCONNECTED),
    Case(name="nor for silence", error=TimedOut("x"), online=False, cause=Cause.DISCONNECTED),
    Case(
        name="nor where nobody asked for retries",
        error=GONE,
        retries=0,
        online=False,
        progressed=True,
        cause=Cause.DISCONNECTED,
    ),
    Case(name="a host on this machine needs none", error=GONE, online=False, needs_network=False, wait=(2.5, 5), then=1),
    Case(name="an answer has come from somewhere", error=ServerFailed("500"), online=False, wait=(2.5, 5), then=1),
]

DISK = [
    Case(name="half a minute first", error=FULL, wait=(15, 30), then=6),
    Case(name="then twice as long", error=FULL, attempts=6, wait=(30, 60), then=7),
    Case(name="ten minutes at most, for as long as it takes", error=FULL, attempts=999, wait=(300, 600), then=1000),
    Case(name="earlier retries are forgotten", error=FULL, attempts=5, wait=(15, 30), then=6),
    Case(name="bytes that came begin the count anew", error=FULL, attempts=9, progressed=True, wait=(15, 30), then=6),
    Case(name="also where nobody asked for retries", error=FULL, retries=0, wait=(15, 30), then=1),
    Case(name="also there it goes on", error=FULL, attempts=1, retries=0, wait=(30, 60), then=2),
    Case(name="also without a network", error=FULL, online=False, wait=(15, 30), then=6),
    Case(name="what fails after such waits has all its retries", error=GONE, attempts=9, wait=(2.5, 5), then=1),
    Case(name="also a worker", error=LOST, attempts=9, wait=(2.5, 5), then=1),
    Case(name="but where there are none", error=GONE, attempts=9, retries=0),
]


@pytest.mark.parametrize("case", [*TRIED_AGAIN, *GIVEN_UP, *CUT_OFF, *DISK], ids=lambda case: case.name)
def test_each_failure_has_its_answer(case: Case) -> None:
    """Each row of the tables above holds, from the least to the greatest draw."""
    least, most = case.after(0.0), case.after(1.0)
    if case.cause is Cause.DISCONNECTED:
        assert least == most == Again(None, case.then, Cause.DISCONNECTED)
    elif case.wait is None:
        assert (least, most) == (None, None)
    else:
        assert least == Again(NOW + case.wait[0], case.then, Cause.BACKED_OFF)
        assert most == Again(NOW + case.wait[1], case.then, Cause.BACKED_OFF)


@pytest.mark.parametrize("error", LASTING, ids=lambda error: error.kind)
def test_what_lasts_has_failed(error: DlmError) -> None:
    """No waiting helps, with or without a network, whatever came before."""
    for online in (True, False):
        assert Case(name="", error=error, online=online, progressed=True).after(0.5) is None


@given(
    error=st.sampled_from(PASSING),
    attempts=st.integers(0, 100_000),
    retries=st.integers(0, 10_000),
    progressed=st.booleans(),
    online=st.booleans(),
    needs_network=st.booleans(),
    roll=ROLLS,
)
def test_nobody_waits_in_the_past_or_for_ever(
    error: DlmError, attempts: int, retries: int, progressed: bool, online: bool, needs_network: bool, roll: float
) -> None:
    """A due time lies ahead and within reach; without one it is the network that is waited for."""
    again = after_failure(
        error,
        attempts=attempts,
        retries=retries,
        progressed=progressed,
        online=online,
        needs_network=needs_network,
        now=NOW,
        roll=roll,
    )
    assert again is not None or not isinstance(error, DiskFull)
    if again is None or again.due is None:
        assert again is None or (again.cause, again.attempts) == (Cause.DISCONNECTED, attempts)
        assert again is None or (not online and needs_network)
    else:
        assert NOW + FIRST_WAIT / 2 <= again.due <= NOW + LONGEST_WAIT * 1.1
        assert isinstance(error, ServerBusy) or again.due <= NOW + LAST_WAIT


@given(error=st.sampled_from(PASSING), retries=st.integers(0, 30), roll=ROLLS)
def test_waits_grow_until_the_retries_are_used_up(error: DlmError, retries: int, roll: float) -> None:
    """A download that fails the same way each time waits no shorter than before, and fails after so many retries.

    A full disk alone is waited for without end.
    """
    attempts, waits = 0, [0.0]
    while len(waits) <= 50:
        again = Case(name="", error=error, attempts=attempts, retries=retries).after(roll)
        if again is None or again.due is None:
            break
        assert again.attempts > attempts
        attempts = again.attempts
        waits.append(again.due - NOW)
    assert waits == sorted(waits)
    tries = len(waits) - 1
    assert tries == (50 if isinstance(error, DiskFull) else min(retries, 3) if isinstance(error, WorkerLost) else retries)


def test_a_disk_that_fills_up_between_failures_uses_up_nothing() -> None:
    """Waits for the disk, however many, leave the retries as they were at first."""
    attempts = 0
    for error in [GONE, GONE, *[FULL] * 20]:
        again = Case(name="", error=error, attempts=attempts).after(0.5)
        assert again is not None
        attempts = again.attempts
    for left in (1, 2, 3, 4, 5):
        again = Case(name="", error=GONE, attempts=attempts).after(0.5)
        assert again is not None
        attempts = again.attempts
        assert attempts == left
    assert Case(name="", error=GONE, attempts=attempts).after(0.5) is None
    assert FIRST_DISK_WAIT > FIRST_WAIT
