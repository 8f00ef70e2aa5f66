"""B21 to B23: servers that are busy, broken, or answer with something that is not the file."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate

from tests.hostile.content import Whole
from tests.hostile.exchange import Exchange
from tests.hostile.outcome import (
    FAILED,
    NETWORK,
    NOT_FOUND,
    REFUSED,
    RIGHT,
    WRONG_CONTENT,
    Outcome,
    Personality,
    fails,
    right_or,
)
from tests.hostile.reply import Ending, Framing, Reply, text

_LOGIN = "<!DOCTYPE html><title>Sign in</title><p>Your session has ended. Please sign in.</p>" + "<!-- -->" * 250
_SECOND = 1.0
_INTERIM = (
    b"HTTP/1.1 100 Continue\r\n\r\n"
    b"HTTP/1.1 102 Processing\r\n\r\n"
    b'HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\nContent-Length: 3\r\nETag: "hint"\r\n\r\n'
)


def always(status: int, *, body: bool = True, headers: tuple[tuple[str, str], ...] = ()) -> Callable[[Exchange], Reply]:
    """Answers with one status only."""
    reply = text(status, f"This is a {status}.") if body else Reply(status)
    return lambda exchange: reply.adding(*headers)


def at_first(times: int, status: int, *headers: tuple[str, str]) -> Callable[[Exchange], Reply]:
    """Answers the first GETs with a status that is no success, all others with the file."""

    def respond(exchange: Exchange) -> Reply:
        return text(status, "Not now.").adding(*headers) if exchange.turn <= times else exchange.honest()

    return respond


def busy_twice(exchange: Exchange) -> Reply:
    """Has no time for the first two GETs, and says when to come again."""
    return busy(exchange, 503) if exchange.turn <= 2 else exchange.honest()


def busy_twice_date(exchange: Exchange) -> Reply:
    """The same, with a date for a time to come again."""
    if exchange.turn > 2:
        return exchange.honest()
    return text(503, "Too busy.").adding(("Retry-After", formatdate(time.time() + _SECOND, usegmt=True)))


def busy(exchange: Exchange, status: int) -> Reply:
    """A refusal for now."""
    return text(status, "Too busy.").adding(("Retry-After", exchange.habits.retry_after))


def too_many(refuse: Callable[[Exchange], Reply]) -> Callable[[Exchange], Reply]:
    """Answers so many requests at once as the habits say, and refuses the others."""
    return lambda exchange: exchange.honest() if exchange.ledger.open <= exchange.habits.at_once else refuse(exchange)


def reset_at_once(exchange: Exchange) -> Reply:
    """Resets the connection before a byte of an answer."""
    exchange.leave(Ending.RST)


def rate_limited(exchange: Exchange) -> Reply:
    """Answers so many requests a second as the habits say, and 429 to the others."""
    ledger, now = exchange.ledger, time.monotonic()
    with ledger.lock:
        ledger.arrivals = [arrival for arrival in ledger.arrivals if arrival > now - _SECOND]
        if len(ledger.arrivals) >= exchange.habits.a_second:
            return text(429, "Too many requests.").adding(("Retry-After", "1"))
        ledger.arrivals.append(now)
    return exchange.honest()


def login(exchange: Exchange) -> Reply:
    """A page that asks to sign in, as captive portals send it: with 200."""
    return text(200, _LOGIN, "text/html; charset=utf-8").adding(("Cache-Control", "no-store"))


def login_on_retry(exchange: Exchange) -> Reply:
    """Cuts the first reply, then knows nobody any more."""
    return exchange.first_cut(exchange.honest()) if exchange.turn <= 1 else login(exchange)


def login_once(exchange: Exchange) -> Reply:
    """Cuts the first reply, forgets who asks for one request, then remembers."""
    return login(exchange) if exchange.turn == 2 else exchange.first_cut(exchange.honest())


def interim(exchange: Exchange) -> Reply:
    """Sends three interim replies first, the last with headers that mean nothing for the file."""
    return replace(exchange.honest(), before=_INTERIM)


def not_http(exchange: Exchange) -> Reply | None:
    """Sends the bytes of the file without any head."""
    exchange.raw(exchange.content.data[:4096])
    exchange.end(Ending.FIN)
    return None


def junk_status(exchange: Exchange) -> Reply | None:
    """Sends a status that is no number."""
    exchange.raw(b"HTTP/1.1 banana\r\nContent-Length: 0\r\n\r\n")
    exchange.end(Ending.FIN)
    return None


def closes_at_once(exchange: Exchange) -> Reply:
    """Closes before a byte of an answer."""
    exchange.leave(Ending.FIN)


def empty_head(exchange: Exchange) -> Reply:
    """Answers 200 with no headers at all, and closes after the file."""
    return Reply(200, (), exchange.content.data, Framing.RAW, Ending.FIN)


NOTHING_HERE = fails(NOT_FOUND)
FORBIDDEN = fails(REFUSED)
NETWORK_FAILURE = fails(NETWORK)
LONG_WAIT = "99999"


def _empty_or(*exits: int) -> Outcome:
    return right_or(*exits, wholes=(Whole.EMPTY,))


PERSONALITIES: tuple[Personality, ...] = (
    Personality(
        "login-page-on-retry",
        "B21",
        "After a first cut, everything is a sign-in page with status 200.",
        fails(REFUSED, NETWORK, WRONG_CONTENT),
        login_on_retry,
    ),
    Personality(
        "login-page-once",
        "B21",
        "The second GET gets a sign-in page with status 200.",
        right_or(NETWORK, WRONG_CONTENT),
        login_once,
    ),
    Personality("busy-twice", "B22", "503 with Retry-After for two GETs, then the file.", RIGHT, busy_twice),
    Personality("busy-twice-date", "B22", "The same, with a date in Retry-After.", RIGHT, busy_twice_date),
    Personality(
        "busy-forever",
        "B22",
        "503 always, Retry-After: 99999.",
        NETWORK_FAILURE,
        always(503, headers=(("Retry-After", LONG_WAIT),)),
    ),
    Personality("too-many-connections", "B22", "503 when more than two are served.", RIGHT, too_many(lambda e: busy(e, 503))),
    Personality(
        "too-many-connections-429", "B22", "429 when more than two are served.", RIGHT, too_many(lambda e: busy(e, 429))
    ),
    Personality("too-many-connections-reset", "B22", "A reset when more than two are served.", RIGHT, too_many(reset_at_once)),
    Personality("rate-limited-429", "B22", "429 for more than four requests a second.", RIGHT, rate_limited),
    Personality("status-204", "B23", "204 always.", _empty_or(NETWORK), always(204, body=False)),
    Personality("status-205", "B23", "205 always.", _empty_or(NETWORK), always(205, body=False)),
    Personality("status-304", "B23", "304, though no condition was asked.", NETWORK_FAILURE, always(304, body=False)),
    Personality("sends-1xx", "B23", "100, 102 and 103, then the file.", RIGHT, interim),
    Personality("status-400", "B23", "400 always.", fails(FAILED, NETWORK), always(400)),
    Personality("status-401", "B23", "401 without a challenge.", FORBIDDEN, always(401)),
    Personality("status-403", "B23", "403 always.", FORBIDDEN, always(403)),
    Personality("status-404", "B23", "404 always.", NOTHING_HERE, always(404)),
    Personality("status-407", "B23", "407, though there is no proxy.", FORBIDDEN, always(407)),
    Personality("status-410", "B23", "410 always.", NOTHING_HERE, always(410)),
    Personality("status-451", "B23", "451 always.", FORBIDDEN, always(451)),
    Personality("status-408-once", "B22", "408 for the first GET.", RIGHT, at_first(1, 408)),
    Personality("status-425-once", "B22", "425 for the first GET.", RIGHT, at_first(1, 425)),
    Personality("status-500-once", "B23", "500 for the first GET.", RIGHT, at_first(1, 500)),
    Personality("status-500-forever", "B23", "500 always.", NETWORK_FAILURE, always(500)),
    Personality("status-502-once", "B23", "502 for the first GET.", RIGHT, at_first(1, 502)),
    Personality("status-999", "B23", "999 always.", NETWORK_FAILURE, always(999)),
    Personality("not-http", "B23", "Sends the file without any head.", fails(FAILED, NETWORK), not_http),
    Personality("junk-status", "B23", "A status that is no number.", fails(FAILED, NETWORK), junk_status),
    Personality("closes-at-once", "B23", "Takes the request, and closes.", NETWORK_FAILURE, closes_at_once),
    Personality("empty-head", "B23", "No headers at all; the end of the connection ends the file.", RIGHT, empty_head),
)
