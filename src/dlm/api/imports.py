"""Lists that others have written, sent by a client: read as `dlm import` reads them, within what a client may choose.

A list is a stranger's word with an owner's token behind it. So of what it says nothing may name a file of this machine, send
the owner's secrets or choose the way out, and its files go below the roots. Cookies and passwords in it go into the downloads
that it names, and are never told.
"""

from __future__ import annotations

import os.path
from collections.abc import Sequence
from dataclasses import replace

from dlm.api.answers import Outgoing
from dlm.api.asks import MOST_ADDED, ImportIn
from dlm.api.reading import WITHHELD, House
from dlm.intake.choice import Wanted
from dlm.intake.formats import Format, Reading, sniff
from dlm.intake.planning import Found, Plan, Terms
from dlm.intake.text import decoded
from dlm.model.address import host_of, refuse_control, without_credentials
from dlm.model.download import label_of
from dlm.model.error import InvalidRequest
from dlm.model.queue import Added, AddRequest
from dlm.model.rank import Priority
from dlm.model.text import printable
from dlm.model.value import dataclass

MOST_LINES = 1_000_000
"""Empty ones and comments included: fifteen millions of them took seven seconds."""
SHOWN_HEADERS = frozenset({"accept", "accept-language", "referer", "user-agent"})


class FoundOut(Outgoing, frozen=True, kw_only=True):
    """A download that the list names. `secrets` says that it comes with a password, or with headers that may be ones.

    `known` and `download_id` are `null` where nothing was added; `size` is what the list says of it.
    """

    line: int
    name: str
    uri: str
    host: str
    mirrors: int
    size: int | None
    directory: str
    group: str | None
    priority: str
    paused: bool
    start_at: float | None
    checksum: str | None
    secrets: bool
    known: bool | None
    download_id: str | None

    @classmethod
    def of(cls, found: Found, request: AddRequest, added: Added | None) -> FoundOut:
        """As it was read; no secret is told."""
        spec = request.spec
        named = {name.lower() for name, _ in spec.headers}
        return cls(
            line=found.line,
            name=printable(label_of(None, spec.output, spec.uris[0])),
            uri=without_credentials(spec.uris[0]),
            host=host_of(spec.uris[0]),
            mirrors=len(spec.uris),
            size=found.size,
            directory=spec.directory,
            group=request.group,
            priority=request.priority.name.lower(),
            paused=request.paused,
            start_at=request.start_at,
            checksum=None if spec.checksum is None else spec.checksum.algorithm,
            secrets=bool(spec.user or spec.bearer or named - SHOWN_HEADERS),
            known=None if added is None else added.known,
            download_id=None if added is None else added.download.id,
        )


class LeftOutOut(Outgoing, frozen=True, kw_only=True):
    """What stands in the list and is not added: why, how many such there are, and the first of them."""

    why: str
    count: int
    line: int
    what: str


class ImportedOut(Outgoing, frozen=True, kw_only=True):
    """What a list comes to, in its order."""

    format: str
    found: list[FoundOut]
    left_out: list[LeftOutOut]
    added: int
    known: int

    @classmethod
    def of(cls, read: Read, requests: Sequence[AddRequest], added: Sequence[Added] | None) -> ImportedOut:
        """As it was read; without `added`, what would be added."""
        became: Sequence[Added | None] = [None] * len(requests) if added is None else added
        rows = zip(read.plan.found, requests, became, strict=True)
        left: dict[str, LeftOutOut] = {}
        for _, skipped in read.plan.skipped:
            before = left.get(skipped.why)
            first = (skipped.line, skipped.what) if before is None else (before.line, before.what)
            count = 1 if before is None else before.count + 1
            left[skipped.why] = LeftOutOut(why=skipped.why, count=count, line=first[0], what=printable(first[1]))
        known = sum(each.known for each in added or ())
        return cls(
            format=read.format.value,
            found=[FoundOut.of(*row) for row in rows],
            left_out=list(left.values()),
            added=len(added) - known if added is not None else 0,
            known=known,
        )


@dataclass(frozen=True, slots=True)
class Read:
    """A list that was read: how it was written, and what it comes to."""

    format: Format
    plan: Plan


def planned(said: ImportIn, house: House, now: float) -> Read:
    """Read the list; it may take as long as the list is. Raises `InvalidRequest` that names it and the line."""
    if (said.text is None) == (said.content is None):
        raise InvalidRequest("send either the text of the list, or the content of its file")
    refuse_control(said.group or "", "the group")
    content = (said.text or "").encode("utf-8", "replace") if said.content is None else said.content
    source = printable(os.path.basename(said.name)) or "the document"
    if content.count(b"\n") + content.count(b"\r") > MOST_LINES:
        raise InvalidRequest(f"{source} has more than {MOST_LINES} lines: import it in parts")
    chunks = list(decoded([content], source))
    format = sniff(source, chunks[0]) if said.format is None else Format(said.format)
    settings = replace(
        house.settings,
        directory=house.directory(said.directory),
        connections=said.connections or house.settings.connections,
        limit_rate=said.limit_rate or house.settings.limit_rate,
    )
    terms = Terms(
        settings=settings,
        reading=Reading(
            wanted=Wanted(tuple(said.types), said.min_size, said.any_status),
            expand=said.expand,
            ignore_unknown=said.ignore_unknown,
        ),
        current=settings.directory,
        now=now,
        group=said.group,
        paused=said.paused,
        priority=Priority[said.priority.upper()],
    )
    plan = Plan()
    plan.take(format, chunks, source, terms, MOST_ADDED)
    return Read(format, plan)


def requests(read: Read, house: House) -> list[AddRequest]:
    """What is to be added, within what a client may choose. Raises `InvalidRequest`."""
    places: dict[str, str] = {}
    allowed: list[AddRequest] = []
    for found, request in zip(read.plan.found, read.plan.requests(), strict=True):
        spec = request.spec
        for name, why in WITHHELD.items():
            if getattr(spec, name) != getattr(house.settings, name):
                raise InvalidRequest(f"{found.source}:{found.line}: {name} cannot be chosen from afar: it {why}")
        if spec.directory not in places:
            places[spec.directory] = house.directory(spec.directory)
        allowed.append(replace(request, spec=replace(spec, directory=places[spec.directory])))
    return allowed
