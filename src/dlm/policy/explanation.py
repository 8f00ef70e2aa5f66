"""Why a download stands where it stands, from what was measured, and from nothing else.

    waits for a slot    window, queue, host_cap, host_busy      whichever binds now first, then those that would next
    waits for a time    start_at, retry_at, network
    moves               stalled, the limit that held it back, what the server refused, what the speeds tell; then the limits
                        that would bind next, the lowest first

A sentence claims what its figures show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import field

from dlm.model.download import Download, Fault
from dlm.model.error import DiskFull
from dlm.model.message import Progressed
from dlm.model.phase import Cause, Intent, Phase
from dlm.model.queue import Constraint, Rates, Standing
from dlm.model.rank import Lane
from dlm.model.text import printable
from dlm.model.units import format_duration
from dlm.model.value import dataclass
from dlm.policy.constraints import Kind, Limit, counted, ended, within
from dlm.policy.pace import pace
from dlm.policy.windows import Regime


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a download at `now`. Times are in seconds since the epoch, speeds and rates in bytes a second."""

    now: float
    download: Download
    cause: Cause | None = None
    """Of its last transition."""
    standing: Standing | None = None
    worked: bool = True
    """Whether any dlm process works the queue."""
    running: int = 0
    jobs: int = 1
    """How many hold a slot, and how many may."""
    host_running: int = 0
    per_host: int = 1
    """The same for its host."""
    busy_until: float | None = None
    regime: Regime = field(default_factory=Regime)
    online: bool = True
    here: bool = True
    """Whether the process that carries it is the one that asks."""
    rates: Rates = field(default_factory=Rates)
    sample: Progressed | None = None
    sampled: float | None = None
    """When that sample came."""
    trials: tuple[tuple[int, float], ...] = ()
    """How many connections brought which speed, earlier in this transfer or in a bench of its host."""


def explain(facts: Facts) -> tuple[Constraint, ...]:
    """What binds the download now, then what would bind it next."""
    return tuple(_BY_PHASE[facts.download.phase](facts))


# --- waiting for a slot -----------------------------------------------------------------------------------------------


def _pending(facts: Facts) -> Iterator[Constraint]:
    full = facts.running >= facts.jobs
    urgent = facts.download.lane is Lane.NOW
    if not facts.worked:
        yield Constraint(Kind.QUEUE, "No dlm process works the queue: 'dlm run' does.", {"worked": False})
        return
    if not facts.regime.open and not urgent:
        yield _window(facts)
    if full:
        yield _queue(facts)
    bound = list(_host(facts))
    yield from bound
    if not full and not bound and (facts.regime.open or urgent):
        yield _queue(facts)


def _window(facts: Facts) -> Constraint:
    until, reason = facts.regime.until, facts.regime.reason
    lasting = f" for another {format_duration(until - facts.now)}" if until is not None else ""
    why = f" ({printable(reason)})" if reason else ""
    return Constraint(Kind.WINDOW, f"The queue stands still{lasting}{why}.", {"until": until, "reason": reason})


def _queue(facts: Facts) -> Constraint:
    place = facts.standing
    slots = f"{facts.running} of {counted(facts.jobs, 'slot')} {'is' if facts.running == 1 else 'are'} taken"
    if place is None:
        sentence = f"{slots}."
    elif place.position == 1:
        sentence = f"{slots}; it is next."
    else:
        sentence = f"{slots}; it is number {place.position} of {place.of} in the queue."
    figures: dict[str, object] = {"running": facts.running, "jobs": facts.jobs}
    if place is not None:
        figures |= {"position": place.position, "of": place.of, "ahead": list(place.ahead)}
    return Constraint(Kind.QUEUE, sentence, figures)


def _host(facts: Facts) -> Iterator[Constraint]:
    host = printable(facts.download.host)
    if facts.busy_until is not None and facts.busy_until > facts.now:
        left = format_duration(facts.busy_until - facts.now)
        sentence = f"{host} asked to be left in peace; nothing of it starts for another {left}."
        yield Constraint(Kind.HOST_BUSY, sentence, {"host": facts.download.host, "until": facts.busy_until})
    if facts.host_running >= facts.per_host:
        many = counted(facts.host_running, "download")
        sentence = f"{many} of {host} {'runs' if facts.host_running == 1 else 'run'}, and {facts.per_host} may at once."
        figures = {"host": facts.download.host, "running": facts.host_running, "per_host": facts.per_host}
        yield Constraint(Kind.HOST_CAP, sentence, figures)


# --- waiting for a time -----------------------------------------------------------------------------------------------


