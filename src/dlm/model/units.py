"""Sizes, rates and durations: how users write and read them."""

from __future__ import annotations

import re
from math import isfinite

from dlm.model.address import visible
from dlm.model.error import InvalidRequest
from dlm.model.span import Span

_FACTORS: dict[str, int] = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
_SIZE = r"(?i)\s*(\d{1,18}(?:\.\d{1,18})?)\s*([kmgt]?)(i?b?)(?:/s|ps)?\s*"


def parse_size(text: str) -> int:
    """Bytes in `500K`, `5M`, `1.5GiB` or `1048576`. Units count in 1024, as aria2, curl and wget have it."""
    match = re.fullmatch(_SIZE, text)
    if match is None:
        raise InvalidRequest(f"'{text}' is not a size: write a number with K, M, G or T, such as 500K or 1.5GiB")
    whole, _, fraction = match[1].partition(".")
    factor = _FACTORS[match[2].lower()]
    size: int = int(whole) * factor + int(fraction or 0) * factor // 10 ** len(fraction)
    if size >= 2**63:
        raise InvalidRequest(f"'{text}' is more than any file system can hold")
    return size


def parse_rate(text: str) -> int | None:
    """Bytes a second, or `None` for no limit (`0`, `none`, `unlimited`)."""
    if text.strip().lower() in {"0", "none", "unlimited"}:
        return None
    rate = parse_size(text)
    if rate <= 0:
        raise InvalidRequest(f"'{text}' is not a rate: write bytes a second, such as 500K or 5M, or 0 for no limit")
    return rate


def check_rate(rate: int) -> None:
    """Raises `InvalidRequest` for a rate at which nothing would ever come."""
    if rate <= 0:
        raise InvalidRequest("the rate limit must be more than 0 bytes a second")


def parse_range(text: str) -> Span:
    """`A-B`, both inclusive as in HTTP, as a Span. An open end is not a Span, so both ends must be there."""
    match = re.fullmatch(r"\s*(\d{1,18})\s*-\s*(\d{1,18})\s*", text)
    if match is None or int(match[2]) < int(match[1]):
        raise InvalidRequest(f"'{visible(text)}' is not a range: write FIRST-LAST in bytes, such as 0-1023")
    return Span(int(match[1]), int(match[2]) + 1)


def format_size(size: float) -> str:
    """A short text for people: `1.5 GiB`, `532 B`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(size) < 1024:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def format_rate(rate: float) -> str:
    """`12.3 MiB/s`."""
    return f"{format_size(rate)}/s"


def format_duration(seconds: float | None) -> str:
    """`1:02:03`, `2:03`, `0:07`; `--:--` when it is not known; days are written out."""
    if seconds is None or not 0 <= seconds <= 99 * 86400:
        return "--:--"
    whole = int(seconds + 0.5)
    days, rest = divmod(whole, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, left = divmod(rest, 60)
    clock = f"{hours}:{minutes:02}:{left:02}" if hours or days else f"{minutes}:{left:02}"
    return f"{days}d {clock}" if days else clock


def tenths(number: float | None) -> float | None:
    """Rounded to one digit, for JSON; `None` for what is not finite, which JSON lacks."""
    return round(number, 1) if number is not None and isfinite(number) else None
