"""B17 and B18: heads without measure, and servers that drip, stall or never answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from tests.hostile.exchange import Exchange
from tests.hostile.outcome import NETWORK, REFUSED, RIGHT, Personality, fails, right_or
from tests.hostile.reply import Ending, Reply, redirect

_KILOBYTE = "x" * 1024
_FAT_HEADERS = tuple((f"X-Fat-{number}", _KILOBYTE) for number in range(90))


def many_headers(count: int) -> Callable[[Exchange], Reply]:
    """Adds `count` headers of a kilobyte each."""
    headers = tuple((f"X-Flood-{number}", _KILOBYTE) for number in range(count))
    return lambda exchange: exchange.honest().adding(*headers)


def endless_header(exchange: Exchange) -> None:
    """Sends one header that does not end."""
    exchange.raw(b"HTTP/1.1 200 OK\r\nX-Endless: ")
    for _ in range(exchange.habits.endless_limit >> 16):
        exchange.raw(b"x" * 65536)
    exchange.end(Ending.FIN)


def endless_redirects(exchange: Exchange) -> Reply:
    """Redirects to a new address each time, under 90 KB of headers."""
    steps = exchange.tail.rpartition("/")[2]
    following = int(steps) + 1 if steps.isdigit() else 1
    return redirect(f"/endless-redirects/{following}").adding(*_FAT_HEADERS)


def drips_header(exchange: Exchange) -> None:
    """Sends a byte of its head now and then, without end."""
    exchange.raw(b"HTTP/1.1 200 OK\r\nX-Drip: ")
    while True:
        exchange.pause(exchange.habits.interval)
        exchange.raw(b"x")


def drips_body(exchange: Exchange) -> Reply | None:
    """Sends a byte of the body now and then."""
    reply = exchange.honest()
    if exchange.request.method == "HEAD":
        return reply
    exchange.begin(reply.ended(Ending.FIN))
    for piece in exchange.pieces(reply.body, 1):
        exchange.send(piece)
        exchange.pause(exchange.habits.interval)
    exchange.end(Ending.FIN)
    return None


def stalls(*, once: bool = False) -> Callable[[Exchange], Reply]:
    """Falls silent inside the body, in every reply or in the first one only."""

    def respond(exchange: Exchange) -> Reply:
        reply, after = exchange.honest(), exchange.habits.stall_after
        after = max(1, exchange.content.size // 4) if after is None else after
        if reply.status not in {200, 206} or (once and exchange.turn > 1) or len(reply.body) <= after:
            return reply
        return replace(reply, sends=after, ending=Ending.HANG)

    return respond


def never_answers(exchange: Exchange) -> None:
    """Says nothing."""
    exchange.hang()


def never_answers_once(exchange: Exchange) -> Reply | None:
    """Says nothing to the first request."""
    if exchange.turn == 1:
        exchange.hang()
    return exchange.honest()


def answers_late(exchange: Exchange) -> Reply:
    """Thinks for ten intervals before each answer."""
    exchange.pause(10 * exchange.habits.interval)
    return exchange.honest()


def one_crawls(exchange: Exchange) -> Reply | None:
    """Is fast, but for the second GET, which gets a few kilobytes a second."""
    reply = exchange.honest()
    if exchange.turn != 2 or reply.status not in {200, 206}:
        return reply
    exchange.begin(reply.ended(Ending.FIN))
    rate = exchange.habits.crawl_rate
    start, sent = time.monotonic(), 0
    for piece in exchange.pieces(reply.body, max(1, rate // 20)):
        exchange.send(piece)
        sent += len(piece)
        exchange.pause(start + sent / rate - time.monotonic())
    exchange.end(Ending.FIN)
    return None


NETWORK_FAILURE = fails(NETWORK)

PERSONALITIES: tuple[Personality, ...] = (
    Personality("many-headers", "B17", "40 KB of headers, which is much but not too much.", RIGHT, many_headers(40)),
    Personality("header-flood", "B17", "400 headers of a kilobyte each.", NETWORK_FAILURE, many_headers(400)),
    Personality("endless-header", "B17", "One header that does not end.", NETWORK_FAILURE, endless_header),
    Personality(
        "endless-redirects",
        "B17",
        "A new address each time, under 90 KB of headers.",
        fails(REFUSED, NETWORK),
        endless_redirects,
    ),
    Personality("drips-header", "B18", "A byte of the head each interval, without end.", NETWORK_FAILURE, drips_header),
    Personality("drips-body", "B18", "A byte of the body each interval.", right_or(NETWORK), drips_body),
    Personality("stalls-after", "B18", "Every reply falls silent after some bytes.", RIGHT, stalls()),
    Personality("stalls-once", "B18", "The first reply falls silent after some bytes.", RIGHT, stalls(once=True)),
    Personality("never-answers", "B18", "Takes the request and says nothing.", NETWORK_FAILURE, never_answers),
    Personality("never-answers-once", "B18", "Says nothing to the first GET.", RIGHT, never_answers_once),
    Personality("answers-late", "B18", "Waits ten intervals before each answer.", RIGHT, answers_late),
    Personality("one-crawls", "P", "The second GET gets a few kilobytes a second, all others everything.", RIGHT, one_crawls),
)
