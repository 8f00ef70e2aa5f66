"""What `dlm import` tells: what was added, what was not, and why. No secret leaves here."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

from dlm.cli.replies import titled
from dlm.cli.when import moment
from dlm.intake.entry import Skipped
from dlm.intake.planning import Found, Plan
from dlm.model.address import without_credentials
from dlm.model.phase import status
from dlm.model.queue import Added, AddRequest
from dlm.model.rank import Priority
from dlm.model.text import printable

_FEW = 10


def report(plan: Plan, added: Sequence[Added] | None, as_json: bool) -> None:
    """Write it to standard output; without `added`, what would be added."""
    from dlm.cli.faces import write_text

    if as_json:
        from dlm.cli.facts import json_line

        sys.stdout.writelines(map(json_line, facts(plan, added)))
    else:
        write_text(sys.stdout, "".join(printable(text) + "\n" for text in sentences(plan, added)))


def sentences(plan: Plan, added: Sequence[Added] | None) -> Iterator[str]:
    """Lines for people: the first few of what was added, a line for each reason to skip, and the counts."""
    if added is None:
        yield from map(_wanted, plan.found[:_FEW])
    else:
        yield from map(_added, added[:_FEW])
    if len(plan.found) > _FEW:
        yield f"… and {len(plan.found) - _FEW:,} more"
    reasons: dict[str, list[tuple[str, Skipped]]] = {}
    for source, skipped in plan.skipped:
        reasons.setdefault(skipped.why, []).append((source, skipped))
    for why, rows in reasons.items():
        source, first = rows[0]
        example = f"{source}:{first.line} {first.what}".strip()
        yield f"Skipped   {len(rows):,}: {why} ({example}{', …' if len(rows) > 1 else ''})"
    yield _count(plan, added)


def _wanted(found: Found) -> str:
    spec = found.request.spec
    notes = ", ".join(_notes(found.request))
    target = f"{spec.directory.rstrip('/')}/{spec.output or ''}"
    return f"Would add {without_credentials(spec.uris[0])} → {target}{f' ({notes})' if notes else ''}"


def _notes(request: AddRequest) -> Iterator[str]:
    if len(request.spec.uris) > 1:
        yield f"{len(request.spec.uris)} mirrors"
    if request.spec.checksum is not None:
        yield request.spec.checksum.algorithm
    if count := len(request.spec.headers):
        yield f"{count} header{'s' if count > 1 else ''}"
    if request.spec.insecure:
        yield "insecure"
    if request.paused:
        yield "paused"
    if request.priority is not Priority.NORMAL:
        yield request.priority.name.lower()
    if request.start_at is not None:
        yield f"from {moment(request.start_at)}"
    if request.group is not None:
        yield f"group {request.group}"


def _added(added: Added) -> str:
    if added.known:
        return f"Known     {titled(added.download)}  {status(added.download.phase, added.download.intent)}"
    return f"Queued    {titled(added.download)}"


def _count(plan: Plan, added: Sequence[Added] | None) -> str:
    left = f", {len(plan.skipped):,} skipped" if plan.skipped else ""
    if added is None:
        return f"{len(plan.found):,} would be added{left}."
    known = sum(each.known for each in added)
    there = f", {known:,} in the queue already" if known else ""
    return f"{len(added) - known:,} added{there}{left}."


def facts(plan: Plan, added: Sequence[Added] | None) -> Iterator[dict[str, Any]]:
    """An object for each download and for each that was skipped, then the counts. `import` tells them apart."""
    from dlm.cli.facts import download_facts, spec_facts

    if added is None:
        for found in plan.found:
            yield {
                "import": "wanted",
                **_place(found.source, found.line),
                **_order(found.request),
                "spec": spec_facts(found.request.spec),
            }
    else:
        for found, each in zip(plan.found, added, strict=True):
            result = "known" if each.known else "added"
            yield {"import": result, **_place(found.source, found.line), **download_facts(each.download)}
    for source, skipped in plan.skipped:
        yield {"import": "skipped", **_place(source, skipped.line), "uri": skipped.what or None, "reason": skipped.why}
    known = sum(each.known for each in added or ())
    yield {
        "import": "ended",
        "wanted": len(plan.found),
        "added": 0 if added is None else len(added) - known,
        "known": known,
        "skipped": len(plan.skipped),
    }


def _place(source: str, line: int) -> dict[str, Any]:
    return {"source": source, "line": line}


def _order(request: AddRequest) -> dict[str, Any]:
    return {
        "priority": request.priority.name.lower(),
        "start_at": request.start_at,
        "group": request.group,
        "paused": request.paused,
    }
