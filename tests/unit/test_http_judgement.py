"""What the head of a reply means: taken, refused, or a sign that the file is another one, before a byte is touched."""

from __future__ import annotations

from dataclasses import replace

import pytest

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
from dlm.model.resource import Mirror, Resource, Validator
from dlm.model.span import Span
from dlm.protocols.http.fields import Fields
from dlm.protocols.http.judgement import RangeRequest, judge_opening, judge_range

URI = "https://me:secret@host/file?token=secret"
MIRROR = Mirror(URI)
WHOLE = {"content-range": "bytes 0-999/1000", "content-length": "1000", "etag": '"1"'}
ASKED = RangeRequest(Span(100, 200), 1000, Validator('"1"'), "application/x-iso", elsewhere=False, coded=False)
PART = {"content-range": "bytes 100-199/1000", "content-length": "100", "etag": '"1"', "content-type": "application/x-iso"}


def opened(status: int, fields: dict[str, str], asked: Span | None = None, *, decoded: bool = True) -> Resource:
    """The Resource that such a first reply shows."""
    return judge_opening(status, Fields(fields.items()), MIRROR, asked, decoded=decoded, now=0.0)


def ranged(status: int, fields: dict[str, str], request: RangeRequest = ASKED) -> None:
    """Judge a later reply."""
    judge_range(status, Fields(fields.items()), request, URI, 0.0)


@pytest.mark.parametrize(
    ("status", "fields", "size", "ranges"),
    [
        (206, WHOLE, 1000, True),
        (206, {"content-range": "bytes 0-999/*"}, None, True),
        (200, {"content-length": "1000"}, 1000, False),
        (200, {"content-length": "1000", "accept-ranges": "bytes"}, 1000, True),
        (200, {"transfer-encoding": "chunked"}, None, False),
        (203, {"content-length": "5"}, 5, False),
        (204, {}, 0, False),
        (200, {"content-length": "10", "content-encoding": "gzip", "accept-ranges": "bytes"}, None, False),
        (200, {"content-length": "10", "content-encoding": "identity", "accept-ranges": "bytes"}, 10, True),
    ],
)
def test_what_a_first_reply_shows(status: int, fields: dict[str, str], size: int | None, ranges: bool) -> None:
    """Size and ranges, as far as they are told."""
    resource = opened(status, fields)
    assert (resource.part.size, resource.ranged) == (size, ranges)
    assert resource.mirrors == (MIRROR,)


def test_a_coding_that_is_the_files_own_is_left() -> None:
    """Of a file that is compressed by its own name, the bytes on the wire are the file's."""
    resource = opened(200, {"content-length": "10", "content-encoding": "gzip"}, decoded=False)
    assert (resource.part.size, resource.encoded) == (10, False)


@pytest.mark.parametrize(
    ("status", "fields", "kind"),
    [
        (401, {}, Denied),
        (403, {}, Denied),
        (404, {}, NotFound),
        (407, {}, Denied),
        (410, {}, NotFound),
        (400, {}, Refused),
        (302, {}, Refused),
        (429, {}, ServerBusy),
        (500, {}, ServerFailed),
        (500, {"retry-after": "7"}, ServerBusy),
        (503, {"retry-after": "7"}, ServerBusy),
        (416, {"content-range": "bytes */0"}, RangeIgnored),
        (206, {}, RangeIgnored),
        (206, {"content-range": "bytes 5-9/10"}, ProtocolViolation),
        (206, {"content-range": "bytes 0-9/10", "content-type": "multipart/byteranges; boundary=x"}, RangeIgnored),
    ],
)
def test_first_replies_that_bring_no_file(status: int, fields: dict[str, str], kind: type[TransferError]) -> None:
    """Each is the error that says what to try next; no secret is in it."""
    with pytest.raises(kind) as caught:
        opened(status, fields)
    assert type(caught.value) is kind
    assert "secret" not in str(caught.value) + caught.value.uri
    if isinstance(caught.value, ServerBusy) and fields:
        assert caught.value.retry_after == 7


