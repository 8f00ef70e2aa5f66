"""What the head of a reply means for a download. Pure: decides before the first byte of the body is touched.

libcurl accepts a 200 for a range, a wrong `Content-Range`, an over-long 206 and multipart without a word. Here is
where such replies end.
"""

from __future__ import annotations

from dlm.model.address import without_credentials
from dlm.model.error import (
    Denied,
    NotFound,
    ProtocolViolation,
    RangeIgnored,
    Refused,
    ResourceChanged,
    ServerBusy,
    ServerFailed,
    TransferError,
)
from dlm.model.resource import Mirror, Part, Resource, Validator
from dlm.model.span import Span
from dlm.model.value import dataclass
from dlm.protocols.http.content_range import ContentRange, Unsatisfied, parse
from dlm.protocols.http.dates import http_date, retry_after, strong_date
from dlm.protocols.http.digests import stated_digests
from dlm.protocols.http.fields import Fields, content_length

REDIRECTS = frozenset({301, 302, 303, 307, 308})

_REFUSALS: dict[int, tuple[type[TransferError], str]] = {
    401: (Denied, "wants other credentials: give them with --user NAME:PASSWORD, --bearer or --netrc"),
    403: (Denied, "refuses to give it"),
    404: (NotFound, "is not there"),
    407: (Denied, "cannot be reached: the proxy wants credentials, as --proxy scheme://name:password@host"),
    408: (ServerFailed, "timed out on its side"),
    410: (NotFound, "is gone for good"),
    425: (ServerFailed, "asks to send the request again"),
    429: (ServerBusy, "asks for fewer requests"),
    451: (Denied, "is withheld for legal reasons"),
    503: (ServerBusy, "is too busy"),
}


@dataclass(frozen=True, slots=True)
class RangeRequest:
    """What was asked: the absolute span on the server, and what the reply must agree with.

    `total` is the whole length on the server, `None` when it is not known. `elsewhere` says that redirects led to
    another address than the one that gave the Resource. `coded` says that a content coding is the file's own.
    """

    span: Span
    total: int | None
    validator: Validator
    media_type: str | None
    elsewhere: bool
    coded: bool = False


def refusal(status: int, fields: Fields, uri: str, now: float) -> TransferError:
    """The error for a status that brings no file. `now` is in seconds since the epoch, for `Retry-After`."""
    shown = without_credentials(uri)
    kind, sentence = _REFUSALS.get(status, (ServerFailed if status >= 500 else Refused, "gives no file"))
    message = f"{shown} {sentence} (HTTP {status})"
    wait = retry_after(fields.get("retry-after"), now)
    if kind is ServerBusy or (status >= 500 and wait is not None):
        until = "" if wait is None else f"; it asks to come back in {wait:.0f} s"
        return ServerBusy(message + until, uri=shown, retry_after=wait)
    return kind(message, uri=shown)


def is_encoded(fields: Fields) -> bool:
    """Whether the body comes through a content coding."""
    values = fields.all("content-encoding")
    return any(coding.strip().lower() not in {"", "identity"} for value in values for coding in value.split(","))


def validator_of(fields: Fields) -> Validator:
    """The validators of a reply."""
    modified = fields.get("last-modified")
    return Validator(fields.get("etag") or None, modified, strong_date(modified, fields.get("date")))


def judge_opening(
    status: int, fields: Fields, mirror: Mirror, asked: Span | None, *, decoded: bool, now: float, version: str | None = None
) -> Resource:
    """The Resource that the first reply shows. `asked` is the span that the user wants of it, `None` for the whole.

    `decoded` says that a content coding is being undone, `version` by which HTTP it came. Raises the `TransferError`
    that the reply amounts to: `RangeIgnored` when it makes no sense of the range from the first byte on, and a request
    without one might help.
    """
    uri = without_credentials(mirror.uri)
    if status == 416:
        raise _no_such_bytes(fields, asked, uri)
    if status not in {200, 203, 204, 205, 206}:
        raise refusal(status, fields, mirror.uri, now)
    encoded = is_encoded(fields) and decoded
    size = 0 if status in {204, 205} else content_length(fields)
    ranged = "bytes" in (fields.get("accept-ranges") or "").lower()
    whole = status == 200
    if status == 206:
        given = _given(fields, uri)
        start = 0 if asked is None else asked.start
        if given.start != start:
            raise ProtocolViolation(f"{uri} gives bytes from {given.start} on when asked for those from {start} on", uri=uri)
        ranged = True
        whole = given.start == 0 and given.stop == given.total
        size = given.total if asked is None else min(given.stop, asked.stop) - start
    elif asked is not None:
        raise Refused(f"{uri} cannot give a part of the file: it sends the whole", uri=uri)
    digests = () if asked is not None else stated_digests(fields, 200 if whole else status, encoded)
    part = Part(
        name=_suggested_name(fields),
        size=None if encoded else size,
        digests=digests,
        modified=http_date(fields.get("last-modified")),
    )
    media_type = (fields.get("content-type") or "").partition(";")[0].strip().lower() or None
    return Resource((mirror,), (part,), validator_of(fields), ranged and not encoded, encoded, media_type, version)


