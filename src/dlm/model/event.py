"""Facts, in the past tense, as the audit trail keeps them and every UI reads them."""

from __future__ import annotations

from dlm.model.download import Download, DownloadId
from dlm.model.message import ConnectionEnded, Progressed
from dlm.model.phase import Cause, Phase
from dlm.model.value import dataclass


@dataclass(frozen=True, slots=True)
class Transition:
    """One durable row of a download's story. `seq` grows with every event recorded; `at` is in seconds since the epoch."""

    seq: int
    id: DownloadId
    at: float
    origin: Phase
    target: Phase
    cause: Cause
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class DownloadAdded:
    """A download is in the Repository."""

    download: Download


@dataclass(frozen=True, slots=True)
class PhaseChanged:
    """A download's phase changed, and the change is durable.

    Read from the record, the download stands as it did when it was read: what came after the transition shows in it already.
    """

    download: Download
    transition: Transition

    @property
    def newest(self) -> bool:
        """Whether the download stands where the transition has led it, and not further on."""
        return self.download.phase is self.transition.target


@dataclass(frozen=True, slots=True)
class ProgressMade:
    """A newer sample of a running transfer."""

    progress: Progressed


MIRROR_DROPPED = "mirror_dropped"
"""The `code` of a `RuntimeWarned`: an address of a file is used no more."""
MIRROR_LIED = "mirror_lied"
"""The same, because its bytes contradict those of others."""

PIECE_SPOILT = "piece_spoilt"
"""The same: a piece of a file came wrong, or has changed on the disk, and is fetched again."""


@dataclass(frozen=True, slots=True)
class RuntimeWarned:
    """Something that a user should know and that stopped nothing."""

    code: str
    message: str
    id: DownloadId | None = None


@dataclass(frozen=True, slots=True)
class DownloadRemoved:
    """A download is no longer in the Repository."""

    download: Download


@dataclass(frozen=True, slots=True)
class DownloadEdited:
    """What was asked for, its priority or its place in the queue has changed."""

    download: Download


@dataclass(frozen=True, slots=True)
class ConnectionClosed:
    """A connection of a running transfer is over."""

    connection: ConnectionEnded


@dataclass(frozen=True, slots=True)
class Lagged:
    """This reader was too slow: `missed` events were dropped. What it shows has to be read again."""

    missed: int


Event = (
    DownloadAdded | PhaseChanged | ProgressMade | RuntimeWarned | DownloadRemoved | DownloadEdited | ConnectionClosed | Lagged
)
