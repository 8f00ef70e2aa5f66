"""What a client says: one type for each, from which reading and the schema are made.

Members that are not known are refused, so that a misspelt one is no surprise.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

MOST_ADDED = 10_000
MOST_NAMED = 1_000

Address = Annotated[str, Meta(min_length=1, max_length=16_384)]
Text = Annotated[str, Meta(max_length=4_096)]
Reference = Annotated[str, Meta(pattern="^[0-9a-f]{1,16}$")]
Rate = Annotated[int, Meta(ge=0, le=2**53)]
PhaseName = Literal["pending", "scheduled", "running", "completing", "waiting", "paused", "completed", "failed", "cancelled"]
PriorityName = Literal["high", "normal", "low"]
FormatName = Literal["aria2", "session", "list", "csv", "tsv", "jsonl", "har", "curl", "metalink"]
LaneName = Literal["now", "returning", "interactive", "automatic", "retry"]


class Incoming(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a client says."""


class RecursionIn(Incoming, frozen=True, kw_only=True):
    """How much of a folder is wanted: so many levels down, by shell patterns; `newer` fetches again what has changed."""

    depth: Annotated[int, Meta(ge=0, le=1000)] | None = None
    include: Annotated[list[Text], Meta(max_length=100)] = []
    exclude: Annotated[list[Text], Meta(max_length=100)] = []
    newer: bool = False


class SpecIn(Incoming, frozen=True, kw_only=True):
    """How a download is to be fetched: the members of a spec that a client may choose. What is left out is as configured, and
    `null` as well; in an edit, what is left out stays, and `null` takes it away.

    What names files of this machine (cookies, certificates, keys, netrc, profiles) cannot be chosen from afar.
    """

    directory: Text | UnsetType | None = UNSET
    output: Text | UnsetType | None = UNSET
    connections: Annotated[int, Meta(ge=1, le=256)] | UnsetType | None = UNSET
    checksum: Text | UnsetType | None = UNSET
    limit_rate: Rate | UnsetType | None = UNSET
    headers: Annotated[dict[str, str], Meta(max_length=100)] | UnsetType | None = UNSET
    user_agent: Text | UnsetType | None = UNSET
    referer: Text | UnsetType | None = UNSET
    user: Text | UnsetType | None = UNSET
    bearer: Text | UnsetType | None = UNSET
    hostkey: Text | UnsetType | None = UNSET
    range: Text | UnsetType | None = UNSET
    overwrite: bool | UnsetType | None = UNSET
    resume: bool | UnsetType | None = UNSET
    retries: Annotated[int, Meta(ge=0, le=10000)] | UnsetType | None = UNSET
    timeout: Annotated[float, Meta(gt=0, le=86400)] | UnsetType | None = UNSET
    http3: bool | UnsetType | None = UNSET
    endpoint_url: Text | UnsetType | None = UNSET
    region: Text | UnsetType | None = UNSET
    anonymous: bool | UnsetType | None = UNSET
    requester_pays: bool | UnsetType | None = UNSET
    ftp_tls: bool | UnsetType | None = UNSET
    ftp_active: bool | UnsetType | None = UNSET
    follow: bool | UnsetType | None = UNSET
    recursive: RecursionIn | UnsetType | None = UNSET


class AddIn(SpecIn, frozen=True, kw_only=True):
    """A download to be queued. Several `uris` are mirrors of one file."""

    uris: Annotated[list[Address], Meta(min_length=1, max_length=64)]
    priority: PriorityName = "normal"
    start_at: Annotated[float, Meta(ge=0, le=253_402_300_799)] | None = None
    group: Text | None = None
    paused: bool = False
    now: bool = False
    """Whether it takes a slot at once, from another download if need be."""


class BulkIn(Incoming, frozen=True, kw_only=True):
    """Many downloads at once: all are added, or none."""

    downloads: Annotated[list[AddIn], Meta(min_length=1, max_length=MOST_ADDED)]


class ImportIn(Incoming, frozen=True, kw_only=True):
    """A list that others have written, as `dlm import` reads it: as `text`, or as the `content` of its file.

    What it says of a download beats what is said here. With `dry_run` nothing is added. `types`, `min_size` and `any_status`
    are for a browser's recording. A list may not choose what no client may: files of this machine, proxies, unchecked
    certificates.
    """

    name: Annotated[str, Meta(min_length=1, max_length=255)] = "the document"
    text: str | None = None
    content: bytes | None = None
    format: FormatName | None = None
    dry_run: bool = False
    directory: Text | None = None
    group: Text | None = None
    priority: PriorityName = "normal"
    paused: bool = False
    connections: Annotated[int, Meta(ge=1, le=256)] | None = None
    limit_rate: Rate | None = None
    types: Annotated[list[Annotated[str, Meta(min_length=1, max_length=100)]], Meta(max_length=20)] = []
    min_size: Annotated[int, Meta(ge=0, le=2**53)] = 0
    any_status: bool = False
    expand: bool = False
    ignore_unknown: bool = False


class PreviewIn(SpecIn, frozen=True, kw_only=True):
    """An address to be looked at. Nothing is added."""

    uris: Annotated[list[Address], Meta(min_length=1, max_length=64)]


class BenchIn(SpecIn, frozen=True, kw_only=True):
    """An address to be measured with so many connections, each number for so many seconds. The bytes are thrown away."""

    uris: Annotated[list[Address], Meta(min_length=1, max_length=1)]
    counts: Annotated[list[Annotated[int, Meta(ge=1, le=64)]], Meta(min_length=1, max_length=8)]
    seconds: Annotated[float, Meta(gt=0, le=10)]


class ChangeIn(SpecIn, frozen=True, kw_only=True):
    """An edit: what is given is changed. `uris` replaces all addresses, `mirrors` adds some."""

    uris: Annotated[list[Address], Meta(min_length=1, max_length=64)] | UnsetType = UNSET
    mirrors: Annotated[list[Address], Meta(max_length=64)] = []
    priority: PriorityName | None = None
    start_at: Annotated[float, Meta(ge=0, le=253_402_300_799)] | None = None
    group: Text | None = None


class OrderIn(Incoming, frozen=True, kw_only=True):
    """An order for several downloads: those in `ids` (any unique prefixes), or all that stand in `phases` and in `group`.

    All that there are have to be meant in so many words: `everybody`.
    """

    order: Literal["pause", "resume", "retry", "cancel"]
    ids: Annotated[list[Reference], Meta(max_length=MOST_NAMED)] = []
    phases: list[PhaseName] | None = None
    group: Text | None = None
    everybody: bool = False
    now: bool = False


class RemoveIn(Incoming, frozen=True, kw_only=True):
    """What is to be forgotten, named as in `OrderIn`. Finished files go only with `delete_files`."""

    ids: Annotated[list[Reference], Meta(max_length=MOST_NAMED)] = []
    phases: list[PhaseName] | None = None
    group: Text | None = None
    everybody: bool = False
    delete_files: bool = False


class MoveIn(Incoming, frozen=True, kw_only=True):
    """The place in the queue, from 1."""

    position: Annotated[int, Meta(ge=1, le=2**31)]


class LimitIn(Incoming, frozen=True, kw_only=True):
    """A rate for all together, or for one host (`name:port`); `null` or 0 lifts it."""

    rate: Rate | None
    host: Annotated[str, Meta(min_length=1, max_length=300)] | None = None
