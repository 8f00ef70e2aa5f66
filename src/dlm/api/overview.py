"""What a client is told of dlm as a whole: the queue in numbers, limits, settings, what was looked at and measured."""

from __future__ import annotations

from collections.abc import Sequence

from dlm.api.answers import Outgoing
from dlm.model.address import without_credentials
from dlm.model.queue import Finding, Rates, Stats, Trial
from dlm.model.resource import Resource
from dlm.model.settings import SCHEMA, Settings


class LimitsOut(Outgoing, frozen=True, kw_only=True):
    """Rates that hold in every dlm process on this database; `null` is no limit."""

    total: int | None
    hosts: dict[str, int]

    @classmethod
    def of(cls, rates: Rates) -> LimitsOut:
        """As they were set."""
        return cls(total=rates.total, hosts=dict(rates.hosts))


class WorkerOut(Outgoing, frozen=True, kw_only=True):
    """A child process that carries downloads: how many, and what part of a core it used lately."""

    pid: int
    downloads: int
    busy: float


class QueueOut(Outgoing, frozen=True, kw_only=True):
    """The queue in numbers: downloads by phase, and what moves now."""

    phases: dict[str, int]
    active: int
    speed: float
    carriers: int
    workers: list[WorkerOut]

    @classmethod
    def of(cls, stats: Stats) -> QueueOut:
        """As it stands."""
        counts = {phase.value: count for phase, count in stats.phases.items()}
        return cls(
            phases=counts,
            active=stats.active,
            speed=round(stats.speed, 1),
            carriers=stats.carriers,
            workers=[WorkerOut(pid=each.pid, downloads=each.downloads, busy=each.busy) for each in stats.crew],
        )


class PreviewOut(Outgoing, frozen=True, kw_only=True):
    """What an address turned out to be, with the name that the file would get."""

    name: str | None
    size: int | None
    modified: float | None
    ranged: bool
    media_type: str | None
    digests: list[str]
    uri: str

    @classmethod
    def of(cls, resource: Resource) -> PreviewOut:
        """As it was looked at."""
        part = resource.parts[0]
        mirror = resource.mirrors[0]
        return cls(
            name=part.name,
            size=part.size,
            modified=part.modified,
            ranged=resource.ranged,
            media_type=resource.media_type,
            digests=[str(each) for each in part.digests],
            uri=without_credentials(mirror.resolved or mirror.uri),
        )


class TrialOut(Outgoing, frozen=True, kw_only=True):
    """What so many connections brought over so many seconds, and how many the server served."""

    connections: int
    speed: float
    seconds: float
    served: int


class TrialsOut(Outgoing, frozen=True, kw_only=True):
    """What was measured, in order."""

    trials: list[TrialOut]

    @classmethod
    def of(cls, trials: Sequence[Trial]) -> TrialsOut:
        """As it was measured."""
        rows = [
            TrialOut(connections=t.connections, speed=round(t.speed, 1), seconds=t.seconds, served=t.served) for t in trials
        ]
        return cls(trials=rows)


class FindingOut(Outgoing, frozen=True, kw_only=True):
    """One check: `state` is good, warning or bad; the sentence says what to do."""

    name: str
    state: str
    sentence: str


class FindingsOut(Outgoing, frozen=True, kw_only=True):
    """Everything that was checked."""

    findings: list[FindingOut]

    @classmethod
    def of(cls, findings: Sequence[Finding]) -> FindingsOut:
        """As it was found."""
        return cls(findings=[FindingOut(name=f.name, state=f.state, sentence=f.sentence) for f in findings])


class SettingsOut(Outgoing, frozen=True, kw_only=True):
    """The configured values by their names, without secrets, and the directories that downloads may go to."""

    values: dict[str, str | int | float | bool | None]
    roots: list[str]

    @classmethod
    def of(cls, settings: Settings, roots: Sequence[str]) -> SettingsOut:
        """As they hold now."""
        values = {name: getattr(settings, name) for name, row in SCHEMA.items() if not row.secret}
        return cls(values=values | {"proxy": _shown(settings.proxy), "referer": _shown(settings.referer)}, roots=list(roots))


def _shown(address: str | None) -> str | None:
    return None if address is None else without_credentials(address)
