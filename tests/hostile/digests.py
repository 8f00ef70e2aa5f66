"""Digests in headers: right ones, and wrong ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.hostile.content import Content, Whole
from tests.hostile.exchange import Exchange
from tests.hostile.outcome import RIGHT, WRONG_CONTENT, Personality, fails, right
from tests.hostile.reply import Reply


def with_header(name: str, value: Callable[[Content], str], *, of_decoy: bool = False) -> Callable[[Exchange], Reply]:
    """Adds a header that follows from the content, or from another one."""

    def respond(exchange: Exchange) -> Reply:
        content = exchange.content
        return exchange.honest().adding((name, value(content.decoy if of_decoy else content)))

    return respond


def content_md5(*, of_decoy: bool = False) -> Callable[[Exchange], Reply]:
    """Adds Content-MD5 where the body is the whole: of a part it would be the digest of that part (RFC 1864)."""

    def respond(exchange: Exchange) -> Reply:
        reply, content = exchange.honest(), exchange.content
        if len(reply.body) != content.size:
            return reply
        return reply.adding(("Content-MD5", (content.decoy if of_decoy else content).digest("md5")))

    return respond


def flips_a_byte(*, once: bool = False) -> Callable[[Exchange], Reply]:
    """One byte in the middle of the file is wrong, each time or the first time that it goes out, and no header tells."""

    def respond(exchange: Exchange) -> Reply:
        reply, asked, content = exchange.honest(), exchange.asked, exchange.content
        start, stop = (asked.start, asked.stop) if asked is not None else (0, content.size)
        if reply.status not in {200, 206} or not start <= content.size // 2 < stop:
            return reply
        if once and not exchange.ledger.turn_once():
            return reply
        return replace(reply, body=memoryview(content.flipped)[start:stop])

    return respond


def _repr_digest(content: Content) -> str:
    return f"sha-256=:{content.digest('sha256')}:"


def _two_digests(content: Content) -> str:
    return f"sha-512=:{content.digest('sha512')}:, unknown=:AAAA:, sha-256=:{content.digest('sha256')}:"


def _old_digest(content: Content) -> str:
    return f"SHA-256={content.digest('sha256')}"


def _goog_hash(content: Content) -> str:
    return f"md5={content.digest('md5')}"


MISMATCH = fails(WRONG_CONTENT)

PERSONALITIES: tuple[Personality, ...] = (
    Personality(
        "digest-headers-right", "D", "Repr-Digest (RFC 9530) of the file.", RIGHT, with_header("Repr-Digest", _repr_digest)
    ),
    Personality(
        "digest-headers-two",
        "D",
        "Repr-Digest by three algorithms, one of them unknown.",
        RIGHT,
        with_header("Repr-Digest", _two_digests),
    ),
    Personality(
        "digest-headers-wrong",
        "D",
        "Repr-Digest of another file.",
        MISMATCH,
        with_header("Repr-Digest", _repr_digest, of_decoy=True),
    ),
    Personality(
        "digest-headers-junk",
        "D",
        "Repr-Digest that is none.",
        RIGHT,
        with_header("Repr-Digest", lambda _: "sha-256=:???:, ,="),
    ),
    Personality("digest-old-right", "D", "Digest (RFC 3230) of the file.", RIGHT, with_header("Digest", _old_digest)),
    Personality("content-md5-right", "D", "Content-MD5, where the body is the whole.", RIGHT, content_md5()),
    Personality("content-md5-wrong", "D", "Content-MD5 of another file.", MISMATCH, content_md5(of_decoy=True)),
    Personality("x-goog-hash", "D", "MD5 as Google's storage says it.", RIGHT, with_header("x-goog-hash", _goog_hash)),
    Personality(
        "x-goog-hash-wrong",
        "D",
        "MD5 of another file, as Google's storage says it.",
        MISMATCH,
        with_header("x-goog-hash", _goog_hash, of_decoy=True),
    ),
    Personality("flips-byte", "D", "One byte in the middle is wrong.", right(Whole.FLIPPED), flips_a_byte()),
    Personality(
        "flips-byte-once",
        "D",
        "One byte in the middle is wrong the first time that it goes out.",
        right(Whole.FLIPPED),
        flips_a_byte(once=True),
    ),
)
