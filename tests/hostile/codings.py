"""B15 and B16: content codings that nobody asked for."""

from __future__ import annotations

from dataclasses import replace

from tests.hostile.content import Whole, bomb
from tests.hostile.exchange import Exchange
from tests.hostile.outcome import FAILED, NETWORK, REFUSED, RIGHT, Personality, right, right_or
from tests.hostile.reply import Reply, partial


def gzip_always(exchange: Exchange) -> Reply:
    """Packs the file, whatever Accept-Encoding says."""
    reply = exchange.honest(ranges=False)
    return replace(reply, body=exchange.content.gzipped).having("Content-Encoding", "gzip").having("ETag", '"packed"')


def gzip_on_resume(exchange: Exchange) -> Reply:
    """Packs the file only for those who resume, and gives the range of the packed bytes under the same ETag."""
    reply, asked = exchange.honest(), exchange.asked
    if asked is None or reply.status != 206 or not exchange.resuming:
        return exchange.first_cut(reply)
    packed = replace(exchange.content, data=exchange.content.gzipped)
    ranged = partial(reply, packed, asked.start, min(asked.stop, packed.size))
    return ranged.having("Content-Encoding", "gzip")


def gzip_bomb(exchange: Exchange) -> Reply:
    """Is small on the wire and huge when it is unpacked."""
    reply = replace(exchange.honest(ranges=False), body=bomb(exchange.habits.bomb_size))
    return reply.having("Content-Encoding", "gzip").having("ETag", '"bomb"')


def says_gzip(exchange: Exchange) -> Reply:
    """Says gzip, but sends the file as it is, as some do for files that are packed already."""
    return exchange.honest(ranges=False).having("Content-Encoding", "gzip")


PERSONALITIES: tuple[Personality, ...] = (
    Personality("gzip-always", "B15", "Packs the file, asked or not.", right(Whole.ORIGINAL, Whole.GZIPPED), gzip_always),
    Personality("gzip-on-resume", "B15", "Gives a range of the packed file to those who resume.", RIGHT, gzip_on_resume),
    Personality("says-gzip", "B15", "Says gzip, and sends the file as it is.", right_or(NETWORK), says_gzip),
    Personality(
        "bomb",
        "B16",
        "Unpacks to a thousand times its size.",
        right_or(FAILED, REFUSED, NETWORK, wholes=(Whole.BOMB,)),
        gzip_bomb,
    ),
)
