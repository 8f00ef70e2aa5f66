"""What a client says: one type for each, from which reading and the schema are made.

Members that are not known are refused, so that a misspelt one is no surprise.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

MOST_ADDED = 10_000
MOST_NAMED = 1_000

Address = Annotated[str, Meta(min_length=1, max_length=16_384)]
Text = Annotated[str, Meta(max_length=4_096)]
Reference = Annotated[str, Meta(pattern="^[0-9a-f]{1,16}$")]
Rate = Annotated[int, Meta(ge=0, le=2**53)]
PhaseName = Literal["pending", "scheduled", "running", "completing", "waiting", "paused", "completed", "failed", "cancelled"]
PriorityName = Literal["high", "normal", "low"]
LaneName = Literal["now", "returning", "interactive", "automatic", "retry"]


class Incoming(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a client says."""


class SpecIn(Incoming, frozen=True, kw_only=True):
    """How a download is to be fetched: the members of a spec that a client may choose. What is left out is as configured.

    What names files of this machine (cookies, certificates, keys, netrc, profiles) cannot be chosen from afar.
    """

    directory: Text | None = None
    output: Text | None = None
    connections: Annotated[int, Meta(ge=1, le=256)] | None = None
    checksum: Text | None = None
    limit_rate: Rate | None = None
    headers: Annotated[dict[str, str], Meta(max_length=100)] | None = None
    user_agent: Text | None = None
    referer: Text | None = None
    user: Text | None = None
    bearer: Text | None = None
    hostkey: Text | None = None
    range: Text | None = None
    overwrite: bool | None = None
    resume: bool | None = None
    retries: Annotated[int, Meta(ge=0, le=10_000)] | None = None
    timeout: Annotated[float, Meta(gt=0, le=86_400)] | None = None
    http3: bool | None = None
    endpoint_url: Text | None = None
    region: Text | None = None
    anonymous: bool | None = None
    requester_pays: bool | None = None
    ftp_tls: bool | None = None
    ftp_active: bool | None = None


class AddIn(SpecIn, frozen=True, kw_only=True):
    """A download to be queued. Several `uris` are mirrors of one file."""

    uris: Annotated[list[Address], Meta(min_length=1, max_length=64)]
    priority: PriorityName = "normal"
    start_at: Annotated[float, Meta(ge=0, le=253_402_300_799)] | None = None
    group: Text | None = None
    paused: bool = False


class BulkIn(Incoming, frozen=True, kw_only=True):
    """Many downloads at once: all are added, or none."""

    downloads: Annotated[list[AddIn], Meta(min_length=1, max_length=MOST_ADDED)]


class PreviewIn(SpecIn, frozen=True, kw_only=True):
    """An address to be looked at. Nothing is added."""

    uris: Annotated[list[Address], Meta(min_length=1, max_length=64)]


class BenchIn(SpecIn, frozen=True, kw_only=True):
    """An address to be measured with so many connections, each number for so many seconds. The bytes are thrown away."""

    uris: Annotated[list[Address], Meta(min_length=1, max_length=1)]
    counts: Annotated[list[Annotated[int, Meta(ge=1, le=64)]], Meta(min_length=1, max_length=8)]
    seconds: Annotated[float, Meta(gt=0, le=10)]


class ChangeIn(SpecIn, frozen=True, kw_only=True):
    """An edit: what is given is changed."""

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
