"""What the two planes say to each other: frozen values only, so that a pipe between processes can carry them.

The control plane starts a transfer with `Start` and ends it by cancelling it. The transfer plane reports. `Resolved`,
`Checkpointed`, `Completing`, `Published`, `Observed`, `Expanded` and `Listed` are *commitments*: the transfer waits until
they are durable, because its next step relies on that. `Progressed`, `ConnectionEnded`, `Gathered`, `MirrorDropped` and
`PieceSpoilt` are *news*: nothing waits for them, and the newest sample of progress replaces older ones.
"""

from __future__ import annotations

from dlm.model.download import Checkpoint, Download, DownloadId, DownloadSpec
from dlm.model.recursion import Folder, Found, Frontier, Tally
from dlm.model.resource import Pieces, Verified
from dlm.model.span import Span
from dlm.model.value import dataclass

PATIENCE = 120.0
"""Seconds that a foreground transfer waits because a server said so; beyond that it gives up and says until when."""


@dataclass(frozen=True, slots=True)
class Start:
    """Carry this download through; `checkpoint` is what is on stable storage of it already.

    `ceiling` is how many connections the host is known to tolerate, `None` when nothing is known. The transfer sleeps
    `patience` seconds at most before it tries again by itself; what asks for more ends it, with the error.

    A `light` one has no place of its own: it is tried once, without a checkpoint, and ends as `NotSmall` when it turns out
    to be more than a moment's work. `pieces` are the digests of pieces that a Metalink states. `frontier` is how far the
    listing of a folder had come, `None` where it begins.
    """

    download: Download
    checkpoint: Checkpoint | None
    ceiling: int | None = None
    patience: float = PATIENCE
    light: bool = False
    pieces: Pieces | None = None
    frontier: Frontier | None = None


@dataclass(frozen=True, slots=True)
class Resolved:
    """The Resource and the Place of its partial file are known. From here on the download can be resumed."""

    id: DownloadId
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class Checkpointed:
    """The bytes that the checkpoint claims have been synced, which took so many seconds: they may be recorded now."""

    id: DownloadId
    checkpoint: Checkpoint
    took: float = 0.0


@dataclass(frozen=True, slots=True)
class Completing:
    """Verified and synced; the partial file is about to get the name `path`."""

    id: DownloadId
    checkpoint: Checkpoint
    path: str
    verified: Verified


@dataclass(frozen=True, slots=True)
class Published:
    """The file has the name `path` and the directory is synced. `checkpoint` is given where nothing could be claimed before
    it had one."""

    id: DownloadId
    path: str
    checkpoint: Checkpoint | None = None


@dataclass(frozen=True, slots=True)
class Observed:
    """What the transfer learned about a host (`name:port`) that later downloads should know.

    `connections` is how many it served, `None` when it was not pushed to a limit. `version` is that of HTTP, such as
    `1.1`. The host asked for `retry_after` seconds of peace.
    """

    id: DownloadId
    host: str
    connections: int | None
    ranges: bool
    version: str | None = None
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Child:
    """One file that an expansion has found, the download that it is to be, and digests of its pieces, where it has any."""

    spec: DownloadSpec
    found: Found
    pieces: Pieces | None = None


@dataclass(frozen=True, slots=True)
class Expanded:
    """An expansion has found these. With `read`, that folder has been read to its end, `folders` of it are to be read next, and
    `tally` counts it in."""

    id: DownloadId
    children: tuple[Child, ...]
    read: Folder | None = None
    folders: tuple[Folder, ...] = ()
    tally: Tally = Tally()


@dataclass(frozen=True, slots=True)
class Listed:
    """An expansion has found all. Its files go below the directory `path`. `omission` says why a name was left out."""

    id: DownloadId
    path: str
    tally: Tally
    omission: str | None = None


@dataclass(frozen=True, slots=True)
class ConnectionView:
    """One connection: the lease it works on, where it is in it, its speed in bytes a second."""

    number: int
    lease: Span
    position: int
    speed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressed:
    """A sample of a running transfer. `downloaded` counts bytes in the file, not on the wire; speeds are bytes a second."""

    id: DownloadId
    total: int | None
    downloaded: int
    instantaneous_speed: float
    smoothed_speed: float
    eta: float | None
    connections: tuple[ConnectionView, ...] = ()
    done: tuple[Span, ...] = ()
    troubled: tuple[Span, ...] = ()
    """Spans whose last connection failed and that nobody has taken up yet."""
    note: str | None = None
    """What the transfer is waiting for, when it is."""
    limited: str | None = None
    """Which of our own limits held it back since the last sample: `total`, `host`, `download`, or `disk` when the bytes
    come faster than they can be made durable."""
    ceiling: int | None = None
    """How many connections the ramp allows at present."""
    refused: bool = False
    """Whether the server would not serve more connections."""


@dataclass(frozen=True, slots=True)
class ConnectionEnded:
    """A connection is over: how many bytes it brought in how many seconds, and with which error it ended, if with one."""

    id: DownloadId
    number: int
    host: str
    bytes: int
    elapsed: float
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Gathered:
    """All bytes of a small file are in memory: nothing of it is fetched any more, and nothing of it is durable yet."""

    id: DownloadId


@dataclass(frozen=True, slots=True)
class MirrorDropped:
    """An address of the file is used no more. `uri` is it, without credentials; `reason` is a clause that says why.

    `lied`: its bytes contradict those of others.
    """

    id: DownloadId
    uri: str
    reason: str
    lied: bool = False

    def __str__(self) -> str:
        return f"the mirror {self.uri} is used no more: {self.reason}"


@dataclass(frozen=True, slots=True)
class PieceSpoilt:
    """A piece was found to be wrong, and is fetched again. `sentence` says which, and who brought it."""

    id: DownloadId
    sentence: str


Commitment = Resolved | Checkpointed | Completing | Published | Observed | Expanded | Listed
News = Progressed | ConnectionEnded | Gathered | MirrorDropped | PieceSpoilt
