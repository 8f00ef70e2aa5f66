"""B19, B20, B25 and C3: redirects that loop, grow, mislead or lead away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.hostile.content import Whole
from tests.hostile.exchange import Exchange
from tests.hostile.outcome import NETWORK, REFUSED, RIGHT, WRONG_CONTENT, Personality, fails, right, right_or
from tests.hostile.reply import Ending, Reply, redirect

_FAT_BODY = 1 << 30
_STATUSES = (301, 302, 303, 307, 308)


def to_itself(exchange: Exchange) -> Reply:
    """Redirects to where the request was for."""
    return redirect(exchange.request.target)


def to_and_fro(exchange: Exchange) -> Reply:
    """Redirects from one address to another and back."""
    path = exchange.request.path
    return redirect(path.removesuffix(".fro") if path.endswith(".fro") else f"{path}.fro")


def chain(length: int) -> Callable[[Exchange], Reply]:
    """Redirects `length` times, by each of the five statuses in turn, then sends the file."""

    def respond(exchange: Exchange) -> Reply:
        query = exchange.request.query
        hop = int(query) if query.isdigit() else 0
        return exchange.honest() if hop >= length else redirect(f"{exchange.request.path}?{hop + 1}", _STATUSES[hop % 5])

    return respond


def relative(exchange: Exchange) -> Reply:
    """Redirects by a path that is relative to its own."""
    return redirect("../polite" + exchange.tail)


def with_fat_body(exchange: Exchange) -> Reply | None:
    """Sends a gigabyte along with its redirect, to whoever takes it."""
    reply = redirect(exchange.path_to("polite")).having("Content-Length", str(_FAT_BODY))
    if exchange.request.method == "HEAD":
        return reply
    exchange.begin(reply.ended(Ending.FIN))
    block = bytes(1 << 16)
    for _ in range(_FAT_BODY // len(block)):
        for piece in exchange.pieces(block, len(block)):
            exchange.send(piece)
    exchange.end(Ending.FIN)
    return None


def nowhere(exchange: Exchange) -> Reply:
    """Redirects without saying where."""
    return redirect("").without("Location")


def to(location: str) -> Callable[[Exchange], Reply]:
    """Redirects to a fixed address."""
    return lambda exchange: redirect(location)


def on_resume(exchange: Exchange) -> Reply:
    """Redirects those who resume to another file of the same size."""
    if exchange.resuming:
        return redirect(exchange.path_to("decoy"))
    return exchange.first_cut(exchange.honest())


def nowhere_on_resume(exchange: Exchange) -> Reply:
    """Sends those who resume a redirect without Location, with a body as long as what they asked for."""
    if exchange.resuming:
        honest = exchange.honest(exchange.content.decoy)
        return replace(redirect("").without("Location"), body=honest.body)
    return exchange.first_cut(exchange.honest())


def decoy(exchange: Exchange) -> Reply:
    """Is another file of the same size, with validators of its own."""
    return exchange.honest(exchange.content.decoy)


def link_and_location(exchange: Exchange) -> Reply:
    """Redirects, and names mirrors and a description as well."""
    target = exchange.path_to("polite")
    return redirect(target).adding(
        ("Link", f"<{target}>; rel=duplicate; pri=1"),
        ("Link", f"<{exchange.path_to('decoy')}.meta4>; rel=describedby; type=application/metalink4+xml"),
    )


def to_other_origin(exchange: Exchange) -> Reply:
    """Redirects to the other port, which is another origin."""
    return redirect(exchange.addresses.url(exchange.addresses.other, exchange.path_to("cross-origin-target")))


def to_other_origin_with_user(exchange: Exchange) -> Reply:
    """Redirects to the other port with a user and a password in the address."""
    url = exchange.addresses.url(exchange.addresses.other, exchange.path_to("cross-origin-target"), "planted:secret@127.0.0.1")
    return redirect(url)


def target(exchange: Exchange) -> Reply:
    """Is where a redirect to another origin leads: polite."""
    return exchange.honest()


def downgrade(exchange: Exchange) -> Reply:
    """Redirects from https to http."""
    addresses = exchange.addresses
    return redirect(addresses.url(addresses.plain or addresses.other, exchange.path_to("cross-origin-target")))


REFUSED_OR_FAILED = fails(REFUSED, NETWORK)

PERSONALITIES: tuple[Personality, ...] = (
    Personality("redirect-loop", "B19", "Redirects to itself.", REFUSED_OR_FAILED, to_itself),
    Personality(
        "redirect-to-and-fro", "B19", "Redirects to a second address, and that one back.", REFUSED_OR_FAILED, to_and_fro
    ),
    Personality("redirect-chain-5", "B19", "Five redirects, one of each kind, then the file.", RIGHT, chain(5)),
    Personality("redirect-chain-10", "B19", "Ten redirects, then the file.", RIGHT, chain(10)),
    Personality("redirect-chain-11", "B19", "Eleven redirects, then the file.", REFUSED_OR_FAILED, chain(11)),
    Personality("redirect-relative", "B19", "Redirects by a relative path.", RIGHT, relative),
    Personality("redirect-with-fat-body", "B19", "A redirect with a body of a gigabyte.", RIGHT, with_fat_body),
    Personality("redirect-nowhere", "B19", "A redirect without Location.", REFUSED_OR_FAILED, nowhere),
    Personality(
        "redirect-on-resume", "B20", "Redirects those who resume to a decoy.", right_or(NETWORK, WRONG_CONTENT), on_resume
    ),
    Personality(
        "redirect-nowhere-on-resume",
        "B20",
        "Sends those who resume a redirect without Location, and a wrong body.",
        fails(REFUSED, NETWORK),
        nowhere_on_resume,
    ),
    Personality("decoy", "B20", "Another file of the same size: where redirect-on-resume leads.", right(Whole.DECOY), decoy),
    Personality("link-and-location", "B25", "Names the file by Location and by Link at once.", RIGHT, link_and_location),
    Personality("redirect-to-file", "C3", "Redirects to a file: address.", REFUSED_OR_FAILED, to("file:///etc/hostname")),
    Personality("redirect-to-ftp", "C3", "Redirects to an ftp: address.", REFUSED_OR_FAILED, to("ftp://127.0.0.1:9/file.bin")),
    Personality("downgrade", "C3", "Redirects from https to http.", REFUSED_OR_FAILED, downgrade, tls=True),
    Personality("cross-origin-redirect", "C4", "Redirects to another port.", RIGHT, to_other_origin),
    Personality(
        "cross-origin-user", "C4", "Redirects to another port, with a user in the address.", RIGHT, to_other_origin_with_user
    ),
    Personality("cross-origin-target", "C4", "Where redirects to another origin lead: polite.", RIGHT, target),
)
