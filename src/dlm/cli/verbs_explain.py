"""`dlm explain`, `dlm preview` and `dlm bench`: why it is as fast as it is, what an address holds, what connections bring."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from dlm.cli.asked import access_options, place_options, specs_of
from dlm.cli.completing import complete_id
from dlm.cli.configuration import load
from dlm.cli.options import WHOSE, json_option, settings_options, state_option
from dlm.cli.verbs_queue import ask

if TYPE_CHECKING:
    from dlm.model.download import DownloadSpec
    from dlm.model.queue import Explanation, Trial
    from dlm.model.resource import Resource
    from dlm.ports import Downloads


@click.command("explain")
@click.argument("id", shell_complete=complete_id)
@state_option
@json_option
@click.pass_context
def explain(context: click.Context, /, id: str, as_json: bool, **flags: Any) -> int:
    """Say what binds a download now, and what would bind it next."""
    explanation = ask(context, flags, lambda downloads: downloads.explain(id))
    if as_json:
        from dlm.cli.facts import download_facts, json_line

        constraints = [
            {"kind": each.kind, "sentence": each.sentence, "facts": dict(each.facts)} for each in explanation.constraints
        ]
        sys.stdout.write(json_line({**download_facts(explanation.download), "constraints": constraints}))
        return 0
    from dlm.cli.faces import write_text

    write_text(sys.stdout, "".join(text + "\n" for text in _explained(explanation)))
    return 0


def _explained(explanation: Explanation) -> Sequence[str]:
    from dlm.cli.replies import titled
    from dlm.model.phase import status
    from dlm.model.text import printable

    download = explanation.download
    lines = [f"{titled(download)}  {status(download.phase, download.intent)}"]
    for number, each in enumerate(explanation.constraints):
        if number == 1:
            lines.append("Then:")
        lines.append(printable(f"  {each.sentence}"))
    return lines if explanation.constraints else [*lines, "  Nothing holds it back."]


# --- preview ----------------------------------------------------------------------------------------------------------


@click.command("preview")
@click.argument("url", metavar="URL")
@place_options
@access_options
@settings_options("timeout", "http3", "ftp_tls", "ftp_active", *WHOSE)
@json_option
@click.pass_context
def preview(context: click.Context, /, url: str, as_json: bool, **flags: Any) -> int:
    """Ask what a URL holds, and fetch nothing.

    Told are name, size and type, whether it can be resumed, and where it would go.
    """
    settings = load(flags)
    (spec,) = specs_of([url], flags, settings)
    resource = ask(context, flags, lambda downloads: downloads.preview(spec), settings)
    facts = _preview_facts(spec, resource)
    if as_json:
        from dlm.cli.facts import json_line

        sys.stdout.write(json_line(facts))
        return 0
    from dlm.cli.faces import write_text
    from dlm.cli.telling import preview_lines

    write_text(sys.stdout, "".join(text + "\n" for text in preview_lines(facts)))
    return 0


def _preview_facts(spec: DownloadSpec, resource: Resource) -> dict[str, Any]:
    from dlm.model.address import without_credentials

    name = spec.output or resource.part.name
    path = "-" if spec.streams_out else os.path.join(spec.directory, name) if name else None
    return {
        "uri": without_credentials(spec.uris[0]),
        "final_uri": without_credentials(resource.mirrors[0].resolved or resource.mirrors[0].uri),
        "name": resource.part.name,
        "size": resource.part.size,
        "content_type": resource.media_type,
        "ranged": resource.ranged,
        "etag": resource.validator.etag,
        "last_modified": resource.validator.last_modified,
        "digests": [str(each) for each in resource.part.digests],
        "path": path,
        "exists": path is not None and os.path.lexists(path),
    }


# --- bench ------------------------------------------------------------------------------------------------------------


def _counts(_context: click.Context, _parameter: click.Parameter, text: str) -> tuple[int, ...]:
    words = text.split(",")
    if not all(word.strip().isdecimal() and 1 <= int(word) <= 256 for word in words):
        raise click.BadParameter(f"'{text}' is not a list of numbers from 1 to 256: write 1,2,4,8")
    return tuple(sorted({int(word) for word in words}))


@click.command("bench", epilog="The file is fetched and thrown away; take a large one.")
@click.argument("url", metavar="URL")
@click.option(
    "--connections", "counts", metavar="LIST", default="1,2,4,8,16", show_default=True, callback=_counts, help="Try these."
)
@click.option(
    "--seconds", type=click.FloatRange(0.5, 600), default=3.0, show_default=True, metavar="S", help="For each at most."
)
@access_options
@settings_options("timeout", "http3", "ftp_tls", "ftp_active", *WHOSE)
@json_option
@click.pass_context
def bench(context: click.Context, /, url: str, counts: tuple[int, ...], seconds: float, as_json: bool, **flags: Any) -> int:
    """Measure how many connections pay on a host, and remember it."""
    settings = load(flags)
    (spec,) = specs_of([url], flags | {"output": None, "directory": None}, settings)

    async def measured(downloads: Downloads) -> list[Trial]:
        trials: list[Trial] = []
        async for trial in downloads.bench(spec, counts, seconds):
            trials.append(trial)
            _write_trial(trials, as_json)
        return trials

    trials = ask(context, flags, measured, settings)
    _write_choice(spec, trials, as_json)
    return 0


def _write_trial(trials: Sequence[Trial], as_json: bool) -> None:
    from dlm.cli.faces import write_text

    trial = trials[-1]
    if as_json:
        from dlm.cli.facts import json_line

        facts = {"connections": trial.connections, "served": trial.served, "speed": trial.speed, "seconds": trial.seconds}
        write_text(sys.stdout, json_line({"event": "trial", **facts}))
        return
    from dlm.cli.telling import trial_lines

    write_text(sys.stdout, "".join(text + "\n" for text in trial_lines(trials)))


def _write_choice(spec: DownloadSpec, trials: Sequence[Trial], as_json: bool) -> None:
    from dlm.cli.faces import write_text
    from dlm.model.address import host_of
    from dlm.model.queue import best
    from dlm.model.text import printable

    chosen, host = best(trials), host_of(spec.uris[0])
    if as_json:
        from dlm.cli.facts import json_line

        write_text(sys.stdout, json_line({"event": "choice", "host": host, "connections": chosen.connections}))
        return
    plural = "connection" if chosen.connections == 1 else "connections"
    write_text(sys.stdout, printable(f"dlm opens {chosen.connections} {plural} to {host} from now on.") + "\n")