def _suggested_name(fields: Fields) -> str | None:
    header = fields.get("content-disposition")
    if header is None:
        return None
    from dlm.protocols.http.disposition import suggested_name  # its grammars take 1 ms to compile

    return suggested_name(header)


def judge_range(status: int, fields: Fields, request: RangeRequest, uri: str, now: float) -> None:
    """Return if the reply brings exactly what was asked, of the same version. Raises otherwise, saying what is wrong."""
    shown = without_credentials(uri)
    validator = validator_of(fields)
    if status == 416:
        _judge_unsatisfied(fields, request, shown)
    if status not in {200, 206}:
        raise refusal(status, fields, uri, now)
    if request.validator.contradicts(validator):
        raise ResourceChanged(f"{shown} has changed on the server since the download began", uri=shown)
    if status == 200:
        _judge_whole(fields, request, shown)
    if request.elsewhere and request.validator.etag is not None and validator.etag is None:
        raise ResourceChanged(f"{shown} redirects elsewhere now, where nothing proves that it is the same file", uri=shown)
    if is_encoded(fields) and not request.coded:
        raise RangeIgnored(f"{shown} sends the range in a content coding, so its bytes have no place in the file", uri=shown)
    given = _given(fields, shown)
    if given.total is not None and request.total is not None and given.total != request.total:
        raise ResourceChanged(f"{shown} has {given.total} bytes now and had {request.total} before", uri=shown)
    if given.start != request.span.start:
        raise RangeIgnored(
            f"{shown} gives bytes from {given.start} on when asked for those from {request.span.start} on", uri=shown
        )


def _no_such_bytes(fields: Fields, asked: Span | None, uri: str) -> TransferError:
    if asked is None:
        return RangeIgnored(f"{uri} says that it has no bytes from 0 on (HTTP 416)", uri=uri)
    said = parse(fields.get("content-range"))
    end = f"; it has {said.total} bytes" if isinstance(said, Unsatisfied) and said.total is not None else ""
    return Refused(f"{uri} has no bytes {asked.start}-{asked.stop - 1}{end}", uri=uri)


def _judge_unsatisfied(fields: Fields, request: RangeRequest, uri: str) -> None:
    said = parse(fields.get("content-range"))
    total = said.total if isinstance(said, Unsatisfied) else None
    if total is not None and total != request.total:
        raise ResourceChanged(f"{uri} has {total} bytes now and had {request.total} before", uri=uri)
    raise RangeIgnored(f"{uri} says that it has no bytes from {request.span.start} on (HTTP 416)", uri=uri)


def _judge_whole(fields: Fields, request: RangeRequest, uri: str) -> None:
    length = content_length(fields)
    media_type = (fields.get("content-type") or "").partition(";")[0].strip().lower()
    if media_type == "text/html" and request.media_type not in {None, media_type}:
        raise Refused(f"{uri} sends a web page now instead of the file: it may want a login, or the link has expired", uri=uri)
    if request.total is not None and length is not None and length != request.total:
        raise ResourceChanged(f"{uri} has {length} bytes now and had {request.total} before", uri=uri)
    raise RangeIgnored(f"{uri} ignores the range and sends the whole file", uri=uri)


def _given(fields: Fields, uri: str) -> ContentRange:
    if (fields.get("content-type") or "").lower().lstrip().startswith("multipart/byteranges"):
        raise RangeIgnored(f"{uri} wraps the range in multipart, which was not asked for", uri=uri)
    given = parse(fields.get("content-range"))
    if not isinstance(given, ContentRange):
        raise RangeIgnored(f"{uri} sends a part without saying which (HTTP 206 without a valid Content-Range)", uri=uri)
    return given
