"""All that is recorded of one download, as text for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dlm.cli.facts import checkpoint_facts, reason, spec_facts
from dlm.cli.sentences import kept
from dlm.cli.when import exact_moment, until
from dlm.model.download import Checkpoint, Download, DownloadSpec
from dlm.model.event import Transition
from dlm.model.phase import FINAL_PHASES, Phase, status
from dlm.model.queue import Trial
from dlm.model.rank import Lane, Priority
from dlm.model.text import printable
from dlm.model.units import format_rate, format_size
from dlm.ports import Story

_SHOWN_ELSEWHERE = {"uris", "directory", "output"}


def told(story: Story, wall: float) -> str:
    """The facts, what was asked for, the checkpoint, and the transitions in order; `wall` is seconds since the epoch."""
    blocks = [[*_facts(story.download)], [*_standing(story.download, wall)], [*_wishes(story.download.spec)]]
    if story.checkpoint is not None:
        blocks.append([*_checkpoint(story.checkpoint)])
    aligned = [f"{name:<14}{printable(value)}".rstrip() for block in blocks for name, value in block]
    steps = [step(story.download, each) for each in story.transitions]
    return "\n".join([*aligned, *(["", "History"] if steps else []), *steps]) + "\n"


def _standing(download: Download, wall: float) -> Iterator[tuple[str, str]]:
    """How it stands in the queue."""
    if download.priority is not Priority.NORMAL:
        yield "Priority", download.priority.name.lower()
    if download.lane is not Lane.AUTOMATIC and download.phase not in FINAL_PHASES:
        yield "Lane", download.lane.name.lower()
    if download.group is not None:
        yield "Group", download.group
    if download.attempts:
        yield "Attempts", f"{download.attempts} in a row without a byte"
    if download.phase is Phase.WAITING:
        due = download.due
        yield "Next try", "when the network is back" if due is None else f"{exact_moment(due)} ({until(due, wall)})"


def _facts(download: Download) -> Iterator[tuple[str, str]]:
    safe = spec_facts(download.spec)
    yield "Id", download.id
    yield "Status", status(download.phase, download.intent)
    for uri in safe["uris"]:
        yield "URL", uri
    if not download.stands_for_others:
        yield "Name", download.name or "not known yet"
    yield "Directory", download.spec.directory
    if download.spec.output is not None:
        yield "Output", download.spec.output
    if not download.stands_for_others:
        yield "Size", "not known" if download.size is None else f"{format_size(download.size)} ({download.size} bytes)"
        yield "Kept", kept(download)
    else:
        yield "Files", f"dlm list --group {download.group or download.id}"
    if download.path is not None:
        yield "File" if not download.stands_for_others else "Below", download.path
    if download.verified is not None:
        yield "Verification", str(download.verified)
    if download.fault is not None:
        yield "Error", f"{download.fault.kind}: {download.fault.message}"
    yield "Added", exact_moment(download.added)
    if download.finished is not None:
        yield "Finished", exact_moment(download.finished)


def _wishes(spec: DownloadSpec) -> Iterator[tuple[str, str]]:
    """What was asked for beyond the defaults."""
    preset = spec_facts(DownloadSpec(uris=spec.uris, directory=spec.directory, output=spec.output))
    for name, value in spec_facts(spec).items():
        if name not in _SHOWN_ELSEWHERE and value != preset[name]:
            shown = ", ".join(value) if isinstance(value, list) else str(value)
            if name == "recursive":
                shown = _recursion(value)
            if name == "limit_rate" and isinstance(value, int):
                shown = format_rate(value)
            yield name.replace("_", " ").capitalize(), shown


def _recursion(facts: Mapping[str, Any]) -> str:
    words = [] if facts["depth"] is None else [f"depth {facts['depth']}"]
    words += [f"{name} {pattern}" for name in ("include", "exclude") for pattern in facts[name]]
    words += ["newer"] if facts["newer"] else []
    return ", ".join(words) or "yes"


def _checkpoint(checkpoint: Checkpoint) -> Iterator[tuple[str, str]]:
    facts = checkpoint_facts(checkpoint)
    yield "Partial file", facts["part_file"]
    spans = [f"{start}-{stop - 1}" for start, stop in facts["done"]]
    more = f" and {len(spans) - 8} more" if len(spans) > 8 else ""
    yield "On disk", f"{format_size(facts['downloaded'])}: bytes {', '.join(spans[:8])}{more}" if spans else "nothing yet"
    version = [f"ETag {facts['etag']}"] if facts["etag"] else []
    version += [f"Last-Modified {facts['last_modified']}"] if facts["last_modified"] else []
    yield "Version", ", ".join(version) or "the server gave no validator"
    yield "Ranges", "yes" if facts["ranged"] else "no"


def step(download: Download, transition: Transition) -> str:
    """`2026-01-31 14:05:07  user    running -> paused  a pause was asked for: detail`."""
    by, sentence = reason(download, transition.cause)
    detail = f": {transition.detail}" if transition.detail else ""
    move = f"{transition.origin.value} -> {transition.target.value}"
    return printable(f"{exact_moment(transition.at)}  {by:<6}  {move:<24}  {sentence}{detail}")


def preview_lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """What `preview` found out."""
    size = facts["size"]
    version = [f"ETag {facts['etag']}"] if facts["etag"] else []
    version += [f"Last-Modified {facts['last_modified']}"] if facts["last_modified"] else []
    taken = " (there is something already: a number is added, or --overwrite)" if facts["exists"] else ""
    rows = [
        ("URL", facts["uri"]),
        ("Comes from", facts["final_uri"] if facts["final_uri"] != facts["uri"] else ""),
        ("Name", facts["name"] or "the server gives none"),
        ("Size", "not known" if size is None else f"{format_size(size)} ({size} bytes)"),
        ("Type", facts["content_type"] or ""),
        (
            "Ranges",
            "yes: it can be resumed, over several connections" if facts["ranged"] else "no: one connection, no resuming",
        ),
        ("Version", ", ".join(version) or "the server gives no validator"),
        *(("Digest", digest) for digest in facts["digests"]),
        ("Goes to", f"{facts['path']}{taken}" if facts["path"] else ""),
    ]
    return (f"{name:<14}{printable(value)}" for name, value in rows if value)


def trial_lines(trials: Sequence[Trial]) -> Iterator[str]:
    """The newest trial as a row of a table, below its heading if it is the first."""
    trial = trials[-1]
    if len(trials) == 1:
        yield "CONNECTIONS         SPEED    GAIN"
    gain = "" if len(trials) == 1 or not trials[-2].speed else f"{(trial.speed / trials[-2].speed - 1) * 100:+.0f} %"
    refused = f"  the server served only {trial.served}" if trial.served < trial.connections else ""
    yield f"{trial.connections:>11}  {format_rate(trial.speed):>12}  {gain:>6}{refused}".rstrip()
