"""Sizes, rates, ranges and durations as users write and read them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlm.model.error import InvalidRequest
from dlm.model.span import Span
from dlm.model.units import format_duration, format_rate, format_size, parse_range, parse_rate, parse_size
from tests.examples import examples

relaxed = settings(deadline=None, max_examples=examples(300))


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1048576", 1048576),
        ("500K", 512000),
        ("500k", 512000),
        ("5M", 5 * 1024**2),
        ("1.5GiB", 3 * 1024**3 // 2),
        ("1.5 GB", 3 * 1024**3 // 2),
        ("2T", 2 * 1024**4),
        ("7B", 7),
        (" 10 KiB ", 10240),
        ("0.5K", 512),
        ("0.1K", 102),
        ("9007199254740993", 9007199254740993),
        ("8388607T", 8388607 * 1024**4),
        ("3M/s", 3 * 1024**2),
    ],
)
def test_sizes_are_read(text: str, size: int) -> None:
    """Units count in 1024, fractions are cut to whole bytes, and no digit is lost."""
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "K", "-1", "1,5M", "1e6", "1X", "5 M M", ".5K", "5.", "nan", "inf", "9" * 400, "1." + "9" * 400, "8388608T"]
)
def test_what_is_no_size_is_refused(text: str) -> None:
    """What is no size, or more than fits, is an invalid request that quotes it."""
    with pytest.raises(InvalidRequest) as raised:
        parse_size(text)
    assert text in str(raised.value)


@pytest.mark.parametrize(
    ("text", "rate"), [("0", None), ("none", None), (" Unlimited ", None), ("500K", 512000), ("5M/s", 5 * 1024**2)]
)
def test_rates_are_read(text: str, rate: int | None) -> None:
    """A rate is bytes a second, or no limit."""
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["0K", "0.0001", "-5", "fast"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    """A rate at which nothing would ever move is refused."""
    with pytest.raises(InvalidRequest):
        parse_rate(text)


@relaxed
@given(st.integers(0, 10**18 - 2), st.integers(0, 10**18 - 2))
def test_ranges_are_read_with_both_ends(one: int, other: int) -> None:
    """`FIRST-LAST` holds both its ends; a reversed one is refused."""
    first, last = min(one, other), max(one, other)
    assert parse_range(f"{first}-{last}") == Span(first, last + 1)
    if first != last:
        with pytest.raises(InvalidRequest):
            parse_range(f"{last}-{first}")


@pytest.mark.parametrize("text", ["", "-", "5", "5-", "-5", "a-b", "1-2-3", "0-" + "9" * 5000])
def test_what_is_no_range_is_refused(text: str) -> None:
    """An open, absurd or unreadable range is refused."""
    with pytest.raises(InvalidRequest):
        parse_range(text)


@relaxed
@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text raises anything but `InvalidRequest`."""
    for parse in (parse_size, parse_rate, parse_range):
        try:
            parse(text)
        except InvalidRequest:
            continue


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (532, "532 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536 * 1024**2, "1.5 GiB"),
        (3 * 1024**4, "3.0 TiB"),
        (5000 * 1024**4, "5000.0 TiB"),
    ],
)
def test_sizes_are_written(size: float, text: str) -> None:
    """A size is written short, for people."""
    assert format_size(size) == text
    assert format_rate(size) == f"{text}/s"


@relaxed
@given(st.integers(0, 2**60))
def test_written_sizes_are_read_back_nearly(size: int) -> None:
    """What is written is a size again, within its rounding."""
    assert abs(parse_size(format_size(size)) - size) <= max(size, 1) * 0.051


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0:00"),
        (7, "0:07"),
        (59.6, "1:00"),
        (123, "2:03"),
        (3723, "1:02:03"),
        (86400, "1d 0:00:00"),
        (90061, "1d 1:01:01"),
        (None, "--:--"),
        (-1, "--:--"),
        (float("inf"), "--:--"),
        (float("nan"), "--:--"),
        (100 * 86400, "--:--"),
    ],
)
def test_durations_are_written(seconds: float | None, text: str) -> None:
    """A duration is a clock, with days where there are any; the unknown and the absurd is dashes."""
    assert format_duration(seconds) == text
