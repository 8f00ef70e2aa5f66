"""One look at the downloads, for programs and for what is no terminal: how the queue stands, and what moves.

As JSON, the first line is `{"event": "queue", "queue": {status: count}, "active", "speed", "limit", "hosts": {host: rate}}`;
behind it stands a line for each download that moves, as `dlm list --json` writes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from time import time

from dlm.cli.facts import download_facts, json_line
from dlm.cli.line import Glyphs, plain
from dlm.cli.listing import aligned
from dlm.cli.sentences import STATUS_WORDS, counts_text
from dlm.model.download import Download, DownloadId
from dlm.model.message import Progressed
from dlm.model.phase import CLAIMED_PHASES
from dlm.model.query import DownloadQuery
from dlm.model.queue import Rates, Stats
from dlm.model.units import format_rate, tenths
from dlm.model.value import dataclass
from dlm.ports import Downloads

_MOST = 1000


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How the queue stands, and what moves, with its latest samples."""

    stats: Stats
    rates: Rates
    moving: tuple[Download, ...]
    samples: Mapping[DownloadId, Progressed]


async def taken(downloads: Downloads) -> Snapshot:
    """As all stands now. Raises `DlmError`."""
    stats, rates = await downloads.stats(), await downloads.limits()
    moving = await downloads.list(DownloadQuery(phases=CLAIMED_PHASES, limit=_MOST))
    return Snapshot(stats, rates, tuple(moving), await downloads.samples() if moving else {})


def json_lines(snapshot: Snapshot) -> Iterator[str]:
    """See the module."""
    stats, rates = snapshot.stats, snapshot.rates
    counts = {phase.value: count for phase, count in stats.phases.items() if count}
    speed = tenths(stats.speed)
    yield json_line(
        {
            "event": "queue",
            "queue": counts,
            "active": stats.active,
            "speed": speed,
            "limit": rates.total,
            "hosts": dict(rates.hosts),
        }
    )
    for each in snapshot.moving:
        yield json_line(download_facts(each, snapshot.samples.get(each.id)))


def text_lines(snapshot: Snapshot, glyphs: Glyphs) -> Iterator[str]:
    """The same for people: what moves below a line of numbers."""
    facts = [counts_text(snapshot.stats.phases, STATUS_WORDS) or "no downloads", format_rate(snapshot.stats.speed)]
    facts += [f"limit {format_rate(snapshot.rates.total)}"] if snapshot.rates.total is not None else []
    yield "   ".join(facts)
    if snapshot.moving:
        yield from map(plain, aligned(snapshot.moving, snapshot.samples, time(), None, glyphs.gap))
