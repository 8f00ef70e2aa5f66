"""Everything that can go wrong, in our words, and what each means for the policy and for the caller.

Rules
-----
* Foreign errors never cross a seam; an adapter maps them here by one literal table, with the cause.
* A message says what happened, to which URL or file, and what to do. It never holds a secret.
* `Verdict` tells the policy what to try; `EXIT_CODES` tells a script what happened.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from dlm.model.span import Span


class Verdict(Enum):
    """What an error means for the policy."""

    RETRY = "retry"  # the same request may succeed soon
    WAIT = "wait"  # it may succeed after the time that the server asked for
    NEXT_MIRROR = "next_mirror"  # this address will not give it; another may
    DEGRADE = "degrade"  # go on with fewer demands: one stream, no ranges
    RESTART = "restart"  # what is on disk belongs to another version: begin again
    REPAIR = "repair"  # some spans are wrong: fetch those again
    FATAL = "fatal"  # nothing that dlm may try by itself will help


class DlmError(Exception):
    """Something went wrong that dlm can name."""

    verdict: Verdict = Verdict.FATAL

    @property
    def kind(self) -> str:
        """The stable name of this kind of error, for JSON and for the database."""
        return type(self).__name__


class InvalidRequest(DlmError):
    """The request cannot be carried out as it was written."""


class UnsupportedUri(InvalidRequest):
    """No protocol of this installation takes this address."""


class DownloadNotFound(DlmError):
    """No download, or more than one, goes by this id."""


class Conflict(DlmError):
    """Somebody else holds or has changed the download."""


class IllegalTransition(DlmError):
    """The table of phases has no such row: a defect of dlm, never of the user."""


class NotSmall(DlmError):
    """A download that was begun beside the others needs a place of its own. Between the planes only: users never see it."""


class TransferError(DlmError):
    """Bytes could not be fetched. `uri` is where, without credentials."""

    def __init__(self, message: str, *, uri: str = "") -> None:
        super().__init__(message)
        self.uri = uri


class Unreachable(TransferError):
    """The server could not be reached, or the connection was lost."""

    verdict = Verdict.RETRY


class TimedOut(TransferError):
    """Nothing, or next to nothing, came for too long."""

    verdict = Verdict.RETRY


class Truncated(TransferError):
    """The reply ended before the bytes that it had promised."""

    verdict = Verdict.RETRY


class ProtocolViolation(TransferError):
    """The reply breaks the rules of its protocol, so no byte of it was used."""

    verdict = Verdict.RETRY


class ServerBusy(TransferError):
    """The server asks to come back later; `retry_after` is in seconds, `None` when it did not say."""

    verdict = Verdict.WAIT

    def __init__(self, message: str, *, uri: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, uri=uri)
        self.retry_after = retry_after


class ServerFailed(TransferError):
    """The server met a failure of its own (HTTP 5xx)."""

    verdict = Verdict.RETRY


class NotFound(TransferError):
    """The server has nothing at this address."""

    verdict = Verdict.NEXT_MIRROR


class Denied(TransferError):
    """The server, or a proxy, wants other credentials or refuses."""

    verdict = Verdict.NEXT_MIRROR


class Refused(TransferError):
    """The server answered, but with something that is not the file."""

    verdict = Verdict.NEXT_MIRROR


class RangeIgnored(TransferError):
    """The server did not give the range that was asked for."""

    verdict = Verdict.DEGRADE


class ResourceChanged(TransferError):
    """The bytes on the server are no longer those that the download began with."""

    verdict = Verdict.RESTART


class Untrusted(TransferError):
    """The peer failed a safety check (certificate, redirect policy, size cap)."""


class UnknownHostKey(Untrusted):
    """The key of an SSH server that nobody has vouched for yet.

    `fingerprint` is `SHA256:` and its digest; `line`, added to the file `known_hosts`, would make it known.
    """

    def __init__(self, message: str, *, uri: str = "", fingerprint: str = "", line: str = "", known_hosts: str = "") -> None:
        super().__init__(message, uri=uri)
        self.fingerprint = fingerprint
        self.line = line
        self.known_hosts = known_hosts


class WorkerLost(DlmError):
    """The process that carried the download has died."""

    verdict = Verdict.RETRY


class StorageError(DlmError):
    """The local file system would not do it. `path` is where."""

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(message)
        self.path = path


class DiskFull(StorageError):
    """No space is left for the file."""


class NameTaken(StorageError):
    """A file of that name exists and may not be replaced."""


class ReadOnly(StorageError):
    """The place cannot be written to."""


class PartLost(StorageError):
    """The partial file is gone, or is no longer the file that dlm wrote."""

    verdict = Verdict.RESTART


class StateUnusable(StorageError):
    """The database of downloads cannot be opened or trusted."""


class IntegrityError(DlmError):
    """What was fetched is not what it should be."""


class DigestMismatch(IntegrityError):
    """A digest does not match; `spans` are the bytes that it covers."""

    verdict = Verdict.REPAIR

    def __init__(self, message: str, spans: Iterable[Span] = ()) -> None:
        super().__init__(message)
        self.spans = tuple(spans)


class AnotherFile(IntegrityError):
    """The address gives another file than the one whose bytes are kept."""


class ExitCode:
    """What a script sees."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    REFUSED = 4
    NETWORK = 5
    DISK = 6
    WRONG_CONTENT = 7
    INTERRUPTED = 130


EXIT_CODES: dict[type[DlmError], int] = {
    DlmError: ExitCode.FAILED,
    InvalidRequest: ExitCode.USAGE,
    DownloadNotFound: ExitCode.NOT_FOUND,
    NotFound: ExitCode.NOT_FOUND,
    Denied: ExitCode.REFUSED,
    Untrusted: ExitCode.REFUSED,
    TransferError: ExitCode.NETWORK,
    StorageError: ExitCode.DISK,
    IntegrityError: ExitCode.WRONG_CONTENT,
    ResourceChanged: ExitCode.WRONG_CONTENT,
}


def exit_code(kind: type[BaseException]) -> int:
    """The exit code of an error: that of the nearest ancestor in the table."""
    for ancestor in kind.__mro__:
        if ancestor in EXIT_CODES:
            return EXIT_CODES[ancestor]
    return ExitCode.FAILED


def error_named(kind: str) -> type[DlmError]:
    """The error that is called so, `DlmError` itself for a kind that this version does not know."""
    waiting: list[type[DlmError]] = [DlmError]
    while waiting:
        each = waiting.pop()
        if each.__name__ == kind:
            return each
        waiting += each.__subclasses__()
    return DlmError
