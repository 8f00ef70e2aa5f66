"""What the hostile server serves, and the honest reply that its lies start from."""

from __future__ import annotations

import hashlib
import zlib

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.hostile import Content, Whole, bomb, content
from tests.hostile.reply import Request, asked_range, honest

SMALL = Content(content(40_000, seed=3))


def test_content_is_the_same_for_a_seed_and_cannot_be_compressed() -> None:
    """`content` repeats itself for a seed, differs between seeds, and does not shrink."""
    assert content(100_000, 1) == content(100_000, 1) == content(200_000, 1)[:100_000]
    assert content(100_000, 1) != content(100_000, 2)
    assert len(zlib.compress(content(100_000, 1), 9)) >= 100_000


def test_versions_differ_everywhere() -> None:
    """A splice of any two versions can be told from each: they differ in every byte, and in their validators."""
    versions = [SMALL, SMALL.changed, SMALL.decoy]
    for one in versions:
        for other in versions:
            if one is not other:
                assert all(a != b for a, b in zip(one.data, other.data, strict=True))
                assert one.etag != other.etag
                assert one.last_modified != other.last_modified
    assert SMALL.grown.size == 2 * SMALL.size
    assert all(a != b for a, b in zip(SMALL.grown.data, SMALL.data, strict=False))
    assert SMALL.version(Whole.EMPTY) == b""
    assert SMALL.sha256 == hashlib.sha256(SMALL.data).hexdigest()


def test_the_bomb_is_a_sound_gzip_stream() -> None:
    """The bomb unpacks to just so many zeros, and is a thousandth of that on the wire."""
    packed = bomb(8 << 20)
    assert zlib.decompress(packed, 31) == bytes(8 << 20)
    assert len(packed) < (8 << 20) / 900


@settings(max_examples=examples(100), deadline=None)
@given(size=st.integers(0, 50), first=st.integers(0, 60), last=st.none() | st.integers(0, 60))
def test_honest_ranges_are_slices(size: int, first: int, last: int | None) -> None:
    """The honest reply to a range is that slice, or 416 when there is none, or the whole when the range is nonsense."""
    file = Content(content(size))
    request = Request("GET", "/f", "HTTP/1.1", {"range": f"bytes={first}-{'' if last is None else last}"})
    reply = honest(request, file)
    if last is not None and last < first:
        assert (reply.status, reply.body) == (200, file.data)
    elif first >= size:
        assert (reply.status, reply.header("Content-Range")) == (416, f"bytes */{size}")
    else:
        stop = size if last is None else min(size, last + 1)
        assert (reply.status, bytes(reply.body)) == (206, file.data[first:stop])
        assert reply.header("Content-Range") == f"bytes {first}-{stop - 1}/{size}"


@given(value=st.text(max_size=30))
def test_odd_ranges_are_no_ranges(value: str) -> None:
    """Whatever stands in Range, it is a range inside the file, one that cannot be had, or none."""
    asked = asked_range(Request("GET", "/f", "HTTP/1.1", {"range": value}), 10)
    assert asked is None or not asked.satisfiable or 0 <= asked.start < asked.stop <= 10
