"""B5 to B8: files that are another file by the time of the next request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.hostile.content import Content, Whole
from tests.hostile.exchange import Exchange, without_validators
from tests.hostile.outcome import RIGHT, WRONG_CONTENT, Personality, right_or
from tests.hostile.reply import Ending, Reply, honest

_STEPS = 64
_Make = Callable[[Exchange, Content], Reply]


def answer_honestly(exchange: Exchange, content: Content) -> Reply:
    """With validators, and If-Range honoured."""
    return exchange.honest(content)


def answer_ignoring_if_range(exchange: Exchange, content: Content) -> Reply:
    """With validators, but the range whatever If-Range says."""
    headers = {name: value for name, value in exchange.request.headers.items() if name != "if-range"}
    return honest(replace(exchange.request, headers=headers), content)


def answer_without_validators(exchange: Exchange, content: Content) -> Reply:
    """Without validators, and the range whatever If-Range says."""
    return without_validators(answer_ignoring_if_range(exchange, content))


def changes_midway(make: _Make) -> Callable[[Exchange], Reply | None]:
    """Becomes another file when half of the bytes have gone out; what is under way then is cut off."""

    def respond(exchange: Exchange) -> Reply | None:
        ledger, size = exchange.ledger, exchange.content.size
        if ledger.turned:
            return make(exchange, exchange.content.changed)
        reply = make(exchange, exchange.content)
        if exchange.request.method == "HEAD" or reply.status not in {200, 206}:
            return reply
        exchange.begin(reply.ended(Ending.FIN))
        for piece in exchange.pieces(reply.body, max(1, size // _STEPS)):
            if ledger.turned:
                exchange.leave(Ending.FIN)
            exchange.send(piece)
            if 2 * ledger.sent >= size:
                ledger.turned = True
                exchange.leave(Ending.FIN)
        exchange.end(Ending.FIN)
        return None

    return respond


def changes_after_first(exchange: Exchange) -> Reply:
    """Is the old file for the first GET, and another one for all others."""
    return exchange.honest(exchange.content if exchange.turn <= 1 else exchange.content.changed)


def no_validators(exchange: Exchange) -> Reply:
    """Stays the same, but cannot prove it."""
    return without_validators(exchange.honest())


def weak_etag(exchange: Exchange) -> Reply:
    """Has a weak ETag only, which must not stand in If-Range."""
    return exchange.honest().without("Last-Modified").having("ETag", f"W/{exchange.content.etag}")


def weak_etag_changes(exchange: Exchange) -> Reply:
    """Has a weak ETag only; after the first GET, which is cut, it is another file."""
    content = exchange.content if exchange.turn <= 1 else exchange.content.changed
    reply = answer_ignoring_if_range(exchange, content).without("Last-Modified").having("ETag", f"W/{content.etag}")
    return exchange.first_cut(reply)


def etag_only_differs(exchange: Exchange) -> Reply:
    """Has another ETag at each request for the same bytes, as some farms of servers do."""
    return exchange.honest().having("ETag", f'"{exchange.turn}"')


def total_changes(exchange: Exchange) -> Reply:
    """Is twice as long after the first GET, which is cut, and has no validators."""
    content = exchange.content if exchange.turn <= 1 else exchange.content.grown
    return exchange.first_cut(answer_without_validators(exchange, content))


CHANGED = right_or(WRONG_CONTENT, wholes=(Whole.CHANGED,))
EITHER = right_or(WRONG_CONTENT, wholes=(Whole.ORIGINAL, Whole.CHANGED))
GROWN = right_or(WRONG_CONTENT, wholes=(Whole.GROWN,))

PERSONALITIES: tuple[Personality, ...] = (
    Personality(
        "changes-midway",
        "B5",
        "After half of the bytes it is another file with another ETag; honours If-Range.",
        CHANGED,
        changes_midway(answer_honestly),
    ),
    Personality("changes-after-first", "B5", "It is another file from the second GET on.", EITHER, changes_after_first),
    Personality(
        "no-validators-changes",
        "B6",
        "After half of the bytes it is another file, and no header tells.",
        CHANGED,
        changes_midway(answer_without_validators),
    ),
    Personality("no-validators", "B6", "The same file always, without ETag or Last-Modified.", RIGHT, no_validators),
    Personality("weak-etag", "B6", "The same file always, with a weak ETag only.", RIGHT, weak_etag),
    Personality(
        "weak-etag-changes", "B6", "Another file, under another weak ETag, after a first cut.", CHANGED, weak_etag_changes
    ),
    Personality(
        "changes-midway-ignores-if-range",
        "B7",
        "As changes-midway, but gives the range whatever If-Range says.",
        CHANGED,
        changes_midway(answer_ignoring_if_range),
    ),
    Personality("etag-per-request", "B5", "Same bytes, another ETag each time.", right_or(WRONG_CONTENT), etag_only_differs),
    Personality("total-changes", "B8", "Twice as long and different after a first cut; no validators.", GROWN, total_changes),
)
