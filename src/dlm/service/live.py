"""What moves at this moment, told from process to process: samples and news as lines of JSON.

Only what is of this moment goes this way. Whatever is durable is read from the database by whoever wants to know.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from dlm.model.download import DownloadId
from dlm.model.event import ConnectionClosed, Event, ProgressMade, RuntimeWarned
from dlm.model.message import ConnectionEnded, ConnectionView, Progressed
from dlm.model.queue import Question
from dlm.model.span import Span
from dlm.model.value import dataclass
from dlm.service.means import Means
from dlm.service.samples import Sampled


@dataclass(frozen=True, slots=True)
class Slots:
    """How many downloads a process that works the queue may carry and does, in all and of each host."""

    jobs: int
    per_host: int
    running: int
    hosts: Mapping[str, int]


def encode(event: Event) -> bytes | None:
    """The line for an event, `None` for one that the database tells."""
    match event:
        case ProgressMade(progress):
            return _line("progress", asdict(progress))
        case ConnectionClosed(connection):
            return _line("connection", asdict(connection))
        case RuntimeWarned():
            return _line("warning", asdict(event))
    return None


def decode(line: bytes) -> Event | None:
    """The event of a line, `None` for one that makes no sense: another version of dlm may have written it."""
    try:
        kind, facts = json.loads(line)
        match kind:
            case "progress":
                return ProgressMade(_progressed(facts))
            case "connection":
                return ConnectionClosed(ConnectionEnded(**facts))
            case "warning":
                return RuntimeWarned(**facts)
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    return None


async def answer(means: Means, question: Question, slots: Slots | None) -> AsyncIterator[bytes]:
    """What this process answers another: its latest samples, its slots, or its live events as they happen."""
    if question.kind == "slots":
        if slots is not None:
            yield _line("slots", asdict(slots))
    elif question.kind == "sample":
        for id, sampled in means.samples.all().items():
            if not question.ids or id in question.ids:
                yield _line("sample", asdict(sampled))
    elif question.kind == "events":
        subscription = means.bus.subscribe()
        try:
            async for event in subscription:
                line = encode(event)
                if line is not None:
                    yield line
        finally:
            subscription.close()


async def samples(means: Means) -> Mapping[DownloadId, Sampled]:
    """The latest sample of everything that moves, in this process and in the others."""
    found = means.samples.all()
    for owner in await means.queue.owners():
        if owner == means.owner:
            continue
        for line in await means.control.ask(owner, Question("sample")):
            # What makes no sense was written by another version of dlm.
            with suppress(ValueError, TypeError, KeyError, RecursionError):
                facts = json.loads(line)[1]
                progress = _progressed(facts["progress"])
                trials = tuple((int(count), float(speed)) for count, speed in facts["trials"])
                found[progress.id] = Sampled(progress, float(facts["at"]), trials)
    return found


async def slots_elsewhere(means: Means) -> list[Slots]:
    """The slots of every other process that works the queue."""
    found = []
    for owner in await means.control.present():
        for line in await means.control.ask(owner, Question("slots")):
            with suppress(ValueError, TypeError, LookupError, RecursionError):
                found.append(Slots(**json.loads(line)[1]))
    return found


def _line(kind: str, facts: dict[str, Any]) -> bytes:
    return json.dumps([kind, facts], separators=(",", ":")).encode()


def _progressed(facts: dict[str, Any]) -> Progressed:
    spans = {name: tuple(Span(*span) for span in facts[name]) for name in ("done", "troubled")}
    connections = tuple(ConnectionView(**{**each, "lease": Span(*each["lease"])}) for each in facts["connections"])
    return Progressed(**{**facts, **spans, "connections": connections})
