"""The head of a reply: fields, status line, length."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlm.model.error import ProtocolViolation
from dlm.protocols.http.fields import LARGEST_HEAD, Fields, content_length, parse_status
from tests.examples import examples

relaxed = settings(deadline=None, max_examples=examples(300))


def test_fields_are_found_in_any_case() -> None:
    """Names have no case; the first value and all values are there, in order; absence is `None` and empty."""
    fields = Fields.parse([b'ETag: "x"\r\n', b"Set-Cookie: a=1\r\n", b"set-cookie:b=2 \t\r\n", b"\r\n"])
    assert fields.get("etag") == fields.get("ETAG") == '"x"'
    assert fields.get("Set-Cookie") == "a=1"
    assert fields.all("SET-COOKIE") == ("a=1", "b=2")
    assert fields.get("Absent") is None
    assert fields.all("Absent") == ()


def test_lines_that_are_no_field_count_for_nothing() -> None:
    """Status lines, empty lines, nameless lines and names with spaces are no fields, and no value carries a control."""
    lines = [
        b"HTTP/1.1 200 Well: yes\r\n",
        b": nameless\r\n",
        b"Content-Length : 5\r\n",
        b"no colon\r\n",
        b" folded: at first\r\n",
        b"\r\n",
    ]
    fields = Fields.parse([*lines, b"X: a\x00b\rc\r\n", b"Y:\r\n", b"Z: caf\xe9"])
    assert content_length(fields) is None
    assert fields.get("HTTP/1.1 200 Well") is None
    assert fields.get("folded") is None
    assert fields.get("X") == "a b c"
    assert fields.get("Y") == ""
    assert fields.get("Z") == "café"


def test_folded_lines_go_on() -> None:
    """A folded line continues the field before it, and nothing continues what was no field."""
    fields = Fields.parse([b"X: a\r\n", b"  b\r\n", b"\tc: d\r\n", b"junk\r\n", b" Content-Length: 5\r\n"])
    assert fields.get("X") == "a b c: d"
    assert content_length(fields) is None


def test_a_flood_of_fields_is_a_violation() -> None:
    """Exactly the largest head is read; one byte more is refused."""
    line = b"X: " + b"a" * (LARGEST_HEAD - 3)
    assert len(Fields.parse([line]).get("x") or "") == LARGEST_HEAD - 3
    with pytest.raises(ProtocolViolation, match="64 KiB"):
        Fields.parse([line, b"\n"])
    with pytest.raises(ProtocolViolation):
        Fields.parse(b"X: %d\r\n" % number for number in range(100_000))


@relaxed
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40), st.tuples(st.sampled_from([b"A", b"b-", b"C d"]), st.binary(max_size=20)).map(b": ".join)
        )
    )
)
def test_any_lines_are_read(lines: list[bytes]) -> None:
    """No lines raise below the cap, and no value has a line break, a zero byte or white space around it."""
    fields = Fields.parse(lines)
    for line in lines:
        for value in fields.all(line.partition(b":")[0].decode("latin-1")):
            assert not set(value) & {"\r", "\n", "\0", "\x1b"}
            assert value == value.strip(" \t")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("HTTP/1.1 206 Partial Content", ("1.1", 206)),
        ("HTTP/1.0 200 OK\r\n", ("1.0", 200)),
        ("HTTP/2 200 \r\n", ("2", 200)),
        ("HTTP/3 503", ("3", 503)),
        ("HTTP/1.1 100 Continue", ("1.1", 100)),
        ("HTTP/1.1 999 Request denied", ("1.1", 999)),
        ("HTTP/1.1 404 caf\xe9 \x1b", ("1.1", 404)),
    ],
)
def test_status_lines(line: str, expected: tuple[str, int]) -> None:
    """Version and status are read; the reason does not matter."""
    assert parse_status(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        "",
        "HTTP/1.1",
        "HTTP/1.1 20",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1 099 X",
        "HTTP/1.1 -20 X",
        "ICY 200 OK",
        "http/1.1 200 OK",
        "HTTP/1.1 200OK",
        "HTTP/1.1 ٢٠٠ OK",
        "X\r\nHTTP/1.1 200 OK",
    ],
)
def test_lines_that_are_no_status(line: str) -> None:
    """What does not begin as HTTP does is a violation."""
    with pytest.raises(ProtocolViolation):
        parse_status(line)


@relaxed
@given(st.one_of(st.text(), st.text("HTP/12.0 9\r\n").map(lambda text: f"HTTP/{text}")))
def test_any_status_line_is_read_or_refused(line: str) -> None:
    """Any line gives a status of three digits or a violation."""
    try:
        _, status = parse_status(line)
    except ProtocolViolation:
        return
    assert 100 <= status <= 999


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([], None),
        ([("Content-Length", "0")], 0),
        ([("Content-Length", "10240")], 10240),
        ([("Content-Length", "5"), ("Content-Length", "5")], 5),
        ([("Content-Length", "5, 5")], 5),
        ([("Content-Length", "05"), ("content-length", "5")], 5),
        ([("Content-Length", "5"), ("Transfer-Encoding", "chunked")], None),
        ([("Content-Length", "junk"), ("Transfer-Encoding", "chunked")], None),
        ([("Content-Length", "5"), ("Content-Length", "6"), ("transfer-encoding", "gzip, chunked")], None),
    ],
)
def test_lengths_that_agree(pairs: list[tuple[str, str]], expected: int | None) -> None:
    """One length, however often it is stated, counts, unless the body is framed another way."""
    assert content_length(Fields(pairs)) == expected


@pytest.mark.parametrize(
    "values",
    [
        ["5", "6"],
        ["5, 6"],
        ["-5"],
        ["+5"],
        ["5.0"],
        ["0x5"],
        ["5 6"],
        [""],
        ["5,"],
        ["five"],
        ["٥"],
        ["5", "junk"],
        ["9" * 30],
        ["9" * 5000],
    ],
)
def test_lengths_that_do_not(values: list[str]) -> None:
    """Lengths that differ, or are no number, are a violation."""
    with pytest.raises(ProtocolViolation):
        content_length(Fields(("Content-Length", value) for value in values))
