"""Content-Range: read strictly, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlm.protocols.http.content_range import ContentRange, Unsatisfied, parse
from tests.examples import examples

relaxed = settings(deadline=None, max_examples=examples(300))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes 0-99/200", ContentRange(0, 100, 200)),
        ("bytes 0-0/1", ContentRange(0, 1, 1)),
        ("bytes 100-199/200", ContentRange(100, 200, 200)),
        ("bytes 0-99/*", ContentRange(0, 100, None)),
        ("Bytes  0-99/200 ", ContentRange(0, 100, 200)),
        ("bytes 007-009/010", ContentRange(7, 10, 10)),
        ("bytes 0-999999999999999998/999999999999999999", ContentRange(0, 999999999999999999, 999999999999999999)),
        ("bytes */200", Unsatisfied(200)),
        ("bytes */0", Unsatisfied(0)),
        ("bytes */*", Unsatisfied(None)),
        (None, None),
        ("", None),
        ("bytes", None),
        ("bytes 0-99", None),
        ("bytes=0-99/200", None),
        ("bytes: 0-99/200", None),
        ("0-99/200", None),
        ("items 0-99/200", None),
        ("bytes0-99/200", None),
        ("bytes 99-0/200", None),
        ("bytes 0-200/200", None),
        ("bytes 0-99/50", None),
        ("bytes 0-0/0", None),
        ("bytes -1-99/200", None),
        ("bytes -99/200", None),
        ("bytes 0-/200", None),
        ("bytes 0-99/-200", None),
        ("bytes 0-99/", None),
        ("bytes +0-99/200", None),
        ("bytes 0 - 99/200", None),
        ("bytes 0-99 / 200", None),
        ("bytes 0x0-0x10/0x20", None),
        ("bytes 0-9_9/200", None),
        ("bytes ٠-9/20", None),
        ("bytes 0-٩/20", None),
        ("bytes 0-9/٢٠", None),
        ("bytes 0-99/200, bytes 100-199/200", None),
        ("bytes 0-99/200\n", None),
        ("bytes 0-" + "9" * 30 + "/*", None),
        ("bytes 0-1/" + "9" * 5000, None),
    ],
)
def test_the_field_says_this(header: str | None, expected: ContentRange | Unsatisfied | None) -> None:
    """Each field is read so, with the end exclusive; what is malformed or contradicts itself is nothing."""
    assert parse(header) == expected
    assert type(parse(header)) is type(expected)


@relaxed
@given(st.integers(0, 10**17), st.integers(1, 10**17), st.integers(0, 10**17))
def test_what_a_good_server_writes_is_read_back(start: int, size: int, after: int) -> None:
    """A range that lies within its whole comes back half-open."""
    stop, total = start + size, start + size + after
    assert parse(f"bytes {start}-{stop - 1}/{total}") == ContentRange(start, stop, total)
    assert parse(f"bytes {start}-{stop - 1}/*") == ContentRange(start, stop, None)


@relaxed
@given(st.one_of(st.text(), st.text("bytes 0123456789-/*+ \t").map(lambda text: f"bytes {text}")))
def test_what_is_read_makes_sense(header: str) -> None:
    """No text raises, and what is read is never empty, reversed or beyond its total."""
    match parse(header):
        case ContentRange(start, stop, total):
            assert 0 <= start < stop
            assert total is None or stop <= total
        case Unsatisfied(total):
            assert total is None or total >= 0
        case None:
            pass
