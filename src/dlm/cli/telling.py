"""All that is recorded of one download, as text for people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from dlm.cli.facts import checkpoint_facts, spec_facts
from dlm.cli.sentences import kept
from dlm.model.download import Checkpoint, Download, DownloadSpec
from dlm.model.event import Transition
from dlm.model.phase import status
from dlm.model.text import printable
from dlm.model.units import format_size
from dlm.ports import Story

_SHOWN_ELSEWHERE = {"uris", "directory", "output"}


def told(story: Story) -> str:
    """The facts, what was asked for, the checkpoint, and the transitions in order."""
    blocks = [[*_facts(story.download)], [*_wishes(story.download.spec)]]
    if story.checkpoint is not None:
        blocks.append([*_checkpoint(story.checkpoint)])
    aligned = [f"{name:<14}{printable(value)}".rstrip() for block in blocks for name, value in block]
    return "\n".join([*aligned, *(["", "History"] if story.transitions else []), *map(_step, story.transitions)]) + "\n"


def _facts(download: Download) -> Iterator[tuple[str, str]]:
    safe = spec_facts(download.spec)
    yield "Id", download.id
    yield "Status", status(download.phase, download.intent)
    for uri in safe["uris"]:
        yield "URL", uri
    yield "Name", download.name or "not known yet"
    yield "Directory", download.spec.directory
    if download.spec.output is not None:
        yield "Output", download.spec.output
    yield "Size", "not known" if download.size is None else f"{format_size(download.size)} ({download.size} bytes)"
    yield "Kept", kept(download)
    if download.path is not None:
        yield "File", download.path
    if download.verified is not None:
        yield "Verification", str(download.verified)
    if download.fault is not None:
        yield "Error", f"{download.fault.kind}: {download.fault.message}"
    yield "Added", _moment(download.added)
    if download.finished is not None:
        yield "Finished", _moment(download.finished)


def _wishes(spec: DownloadSpec) -> Iterator[tuple[str, str]]:
    """What was asked for beyond the defaults."""
    preset = spec_facts(DownloadSpec(uris=spec.uris, directory=spec.directory, output=spec.output))
    for name, value in spec_facts(spec).items():
        if name not in _SHOWN_ELSEWHERE and value != preset[name]:
            shown = ", ".join(value) if isinstance(value, list) else str(value)
            yield name.replace("_", " ").capitalize(), shown


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


def _step(step: Transition) -> str:
    detail = f": {step.detail}" if step.detail else ""
    return printable(f"{_moment(step.at)}  {step.origin.value} -> {step.target.value} ({step.cause.value}{detail})")


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")
