"""Errors as problem documents (RFC 9457): what happened, in a sentence, with a status that says whose affair it is."""

from __future__ import annotations

import msgspec

from dlm.model.error import (
    Conflict,
    Denied,
    DigestMismatch,
    DlmError,
    DownloadNotFound,
    IllegalTransition,
    InvalidRequest,
    NotFound,
    StateUnusable,
    StorageError,
    TimedOut,
    TransferError,
    UnsupportedUri,
)

MEDIA_TYPE = "application/problem+json"
STATUSES: dict[type[DlmError], int] = {
    DlmError: 500,
    InvalidRequest: 400,
    UnsupportedUri: 422,
    DownloadNotFound: 404,
    Conflict: 409,
    IllegalTransition: 409,
    TransferError: 502,
    TimedOut: 504,
    NotFound: 502,
    Denied: 502,
    DigestMismatch: 409,
    StorageError: 507,
    StateUnusable: 503,
}
"""What another server did is a bad gateway, whatever it said: its 404 is not ours."""
TITLES = {
    400: "The request makes no sense",
    401: "A token is needed",
    403: "Not allowed",
    404: "There is no such thing",
    405: "Not done that way",
    408: "Too slow",
    409: "Not possible as things stand",
    411: "Its length is in doubt",
    412: "It has changed meanwhile",
    413: "Too large",
    415: "Not JSON",
    421: "Asked of another host",
    422: "Understood, but it cannot be carried out",
    429: "Too many wrong tokens",
    431: "Too many headers",
    500: "dlm has failed",
    502: "The other server did not give it",
    503: "Not ready",
    504: "The other server was silent",
    507: "The disk would not take it",
}


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The document. `kind` is dlm's word for the error, as in `--json`."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    kind: str | None = None


def status_of(error: DlmError) -> int:
    """The status of an error: that of the nearest ancestor in the table."""
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def problem_of(error: DlmError) -> Problem:
    """The document of an error of ours. Its sentence is fit to be shown, as every `DlmError`'s is."""
    status = status_of(error)
    return Problem(title=TITLES[status], status=status, detail=str(error), kind=type(error).__name__)


def problem(status: int, detail: str, kind: str | None = None) -> Problem:
    """A document for what is no `DlmError`."""
    return Problem(title=TITLES[status], status=status, detail=detail, kind=kind)
