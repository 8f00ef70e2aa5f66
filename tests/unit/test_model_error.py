"""Errors: each has a verdict, an exit code, a stable name, and crosses a pipe whole."""

from __future__ import annotations

import pickle

import pytest

from dlm.model import error
from dlm.model.error import DigestMismatch, DlmError, ExitCode, ServerBusy, Verdict, exit_code
from dlm.model.span import Span

KINDS = sorted(
    (kind for kind in vars(error).values() if isinstance(kind, type) and issubclass(kind, DlmError)),
    key=lambda kind: kind.__name__,
)

CODES = {
    "DlmError": 1, "Conflict": 1, "WorkerLost": 1, "IllegalTransition": 1, "NotSmall": 1,
    "InvalidRequest": 2, "UnsupportedUri": 2,
    "DownloadNotFound": 3, "NotFound": 3,
    "Denied": 4, "Untrusted": 4, "UnknownHostKey": 4,
    "TransferError": 5, "Unreachable": 5, "TimedOut": 5, "Truncated": 5, "ProtocolViolation": 5, "ServerBusy": 5,
    "ServerFailed": 5, "Refused": 5, "RangeIgnored": 5,
    "StorageError": 6, "DiskFull": 6, "NameTaken": 6, "ReadOnly": 6, "PartLost": 6, "StateUnusable": 6,
    "IntegrityError": 7, "DigestMismatch": 7, "AnotherFile": 7, "ResourceChanged": 7,
}  # fmt: skip

VERDICTS = {
    "Unreachable": "retry", "TimedOut": "retry", "Truncated": "retry", "ProtocolViolation": "retry", "ServerFailed": "retry",
    "WorkerLost": "retry", "ServerBusy": "wait",
    "NotFound": "next_mirror", "Denied": "next_mirror", "Refused": "next_mirror",
    "RangeIgnored": "degrade",
    "ResourceChanged": "restart", "PartLost": "restart",
    "DigestMismatch": "repair",
}  # fmt: skip


def test_the_tables_name_every_error() -> None:
    """No kind of error is without an exit code here, and none is named that does not exist."""
    assert {kind.__name__ for kind in KINDS} == set(CODES)
    assert set(VERDICTS) < set(CODES)


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_has_its_exit_code_and_verdict(kind: type[DlmError]) -> None:
    """The code is found by the class; the verdict is fatal unless it is another."""
    assert exit_code(kind) == CODES[kind.__name__]
    assert kind.verdict is Verdict(VERDICTS.get(kind.__name__, "fatal"))
    assert kind("sentence").kind == kind.__name__


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_crosses_a_pipe(kind: type[DlmError]) -> None:
    """Pickled and back, an error has the same kind, sentence and facts."""
    original = kind("what happened")
    original.__dict__["uri"] = "https://h/x"
    copy = pickle.loads(pickle.dumps(original))
    assert type(copy) is kind
    assert str(copy) == "what happened"
    assert vars(copy) == vars(original)


def test_facts_cross_a_pipe() -> None:
    """What an error knows beside its sentence is kept."""
    busy = pickle.loads(pickle.dumps(ServerBusy("later", uri="https://h/", retry_after=5.0)))
    assert (busy.uri, busy.retry_after) == ("https://h/", 5.0)
    mismatch = pickle.loads(pickle.dumps(DigestMismatch("wrong", [Span(0, 5)])))
    assert mismatch.spans == (Span(0, 5),)


def test_foreign_errors_have_failed() -> None:
    """What is not ours, or is not known any more, is a plain failure."""
    assert exit_code(ValueError) == exit_code(BaseException) == ExitCode.FAILED
