"""`dlm move`, `dlm edit` and `dlm limit`: change what is in the queue, and how fast it may be fetched."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from dlm.cli.asked import one_by_one
from dlm.cli.completing import complete_id
from dlm.cli.configuration import load, surroundings
from dlm.cli.options import WHOSE, json_option, settings_options, start_option, state_option
from dlm.cli.verbs_queue import ask

if TYPE_CHECKING:
    from dlm.model.download import Download
    from dlm.model.queue import Change, Rates, Standing
    from dlm.ports import Downloads

_LAST = 1_000_000_000
_STEPS = {"up": -1, "down": 1}


@click.command("move", epilog="Next in line: dlm move 3f2a91bc top")
@click.argument("id", shell_complete=complete_id)
@click.argument("position", metavar="POSITION")
@state_option
@json_option
@click.pass_context
def move(context: click.Context, /, id: str, position: str, as_json: bool, **flags: Any) -> int:
    """Put a queued download at another place of the queue.

    POSITION is a number from 1, or top, bottom, up or down.
    """
    ends = {"top": 1, "bottom": _LAST}
    if position not in _STEPS and position not in ends and not (position.isdecimal() and 0 < int(position) < _LAST):
        raise click.UsageError(f"'{position}' is not a place: write a number from 1, top, bottom, up or down", context)

    async def moved(downloads: Downloads) -> tuple[Download, Standing]:
        place = ends.get(position) or await _place(downloads, id, position)
        standing = await downloads.move(id, place)
        return (await downloads.show(id)).download, standing

    download, standing = ask(context, flags, moved)
    if as_json:
        from dlm.cli.facts import download_facts, json_line

        facts = {"position": standing.position, "of": standing.of, "ahead": standing.ahead}
        sys.stdout.write(json_line({**facts, **download_facts(download)}))
    else:
        from dlm.cli.faces import write_text
        from dlm.cli.replies import moved_line

        write_text(sys.stdout, moved_line(download, standing) + "\n")
    return 0


async def _place(downloads: Downloads, id: str, position: str) -> int:
    if position not in _STEPS:
        return int(position)
    standing = await downloads.standing(id)
    return max(1, (standing.position if standing else 1) + _STEPS[position])


# --- edit -------------------------------------------------------------------------------------------------------------

_EDITABLE = (
    "directory",
    "connections",
    "limit_rate",
    "retries",
    "timeout",
    "user_agent",
    "referer",
    "cookies",
    "netrc",
    "proxy",
    "insecure",
    "cacert",
    "cert",
    "key",
    "hostkey",
    "overwrite",
    "http3",
    "endpoint_url",
    "region",
    "profile",
    "anonymous",
    "requester_pays",
    "ftp_tls",
    "ftp_active",
    "follow",
)


_EPILOG = "While it runs, its addresses, --limit-rate, --retries and --priority may change; the rest once it is paused."


@click.command("edit", epilog=_EPILOG)
@click.argument("id", shell_complete=complete_id)
@one_by_one(
    click.option("--url", "urls", metavar="URL", multiple=True, help="Fetch it from here instead; repeatable for mirrors."),
    click.option("--add-mirror", "mirrors", metavar="URL", multiple=True, help="Fetch it from here as well; repeatable."),
    click.option("--priority", type=click.Choice(["high", "normal", "low"]), help="Its rank in the queue."),
    start_option,
    click.option("--group", metavar="NAME", help="Belong to this group."),
    click.option("-o", "--output", metavar="FILE", type=click.Path(), help="Save under this name."),
    settings_options(*_EDITABLE, presets=False),
    click.option("--checksum", metavar="ALGO=HEX", help="Accept only a file with this digest, such as sha-256=HEX."),
    click.option("-H", "--header", "headers", metavar="LINE", multiple=True, help="Send these 'Name: value' instead."),
    click.option("--user", metavar="NAME:PASSWORD", help="Log in so."),
    click.option("--bearer", metavar="TOKEN", help="Send this bearer token."),
    state_option,
    json_option,
)
@click.pass_context
def edit(context: click.Context, /, id: str, as_json: bool, **flags: Any) -> int:
    """Change what was asked for.

    What is not named stays as it is. A link that has expired is replaced by --url: what has come is kept, and gone on with once
    the new address is shown to give the same file. What had failed is queued again by a new address.
    """
    change = _change(context, flags)
    download = ask(context, {name: flags[name] for name in WHOSE}, lambda downloads: downloads.edit(id, change))
    if as_json:
        from dlm.cli.facts import download_facts, json_line, spec_facts

        sys.stdout.write(json_line({**download_facts(download), "spec": spec_facts(download.spec)}))
    else:
        from dlm.cli.faces import write_text
        from dlm.cli.replies import edited_line

        write_text(sys.stdout, edited_line(download, change) + "\n")
    return 0


def _change(context: click.Context, flags: dict[str, Any]) -> Change:
    from time import time

    from dlm.cli.process_title import conceal
    from dlm.intake.moments import parse_when
    from dlm.model.address import without_credentials
    from dlm.model.queue import Change
    from dlm.model.rank import Priority

    telling = [url for url in (*flags["urls"], *flags["mirrors"]) if without_credentials(url) != url]
    conceal([*telling, *flags["headers"], flags["user"] or "", flags["bearer"] or "", flags["proxy"] or ""])
    change = Change(
        mirrors=flags["mirrors"],
        fields=_fields(flags),
        priority=Priority[flags["priority"].upper()] if flags["priority"] else None,
        start_at=parse_when(flags["start_at"], time()) if flags["start_at"] else None,
        group=flags["group"],
    )
    if change == Change():
        raise click.UsageError("nothing is to be changed: name what, such as --limit-rate 1M", context)
    return change


def _fields(flags: Mapping[str, Any]) -> dict[str, object]:
    from dlm.intake.specs import read_headers
    from dlm.model.choosing import parse
    from dlm.model.resource import Digest
    from dlm.model.settings import SCHEMA

    current = "" if load({name: flags[name] for name in WHOSE}).remote is not None else surroundings().current
    fields: dict[str, object] = {}
    for name in _EDITABLE:
        said = flags[name]
        if said is not None:
            value = said if isinstance(said, bool) else parse(SCHEMA[name], said, SCHEMA[name].flag)
            path = SCHEMA[name].is_path and isinstance(value, str)
            fields[name] = os.path.normpath(os.path.join(current, os.path.expanduser(str(value)))) if path else value
    if flags["urls"]:
        fields["uris"] = tuple(dict.fromkeys(flags["urls"]))
    if flags["headers"]:
        fields["headers"] = read_headers(flags["headers"], "--header")
    if flags["checksum"]:
        fields["checksum"] = Digest.parse(flags["checksum"])
    return fields | {name: flags[name] for name in ("output", "user", "bearer") if flags[name] is not None}


# --- limit ------------------------------------------------------------------------------------------------------------


@click.command("limit", epilog="Leave room for others: dlm limit 5M. No limit any more: dlm limit off.")
@click.argument("rate", metavar="[RATE|off]", required=False)
@click.option("--host", metavar="HOST", help="For this host only, such as example.org or example.org:8080.")
@click.option("--download", "id", metavar="ID", shell_complete=complete_id, help="For this download only.")
@state_option
@json_option
@click.pass_context
def limit(context: click.Context, /, rate: str | None, host: str | None, id: str | None, as_json: bool, **flags: Any) -> int:
    """Limit how fast the queue is fetched, in every dlm at once.

    Without RATE, the limits are shown. They hold until they are lifted, and count for all downloads together, for all of a
    host, or for one.
    """
    if host is not None and id is not None:
        raise click.UsageError("--host and --download ask for different limits", context)
    from dlm.model.units import parse_rate

    off = rate is None or rate.strip().lower() == "off"
    wanted = None if off else parse_rate(str(rate))

    if id is not None:
        return _limit_download(context, flags, id, (wanted,) if rate is not None else None, as_json)

    whose: tuple[str | None, ...] = hosts_of(host) if host is not None else (None,)

    async def limited(downloads: Downloads) -> Rates:
        for each in whose if rate is not None else ():
            await downloads.limit(wanted, host=each)
        return await downloads.limits()

    _write_rates(ask(context, flags, limited), host, as_json)
    return 0


def hosts_of(text: str) -> tuple[str, ...]:
    """The keys (`name:port`) of a host as users write it: an address, `name:port`, or a name for https and http."""
    from dlm.model.address import host_of
    from dlm.model.error import InvalidRequest

    words = text.strip()
    names = [words] if "://" in words else [f"https://{words}", f"http://{words}"]
    keys = tuple(dict.fromkeys(host_of(name) for name in names))
    if any(not key.rpartition(":")[0] or key.endswith(":0") for key in keys):
        raise InvalidRequest(f"--host: '{text}' is not a host: write example.org or example.org:8080")
    return keys


def _limit_download(
    context: click.Context, flags: dict[str, Any], id: str, rate: tuple[int | None] | None, as_json: bool
) -> int:
    from dlm.model.queue import Change

    async def limited(downloads: Downloads) -> Download:
        if rate is None:
            return (await downloads.show(id)).download
        return await downloads.edit(id, Change(fields={"limit_rate": rate[0]}))

    download = ask(context, flags, limited)
    if as_json:
        from dlm.cli.facts import json_line

        sys.stdout.write(json_line({"download_id": download.id, "limit": download.spec.limit_rate}))
    else:
        from dlm.cli.faces import write_text
        from dlm.cli.replies import rate_text, titled

        write_text(sys.stdout, f"{titled(download)}  {rate_text(download.spec.limit_rate)}\n")
    return 0


def _write_rates(rates: Rates, host: str | None, as_json: bool) -> None:
    shown = {key: rates.hosts.get(key) for key in hosts_of(host)} if host is not None else dict(sorted(rates.hosts.items()))
    if as_json:
        from dlm.cli.facts import json_line

        sys.stdout.write(json_line({"total": rates.total, "hosts": shown}))
        return
    from dlm.cli.faces import write_text
    from dlm.cli.replies import rate_text
    from dlm.model.text import printable

    rows = [] if host is not None else [("All together", rates.total)]
    rows += list(shown.items())
    width = max(len(name) for name, _ in rows)
    write_text(sys.stdout, "".join(printable(f"{name:<{width}}  {rate_text(rate)}") + "\n" for name, rate in rows))
