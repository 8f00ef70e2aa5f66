"""B10 to B14 and B26: bodies that end too early, too late or never, and lengths that cannot be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count

from tests.hostile.exchange import Exchange
from tests.hostile.outcome import DISK, FAILED, NETWORK, REFUSED, RIGHT, Personality, fails, right_or
from tests.hostile.reply import Ending, Framing, Reply

_SURPLUS = b"These bytes are beyond the stated length. " * 25
_BLOCK = bytes(64 * 1024)
_PETABYTE = 10**15


def cuts(ending: Ending, *, once: bool = False, ranges: bool = True) -> Callable[[Exchange], Reply]:
    """Ends replies after a quarter of the file, so that it takes four of them at least; or only the first one."""

    def respond(exchange: Exchange) -> Reply:
        reply = exchange.honest(ranges=ranges)
        quarter = max(1, exchange.content.size // 4)
        if reply.status not in {200, 206} or (once and exchange.turn > 1) or len(reply.body) <= quarter:
            return reply
        return reply.ended(ending, quarter)

    return respond


def longer_than_length(exchange: Exchange) -> Reply:
    """Sends a kilobyte more than its length says."""
    reply = exchange.honest()
    body = bytes(reply.body) + _SURPLUS
    return replace(reply.adding(("Content-Length", str(len(reply.body)))), body=body, ending=Ending.FIN)


def endless(exchange: Exchange) -> Reply | None:
    """Sends chunks of zeros without end."""
    reply = replace(exchange.honest(ranges=False), framing=Framing.CHUNKED)
    if exchange.request.method == "HEAD":
        return reply
    exchange.begin(reply)
    for sent in count(step=len(_BLOCK)):
        if sent >= exchange.habits.endless_limit:
            break
        for piece in exchange.pieces(_BLOCK, len(_BLOCK)):
            exchange.send_chunk(piece)
    exchange.end(Ending.FIN)
    return None


def chunked_garbage(garble: Callable[[bytes], bytes], *, once: bool = False) -> Callable[[Exchange], Reply]:
    """Sends the whole as one chunk that `garble` has spoilt, then closes."""

    def respond(exchange: Exchange) -> Reply:
        reply = replace(exchange.honest(ranges=False), framing=Framing.CHUNKED)
        if once and exchange.turn > 1:
            return reply
        raw = replace(reply, body=garble(exchange.content.data), framing=Framing.RAW, ending=Ending.FIN)
        return raw.adding(("Transfer-Encoding", "chunked"))

    return respond


def _cut_inside(content: bytes) -> bytes:
    return b"%x\r\n" % len(content) + content[: len(content) // 2]


def _no_line_end(content: bytes) -> bytes:
    return b"%x\r\n" % len(content) + content + b"0\r\n\r\n"


def _no_last_chunk(content: bytes) -> bytes:
    return b"%x\r\n" % len(content) + content + b"\r\n"


def lengths(*values: str, chunked: bool = False) -> Callable[[Exchange], Reply]:
    """Sends the whole, then closes; the head has these as Content-Length, with `{}` for the true one."""

    def respond(exchange: Exchange) -> Reply:
        reply = replace(exchange.honest(ranges=False), ending=Ending.FIN)
        stated = [("Content-Length", value.format(exchange.content.size)) for value in values]
        return replace(reply, framing=Framing.CHUNKED if chunked else Framing.RAW).adding(*stated)

    return respond


def closes_rudely(exchange: Exchange) -> Reply:
    """Sends everything, with its length, and closes TCP only."""
    return exchange.honest().ended(Ending.RUDE)


def truncates_tls(exchange: Exchange) -> Reply:
    """Sends half without a length, and closes TCP only: but for TLS it looks like the end of the file."""
    reply = replace(exchange.honest(ranges=False), framing=Framing.CLOSE)
    return reply.ended(Ending.RUDE, len(reply.body) // 2)


NETWORK_FAILURE = fails(NETWORK)
ENDLESS = fails(FAILED, REFUSED, NETWORK, DISK)
NO_ROOM = fails(NETWORK, DISK)
RIGHT_OR_NETWORK = right_or(NETWORK)

PERSONALITIES: tuple[Personality, ...] = (
    Personality("truncates", "B10", "Every connection is closed after a quarter of the file.", RIGHT, cuts(Ending.FIN)),
    Personality(
        "truncates-once", "B10", "The first reply is cut after a quarter of the file.", RIGHT, cuts(Ending.FIN, once=True)
    ),
    Personality(
        "truncates-no-range",
        "B10",
        "Every reply is cut, and there are no ranges.",
        NETWORK_FAILURE,
        cuts(Ending.FIN, ranges=False),
    ),
    Personality("resets", "B10", "Every connection is reset after a quarter of the file.", RIGHT, cuts(Ending.RST)),
    Personality(
        "resets-once", "B10", "The first reply is reset after a quarter of the file.", RIGHT, cuts(Ending.RST, once=True)
    ),
    Personality(
        "chunk-size-huge",
        "B12",
        "One chunk of FFFFFFFE bytes, which are not there.",
        NETWORK_FAILURE,
        chunked_garbage(lambda content: b"FFFFFFFE\r\n" + content),
    ),
    Personality(
        "chunk-size-overflow",
        "B12",
        "The size of a chunk does not fit 64 bits.",
        NETWORK_FAILURE,
        chunked_garbage(lambda content: b"F" * 17 + b"\r\n" + content),
    ),
    Personality(
        "chunk-size-negative",
        "B12",
        "The size of a chunk is -1.",
        NETWORK_FAILURE,
        chunked_garbage(lambda content: b"-1\r\n" + content),
    ),
    Personality(
        "chunk-size-junk",
        "B12",
        "The size of a chunk is no number.",
        NETWORK_FAILURE,
        chunked_garbage(lambda content: b"zz\r\n" + content),
    ),
    Personality("chunk-missing-crlf", "B12", "No line end follows a chunk.", NETWORK_FAILURE, chunked_garbage(_no_line_end)),
    Personality("chunk-cut", "B12", "The connection ends inside a chunk.", NETWORK_FAILURE, chunked_garbage(_cut_inside)),
    Personality(
        "chunk-no-end", "B12", "Every byte comes, but not the last chunk.", NETWORK_FAILURE, chunked_garbage(_no_last_chunk)
    ),
    Personality(
        "chunk-cut-once", "B12", "The first reply ends inside a chunk.", RIGHT, chunked_garbage(_cut_inside, once=True)
    ),
    Personality("longer-than-length", "B13", "A kilobyte follows the stated length.", RIGHT, longer_than_length),
    Personality("endless", "B13", "Chunks of zeros without end (cut at a limit, for the disk's sake).", ENDLESS, endless),
    Personality("two-lengths", "B14", "Two Content-Lengths that differ.", NETWORK_FAILURE, lengths("{0}", "10")),
    Personality("two-equal-lengths", "B14", "The same Content-Length twice.", RIGHT_OR_NETWORK, lengths("{0}", "{0}")),
    Personality("length-and-chunked", "B14", "A wrong Content-Length beside chunks.", RIGHT, lengths("10", chunked=True)),
    Personality("junk-length", "B14", "Content-Length: twelve.", RIGHT_OR_NETWORK, lengths("twelve")),
    Personality("negative-length", "B14", "Content-Length: -1.", RIGHT_OR_NETWORK, lengths("-1")),
    Personality("overflow-length", "B14", "A Content-Length that does not fit 64 bits.", RIGHT_OR_NETWORK, lengths("9" * 30)),
    Personality("petabyte", "B14", "A Content-Length that no disk has room for.", NO_ROOM, lengths(str(_PETABYTE))),
    Personality(
        "tls-rude-close",
        "B26",
        "Sends all, with its length, but ends TLS without close_notify.",
        RIGHT,
        closes_rudely,
        tls=True,
    ),
    Personality(
        "tls-truncation", "B26", "Half without a length, then TCP ends, TLS does not.", NETWORK_FAILURE, truncates_tls, tls=True
    ),
)