def _waiting(facts: Facts) -> Iterator[Constraint]:
    download = facts.download
    if download.due is None:
        back = "The network is back; it goes on at once." if facts.online else "This machine has no network: it waits for one."
        yield Constraint(Kind.NETWORK, back, {"online": facts.online})
    elif facts.cause is Cause.DEFERRED or download.fault is None:
        sentence = f"It was asked to wait: it may start {within(download.due, facts.now)}."
        yield Constraint(Kind.START_AT, sentence, {"due": download.due})
    else:
        yield _retry(facts, download.due, download.fault)
    if not facts.regime.open and download.lane is not Lane.NOW:
        yield _window(facts)
    yield from _host(facts)


def _retry(facts: Facts, due: float, fault: Fault) -> Constraint:
    attempts, retries = facts.download.attempts, facts.download.spec.retries
    # Beyond the retries, attempts are waits for a disk that was full: see `policy.retry`.
    patient = fault.kind == DiskFull.__name__
    count = "for as long as it takes" if patient else f"retry {min(attempts, retries)} of {retries}"
    sentence = f"It is tried again {within(due, facts.now)} ({count}). It failed: {ended(fault.message)}"
    figures = {"due": due, "attempts": attempts, "retries": retries, "error": fault.kind}
    return Constraint(Kind.RETRY_AT, sentence, figures)


# --- at rest ----------------------------------------------------------------------------------------------------------


def _paused(facts: Facts) -> Iterator[Constraint]:
    yield Constraint(Kind.PAUSED, f"It is paused; 'dlm resume {facts.download.id}' goes on with it.")


def _failed(facts: Facts) -> Iterator[Constraint]:
    fault = facts.download.fault
    why = f"It failed: {ended(fault.message)}" if fault else "It failed."
    figures = {"error": fault.kind, "exit_code": fault.code} if fault else {}
    yield Constraint(Kind.FAILED, f"{why} 'dlm retry {facts.download.id}' tries again.", figures)


def _completed(facts: Facts) -> Iterator[Constraint]:
    path = facts.download.path
    yield Constraint(Kind.COMPLETED, f"It is complete: {printable(path)}" if path else "It is complete.", {"path": path})


def _cancelled(facts: Facts) -> Iterator[Constraint]:
    yield Constraint(Kind.CANCELLED, f"It was cancelled; 'dlm retry {facts.download.id}' fetches it after all.")


# --- at work ----------------------------------------------------------------------------------------------------------


def _carried(facts: Facts) -> Iterator[Constraint]:
    download, sample = facts.download, facts.sample
    ending = {Intent.PAUSE: (Kind.PAUSED, "paused"), Intent.CANCEL: (Kind.CANCELLED, "cancelled")}.get(download.intent)
    if ending is not None:
        yield Constraint(ending[0], f"It is being {ending[1]}: its transfer has yet to stop.")
    elif download.phase is Phase.COMPLETING:
        yield Constraint(Kind.DISK, "All its bytes are there and verified; the file is being given its name.")
    elif sample is not None:
        silent = facts.now - facts.sampled if facts.sampled is not None else 0.0
        yield from pace(sample, silent, sorted(_limits(facts), key=lambda limit: limit.rate), facts.trials)
    elif facts.here:
        begun = "It has a slot, and nothing has been measured yet."
        yield Constraint(Kind.STARTING, begun, {"phase": download.phase.value})
    if not facts.here:
        untold = "" if sample is not None else " and has told nothing of it yet"
        who = f"process {printable(download.owner.partition(':')[0])}" if download.owner else "another process"
        yield Constraint(Kind.OTHER_PROCESS, f"It is carried by {who}{untold}.", {"owner": download.owner})


def _limits(facts: Facts) -> Iterator[Limit]:
    own, host = facts.download.spec.limit_rate, facts.download.host
    if own is not None:
        yield Limit(Kind.OWN_LIMIT, "Its own limit", own)
    if host in facts.rates.hosts:
        yield Limit(Kind.HOST_LIMIT, f"The limit for {printable(host)}", facts.rates.hosts[host])
    total, window = facts.rates.total, facts.regime.rate
    if window is not None and (total is None or window < total):
        yield Limit(Kind.TOTAL_LIMIT, f"The window's limit for all together ({printable(facts.regime.reason or '')})", window)
    elif total is not None:
        yield Limit(Kind.TOTAL_LIMIT, "The limit for all together", total)


_BY_PHASE: dict[Phase, Callable[[Facts], Iterator[Constraint]]] = {
    Phase.PENDING: _pending,
    Phase.SCHEDULED: _carried,
    Phase.RUNNING: _carried,
    Phase.COMPLETING: _carried,
    Phase.WAITING: _waiting,
    Phase.PAUSED: _paused,
    Phase.COMPLETED: _completed,
    Phase.FAILED: _failed,
    Phase.CANCELLED: _cancelled,
}
