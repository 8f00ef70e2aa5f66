"""What people read after a command that changed the queue. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from enum import Enum

from dlm.cli.facts import spec_facts
from dlm.cli.sentences import kept
from dlm.cli.when import moment
from dlm.model.address import without_credentials
from dlm.model.download import Download
from dlm.model.phase import CLAIMED_PHASES, Intent, Order, Phase, status
from dlm.model.queue import Added, Change, Ordered, Standing
from dlm.model.text import printable
from dlm.model.units import format_rate


def titled(download: Download) -> str:
    """`3f2a91bc name`, safe to show."""
    return printable(f"{download.id[:8]} {download.label}")


def added_lines(added: Sequence[Added], most: int) -> Iterator[str]:
    """A line for each, or when that would be more than `most`, how many."""
    new = [each.download for each in added if not each.known]
    known = [each.download for each in added if each.known]
    if len(added) <= most:
        for each in added:
            stands = status(each.download.phase, each.download.intent)
            yield f"Known     {titled(each.download)}  {stands}" if each.known else f"Queued    {titled(each.download)}"
        return
    if new:
        yield f"Queued {len(new):,} downloads."
    if known:
        yield f"{len(known):,} {'is' if len(known) == 1 else 'are'} in the queue already."


class Result(Enum):
    """What came of an order for one download."""

    DONE = "done"
    UNDER_WAY = "under way"  # its worker has yet to let go
    ALREADY = "already"  # it stood so before
    REFUSED = "refused"


_PAST = {Order.PAUSE: "Paused", Order.RESUME: "Resumed", Order.RETRY: "Retrying", Order.CANCEL: "Cancelled"}
_UNDER_WAY = {Order.PAUSE: "Pausing", Order.CANCEL: "Cancelling"}
_WANTED = {Order.PAUSE: Phase.PAUSED, Order.CANCEL: Phase.CANCELLED}


def result_of(order: Order, answer: Ordered, now: Download) -> Result:
    """`now` is the download as it stands by now."""
    if answer.refusal is not None:
        return Result.REFUSED
    if answer.transition is not None:
        return Result.DONE
    if answer.download.phase not in CLAIMED_PHASES or answer.download.intent is Intent.RUN:
        return Result.ALREADY
    if now.phase is _WANTED.get(order):
        return Result.DONE
    # It may have ended by itself before its worker heard of the order.
    return Result.UNDER_WAY if now.phase in CLAIMED_PHASES else Result.REFUSED


def ordered_line(order: Order, result: Result, answer: Ordered, now: Download) -> str:
    """One sentence about one download."""
    match result:
        case Result.REFUSED:
            return f"{titled(now)}: {printable(answer.refusal or f'it is {now.phase.value} by now')}"
        case Result.ALREADY:
            return f"{'Already':<9} {titled(now)}  {status(now.phase, now.intent)}"
        case Result.UNDER_WAY:
            return f"{_UNDER_WAY.get(order, 'Changing'):<9} {titled(now)}  it has not let go yet"
    facts = f"  {kept(now)} kept" if order is Order.PAUSE and now.downloaded else ""
    return f"{_PAST[order]:<9} {titled(now)}{facts}"


def ordered_count(order: Order, results: Sequence[Result]) -> str:
    """`Paused 9,936, pausing 64, 3 refused.`"""
    counts = Counter(results)
    facts = [f"{_PAST[order].lower()} {counts[Result.DONE]:,}"] if counts[Result.DONE] else []
    if counts[Result.UNDER_WAY]:
        facts.append(f"{_UNDER_WAY.get(order, 'changing').lower()} {counts[Result.UNDER_WAY]:,}")
    facts += [f"{counts[Result.ALREADY]:,} stood so already"] if counts[Result.ALREADY] else []
    facts += [f"{counts[Result.REFUSED]:,} refused"] if counts[Result.REFUSED] else []
    text = ", ".join(facts) or "nothing changed"
    return f"{text[0].upper()}{text[1:]}."


def removed_line(download: Download, *, deleted: bool) -> str:
    """That it is forgotten, and what is kept."""
    left = f"; {download.path} is kept" if download.path and not deleted else ""
    return printable(f"Removed   {titled(download)}{left}")


def moved_line(download: Download, standing: Standing) -> str:
    """Where it stands in the queue now."""
    behind = f", behind {', '.join(id[:8] for id in standing.ahead)}" if standing.ahead else ""
    return f"Moved     {titled(download)}  to place {standing.position:,} of {standing.of:,}{behind}"


def edited_line(download: Download, change: Change) -> str:
    """What is different now."""
    facts = spec_facts(download.spec)
    words = [f"{_NAMES.get(name, name.replace('_', ' '))} {_shown(name, facts[name])}" for name in change.fields]
    words += [f"mirror {without_credentials(uri)}" for uri in change.mirrors]
    words += [f"priority {change.priority.name.lower()}"] if change.priority is not None else []
    words += [f"group {change.group}"] if change.group is not None else []
    words += [f"start at {moment(change.start_at)}"] if change.start_at is not None else []
    line = f"{'Changed':<9} {titled(download)}  {printable(', '.join(words))}"
    return f"{line}; {_consequence(download)}" if change.mirrors or "uris" in change.fields else line


_NAMES = {"uris": "url"}


def _consequence(download: Download) -> str:
    """What follows from other addresses, in the phase in which the download stands."""
    short = download.id[:8]
    goes_on = f"goes on at {kept(download)}" if download.downloaded else "begins"
    match download.phase:
        case Phase.PENDING | Phase.WAITING:
            return f"it is queued, and {goes_on} (dlm run)"
        case Phase.PAUSED:
            return f"it is paused: dlm resume {short} goes on"
        case Phase.COMPLETED | Phase.CANCELLED:
            return f"it is {download.phase.value}: dlm retry {short} fetches it from there"
        case _:
            return "it runs, and the new address is offered to it"


def _shown(name: str, value: object) -> str:
    if name == "limit_rate":
        return rate_text(value if isinstance(value, int) else None)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def rate_text(rate: int | None) -> str:
    """The rate, or that there is none."""
    return "no limit" if rate is None else format_rate(rate)
