"""Servers that do nothing wrong, or only know less than others; and what headers may say of a file."""

from __future__ import annotations

import time
from dataclasses import replace
from email.utils import formatdate
from urllib.parse import parse_qs, unquote

from tests.hostile.content import Whole
from tests.hostile.exchange import Exchange
from tests.hostile.outcome import RIGHT, Outcome, Personality, right
from tests.hostile.reply import Framing, Reply, partial, text

_YEAR = 365 * 86400.0


def polite(exchange: Exchange) -> Reply:
    """The baseline."""
    return exchange.honest()


def no_range(exchange: Exchange) -> Reply:
    """Knows no ranges."""
    return exchange.honest(ranges=False)


def no_length(exchange: Exchange) -> Reply:
    """Knows neither ranges nor its length."""
    return replace(exchange.honest(ranges=False), framing=Framing.CHUNKED)


def ranges_without_saying(exchange: Exchange) -> Reply:
    """Gives ranges but does not announce them."""
    return exchange.honest().without("Accept-Ranges")


def unknown_total(exchange: Exchange) -> Reply:
    """Does not say the total in Content-Range."""
    reply = exchange.honest()
    spoken = reply.header("Content-Range")
    return reply if spoken is None else reply.having("Content-Range", f"{spoken.partition('/')[0]}/*")


def http10_close(exchange: Exchange) -> Reply:
    """Speaks HTTP/1.0 and ends the body by closing."""
    return replace(exchange.honest(ranges=False), framing=Framing.CLOSE, version="HTTP/1.0")


def zero_byte(exchange: Exchange) -> Reply:
    """Has an empty file."""
    return replace(exchange.honest(ranges=False), body=b"")


def zero_byte_416(exchange: Exchange) -> Reply:
    """Has an empty file, of which no range can be had."""
    if "range" in exchange.request.headers:
        return text(416, "The file is empty.").adding(("Content-Range", "bytes */0"))
    return zero_byte(exchange)


def head_refused(exchange: Exchange) -> Reply:
    """Knows GET only."""
    if exchange.request.method == "HEAD":
        return text(405, "Only GET is known here.").adding(("Allow", "GET"))
    return exchange.honest()


def lower_case(exchange: Exchange) -> Reply:
    """Writes the names of headers in lower case, as HTTP/2 does."""
    reply = exchange.honest()
    return replace(reply, headers=tuple((name.lower(), value) for name, value in reply.headers))


def unasked_206(exchange: Exchange) -> Reply:
    """Sends 206 with the whole, even to those who asked for no range."""
    reply = exchange.honest()
    return partial(reply, exchange.content, 0, exchange.content.size) if reply.status == 200 else reply


def disposition(exchange: Exchange) -> Reply:
    """Names the file as the query says."""
    query = exchange.request.query.replace("+", "%2B")
    raw = parse_qs(query, encoding="latin-1", keep_blank_values=True).get("name", ["attachment"])[0]
    return exchange.honest().adding(("Content-Disposition", raw))


def media_type(exchange: Exchange) -> Reply:
    """Gives the media type that the query says."""
    return exchange.honest().having("Content-Type", unquote(exchange.request.query) or "text/plain")


def last_modified_old(exchange: Exchange) -> Reply:
    """Was last changed long ago, and has no ETag."""
    return exchange.honest().without("ETag").having("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT")


def last_modified_now(exchange: Exchange) -> Reply:
    """Was changed this very second, says the date, and has no ETag."""
    reply = exchange.honest().without("ETag")
    return reply.having("Last-Modified", reply.header("Date") or "")


def last_modified_future(exchange: Exchange) -> Reply:
    """Will be changed next year."""
    return exchange.honest().having("Last-Modified", formatdate(time.time() + _YEAR, usegmt=True))


def last_modified_junk(exchange: Exchange) -> Reply:
    """Has a date that is none."""
    return exchange.honest().having("Last-Modified", "the day before yesterday")


EMPTY: Outcome = right(Whole.EMPTY)

PERSONALITIES: tuple[Personality, ...] = (
    Personality("polite", "base", "Ranges, strong ETag, Last-Modified and Date: nothing is wrong.", RIGHT, polite),
    Personality("no-range", "base", "Answers 200 with the whole to everything; Accept-Ranges: none.", RIGHT, no_range),
    Personality("no-length", "base", "Answers 200, chunked, without a length or ranges.", RIGHT, no_length),
    Personality("ranges-without-saying", "base", "Gives ranges, but has no Accept-Ranges.", RIGHT, ranges_without_saying),
    Personality("unknown-total", "base", "Gives ranges as 'bytes A-B/*'.", RIGHT, unknown_total),
    Personality(
        "http10-close", "B11", "HTTP/1.0 without a length: the end of the connection ends the file.", RIGHT, http10_close
    ),
    Personality("zero-byte", "base", "The file is empty.", EMPTY, zero_byte),
    Personality("zero-byte-416", "B9", "The file is empty, and any range of it gets 416.", EMPTY, zero_byte_416),
    Personality("head-refused", "base", "Answers 405 to HEAD.", RIGHT, head_refused),
    Personality("lower-case", "base", "Writes header names in lower case.", RIGHT, lower_case),
    Personality("unasked-206", "B23", "Answers 206 with the whole to requests without a range.", RIGHT, unasked_206),
    Personality("disposition", "A1", "Sends the percent-decoded '?name=' as Content-Disposition, raw.", RIGHT, disposition),
    Personality("media-type", "A11", "Sends the percent-decoded query as Content-Type.", RIGHT, media_type),
    Personality(
        "last-modified-old", "base", "Last changed in 1994; no ETag, so the date is the validator.", RIGHT, last_modified_old
    ),
    Personality(
        "last-modified-now", "B6", "Last changed this second, no ETag: the date is a weak validator.", RIGHT, last_modified_now
    ),
    Personality("last-modified-future", "base", "Last changed next year.", RIGHT, last_modified_future),
    Personality("last-modified-junk", "base", "Last-Modified is no date.", RIGHT, last_modified_junk),
)
