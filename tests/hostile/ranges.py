"""B1 to B4 and B9: servers that answer a request for a range with something else.

Where the lie is told only to those who resume, the first reply ends half way, so that every client has to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.hostile.exchange import Exchange
from tests.hostile.outcome import NETWORK, RIGHT, WRONG_CONTENT, Personality, right_or
from tests.hostile.reply import Framing, Reply, partial, text

_EARLY = 512
_BOUNDARY = "0123456789abcdef"


def ignores_every_third(exchange: Exchange) -> Reply:
    """Answers every third GET with the whole."""
    return exchange.honest(ranges=exchange.turn % 3 != 0)


def ignores_later(exchange: Exchange) -> Reply:
    """Gives a range to the first GET only, and not all of it."""
    return exchange.first_cut(exchange.honest(ranges=exchange.turn == 1))


def wrong_start(exchange: Exchange) -> Reply:
    """Gives as many bytes as were asked for, but from the start of the file, and says so."""
    reply, asked = exchange.honest(), exchange.asked
    if asked is None or reply.status != 206 or not exchange.resuming:
        return exchange.first_cut(reply)
    return partial(reply, exchange.content, 0, asked.stop - asked.start)


def wrong_start_chunked(exchange: Exchange) -> Reply:
    """The same, chunked."""
    return replace(wrong_start(exchange), framing=Framing.CHUNKED)


def less_than_claimed(exchange: Exchange) -> Reply:
    """Claims the range that was asked for, and gives at most a quarter of the file, under a Content-Length that fits."""
    reply = exchange.honest()
    if reply.status != 206 or not exchange.resuming:
        return exchange.first_cut(reply)
    return replace(reply, body=reply.body[: _quarter(exchange)])


def starts_early(exchange: Exchange) -> Reply:
    """Starts 512 bytes before the place that was asked for, and says so."""
    reply, asked = exchange.honest(), exchange.asked
    if asked is None or reply.status != 206 or not exchange.resuming:
        return exchange.first_cut(reply)
    return partial(reply, exchange.content, max(0, asked.start - _EARLY), asked.stop)


def no_content_range(exchange: Exchange) -> Reply:
    """Sends a 206 that does not say which range it is."""
    reply = exchange.honest()
    return reply.without("Content-Range") if exchange.resuming else exchange.first_cut(reply)


def other_unit(exchange: Exchange) -> Reply:
    """Counts its ranges in lines."""
    reply = exchange.honest()
    spoken = reply.header("Content-Range")
    if spoken is None or not exchange.resuming:
        return exchange.first_cut(reply)
    return reply.having("Content-Range", spoken.replace("bytes", "lines"))


def short_206(exchange: Exchange) -> Reply:
    """Gives at most a quarter of the file at once, and says so."""
    reply, asked = exchange.honest(), exchange.asked
    if asked is None or reply.status != 206:
        return reply
    return partial(reply, exchange.content, asked.start, min(asked.stop, asked.start + _quarter(exchange)))


def overlong_206(exchange: Exchange) -> Reply:
    """Gives everything up to the end of the file, and says so."""
    reply, asked = exchange.honest(), exchange.asked
    if asked is None or reply.status != 206:
        return reply
    return partial(reply, exchange.content, asked.start, exchange.content.size)


def overlong_206_lying(exchange: Exchange) -> Reply:
    """Gives everything up to the end of the file, but claims the range that was asked for."""
    reply, asked = exchange.honest(), exchange.asked
    if asked is None or reply.status != 206:
        return reply
    return partial(reply, exchange.content, asked.start, asked.stop, body_stop=exchange.content.size)


def multipart(exchange: Exchange) -> Reply:
    """Wraps the one range in multipart/byteranges."""
    reply = exchange.honest()
    if reply.status != 206:
        return reply
    kind, spoken = exchange.content.media_type, reply.header("Content-Range")
    head = f"--{_BOUNDARY}\r\nContent-Type: {kind}\r\nContent-Range: {spoken}\r\n\r\n"
    body = head.encode() + reply.body + f"\r\n--{_BOUNDARY}--\r\n".encode()
    wrapped = replace(reply, body=body).without("Content-Range")
    return wrapped.having("Content-Type", f"multipart/byteranges; boundary={_BOUNDARY}")


def multipart_on_resume(exchange: Exchange) -> Reply:
    """Wraps a range in multipart/byteranges only when it starts in the middle."""
    return multipart(exchange) if exchange.resuming else exchange.first_cut(exchange.honest())


def refuses_middle(total: Callable[[int], int | None], message: str) -> Callable[[Exchange], Reply]:
    """Answers 416 to every range that starts in the middle; `total` makes the size that it claims."""

    def respond(exchange: Exchange) -> Reply:
        if not exchange.resuming:
            return exchange.first_cut(exchange.honest())
        claimed = total(exchange.content.size)
        reply = text(416, message) if message else Reply(416)
        return reply if claimed is None else reply.having("Content-Range", f"bytes */{claimed}")

    return respond


def always_416(exchange: Exchange) -> Reply:
    """Answers 416 to every range."""
    if "range" not in exchange.request.headers:
        return exchange.honest()
    return text(416, "No ranges.").having("Content-Range", f"bytes */{exchange.content.size}")


def _quarter(exchange: Exchange) -> int:
    return max(1, exchange.content.size // 4)


RIGHT_OR_NETWORK = right_or(NETWORK)

PERSONALITIES: tuple[Personality, ...] = (
    Personality("ignores-range-sometimes", "B1", "Every third GET gets 200 and the whole.", RIGHT, ignores_every_third),
    Personality("ignores-range-later", "B1", "The first GET is cut half way; all later ones get 200.", RIGHT, ignores_later),
    Personality(
        "wrong-content-range", "B2", "Gives the start of the file instead of the middle, and says so.", RIGHT, wrong_start
    ),
    Personality("wrong-content-range-chunked", "B2", "The same, chunked.", RIGHT, wrong_start_chunked),
    Personality(
        "less-than-claimed", "B2", "Claims the whole range, gives part, with a length that fits.", RIGHT, less_than_claimed
    ),
    Personality("starts-early", "B2", "Starts 512 bytes too early, and says so.", RIGHT, starts_early),
    Personality("no-content-range", "B2", "A 206 for the middle has no Content-Range.", RIGHT, no_content_range),
    Personality("other-unit", "B2", "A 206 for the middle counts in lines.", RIGHT, other_unit),
    Personality("short-206", "B2", "Gives a quarter of the file at once, at most, and says so.", RIGHT, short_206),
    Personality("overlong-206", "B3", "Sends on to the end of the file, and says so.", RIGHT, overlong_206),
    Personality("overlong-206-lying", "B3", "Sends on to the end of the file, and claims less.", RIGHT, overlong_206_lying),
    Personality("multipart-byteranges", "B4", "Wraps every single range in multipart/byteranges.", RIGHT_OR_NETWORK, multipart),
    Personality(
        "multipart-on-resume", "B4", "Wraps a range from the middle in multipart/byteranges.", RIGHT, multipart_on_resume
    ),
    Personality(
        "416-with-size", "B9", "416 with the right size for any middle.", RIGHT, refuses_middle(lambda size: size, "No middle.")
    ),
    Personality(
        "416-without-size", "B9", "416 without body or size for any middle.", RIGHT, refuses_middle(lambda _: None, "")
    ),
    Personality(
        "416-wrong-size",
        "B9",
        "416 with half the size for any middle.",
        right_or(WRONG_CONTENT),
        refuses_middle(lambda size: size // 2, "It has shrunk."),
    ),
    Personality("416-always", "B9", "416 for every range, even for the whole.", RIGHT_OR_NETWORK, always_416),
)