@pytest.mark.parametrize(
    ("status", "fields", "size"),
    [
        (206, {"content-range": "bytes 100-199/1000"}, 100),
        (206, {"content-range": "bytes 100-149/150"}, 50),
        (206, {"content-range": "bytes 100-999/1000"}, 100),
    ],
)
def test_a_part_that_the_user_wants(status: int, fields: dict[str, str], size: int) -> None:
    """Its size is what there is of it, however much more is sent."""
    assert opened(status, fields, Span(100, 200)).part.size == size


@pytest.mark.parametrize(
    ("status", "fields", "words"),
    [
        (200, {"content-length": "1000"}, "cannot give a part"),
        (416, {"content-range": "bytes */50"}, "it has 50 bytes"),
        (416, {}, "has no bytes 100-199"),
    ],
)
def test_a_part_that_cannot_be_had(status: int, fields: dict[str, str], words: str) -> None:
    """It is refused: no other request would bring it."""
    with pytest.raises(Refused, match=words):
        opened(status, fields, Span(100, 200))


@pytest.mark.parametrize(
    "fields",
    [
        PART,
        {**PART, "content-range": "bytes 100-199/*"},
        {**PART, "content-range": "bytes 100-149/1000"},
        {**PART, "content-range": "bytes 100-999/1000"},
        {"content-range": "bytes 100-199/1000"},
    ],
)
def test_replies_that_bring_the_range(fields: dict[str, str]) -> None:
    """From the right byte on, of the same version, as far as they say; a shorter or longer one is clipped elsewhere."""
    ranged(206, fields)


@pytest.mark.parametrize(
    ("status", "fields", "kind"),
    [
        (200, {"etag": '"2"', "content-length": "1000"}, ResourceChanged),
        (206, {**PART, "etag": '"2"'}, ResourceChanged),
        (206, {**PART, "content-range": "bytes 100-199/2000"}, ResourceChanged),
        (416, {"content-range": "bytes */50"}, ResourceChanged),
        (200, {"etag": '"1"', "content-length": "999"}, ResourceChanged),
        (200, {"etag": '"1"', "content-length": "1000"}, RangeIgnored),
        (416, {}, RangeIgnored),
        (206, {**PART, "content-range": "bytes 0-99/1000"}, RangeIgnored),
        (206, {**PART, "content-range": "lines 100-199/1000"}, RangeIgnored),
        (206, {"etag": '"1"'}, RangeIgnored),
        (206, {**PART, "content-encoding": "gzip"}, RangeIgnored),
        (206, {**PART, "etag": 'W/"1"'}, RangeIgnored),
        (206, {**PART, "etag": 'W/"2"'}, ResourceChanged),
        (206, {**PART, "content-type": "multipart/byteranges"}, RangeIgnored),
        (200, {"content-type": "text/html"}, Refused),
        (403, {}, Denied),
        (404, {}, NotFound),
        (503, {}, ServerBusy),
    ],
)
def test_replies_that_do_not_bring_the_range(status: int, fields: dict[str, str], kind: type[TransferError]) -> None:
    """Another version, another place, or no file at all: each is told apart, and no secret with it."""
    with pytest.raises(kind) as caught:
        ranged(status, fields)
    assert type(caught.value) is kind
    assert "secret" not in str(caught.value) + caught.value.uri


def test_a_weak_tag_that_became_strong_is_the_same_file() -> None:
    """As Apache has it, a second after the file was written; that proves nothing, and contradicts nothing."""
    began = replace(ASKED, validator=Validator(etag='W/"1"'))
    ranged(206, {**PART, "etag": '"1"'}, began)
    with pytest.raises(ResourceChanged):
        ranged(206, {**PART, "etag": '"2"'}, began)


def test_another_place_must_prove_that_it_is_the_same_file() -> None:
    """Where redirects lead elsewhere than before, a reply without the validator is not believed."""
    bare = {"content-range": "bytes 100-199/1000"}
    ranged(206, bare)
    with pytest.raises(ResourceChanged, match="redirects elsewhere"):
        ranged(206, bare, replace(ASKED, elsewhere=True))
    ranged(206, PART, replace(ASKED, elsewhere=True))
