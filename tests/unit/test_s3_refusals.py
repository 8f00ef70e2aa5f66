"""What services say when they give nothing, in our words: one table, each row with its error and its exit code."""

from __future__ import annotations

import pytest

from dlm.model.error import (
    Denied,
    ExitCode,
    NotFound,
    ServerBusy,
    ServerFailed,
    TransferError,
    Verdict,
    exit_code,
)
from dlm.protocols.http.fields import Fields
from dlm.protocols.s3.refusals import REFUSALS, WrongRegion, refused

URI = "https://bkt.s3.eu-west-1.amazonaws.com/key"


def error(status: int, code: str, message: str = "", fields: dict[str, str] | None = None, more: str = "") -> TransferError:
    """The error for this refusal."""
    body = f"<?xml version='1.0'?>\n<Error><Code>{code}</Code><Message>{message}</Message>{more}</Error>".encode()
    return refused(lambda: 0.0)(status, Fields((fields or {}).items()), body, URI)


@pytest.mark.parametrize(
    ("status", "code", "kind", "exit", "words"),
    [
        (404, "NoSuchBucket", NotFound, ExitCode.NOT_FOUND, "there is no such bucket"),
        (404, "NoSuchKey", NotFound, ExitCode.NOT_FOUND, "the bucket has no such key"),
        (404, "NoSuchVersion", NotFound, ExitCode.NOT_FOUND, "no such version"),
        (403, "InvalidAccessKeyId", Denied, ExitCode.REFUSED, "does not know this access key"),
        (403, "SignatureDoesNotMatch", Denied, ExitCode.REFUSED, "the secret key does not belong"),
        (400, "ExpiredToken", Denied, ExitCode.REFUSED, "have expired: log in again"),
        (400, "InvalidToken", Denied, ExitCode.REFUSED, "the session token is not valid"),
        (403, "RequestTimeTooSkewed", Denied, ExitCode.REFUSED, "set the clock"),
        (403, "AccessDenied", Denied, ExitCode.REFUSED, "access denied"),
        (403, "InvalidObjectState", Denied, ExitCode.REFUSED, "is archived: restore it first"),
        (503, "SlowDown", ServerBusy, ExitCode.NETWORK, "too often"),
        (500, "InternalError", ServerFailed, ExitCode.NETWORK, "an error of its own"),
    ],
)
def test_a_refusal_is_one_clear_sentence(status: int, code: str, kind: type[TransferError], exit: int, words: str) -> None:
    """Of the right kind, with the right exit code, that begins with the address."""
    found = error(status, code)
    assert type(found) is kind
    assert exit_code(type(found)) == exit
    assert str(found).startswith(URI)
    assert words in str(found)
    assert found.uri == URI


def test_what_cannot_pass_is_not_tried_again() -> None:
    """Wrong keys least of all: only what is busy or broken for a moment is."""
    again = {code for code, (kind, _) in REFUSALS.items() if kind.verdict in {Verdict.RETRY, Verdict.WAIT}}
    assert again == {
        "SlowDown", "ServiceUnavailable", "RequestLimitExceeded", "TooManyRequests", "InternalError", "RequestTimeout"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("status", "code", "fields", "more", "region"),
    [
        (301, "PermanentRedirect", {"x-amz-bucket-region": "eu-central-1"}, "", "eu-central-1"),
        (400, "AuthorizationHeaderMalformed", {}, "<Region>ap-south-1</Region>", "ap-south-1"),
        (301, "", {"x-amz-bucket-region": "eu-central-1"}, "", "eu-central-1"),
        (307, "TemporaryRedirect", {}, "<Endpoint>bkt.s3-us-west-2.amazonaws.com</Endpoint>", "us-west-2"),
        (307, "TemporaryRedirect", {}, "<Endpoint>bkt.s3.us-west-2.amazonaws.com</Endpoint>", "us-west-2"),
        (302, "", {"location": "https://me:hidden@else.example/"}, "", None),
        (301, "PermanentRedirect", {"x-amz-bucket-region": "evil.example/"}, "", None),
        (400, "AuthorizationHeaderMalformed", {}, "", None),
    ],
)
def test_a_bucket_elsewhere_says_where(status: int, code: str, fields: dict[str, str], more: str, region: str | None) -> None:
    """In a field or in the answer, if that is a region's name at all."""
    found = error(status, code, fields=fields, more=more)
    assert isinstance(found, WrongRegion)
    assert found.region == region
    assert "hidden" not in str(found)


def test_what_is_not_known_is_quoted_harmlessly() -> None:
    """Short, on one line, without what turns text around; nothing else of the answer is shown."""
    found = str(error(409, "Odd", "first\n\u202esecond " * 100, more="<StringToSign>hidden</StringToSign>"))
    assert "(Odd: first \N{REPLACEMENT CHARACTER}second first" in found
    assert "hidden" not in found
    assert found.isprintable()
    assert len(found) < 400


def test_a_refusal_without_an_answer_goes_by_its_status() -> None:
    """As one of plain HTTP."""
    for body in (b"", b"<html>no XML<br></html>", b"<!DOCTYPE a><Error><Code>NoSuchKey</Code></Error>"):
        found = refused(lambda: 0.0)(403, Fields(), body, URI)
        assert type(found) is Denied
        assert "HTTP 403" in str(found)


def test_a_deleted_object_is_said_to_be_deleted() -> None:
    """A delete marker is not a missing key."""
    found = error(404, "NoSuchKey", fields={"x-amz-delete-marker": "true"})
    assert type(found) is NotFound
    assert "was deleted" in str(found)
