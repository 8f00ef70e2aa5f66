"""What a service says when it gives nothing: one table from its codes to our errors and sentences. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

from dlm.model.address import without_credentials
from dlm.model.error import Denied, DlmError, NotFound, Refused, ServerBusy, ServerFailed, TransferError
from dlm.model.text import printable
from dlm.protocols.http.dates import retry_after
from dlm.protocols.http.fields import Fields
from dlm.protocols.http.judgement import REDIRECTS, refusal
from dlm.protocols.http.xml import Node, Records
from dlm.protocols.s3.address import checked_region

LONGEST_QUOTE = 200


class WrongRegion(Refused):
    """The bucket is elsewhere: in `region`, if the service said so."""

    region: str | None = None


_SECRET = "the secret key does not belong to the access key, or a proxy changed the request"  # noqa: S105 - a sentence
_EXPIRED = "the credentials have expired: log in again (such as aws sso login) or renew them"
_SKEWED = "the clock of this machine is wrong, and signatures are good for 15 minutes only: set the clock"

REFUSALS: dict[str, tuple[type[TransferError], str]] = {
    "NoSuchBucket": (NotFound, "is not there: there is no such bucket"),
    "NoSuchKey": (NotFound, "is not there: the bucket has no such key"),
    "NoSuchVersion": (NotFound, "is not there: the object has no such version"),
    "InvalidAccessKeyId": (Denied, "is refused: the service does not know this access key"),
    "SignatureDoesNotMatch": (Denied, f"is refused: {_SECRET}"),
    "ExpiredToken": (Denied, f"is refused: {_EXPIRED}"),
    "TokenRefreshRequired": (Denied, f"is refused: {_EXPIRED}"),
    "InvalidToken": (Denied, "is refused: the session token is not valid"),
    "RequestTimeTooSkewed": (Denied, f"is refused: {_SKEWED}"),
    "RequestExpired": (Denied, f"is refused: {_SKEWED}"),
    "AccessDenied": (Denied, "is refused: access denied"),
    "AllAccessDisabled": (Denied, "is refused: all access to it is disabled"),
    "AccountProblem": (Denied, "is refused: there is a problem with the account"),
    "InvalidObjectState": (Denied, "is archived: restore it first (aws s3api restore-object), which takes minutes to hours"),
    "InvalidBucketName": (NotFound, "is not there: that is no name of a bucket"),
    "SlowDown": (ServerBusy, "is asked for too often"),
    "ServiceUnavailable": (ServerBusy, "cannot be given now: the service is too busy"),
    "RequestLimitExceeded": (ServerBusy, "is asked for too often"),
    "TooManyRequests": (ServerBusy, "is asked for too often"),
    "InternalError": (ServerFailed, "cannot be given now: the service met an error of its own"),
    "RequestTimeout": (ServerFailed, "cannot be given now: the service waited too long for the request"),
}
_ELSEWHERE = frozenset(
    {"PermanentRedirect", "TemporaryRedirect", "Redirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
)
_OF_AMAZON = re.compile(r"\bs3[.-]([a-z0-9-]+)\.amazonaws\.com")
_TELLING = frozenset({"AccessDenied", "InvalidToken", "AllAccessDisabled", "AccountProblem"})
"""Codes whose own message may say more than our sentence."""


def refused(clock: Callable[[], float]) -> Callable[[int, Fields, bytes, str], TransferError]:
    """What words refusals, see `Dialect`. `clock` gives seconds since the epoch."""

    def worded(status: int, fields: Fields, body: bytes, uri: str) -> TransferError:
        shown = without_credentials(uri)
        error = _error_of(body, shown)
        code = error.get("Code") or ""
        if code in _ELSEWHERE or status in REDIRECTS:
            return _elsewhere(error, fields, shown)
        if fields.get("x-amz-delete-marker") == "true":
            return NotFound(f"{shown} was deleted: its newest version is a delete marker", uri=shown)
        if code not in REFUSALS:
            said = f" ({_quoted(error, code)})" if code else ""
            plain = refusal(status, fields, uri, clock())
            plain.args = (str(plain) + said,)
            return plain
        kind, sentence = REFUSALS[code]
        message = f"{shown} {sentence}"
        if code in _TELLING:
            message += f" ({_quoted(error, code)})"
        if kind is ServerBusy:
            return ServerBusy(message, uri=shown, retry_after=retry_after(fields.get("retry-after"), clock()))
        return kind(message, uri=shown)

    return worded


def _error_of(body: bytes, shown: str) -> Node:
    """The `Error` in the body; an empty one where there is none that can be read."""
    records = Records(("Error",), shown)
    try:
        found = records.feed(body)
    except DlmError:
        found = []
    return found[0] if found else Node("Error")


def _elsewhere(error: Node, fields: Fields, shown: str) -> WrongRegion:
    in_endpoint = _OF_AMAZON.search(error.get("Endpoint") or "")
    said = fields.get("x-amz-bucket-region") or error.get("Region") or (in_endpoint and in_endpoint[1])
    region, location = checked_region(said or None), without_credentials(fields.get("location") or "")
    where = f" in {region}" if region else f" at {printable(location)[:LONGEST_QUOTE]}" if location else ""
    sentence = f"{shown} is elsewhere{where}: name the right region by --region, or the right service by --endpoint-url"
    wrong = WrongRegion(sentence, uri=shown)
    wrong.region = region
    return wrong


def _quoted(error: Node, code: str) -> str:
    message = printable(error.get("Message") or "")[:LONGEST_QUOTE].rstrip(".")
    return f"{printable(code)[:LONGEST_QUOTE]}: {message}" if message else printable(code)[:LONGEST_QUOTE]
